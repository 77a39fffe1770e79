"""A disk that is really full: a small file system of our own, in a mount namespace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SIZE = "64m"
NAMESPACE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from cloudlet.store.database import Database
from cloudlet.store.errors import StoreFull
from cloudlet.store.keys import pack

disk = Path(sys.argv[1])

def fill(database, acknowledged):
    n = 0
    while True:
        tx = database.begin()
        tx.put(pack(("row", n)), os.urandom(20_000))
        horizon = tx.commit()
        database.journal.when_durable(horizon, lambda n=n: acknowledged.append(n))
        n += 1

async def main():
    database, acknowledged = Database.open(disk / "data", engine=sys.argv[2]), []
    database.journal.start(asyncio.get_running_loop())
    ballast = os.open(disk / "ballast", os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(ballast, 0, 40 << 20)
    try:
        fill(database, acknowledged)
    except StoreFull as error:
        print("full:", "No space left" in str(error) or "disk is full" in str(error))
    await database.journal.wait(database.journal.applied)
    print("everything before is durable:", len(acknowledged) > 100)
    print("reads go on:", len(database.begin().get(pack(("row", len(acknowledged) - 1)))))
    print("nothing of the refused write:", database.begin().get(pack(("row", len(acknowledged)))))
    await asyncio.sleep(1.2)
    try:
        database.transact(lambda tx: tx.put(b"x", b"y"))
    except StoreFull:
        print("still refused")
    os.ftruncate(ballast, 0)
    while database.full:
        await asyncio.sleep(0.05)
    horizon = database.transact(lambda tx: tx.put(pack(("after",)), b"it goes on"))[1]
    await database.journal.wait(horizon)
    rows = len(acknowledged)
    database.close()
    database = Database.open(disk / "data", engine=sys.argv[2])
    print("all there:", all(database.begin().get(pack(("row", n))) for n in range(rows)))
    print(database.begin().get(pack(("after",))).decode(), database.check())
    database.close()

asyncio.run(asyncio.wait_for(main(), 20))
"""


def _run(disk, engine):
    shell = f'mount -t tmpfs -o size={SIZE} tmpfs "$0" || exit 99; exec "$@"'
    command = [*NAMESPACE, "sh", "-c", shell, disk, sys.executable, "-c", PROGRAM, disk, engine]
    root = Path(__file__).parent.parent.parent
    return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=root, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["rocksdb", "sqlite"])
def test_a_full_disk_loses_nothing_and_heals_when_there_is_room_again(tmp_path, engine):
    done = _run(tmp_path, engine)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"needs a mount namespace with a tmpfs (util-linux): {done.stderr.strip()}")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "full: True",
            "everything before is durable: True",
            "reads go on: 20000",
            "nothing of the refused write: None",
            "still refused",
            "all there: True",
            "it goes on []",
        ],
    ), done.stderr
