"""Power cuts under load: nothing acknowledged is lost, what comes back is a prefix, blobs are whole.

And the harness itself is on trial: with syncs left out, or answers sent early, it must find a loss.
"""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudlet.store.database import Database
from cloudlet.store.errors import StoreError
from tests.crash.powercut import Outage
from tests.crash.store_writer import LAST, ROWS, expected

RUNS = 12
CUTS_PER_RUN = 10
MID_FLUSH_MIN = 30
HANG_GUARD_S = 10
ROOT = Path(__file__).parent.parent.parent


def _killed_run(path, seed, mutation="", mid_flush=False):
    """Let the writer work, kill it (in the middle of a flush, if asked); the outage and the highest acknowledgement."""
    path.mkdir()
    enough, acks = random.Random(seed).randint(40, 250), path / "acks"
    command = [sys.executable, "-m", "tests.crash.store_writer", path / "data", path / "notes", str(seed), mutation]
    with open(acks, "wb") as out:
        process = subprocess.Popen(command, stdout=out, cwd=ROOT)
    until = time.monotonic() + HANG_GUARD_S
    while acks.read_bytes().count(b"\n") < enough or (mid_flush and len(Outage.logs_of(path / "data")) < 2):
        assert process.poll() is None, f"the writer ended by itself: {process.returncode}"
        if time.monotonic() > until:
            break
        time.sleep(0 if mid_flush else 0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return Outage(path / "data", path / "notes"), max(int(line) for line in acks.read_text().splitlines())


def _violations(data, acknowledged):
    """What a reopened store did wrong."""
    try:
        database = Database.open(data)
    except StoreError as error:
        return [f"does not open: {error}"]
    try:
        tx = database.begin()
        last = int(tx.get(LAST.key()) or 0)
        if last < acknowledged:
            return [f"{acknowledged} was acknowledged, {last} is the last one there"]
        rows, blobs = expected(last)
        found = [(ROWS.unpack(key), value) for key, value in _everything(tx)]
        wrong = []
        if {items[0]: value for items, value in found if len(items) == 1} != rows:
            wrong.append(f"the rows are not those after {last} transactions")
        if {items[1] for items, _ in found if len(items) == 2} != blobs:
            wrong.append(f"the blobs are not those after {last} transactions")
        for items, value in found:
            if len(items) == 2:
                wrong.extend(_blob_violations(database, value.decode()))
        database.blobs.wait_quiet()
        return wrong + [str(finding) for finding in database.check()]
    finally:
        database.close()


def _everything(tx):
    begin, end = ROWS.range()
    while begin is not None:
        rows, begin = tx.scan(begin, end)
        yield from rows


def _blob_violations(database, blob_id):
    try:
        with database.blobs.open(blob_id) as reader:
            data = reader.pread(0, reader.size)
    except StoreError as error:
        return [str(error)]
    return [] if data and data == b"blob " * (len(data) // 5) else [f"{blob_id} is damaged"]


@pytest.mark.slow
def test_no_power_cut_loses_what_was_acknowledged(tmp_path):
    cuts = mid_flush = 0
    for seed in range(RUNS):
        path = tmp_path / str(seed)
        outage, acknowledged = _killed_run(path, seed, mid_flush=seed % 2 == 1)
        chance = random.Random(seed)
        for cut in range(CUTS_PER_RUN):
            outage.cut(path / "cut", chance)
            assert _violations(path / "cut", acknowledged) == [], f"seed {seed}, cut {cut}"
            cuts += 1
            mid_flush += outage.is_mid_flush
    print(f"{cuts} cuts, {mid_flush} of them mid-flush")
    assert cuts >= 100 and mid_flush >= MID_FLUSH_MIN


@pytest.mark.slow
@pytest.mark.parametrize(
    "mutation", ["sync is a no-op", "answers leave early", "blobs are not synced", "files go early"]
)
def test_power_cuts_find(mutation, tmp_path):
    found = []
    for seed in range(10):
        path = tmp_path / str(seed)
        outage, acknowledged = _killed_run(path, seed, mutation)
        chance = random.Random(seed)
        for _ in range(CUTS_PER_RUN):
            outage.cut(path / "cut", chance)
            found += _violations(path / "cut", acknowledged)
            if found:
                print(found[0])
                return
    pytest.fail(f"no cut noticed that {mutation}")
