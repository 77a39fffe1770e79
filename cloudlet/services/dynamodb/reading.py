"""What Query and Scan share: a stretch of a table or index read in pieces, filtered, up to a page.

A page is read in several transactions, each short enough for the loop; DynamoDB promises no more of a page either.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from cloudlet.kit.call import Call
from cloudlet.services.dynamodb import engine, rules, schema
from cloudlet.services.dynamodb.capacity import Meter
from cloudlet.services.dynamodb.errors import invalid, invalid_parameter
from cloudlet.services.dynamodb.expressions.request import Expressions
from cloudlet.services.dynamodb.item import projected
from cloudlet.services.dynamodb.keys import Bounds, Contents, ItemKey, after
from cloudlet.services.dynamodb.lookup import require_table
from cloudlet.services.dynamodb.records import Index, KeySchema, StoredItem, Table, key_of
from cloudlet.services.dynamodb.sizes import read_units
from cloudlet.services.dynamodb.values import Item, canonical_item
from cloudlet.store.transaction import Tx

ROWS_PER_PIECE = 250
BYTES_PER_PIECE = 256 << 10


@dataclass(frozen=True, slots=True)
class Target:
    """What is read: a table, or one of its indexes."""

    table: Table
    contents: Contents
    index: Index | None

    @property
    def schema(self) -> KeySchema:
        return self.index.schema if self.index is not None else self.table.schema

    @property
    def key_names(self) -> tuple[str, ...]:
        """Of a LastEvaluatedKey."""
        names = self.table.schema.names
        if self.index is None:
            return names
        return tuple(dict.fromkeys((*self.index.schema.names, *names)))

    def prefix(self, *parts: Any) -> bytes:
        """The key, in the table or index, of what begins with `parts` (slot, hash, range)."""
        if self.index is not None:
            return self.contents.index(self.index.id).key(*parts)
        return self.contents.item.key(*parts)

    def place(self, item: Item) -> bytes | None:
        """Where an item with at least the key attributes stands; None if it has no place here."""
        base = schema.key_of_request(self.table, key_of(self.table.schema.names, item))
        if self.index is None:
            return self.contents.item_at(base)
        entry = schema.index_key(self.table, self.index, item)
        return None if entry is None else self.contents.index_entry(self.index.id, entry, base)


def require_target(call: Call, request: dict[str, Any]) -> Target:
    table, contents = require_table(call, request["TableName"])
    name = request.get("IndexName")
    if name is None:
        return Target(table, contents, None)
    index = table.indexes.get(name)
    if index is None:
        raise invalid(f"The table does not have the specified index: {name}")
    if request.get("ConsistentRead"):
        raise invalid("Consistent reads are not supported on global secondary indexes")
    if index.is_backfilling:
        raise invalid(f"Cannot read from backfilling global secondary index: {name}")
    return Target(table, contents, index)


def check_select(request: dict[str, Any], target: Target, expressions: Expressions, verb: str) -> None:
    """Select against the projection; `verb` is Querying or Scanning."""
    select, index = request.get("Select"), target.index
    given = next((name for name in ("AttributesToGet", "ProjectionExpression") if request.get(name) is not None), None)
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise invalid_parameter(f"ALL_PROJECTED_ATTRIBUTES can be used only when {verb} using an IndexName")
    if select == "SPECIFIC_ATTRIBUTES" and given is None:
        raise invalid(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if given is not None and select in ("ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "COUNT"):
        what = "only the Count" if select == "COUNT" else select
        raise invalid(f"Cannot specify the {given} when choosing to get {what}")
    if index is None:
        return
    names = schema.projected_names(target.table, index)
    if select == "ALL_ATTRIBUTES" and names is not None:
        raise invalid_parameter(
            f"Select type ALL_ATTRIBUTES is not supported for global secondary index {index.name} "
            "because its projection type is not ALL"
        )
    missing = [str(path[0]) for path in expressions.projection_paths if names is not None and path[0] not in names]
    if missing:
        raise invalid_parameter(f"Global secondary index {index.name} does not project [{', '.join(missing)}]")


def start_key(request: dict[str, Any], target: Target) -> tuple[Item, bytes] | None:
    """ExclusiveStartKey and its place."""
    given = request.get("ExclusiveStartKey")
    if given is None:
        return None
    item = canonical_item(given)
    if set(item) != set(target.key_names):
        raise invalid("The provided starting key is invalid")
    if any(target.table.types[name] not in value for name, value in item.items()):
        raise invalid("The provided starting key is invalid: The provided key element does not match the schema")
    place = target.place(item)
    if place is None:
        raise invalid("The provided starting key is invalid")
    return item, place


class Piece(NamedTuple):
    """What one transaction read."""

    items: list[msgspec.Raw]
    scanned: int
    matched: int
    size_bytes: int
    last: StoredItem | None  # the last item looked at
    rest: Bounds | None  # None: the stretch is finished


@dataclass(slots=True)
class Page:
    """One answer of Query or Scan, gathered."""

    request: dict[str, Any]
    target: Target
    expressions: Expressions
    bounds: Bounds | None
    is_reverse: bool = False
    items: list[msgspec.Raw] = field(default_factory=list)
    scanned: int = 0
    matched: int = 0
    size_bytes: int = 0
    last: StoredItem | None = None

    @property
    def limit(self) -> int | None:
        return self.request.get("Limit")

    @property
    def is_full(self) -> bool:
        return self.size_bytes >= rules.PAGE_BYTES_MAX or (self.limit is not None and self.scanned >= self.limit)

    def begin_after(self, place: bytes) -> None:
        """Go on behind where the last page ended."""
        assert self.bounds is not None
        begin, end = self.bounds
        self.bounds = Bounds(begin, min(end, place)) if self.is_reverse else Bounds(max(begin, after(place)), end)

    def take(self, piece: Piece) -> None:
        self.items += piece.items
        self.scanned += piece.scanned
        self.matched += piece.matched
        self.size_bytes += piece.size_bytes
        self.last = piece.last or self.last
        self.bounds = piece.rest

    def read(self, tx: Tx) -> Piece:
        """The next piece; nothing of the page changes until `take`."""
        begin, end = self.bounds or Bounds(b"", b"")
        if begin >= end:
            return Piece([], 0, 0, 0, None, None)
        limit = ROWS_PER_PIECE if self.limit is None else min(ROWS_PER_PIECE, self.limit - self.scanned)
        found = tx.scan(begin, end, limit=limit, bytes_max=BYTES_PER_PIECE, reverse=self.is_reverse)
        items: list[msgspec.Raw] = []
        last, scanned, matched, size_bytes = None, 0, 0, 0
        for key, value in found.rows:
            stored = self._shown(tx, key, value)
            last, scanned, size_bytes = stored, scanned + 1, size_bytes + stored.size_bytes
            if self._matches(stored):
                matched += 1
                if self.request.get("Select") != "COUNT":
                    items.append(projected(stored, self.expressions.projection))
            if self.size_bytes + size_bytes >= rules.PAGE_BYTES_MAX:
                return Piece(items, scanned, matched, size_bytes, last, self._behind(key))
        rest = None if found.resume is None else self._behind(found.rows[-1][0])
        return Piece(items, scanned, matched, size_bytes, last, rest)

    def _behind(self, key: bytes) -> Bounds:
        assert self.bounds is not None
        return Bounds(self.bounds.begin, key) if self.is_reverse else Bounds(after(key), self.bounds.end)

    def _shown(self, tx: Tx, key: bytes, value: bytes) -> StoredItem:
        target, index = self.target, self.target.index
        if index is None:
            return StoredItem.decode(value)
        base: ItemKey = target.contents.base_of(key, target.table.schema.range is not None)
        stored = engine.find(tx, target.contents.item_at(base))
        assert stored is not None, f"index {index.name} of table {target.table.name} names an item that isn't there"
        return engine.as_projected(target.table, index, stored)

    def _matches(self, stored: StoredItem) -> bool:
        condition = self.expressions.filter
        return condition is None or condition.holds(stored.item)

    def answer(self, call: Call) -> dict[str, Any]:
        answer: dict[str, Any] = {"Count": self.matched, "ScannedCount": self.scanned}
        if self.request.get("Select") != "COUNT":
            answer["Items"] = self.items
        if self.last is not None and self.is_full:
            answer["LastEvaluatedKey"] = self._last_key(self.last)
        target = self.target
        meter = Meter(self.request, target.table, self.request["TableName"])
        units = read_units(self.size_bytes, consistent=self.request.get("ConsistentRead", False))
        meter.add(*(units, None) if target.index is None else (0.0, {target.index.name: units}))
        meter.count(call, "Read")
        return meter.add_to(answer)

    def _last_key(self, last: StoredItem) -> Item:
        return key_of(self.target.key_names, last.item)


async def fill(call: Call, begin: Callable[[Tx, Call, dict[str, Any]], Page], request: dict[str, Any]) -> Page:
    """The page that `begin` makes, read until it is full or the stretch ends, letting others run in between."""
    page, piece = call.transact(_first, call, begin, request)
    page.take(piece)
    while page.bounds is not None and not page.is_full:
        await call.pause()
        page.take(call.transact(page.read))
    return page


def _first(
    tx: Tx, call: Call, begin: Callable[[Tx, Call, dict[str, Any]], Page], request: dict[str, Any]
) -> tuple[Page, Piece]:
    page = begin(tx, call, request)
    return page, page.read(tx)
