"""Batches: many items of several tables, each for itself. AWS promises no atomicity, so each piece is a transaction."""

from functools import cache
from typing import Any

import msgspec

from cloudlet.kit.call import Call
from cloudlet.services.dynamodb import engine, rules, schema, sizes
from cloudlet.services.dynamodb.capacity import Meter
from cloudlet.services.dynamodb.errors import invalid
from cloudlet.services.dynamodb.expressions.paths import PathTree
from cloudlet.services.dynamodb.expressions.request import read
from cloudlet.services.dynamodb.item import Write, all_projected, bare_delete, bare_put, index_units
from cloudlet.services.dynamodb.keys import Contents, ItemKey
from cloudlet.services.dynamodb.lookup import Require, checked, require_table
from cloudlet.services.dynamodb.records import StoredItem, Table
from cloudlet.services.dynamodb.service import dynamodb
from cloudlet.services.dynamodb.values import canonical_item
from cloudlet.store.errors import StoreError
from cloudlet.store.transaction import Tx

BYTES_PER_PIECE = 512 << 10  # a piece ends with the item that reaches it
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
            _take(each, found)
            there = [stored for stored in found if stored is not None]
            if each.projection is None:
                responses[each.name] += [stored.raw for stored in there]
            else:
                responses[each.name] += await call.transact_apart(_projected, call, each.projection, there)
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
        size_bytes += len(stored.wire) if stored is not None else 0
        if size_bytes >= BYTES_PER_PIECE:
            break
    return found


def _take(each: _Read, found: list[StoredItem | None]) -> None:
    for stored in found:
        found_bytes = stored.size_bytes if stored is not None else 0
        each.meter.add(sizes.read_units(found_bytes, consistent=each.consistent))


def _projected(tx: Tx, call: Call, projection: PathTree, found: list[StoredItem]) -> list[msgspec.Raw]:
    return all_projected(call, [(stored, projection) for stored in found])


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
    writes: _Writes = await call.transact_apart(_checked, call, request)
    meters: dict[str, Meter] = {}
    for name, _, write in writes:
        if name not in meters:
            meters[name] = Meter(request, write.table, name)
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
        indexes: list[dict[str, float]] = [{}] * len(changes)
        if any(meter.is_wanted for meter in meters.values()):
            changed = [(write.table, change) for (_, _, write), change in zip(writes[at:], changes)]
            indexes = await call.transact_apart(_index_units, call, changed)
        for (name, _, _), change, of_indexes in zip(writes[at:], changes, indexes):
            meters[name].add(sizes.write_units(change.size_bytes), of_indexes)
        at += len(changes)
        await call.pause()
    return _with_capacity(call, {"UnprocessedItems": unprocessed}, list(meters.values()), "Write")


_Writes = list[tuple[str, dict[str, Any], Write]]


def _checked(tx: Tx, call: Call, request: dict[str, Any]) -> _Writes:
    """Every write, checked before the first is done."""
    return checked(call, _writes, request, request["RequestItems"])


def _writes(require: Require, request: dict[str, Any]) -> _Writes:
    writes: _Writes = []
    require = cache(require)
    for name, given in request["RequestItems"].items():
        seen: set[ItemKey] = set()
        for each in given:
            write = _write(require, name, each)
            if write.place.key in seen:
                raise invalid(_DUPLICATES)
            seen.add(write.place.key)
            writes.append((name, each, write))
    return writes


def _index_units(tx: Tx, call: Call, changed: list[tuple[Table, engine.Change]]) -> list[dict[str, float]]:
    return index_units(call, changed)


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
        size_bytes += max(change.size_bytes, len(write.put.wire) if write.put is not None else 0)
        if size_bytes >= BYTES_PER_PIECE:
            break
    counts.store(tx)
    return changes


def _sendable(given: dict[str, Any]) -> dict[str, Any]:
    """A WriteRequest as it is sent back."""
    if "PutRequest" in given:
        return {"PutRequest": {"Item": canonical_item(given["PutRequest"]["Item"])}}
    return {"DeleteRequest": {"Key": canonical_item(given["DeleteRequest"]["Key"])}}
