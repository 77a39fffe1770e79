"""TableDescription: a table as DescribeTable and its kin tell it."""

from typing import Any

from cloudlet.services.dynamodb.definition import ON_DEMAND
from cloudlet.services.dynamodb.keys import Keys
from cloudlet.services.dynamodb.records import Index, KeySchema, Table
from cloudlet.store.transaction import Tx

_ON_DEMAND_WARMTH = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000}  # what AWS starts with


def describe(tx: Tx, keys: Keys, table: Table, status: str) -> dict[str, Any]:
    """`status` is the operation's word for it; a table that is there is ready."""
    items, size_bytes = keys.of(table.data_id).tally().values(tx)
    used = dict.fromkeys(
        (*table.schema.names, *(name for index in table.indexes.values() for name in index.schema.names))
    )
    description: dict[str, Any] = {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": table.types[name]} for name in sorted(used)],
        "TableName": table.name,
        "KeySchema": _key_schema(table.schema),
        "TableStatus": status,
        "CreationDateTime": table.created_ms,
        "ProvisionedThroughput": _throughput(table),
        "TableSizeBytes": size_bytes,
        "ItemCount": items,
        "TableArn": table.arn,
        "TableId": table.id,
        "DeletionProtectionEnabled": table.is_protected,
    }
    if table.on_demand_since_ms:
        description["BillingModeSummary"] = {"BillingMode": table.billing_mode}
        if status != "CREATING":
            description["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] = table.on_demand_since_ms
    if table.on_demand:
        description["OnDemandThroughput"] = table.on_demand
    if table.table_class:
        description["TableClassSummary"] = {"TableClass": table.table_class}
    if table.indexes:
        description["GlobalSecondaryIndexes"] = [
            _index(tx, keys, table, index, status) for index in table.indexes.values()
        ]
    if status != "CREATING" or table.warm:
        description["WarmThroughput"] = _warmth(table.billing_mode, table.read_units, table.write_units, table.warm)
    return description


def _key_schema(schema: KeySchema) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(schema.names, ("HASH", "RANGE"))]


def _throughput(table: Table) -> dict[str, Any]:
    throughput: dict[str, Any] = {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": table.read_units,
        "WriteCapacityUnits": table.write_units,
    }
    if table.increased_ms:
        throughput["LastIncreaseDateTime"] = table.increased_ms
    if table.decreased_ms:
        throughput["LastDecreaseDateTime"] = table.decreased_ms
    return throughput


def _index(tx: Tx, keys: Keys, table: Table, index: Index, status: str) -> dict[str, Any]:
    items, size_bytes = keys.of(table.data_id).tally(index.id).values(tx)
    projection: dict[str, Any] = {"ProjectionType": index.projection}
    if index.included:
        projection["NonKeyAttributes"] = index.included
    is_new = index.is_backfilling or status == "CREATING"
    described: dict[str, Any] = {
        "IndexName": index.name,
        "KeySchema": _key_schema(index.schema),
        "Projection": projection,
        "IndexStatus": "CREATING" if is_new else "ACTIVE",
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0,
            "ReadCapacityUnits": index.read_units,
            "WriteCapacityUnits": index.write_units,
        },
        "IndexSizeBytes": size_bytes,
        "ItemCount": items,
        "IndexArn": f"{table.arn}/index/{index.name}",
    }
    if index.is_backfilling:
        described["Backfilling"] = True
    if index.on_demand:
        described["OnDemandThroughput"] = index.on_demand
    if status != "CREATING":
        described["WarmThroughput"] = _warmth(table.billing_mode, index.read_units, index.write_units, {})
    return described


def _warmth(billing_mode: str, read_units: int, write_units: int, asked: dict[str, int]) -> dict[str, Any]:
    """What the table takes at once. A node takes what it can, so this only ever grows with what was asked for."""
    provisioned = {"ReadUnitsPerSecond": read_units, "WriteUnitsPerSecond": write_units}
    return (_ON_DEMAND_WARMTH if billing_mode == ON_DEMAND else provisioned) | asked | {"Status": "ACTIVE"}
