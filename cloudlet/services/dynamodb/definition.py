"""Table definitions: what CreateTable and UpdateTable ask for, checked in AWS's words."""

from collections.abc import Iterable, Mapping
from typing import Any

from cloudlet.base import ids
from cloudlet.kit.record import replace
from cloudlet.services.dynamodb import rules
from cloudlet.services.dynamodb.errors import invalid, invalid_parameter
from cloudlet.services.dynamodb.records import Index, KeySchema, Table

ON_DEMAND = "PAY_PER_REQUEST"


def check_supported(operation: str, request: Mapping[str, Any]) -> None:
    """What nobody wrote yet is refused by name, not forgotten."""
    if request.get("LocalSecondaryIndexes"):
        raise rules.not_yet(operation, "LocalSecondaryIndexes")
    if (request.get("StreamSpecification") or {}).get("StreamEnabled"):
        raise rules.not_yet(operation, "StreamSpecification")
    if (request.get("SSESpecification") or {}).get("Enabled"):
        raise rules.not_yet(operation, "SSESpecification")
    for name in ("ResourcePolicy", "ReplicaUpdates", "GlobalTableWitnessUpdates", "MultiRegionConsistency"):
        if request.get(name):
            raise rules.not_yet(operation, name)


def new_table(request: Mapping[str, Any], name: str, account: str, region: str, now_ms: int) -> Table:
    types = _types(request.get("AttributeDefinitions") or [])
    billing_mode = request.get("BillingMode") or "PROVISIONED"
    read_units, write_units = _units(billing_mode, request.get("ProvisionedThroughput"))
    schema = key_schema(request.get("KeySchema") or [], types)
    given = request.get("GlobalSecondaryIndexes")
    if given is not None and not given:
        raise invalid_parameter("List of GlobalSecondaryIndexes is empty")
    indexes: dict[str, Index] = {}
    for each in given or []:
        index = new_index(each, types, billing_mode)
        if index.name in indexes:
            raise invalid_parameter(f"Duplicate index name: {index.name}")
        indexes[index.name] = index
    if len(indexes) > rules.INDEXES_MAX:
        raise invalid_parameter(f"GlobalSecondaryIndex count exceeds the per-table limit of {rules.INDEXES_MAX}")
    check_included(indexes)
    _check_used(types, schema, indexes.values())
    return Table(
        id=ids.uuid4(),
        name=name,
        account=account,
        region=region,
        data_id=ids.hexadecimal(16),
        created_ms=now_ms,
        schema=schema,
        types=types,
        billing_mode=billing_mode,
        read_units=read_units,
        write_units=write_units,
        on_demand=_on_demand(request),
        on_demand_since_ms=now_ms if billing_mode == ON_DEMAND else 0,
        indexes=indexes,
        is_protected=request.get("DeletionProtectionEnabled", False),
        table_class=request.get("TableClass", ""),
        warm=dict(request.get("WarmThroughput") or {}),
    )


def _types(definitions: list[dict[str, str]]) -> dict[str, str]:
    types: dict[str, str] = {}
    for each in definitions:
        name, kind = each["AttributeName"], each["AttributeType"]
        if types.setdefault(name, kind) != kind:
            raise invalid_parameter(f"Cannot add duplicate attributes: {name}")
    return types


def key_schema(elements: list[dict[str, str]], types: Mapping[str, str]) -> KeySchema:
    """One HASH, perhaps one RANGE, both defined."""
    if not elements or elements[0]["KeyType"] != "HASH":
        raise invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(elements) > 2:
        raise rules.not_yet("CreateTable", "a key of more than two attributes")
    names = [element["AttributeName"] for element in elements]
    if len(elements) == 2:
        if names[0] == names[1]:
            raise invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
        if elements[1]["KeyType"] != "RANGE":
            raise invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    if any(name not in types for name in names):
        raise invalid_parameter(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(types)}]"
        )
    return KeySchema(*names)


def new_index(given: Mapping[str, Any], types: Mapping[str, str], billing_mode: str) -> Index:
    name = given["IndexName"]
    rules.check_name(name, "IndexName")
    projection = given.get("Projection") or {}
    kind, included = projection.get("ProjectionType"), projection.get("NonKeyAttributes")
    if kind is None:
        raise invalid_parameter("Unknown ProjectionType: null")
    if kind != "INCLUDE" and included is not None:
        raise invalid_parameter(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    if kind == "INCLUDE" and not included:
        raise invalid_parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    read_units, write_units = _units(billing_mode, given.get("ProvisionedThroughput"), name)
    schema = key_schema(given["KeySchema"], types)
    return Index(
        id=ids.hexadecimal(8),
        name=name,
        schema=schema,
        projection=kind,
        included=list(included or []),
        read_units=read_units,
        write_units=write_units,
        on_demand=_on_demand(given),
    )


def _units(billing_mode: str, throughput: dict[str, Any] | None, index: str | None = None) -> tuple[int, int]:
    if billing_mode != ON_DEMAND:
        return rules.check_units(throughput, index)
    if throughput is None:
        return 0, 0
    if index is not None:
        raise invalid_parameter(
            f"ProvisionedThroughput should not be specified for index: {index} when BillingMode is PAY_PER_REQUEST"
        )
    raise invalid_parameter(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
    )


def _on_demand(given: Mapping[str, Any]) -> dict[str, int]:
    return dict(given.get("OnDemandThroughput") or {})


def check_included(indexes: Mapping[str, Index]) -> None:
    count = sum(len(index.included) for index in indexes.values())
    if count > rules.INCLUDED_MAX:
        raise invalid_parameter(
            f"Number of projected attributes exceeds the limit of {rules.INCLUDED_MAX} over all indexes: {count}"
        )


def _check_used(types: Mapping[str, str], schema: KeySchema, indexes: Iterable[Index]) -> None:
    used = dict.fromkeys((*schema.names, *(name for index in indexes for name in index.schema.names)))
    if set(types) == set(used):
        return
    if set(used) == set(schema.names):
        raise invalid_parameter(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in "
            "AttributeDefinitions"
        )
    raise invalid_parameter(
        "Some AttributeDefinitions are not used. "
        f"AttributeDefinitions: [{', '.join(types)}], keys used: [{', '.join(used)}]"
    )


_CHANGEABLE = (
    "ProvisionedThroughput",
    "BillingMode",
    "GlobalSecondaryIndexUpdates",
    "DeletionProtectionEnabled",
    "TableClass",
    "OnDemandThroughput",
    "WarmThroughput",
    "SSESpecification",
    "StreamSpecification",
)


def updated_table(table: Table, request: Mapping[str, Any], now_ms: int) -> Table:
    """`table` with everything but its indexes changed as UpdateTable asks."""
    if all(request.get(name) is None for name in _CHANGEABLE):
        raise invalid(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
            "SSESpecification or ReplicaUpdates is required"
        )
    given_types = _types(request.get("AttributeDefinitions") or [])
    for name in set(given_types) & set(table.types):
        if given_types[name] != table.types[name]:
            raise invalid_parameter(f"Cannot change the type of the key attribute {name}")
    changed = replace(
        table,
        types=table.types | given_types,
        is_protected=request.get("DeletionProtectionEnabled", table.is_protected),
        table_class=request.get("TableClass", table.table_class),
        on_demand=_on_demand(request) or table.on_demand,
        warm=dict(request.get("WarmThroughput") or table.warm),
    )
    return _with_billing(changed, request, now_ms)


def _with_billing(table: Table, request: Mapping[str, Any], now_ms: int) -> Table:
    billing_mode, throughput = request.get("BillingMode", table.billing_mode), request.get("ProvisionedThroughput")
    if billing_mode == table.billing_mode and throughput is None:
        return table
    read_units, write_units = _units(billing_mode, throughput)
    if billing_mode == table.billing_mode:
        if (read_units, write_units) == (table.read_units, table.write_units):
            raise invalid(
                f"The provisioned throughput for the table will not change. The requested value equals the current "
                f"value. Current ReadCapacityUnits provisioned for the table: {table.read_units}. Requested "
                f"ReadCapacityUnits: {read_units}. Current WriteCapacityUnits provisioned for the table: "
                f"{table.write_units}. Requested WriteCapacityUnits: {write_units}. Refer to the Amazon DynamoDB "
                f"Developer Guide for current limits and how to request higher limits."
            )
        went_down = read_units < table.read_units or write_units < table.write_units
        went_up = read_units > table.read_units or write_units > table.write_units
        table = replace(
            table,
            decreased_ms=now_ms if went_down else table.decreased_ms,
            increased_ms=now_ms if went_up else table.increased_ms,
        )
    return replace(
        table,
        billing_mode=billing_mode,
        read_units=read_units,
        write_units=write_units,
        on_demand_since_ms=now_ms if billing_mode == ON_DEMAND else table.on_demand_since_ms,
        indexes={
            name: replace(index, read_units=0, write_units=0) if billing_mode == ON_DEMAND else index
            for name, index in table.indexes.items()
        },
    )


def updated_index(table: Table, index: Index, given: Mapping[str, Any]) -> Index:
    read_units, write_units = index.read_units, index.write_units
    if given.get("ProvisionedThroughput") is not None:
        read_units, write_units = _units(table.billing_mode, given["ProvisionedThroughput"], index.name)
    return replace(
        index, read_units=read_units, write_units=write_units, on_demand=_on_demand(given) or index.on_demand
    )
