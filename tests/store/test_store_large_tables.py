"""The cost of a get doesn't grow with the table it is in."""

import sys
from pathlib import Path

import pytest

from cloudlet.store.engine.rocksdb import RocksEngine

ROWS, KEY_BYTES, GETS = 20_000, 400, 100
READ_BYTES_MAX = 256 << 10  # some blocks once; an index as a whole would be megabytes each time


def bytes_read() -> int:
    """By system calls of this process so far, from the page cache too."""
    return int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc/self/io is Linux's")
def test_what_is_read_often_stays_in_the_cache_however_large_its_table(tmp_path: Path) -> None:
    engine = RocksEngine(tmp_path / "store")
    keys = [b"\x01%0*d" % (KEY_BYTES, number * 7919 % ROWS) for number in range(ROWS)]
    for start in range(0, ROWS, 1000):
        engine.write(dict.fromkeys(keys[start : start + 1000], bytes(1000)))
    engine.compact(b"\x01", b"\xff")
    assert engine.get(keys[5]) == bytes(1000)
    before = bytes_read()
    for _ in range(GETS):
        engine.get(keys[5])
    read = bytes_read() - before
    engine.close()
    assert read < READ_BYTES_MAX, f"{GETS} gets of one key read {read:,} bytes"
