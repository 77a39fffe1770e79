"""What is counted of requests that are refused, though their transaction leaves nothing."""

from dynamodb_tables import Ddb, refusal

from tests.client import TestNode

ITEM = {"id": {"S": "a"}}
NEW = {"ConditionExpression": "attribute_not_exists(id)"}


def counted(node: TestNode) -> dict[tuple[str, str], float]:
    """By metric and table."""
    taken = node.node.meter.take()
    wanted = ("ConditionalCheckFailedRequests", "UserErrors")
    return {
        (s.metric, dict(s.dimensions).get("TableName", "")): v.total for s, v in taken.items() if s.metric in wanted
    }


def test_failed_conditions_are_counted_by_table_and_are_no_errors_of_the_user(ddb: Ddb, node: TestNode) -> None:
    ddb("PutItem", TableName="songs", Item=ITEM)
    counted(node)
    assert refusal(ddb, "PutItem", TableName="songs", Item=ITEM, **NEW).code == "ConditionalCheckFailedException"
    assert counted(node) == {("ConditionalCheckFailedRequests", "songs"): 1}


def test_each_failed_condition_of_a_transaction_is_counted(ddb: Ddb, node: TestNode) -> None:
    for name in ("a", "b"):
        ddb("PutItem", TableName="songs", Item={"id": {"S": name}})
    counted(node)
    writes = [{"Put": {"TableName": "songs", "Item": {"id": {"S": name}}, **NEW}} for name in ("a", "b", "c")]
    assert refusal(ddb, "TransactWriteItems", TransactItems=writes).code == "TransactionCanceledException"
    assert counted(node) == {("ConditionalCheckFailedRequests", "songs"): 2, ("UserErrors", ""): 1}


def test_requests_that_cannot_be_are_errors_of_the_user(ddb: Ddb, node: TestNode) -> None:
    refusal(ddb, "GetItem", TableName="nothing", Key=ITEM)
    refusal(ddb, "PutItem", TableName="songs", Item={})
    assert counted(node) == {("UserErrors", ""): 2}
