"""What a table does: read an item, write one with its index entries and tallies. Values in, values out.

An index holds keys only; its items are read from the table. So a write touches an index only when the index's key
changes, and its cost doesn't grow with what the index projects.
"""

from typing import NamedTuple

from cloudlet.services.dynamodb import schema, sizes
from cloudlet.services.dynamodb.keys import Contents, ItemKey
from cloudlet.services.dynamodb.records import Index, StoredItem, Table, key_of
from cloudlet.services.dynamodb.values import Item
from cloudlet.store.transaction import Tx


class Change(NamedTuple):
    """An item before and after a write; None where there is none."""

    before: StoredItem | None
    after: StoredItem | None

    @property
    def size_bytes(self) -> int:
        """What a write is charged by: the larger of both."""
        return max(self.before.size_bytes if self.before else 0, self.after.size_bytes if self.after else 0)


def find(tx: Tx, contents: Contents, key: ItemKey) -> StoredItem | None:
    stored = tx.get(contents.item_at(key))
    return StoredItem.decode(stored) if stored is not None else None


def write(
    tx: Tx, table: Table, contents: Contents, key: ItemKey, before: StoredItem | None, after: StoredItem | None
) -> Change:
    """Put `after` (None: nothing) in the place of `before`, in the table and its indexes."""
    change = Change(before, after)
    if after is not None:
        tx.put(contents.item_at(key), after.encode())
    elif before is not None:
        tx.delete(contents.item_at(key))
    else:
        return change
    _count(tx, contents, "", key, before, after)
    for index in table.indexes.values():
        _write_entry(tx, table, contents, index, key, change)
    return change


def _count(
    tx: Tx, contents: Contents, index_id: str, key: ItemKey, before: StoredItem | None, after: StoredItem | None
) -> None:
    items = (after is not None) - (before is not None)
    size_bytes = (after.size_bytes if after else 0) - (before.size_bytes if before else 0)
    if items or size_bytes:
        contents.tally(index_id).add(tx, key.slot, items, size_bytes)


def _write_entry(tx: Tx, table: Table, contents: Contents, index: Index, key: ItemKey, change: Change) -> None:
    before, after = change
    entry_before = schema.index_key(table, index, before.item) if before is not None else None
    entry_after = schema.index_key(table, index, after.item) if after is not None else None
    if index.is_backfilling and entry_before is not None:
        # The backfill may not have come here yet: only what stands in the index is taken out and counted off.
        is_there = tx.get(contents.index_entry(index.id, entry_before, key)) is not None
        entry_before = entry_before if is_there else None
    if entry_before != entry_after:
        if entry_before is not None:
            tx.delete(contents.index_entry(index.id, entry_before, key))
        if entry_after is not None:
            tx.put(contents.index_entry(index.id, entry_after, key), b"")
    _count(
        tx,
        contents,
        index.id,
        key,
        before if entry_before is not None else None,
        after if entry_after is not None else None,
    )


def backfill(tx: Tx, table: Table, contents: Contents, index: Index, key: ItemKey, stored: StoredItem) -> None:
    """Add an item that was there before the index, unless a write since then did."""
    entry = schema.index_key(table, index, stored.item)
    if entry is None:
        return
    place = contents.index_entry(index.id, entry, key)
    if tx.get(place) is None:
        tx.put(place, b"")
        _count(tx, contents, index.id, key, None, stored)


def as_projected(table: Table, index: Index, stored: StoredItem) -> StoredItem:
    """What an index shows of an item."""
    names = schema.projected_names(table, index)
    if names is None:
        return stored
    return StoredItem.of({name: value for name, value in stored.item.items() if name in names})


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
    item = stored.item
    if schema.index_key(table, index, item) is None:
        return None
    names = schema.projected_names(table, index)
    return item if names is None else {name: value for name, value in item.items() if name in names}
