"""Whether anything holds the node's event loop: a timer in it that notes how late it comes, and a thread that notes
where the loop stands meanwhile. In the bench's node only.

Time that the kernel gave to other processes is taken off: a busy machine is nobody's fault here.
"""

import asyncio
import os
import sys
import threading
import time
import traceback
from typing import Any

TICK_S = 0.005
LOOK_S = 0.02
BREACH_S = 0.050  # of one callback: fails the bench
BREACHES_KEPT = 20


class LoopWatch:
    """`start` it on the running loop; `taken()` says what was seen since the last time."""

    def __init__(self) -> None:
        self._worst_s = 0.0
        self._breaches: list[dict[str, Any]] = []
        self._loop_thread = threading.get_ident()
        self._schedstat = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        self._due_at = time.perf_counter()
        self._waited_s = self._run_queue_s()
        self._where: list[str] = []

    def start(self) -> None:
        threading.Thread(target=self._look, name="bench-watch", daemon=True).start()
        self._arm()

    def taken(self) -> dict[str, Any]:
        worst, breaches = self._worst_s, self._breaches
        self._worst_s, self._breaches = 0.0, []
        return {"worst_ms": 1000 * worst, "breaches": breaches}

    def _arm(self) -> None:
        self._due_at = time.perf_counter() + TICK_S
        self._where = []
        asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        waited_s = self._run_queue_s()
        held_s = time.perf_counter() - self._due_at - (waited_s - self._waited_s)
        self._waited_s = waited_s
        self._worst_s = max(self._worst_s, held_s)
        if held_s > BREACH_S and len(self._breaches) < BREACHES_KEPT:
            self._breaches.append({"held_ms": 1000 * held_s, "where": self._where})
        self._arm()

    def _run_queue_s(self) -> float:
        """How long this thread has waited for a processor, of its whole life."""
        return int(os.pread(self._schedstat, 64, 0).split()[1]) / 1e9

    def _look(self) -> None:
        """Once a tick is late: the innermost frames of the loop's thread."""
        while True:
            time.sleep(LOOK_S)
            if time.perf_counter() - self._due_at > LOOK_S and not self._where:
                frame = sys._current_frames().get(self._loop_thread)
                if frame is not None:
                    stack = traceback.extract_stack(frame)[-8:]
                    self._where = [f"{os.path.basename(e.filename)}:{e.lineno} {e.name}" for e in stack]
