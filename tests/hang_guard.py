"""Ends what would go on for ages, a regular expression that explodes say: asyncio's own timeouts can't."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

HANG_GUARD_S = 10


@contextlib.contextmanager
def hang_guard(seconds: int = HANG_GUARD_S) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"still busy after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
