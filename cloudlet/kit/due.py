"""What is due when: the one home of everything that is inserted behind and deleted in front.

A plain scan from the start would walk the tombstones of all that was ever taken. So an index keeps a low-water mark,
a key before which it holds nothing: raised when entries are taken, lowered in the same transaction by an earlier
insert. Every scan starts there and ends at a bound.

    Layout below the given subspace
    mark   ("mark",)               -> the first key that may hold an entry
    entry  ("entry", due_ms, *tie) -> value
`tie` orders what is due at the same moment: a tuple of the caller's, usually a sequence.
"""

from typing import NamedTuple

from cloudlet.kit import page
from cloudlet.store.engine import Row
from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx

MARK_LAG_MS = 1_000  # an empty look moves the mark only when it lags this much: else every empty poll would write
LOOK_AHEAD_MS = 1_000  # next_due looks no further: taken-back entries may lie thick beyond
FOREVER_MS = 1 << 52


class DueEntry(NamedTuple):
    due_ms: int
    tie: tuple
    value: bytes


class DueIndex:
    """One index, e.g. the receivable messages of one queue."""

    def __init__(self, space: Subspace, *, ahead_ms: int = 0) -> None:
        """`ahead_ms`: for entries put long before they are due. An empty look goes so far beyond now, and the looks of
        that time to come neither scan nor write; an entry put meanwhile for this time costs a write more."""
        self._mark_key = space.key("mark")
        self._entries = space["entry"]
        self._ahead_ms = ahead_ms

    def put(self, tx: Tx, due_ms: int, tie: tuple, value: bytes = b"") -> None:
        key = self._entries.key(due_ms, *tie)
        tx.put(key, value)
        if key < self._mark(tx):
            tx.put(self._mark_key, key)

    def remove(self, tx: Tx, due_ms: int, tie: tuple) -> None:
        tx.delete(self._entries.key(due_ms, *tie))

    def due(self, tx: Tx, now_ms: int, limit: int) -> list[DueEntry]:
        """The first `limit` entries due by `now_ms`, soonest first, left where they are."""
        mark = self._mark(tx)
        rows = self._look(tx, mark, now_ms, limit)
        if rows and mark < self._entries.key(now_ms - MARK_LAG_MS):
            tx.put(self._mark_key, rows[0][0])
        return [self._entry(row) for row in rows]

    def claim(self, tx: Tx, now_ms: int, limit: int) -> list[DueEntry]:
        """Take (and remove) the first `limit` entries due by `now_ms`, soonest first."""
        rows = self._look(tx, self._mark(tx), now_ms, limit)
        for key, _ in rows:
            tx.delete(key)
        if rows:
            tx.put(self._mark_key, rows[-1][0] + b"\x00")
        return [self._entry(row) for row in rows]

    def _look(self, tx: Tx, mark: bytes, now_ms: int, limit: int) -> list[Row]:
        """What is due. If nothing is, the mark moves behind what was looked through."""
        end = self._entries.key(now_ms + 1)
        if mark >= end:
            return []
        until_ms = now_ms + self._ahead_ms
        rows = self._rows(tx, mark, until_ms, limit)
        due = [row for row in rows if row[0] < end] if self._ahead_ms else rows
        if not due and mark < self._entries.key(until_ms - MARK_LAG_MS):
            tx.put(self._mark_key, rows[0][0] if rows else self._entries.key(until_ms + 1))
        return due

    def next_due(self, tx: Tx, now_ms: int) -> int | None:
        """When the next entry is due, if within LOOK_AHEAD_MS; None says "ask again then"."""
        rows = self._rows(tx, self._mark(tx), now_ms + LOOK_AHEAD_MS, 1)
        return self._entry(rows[0]).due_ms if rows else None

    def first_due(self, tx: Tx) -> int | None:
        """When the next entry is due, however far off; for indexes from which little is taken back."""
        entries = self.first(tx, 1)
        return entries[0].due_ms if entries else None

    def first(self, tx: Tx, limit: int) -> list[DueEntry]:
        """The first entries, however far off; likewise."""
        return [self._entry(row) for row in self._rows(tx, self._mark(tx), FOREVER_MS, limit)]

    def _rows(self, tx: Tx, mark: bytes, until_ms: int, limit: int) -> list[Row]:
        end = self._entries.key(until_ms + 1)
        return page.first(tx, mark, end, limit) if mark < end else []

    def _entry(self, row: Row) -> DueEntry:
        due_ms, *tie = self._entries.unpack(row[0])
        return DueEntry(due_ms, tuple(tie), row[1])

    def _mark(self, tx: Tx) -> bytes:
        return tx.get(self._mark_key) or self._entries.prefix
