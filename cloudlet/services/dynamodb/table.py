"""Tables: create, describe, list, update, delete. What a definition must satisfy is in definition.py."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.dynamodb import definition, rules
from cloudlet.services.dynamodb.description import describe
from cloudlet.services.dynamodb.errors import ResourceInUseException, invalid, invalid_parameter
from cloudlet.services.dynamodb.lookup import find_table, keys_of, put_table, require_table_named
from cloudlet.services.dynamodb.records import Index, Table
from cloudlet.services.dynamodb.service import dynamodb
from cloudlet.services.dynamodb.tags import checked_tags


@dynamodb.operation("CreateTable")
def create_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A table is ready at once; the answer still says CREATING, as AWS's does, and clients wait by DescribeTable."""
    definition.check_supported("CreateTable", request)
    keys, name = keys_of(call, request["TableName"])
    table = definition.new_table(request, name, keys.account, keys.region, call.now_ms)
    if find_table(call.tx, keys, name) is not None:
        raise ResourceInUseException(table=name)
    table = replace(table, tags=checked_tags({}, request.get("Tags") or []))
    put_table(call.tx, keys, table)
    return {"TableDescription": describe(call.tx, keys, table, "CREATING")}


@dynamodb.operation("DescribeTable")
def describe_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    table, keys = require_table_named(call, request["TableName"])
    return {"Table": describe(call.tx, keys, table, "ACTIVE")}


@dynamodb.operation("ListTables")
def list_tables(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    begin, end = call.keys.table.range()
    start = request.get("ExclusiveStartTableName")
    if start is not None:
        begin = call.keys.table.key(start) + b"\x00"
    found = call.tx.scan(begin, end, limit=request.get("Limit", rules.TABLES_LISTED_MAX))
    names = [call.keys.table.unpack(key)[0] for key, _ in found.rows]
    answer: dict[str, Any] = {"TableNames": names}
    if found.resume is not None:
        answer["LastEvaluatedTableName"] = names[-1]
    return answer


@dynamodb.operation("DeleteTable")
def delete_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    table, keys = require_table_named(call, request["TableName"])
    if table.is_protected:
        raise invalid(
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )
    description = describe(call.tx, keys, table, "DELETING")
    call.tx.delete(keys.table.key(table.name))
    call.later("remove_contents", {"account": keys.account, "data_id": table.data_id})
    for member in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "WarmThroughput"):
        description.pop(member, None)
    return {"TableDescription": description}


@dynamodb.operation("UpdateTable")
def update_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    definition.check_supported("UpdateTable", request)
    old, keys = require_table_named(call, request["TableName"])
    table = definition.updated_table(old, request, call.now_ms)
    for change in request.get("GlobalSecondaryIndexUpdates") or []:
        table = _update_index(call, table, change)
    definition.check_included(table.indexes)
    put_table(call.tx, keys, table)
    return {"TableDescription": describe(call.tx, keys, table, "UPDATING")}


def _update_index(call: Call, table: Table, change: dict[str, Any]) -> Table:
    """One of GlobalSecondaryIndexUpdates: Create, Update or Delete."""
    if len(change) != 1:
        raise invalid_parameter("Only one global secondary index create/update/delete is allowed per update")
    verb, given = next(iter(change.items()))
    name = given["IndexName"]
    if verb == "Create":
        return _add_index(call, table, given)
    index = table.indexes.get(name)
    if index is None:
        raise invalid_parameter(f"Requested resource not found: Index: {name} not found in table {table.name}")
    if verb == "Update":
        changed = definition.updated_index(table, index, given)
        return replace(table, indexes=table.indexes | {name: changed})
    call.later("remove_index", {"account": table.account, "data_id": table.data_id, "index_id": index.id})
    return replace(table, indexes={key: each for key, each in table.indexes.items() if key != name})


def _add_index(call: Call, table: Table, given: dict[str, Any]) -> Table:
    name = given["IndexName"]
    if name in table.indexes:
        raise invalid_parameter(f"Duplicate index name: {name}")
    if len(table.indexes) >= rules.INDEXES_MAX:
        raise invalid_parameter(f"GlobalSecondaryIndex count exceeds the per-table limit of {rules.INDEXES_MAX}")
    index: Index = replace(definition.new_index(given, table.types, table.billing_mode), is_backfilling=True)
    call.later("backfill", {"account": table.account, "name": table.name, "data_id": table.data_id, "index": name})
    return replace(table, indexes=table.indexes | {name: index})
