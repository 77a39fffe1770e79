"""Ordered logs: append in a transaction, read from a position, trim by age. Stream shards are made of this.

Positions are given by the log, one after the other without gaps from 0 on; they order it, never time. Trimming keeps
the first position that is left, so that no read walks over what was deleted in front.

    Layout below the given subspace
    state  ("s",)           -> first position kept, next position to be given
    entry  ("e", position)  -> when it was appended, then the value
"""

import struct
from typing import NamedTuple

from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import SCAN_BYTES_MAX, SCAN_ROWS_MAX, Tx

_state = struct.Struct(">QQ")
_time = struct.Struct(">Q")


class LogEntry(NamedTuple):
    position: int
    at_ms: int
    value: bytes


class LogPage(NamedTuple):
    entries: list[LogEntry]
    next_position: int  # where to go on, also for what is appended later
    is_end: bool  # nothing more was there


class Log:
    """One log, e.g. one shard of a stream."""

    def __init__(self, space: Subspace) -> None:
        self._state_key, self._entries = space.key("s"), space["e"]

    def append(self, tx: Tx, value: bytes, now_ms: int) -> int:
        """Add one entry at the end; returns its position. Reads find it from the commit on."""
        first, position = self.bounds(tx)
        tx.put(self._entries.key(position), _time.pack(now_ms) + value)
        tx.put(self._state_key, _state.pack(first, position + 1))
        return position

    def bounds(self, tx: Tx) -> tuple[int, int]:
        """The first position that is left, and the one the next entry gets."""
        stored = tx.get(self._state_key)
        return _state.unpack(stored) if stored else (0, 0)

    def read(self, tx: Tx, position: int, *, limit: int = SCAN_ROWS_MAX, bytes_max: int = SCAN_BYTES_MAX) -> LogPage:
        """Entries from `position` on, up to `limit` or the one that reaches `bytes_max`; over what was trimmed."""
        first, following = self.bounds(tx)
        position = max(position, first)
        if position >= following:
            return LogPage([], position, True)
        begin, end = self._entries.key(position), self._entries.key(following)
        found = tx.scan(begin, end, limit=limit, bytes_max=bytes_max)
        entries = [self._entry(key, value) for key, value in found.rows]
        return LogPage(entries, entries[-1].position + 1, found.resume is None)

    def position_at(self, tx: Tx, at_ms: int) -> int:
        """The position of the first entry appended at `at_ms` or later; the next one if there is none yet."""
        low, high = self.bounds(tx)
        while low < high:
            middle = (low + high) // 2
            if self._at_ms(tx, middle) < at_ms:
                low = middle + 1
            else:
                high = middle
        return low

    def trim(self, tx: Tx, before_ms: int, limit: int = SCAN_ROWS_MAX) -> bool:
        """Delete up to `limit` entries appended before `before_ms`, oldest first; True if there may be more."""
        first, following = self.bounds(tx)
        if first == following:
            return False
        found = tx.scan(self._entries.key(first), self._entries.key(following), limit=limit)
        removed = 0
        for key, value in found.rows:
            if self._entry(key, value).at_ms >= before_ms:
                break
            tx.delete(key)
            removed += 1
        if removed:
            tx.put(self._state_key, _state.pack(first + removed, following))
        return removed == len(found.rows) and found.resume is not None

    def _at_ms(self, tx: Tx, position: int) -> int:
        stored = tx.get(self._entries.key(position))
        assert stored is not None, f"the log lacks position {position}"
        return _time.unpack_from(stored)[0]

    def _entry(self, key: bytes, stored: bytes) -> LogEntry:
        (position,) = self._entries.unpack(key)
        return LogEntry(position, _time.unpack_from(stored)[0], stored[_time.size :])
