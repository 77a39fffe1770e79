"""Which request or task held the event loop longer than its budget. On in debug mode, or by --watch-loop.

Every callback that does the node's work runs between `now()` and `look()`: each step of a request's or a task's
coroutine, each turn of the workers, upkeep. About half a microsecond a step; nothing where the watch is off.
"""

import contextlib
import logging
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from time import perf_counter, thread_time
from typing import Any, NamedTuple

BUDGET_S = 0.005  # of one callback
BREACHES_KEPT = 100

log = logging.getLogger("cloudlet.loop")

Told = Callable[[], tuple[str, str]]  # what ran: "service.Operation" or a task, and its request's or entry's id


class Breach(NamedTuple):
    at_ms: int
    name: str
    id: str
    held_ms: float
    computed_ms: float  # the loop's own processor time: the rest went to other threads and processes

    def __str__(self) -> str:
        return f"{self.name} ({self.id}) held the loop for {self.held_ms:.1f} ms, computed for {self.computed_ms:.1f}"


class LoopWatch:
    def __init__(self, now_ms: Callable[[], int], budget_s: float = BUDGET_S) -> None:
        self._now_ms, self._budget_s = now_ms, budget_s
        self.breaches: deque[Breach] = deque(maxlen=BREACHES_KEPT)

    def now(self) -> tuple[float, float]:
        return perf_counter(), thread_time()

    def look(self, since: tuple[float, float], told: Told) -> None:
        """A callback that began at `since` ends now."""
        held_s = perf_counter() - since[0]
        if held_s > self._budget_s:
            breach = Breach(self._now_ms(), *told(), 1000 * held_s, 1000 * (thread_time() - since[1]))
            self.breaches.append(breach)
            log.debug("%s", breach)

    async def run(self, work: Coroutine[Any, Any, Any], told: Told) -> Any:
        """Await `work`, looking at each of its steps."""
        return await self._steps(work, told)

    @types.coroutine
    def _steps(self, work: Coroutine[Any, Any, Any], told: Told) -> Generator[Any, Any, Any]:
        go_on, given = work.send, None
        while True:
            since = self.now()
            try:
                awaited = go_on(given)
            except StopIteration as end:
                return end.value
            finally:
                self.look(since, told)
            try:
                go_on, given = work.send, (yield awaited)
            except BaseException as error:
                go_on, given = work.throw, error

    def longest(self, limit: int) -> list[dict[str, Any]]:
        """Of the last breaches, those that held the loop longest."""
        found = sorted(self.breaches, key=lambda breach: -breach.held_ms)[:limit]
        return [
            {
                "At": breach.at_ms,
                "Name": breach.name,
                "Id": breach.id,
                "HeldMicroseconds": round(1000 * breach.held_ms),
                "ComputedMicroseconds": round(1000 * breach.computed_ms),
            }
            for breach in found
        ]


@contextlib.contextmanager
def watched(watch: LoopWatch | None, told: Told) -> Iterator[None]:
    """A callback, or a part of one, that is no coroutine's step; nothing without a watch."""
    if watch is None:
        yield
        return
    since = watch.now()
    yield
    watch.look(since, told)
