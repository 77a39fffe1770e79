"""DynamoDB's items of tens of thousands of tiny members hold the event loop no longer than others (loop_work.py)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.budget.loop_work import CALLS_MAX, LoopWork, key, table

MEMBERS = 16_000


def numbers(count: int) -> dict[str, Any]:
    return {"L": [{"N": "1"}] * count}


def maps(count: int) -> dict[str, Any]:
    return {"L": [{"M": {"a": {"L": [{"NULL": True}]}}}] * (count // 4)}


def dense(number: int, count: int = MEMBERS) -> dict[str, Any]:
    """An item of so many members, in two attributes, and two that are small."""
    return {**key(number), "n": {"N": str(number)}, "c": {"N": "1"}, "d": numbers(count // 2), "m": maps(count // 2)}


def index(loop: LoopWork, projection: dict[str, Any]) -> None:
    """An index by `n`, filled."""
    loop.aws(
        "dynamodb", "UpdateTable", TableName="table", AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in (("p", "S"), ("s", "S"), ("n", "N"))
        ],
        GlobalSecondaryIndexUpdates=[{"Create": {
            "IndexName": "index", "Projection": projection, "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
        }}],
    )  # fmt: skip
    loop.work()


def put_and_update_one(loop: LoopWork) -> None:
    table(loop)

    def update(text: str, **rest: Any) -> dict[str, Any]:
        return loop.aws("dynamodb", "UpdateItem", TableName="table", Key=key(1), UpdateExpression=text, **rest)

    def put(**rest: Any) -> dict[str, Any]:
        return loop.aws("dynamodb", "PutItem", TableName="table", Item=dense(1), **rest)

    put()
    put(ReturnValues="ALL_OLD", ConditionExpression="size(m) > :c AND d[0] = c",
        ExpressionAttributeValues={":c": {"N": "0"}})  # fmt: skip
    one = {"ExpressionAttributeValues": {":one": {"N": "1"}}}
    assert update("SET c = c + :one", ReturnValues="UPDATED_NEW", **one) == {"Attributes": {"c": {"N": "2"}}}
    update("SET d[7] = :one, m[5].a[0] = :one REMOVE m[3], d[0]", **one)
    update("SET c = c + :one", ConditionExpression="contains(d, :one)", ReturnValues="ALL_OLD", **one)
    update("SET e = d, d = :d REMOVE m", ReturnValues="UPDATED_OLD", ExpressionAttributeValues={":d": numbers(MEMBERS)})
    found = loop.aws("dynamodb", "GetItem", TableName="table", Key=key(1), ProjectionExpression="c, d[3], e[0]")
    assert found["Item"] == {"c": {"N": "3"}, "d": numbers(1), "e": numbers(1)}
    loop.aws("dynamodb", "DeleteItem", TableName="table", Key=key(1), ConditionExpression="attribute_exists(e[9])")


def write_and_read_batches(loop: LoopWork) -> None:
    table(loop)
    puts = [{"PutRequest": {"Item": dense(number)}} for number in range(6)]
    loop.aws("dynamodb", "BatchWriteItem", RequestItems={"table": puts})
    loop.aws("dynamodb", "BatchWriteItem", RequestItems={"table": puts}, ReturnConsumedCapacity="INDEXES")
    wanted = {"Keys": [key(number) for number in range(6)], "ProjectionExpression": "c, d[3], m[2].a"}
    found = loop.aws("dynamodb", "BatchGetItem", RequestItems={"table": wanted})["Responses"]["table"]
    assert [each["d"] for each in found] == [numbers(1)] * 6


def write_and_read_in_transactions(loop: LoopWork) -> None:
    table(loop)
    count = 20
    puts = [{"Put": {"TableName": "table", "Item": dense(number, 4_000)}} for number in range(count)]
    loop.aws("dynamodb", "TransactWriteItems", TransactItems=puts, ClientRequestToken="token")
    loop.aws("dynamodb", "TransactWriteItems", TransactItems=puts, ClientRequestToken="token")
    updates = [
        {"Update": {"TableName": "table", "Key": key(number), "UpdateExpression": "SET d[1] = :v, m[0].a = :d",
         "ConditionExpression": "contains(m, :v) OR c = :v",
         "ExpressionAttributeValues": {":v": {"N": "1"}, ":d": numbers(100)}}}
        for number in range(count)
    ]  # fmt: skip
    loop.aws("dynamodb", "TransactWriteItems", TransactItems=updates, ReturnConsumedCapacity="INDEXES")
    gets = [
        {"Get": {"TableName": "table", "Key": key(number), "ProjectionExpression": "m[0].a[0], d[1]"}}
        for number in range(count)
    ]
    found = loop.aws("dynamodb", "TransactGetItems", TransactItems=gets)["Responses"]
    assert found[9]["Item"] == {"m": {"L": [{"M": {"a": numbers(1)}}]}, "d": numbers(1)}


def read_pages(loop: LoopWork) -> None:
    table(loop)
    for number in range(6):
        loop.node.aws("dynamodb", "PutItem", TableName="table", Item=dense(number))
    for operation in ("Scan", "Query"):
        of_key = {"KeyConditionExpression": "p = :p"} if operation == "Query" else {}
        values = {":x": {"S": "x"}} | ({":p": {"S": "p"}} if of_key else {})
        found = loop.aws(
            "dynamodb", operation, TableName="table", FilterExpression="NOT contains(d, :x)",
            ProjectionExpression="c, d[3], m[2].a", ExpressionAttributeValues=values, **of_key,
        )  # fmt: skip
        assert found["Items"][0]["d"] == numbers(1)


def fill_an_index(projection: dict[str, Any]) -> Callable[[LoopWork], None]:
    def scenario(loop: LoopWork) -> None:
        table(loop)
        for number in range(6):
            loop.node.aws("dynamodb", "PutItem", TableName="table", Item=dense(number))
        index(loop, projection)
        found = loop.aws("dynamodb", "Scan", TableName="table", IndexName="index", ReturnConsumedCapacity="INDEXES")
        assert found["Count"] >= 1
        update = {"UpdateExpression": "SET n = :n, d[3] = :n", "ExpressionAttributeValues": {":n": {"N": "77"}}}
        loop.aws(
            "dynamodb", "UpdateItem", TableName="table", Key=key(3), ReturnConsumedCapacity="INDEXES", **update
        )  # fmt: skip
        loop.aws("dynamodb", "PutItem", TableName="table", Item=dense(3), ReturnConsumedCapacity="INDEXES")

    scenario.__name__ = f"fill_an_index_of_{projection['ProjectionType']}"
    return scenario


SCENARIOS: list[Callable[[LoopWork], None]] = [
    put_and_update_one,
    write_and_read_batches,
    write_and_read_in_transactions,
    read_pages,
    fill_an_index({"ProjectionType": "ALL"}),
    fill_an_index({"ProjectionType": "INCLUDE", "NonKeyAttributes": ["d", "m"]}),
]


@pytest.mark.parametrize("of_dense_items", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_dense_items_hold_no_callback_beyond_its_budget(
    loop: LoopWork, of_dense_items: Callable[[LoopWork], None], record_property: Callable[[str, object], None]
) -> None:
    of_dense_items(loop)
    record_property("calls", loop.most)
    assert 0 < loop.most <= CALLS_MAX
