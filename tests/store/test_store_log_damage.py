"""Damage in RocksDB's log: what is whole before it is kept, and nothing is thrown away that was durable, unasked."""

import os
import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from cloudlet.store.engine.rocksdb import RocksEngine
from cloudlet.store.errors import StoreBroken, StoreInUse

WRITES = 60
_HEADER = struct.Struct("<IHB")


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A store as a killed process leaves it, and its log's length after each write."""
    path = tmp_path_factory.mktemp("killed")
    engine = RocksEngine(path / "open")
    [log], lengths = (path / "open" / "log").glob("*.log"), []
    for n in range(WRITES):
        engine.write({b"%03d" % n: random.Random(n).randbytes(3 if n % 2 else 1 + n * 200), b"last": b"%d" % n})
        lengths.append(log.stat().st_size)
    engine.sync()
    shutil.copytree(path / "open", path / "killed", ignore=shutil.ignore_patterns("LOCK"))
    engine.close()
    assert lengths[-1] > 5 * 32768  # records cross the log's blocks
    return path / "killed", lengths


def _copy(killed, target):
    shutil.copytree(killed[0], target)
    [log] = (target / "log").glob("*.log")
    return log


def _last(path, **options):
    """How many writes are there; all before the last of them must be."""
    engine = RocksEngine(path, **options)
    try:
        rows = engine.scan(b"0", b"9", 1000, 1 << 30, False)[0]
        assert [key for key, _ in rows] == [b"%03d" % n for n in range(len(rows))]
        assert engine.get(b"last") == (b"%d" % (len(rows) - 1) if rows else None)
        return len(rows)
    finally:
        engine.close()


def test_a_sound_log_is_left_as_it_is(killed, tmp_path):
    log = _copy(killed, tmp_path / "copy")
    before = log.read_bytes()
    engine = RocksEngine(tmp_path / "copy", durable=2 * WRITES)
    assert engine.sequence() == 2 * WRITES
    assert not log.exists() or log.read_bytes() == before
    engine.close()


def test_a_log_cut_anywhere_gives_the_writes_that_are_whole(killed, tmp_path):
    chance = random.Random(1)
    lengths = killed[1]
    for round_ in range(25):
        cut = chance.choice((chance.randrange(lengths[-1]), chance.choice(lengths), chance.choice(lengths) - 1))
        os.truncate(_copy(killed, tmp_path / f"{round_}"), cut)
        assert _last(tmp_path / f"{round_}") == sum(length <= cut for length in lengths)


@pytest.mark.parametrize("seed", range(12))
def test_a_flipped_byte_gives_the_writes_before_it(killed, tmp_path, seed):
    log, lengths = _copy(killed, tmp_path / "copy"), killed[1]
    data = bytearray(log.read_bytes())
    at = random.Random(seed).randrange(len(data))
    data[at] ^= 1 << seed % 8
    log.write_bytes(data)
    assert _last(tmp_path / "copy") == sum(length <= at for length in lengths)


def test_damage_before_what_was_durable_stops_the_opening_and_touches_nothing(killed, tmp_path):
    log, lengths = _copy(killed, tmp_path / "copy"), killed[1]
    data = bytearray(log.read_bytes())
    data[lengths[29] + 20] ^= 1
    log.write_bytes(data)
    for _ in range(2):
        with pytest.raises(StoreBroken, match=rf"up to {2 * WRITES} .* after 60 are gone.*--accept-loss"):
            RocksEngine(tmp_path / "copy", durable=2 * WRITES)
        assert log.read_bytes() == data
    assert _last(tmp_path / "copy", durable=60) == 30


def test_garbage_behind_the_last_record_never_hangs_the_opening(killed, tmp_path):
    """RocksDB 9.8.4 alone spins for ever on the record types 5 to 8 and 11."""
    variants = [_HEADER.pack(7, length, kind) + bytes(100) for kind in range(13) for length in (0, 10, 60_000)]
    variants += [bytes(50_000), *(random.Random(n).randbytes(1 + n * 331 % 9000) for n in range(12))]
    for n, garbage in enumerate(variants):
        with open(_copy(killed, tmp_path / f"{n}"), "ab") as log:
            log.write(garbage)
    program = """
import sys
from pathlib import Path
from cloudlet.store.engine.rocksdb import RocksEngine
for path in sorted(Path(sys.argv[1]).iterdir()):
    engine = RocksEngine(path)
    print(engine.get(b"last").decode())
    engine.close()
"""
    command = [sys.executable, "-c", program, tmp_path]
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=root, check=True)
    assert done.stdout.split() == [str(WRITES - 1)] * len(variants)


def test_the_log_of_a_store_in_use_is_never_cut(tmp_path):
    engine = RocksEngine(tmp_path / "store")
    engine.write({b"a": b"1"})
    [log] = (tmp_path / "store" / "log").glob("*.log")
    with open(log, "ab") as file:
        file.write(b"a record that is just being written")
    before = log.read_bytes()
    with pytest.raises(StoreInUse):
        RocksEngine(tmp_path / "store")
    assert log.read_bytes() == before
    engine.close()
