"""The watch over the event loop tells who held it, and changes nothing of what it watches."""

import asyncio

import pytest

from cloudlet.app.loop_watch import LoopWatch
from cloudlet.base.config import Settings
from tests.client import TestNode

EVERY_STEP_S = -1.0  # a budget that nothing keeps


def test_each_step_over_the_budget_is_told_with_its_name_and_id():
    watch = LoopWatch(lambda: 7, EVERY_STEP_S)

    async def work():
        await asyncio.sleep(0)
        return "done"

    assert asyncio.run(watch.run(work(), lambda: ("sqs.SendMessage", "id"))) == "done"
    assert [(breach.at_ms, breach.name, breach.id) for breach in watch.breaches] == [(7, "sqs.SendMessage", "id")] * 2


def test_a_step_within_the_budget_is_not_told():
    watch = LoopWatch(lambda: 7, budget_s=3600)

    async def work():
        await asyncio.sleep(0)

    asyncio.run(watch.run(work(), lambda: ("", "")))
    assert not watch.breaches


def test_what_is_thrown_in_and_out_goes_through():
    watch = LoopWatch(lambda: 7)
    met = []

    async def work():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError as error:
            met.append(error)
            raise ValueError from None

    async def cancelled():
        task = asyncio.get_running_loop().create_task(watch.run(work(), lambda: ("", "")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(ValueError):
            await task

    asyncio.run(cancelled())
    assert len(met) == 1


def test_the_longest_of_the_last_breaches_come_first():
    watch = LoopWatch(lambda: 7, EVERY_STEP_S)
    for started in (3.0, 1.0, 2.0):  # the earlier, the longer ago
        watch.look((started, started), lambda started=started: (f"began at {started}", ""))
    assert [told["Name"] for told in watch.longest(2)] == ["began at 1.0", "began at 2.0"]


def test_a_watching_node_says_in_its_status_which_request_held_it():
    with TestNode(settings=Settings(watch_loop=True)) as node:
        node.house.gateway.watch = node.house.watch = LoopWatch(node.clock.now_ms, EVERY_STEP_S)
        node.aws("sqs", "CreateQueue", QueueName="q")
        told = node.house.node.controls.status()["LoopHeld"]
    assert "sqs.CreateQueue" in {breach["Name"] for breach in told}


def test_a_node_that_does_not_watch_has_no_watch():
    with TestNode() as node:
        assert node.house.gateway.watch is None
        assert "LoopHeld" not in node.house.node.controls.status()
