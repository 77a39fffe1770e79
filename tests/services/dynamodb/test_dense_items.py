"""Items of so many members that a thread computes with them: the same answers, and no write is lost in between."""

import asyncio
import random
from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.dynamodb.expressions.request import read
from cloudlet.services.dynamodb.records import WHOLE_BYTES_MAX, StoredItem
from cloudlet.services.dynamodb.sizes import grown_bytes, item_bytes
from cloudlet.services.dynamodb.values import decode_item
from tests.client import Caller, TestNode

MEMBERS = 3_000
KEY = {"p": {"S": "k"}}


def dense(**rest: Any) -> dict[str, Any]:
    return {**KEY, "c": {"N": "0"}, "d": {"L": [{"N": "0"}] * MEMBERS}, **rest}


@pytest.fixture
def node():
    with TestNode() as node:
        node.aws(
            "dynamodb", "CreateTable", TableName="table", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        )  # fmt: skip
        node.advance(seconds=10)
        yield node


def put(node: TestNode, item: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return node.aws("dynamodb", "PutItem", TableName="table", Item=item, **rest)


def test_updates_side_by_side_of_a_dense_attribute_all_count(node: TestNode) -> None:
    put(node, dense())
    values = {":one": {"N": "1"}}
    update = {"UpdateExpression": "SET d[7] = d[7] + :one ADD c :one", "ExpressionAttributeValues": values}
    requests = [
        Caller(node, *node.key).request("dynamodb", "UpdateItem", {"TableName": "table", "Key": KEY, **update})
        for _ in range(12)  # more than a call computes apart, if each sees the others' changes
    ]

    async def all_of_them() -> list[int]:
        responses = await asyncio.gather(*(node.house.gateway.handle(request) for request in requests))
        return [response.status for response in responses]

    assert node.run(all_of_them()) == [200] * 12
    found = node.aws("dynamodb", "GetItem", TableName="table", Key=KEY)["Item"]
    assert (found["c"], found["d"]["L"][7]) == ({"N": "12"}, {"N": "12"})


def test_what_is_wrong_with_a_dense_item_is_said_in_its_order(node: TestNode) -> None:
    with pytest.raises(AwsError, match="Requested resource not found"):
        node.aws("dynamodb", "PutItem", TableName="another", Item=dense())
    with pytest.raises(AwsError, match="Null attribute value types"):
        node.aws("dynamodb", "PutItem", TableName="another", Item=dense(n={"NULL": False}))
    with pytest.raises(AwsError, match="The conditional request failed"):
        put(node, dense(), ConditionExpression="attribute_exists(p)")
    put(node, dense())
    with pytest.raises(AwsError, match="invalid for update"):
        node.aws(
            "dynamodb", "UpdateItem", TableName="table", Key=KEY, UpdateExpression="SET d[1].x = d",
        )  # fmt: skip
    with pytest.raises(AwsError, match="The conditional request failed"):
        put(node, dense(), ConditionExpression="size(d) < :n", ExpressionAttributeValues={":n": {"N": "2"}})
    assert node.aws("dynamodb", "GetItem", TableName="table", Key=KEY)["Item"] == dense()


def random_value(seed: random.Random, depth: int = 3) -> dict[str, Any]:
    kinds = ["S", "N", "BOOL", "NULL", "SS", "M", "L"][: 7 if depth else 5]
    kind = seed.choice(kinds)
    contents: dict[str, Any] = {
        "S": "ü" * seed.randrange(4), "N": str(seed.randrange(1000)), "BOOL": True, "NULL": True, "SS": ["a", "b"],
    }  # fmt: skip
    if kind == "M":
        return {"M": {f"k{at}": random_value(seed, depth - 1) for at in range(seed.randrange(5))}}
    if kind == "L":
        return {"L": [random_value(seed, depth - 1) for _ in range(seed.randrange(5))]}
    return {kind: contents[kind]}


def random_item(seed: random.Random) -> dict[str, Any]:
    return {name: random_value(seed) for name in "abcde" if seed.random() < 0.8}


def test_the_size_by_difference_is_the_size() -> None:
    seed = random.Random(5)
    for _ in range(300):
        before, after = random_item(seed), random_item(seed)
        after |= {name: before[name] for name in before if seed.random() < 0.5}
        assert grown_bytes(before, after) == item_bytes(after) - item_bytes(before)


UPDATES = [
    "SET c = :v, b.x = :v REMOVE e",
    "SET l[0] = :v, l[9] = :v REMOVE l[1]",
    "SET fresh = l, l = :v",
    "REMOVE b.x, l[0].y, l[2], d",
    "SET l[9] = b REMOVE l[3].x",
]


@pytest.mark.parametrize("text", UPDATES)
def test_a_long_item_changes_as_a_short_one(text: str) -> None:
    item = {
        "a": {"S": "é"}, "b": {"M": {"x": {"N": "1"}, "z": {"S": ""}}}, "c": {"N": "1"}, "d": {"S": "d"},
        "e": {"S": "e"}, "l": {"L": [{"M": {"y": {"N": "1"}}}, {"N": "2"}, {"N": "3"}]},
    }  # fmt: skip
    values = {"ExpressionAttributeValues": {":v": {"M": {"x": {"N": "5"}}}}} if ":v" in text else {}
    update = read({"UpdateExpression": text, **values}, "UpdateExpression").update
    assert update is not None
    filling = {"w": {"S": "x" * WHOLE_BYTES_MAX}}
    long = StoredItem.decode(StoredItem.of({**item, **filling}).encode())
    short = update.apply({**item, **filling})
    changed = long.changed(update.names, update.apply)
    assert list(decode_item(changed.wire).items()) == list(short.items())  # in its order
    assert changed.size_bytes == item_bytes(short)
    assert StoredItem.decode(changed.encode()).part(("c", "l")) == {n: v for n, v in short.items() if n in ("c", "l")}
    assert changed.part(("c", "l")) == changed.only(("c", "l"))
    assert decode_item(long.wire) == {**item, **filling}
