"""A node whose power can be cut: what was synced stays, of the rest a prefix; a new one then starts on it.

An answer comes only once it is on disk, so what was answered must outlive everything. What was not answered may have
happened or not, but wholly. One call in sixteen is signed, sent and read as an SDK does it; that takes most of a call's
time, so the others begin behind the gateway's door.
"""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from cloudlet.app.workers import Workers
from cloudlet.base.clock import ManualClock
from cloudlet.base.errors import AwsError, ServiceUnavailable
from cloudlet.kit.call import Call, Source
from cloudlet.kit.policy import Principal
from cloudlet.store.blobs import Blobs
from cloudlet.store.database import Database
from cloudlet.store.errors import StoreBroken, StoreError, StoreFull, StoreStalled
from tests.client import ACCOUNT, REGION, TestNode
from tests.store.faulty_engine import DEAD_DISK, FaultyEngine

SIGNED_EVERY = 16
ROOT = Principal(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "Root", ACCOUNT, "root")


class Died(BaseException):
    """The process ended: a sync failed."""


def die(reason: str) -> None:
    raise Died(reason)


class PlainRunner:
    """asyncio.Runner without its signal handlers, which cost more than most calls."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def run(self, coroutine: Coroutine) -> Any:
        return self._loop.run_until_complete(coroutine)

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


class CrashingNode:
    def __init__(self, *services: str, blobs: Path | None = None, signed_every: int = SIGNED_EVERY) -> None:
        """`services`: whose work the workers do; looking for that of all of them takes most of a clock's jump."""
        self._services, self._blobs, self._signed_every = services, blobs, signed_every
        self._calls = 0
        self.clock = ManualClock()
        self.engine = FaultyEngine()
        self.node = self._start()

    def _start(self) -> TestNode:
        database = Database(self.engine, blobs=Blobs(self._blobs), run_twice=True)
        database.journal.on_fatal = die
        if self._blobs is not None:
            database.blobs.sweep_aside(database.is_blob_referenced)
        node = TestNode(database)
        everything = node.node.services
        node.node.services = {name: everything[name] for name in self._services}
        node.house.workers = Workers(node.node)
        node.node.services = everything
        node.runner.close()
        node.runner = PlainRunner()  # type: ignore[assignment]
        node.clock.advance(self.clock.now_ms() - node.clock.now_ms())
        self.clock = node.clock
        self.started(node)
        return node

    def started(self, node: TestNode) -> None:
        """What a process does first; simulations put in their own ports."""
        node.house.workers._release_leases()

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def aws(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        if self._calls % self._signed_every == 0:
            return self.node.aws(service, operation, **parameters)
        return self.node.run(self._perform(service, operation, parameters))

    async def _perform(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """What the gateway does once it knows who asks for what."""
        house = self.node.house
        of = house.node.services[service]
        call = Call(house.node, of, operation, account=ACCOUNT, region=REGION, principal=ROOT, source=Source())
        handler = of.require_operation(operation)
        try:
            if handler.waits:
                result = await house.gateway._wait_on(call, handler.handler, operation, parameters)
            else:
                result = await house.gateway._perform(call, operation, parameters)
        except StoreError as error:
            raise ServiceUnavailable(reason=str(error)) from error
        await call.settle()
        return msgspec.json.decode(msgspec.json.encode(result)) if service == "dynamodb" else result

    def advance(self, seconds: float) -> None:
        self.node.advance(seconds)

    # ── what goes wrong ───────────────────────────────────────────────────────────────────────────────────────────

    def power_cut(self, chance: Random) -> None:
        self.close()
        self.engine = self.engine.after_power_cut(chance)
        self.node = self._start()
        self.node.settle()  # what it had done unasked may be undone: it is due still

    def cut_while_answering(self, chance: Random, service: str, operation: str, **parameters: Any) -> bool:
        """The power goes as the answer's sync is under way. False: nobody was answered, so it may have happened or
        not; True: it was answered, since it wrote nothing."""
        self.engine.sync_errors = [DEAD_DISK]
        try:
            self.aws(service, operation, **parameters)
        except Died:
            return False
        finally:
            self.engine.sync_errors = []
            self.power_cut(chance)
        return True

    def cut_while_time_passes(self, chance: Random, seconds: float) -> None:
        """The clock moves, and the power goes while what became due is being done."""

        async def some_turns() -> None:
            moving = asyncio.ensure_future(self.node.house.workers.advance(round(1000 * seconds)))
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            moving.cancel()
            await asyncio.gather(moving, return_exceptions=True)

        self.node.run(some_turns())
        self.power_cut(chance)

    def refuse_once(self, chance: Random, service: str, operation: str, **parameters: Any) -> bool:
        """The engine refuses one write: whether the call was answered all the same, since it was tried again or wrote
        nothing. Where it was not, nothing of it is there."""
        self.engine.write_errors = [chance.choice((StoreStalled("slow"), StoreBroken("injected"), StoreFull("full")))]
        try:
            self.aws(service, operation, **parameters)
            return True
        except AwsError as error:
            assert error.status >= 500, error
            return False
        finally:
            self.engine.write_errors = []

    def close(self) -> None:
        node = self.node
        node.run(node.house.workers.stop(grace_s=0))
        everything = node.node.services
        node.node.services = {name: everything[name] for name in self._services}
        node.house.workers = Workers(node.node)
        node.node.services = everything
        node.runner.close()
        node.node.database.blobs.close()
