"""The outbox run: exactly once, at least once, lanes, retries, exhaustion, leases over a crash."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from cloudlet.app.workers import Workers
from cloudlet.base.clock import ManualClock
from cloudlet.kit.call import Call, Source, service_principal
from cloudlet.kit.node import Node
from cloudlet.kit.retry import GiveUp, Retry
from cloudlet.kit.secrets import Sealer
from cloudlet.kit.service import Service
from cloudlet.store.database import Database
from cloudlet.store.keys import Subspace


class Bench:
    """A node with one made-up service whose tasks note what they did, in the store."""

    def __init__(self, database: Database | None = None) -> None:
        self.database = database or Database.open(None, run_twice=True)
        self.clock = ManualClock()
        self.service = Service("bench", keys=lambda account, region: Subspace("bench"), contents={})
        self.done: list[Any] = []
        self.node = Node(self.database, self.clock, {"bench": self.service}, None, Sealer(bytes(32)))  # type: ignore[arg-type]
        self.runner = asyncio.Runner()

    def ready(self) -> "Bench":
        self.workers = Workers(self.node)
        return self

    def call(self) -> Call:
        return Call(
            self.node, self.service, "x", account="1", region="r", principal=service_principal("x"), source=Source()
        )

    def later(self, task: str, payload: dict, **more: Any) -> None:
        call = self.call()
        call.transact(lambda tx: call.later(task, payload, **more))

    def settle(self) -> None:
        self.runner.run(self.workers.settle())

    def advance(self, milliseconds: int) -> None:
        self.runner.run(self.workers.advance(milliseconds))

    def stored(self) -> list[str]:
        rows, _ = self.database.transact(lambda tx: tx.scan(*Subspace("bench").range()).rows)
        return [Subspace("bench").unpack(key)[0] for key, _ in rows]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.runner.close()


def test_a_plain_task_and_its_removal_are_one_transaction(bench: Bench) -> None:
    @bench.service.task("note")
    def note(call: Call, payload: dict) -> None:
        call.tx.put(call.keys.key(payload["name"]), b"")
        if payload["name"] == "bad" and call.now_ms < bench.clock_start + 1000:
            raise ValueError("not yet")

    bench.clock_start = bench.clock.now_ms()  # type: ignore[attr-defined]
    bench.ready().later("note", {"name": "good"})
    bench.later("note", {"name": "bad"})
    bench.settle()
    assert bench.stored() == ["good"]
    bench.advance(1000)
    assert bench.stored() == ["bad", "good"]


def test_work_is_not_done_before_it_is_due(bench: Bench) -> None:
    @bench.service.task("note")
    def note(call: Call, payload: dict) -> None:
        call.tx.put(call.keys.key(str(call.now_ms)), b"")

    start_ms = bench.clock.now_ms()
    bench.ready().later("note", {}, due_ms=start_ms + 500)
    bench.settle()
    assert bench.stored() == []
    bench.advance(10_000)
    assert bench.stored() == [str(start_ms + 500)]


def test_a_lane_runs_in_order_and_waits_for_its_failing_head(bench: Bench) -> None:
    @bench.service.task("send")
    async def send(call: Call, payload: dict) -> None:
        if payload["number"] == 1 and len(bench.done) < 4:
            bench.done.append("failed")
            raise Retry("no", after_ms=100)
        bench.done.append(payload["number"])

    bench.ready()
    for number in range(4):
        bench.later("send", {"number": number}, lane="a")
    bench.settle()
    assert bench.done == [0, "failed"]
    bench.later("send", {"number": 9}, lane="b")
    bench.settle()
    assert bench.done == [0, "failed", 9]
    bench.advance(1000)
    assert bench.done == [0, "failed", 9, "failed", 1, 2, 3]


def test_a_given_up_entry_runs_its_last_word_once(bench: Bench) -> None:
    @bench.service.task("dead")
    def dead(call: Call, payload: dict) -> None:
        call.tx.put(call.keys.key(f"dead {payload['name']}: {payload['error']}"), b"")

    @bench.service.task("try", on_exhausted="dead", attempts_max=3)
    async def attempt(call: Call, payload: dict) -> None:
        bench.done.append(call.node.clock.now_ms())
        raise GiveUp("hopeless") if payload["name"] == "b" else Retry("again")

    start_ms = bench.clock.now_ms()
    bench.ready().later("try", {"name": "a"})
    bench.settle()
    bench.advance(60_000)
    assert [at - start_ms for at in bench.done] == [0, 1000, 3000]
    assert bench.stored() == ["dead a: again"]
    bench.later("try", {"name": "b"})
    bench.settle()
    assert bench.stored() == ["dead a: again", "dead b: hopeless"]


def test_an_entry_too_old_is_given_up(bench: Bench) -> None:
    @bench.service.task("dead")
    def dead(call: Call, payload: dict) -> None:
        bench.done.append("dead")

    @bench.service.task("try", on_exhausted="dead")
    async def attempt(call: Call, payload: dict) -> None:
        raise Retry("again", after_ms=10_000)

    bench.database.run_twice = False
    bench.ready().later("try", {}, age_max_ms=25_000)
    bench.advance(60_000)
    assert bench.done == ["dead"]


def test_the_nodes_own_work_is_never_given_up(bench: Bench) -> None:
    @bench.service.task("chain")
    def link(call: Call, payload: dict) -> None:
        if len(bench.done) < 8:
            bench.done.append("failed")
            raise ValueError("a bug, until the upgrade")
        call.tx.put(call.keys.key("went on"), b"")

    bench.database.run_twice = False
    bench.ready().later("chain", {}, due_ms=bench.clock.now_ms() + 4 * 86_400_000, age_max_ms=10_000)
    bench.advance(5 * 86_400_000)
    assert bench.stored() == ["went on"]


def test_the_age_of_what_is_due_later_counts_from_there(bench: Bench) -> None:
    @bench.service.task("send")
    async def send(call: Call, payload: dict) -> None:
        bench.done.append("tried")
        if len(bench.done) < 3:
            raise Retry("again", after_ms=1_000)

    bench.ready().later("send", {}, due_ms=bench.clock.now_ms() + 60_000, age_max_ms=10_000)
    bench.advance(120_000)
    assert len(bench.done) == 3


def test_what_a_waiting_task_returns_runs_with_the_removal(bench: Bench) -> None:
    @bench.service.task("ask")
    async def ask(call: Call, payload: dict) -> Any:
        await asyncio.sleep(0)
        return lambda call: call.tx.put(call.keys.key("answer"), b"")

    bench.ready().later("ask", {})
    bench.settle()
    assert bench.stored() == ["answer"]


def test_no_more_run_at_once_than_allowed(bench: Bench) -> None:
    running = 0

    @bench.service.task("slow", in_flight_max=3)
    async def slow(call: Call, payload: dict) -> None:
        nonlocal running
        running += 1
        bench.done.append(running)
        await asyncio.sleep(0)
        running -= 1

    bench.ready()
    for _ in range(20):
        bench.later("slow", {})
    bench.settle()
    assert len(bench.done) == 20
    assert max(bench.done) == 3


def test_what_a_dead_process_had_taken_runs_again(bench: Bench) -> None:
    @bench.service.task("ask")
    async def ask(call: Call, payload: dict) -> None:
        bench.done.append(call.entry_id)
        await asyncio.Event().wait()

    bench.ready().later("ask", {})

    async def crash() -> None:
        bench.workers.start()
        while not bench.done:
            await asyncio.sleep(0)
        await bench.workers.stop(grace_s=0)

    bench.runner.run(crash())
    second = Bench(bench.database)

    @second.service.task("ask")
    async def ask_again(call: Call, payload: dict) -> None:
        second.done.append(call.entry_id)

    async def restart() -> None:
        second.workers.start()
        while not second.done:
            await asyncio.sleep(0)
        await second.workers.stop()

    second.ready()
    second.runner.run(restart())
    second.runner.close()
    assert second.done == bench.done
    assert second.database.transact(lambda tx: second.node.outbox.next_due(tx, "bench.ask"))[0] is None


def test_whose_work_takes_long_keeps_nobody_else_waiting(bench: Bench) -> None:
    ended: list[str] = []
    go = asyncio.Event()

    @bench.service.task("ask", in_flight_max=8)
    async def ask(call: Call, payload: dict) -> None:
        if payload["of"] == "slow":
            await go.wait()
        ended.append(payload["of"])

    bench.ready()
    for _ in range(50):
        bench.later("ask", {"of": "slow"}, share="slow")
    bench.later("ask", {"of": "quick"}, share="quick")

    async def scenario() -> None:
        for _ in range(50):
            bench.workers.turn()
            await asyncio.sleep(0.001)
        assert ended == ["quick"]
        assert bench.workers.backlogs()[0]["Running"] == 4
        assert bench.workers.next_due_ms() is None, "what finds no place keeps nobody awake"
        bench.later("ask", {"of": "quick"}, share="quick")
        bench.workers.turn()
        go.set()
        await bench.workers.settle()

    bench.runner.run(scenario())
    assert len(ended) == 52
    assert bench.workers.backlogs() == []
