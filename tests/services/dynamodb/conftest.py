"""Tables for tests of the DynamoDB service."""

from typing import Any

import pytest
from dynamodb_tables import Ddb, definitions, schema

from cloudlet.app import wiring
from cloudlet.services.dynamodb.service import dynamodb
from tests.client import TestNode

if dynamodb not in wiring.SERVICES:  # until the node itself serves it
    wiring.SERVICES += (dynamodb,)


@pytest.fixture
def ddb(node: TestNode) -> Ddb:
    """Calls DynamoDB as root. Table "songs" has a partition key only; "rows" a numeric sort key and two indexes."""

    def call(operation: str, **parameters: Any) -> dict[str, Any]:
        return node.aws("dynamodb", operation, **parameters)

    call(
        "CreateTable",
        TableName="songs",
        AttributeDefinitions=definitions(id="S"),
        KeySchema=schema("id"),
        BillingMode="PAY_PER_REQUEST",
    )
    call(
        "CreateTable",
        TableName="rows",
        AttributeDefinitions=definitions(pk="S", sk="N", color="S", rank="N"),
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
