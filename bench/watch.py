"""Whether anything holds the node's event loop too long, in the bench's node only.

The node's own watch over its callbacks, made to forgive what the kernel gave to other processes meanwhile (a busy
machine is nobody's fault here); and how long turns of the loop are.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from cloudlet.app.loop_watch import LoopWatch, Told

TICK_S = 0.005
BREACH_S = 0.050  # of one callback: fails the bench
BREACHES_KEPT = 20


class BenchWatch(LoopWatch):
    """`start` it on the running loop; `taken()` says what was seen since the last time."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self._longest_s = self._turn_s = 0.0
        self._held: list[dict[str, Any]] = []
        self._schedstat = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        self._due_at = time.perf_counter()
        self._waited_s = self._run_queue_s()

    def start(self) -> None:
        self._due_at = time.perf_counter() + TICK_S
        asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def look(self, since: tuple[float, float], told: Told) -> None:
        held_s = time.perf_counter() - since[0]
        if held_s <= self._longest_s:
            return
        held_s -= self._run_queue_s() - self._waited_s  # at least that: the wait of the whole turn is taken off
        held_s = max(held_s, time.thread_time() - since[1])
        self._longest_s = max(self._longest_s, held_s)
        if held_s > BREACH_S and len(self._held) < BREACHES_KEPT:
            name, id_ = told()
            self._held.append({"held_ms": 1000 * held_s, "name": name, "id": id_})

    def taken(self) -> dict[str, Any]:
        seen = {"callback_ms": 1000 * self._longest_s, "turn_ms": 1000 * self._turn_s, "breaches": self._held}
        self._longest_s, self._turn_s, self._held = 0.0, 0.0, []
        return seen

    def _tick(self) -> None:
        """How late it comes is what the callbacks before it took together."""
        waited_s = self._run_queue_s()
        self._turn_s = max(self._turn_s, time.perf_counter() - self._due_at - (waited_s - self._waited_s))
        self._waited_s = waited_s
        self.start()

    def _run_queue_s(self) -> float:
        """How long this thread has waited for a processor, of its whole life."""
        return int(os.pread(self._schedstat, 64, 0).split()[1]) / 1e9
