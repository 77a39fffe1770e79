"""Group commit: one thread syncs the engine's log, and everybody who waits for what it covered is released at once.

Not an executor: handing work to one costs two waits for the interpreter lock a cycle, under read load 31 ms instead of
10. A sync that fails is the end of the process: the kernel may have dropped the pages, so trying again would lie.
"""

import asyncio
import contextlib
import heapq
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from cloudlet.store.engine import Engine
from cloudlet.store.errors import StoreBroken, StoreError
from cloudlet.store.unsynced import Unsynced

NOTE_EVERY_S = 5.0
PROBE_EVERY_S = 1.0
WRITES_TOGETHER_MAX = 16  # of one turn of the loop before the thread is woken without waiting for the turn's end
EXIT_SYNC_FAILED = 70


def die(reason: str) -> None:
    """What happens on a failed sync, unless a test chose something else."""
    print(f"cloudlet: {reason}", file=sys.stderr, flush=True)
    os._exit(EXIT_SYNC_FAILED)


def set_switch_interval() -> None:
    """Let the journal's thread have the interpreter after 1 ms, not 5: for the node's start."""
    sys.setswitchinterval(0.001)


class Journal:
    def __init__(
        self, engine: Engine, unsynced: Unsynced, applied: int, note: Callable[[int], None] | None = None
    ) -> None:
        self.applied = applied  # sequence of the last write applied
        self.durable = applied  # everything up to here is on disk; moves on the loop only
        self.syncs = 0
        self.sync_seconds = 0.0
        self.failed: str | None = None
        self.on_fatal: Callable[[str], None] = die
        self.probe: Callable[[], None] | None = None  # set while the disk is full; the thread calls it
        self._engine, self._unsynced, self._note = engine, unsynced, note
        self._asked: tuple[int, Any] = (applied, None)  # what the thread shall sync: up to which write, and its scope
        self._waiters: list[tuple[int, int, Callable[[], None]]] = []  # a heap: horizon, arrival, what to do
        self._arrivals = 0
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()  # a fifth of what an Event costs
        self._rung = False  # and the thread has not answered yet
        self._written = 0  # writes that the thread wasn't woken for yet
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on a thread syncs, and `loop` runs what was waiting."""
        assert self._thread is None, "the journal runs already"
        self._loop, self._stopping = loop, False
        self._thread = threading.Thread(target=self._run, name="store-journal", daemon=True)
        self._thread.start()
        if self.applied > self.durable:
            self.wake()

    def stop(self) -> None:
        """Sync what is left, release who waits for it, end the thread."""
        if self._thread is not None:
            self._stopping = True
            self._bell.put(None)
            self._thread.join()
            self._thread = self._loop = None
        if self.failed is None:
            self.flush()

    def written(self, sequence: int) -> None:
        """The database applied a write. The thread is woken at the end of the loop's turn: what else is written in it
        is synced with it, and the thread doesn't fight for the interpreter meanwhile."""
        self.applied = sequence
        self._written += 1
        if self._loop is None or self._written >= WRITES_TOGETHER_MAX:
            self.wake()
        elif self._written == 1:
            self._loop.call_soon(self.wake)

    def wake(self) -> None:
        self._written = 0
        self._asked = (self.applied, self._engine.sync_scope())  # before looking whether the thread has answered
        if not self._rung:
            self._rung = True
            self._bell.put(None)

    @property
    def is_running(self) -> bool:
        """A thread syncs."""
        return self._thread is not None

    def resume(self, sequence: int, then: Callable[[], None]) -> None:
        """A probe wrote and synced `sequence` (any thread): count it in, then call back; on the loop, if any."""

        def on_loop(sequence: int) -> None:
            self.applied = max(self.applied, sequence)
            self._release(sequence)
            then()

        if self._loop is not None:
            self._call_on_loop(on_loop, sequence)
        else:
            on_loop(sequence)

    async def wait(self, horizon: int) -> None:
        """Return once everything up to `horizon` is on disk."""
        if self.durable >= horizon:
            return
        if self._thread is None and self.failed is None:
            self.flush()
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.when_durable(horizon, lambda: None if future.done() else future.set_result(None))
        await future

    def when_durable(self, horizon: int, callback: Callable[[], None]) -> None:
        """Call back (on the loop) once everything up to `horizon` is on disk; at once if it is."""
        if self.durable >= horizon:
            callback()
            return
        self._arrivals += 1
        heapq.heappush(self._waiters, (horizon, self._arrivals, callback))

    def flush(self) -> None:
        """Sync here and now: for tests and tools that run without a loop, and for closing."""
        if self.failed is not None:
            raise StoreBroken(self.failed)
        target = self.applied
        if target > self.durable:
            try:
                self._sync_once()
            except StoreError as error:
                raise StoreBroken(str(error)) from error
            self._release(target)

    def _sync_once(self, scope: Any = None) -> None:
        """Sync what was written so far. A failure is fatal: nobody who waits is ever released."""
        started = time.perf_counter()
        try:
            self._engine.sync(scope)
        except Exception as error:
            raise self.fatal(error) from error
        self.sync_seconds += time.perf_counter() - started
        self.syncs += 1

    def fatal(self, error: Exception) -> StoreBroken:
        """A sync failed: from here on nothing is acknowledged, nothing written."""
        self.failed = f"a sync of the store failed, so what was not acknowledged may be lost: {error}"
        self.on_fatal(self.failed)
        return StoreBroken(self.failed)

    def _run(self) -> None:
        synced, noted, noted_at = self.durable, self.durable, time.monotonic()
        while True:
            idle = synced == noted and self.probe is None
            with contextlib.suppress(queue.Empty):
                self._bell.get(timeout=None if idle else PROBE_EVERY_S if self.probe is not None else NOTE_EVERY_S)
            self._rung = False  # before reading what is asked: a write after this rings again
            target, scope = self._asked
            if target > synced:
                try:
                    self._sync_once(scope)
                except StoreBroken:
                    return
                synced = target
                self._call_on_loop(self._release, target)
            if self._stopping:
                return
            if self.probe is not None:
                self.probe()
            if self._note is not None and synced > noted and time.monotonic() - noted_at >= NOTE_EVERY_S:
                self._note(synced)
                noted, noted_at = synced, time.monotonic()

    def _call_on_loop(self, function: Callable[[int], None], sequence: int) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function, sequence)
        except RuntimeError:  # the loop is closed: nobody is left to release
            self._stopping = True

    def _release(self, sequence: int) -> None:
        """Move `durable`, then run everything it covers, in order of horizon."""
        if sequence <= self.durable:
            return
        self.durable = sequence
        self._unsynced.synced(sequence)
        waiters = self._waiters
        while waiters and waiters[0][0] <= sequence:
            callback = heapq.heappop(waiters)[2]
            try:
                callback()
            except Exception as error:
                if self._loop is None:
                    raise
                context = {"message": "a callback waiting for the journal failed", "exception": error}
                self._loop.call_exception_handler(context)
