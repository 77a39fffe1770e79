"""The outbox against what it promises: work and failures at random, failing writes, power cuts and clock jumps.

- a `def` task runs exactly once, with all it puts in turn; or, given up, its last word does;
- an `async def` one runs at least once, and what it returns, or its last word, exactly once;
- what was acknowledged is there after a power cut, and what was begun was durable before;
- of a lane nobody begins before the one ahead of it has ended; nobody begins before it is due;
- a last word that fails is said later; nothing is left over in the end.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from cloudlet.app.workers import Workers
from cloudlet.base.clock import ManualClock
from cloudlet.kit.call import Call, Source, service_principal
from cloudlet.kit.node import Node
from cloudlet.kit.outbox import Entry
from cloudlet.kit.retry import GiveUp, Retry
from cloudlet.kit.secrets import Sealer
from cloudlet.kit.service import Service
from cloudlet.store.database import Database
from cloudlet.store.errors import StoreError, StoreStalled
from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx
from tests.simulation.crashing_node import PlainRunner
from tests.simulation.driver import Tell, simulate
from tests.store.faulty_engine import FaultyEngine

ATTEMPTS_MAX = 4
NEVER_MS = 1 << 50
DONE, ORDER = Subspace("done"), Subspace("order")
HANG_GUARD_S = 10


@dataclass
class Work:
    """One entry: what will become of it."""

    number: int
    task: str
    lane: str | None
    share: str | None  # of an async one
    due_ms: int
    outcomes: list[str]  # of an async one's attempts; the last repeats
    right_from_ms: int = 0  # before this a def one fails
    last_word_from_ms: int = 0  # before this its last word fails
    children: int = 0
    ahead: int | None = None  # in its lane


class World:
    """What outlives a crash: store, clock, the effects seen from outside; and the work that was asked for."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.clock = ManualClock()
        self.work: dict[int, Work] = {}
        self.acknowledged: set[int] = set()  # whose transaction was seen durable
        self.attempts: Counter[int] = Counter()
        self.broken: list[str] = []
        self.failing_writes = 0.0  # their share
        self._last_of_lane: dict[str, int] = {}
        self._open(FaultyEngine())

    def _open(self, engine: FaultyEngine) -> None:
        self.engine, write = engine, engine.write

        def sometimes(changes: Any) -> int:
            if self.chance.random() < self.failing_writes:
                raise StoreStalled("injected")
            return write(changes)

        engine.write = sometimes  # type: ignore[method-assign]
        self.database = Database(engine, run_twice=True)

    def power_cut(self) -> None:
        self.failing_writes = 0  # the next one comes up
        self._open(self.engine.after_power_cut(self.chance))
        known = self._known()
        for number in [number for number in self.work if number not in known]:
            if number in self.acknowledged:
                self.broken.append(f"{self.work[number]} is gone")
            if self.attempts[number]:
                self.broken.append(f"{self.work[number]} was begun before it was durable")
            del self.work[number]
        self._last_of_lane = {work.lane: work.number for work in self.work.values() if work.lane}

    def _known(self) -> set[int]:
        """What the store knows of: still to be done, or done."""
        entries = [Entry.decode(value) for _, value in self._rows(Subspace("outbox")["e"])]
        return {msgspec.msgpack.decode(entry.payload)["number"] for entry in entries} | {
            number for what, number, *_ in self.done() if what in ENDS
        }

    def acknowledge(self) -> None:
        self.database.journal.flush()
        self.acknowledged.update(self.work)

    def new_work(self) -> Work:
        chance, number = self.chance, len(self.work)
        now_ms = self.clock.now_ms()
        lane, task = chance.choice((None, "a", "b")), chance.choice(("note", "send"))
        return Work(
            number,
            task=task,
            lane=lane,
            share=chance.choice((None, "x", "y")) if task == "send" else None,
            due_ms=now_ms + chance.choice((0, 0, 0, 700, 90_000)),
            outcomes=chance.choice((["ok"], ["ok"], ["retry", "ok"], ["error", "retry", "ok"], ["error"], ["give up"])),
            right_from_ms=chance.choice((0, 0, 0, now_ms + 2000, NEVER_MS)),
            last_word_from_ms=chance.choice((0, 0, now_ms + 20_000)),
            children=chance.choice((0, 0, 2)),
            ahead=self._last_of_lane.get(lane) if lane else None,
        )

    def accept(self, work: Work) -> None:
        """Its transaction was committed."""
        self.work[work.number] = work
        if work.lane:
            self._last_of_lane[work.lane] = work.number

    def done(self) -> Counter[tuple]:
        """(what, number) → how often, as stored."""
        rows = self._rows(DONE)
        return Counter({DONE.unpack(key): int(value) for key, value in rows})

    def order(self) -> list[int]:
        """In which order they ended."""
        return [int(value) for _, value in self._rows(ORDER)]

    def left_over(self) -> list[bytes]:
        """What the outbox holds besides its marks."""
        outbox = Subspace("outbox")
        spaces = [outbox["e"], outbox["l"], outbox["w"], *(outbox["s", "bench.send", part] for part in ("e", "h"))]
        return [key for space in spaces for key, _ in self._rows(space)]

    def _rows(self, space: Subspace) -> list[tuple[bytes, bytes]]:
        tx = self.database.begin()
        try:
            return tx.scan(*space.range(), limit=100_000).rows
        finally:
            tx.discard()


class Life:
    """One process: a node whose tasks do as the world's work says."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.service = Service("bench", keys=lambda account, region: Subspace("bench"), contents={})
        services = {"bench": self.service}
        self.node = Node(world.database, world.clock, services, None, Sealer(bytes(32)))  # type: ignore[arg-type]
        self._define()
        self.workers = Workers(self.node)
        self.workers.start()

    def _define(self) -> None:
        task = self.service.task
        task("note", on_exhausted="last_word", attempts_max=ATTEMPTS_MAX)(self._note())
        task("send", on_exhausted="last_word", attempts_max=ATTEMPTS_MAX, in_flight_max=3)(self._send())
        task("last_word")(self._last_word())

    def _note(self) -> Callable:
        def note(call: Call, payload: dict[str, Any]) -> None:
            work = self.world.work[payload["number"]]
            self._check_turn(call, work)
            end(call, "ran", work)
            for child in range(work.children):
                call.later("note", {"number": work.number, "child": child}, due_ms=call.now_ms + 500)
            if call.now_ms < work.right_from_ms:
                raise ValueError("not yet")

        def note_or_child(call: Call, payload: dict[str, Any]) -> None:
            if "child" in payload:
                add(call, DONE.key("child", payload["number"], payload["child"]))
            else:
                note(call, payload)

        return note_or_child

    def _send(self) -> Callable:
        async def send(call: Call, payload: dict[str, Any]) -> Callable[[Call], None]:
            work, chance = self.world.work[payload["number"]], self.world.chance
            call.transact(lambda tx: self._check_turn(call, work))
            self.world.attempts[work.number] += 1
            outcome = work.outcomes[min(self.world.attempts[work.number], len(work.outcomes)) - 1]
            for _ in range(chance.choice((0, 1, 5))):
                await asyncio.sleep(0)
            if outcome == "error":
                raise ValueError("wrong")
            if outcome == "retry":
                raise Retry("again", after_ms=chance.choice((None, 0, 300)))
            if outcome == "give up":
                raise GiveUp("hopeless")
            return lambda finishing: end(finishing, "sent", work)

        return send

    def _last_word(self) -> Callable:
        def last_word(call: Call, payload: dict[str, Any]) -> None:
            work = self.world.work[payload["number"]]
            end(call, "last word", work)
            if call.now_ms < work.last_word_from_ms:
                raise ValueError("nobody listens yet")

        return last_word

    def _check_turn(self, call: Call, work: Work) -> None:
        if call.now_ms < work.due_ms:
            self.world.broken.append(f"{work} began at {call.now_ms}")
        if work.ahead is not None and not any(call.tx.get(DONE.key(what, work.ahead)) for what in ENDS):
            self.world.broken.append(f"{work} began before {work.ahead} had ended")

    def later(self) -> None:
        """One transaction that asks for some work; or doesn't, where the write fails."""
        chance = self.world.chance
        asked: list[Work] = []
        call = Call(self.node, self.service, "x", account="1", region="r", principal=service_principal("x"),
                    source=Source())  # fmt: skip

        def ask(tx: Tx) -> None:
            asked[:] = [self.world.new_work()]
            (work,) = asked
            call.later(
                work.task,
                {"number": work.number},
                lane=work.lane,
                share=work.share,
                due_ms=work.due_ms,
                age_max_ms=NEVER_MS,
            )

        for _ in range(chance.choice((1, 1, 4))):
            try:
                call.transact(ask)
            except StoreError:
                continue
            self.world.accept(asked[0])
        if chance.random() < 0.5:
            self.world.acknowledge()

    async def crash(self) -> None:
        await self.workers.stop(grace_s=0)

    @property
    def is_alive(self) -> bool:
        task = self.workers._loop_task
        return task is not None and not task.done()


ENDS = ("ran", "sent", "last word")


def end(call: Call, what: str, work: Work) -> None:
    add(call, DONE.key(what, work.number))
    rows = call.tx.scan(*ORDER.range(), limit=1, reverse=True).rows
    position = ORDER.unpack(rows[0][0])[0] + 1 if rows else 0
    call.tx.put(ORDER.key(position), str(work.number).encode())


def add(call: Call, key: bytes) -> None:
    call.tx.put(key, str(int(call.tx.get(key) or 0) + 1).encode())


class Simulation:
    def __init__(self, chance: Random, tell: Tell) -> None:
        self.tell, self.world, self.runner = tell, World(chance), PlainRunner()
        self._run(self._begin_life())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            async with asyncio.timeout(HANG_GUARD_S):
                await work

        self.runner.run(guarded())

    async def _begin_life(self) -> None:
        self.life = Life(self.world)

    def step(self, chance: Random) -> None:
        self.world.chance = chance
        self.world.failing_writes = chance.choice((0, 0, 0, 0.2))
        action = chance.choices((self.ask, self.pass_time, self.work_a_little, self.crash), (8, 4, 6, 2))[0]
        self.tell(f"{action.__name__}, {self.world.failing_writes} of the writes fail")
        self._run(action())
        assert self.life.is_alive, "the workers died"
        assert self.world.broken == []

    def end(self) -> None:
        self.world.failing_writes = 0
        self._run(self.life.workers.advance(3_600_000))
        self._run(self.life.crash())
        self.check()

    def close(self) -> None:
        self._run(self.life.crash())
        self.runner.close()

    async def ask(self) -> None:
        known = len(self.world.work)
        self.life.later()
        for number in range(known, len(self.world.work)):
            self.tell(f"  {self.world.work[number]}")

    async def pass_time(self) -> None:
        await self.life.workers.advance(self.world.chance.choice((10, 800, 5_000, 100_000)))

    async def work_a_little(self) -> None:
        for _ in range(self.world.chance.randrange(12)):
            await asyncio.sleep(0)

    async def crash(self) -> None:
        await self.work_a_little()
        await self.life.crash()
        self.world.power_cut()
        self.life = Life(self.world)

    def check(self) -> None:
        world, done = self.world, self.world.done()
        for number, work in world.work.items():
            ends = {what: done[what, number] for what in ENDS if done[what, number]}
            assert sum(ends.values()) == 1, f"{work} ended {ends}"
            (how,) = ends
            if work.task == "note":
                assert how in ("ran", "last word")
                assert how == "ran" or work.right_from_ms, f"{work} was given up"
                assert how == "last word" or work.right_from_ms != NEVER_MS, f"{work} ran"
                children = [done["child", number, child] for child in range(work.children)]
                assert children == [int(how == "ran")] * work.children, (
                    f"{work} ended by {how}, its children {children}"
                )
            else:
                assert how in ("sent", "last word")
                assert how == "last word" or work.outcomes[-1] == "ok", f"{work} was finished"
                assert how == "sent" or work.outcomes != ["ok"], f"{work} was given up"
                assert world.attempts[number] >= 1, f"{work} never ran"
        for lane in ("a", "b"):
            in_lane = [number for number, work in world.work.items() if work.lane == lane]
            assert [number for number in world.order() if number in in_lane] == in_lane, f"lane {lane} is out of order"
        assert world.left_over() == []


def test_the_outbox_keeps_its_promises() -> None:
    simulate(Simulation, steps=900, run_steps=60)
