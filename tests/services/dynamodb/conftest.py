"""Tables for tests of the DynamoDB service."""

from typing import Any, Protocol

import pytest

from cloudlet.app import wiring
from cloudlet.services.dynamodb.service import dynamodb
from tests.client import TestNode

if dynamodb not in wiring.SERVICES:  # until the node itself serves it
    wiring.SERVICES += (dynamodb,)


class Ddb(Protocol):
    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]: ...


@pytest.fixture
def ddb(node: TestNode) -> Ddb:
    """Calls DynamoDB as root; table "songs" has a partition key only, "rows" also a numeric sort key and two indexes."""

    def call(operation: str, **parameters: Any) -> dict[str, Any]:
        return node.aws("dynamodb", operation, **parameters)

    call("CreateTable", TableName="songs", **key("id", "S"), BillingMode="PAY_PER_REQUEST")
    call(
        "CreateTable",
        TableName="rows",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in {"pk": "S", "sk": "N", "color": "S", "rank": "N"}.items()
        ],
        KeySchema=schema("pk", "sk"),
        GlobalSecondaryIndexes=[
            {"IndexName": "by_color", "KeySchema": schema("color", "rank"), "Projection": {"ProjectionType": "ALL"}},
            {
                "IndexName": "by_rank",
                "KeySchema": schema("rank"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]},
            },
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return call


def schema(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"))]


def key(name: str, kind: str) -> dict[str, Any]:
    """The parameters of CreateTable for a table with this partition key only."""
    return {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind}],
        "KeySchema": schema(name),
    }
