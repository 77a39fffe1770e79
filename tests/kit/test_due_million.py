"""A million entries through one due-index on RocksDB: finding the last is as cheap as finding the first."""

from pathlib import Path

import pytest

from cloudlet.kit.due import DueIndex
from cloudlet.store.database import Database
from cloudlet.store.keys import Subspace

ENTRIES = 1_000_000
PER_PUT = 5_000
PER_CLAIM = 100


@pytest.mark.slow
def test_the_millionth_entry_is_found_at_the_cost_of_the_first(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "store")
    index = DueIndex(Subspace("test"))
    rows_per_claim: list[int] = []
    try:
        for start in range(0, ENTRIES, PER_PUT):
            database.transact(lambda tx, start=start: [index.put(tx, 0, (start + n,)) for n in range(PER_PUT)])
            for _ in range(PER_PUT // PER_CLAIM):
                before = database.stats().rows_scanned
                taken, _ = database.transact(index.claim, 0, PER_CLAIM)
                rows_per_claim.append(database.stats().rows_scanned - before)
                assert len(taken) == PER_CLAIM
        assert taken[-1].tie == (ENTRIES - 1,)
        assert max(rows_per_claim) <= PER_CLAIM + 1
        assert database.stats().guard_hits == 0, "a scan walked over a thousand tombstones: the mark was wrong"
    finally:
        database.close()
