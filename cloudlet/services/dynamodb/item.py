"""Single items: put, get, update, delete. What these do to one item, batches and transactions do to many."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from cloudlet.kit.call import Call
from cloudlet.services.dynamodb import engine, rules, schema, sizes
from cloudlet.services.dynamodb.capacity import Meter
from cloudlet.services.dynamodb.engine import Change, Counts, Place
from cloudlet.services.dynamodb.errors import ConditionalCheckFailedException, invalid, invalid_parameter
from cloudlet.services.dynamodb.expressions.paths import PathTree
from cloudlet.services.dynamodb.expressions.request import BoundCondition, BoundUpdate, read
from cloudlet.services.dynamodb.lookup import Require, require_table
from cloudlet.services.dynamodb.records import StoredItem, Table
from cloudlet.services.dynamodb.service import dynamodb
from cloudlet.services.dynamodb.values import Item, canonical_item, encode_item
from cloudlet.store.transaction import Tx

_WRITE_LEGACY = ("Expected", "ConditionalOperator")


class Write(NamedTuple):
    """One write of a request, checked and held against its table: what is left is to look at the item."""

    place: Place
    condition: BoundCondition | None = None
    put: StoredItem | None = None
    update: BoundUpdate | None = None
    key_item: Item | None = None  # the key attributes, for an update that makes the item
    is_check: bool = False  # a transaction's ConditionCheck

    @property
    def table(self) -> Table:
        return self.place.table

    def find(self, tx: Tx) -> StoredItem | None:
        """The item as it is."""
        return engine.find(tx, self.place.at)

    def perform(self, tx: Tx, counts: Counts) -> Change:
        """Check the condition and write; raises what DynamoDB raises."""
        before = self.find(tx)
        self.check(before)
        if self.is_check:
            return Change(before, before)
        return engine.write(tx, self.place, before, self.after(before), counts)

    def check(self, before: StoredItem | None) -> None:
        if self.condition is not None and not self.condition.holds(before.item if before else None):
            raise ConditionalCheckFailedException()

    def after(self, before: StoredItem | None) -> StoredItem | None:
        """The item that the write leaves; None if there is none."""
        if self.update is None:
            return self.put
        if before is None and not self.update.creates:
            return None
        after = StoredItem.of(self.update.apply(before.item if before is not None else dict(self.key_item or {})))
        if after.size_bytes > sizes.ITEM_BYTES_MAX:
            raise invalid("Item size to update has exceeded the maximum allowed size")
        schema.check_index_keys(self.table, after.item)
        return after


def put_write(require: Require, request: dict[str, Any]) -> Write:
    """A PutItem, checked."""
    expressions = read(request, "ConditionExpression", legacy=_WRITE_LEGACY)
    return bare_put(require, request["TableName"], request["Item"], expressions.condition)


def bare_put(
    require: Require, table_name: str, given: dict[str, Any], condition: BoundCondition | None = None
) -> Write:
    item = canonical_item(given)
    stored = StoredItem.of(item)
    if stored.size_bytes > sizes.ITEM_BYTES_MAX:
        raise invalid("Item size has exceeded the maximum allowed size")
    table, contents = require(table_name)
    key = schema.key_of_item(table, item)
    schema.check_index_keys(table, item)
    return Write(Place.of(table, contents, key), condition, stored)


def delete_write(require: Require, request: dict[str, Any]) -> Write:
    """A DeleteItem, checked."""
    expressions = read(request, "ConditionExpression", legacy=_WRITE_LEGACY)
    return bare_delete(require, request["TableName"], request["Key"], expressions.condition)


def bare_delete(
    require: Require, table_name: str, key: dict[str, Any], condition: BoundCondition | None = None
) -> Write:
    place, _ = _place(require, table_name, key)
    return Write(place, condition)


def check_write(require: Require, request: dict[str, Any]) -> Write:
    """A transaction's ConditionCheck, checked."""
    expressions = read(request, "ConditionExpression")
    place, _ = _place(require, request["TableName"], request["Key"])
    return Write(place, expressions.condition, is_check=True)


def update_write(require: Require, request: dict[str, Any]) -> Write:
    """An UpdateItem, checked."""
    expressions = read(request, "UpdateExpression", "ConditionExpression", legacy=("AttributeUpdates", *_WRITE_LEGACY))
    # Without either, UpdateItem makes the item if it isn't there.
    update = expressions.update or BoundUpdate((), {}, creates=True)
    place, key_item = _place(require, request["TableName"], request["Key"])
    for path in update.paths:
        if path[0] in place.table.schema.names:
            raise invalid_parameter(f"Cannot update attribute {path[0]}. This attribute is part of the key")
    return Write(place, expressions.condition, None, update, key_item)


def _place(require: Require, table_name: str, given: dict[str, Any]) -> tuple[Place, Item]:
    """Where a Key parameter points, and the key attributes."""
    key_item = canonical_item(given)
    table, contents = require(table_name)
    return Place.of(table, contents, schema.key_of_request(table, key_item)), key_item


def failed_condition(
    request: dict[str, Any], table: Table, before: StoredItem | None
) -> ConditionalCheckFailedException:
    """The error, with the item where the request wants to see it."""
    wanted = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and before is not None
    error = ConditionalCheckFailedException(members={"Item": before.raw} if wanted and before else None)
    error.tables = (table.name,)
    return error


def _perform(call: Call, request: dict[str, Any], write: Write) -> tuple[Change, dict[str, Any]]:
    """Write, and the answer's beginning."""
    counts = Counts()
    try:
        change = write.perform(call.tx, counts)
    except ConditionalCheckFailedException:
        raise failed_condition(request, write.table, write.find(call.tx)) from None
    counts.store(call.tx)
    meter = Meter(request, write.table, request["TableName"])
    indexes = engine.index_write_units(write.table, change) if meter.is_wanted and write.table.indexes else None
    meter.add(sizes.write_units(change.size_bytes), indexes)
    meter.count(call, "Write")
    return change, meter.add_to({})


@dynamodb.operation("PutItem")
def put_item(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _replace(call, request, put_write)


@dynamodb.operation("DeleteItem")
def delete_item(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _replace(call, request, delete_write)


def _replace(call: Call, request: dict[str, Any], make: Callable[[Require, dict[str, Any]], Write]) -> dict[str, Any]:
    """A write that leaves nothing of the item before."""
    rules.check_return_values(request)
    change, answer = _perform(call, request, make(partial(require_table, call), request))
    if change.before is not None and request.get("ReturnValues") == "ALL_OLD":
        answer["Attributes"] = change.before.raw
    return answer


@dynamodb.operation("UpdateItem")
def update_item(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    write = update_write(partial(require_table, call), request)
    change, answer = _perform(call, request, write)
    wanted = request.get("ReturnValues", "NONE")
    shown = change.before if wanted.endswith("_OLD") else change.after
    if wanted == "NONE" or shown is None:
        return answer
    if wanted.startswith("ALL"):
        answer["Attributes"] = shown.raw
    elif write.update is not None and (touched := write.update.touched(shown.item)):
        answer["Attributes"] = msgspec.Raw(encode_item(touched))
    return answer


def projected(stored: StoredItem, projection: PathTree | None) -> msgspec.Raw:
    """What an answer shows of an item."""
    if projection is None:
        return stored.raw
    return msgspec.Raw(encode_item(projection.project(stored.item)))


@dynamodb.operation("GetItem")
def get_item(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    expressions = read(request, "ProjectionExpression", legacy=("AttributesToGet",))
    key_item = canonical_item(request["Key"])
    table, contents = require_table(call, request["TableName"])
    stored = engine.find(call.tx, contents.item_at(schema.key_of_request(table, key_item)))
    meter = Meter(request, table, request["TableName"])
    consistent = request.get("ConsistentRead", False)
    meter.add(sizes.read_units(stored.size_bytes if stored else 0, consistent=consistent))
    meter.count(call, "Read")
    return meter.add_to({} if stored is None else {"Item": projected(stored, expressions.projection)})
