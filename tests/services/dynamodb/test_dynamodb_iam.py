"""Who may do what: actions, resources, and DynamoDB's own condition keys."""

from typing import Any

import pytest
from dynamodb_tables import Ddb

from cloudlet.base.errors import AwsError
from tests.client import Caller, TestNode

SONGS = "arn:aws:dynamodb:us-east-1:000000000000:table/songs"
ROWS = "arn:aws:dynamodb:us-east-1:000000000000:table/rows"
ID = {"id": {"S": "a"}}


def allow(action: str | list[str], resource: str | list[str], **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


def is_denied(caller: Caller, operation: str, **parameters: Any) -> bool:
    try:
        caller.aws("dynamodb", operation, **parameters)
    except AwsError as error:
        if error.code == "AccessDeniedException":
            return True
        raise
    return False


REQUESTS: dict[str, dict[str, Any]] = {
    "PutItem": {"TableName": "songs", "Item": ID},
    "GetItem": {"TableName": "songs", "Key": ID},
    "UpdateItem": {"TableName": "songs", "Key": ID},
    "DeleteItem": {"TableName": "songs", "Key": ID},
    "Scan": {"TableName": "songs"},
    "Query": {
        "TableName": "songs",
        "KeyConditionExpression": "id = :a",
        "ExpressionAttributeValues": {":a": {"S": "a"}},
    },
    "BatchGetItem": {"RequestItems": {"songs": {"Keys": [ID]}}},
    "BatchWriteItem": {"RequestItems": {"songs": [{"PutRequest": {"Item": ID}}]}},
    "DescribeTable": {"TableName": "songs"},
    "UpdateTable": {"TableName": "songs", "DeletionProtectionEnabled": False},
    "ListTagsOfResource": {"ResourceArn": SONGS},
    "TagResource": {"ResourceArn": SONGS, "Tags": [{"Key": "a", "Value": "b"}]},
    "UntagResource": {"ResourceArn": SONGS, "TagKeys": ["a"]},
    "DescribeTimeToLive": {"TableName": "songs"},
    "DeleteTable": {"TableName": "songs"},
}


@pytest.mark.parametrize("operation", REQUESTS)
def test_an_operation_needs_its_action_on_its_table(ddb: Ddb, node: TestNode, operation: str) -> None:
    nobody, wrong = node.as_user(), node.as_user(allow(f"dynamodb:{operation}", ROWS))
    right = node.as_user(allow(f"dynamodb:{operation}", SONGS))
    assert is_denied(nobody, operation, **REQUESTS[operation])
    assert is_denied(wrong, operation, **REQUESTS[operation])
    assert not is_denied(right, operation, **REQUESTS[operation])


@pytest.mark.parametrize("operation", ["ListTables", "DescribeLimits", "DescribeEndpoints"])
def test_an_operation_without_a_table_needs_its_action(ddb: Ddb, node: TestNode, operation: str) -> None:
    assert is_denied(node.as_user(), operation)
    assert not is_denied(node.as_user(allow(f"dynamodb:{operation}", "*")), operation)


def test_policies_see_the_tags_that_a_request_gives(ddb: Ddb, node: TestNode) -> None:
    table = {
        "TableName": "new",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    red, blue = ([{"Key": "team", "Value": value}] for value in ("red", "blue"))
    maker = node.as_user(allow("dynamodb:CreateTable", "*"))
    assert is_denied(maker, "CreateTable", **table, Tags=red)
    of_red = {"StringEquals": {"aws:RequestTag/team": "red"}}
    tagger = node.as_user(allow(["dynamodb:CreateTable", "dynamodb:TagResource"], "*", **of_red))
    assert is_denied(tagger, "CreateTable", **table, Tags=blue)
    assert not is_denied(tagger, "CreateTable", **table, Tags=red)
    assert is_denied(tagger, "TagResource", ResourceArn=SONGS, Tags=blue)
    assert not is_denied(tagger, "TagResource", ResourceArn=SONGS, Tags=red)


def test_an_index_is_a_resource_of_its_own(ddb: Ddb, node: TestNode) -> None:
    user = node.as_user(allow("dynamodb:Scan", f"{ROWS}/index/by_color"))
    assert not is_denied(user, "Scan", TableName="rows", IndexName="by_color")
    assert is_denied(user, "Scan", TableName="rows", IndexName="by_rank")
    assert is_denied(user, "Scan", TableName="rows")


def test_a_transaction_needs_the_action_of_each_part(ddb: Ddb, node: TestNode) -> None:
    items: list[dict[str, Any]] = [
        {"Put": {"TableName": "songs", "Item": ID}},
        {"Delete": {"TableName": "songs", "Key": {"id": {"S": "b"}}}},
    ]
    half = node.as_user(allow("dynamodb:PutItem", SONGS))
    whole = node.as_user(allow(["dynamodb:PutItem", "dynamodb:DeleteItem"], SONGS))
    assert is_denied(half, "TransactWriteItems", TransactItems=items)
    assert not is_denied(whole, "TransactWriteItems", TransactItems=items)
    reads = [{"Get": {"TableName": "songs", "Key": ID}}]
    assert is_denied(whole, "TransactGetItems", TransactItems=reads)
    assert not is_denied(node.as_user(allow("dynamodb:GetItem", SONGS)), "TransactGetItems", TransactItems=reads)


def own_rows(node: TestNode) -> Caller:
    condition = {"dynamodb:LeadingKeys": ["${aws:username}"]}
    return node.as_user(allow("dynamodb:*", [SONGS, ROWS], **{"ForAllValues:StringEquals": condition}), name="ann")


def test_leading_keys_limit_a_user_to_own_items(ddb: Ddb, node: TestNode) -> None:
    ann = own_rows(node)
    own, other = {"id": {"S": "ann"}}, {"id": {"S": "bob"}}
    assert not is_denied(ann, "PutItem", TableName="songs", Item=own)
    assert is_denied(ann, "PutItem", TableName="songs", Item=other)
    assert not is_denied(ann, "GetItem", TableName="songs", Key=own)
    assert is_denied(ann, "GetItem", TableName="songs", Key=other)
    assert is_denied(ann, "BatchGetItem", RequestItems={"songs": {"Keys": [own, other]}})
    assert is_denied(ann, "BatchWriteItem", RequestItems={"songs": [{"DeleteRequest": {"Key": other}}]})
    assert is_denied(ann, "TransactWriteItems", TransactItems=[{"Delete": {"TableName": "songs", "Key": other}}])


def test_leading_keys_limit_queries(ddb: Ddb, node: TestNode) -> None:
    ann = own_rows(node)
    for name, denied in (("ann", False), ("bob", True)):
        value = {"S": name}
        assert denied is is_denied(
            ann,
            "Query",
            TableName="rows",
            KeyConditionExpression="sk > :n AND #p = :p",
            ExpressionAttributeNames={"#p": "pk"},
            ExpressionAttributeValues={":p": value, ":n": {"N": "1"}},
        )
        condition = {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [value]}}
        assert denied is is_denied(ann, "Query", TableName="rows", KeyConditions=condition)


def test_attributes_limit_what_may_be_named(ddb: Ddb, node: TestNode) -> None:
    user = node.as_user(
        allow(
            "dynamodb:*",
            SONGS,
            **{
                "ForAllValues:StringEquals": {"dynamodb:Attributes": ["id", "open_"]},
                "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
            },
        )
    )
    assert not is_denied(user, "PutItem", TableName="songs", Item=ID | {"open_": {"S": "x"}})
    assert is_denied(user, "PutItem", TableName="songs", Item=ID | {"hidden_": {"S": "x"}})
    assert not is_denied(user, "GetItem", TableName="songs", Key=ID, ProjectionExpression="open_")
    hidden = {"ProjectionExpression": "#s", "ExpressionAttributeNames": {"#s": "hidden_"}}
    assert is_denied(user, "GetItem", TableName="songs", Key=ID, **hidden)
    assert is_denied(user, "UpdateItem", TableName="songs", Key=ID, UpdateExpression="REMOVE hidden_")
    assert is_denied(user, "Scan", TableName="songs", Select="ALL_ATTRIBUTES")


def test_a_denial_names_who_what_and_where(ddb: Ddb, node: TestNode) -> None:
    with pytest.raises(AwsError) as refused:
        node.as_user(name="ann").aws("dynamodb", "GetItem", TableName="songs", Key=ID)
    assert refused.value.message == (
        "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: dynamodb:GetItem on resource: "
        f"{SONGS} because no identity-based policy allows the dynamodb:GetItem action"
    )


def test_denied_before_existence_is_told(ddb: Ddb, node: TestNode) -> None:
    assert is_denied(node.as_user(), "GetItem", TableName="absent", Key=ID)
    assert is_denied(node.as_user(), "GetItem", TableName="??", Key=ID)


def test_a_tag_of_the_table_may_decide(ddb: Ddb, node: TestNode) -> None:
    user = node.as_user(allow("dynamodb:GetItem", "*", StringEquals={"aws:ResourceTag/team": "a"}))
    assert is_denied(user, "GetItem", TableName="songs", Key=ID)
    ddb("TagResource", ResourceArn=SONGS, Tags=[{"Key": "team", "Value": "a"}])
    assert not is_denied(user, "GetItem", TableName="songs", Key=ID)
