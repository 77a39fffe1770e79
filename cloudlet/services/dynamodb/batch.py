"""Batches: many items of several tables, each for itself. AWS promises no atomicity, so each piece is a transaction."""

from collections.abc import Iterator
from typing import Any

import msgspec

from cloudlet.kit.call import Call
from cloudlet.services.dynamodb import engine, rules, schema, sizes
from cloudlet.services.dynamodb.capacity import Meter
from cloudlet.services.dynamodb.errors import invalid
from cloudlet.services.dynamodb.expressions.paths import PathTree
from cloudlet.services.dynamodb.expressions.request import read
from cloudlet.services.dynamodb.item import Write, delete_write, projected, put_write
from cloudlet.services.dynamodb.keys import Contents, ItemKey
from cloudlet.services.dynamodb.lookup import require_table
from cloudlet.services.dynamodb.records import Table
from cloudlet.services.dynamodb.service import dynamodb
from cloudlet.services.dynamodb.values import canonical_item
from cloudlet.store.errors import StoreError
from cloudlet.store.transaction import Tx

KEYS_PER_PIECE = 25
WRITES_PER_PIECE = 5  # of up to 400 KB each, with their index entries
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
    for each, piece in _pieces(reads):
        if size_bytes >= rules.BATCH_GET_BYTES_MAX:
            left = unprocessed.setdefault(each.name, request["RequestItems"][each.name] | {"Keys": []})
            left["Keys"] += [_sendable(each.given[at]) for at in piece]
            continue
        for stored in call.transact(_read_piece, each, [each.keys[at] for at in piece]):
            found_bytes = stored.size_bytes if stored is not None else 0
            each.meter.add(sizes.read_units(found_bytes, consistent=each.consistent))
            if stored is not None:
                size_bytes += found_bytes
                responses[each.name].append(projected(stored, each.projection))
        await call.pause()
    answer: dict[str, Any] = {"Responses": responses, "UnprocessedKeys": unprocessed}
    return _with_capacity(call, answer, [each.meter for each in reads], "Read")


def _reads(tx: Tx, call: Call, request: dict[str, Any]) -> list[_Read]:
    reads = []
    for name, each in request["RequestItems"].items():
        table, contents = require_table(call, name)
        reads.append(_Read(name, each, table, contents, Meter(request, table, name)))
    return reads


def _pieces(reads: list[_Read]) -> Iterator[tuple[_Read, range]]:
    for each in reads:
        for begin in range(0, len(each.keys), KEYS_PER_PIECE):
            yield each, range(begin, min(begin + KEYS_PER_PIECE, len(each.keys)))


def _read_piece(tx: Tx, each: _Read, keys: list[ItemKey]) -> list[Any]:
    return [engine.find(tx, each.contents, key) for key in keys]


def _sendable(item: dict[str, Any]) -> dict[str, Any]:
    return canonical_item(item)


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
    writes, meters = call.transact(_writes, call, request)
    unprocessed: dict[str, list[dict[str, Any]]] = {}
    for begin in range(0, len(writes), WRITES_PER_PIECE):
        piece = writes[begin : begin + WRITES_PER_PIECE]
        try:
            changes = call.transact(_write_piece, [write for _, _, write in piece])
        except StoreError:
            if begin == 0:
                raise
            # What was written stays and is answered; the client sends the rest again, as DynamoDB's do.
            for name, given, _ in writes[begin:]:
                unprocessed.setdefault(name, []).append(_sendable_request(given))
            break
        for (name, _, write), change in zip(piece, changes):
            meter = meters[name]
            indexes = engine.index_write_units(write.table, change) if meter.is_wanted else None
            meter.add(sizes.write_units(change.size_bytes), indexes)
        await call.pause()
    return _with_capacity(call, {"UnprocessedItems": unprocessed}, list(meters.values()), "Write")


_Writes = list[tuple[str, dict[str, Any], Write]]


def _writes(tx: Tx, call: Call, request: dict[str, Any]) -> tuple[_Writes, dict[str, Meter]]:
    """Every write checked before the first is done."""
    writes: _Writes = []
    meters: dict[str, Meter] = {}
    for name, given in request["RequestItems"].items():
        seen: set[ItemKey] = set()
        for each in given:
            write = _write(call, name, each)
            if write.key in seen:
                raise invalid(_DUPLICATES)
            seen.add(write.key)
            writes.append((name, each, write))
        table, _ = require_table(call, name)
        meters[name] = Meter(request, table, name)
    return writes, meters


def _write(call: Call, table_name: str, given: dict[str, Any]) -> Write:
    put, delete = given.get("PutRequest"), given.get("DeleteRequest")
    if (put is None) == (delete is None):
        raise invalid("Supplied WriteRequest must contain exactly one of PutRequest and DeleteRequest")
    if put is not None:
        return put_write(call, {"TableName": table_name, "Item": put["Item"]})
    assert delete is not None
    return delete_write(call, {"TableName": table_name, "Key": delete["Key"]})


def _write_piece(tx: Tx, writes: list[Write]) -> list[engine.Change]:
    return [write.perform(tx) for write in writes]


def _sendable_request(given: dict[str, Any]) -> dict[str, Any]:
    """A WriteRequest as it is sent back."""
    if "PutRequest" in given:
        return {"PutRequest": {"Item": canonical_item(given["PutRequest"]["Item"])}}
    return {"DeleteRequest": {"Key": canonical_item(given["DeleteRequest"]["Key"])}}
