"""Which keys were written but are not on disk yet, and by which write: what the horizon rule asks."""

from collections import deque
from collections.abc import Iterable

KEYS_MAX = 100_000


class Unsynced:
    """Emptied by the journal, bounded: when too many keys are waiting, every read waits for all of them."""

    __slots__ = ("_batches", "by_key", "floor", "keys_max")

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self.by_key: dict[bytes, int] = {}
        self.floor = 0  # no read has a lower horizon than this
        self.keys_max = keys_max
        self._batches: deque[tuple[int, tuple[bytes, ...]]] = deque()

    def wrote(self, sequence: int, keys: Iterable[bytes]) -> None:
        batch = tuple(keys)
        by_key = self.by_key
        for key in batch:
            by_key[key] = sequence
        self._batches.append((sequence, batch))
        if len(by_key) > self.keys_max:
            by_key.clear()
            self._batches.clear()
            self.floor = sequence

    def synced(self, sequence: int) -> None:
        batches, by_key = self._batches, self.by_key
        while batches and batches[0][0] <= sequence:
            written, keys = batches.popleft()
            for key in keys:
                if by_key.get(key) == written:
                    del by_key[key]
