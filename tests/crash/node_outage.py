"""The data directory of a killed node: as it was left, or as a power cut may leave it; and a node opened on it.

Beyond powercut's `Outage` (the store's log, its blobs) this takes away names: a file or folder whose own folder was not
synced since it is there may be gone, with all that is in it. RocksDB's own folder stays as it is.
"""

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from cloudlet.base.config import Settings
from cloudlet.base.errors import AwsError
from cloudlet.store.database import Database
from cloudlet.store.errors import StoreError
from tests.client import TestNode
from tests.crash.node_claims import violations, waiting
from tests.crash.node_load import VISIBILITY_S, Ledger
from tests.crash.powercut import Outage

STORE = "store"


class NodeOutage:
    def __init__(self, data: Path, notes: Path) -> None:
        self.data = data
        self.store = Outage(data / STORE, notes)
        self._named = set(notes.with_suffix(".names").read_text().splitlines())

    def left(self, target: Path) -> None:
        """A copy as kill -9 leaves it: the kernel has everything."""
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.data, target, ignore=shutil.ignore_patterns("functions", "LOCK"))

    def cut(self, target: Path, chance: random.Random) -> None:
        """A copy as a power cut may leave it."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        self.store.cut(target / STORE, chance)
        for path in self.data.iterdir():
            if path.is_file():
                shutil.copy2(path, target)
        for path in self._unnamed():
            copy = target / path.relative_to(self.data)
            if copy.is_dir():
                shutil.rmtree(copy)
            else:
                copy.unlink(missing_ok=True)

    def _unnamed(self) -> Iterator[Path]:
        names = [*self.data.iterdir(), *(self.data / STORE).iterdir(), *(self.data / STORE / "blobs").glob("*")]
        yield from (path for path in names if str(path) not in self._named)


def findings(data: Path, ledger: Ledger) -> list[str]:
    """What is wrong with a node opened on `data`: nothing of it serves, so nothing changes but what the look takes."""
    try:
        database = Database.open(data / STORE)
    except StoreError as error:
        return [f"does not open: {error}"]
    with TestNode(database, Settings(data=data)) as node:
        node.house.upkeep.restore_clock()
        node.clock.not_before(time.time_ns() // 1_000_000)
        node.clock.advance(1000 * VISIBILITY_S)
        tx = database.begin()
        try:
            wrong = list(violations(node.aws, ledger, waiting(tx)))
        except AwsError as error:
            wrong = [f"{error.code}: {error.message}"]
        tx.discard()
        database.blobs.wait_quiet()
        return wrong + [str(finding) for finding in database.check()]
