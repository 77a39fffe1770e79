"""Random writes against a model of a few lines: after each, the table and its indexes hold what the model holds."""

import random
from typing import Any

import pytest
from dynamodb_tables import Ddb

from cloudlet.base.errors import AwsError

Model = dict[tuple[str, str], dict[str, Any]]
STEPS = 120


def random_item(chance: random.Random) -> dict[str, Any]:
    item: dict[str, Any] = {"pk": {"S": chance.choice("abc")}, "sk": {"N": str(chance.randrange(-3, 4))}}
    if chance.random() < 0.6:
        item["color"] = {"S": chance.choice(["red", "blue"])}
    if chance.random() < 0.6:
        item["rank"] = {"N": str(chance.randrange(3))}
    if chance.random() < 0.5:
        item["note"] = {"S": "n"}
    return item


def place(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["N"]


def step(ddb: Ddb, model: Model, chance: random.Random) -> None:
    """One random operation, on the table and on the model."""
    items = {place(item): item for item in (random_item(chance) for _ in range(3))}
    first = next(iter(items.values()))
    key = {name: first[name] for name in ("pk", "sk")}
    match chance.choice(["put", "delete", "update", "batch", "transact", "condition"]):
        case "put":
            ddb("PutItem", TableName="rows", Item=first)
            model[place(first)] = first
        case "delete":
            ddb("DeleteItem", TableName="rows", Key=key)
            model.pop(place(first), None)
        case "update":
            names = {"ExpressionAttributeNames": {"#r": "rank"}, "ExpressionAttributeValues": {":r": {"N": "1"}}}
            ddb("UpdateItem", TableName="rows", Key=key, UpdateExpression="SET #r = :r REMOVE color", **names)
            updated = {**model.get(place(first), key), "rank": {"N": "1"}}
            updated.pop("color", None)
            model[place(first)] = updated
        case "batch":
            ddb("BatchWriteItem", RequestItems={"rows": [{"PutRequest": {"Item": item}} for item in items.values()]})
            model.update(items)
        case "transact":
            puts = [{"Put": {"TableName": "rows", "Item": item}} for item in items.values()]
            ddb("TransactWriteItems", TransactItems=puts)
            model.update(items)
        case "condition":
            try:
                ddb("PutItem", TableName="rows", Item=first, ConditionExpression="attribute_not_exists(pk)")
                assert place(first) not in model
                model[place(first)] = first
            except AwsError as error:
                assert error.code == "ConditionalCheckFailedException" and place(first) in model


def paged(ddb: Ddb, chance: random.Random, operation: str, **parameters: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while True:
        answer = ddb(operation, TableName="rows", Limit=chance.randrange(1, 9), **parameters)
        items += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return items
        parameters["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def check(ddb: Ddb, model: Model, chance: random.Random) -> None:
    assert {place(item): item for item in paged(ddb, chance, "Scan")} == model
    colored = {at: item for at, item in model.items() if "color" in item and "rank" in item}
    assert {place(item): item for item in paged(ddb, chance, "Scan", IndexName="by_color")} == colored
    ranked = {at: {k: v for k, v in item.items() if k != "color"} for at, item in model.items() if "rank" in item}
    assert {place(item): item for item in paged(ddb, chance, "Scan", IndexName="by_rank")} == ranked
    for pk in "abc":
        values = {":p": {"S": pk}, ":low": {"N": "-1"}}
        condition = {"KeyConditionExpression": "pk = :p AND sk >= :low", "ExpressionAttributeValues": values}
        found = [int(item["sk"]["N"]) for item in paged(ddb, chance, "Query", **condition)]
        assert found == sorted(int(sk) for name, sk in model if name == pk and int(sk) >= -1)
    table = ddb("DescribeTable", TableName="rows")["Table"]
    assert table["ItemCount"] == len(model)
    counts = {index["IndexName"]: index["ItemCount"] for index in table["GlobalSecondaryIndexes"]}
    assert counts == {"by_color": len(colored), "by_rank": len(ranked)}


@pytest.mark.parametrize("seed", [1, 2])
def test_tables_and_indexes_hold_what_a_model_holds(ddb: Ddb, seed: int) -> None:
    chance = random.Random(seed)
    model: Model = {}
    for number in range(STEPS):
        step(ddb, model, chance)
        if number % 20 == 19:
            check(ddb, model, chance)
