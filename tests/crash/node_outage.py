"""The data directory of a killed node: as it was left, or as a power cut may leave it; and a node opened on it.

Beyond powercut's `Outage` (the store's log, its blobs) this takes away names: a file or folder whose own folder was not
synced since it is there may be gone, with all that is in it. RocksDB's own folder stays as it is.
"""

import json
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from cloudlet.base.config import Settings
from cloudlet.base.errors import AwsError
from cloudlet.kit.outbox import Entry
from cloudlet.store.database import Database
from cloudlet.store.errors import StoreError
from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx
from tests.client import TestNode
from tests.crash.node_load import Ledger
from tests.crash.node_process import HANG_GUARD_S
from tests.crash.powercut import Outage
from tests.crash.subjects.noting_function import ids_in
from tests.crash.subjects.subject import SEEN, VISIBILITY_S, Aws, Found, scanned

STORE = "store"
NOT_RUN = ("lambda.invoke_async",)  # while one looks: functions would change what is looked at


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


def findings(data: Path, ledger: Ledger, chance: random.Random, subjects: int | None = None) -> list[str]:
    """What is wrong with a node opened on `data`. It serves nobody and runs no functions; what else is due, it does.
    `subjects`: how many are looked at, drawn by lot."""
    try:
        database = Database.open(data / STORE)
    except StoreError as error:
        return [f"does not open: {error}"]
    database.journal._sync = lambda: None  # nobody cuts this one's power
    with TestNode(database, Settings(data=data)) as node:
        node.house.upkeep.restore_clock()
        node.clock.not_before(time.time_ns() // 1_000_000)
        node.clock.advance(1000 * VISIBILITY_S)
        try:
            wrong = list(_violations(node, ledger, chance, subjects))
        except (AwsError, AssertionError) as error:
            wrong = [f"{error!r}"]
        database.blobs.wait_quiet()
        return wrong + [str(finding) for finding in database.check()]


def _violations(node: TestNode, ledger: Ledger, chance: random.Random, subjects: int | None) -> Iterator[str]:
    workers = node.house.workers
    for target in NOT_RUN:
        workers._tasks[target] = replace(workers._tasks[target], in_flight_max=0)
    workers._release_leases()
    node.settle()
    tx = node.node.database.begin()
    waiting = set(_waiting(tx))
    tx.discard()
    aws = partial(_asked_again, node.aws)
    seen = {item["id"]["S"] for item in scanned(aws, SEEN)}
    found = Found(aws, seen, waiting, chance)
    for subject in chance.sample(ledger.subjects, subjects) if subjects else ledger.subjects:
        yield from subject.violations(found)
    told = ledger.events()
    if more := found.caused - told.tried:
        yield f"the function is told of {min(more)}, which nobody asked for"
    if lost := told.done - found.caused:
        yield f"the function is never told of {min(lost)}"


def _asked_again(aws: Aws, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
    """As SDKs do where the store stalls: the node may have been killed while compaction was behind."""
    until = time.monotonic() + HANG_GUARD_S
    while True:
        try:
            return aws(service, operation, **parameters)
        except AwsError as error:
            if error.status != 503 or time.monotonic() > until:
                raise
            time.sleep(0.02)


def _waiting(tx: Tx) -> Iterator[str]:
    """Ids of the events that the outbox holds for the function."""
    begin, end = Subspace("outbox")["e"].range()
    more: bytes | None = begin
    while more is not None:
        rows, more = tx.scan(more, end)
        for _, stored in rows:
            entry = Entry.decode(stored)
            if entry.task == "invoke_async":
                yield from ids_in(json.loads(msgspec.msgpack.decode(entry.payload)["payload"]))
