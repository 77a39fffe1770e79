"""Runs what is due: the outbox's entries. What the node does for itself every few seconds is upkeep.py's.

A `def` task and its entry's removal are one transaction: exactly once. An `async def` task is leased, durable before it
starts, and removed in the transaction that also keeps its outcome: at least once.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter
from typing import Any

import msgspec

from cloudlet.app.loop_watch import LoopWatch, watched
from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call, task_call
from cloudlet.kit.due import FOREVER_MS
from cloudlet.kit.node import Node
from cloudlet.kit.outbox import Entry
from cloudlet.kit.retry import GiveUp, Retry, backoff_ms
from cloudlet.kit.service import Task
from cloudlet.kit.shares import ALL_PLACES, Places
from cloudlet.store.errors import StoreError, StoreFull, StoreStalled
from cloudlet.store.transaction import Tx

ENTRIES_PER_TURN = 64  # of one target, before others get theirs
TURN_S = 0.002  # after which requests get theirs
IDLE_S = 1.0
STORE_AGAIN_S = 0.01  # after the store stalled; where it is full, IDLE_S

log = logging.getLogger("cloudlet.workers")


class Workers:
    def __init__(self, node: Node, flush_metrics: Callable[[], Awaitable[None]] | None = None) -> None:
        """`flush_metrics` hands out what was counted, at each step of a clock that is moved."""
        self.node = node
        self._tasks: dict[str, Task] = {
            f"{service.name}.{task.name}": task for service in node.services.values() for task in service.tasks.values()
        }
        self._order = deque(self._tasks)  # whose turn it is
        self._running: dict[str, set[asyncio.Task]] = {target: set() for target in self._tasks}
        self._held: dict[str, Counter[str]] = {target: Counter() for target in self._tasks}  # by share
        self.watch: LoopWatch | None = None
        self._loop_task: asyncio.Task | None = None
        self._is_released = True  # what the last run had begun
        self._refusal: StoreError | None = None  # the store took nothing of somebody's in the last turn
        self._flush_metrics = flush_metrics

    def start(self) -> None:
        self._is_released = self._release_leases()
        self._loop_task = asyncio.get_running_loop().create_task(self._run(), name="workers")

    async def stop(self, grace_s: float = 5.0) -> None:
        """Take no more, let what runs finish for `grace_s`, then give it up: the next start brings it back."""
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
        running = self._all_running()
        if running:
            await asyncio.wait(running, timeout=grace_s)
        for task in self._all_running():
            task.cancel()
        await asyncio.gather(*self._all_running(), return_exceptions=True)

    async def advance(self, milliseconds: int) -> None:
        """Move the service clock, running due work in due order on the way."""
        clock = self.node.clock
        target_ms = clock.now_ms() + milliseconds
        await self._step(0)
        while (next_ms := self.next_due_ms()) is not None and next_ms <= target_ms:
            await self._step(next_ms - clock.now_ms())
        await self._step(target_ms - clock.now_ms())

    async def _step(self, milliseconds: int) -> None:
        """One piece of an advance. Metrics go out within it: alarms see them at their own time."""
        self.node.clock.advance(max(0, milliseconds))
        self.node.waiters.wake_all()
        await self.settle()
        if self._flush_metrics is not None:
            await self._flush_metrics()
        await self.settle()

    async def settle(self) -> None:
        """Run until nothing is due and nothing runs. Raises StoreError where the store takes nothing for long."""
        while True:
            did_something = self.turn()
            running = self._all_running()
            if running:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            elif self._refusal is not None:
                if not isinstance(self._refusal, StoreStalled):
                    raise self._refusal
                await asyncio.sleep(STORE_AGAIN_S)
            elif not did_something:
                return
            else:
                await asyncio.sleep(0)

    def backlogs(self) -> list[dict[str, Any]]:
        """Of each target that has work: how much runs, since when the oldest waits."""
        tx = self.node.database.begin()
        try:
            oldest = {target: self.node.outbox.next_due(tx, target, ALL_PLACES) for target in self._tasks}
        finally:
            tx.discard()
        return [
            {"Target": target, "Running": len(self._running[target])} | ({"OldestDue": due} if due is not None else {})
            for target, due in sorted(oldest.items())
            if due is not None or self._running[target]
        ]

    def next_due_ms(self) -> int | None:
        """When there is something to do. Targets that have no room are left out: who leaves them wakes us."""
        tx = self.node.database.begin()
        try:
            moments = [
                self.node.outbox.next_due(tx, target, self._places(target, task) if task.waits else None)
                for target, task in self._tasks.items()
                if self._room(target, task)
            ]
        finally:
            tx.discard()
        return min((moment for moment in moments if moment is not None), default=None)

    def turn(self) -> bool:
        """Start or do what is due now, for about TURN_S: the next turn begins where this one ends. Whether there was
        anything; False says that nothing is due."""
        did_something, self._refusal = False, None
        ends = perf_counter() + TURN_S
        with watched(self.watch, lambda: (f"a turn of the workers, last {self._order[-1]}", "")):
            for _ in self._tasks:
                target = self._order[0]
                self._order.rotate(-1)
                did_something |= self._attend_to(target, ends)
                if did_something and perf_counter() >= ends:
                    break
        return did_something

    def _attend_to(self, target: str, ends: float) -> bool:
        task = self._tasks[target]
        try:
            return self._start_waiting(target, task) if task.waits else self._do_at_once(target, task, ends)
        except StoreError as error:
            self._refusal = error
            log.warning("%s waits for the store: %s", target, error)
            return False

    async def _run(self) -> None:
        while not self._is_released:
            await asyncio.sleep(IDLE_S)
            self._is_released = self._release_leases()
        while True:
            did_something = self.turn()
            if self._refusal is not None:
                await asyncio.sleep(STORE_AGAIN_S if isinstance(self._refusal, StoreStalled) else IDLE_S)
                continue
            if did_something:
                await asyncio.sleep(0)
                continue
            next_ms = self.next_due_ms()
            wait_s = IDLE_S if next_ms is None else (next_ms - self.node.clock.now_ms()) / 1000
            await self.node.waiters.wait(("outbox",), max(0.001, wait_s))

    def _release_leases(self) -> bool:
        """What the last run had begun is due again. False where the store takes no writes, on a full disk say."""
        try:
            for target in self._tasks:
                while self.node.database.transact(
                    lambda tx, target=target: self.node.outbox.release(tx, target, self.node.clock.now_ms(), FOREVER_MS)
                )[0]:
                    pass
        except (StoreFull, StoreStalled) as error:
            log.warning("what the last run had begun waits for the store: %s", error)
            return False
        return True

    def _do_at_once(self, target: str, task: Task, ends: float) -> bool:
        """Run due entries of a `def` task, each in one transaction with its removal, one at least."""
        for done in range(ENTRIES_PER_TURN):
            if done and perf_counter() >= ends:
                break
            entry = self._peek(target)
            if entry is None:
                return done > 0
            call = task_call(self.node, entry)
            call.transact(self._do, call, task, target)
        return True

    def _peek(self, target: str) -> Entry | None:
        tx = self.node.database.begin()
        try:
            return self.node.outbox.peek(tx, target, self.node.clock.now_ms())
        finally:
            tx.discard()

    def _do(self, tx: Tx, call: Call, task: Task, target: str) -> None:
        for entry in self.node.outbox.take(tx, target, call.now_ms, 1, task.lease_ms):
            try:
                with tx.savepoint():
                    task.handler(call, msgspec.msgpack.decode(entry.payload))
                    self.node.outbox.finish(tx, entry.id)
            except Exception as error:
                self._fail(tx, call, task, entry, error)

    def _room(self, target: str, task: Task) -> int:
        """How many more may run."""
        return max(0, task.in_flight_max - len(self._running[target]))

    def _places(self, target: str, task: Task) -> Places:
        return Places(self._room(target, task), self._held[target])

    def _start_waiting(self, target: str, task: Task) -> bool:
        """Lease due entries of an `async def` task and start them."""
        running, places = self._running[target], self._places(target, task)
        if places.free == 0 or not self._is_due(target, places):
            return False
        entries, horizon = self.node.database.transact(self._take, target, places, task.lease_ms)
        for entry in entries:
            attempt: Coroutine[Any, Any, None] = self._attend(task, entry, horizon)
            if self.watch is not None:
                attempt = self.watch.run(attempt, lambda told=(target, entry.id): told)  # type: ignore[misc]
            started = asyncio.get_running_loop().create_task(attempt, name=target)
            running.add(started)
            started.add_done_callback(running.discard)
            if entry.share is not None:
                self._hold(started, self._held[target], entry.share)
            started.add_done_callback(lambda _: self.node.waiters.wake(("outbox",)))
        return bool(entries)

    def _is_due(self, target: str, places: Places) -> bool:
        tx = self.node.database.begin()
        try:
            due_ms = self.node.outbox.next_due(tx, target, places)
        finally:
            tx.discard()
        return due_ms is not None and due_ms <= self.node.clock.now_ms()

    def _take(self, tx: Tx, target: str, places: Places, lease_ms: int) -> list[Entry]:
        limit = min(places.free, ENTRIES_PER_TURN)
        return self.node.outbox.take(tx, target, self.node.clock.now_ms(), limit, lease_ms, places)

    def _hold(self, started: asyncio.Task, held: Counter[str], share: str) -> None:
        """A place of its share's, until it has ended."""
        held[share] += 1

        def let_go(_: asyncio.Task) -> None:
            held[share] -= 1
            if not held[share]:
                del held[share]

        started.add_done_callback(let_go)

    async def _attend(self, task: Task, entry: Entry, horizon: int) -> None:
        """One attempt at a leased entry, begun only once the entry and its lease are durable."""
        await self.node.database.journal.wait(horizon)
        call = task_call(self.node, entry)
        try:
            finish = await task.handler(call, msgspec.msgpack.decode(entry.payload))
            await self._keep(call, self._finish, call, entry, finish)
        except Exception as error:
            await self._keep(call, self._fail, call, task, entry, error)

    async def _keep(self, call: Call, outcome: Callable[..., None], *of: Any) -> None:
        """Store what came of an attempt, as soon as the store takes it: what was done outside is not done again."""
        while True:
            try:
                call.transact(outcome, *of)
                return
            except (StoreFull, StoreStalled) as error:
                log.warning("the outcome of %s waits for the store: %s", call.operation, error)
                await asyncio.sleep(STORE_AGAIN_S if isinstance(error, StoreStalled) else IDLE_S)

    def _finish(self, tx: Tx, call: Call, entry: Entry, finish: Callable[[Call], None] | None) -> None:
        if self.node.outbox.finish(tx, entry.id) and finish is not None:
            finish(call)

    def _fail(self, tx: Tx, call: Call, task: Task, entry: Entry, error: Exception) -> None:
        """Due again later; or, its age or attempts ended, `on_exhausted` in the transaction that removes it.

        A `def` task without a last word is the node's own work (retention, removal, evaluation), often a link of a
        chain that keeps itself going: it is never given up."""
        if not isinstance(error, Retry | GiveUp | AwsError):
            log.error("%s %s failed (attempt %d)", entry.target, entry.id, entry.attempts, exc_info=error)
        is_last = task.attempts_max is not None and entry.attempts >= task.attempts_max
        is_too_old = entry.expires_ms <= call.now_ms and (task.waits or task.on_exhausted is not None)
        if not (isinstance(error, GiveUp) or is_last or is_too_old):
            after_ms = error.after_ms if isinstance(error, Retry) else None
            after_ms = backoff_ms(entry.attempts) if after_ms is None else after_ms
            self.node.outbox.put_back(tx, entry.id, call.now_ms + after_ms)
            return
        try:
            with tx.savepoint():
                self._give_up(tx, call, task, entry, error)
        except Exception:
            log.exception("the last word of %s %s failed; the entry is kept", entry.target, entry.id)
            self.node.outbox.put_back(tx, entry.id, call.now_ms + backoff_ms(entry.attempts))

    def _give_up(self, tx: Tx, call: Call, task: Task, entry: Entry, error: Exception) -> None:
        self.node.outbox.finish(tx, entry.id)
        if task.on_exhausted is None:
            log.warning("%s %s was given up after %d attempts: %s", entry.target, entry.id, entry.attempts, error)
            return
        last_word = self._tasks[f"{entry.service}.{task.on_exhausted}"]
        last_word.handler(call, msgspec.msgpack.decode(entry.payload) | {"error": str(error)})

    def _all_running(self) -> list[asyncio.Task]:
        return [task for running in self._running.values() for task in running]
