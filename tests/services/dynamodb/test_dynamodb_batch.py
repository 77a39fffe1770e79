"""Batches and transactions."""

from typing import Any

import pytest
from dynamodb_tables import Ddb, definitions, refusal, refused_answer, schema

from cloudlet.kit.counter import SHARDS, Tally
from cloudlet.services.dynamodb.lookup import find_table
from cloudlet.store.keys import pack
from tests.calls import counted
from tests.client import TestNode


def song(name: str, **attributes: Any) -> dict[str, Any]:
    return {"id": {"S": name}, **attributes}


def row(number: int, **attributes: Any) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"N": str(number)}, **attributes}


def songs(ddb: Ddb) -> list[dict[str, Any]]:
    return sorted(ddb("Scan", TableName="songs")["Items"], key=lambda item: item["id"]["S"])


def test_a_batch_writes_and_deletes_in_several_tables(ddb: Ddb) -> None:
    ddb("PutItem", TableName="songs", Item=song("old"))
    answer = ddb(
        "BatchWriteItem",
        RequestItems={
            "songs": [
                {"PutRequest": {"Item": song("new", b={"B": b"\x00"})}},
                {"DeleteRequest": {"Key": song("old")}},
            ],
            "rows": [{"PutRequest": {"Item": row(number, rank={"N": "1"})}} for number in range(23)],
        },
        ReturnConsumedCapacity="INDEXES",
    )
    assert answer["UnprocessedItems"] == {}
    assert answer["ConsumedCapacity"] == [
        {"TableName": "songs", "CapacityUnits": 2.0, "Table": {"CapacityUnits": 2.0}},
        {
            "TableName": "rows",
            "CapacityUnits": 46.0,
            "Table": {"CapacityUnits": 23.0},
            "GlobalSecondaryIndexes": {"by_rank": {"CapacityUnits": 23.0}},
        },
    ]
    assert songs(ddb) == [song("new", b={"B": b"\x00"})]
    assert ddb("Scan", TableName="rows", Select="COUNT")["Count"] == 23


def test_a_batch_reads_from_several_tables(ddb: Ddb) -> None:
    ddb("PutItem", TableName="songs", Item=song("a", x={"N": "1"}))
    ddb("PutItem", TableName="rows", Item=row(1, note={"S": "n"}))
    answer = ddb(
        "BatchGetItem",
        RequestItems={
            "songs": {"Keys": [song("a"), song("absent")], "ProjectionExpression": "x"},
            "rows": {"Keys": [row(1)], "ConsistentRead": True},
        },
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["Responses"] == {"songs": [{"x": {"N": "1"}}], "rows": [row(1, note={"S": "n"})]}
    assert answer["UnprocessedKeys"] == {}
    assert [each["CapacityUnits"] for each in answer["ConsumedCapacity"]] == [1.0, 1.0]


def test_a_batch_that_would_answer_more_than_16_mb_leaves_keys_over(ddb: Ddb) -> None:
    for number in range(60):
        ddb("PutItem", TableName="rows", Item=row(number, note={"S": "x" * 390_000}))
    answer = ddb("BatchGetItem", RequestItems={"rows": {"Keys": [row(number) for number in range(60)]}})
    read, left = answer["Responses"]["rows"], answer["UnprocessedKeys"]["rows"]["Keys"]
    assert len(read) == 42 and len(left) == 18, "16 MiB hold 43 of them, and they are read two by two"
    again = ddb("BatchGetItem", RequestItems=answer["UnprocessedKeys"])
    assert len(again["Responses"]["rows"]) == 18 and again["UnprocessedKeys"] == {}


def test_a_batch_of_large_items_is_written_in_pieces(ddb: Ddb, node: TestNode) -> None:
    before = node.node.database.engine.sequence()
    puts = [{"PutRequest": {"Item": row(number, note={"S": "x" * 390_000})}} for number in range(10)]
    ddb("BatchWriteItem", RequestItems={"rows": puts})
    assert ddb("Scan", TableName="rows", Select="COUNT")["ScannedCount"] == 3
    assert node.node.database.engine.sequence() - before >= 5, "two items of 390 KB are a piece"


@pytest.mark.parametrize(
    ("operation", "items", "message"),
    [
        (
            "BatchWriteItem",
            {
                "songs": [{"PutRequest": {"Item": song(str(n))}} for n in range(13)],
                "rows": [{"PutRequest": {"Item": row(n)}} for n in range(13)],
            },
            "Too many items requested for the BatchWriteItem call",
        ),
        (
            "BatchWriteItem",
            {"songs": [{"PutRequest": {"Item": song("a")}}, {"DeleteRequest": {"Key": song("a")}}]},
            "Provided list of item keys contains duplicates",
        ),
        (
            "BatchWriteItem",
            {"songs": [{"DeleteRequest": {"Key": {"x": {"S": "a"}}}}]},
            "The provided key element does not match the schema",
        ),
        ("BatchGetItem", {"songs": {"Keys": [song("a")] * 2}}, "Provided list of item keys contains duplicates"),
        (
            "BatchGetItem",
            {"songs": {"Keys": [song(str(n)) for n in range(60)]}, "rows": {"Keys": [row(n) for n in range(41)]}},
            "Too many items requested for the BatchGetItem call",
        ),
    ],
)
def test_a_batch_is_refused_in_aws_words_and_does_nothing(
    ddb: Ddb, operation: str, items: dict[str, Any], message: str
) -> None:
    error = refusal(ddb, operation, RequestItems=items)
    assert (error.code, error.message) == ("ValidationException", message)
    assert songs(ddb) == []


def test_a_transaction_writes_all(ddb: Ddb) -> None:
    ddb("PutItem", TableName="songs", Item=song("check"))
    ddb("PutItem", TableName="songs", Item=song("gone"))
    one = {":one": {"N": "1"}}
    answer = ddb(
        "TransactWriteItems",
        TransactItems=[
            {
                "ConditionCheck": {
                    "TableName": "songs",
                    "Key": song("check"),
                    "ConditionExpression": "attribute_exists(id)",
                }
            },
            {"Put": {"TableName": "rows", "Item": row(1)}},
            {
                "Update": {
                    "TableName": "songs",
                    "Key": song("counted"),
                    "UpdateExpression": "ADD n :one",
                    "ExpressionAttributeValues": one,
                }
            },
            {"Delete": {"TableName": "songs", "Key": song("gone")}},
        ],
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["ConsumedCapacity"] == [
        {"TableName": "songs", "CapacityUnits": 6.0, "WriteCapacityUnits": 6.0},
        {"TableName": "rows", "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0},
    ]
    assert songs(ddb) == [song("check"), song("counted", n={"N": "1"})]
    assert ddb("GetItem", TableName="rows", Key=row(1))["Item"] == row(1)


def test_a_transaction_that_fails_writes_nothing_and_tells_every_reason_in_order(ddb: Ddb, node: TestNode) -> None:
    ddb("PutItem", TableName="songs", Item=song("a", s={"S": "text"}))
    answer = refused_answer(
        node,
        "TransactWriteItems",
        TransactItems=[
            {"Put": {"TableName": "songs", "Item": song("new")}},
            {
                "Put": {
                    "TableName": "songs",
                    "Item": song("a"),
                    "ConditionExpression": "attribute_not_exists(id)",
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
            {"Update": {"TableName": "songs", "Key": song("b"), "UpdateExpression": "SET n = absent"}},
        ],
    )
    assert answer["__type"] == "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    assert answer["Message"] == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons "
        "[None, ConditionalCheckFailed, ValidationError]"
    )
    assert answer["CancellationReasons"] == [
        {"Code": "None"},
        {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            "Item": song("a", s={"S": "text"}),
        },
        {
            "Code": "ValidationError",
            "Message": "The provided expression refers to an attribute that does not exist in the item",
        },
    ]
    assert songs(ddb) == [song("a", s={"S": "text"})]


def test_a_transaction_repeated_with_its_token_happens_once(ddb: Ddb, node: TestNode) -> None:
    def add(amount: str, token: str = "token") -> dict[str, Any]:
        update = {
            "TableName": "songs",
            "Key": song("a"),
            "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": amount}},
        }
        items = [{"Update": update}]
        return ddb("TransactWriteItems", TransactItems=items, ClientRequestToken=token, ReturnConsumedCapacity="TOTAL")

    assert "WriteCapacityUnits" in add("1")["ConsumedCapacity"][0]
    assert add("1")["ConsumedCapacity"] == [{"TableName": "songs", "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}]
    assert songs(ddb) == [song("a", n={"N": "1"})]
    with pytest.raises(Exception, match="same client token as a previous, but non-identical request"):
        add("2")
    node.advance(minutes=10)
    add("1")
    assert songs(ddb) == [song("a", n={"N": "2"})]


def test_tokens_are_forgotten_in_time(ddb: Ddb, node: TestNode) -> None:
    def put(token: str) -> None:
        items = [{"Put": {"TableName": "songs", "Item": song("a")}}]
        ddb("TransactWriteItems", TransactItems=items, ClientRequestToken=token)

    for number in range(5):
        put(f"token {number}")
    node.advance(minutes=11)
    put("last")
    tx = node.node.database.begin()
    space = node.node.services["dynamodb"].keys("000000000000", "us-east-1").token
    assert len(tx.scan(*space.range()).rows) == 1
    tx.discard()


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            [{"Put": {"TableName": "songs", "Item": song("a")}}, {"Delete": {"TableName": "songs", "Key": song("a")}}],
            "Transaction request cannot include multiple operations on one item",
        ),
        (
            [{"Update": {"TableName": "songs", "Key": song("a"), "UpdateExpression": "SET a"}}],
            'Invalid UpdateExpression: Syntax error; token: "<EOF>", near: "a"',
        ),
        (
            [
                {"Put": {"TableName": "songs", "Item": song(str(number), x={"S": "x" * 390_000})}}
                for number in range(11)
            ],
            "Collective size of items in transaction cannot exceed 4MB",
        ),
    ],
)
def test_a_transaction_is_refused_in_aws_words(ddb: Ddb, items: list[dict[str, Any]], message: str) -> None:
    error = refusal(ddb, "TransactWriteItems", TransactItems=items)
    assert (error.code, error.message) == ("ValidationException", message)
    assert songs(ddb) == []


def test_a_transaction_reads_in_order(ddb: Ddb) -> None:
    ddb("PutItem", TableName="songs", Item=song("a", x={"N": "1"}))
    answer = ddb(
        "TransactGetItems",
        TransactItems=[
            {"Get": {"TableName": "songs", "Key": song("absent")}},
            {"Get": {"TableName": "songs", "Key": song("a"), "ProjectionExpression": "x"}},
        ],
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["Responses"] == [{}, {"Item": {"x": {"N": "1"}}}]
    assert answer["ConsumedCapacity"] == [{"TableName": "songs", "CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}]


def test_the_largest_transaction_fits_one_of_the_store(ddb: Ddb, node: TestNode) -> None:
    """4 MB of binary (a third more as base64), each item new in all of a table's 20 indexes, then moved in all."""
    names = [f"key{number}" for number in range(20)]
    ddb(
        "CreateTable",
        TableName="indexed",
        AttributeDefinitions=definitions(id="S", **dict.fromkeys(names, "S")),
        KeySchema=schema("id"),
        GlobalSecondaryIndexes=[
            {"IndexName": name, "KeySchema": schema(name), "Projection": {"ProjectionType": "ALL"}} for name in names
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for version in ("first", "second"):
        keys = {name: {"S": version} for name in names}
        items = [
            {"Put": {"TableName": "indexed", "Item": {"id": {"S": str(number)}, "b": {"B": bytes(41_000)}, **keys}}}
            for number in range(100)
        ]
        assert ddb("TransactWriteItems", TransactItems=items) == {}
    described = ddb("DescribeTable", TableName="indexed")["Table"]["GlobalSecondaryIndexes"]
    assert [index["ItemCount"] for index in described] == [100] * 20


def work(node: TestNode, ddb: Ddb, operation: str, **parameters: Any) -> dict[str, int]:
    """Calls, of keys packed, tables looked for and tallies added to."""
    node.node.database.run_twice = False
    with counted(pack, find_table, Tally.add) as calls:
        ddb(operation, **parameters)
    return calls


def test_an_item_of_a_batch_is_one_key_more_and_no_look_at_its_table(node: TestNode, ddb: Ddb) -> None:
    def puts(count: int) -> dict[str, int]:
        items = [{"PutRequest": {"Item": song(f"{count}/{number}")}} for number in range(count)]
        return work(node, ddb, "BatchWriteItem", RequestItems={"songs": items})

    puts(1)
    few, many = puts(5), puts(25)
    assert many["pack"] - few["pack"] == 20
    assert few["find_table"] == many["find_table"]
    assert many["Tally.add"] <= SHARDS


def test_an_item_of_a_transaction_is_one_key_more_and_no_look_at_its_table(node: TestNode, ddb: Ddb) -> None:
    def puts(count: int) -> dict[str, int]:
        absent = {"TableName": "songs", "ConditionExpression": "attribute_not_exists(id)"}
        actions = [{"Put": {**absent, "Item": song(f"{count}/{number}")}} for number in range(count)]
        return work(node, ddb, "TransactWriteItems", TransactItems=actions)

    puts(1)
    few, many = puts(5), puts(100)
    assert many["pack"] - few["pack"] == 95
    assert few["find_table"] == many["find_table"] == 1
    assert many["Tally.add"] <= SHARDS


def test_the_tallies_of_a_batch_are_those_of_its_items(ddb: Ddb) -> None:
    for numbers in (range(20), range(10, 25)):  # ten of the second are there already
        items = [{"PutRequest": {"Item": row(number, rank={"N": "1"}, v={"S": "x" * number})}} for number in numbers]
        ddb("BatchWriteItem", RequestItems={"rows": items})
    deletes = [{"DeleteRequest": {"Key": row(number)}} for number in (0, 1, 99)]
    ddb("BatchWriteItem", RequestItems={"rows": deletes})
    table = ddb("DescribeTable", TableName="rows")["Table"]
    by_index = {each["IndexName"]: each["ItemCount"] for each in table["GlobalSecondaryIndexes"]}
    assert table["ItemCount"] == 23 and by_index == {"by_rank": 23, "by_color": 0}
    attributes = len("pkpskrankv") + 2
    assert table["TableSizeBytes"] == sum(attributes + (2 if number else 1) + number for number in range(2, 25))
