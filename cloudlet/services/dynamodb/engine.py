"""What a table does: read an item, write one with its index entries and tallies. Values in, values out.

An index holds keys only; its items are read from the table. So a write touches an index only when the index's key
changes, and its cost doesn't grow with what the index projects.
"""

from typing import NamedTuple

from cloudlet.kit.counter import SHARDS, Tally
from cloudlet.services.dynamodb import schema, sizes
from cloudlet.services.dynamodb.keys import Contents, ItemKey
from cloudlet.services.dynamodb.records import Index, StoredItem, Table, key_of
from cloudlet.services.dynamodb.values import Item
from cloudlet.store.transaction import Tx


class Place(NamedTuple):
    """Where an item stands, or would."""

    table: Table
    contents: Contents
    key: ItemKey
    at: bytes  # the store's key

    @classmethod
    def of(cls, table: Table, contents: Contents, key: ItemKey) -> "Place":
        return cls(table, contents, key, contents.item_at(key))


class Change(NamedTuple):
    """An item before and after a write; None where there is none."""

    before: StoredItem | None
    after: StoredItem | None

    @property
    def size_bytes(self) -> int:
        """What a write is charged by: the larger of both."""
        return max(self.before.size_bytes if self.before else 0, self.after.size_bytes if self.after else 0)


class Counts:
    """What the writes of one transaction add to the tallies of tables and indexes: stored once, at its end."""

    def __init__(self) -> None:
        self._added: dict[tuple[Tally, int], tuple[int, int]] = {}

    def add(
        self, contents: Contents, index_id: str, key: ItemKey, before: StoredItem | None, after: StoredItem | None
    ) -> None:
        place = contents.tally(index_id), key.slot % SHARDS
        items, size_bytes = self._added.get(place, (0, 0))
        items += (after is not None) - (before is not None)
        size_bytes += (after.size_bytes if after is not None else 0) - (before.size_bytes if before is not None else 0)
        self._added[place] = items, size_bytes

    def store(self, tx: Tx) -> None:
        for (tally, shard), added in self._added.items():
            if any(added):
                tally.add(tx, shard, *added)


def find(tx: Tx, at: bytes) -> StoredItem | None:
    stored = tx.get(at)
    return StoredItem.decode(stored) if stored is not None else None


def write(tx: Tx, place: Place, before: StoredItem | None, after: StoredItem | None, counts: Counts) -> Change:
    """Put `after` (None: nothing) in the place of `before`, in the table and its indexes."""
    change = Change(before, after)
    if after is not None:
        tx.put(place.at, after.encode())
    elif before is not None:
        tx.delete(place.at)
    else:
        return change
    counts.add(place.contents, "", place.key, before, after)
    for index in place.table.indexes.values():
        _write_entry(tx, place, index, change, counts)
    return change


def _write_entry(tx: Tx, place: Place, index: Index, change: Change, counts: Counts) -> None:
    table, contents, key, _ = place
    before, after = change
    names = index.schema.names
    entry_before = schema.index_key(table, index, before.part(names)) if before is not None else None
    entry_after = schema.index_key(table, index, after.part(names)) if after is not None else None
    if index.is_backfilling and entry_before is not None:
        # The backfill may not have come here yet: only what stands in the index is taken out and counted off.
        is_there = tx.get(contents.index_entry(index.id, entry_before, key)) is not None
        entry_before = entry_before if is_there else None
    if entry_before != entry_after:
        if entry_before is not None:
            tx.delete(contents.index_entry(index.id, entry_before, key))
        if entry_after is not None:
            tx.put(contents.index_entry(index.id, entry_after, key), b"")
    counts.add(
        contents,
        index.id,
        key,
        before if entry_before is not None else None,
        after if entry_after is not None else None,
    )


def backfill(
    tx: Tx, table: Table, contents: Contents, index: Index, key: ItemKey, stored: StoredItem, counts: Counts
) -> None:
    """Add an item that was there before the index, unless a write since then did."""
    entry = schema.index_key(table, index, stored.part(index.schema.names))
    if entry is None:
        return
    place = contents.index_entry(index.id, entry, key)
    if tx.get(place) is None:
        tx.put(place, b"")
        counts.add(contents, index.id, key, None, stored)


def as_projected(table: Table, index: Index, stored: StoredItem) -> StoredItem:
    """What an index shows of an item."""
    names = schema.projected_names(table, index)
    if names is None:
        return stored
    return StoredItem.of(stored.only(names))


def index_write_units(table: Table, change: Change, *, transactional: bool = False) -> dict[str, float]:
    """What a write consumes of each index: nothing where the entry stays as it was, two writes where it moves."""
    units: dict[str, float] = {}
    for index in table.indexes.values():
        before, after = _entry_of(table, index, change.before), _entry_of(table, index, change.after)
        if before == after:
            continue
        keys = (*table.schema.names, *index.schema.names)
        if before is not None and after is not None and key_of(keys, before) == key_of(keys, after):
            before = None  # changed in its place: one write
        units[index.name] = sum(
            sizes.write_units(sizes.item_bytes(entry), transactional=transactional)
            for entry in (before, after)
            if entry is not None
        )
    return units


def _entry_of(table: Table, index: Index, stored: StoredItem | None) -> Item | None:
    if stored is None:
        return None
    if schema.index_key(table, index, stored.part(index.schema.names)) is None:
        return None
    names = schema.projected_names(table, index)
    return stored.item if names is None else stored.only(names)
