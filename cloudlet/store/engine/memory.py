"""An engine in memory: for tests, and for nodes told to keep nothing."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from cloudlet.store.engine import Changes, Counters, Row
from cloudlet.store.errors import StoreBroken

_BLOCK_MAX = 1024


class MemoryEngine:
    """A dict, and its keys sorted in blocks so that inserting stays cheap with a million of them."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._values: dict[bytes, bytes] = {}
        self._blocks: list[list[bytes]] = [[]]
        self._firsts: list[bytes] = [b""]  # each block's lower bound
        self._sequence = 0
        self._bytes = 0
        self._closed = False

    def get(self, key: bytes) -> bytes | None:
        self._check_open()
        self.counters.gets += 1
        return self._values.get(key)

    def scan(
        self, begin: bytes, end: bytes, limit: int, bytes_max: int, reverse: bool, *, patient: bool = False
    ) -> tuple[list[Row], bool]:
        self._check_open()
        self.counters.scans += 1
        rows: list[Row] = []
        size = 0
        for key in self._downward(begin, end) if reverse else self._upward(begin, end):
            if len(rows) == limit or size >= bytes_max:
                return rows, True
            value = self._values[key]
            self.counters.rows += 1
            rows.append((key, value))
            size += len(key) + len(value)
        return rows, False

    def write(self, changes: Changes) -> int:
        self._check_open()
        self.counters.writes += 1
        self.counters.keys_written += len(changes)
        for key, value in changes.items():
            old = self._values.get(key)
            if value is None:
                if old is not None:
                    self._remove(key)
                    self._bytes -= len(key) + len(old)
                continue
            if old is None:
                self._insert(key)
                self._bytes += len(key)
            self._bytes += len(value) - len(old or b"")
            self._values[key] = value
        self._sequence += 1
        return self._sequence

    def sequence(self) -> int:
        return self._sequence

    def sync_scope(self) -> None:
        """It knows itself what is not on disk yet."""

    def sync(self, scope: None = None) -> None:
        self._check_open()

    def compact(self, begin: bytes, end: bytes) -> None:
        self._check_open()

    def tidy(self) -> None:
        """Nothing waits to be given back."""

    def size_bytes(self) -> int:
        return self._bytes

    def count_keys(self) -> int:
        return len(self._values)

    def close(self) -> None:
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreBroken("the store is closed")

    def _block_of(self, key: bytes) -> int:
        at = bisect_left(self._firsts, key)
        return at if at < len(self._firsts) and self._firsts[at] == key else at - 1 if at else 0

    def _insert(self, key: bytes) -> None:
        at = self._block_of(key)
        block = self._blocks[at]
        insort(block, key)
        if len(block) > _BLOCK_MAX:
            half = len(block) // 2
            self._blocks[at : at + 1] = [block[:half], block[half:]]
            self._firsts.insert(at + 1, block[half])

    def _remove(self, key: bytes) -> None:
        at = self._block_of(key)
        block = self._blocks[at]
        del block[bisect_left(block, key)]
        del self._values[key]
        if not block and at:  # the first block stays: its lower bound is the lowest of all
            del self._blocks[at], self._firsts[at]

    def _upward(self, begin: bytes, end: bytes) -> Iterator[bytes]:
        at = self._block_of(begin)
        position = bisect_left(self._blocks[at], begin)
        while at < len(self._blocks):
            block = self._blocks[at]
            yield from block[position : bisect_left(block, end)]
            if block and block[-1] >= end:
                return
            at, position = at + 1, 0

    def _downward(self, begin: bytes, end: bytes) -> Iterator[bytes]:
        at = self._block_of(end)
        while at >= 0:
            block = self._blocks[at]
            yield from reversed(block[bisect_left(block, begin) : bisect_left(block, end)])
            if block and block[0] < begin:
                return
            at -= 1
