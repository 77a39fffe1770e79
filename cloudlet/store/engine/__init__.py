"""What an engine is: an ordered map of bytes to bytes that takes atomic writes and can be synced.

Knows nothing of transactions, horizons, split values or blobs: those are above, the same for every engine. One
conformance suite (tests/store/test_engine_conformance.py) runs over all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Row = tuple[bytes, bytes]
Changes = Mapping[bytes, bytes | None]  # None deletes


@dataclass(slots=True)
class Counters:
    """What an engine did so far: tests assert cost by these, never by a clock."""

    gets: int = 0
    scans: int = 0
    rows: int = 0  # stepped by scans, whether handed out or not
    writes: int = 0
    keys_written: int = 0
    guard_hits: int = 0  # scans that met too many tombstones and had to be repeated


class Engine(Protocol):
    counters: Counters

    def get(self, key: bytes) -> bytes | None:
        """The value, or None. Any thread."""

    def scan(
        self, begin: bytes, end: bytes, limit: int, bytes_max: int, reverse: bool, *, patient: bool = False
    ) -> tuple[list[Row], bool]:
        """Rows of begin ≤ key < end in order (reverse: from the end), and whether more follow.

        Stops after `limit` rows, or with the row that reaches `bytes_max`. `patient`: it may be a long way over deleted
        keys, which else is somebody's mistake. Any thread.
        """

    def write(self, changes: Changes) -> int:
        """Apply all or nothing; the new sequence, higher than any before. Visible at once, durable after `sync`.

        Recovery keeps a prefix of the writes. One thread at a time.
        """

    def sequence(self) -> int:
        """The sequence of the last write applied; survives reopening."""

    def sync_scope(self) -> Any:
        """What a `sync` has to reach for everything written before this call. On the thread that writes."""

    def sync(self, scope: Any = None) -> None:
        """Everything written before the call, or before that of `scope`, is on disk afterwards. Any thread."""

    def compact(self, begin: bytes, end: bytes) -> None:
        """Drop what deletes left behind in this range. Slow; any thread."""

    def tidy(self) -> None:
        """Begin to give back what recent deletes freed, if that is worth it. Any thread."""

    def size_bytes(self) -> int:
        """On disk, about."""

    def count_keys(self) -> int:
        """How many, about."""

    def close(self) -> None:
        """Let go of everything; further calls fail."""
