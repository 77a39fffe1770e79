"""What workers do when something fails beside the task itself: the store, a last word, a transaction too big."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from test_workers import Bench

from cloudlet.kit.call import Call
from cloudlet.kit.retry import GiveUp
from cloudlet.kit.shares import Places
from cloudlet.store.errors import StoreFull, StoreStalled


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.runner.close()


def refuse_writes(bench: Bench, error: Exception, times: int) -> None:
    """The engine refuses the next `times` writes."""
    write, left = bench.database.engine.write, [times]

    def sometimes(changes: Any) -> int:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        return write(changes)

    bench.database.engine.write = sometimes


def test_a_last_word_that_fails_is_said_again_and_stops_nobody(bench: Bench) -> None:
    start_ms = bench.clock.now_ms()

    @bench.service.task("dead")
    def dead(call: Call, payload: dict) -> None:
        call.tx.put(call.keys.key("dead"), b"")
        if call.now_ms < start_ms + 1000:
            raise ValueError("nobody listens")

    @bench.service.task("plain", on_exhausted="dead")
    def plain(call: Call, payload: dict) -> None:
        raise GiveUp("hopeless")

    @bench.service.task("other")
    def other(call: Call, payload: dict) -> None:
        call.tx.put(call.keys.key("other"), b"")

    bench.ready().later("plain", {})
    bench.later("other", {})
    bench.settle()
    assert bench.stored() == ["other"]
    bench.advance(1000)
    assert bench.stored() == ["dead", "other"]


def test_what_was_done_outside_is_not_done_again_because_the_store_stalls(bench: Bench) -> None:
    @bench.service.task("ask")
    async def ask(call: Call, payload: dict) -> Any:
        bench.done.append("asked")
        refuse_writes(bench, StoreStalled("injected"), 2)
        return lambda call: call.tx.put(call.keys.key("answer"), b"")

    bench.ready().later("ask", {})
    bench.settle()
    assert (bench.done, bench.stored()) == (["asked"], ["answer"])


def test_an_outcome_that_cannot_be_kept_is_a_failed_attempt(bench: Bench) -> None:
    @bench.service.task("ask")
    async def ask(call: Call, payload: dict) -> Any:
        bench.done.append("asked")

        def finish(call: Call) -> None:
            call.tx.put(call.keys.key("answer"), b"")
            if len(bench.done) == 1:
                raise ValueError("wrong")

        return finish

    bench.ready().later("ask", {})
    bench.settle()
    assert (bench.done, bench.stored()) == (["asked"], [])
    bench.advance(1000)
    assert (bench.done, bench.stored()) == (["asked", "asked"], ["answer"])


def test_a_task_whose_transaction_is_too_large_fails_and_blocks_nobody(bench: Bench) -> None:
    @bench.service.task("dead")
    def dead(call: Call, payload: dict) -> None:
        call.tx.put(call.keys.key("dead"), b"")

    @bench.service.task("write", on_exhausted="dead", attempts_max=2)
    def write(call: Call, payload: dict) -> None:
        for number in range(payload["megabytes"]):
            call.tx.put(call.keys.key(f"row {number}"), bytes(1 << 20))

    bench.ready().later("write", {"megabytes": 20})
    bench.later("write", {"megabytes": 1})
    bench.settle()
    assert bench.stored() == ["row 0"]
    bench.advance(1000)
    assert bench.stored() == ["dead", "row 0"]


def test_moving_the_clock_with_a_full_disk_is_refused_rather_than_tried_for_ever(bench: Bench) -> None:
    @bench.service.task("note")
    def note(call: Call, payload: dict) -> None:
        call.tx.put(call.keys.key("noted"), b"")

    bench.ready().later("note", {})
    refuse_writes(bench, StoreFull("injected"), 1000)
    with pytest.raises(StoreFull):
        bench.advance(1000)


def test_workers_do_not_turn_while_a_task_has_no_room(bench: Bench) -> None:
    turns = 0

    @bench.service.task("slow", in_flight_max=1)
    async def slow(call: Call, payload: dict) -> None:
        await asyncio.Event().wait()

    bench.ready().later("slow", {})
    bench.later("slow", {})
    turn = bench.workers.turn

    def counted() -> bool:
        nonlocal turns
        turns += 1
        return turn()

    bench.workers.turn = counted

    async def for_a_while() -> None:
        bench.workers.start()
        await asyncio.sleep(0.05)
        await bench.workers.stop(grace_s=0)

    bench.runner.run(for_a_while())
    assert turns <= 3


def test_a_start_on_a_full_disk_waits_for_room_and_then_does_what_a_dead_process_had_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudlet.app.workers.IDLE_S", 0.001)

    @bench.service.task("ask")
    async def ask(call: Call, payload: dict) -> None:
        bench.done.append(call.entry_id)

    bench.ready().later("ask", {})
    bench.database.transact(bench.workers._take, "bench.ask", Places(1, {}), 60_000)  # and died
    refuse_writes(bench, StoreFull("full"), 2)

    async def start() -> None:
        bench.workers.start()
        async with asyncio.timeout(10):
            while not bench.done:
                await asyncio.sleep(0.001)
        await bench.workers.stop()

    bench.runner.run(start())
    assert len(bench.done) == 1
