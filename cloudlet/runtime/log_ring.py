"""What a function prints, bounded: the last megabyte of it."""

import os
from collections import deque

LOG_BYTES_MAX = 1 << 20


class LogRing:
    """Reads a pipe. `take` gives what came since the last `take`, oldest lines left out if there was too much."""

    def __init__(self, fd: int, bytes_max: int = LOG_BYTES_MAX) -> None:
        self.fd, self._bytes_max = fd, bytes_max
        self._chunks: deque[bytes] = deque()
        self._bytes = 0

    def add(self, data: bytes) -> None:
        self._chunks.append(data)
        self._bytes += len(data)
        while self._bytes - len(self._chunks[0]) >= self._bytes_max:
            self._bytes -= len(self._chunks.popleft())

    def read_some(self) -> bool:
        """False at the end of the pipe."""
        try:
            data = os.read(self.fd, 65_536)
        except BlockingIOError:
            return True
        if data:
            self.add(data)
        return bool(data)

    def drain(self) -> None:
        """Everything in the pipe now; a writer that never stops is left after its share."""
        for _ in range(32):
            before = self._bytes, len(self._chunks)
            if not self.read_some() or (self._bytes, len(self._chunks)) == before:
                return

    def take(self) -> bytes:
        data = b"".join(self._chunks)[-self._bytes_max :]
        self._chunks.clear()
        self._bytes = 0
        return data
