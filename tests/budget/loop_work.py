"""Work on the event loop, counted without a clock: the calls, Python's and C's, that one callback makes.

Measured over ten thousand log events put, a thousand keys listed, a thousand metrics put and ten thousand parts
completed, a call stands for 0.1 to 0.2 µs, so the budget is 10 to 20 ms of a callback; 50 ms fail the bench. What runs
in a thread is not on the loop and is not counted; nor is how long one call into C takes.
"""

import asyncio
import cProfile
import types
from collections.abc import Coroutine, Generator
from typing import Any

from cloudlet.store.database import Database
from tests.client import Caller, TestNode, _body_of
from tests.sdk_wire import parsed

CALLS_MAX = 100_000  # of one callback


class LoopWork:
    """Counts the calls of each step of what `run` drives, and of each entry the workers do."""

    def __init__(self, node: TestNode) -> None:
        self.node = node
        self.most = 0  # of one callback so far

    def aws(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """As Caller.aws, counted."""
        request = Caller(self.node, *self.node.key).request(service, operation, parameters)
        response, body = self.node.run(self._answered(request))
        error, value = parsed(service, operation, response, body, None)
        if error is not None:
            raise error
        return value

    def work(self) -> None:
        """The work that is due, entry by entry, counted."""
        self.node.run(self._worked())

    async def _answered(self, request: Any) -> Any:
        response = await self._steps(self.node.house.gateway.handle(request))
        return response, await _body_of(response)

    async def _worked(self) -> None:
        house_workers = self.node.house.workers
        house_workers.watch = self  # type: ignore[assignment]  # asynchronous tasks: see `run`
        while self._step(house_workers.turn) or house_workers._all_running():
            await asyncio.sleep(0)

    @types.coroutine
    def _steps(self, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        go_on, given = work.send, None
        while True:
            try:
                awaited = self._step(go_on, given)
            except StopIteration as end:
                return end.value
            try:
                go_on, given = work.send, (yield awaited)
            except BaseException as error:
                go_on, given = work.throw, error

    def _step(self, function: Any, *arguments: Any) -> Any:
        profile = cProfile.Profile()
        profile.enable()
        try:
            return function(*arguments)
        finally:
            profile.disable()
            self.most = max(self.most, sum(entry.callcount for entry in profile.getstats()))

    # What the workers ask of a LoopWatch.

    def now(self) -> None:
        return None

    def look(self, since: Any, told: Any) -> None:
        pass

    async def run(self, work: Coroutine[Any, Any, Any], told: Any) -> Any:
        return await self._steps(work)


def node_once() -> TestNode:
    """A node whose transactions run once, as they do outside of tests."""
    return TestNode(Database.open(None))


# ── what several scenarios begin with ─────────────────────────────────────────────────────────────────────────────────


def table(loop: LoopWork) -> None:
    """DynamoDB's table `table`, by p and s."""
    names = ("p", "s")
    loop.node.aws(
        "dynamodb", "CreateTable", TableName="table", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
    )  # fmt: skip
    loop.node.advance(seconds=10)


def key(number: int) -> dict[str, Any]:
    """Of one of its items."""
    return {"p": {"S": "p"}, "s": {"S": f"{number:05d}"}}
