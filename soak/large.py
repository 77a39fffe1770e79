"""How soon a node with a large store answers again after kill -9."""

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloudlet.store.database import Database
from cloudlet.store.errors import StoreStalled
from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx
from soak.outages import Row, Say
from soak.steady_load import SteadyLoad
from soak.watching import disk_mib
from tests.crash.node_process import NodeProcess

ROWS_MIB, ROW_BYTES, ROWS_TOGETHER = 512, 2_000, 1_000
BLOBS, BLOB_BYTES = 2_048, 256 << 10
LOAD_S = 5.0
TIMES = 3


@dataclass
class Large:
    mib: float
    ready_s: list[float]
    ready_cpu_s: list[float]

    def rows(self) -> Iterator[Row]:
        yield f"kill -9 with a store of {self.mib:,.0f} MiB, {len(self.ready_s)} times", ""
        times = ", ".join(f"{spent:.2f}" for spent in self.ready_s)
        cpu = ", ".join(f"{spent:.2f}" for spent in self.ready_cpu_s)
        yield "  ready after, s", f"{times} (processor time {cpu})"


def large(seed: int, say: Say) -> Large:
    folder = Path(tempfile.mkdtemp(prefix="cloudlet-soak-large-"))
    say("filling a store with 1 GiB …")
    asyncio.run(_fill(folder / "data" / "store", random.Random(seed)))
    found = Large(0.0, [], [])
    for number in range(TIMES + 1):
        with NodeProcess(folder, plain=True) as node:
            if number:
                found.ready_s.append(node.ready_s)
                found.ready_cpu_s.append(node.ready_cpu_s)
            load = SteadyLoad(node.client)
            if not number:
                load.furnish()
            load.start()
            time.sleep(LOAD_S)
            found.mib = disk_mib(node.data)
            node.kill()
            load.stop()
    shutil.rmtree(folder)
    return found


async def _fill(path: Path, chance: random.Random) -> None:
    database, space = Database.open(path), Subspace("ballast")
    database.journal.start(asyncio.get_running_loop())
    for first in range(0, (ROWS_MIB << 20) // ROW_BYTES, ROWS_TOGETHER):

        def put(tx: Tx, first: int = first) -> None:
            for number in range(first, first + ROWS_TOGETHER):
                tx.put(space.key(number), chance.randbytes(ROW_BYTES))

        while True:
            try:
                database.transact(put)
                break
            except StoreStalled:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0)
    for number in range(BLOBS):
        writer = database.blobs.writer()
        await writer.write(chance.randbytes(BLOB_BYTES))
        blob_id = await writer.finish()

        def adopt(tx: Tx, number: int = number, blob_id: str = blob_id) -> None:
            tx.adopt_blob(blob_id)
            tx.put(space.key("blob", number), blob_id.encode())

        database.transact(adopt)
    await database.journal.wait(database.journal.applied)
    database.close()
