"""The process that test_store_powercut.py kills: writes under load, and says what is acknowledged.

    python -m tests.crash.store_writer DATA NOTES SEED [MUTATION]

Transaction i writes row i and `last`; some delete an earlier row, some carry a blob, some drop an earlier one. So the
state after i transactions is known (`expected`), and whatever is recovered must be one of these states.
"""

import asyncio
import hashlib
import os
import random
import sys
from pathlib import Path

from cloudlet.store.blobs import Blobs
from cloudlet.store.database import Database
from cloudlet.store.engine import rocksdb
from cloudlet.store.errors import StoreStalled
from cloudlet.store.journal import Journal
from cloudlet.store.keys import Subspace
from tests.crash import powercut

CLIENTS = 6
ROWS, LAST = Subspace("row"), Subspace("last")
_LARGE_EVERY, _DELETE_EVERY, _BLOB_EVERY, _BLOBS_KEPT = 23, 4, 5, 3


def body(number: int) -> bytes:
    """What row `number` holds: its size varies, some are split."""
    size = 150_000 if number % _LARGE_EVERY == 0 else 50 + number * 37 % 1500
    block = hashlib.sha256(b"%d" % number).digest()
    return (block * (size // 32 + 1))[:size]


def expected(last: int) -> tuple[dict[int, bytes], set[int]]:
    """Rows, and which rows' blobs are still referenced, after `last` transactions."""
    deleted = {number - 2 for number in range(1, last + 1) if number % _DELETE_EVERY == 0}
    blobs = {number for number in range(1, last + 1) if number % _BLOB_EVERY == 0}
    dropped = {number - _BLOBS_KEPT * _BLOB_EVERY for number in blobs}
    return {number: body(number) for number in range(1, last + 1) if number not in deleted}, blobs - dropped


def write(tx, blob_id: str) -> tuple[int, bool]:
    """The next transaction; its number, and whether it took the blob."""
    number = int(tx.get(LAST.key()) or 0) + 1
    takes_blob = number % _BLOB_EVERY == 0
    tx.put(ROWS.key(number), body(number))
    tx.put(LAST.key(), b"%d" % number)
    if number % _DELETE_EVERY == 0:
        tx.delete(ROWS.key(number - 2))
    if takes_blob:
        tx.adopt_blob(blob_id)
        tx.put(ROWS.key("blob", number), blob_id.encode())
        old = tx.get(ROWS.key("blob", number - _BLOBS_KEPT * _BLOB_EVERY))
        if old is not None:
            tx.drop_blob(old.decode())
            tx.delete(ROWS.key("blob", number - _BLOBS_KEPT * _BLOB_EVERY))
    return number, takes_blob


async def client(database: Database, chance: random.Random) -> None:
    while True:
        writer = database.blobs.writer()
        await writer.write(b"blob " * chance.randrange(1, 500))
        blob_id = await writer.finish()
        takes_blob = False
        while not takes_blob:
            try:
                (number, takes_blob), horizon = database.transact(write, blob_id)
            except StoreStalled:
                await asyncio.sleep(0.002)
                continue
            await database.journal.wait(horizon)
            os.write(1, b"%d\n" % number)


async def _no_wait(journal: Journal, horizon: int) -> None:
    """Answers that leave before their sync."""
    await asyncio.sleep(0)


def _remove_at_once(database: Database) -> None:
    """Files that go before the transaction that dropped them is durable."""
    settle = database._settle_blobs

    def wrong(changes, sequence):
        settle(changes, 0)

    database._settle_blobs = wrong


def mutate(mutation: str) -> None:
    if mutation == "sync is a no-op":
        rocksdb.RocksEngine.sync = lambda engine, scope=None: None
    elif mutation == "answers leave early":
        Journal.wait = _no_wait
    elif mutation == "blobs are not synced":
        Blobs._in_thread = _without_syncs(Blobs._in_thread)


def _without_syncs(in_thread):
    async def run(blobs, function):
        kept = os.fdatasync, os.fsync
        os.fdatasync = os.fsync = lambda fd: None
        try:
            await in_thread(blobs, function)
        finally:
            os.fdatasync, os.fsync = kept

    return run


async def main(data: Path, notes: Path, seed: int, mutation: str) -> None:
    powercut.watch_syncs(notes, seconds_per_sync=0.004)
    rocksdb.WRITE_BUFFER_BYTES = 64 << 10
    mutate(mutation)
    database = Database.open(data)
    if mutation == "files go early":
        _remove_at_once(database)
    database.journal.start(asyncio.get_running_loop())
    chance = random.Random(seed)
    await asyncio.gather(*(client(database, chance) for _ in range(CLIENTS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
