"""Regular expressions from strangers, within a time: some would match for years.

An alarm ends the matching, which looks for signals now and then; so only a process's main thread has it, as the
template's worker does. Elsewhere nothing limits it.
"""

import contextlib
import re
import signal
import threading
from collections.abc import Iterator
from typing import Any

SECONDS_MAX = 1.0  # for all patterns of a template


class TooSlow(Exception):
    """The time is over."""


@contextlib.contextmanager
def patterns_in_time() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_MAX)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stop(number: int, frame: Any) -> None:
    raise TooSlow


def matches(pattern: str, value: str) -> bool:
    return re.fullmatch(pattern, value) is not None
