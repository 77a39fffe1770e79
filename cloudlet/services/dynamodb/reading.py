"""What Query and Scan share: a stretch of a table or index read in pieces, filtered, up to a page.

A page is read in several transactions, each short enough for the loop; DynamoDB promises no more of a page either.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from cloudlet.kit.call import Call
from cloudlet.services.dynamodb import engine, rules, schema
from cloudlet.services.dynamodb.capacity import Meter
from cloudlet.services.dynamodb.errors import invalid, invalid_parameter
from cloudlet.services.dynamodb.expressions.request import Expressions
from cloudlet.services.dynamodb.item import MEMBERS_AT_ONCE_MAX, projected
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


class Rows(NamedTuple):
    """What one transaction read."""

    found: list[tuple[bytes, StoredItem]]  # by their keys in the table or index
    rest: Bounds | None  # None: the stretch is finished


class Piece(NamedTuple):
    """What the page shows of it."""

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

    def read(self, tx: Tx) -> Rows:
        """The next rows; nothing of the page changes until `take`."""
        begin, end = self.bounds or Bounds(b"", b"")
        if begin >= end:
            return Rows([], None)
        limit = ROWS_PER_PIECE if self.limit is None else min(ROWS_PER_PIECE, self.limit - self.scanned)
        found = tx.scan(begin, end, limit=limit, bytes_max=BYTES_PER_PIECE, reverse=self.is_reverse)
        rest = None if found.resume is None else self._behind(found.rows[-1][0])
        if self.target.index is None:
            return Rows([(key, StoredItem.decode(value)) for key, value in found.rows], rest)
        rows: list[tuple[bytes, StoredItem]] = []
        size_bytes = 0
        for key, _ in found.rows:
            stored = self._indexed(tx, key)
            rows.append((key, stored))
            size_bytes += len(stored.wire)
            if size_bytes >= BYTES_PER_PIECE:
                return Rows(rows, self._behind(key))
        return Rows(rows, rest)

    def look_at(self, rows: Rows) -> Piece:
        """What the page shows of them: of values alone, in a thread where there is much to look at."""
        table, index = self.target.table, self.target.index
        condition, projection = self.expressions.filter, self.expressions.projection
        shows_items = self.request.get("Select") != "COUNT"
        items: list[msgspec.Raw] = []
        last, scanned, matched, size_bytes = None, 0, 0, 0
        for key, found in rows.found:
            stored = found if index is None else engine.as_projected(table, index, found)
            last, scanned, size_bytes = stored, scanned + 1, size_bytes + stored.size_bytes
            if condition is None or condition.holds(stored.part(condition.names)):
                matched += 1
                if shows_items:
                    items.append(projected(stored, projection))
            if self.size_bytes + size_bytes >= rules.PAGE_BYTES_MAX:
                return Piece(items, scanned, matched, size_bytes, last, self._behind(key))
        return Piece(items, scanned, matched, size_bytes, last, rows.rest)

    def members(self, rows: Rows) -> int:
        """About how many members of the rows are looked at."""
        expressions, names = self.expressions, self._names_shown
        looked_at: frozenset[str] = frozenset() if names is None else names
        if expressions.filter is not None:
            looked_at |= expressions.filter.names
        if expressions.projection is not None:
            looked_at |= frozenset(expressions.projection.names)
        if not looked_at:
            return 0
        return sum(stored.members(looked_at) for _, stored in rows.found)

    @property
    def _names_shown(self) -> frozenset[str] | None:
        target = self.target
        return None if target.index is None else schema.projected_names(target.table, target.index)

    def _behind(self, key: bytes) -> Bounds:
        assert self.bounds is not None
        return Bounds(self.bounds.begin, key) if self.is_reverse else Bounds(after(key), self.bounds.end)

    def _indexed(self, tx: Tx, key: bytes) -> StoredItem:
        """The item that an index's key names."""
        target = self.target
        base: ItemKey = target.contents.base_of(key, target.table.schema.range is not None)
        stored = engine.find(tx, target.contents.item_at(base))
        assert stored is not None, f"an index of table {target.table.name} names an item that isn't there"
        return stored

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
        names = self.target.key_names
        return key_of(names, last.part(names))


async def fill(call: Call, begin: Callable[[Tx, Call, dict[str, Any]], Page], request: dict[str, Any]) -> Page:
    """The page that `begin` makes, read until it is full or the stretch ends, letting others run in between."""
    page, rows = call.transact(_first, call, begin, request)
    await _take(page, rows)
    while page.bounds is not None and not page.is_full:
        await call.pause()
        await _take(page, call.transact(page.read))
    return page


def _first(
    tx: Tx, call: Call, begin: Callable[[Tx, Call, dict[str, Any]], Page], request: dict[str, Any]
) -> tuple[Page, Rows]:
    page = begin(tx, call, request)
    return page, page.read(tx)


async def _take(page: Page, rows: Rows) -> None:
    if page.members(rows) > MEMBERS_AT_ONCE_MAX:
        page.take(await asyncio.to_thread(page.look_at, rows))
    else:
        page.take(page.look_at(rows))
