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
from cloudlet.services.dynamodb.lookup import Require, checked, require_table
from cloudlet.services.dynamodb.records import WHOLE_BYTES_MAX, StoredItem, Table
from cloudlet.services.dynamodb.service import dynamodb
from cloudlet.services.dynamodb.values import Item, canonical_item, encode_item
from cloudlet.store.transaction import Tx

MEMBERS_AT_ONCE_MAX = 2_000  # of items, looked at within a transaction: a microsecond or two each
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
        return engine.write(tx, self.place, before, self.left(before), counts)

    def left(self, before: StoredItem | None) -> StoredItem | None:
        """What it leaves where `before` stands, if its condition holds. Of values alone: apart, where it takes long."""
        self.check(before)
        return before if self.is_check else self.after(before)

    def members(self, before: StoredItem | None) -> int:
        """About how many members of `before` the condition and the update look at."""
        if before is None or len(before.wire) <= WHOLE_BYTES_MAX:
            return 0
        of_condition = self.condition.names if self.condition is not None else frozenset[str]()
        return before.members(of_condition | self.update.names if self.update is not None else of_condition)

    def check(self, before: StoredItem | None) -> None:
        condition = self.condition
        if condition is not None and not condition.holds(before.part(condition.names) if before else None):
            raise ConditionalCheckFailedException()

    def after(self, before: StoredItem | None) -> StoredItem | None:
        """The item that the write leaves; None if there is none."""
        if self.update is None:
            return self.put
        if before is None and not self.update.creates:
            return None
        if before is None:
            after = StoredItem.of(self.update.apply(dict(self.key_item or {})))
        else:
            after = before.changed(self.update.names, self.update.apply)
        if after.size_bytes > sizes.ITEM_BYTES_MAX:
            raise invalid("Item size to update has exceeded the maximum allowed size")
        if self.table.indexes:
            schema.check_index_keys(self.table, after.part(schema.index_names(self.table)))
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
    update = expressions.update or BoundUpdate((), {}, True, frozenset())
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
    before = write.find(call.tx)
    try:
        if before is not None and write.members(before) > MEMBERS_AT_ONCE_MAX:
            after = call.apart("left", (write.table, before.wire), write.left, before)
        else:
            after = write.left(before)
    except ConditionalCheckFailedException:
        raise failed_condition(request, write.table, before) from None
    counts = Counts()
    change = engine.write(call.tx, write.place, before, after, counts)
    counts.store(call.tx)
    meter = Meter(request, write.table, request["TableName"])
    indexes = index_units(call, [(write.table, change)])[0] if meter.is_wanted and write.table.indexes else None
    meter.add(sizes.write_units(change.size_bytes), indexes)
    meter.count(call, "Write")
    return change, meter.add_to({})


def index_units(
    call: Call, changes: list[tuple[Table, Change]], *, transactional: bool = False
) -> list[dict[str, float]]:
    """What each change consumes of its table's indexes."""
    compute = partial(_index_units, transactional=transactional)
    looked_at = [image for table, change in changes if table.indexes for image in change if image is not None]
    if sum(image.members() for image in looked_at) <= MEMBERS_AT_ONCE_MAX:
        return compute(changes)
    tables, wires = tuple(table for table, _ in changes), tuple(image.wire for image in looked_at)
    return call.apart("index units", (tables, wires), compute, changes)


def _index_units(changes: list[tuple[Table, Change]], *, transactional: bool) -> list[dict[str, float]]:
    return [engine.index_write_units(table, change, transactional=transactional) for table, change in changes]


@dynamodb.operation("PutItem")
def put_item(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _replace(call, request, put_write)


@dynamodb.operation("DeleteItem")
def delete_item(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _replace(call, request, delete_write)


def _replace(call: Call, request: dict[str, Any], make: Callable[[Require, dict[str, Any]], Write]) -> dict[str, Any]:
    """A write that leaves nothing of the item before."""
    rules.check_return_values(request)
    change, answer = _perform(call, request, checked(call, make, request, (request["TableName"],)))
    if change.before is not None and request.get("ReturnValues") == "ALL_OLD":
        answer["Attributes"] = change.before.raw
    return answer


@dynamodb.operation("UpdateItem")
def update_item(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    write = checked(call, update_write, request, (request["TableName"],))
    change, answer = _perform(call, request, write)
    wanted = request.get("ReturnValues", "NONE")
    shown = change.before if wanted.endswith("_OLD") else change.after
    if wanted == "NONE" or shown is None:
        return answer
    if wanted.startswith("ALL"):
        answer["Attributes"] = shown.raw
    elif write.update is not None and (touched := _touched(call, write.update, shown)) is not None:
        answer["Attributes"] = touched
    return answer


def _touched(call: Call, update: BoundUpdate, shown: StoredItem) -> msgspec.Raw | None:
    """The parts of an item that the update is about."""
    part = all_projected(call, [(shown, update.touched)])[0]
    return None if bytes(part) == b"{}" else part


def projected(stored: StoredItem, projection: PathTree | None) -> msgspec.Raw:
    """What an answer shows of an item."""
    if projection is None:
        return stored.raw
    return msgspec.Raw(encode_item(projection.project(stored.part(projection.names))))


def all_projected(call: Call, found: list[tuple[StoredItem, PathTree | None]]) -> list[msgspec.Raw]:
    """What an answer shows of each."""
    if sum(stored.members(tree.names) for stored, tree in found if tree is not None) <= MEMBERS_AT_ONCE_MAX:
        return _all_projected(found)
    return call.apart("projected", tuple(stored.wire for stored, _ in found), _all_projected, found)


def _all_projected(found: list[tuple[StoredItem, PathTree | None]]) -> list[msgspec.Raw]:
    return [projected(stored, projection) for stored, projection in found]


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
    if stored is None:
        return meter.add_to({})
    if expressions.projection is None:
        return meter.add_to({"Item": stored.raw})
    return meter.add_to({"Item": all_projected(call, [(stored, expressions.projection)])[0]})
