"""How often a function is called while something is done: cost that no counter of the store shows."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Calls(dict[str, int]):
    """By the functions' qualified names."""


@contextmanager
def counted(*functions: Callable[..., Any]) -> Iterator[Calls]:
    """Within it, calls of these functions on this thread are counted."""
    names = {function.__code__: function.__qualname__ for function in functions}
    calls = Calls.fromkeys(names.values(), 0)

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in names:
            calls[names[frame.f_code]] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)
