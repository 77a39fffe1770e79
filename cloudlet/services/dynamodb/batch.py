"""Batches: many items of several tables, each for itself. AWS promises no atomicity, so each piece is a transaction."""

from functools import cache, partial
from typing import Any

import msgspec

from cloudlet.kit.call import Call
from cloudlet.services.dynamodb import engine, rules, schema, sizes
from cloudlet.services.dynamodb.capacity import Meter
from cloudlet.services.dynamodb.errors import invalid
from cloudlet.services.dynamodb.expressions.paths import PathTree
from cloudlet.services.dynamodb.expressions.request import read
from cloudlet.services.dynamodb.item import Write, bare_delete, bare_put, projected
from cloudlet.services.dynamodb.keys import Contents, ItemKey
from cloudlet.services.dynamodb.lookup import Require, require_table
from cloudlet.services.dynamodb.records import StoredItem, Table
from cloudlet.services.dynamodb.service import dynamodb
from cloudlet.services.dynamodb.values import canonical_item
from cloudlet.store.errors import StoreError
from cloudlet.store.transaction import Tx

BYTES_PER_PIECE = 512 << 10  # a piece ends with the item that reaches it
BYTES_CHECKED_PER_PIECE = 64 << 10  # of many small members
_DUPLICATES = "Provided list of item keys contains duplicates"


class _Read:
    """One table's part of a BatchGetItem."""

    def __init__(self, name: str, request: dict[str, Any], table: Table, contents: Contents, meter: Meter) -> None:
        self.name, self.table, self.contents, self.meter = name, table, contents, meter
        self.consistent: bool = request.get("ConsistentRead", False)
        self.projection: PathTree | None = read(request, "ProjectionExpression", legacy=("AttributesToGet",)).projection
        self.given: list[dict[str, Any]] = request["Keys"]
        self.keys = [schema.key_of_request(table, canonical_item(key)) for key in self.given]
        if len(set(self.keys)) < len(self.keys):
            raise invalid(_DUPLICATES)


@dynamodb.operation("BatchGetItem")
async def batch_get_item(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if sum(len(each["Keys"]) for each in request["RequestItems"].values()) > rules.BATCH_GET_KEYS_MAX:
        raise invalid("Too many items requested for the BatchGetItem call")
    reads: list[_Read] = call.transact(_reads, call, request)
    responses: dict[str, list[msgspec.Raw]] = {each.name: [] for each in reads}
    unprocessed: dict[str, Any] = {}
    size_bytes = 0
    for each in reads:
        at = 0
        while at < len(each.keys):
            found: list[StoredItem | None] = call.transact(_read_piece, each, at)
            piece_bytes = sum(stored.size_bytes for stored in found if stored is not None)
            if size_bytes + piece_bytes > rules.BATCH_GET_BYTES_MAX:
                left = [canonical_item(key) for key in each.given[at:]]
                unprocessed[each.name] = request["RequestItems"][each.name] | {"Keys": left}
                break
            size_bytes += piece_bytes
            at += len(found)
            _take(each, found, responses[each.name])
            await call.pause()
    answer: dict[str, Any] = {"Responses": responses, "UnprocessedKeys": unprocessed}
    return _with_capacity(call, answer, [each.meter for each in reads], "Read")


def _reads(tx: Tx, call: Call, request: dict[str, Any]) -> list[_Read]:
    reads = []
    for name, each in request["RequestItems"].items():
        table, contents = require_table(call, name)
        reads.append(_Read(name, each, table, contents, Meter(request, table, name)))
    return reads


def _read_piece(tx: Tx, each: _Read, at: int) -> list[StoredItem | None]:
    found: list[StoredItem | None] = []
    size_bytes = 0
    for key in each.keys[at:]:
        stored = engine.find(tx, each.contents.item_at(key))
        found.append(stored)
        size_bytes += stored.size_bytes if stored is not None else 0
        if size_bytes >= BYTES_PER_PIECE:
            break
    return found


def _take(each: _Read, found: list[StoredItem | None], items: list[msgspec.Raw]) -> None:
    for stored in found:
        found_bytes = stored.size_bytes if stored is not None else 0
        each.meter.add(sizes.read_units(found_bytes, consistent=each.consistent))
        if stored is not None:
            items.append(projected(stored, each.projection))


def _with_capacity(call: Call, answer: dict[str, Any], meters: list[Meter], kind: str) -> dict[str, Any]:
    for meter in meters:
        meter.count(call, kind)
    if meters and meters[0].is_wanted:
        answer["ConsumedCapacity"] = [meter.told() for meter in meters]
    return answer


@dynamodb.operation("BatchWriteItem")
async def batch_write_item(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if sum(map(len, request["RequestItems"].values())) > rules.BATCH_WRITE_ITEMS_MAX:
        raise invalid("Too many items requested for the BatchWriteItem call")
    writes, meters = await _writes(call, request)
    unprocessed: dict[str, list[dict[str, Any]]] = {}
    at = 0
    while at < len(writes):
        try:
            changes = call.transact(_write_piece, writes, at)
        except StoreError:
            if at == 0:
                raise
            # What was written stays and is answered; the client sends the rest again, as it would to AWS.
            for name, given, _ in writes[at:]:
                unprocessed.setdefault(name, []).append(_sendable(given))
            break
        for (name, _, write), change in zip(writes[at:], changes):
            meter = meters[name]
            indexes = engine.index_write_units(write.table, change) if meter.is_wanted else None
            meter.add(sizes.write_units(change.size_bytes), indexes)
        at += len(changes)
        await call.pause()
    return _with_capacity(call, {"UnprocessedItems": unprocessed}, list(meters.values()), "Write")


_Writes = list[tuple[str, dict[str, Any], Write]]


async def _writes(call: Call, request: dict[str, Any]) -> tuple[_Writes, dict[str, Meter]]:
    """Every write checked before the first is done."""
    writes: _Writes = []
    meters: dict[str, Meter] = {}
    for name, given in request["RequestItems"].items():
        seen: set[ItemKey] = set()
        at = 0
        while at < len(given):
            if writes:
                await call.pause()
            checked: list[Write] = call.transact(_checked_piece, call, name, given[at:], seen)
            writes += [(name, each, write) for each, write in zip(given[at:], checked)]
            seen |= {write.place.key for write in checked}
            at += len(checked)
        meters[name] = Meter(request, writes[-1][2].table, name)
    return writes, meters


def _checked_piece(tx: Tx, call: Call, name: str, given: list[dict[str, Any]], seen: set[ItemKey]) -> list[Write]:
    """The first of `given`, checked; none has a key that was seen."""
    require = cache(partial(require_table, call))
    checked: list[Write] = []
    keys: set[ItemKey] = set()
    size_bytes = 0
    for each in given:
        write = _write(require, name, each)
        key = write.place.key
        if key in seen or key in keys:
            raise invalid(_DUPLICATES)
        keys.add(key)
        checked.append(write)
        size_bytes += write.put.size_bytes if write.put is not None else 0
        if size_bytes >= BYTES_CHECKED_PER_PIECE:
            break
    return checked


def _write(require: Require, table_name: str, given: dict[str, Any]) -> Write:
    put, delete = given.get("PutRequest"), given.get("DeleteRequest")
    if (put is None) == (delete is None):
        raise invalid("Supplied WriteRequest must contain exactly one of PutRequest and DeleteRequest")
    if put is not None:
        return bare_put(require, table_name, put["Item"])
    assert delete is not None
    return bare_delete(require, table_name, delete["Key"])


def _write_piece(tx: Tx, writes: _Writes, at: int) -> list[engine.Change]:
    changes: list[engine.Change] = []
    counts = engine.Counts()
    size_bytes = 0
    for _, _, write in writes[at:]:
        change = write.perform(tx, counts)
        changes.append(change)
        size_bytes += change.size_bytes
        if size_bytes >= BYTES_PER_PIECE:
            break
    counts.store(tx)
    return changes


def _sendable(given: dict[str, Any]) -> dict[str, Any]:
    """A WriteRequest as it is sent back."""
    if "PutRequest" in given:
        return {"PutRequest": {"Item": canonical_item(given["PutRequest"]["Item"])}}
    return {"DeleteRequest": {"Key": canonical_item(given["DeleteRequest"]["Key"])}}
