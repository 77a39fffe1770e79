"""A node whose power can be cut: what was synced stays, of the rest a prefix; a new one then starts on it.

Calls go through the gateway, signed, so an answer comes only once it is on disk: what was answered must outlive
everything. What was not answered may have happened or not, but wholly.
"""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

from cloudlet.base.clock import ManualClock
from cloudlet.base.errors import AwsError
from cloudlet.store.blobs import Blobs
from cloudlet.store.database import Database
from cloudlet.store.errors import StoreBroken, StoreFull, StoreStalled
from tests.client import TestNode
from tests.store.faulty_engine import DEAD_DISK, FaultyEngine


class Died(BaseException):
    """The process ended: a sync failed."""


def die(reason: str) -> None:
    raise Died(reason)


class CrashingNode:
    def __init__(self, blobs: Path | None = None) -> None:
        self._blobs = blobs
        self.clock = ManualClock()
        self.engine = FaultyEngine()
        self.node = self._start()

    def _start(self) -> TestNode:
        database = Database(self.engine, blobs=Blobs(self._blobs), run_twice=True)  # type: ignore[arg-type]
        database.journal.on_fatal = die
        node = TestNode(database)
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
        return self.node.aws(service, operation, **parameters)

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
        node.runner.close()
        node.node.database.blobs.close()
