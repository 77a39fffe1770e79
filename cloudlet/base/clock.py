"""Two clocks: the wall clock, and the service clock that can be moved.

Wall time belongs to what other machines check too: signatures, presigned URLs, expiry of session tokens, the Date
header, TLS. Everything stored uses the service clock: the wall clock plus an offset, never running backwards.
Order never depends on either.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What a node needs to know of time; milliseconds since 1970, UTC."""

    offset_ms: int  # how far `advance` has moved the service clock from the wall clock

    def wall_ms(self) -> int:
        """The machine's own time."""

    def now_ms(self) -> int:
        """The service clock: what is stored, what is due."""

    def advance(self, milliseconds: int) -> None:
        """Move the service clock forward."""

    def not_before(self, now_ms: int) -> None:
        """Never answer less than this again: the last committed instant of an earlier run."""


class SystemClock:
    """The machine's clock, its offset kept by whoever calls `advance` (app/wiring.py stores it)."""

    def __init__(self, offset_ms: int = 0) -> None:
        self.offset_ms = offset_ms
        self._latest_ms = 0

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        now_ms = self.wall_ms() + self.offset_ms
        if now_ms > self._latest_ms:
            self._latest_ms = now_ms
        return self._latest_ms

    def advance(self, milliseconds: int) -> None:
        assert milliseconds >= 0, "the service clock only moves forward"
        self.offset_ms += milliseconds

    def not_before(self, now_ms: int) -> None:
        self._latest_ms = max(self._latest_ms, now_ms)


class ManualClock:
    """A clock turned by hand, for tests: both hands move together."""

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:  # 2026-01-01T00:00:00Z
        self._now_ms = now_ms
        self.offset_ms = 0

    def wall_ms(self) -> int:
        return self._now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, milliseconds: int) -> None:
        assert milliseconds >= 0, "the service clock only moves forward"
        self._now_ms += milliseconds

    def not_before(self, now_ms: int) -> None:
        self._now_ms = max(self._now_ms, now_ms)
