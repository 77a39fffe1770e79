"""The horizon rule: what may not leave the process before which write is on disk."""

import pytest

from cloudlet.store.database import Database
from cloudlet.store.unsynced import Unsynced


@pytest.fixture(params=["memory", "rocksdb"])
def database(request, tmp_path):
    opened = Database.open(tmp_path / "data", engine=request.param)
    yield opened
    opened.close()


def _put(database, *keys):
    tx = database.begin()
    for key in keys:
        tx.put(key, b"v")
    return tx.commit()


def test_a_write_has_its_own_sequence_as_horizon(database):
    first, second = _put(database, b"a"), _put(database, b"b")
    assert second > first > database.journal.durable


def test_a_read_waits_for_the_newest_unsynced_write_among_its_keys(database):
    a, b, _ = _put(database, b"a"), _put(database, b"b"), _put(database, b"c")
    tx = database.begin()
    tx.get(b"a")
    assert tx.horizon == a
    tx.get(b"b")
    tx.get(b"a")
    assert tx.horizon == b == tx.commit()


def test_a_read_of_synced_or_untouched_keys_waits_for_nothing(database):
    _put(database, b"a")
    database.journal.flush()
    _put(database, b"b")
    tx = database.begin()
    tx.get(b"a")
    tx.get(b"never")
    assert tx.commit() <= database.journal.durable


def test_absence_is_reported_only_once_the_delete_is_durable(database):
    _put(database, b"a")
    database.journal.flush()
    tx = database.begin()
    tx.delete(b"a")
    deleted = tx.commit()
    tx = database.begin()
    assert tx.get(b"a") is None
    assert tx.discard() == deleted > database.journal.durable


def test_deleting_what_was_never_there_counts_too(database):
    tx = database.begin()
    tx.delete(b"a")
    deleted = tx.commit()
    tx = database.begin()
    tx.get(b"a")
    assert tx.commit() == deleted


def test_a_scan_waits_for_the_last_write_of_all(database):
    _put(database, b"a")
    last = _put(database, b"z")
    tx = database.begin()
    tx.scan(b"b", b"c")
    assert tx.horizon == last


def test_a_failed_transactions_horizon_is_what_it_read_not_what_it_wrote(database):
    horizon = _put(database, b"a")
    _put(database, b"b")
    tx = database.begin()
    tx.get(b"a")
    tx.put(b"c", b"v")
    assert tx.discard() == horizon


def test_what_a_rolled_back_savepoint_read_counts(database):
    horizon = _put(database, b"a")
    tx = database.begin()
    with pytest.raises(KeyError), tx.savepoint():
        tx.get(b"a")
        raise KeyError
    assert tx.commit() == horizon


def test_the_key_of_a_write_newer_than_the_sync_stays_unsynced():
    unsynced = Unsynced()
    unsynced.wrote(1, [b"a", b"b"])
    unsynced.wrote(2, [b"a"])
    unsynced.synced(1)
    assert unsynced.by_key == {b"a": 2}
    unsynced.synced(2)
    assert unsynced.by_key == {}


def test_too_many_unsynced_keys_make_every_read_wait_instead_of_growing():
    unsynced = Unsynced(keys_max=10)
    for sequence in range(1, 12):
        unsynced.wrote(sequence, [b"%d" % sequence])
    assert (unsynced.by_key, unsynced.floor) == ({}, 11)


def test_a_read_after_that_waits_for_the_floor():
    database = Database.open(None)
    database.unsynced.keys_max = 3
    last = [_put(database, b"k%d" % n) for n in range(4)][-1]
    tx = database.begin()
    tx.get(b"untouched")
    assert tx.commit() == last
    database.journal.flush()
    assert database.begin().commit() <= database.journal.durable
    database.close()


def test_a_large_values_horizon_is_that_of_its_key(database):
    tx = database.begin()
    tx.put(b"large", bytes(200_000))
    horizon = tx.commit()
    tx = database.begin()
    tx.get(b"large")
    assert tx.commit() == horizon
    assert database.stats().unsynced_keys == 1
