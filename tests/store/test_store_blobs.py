"""Blobs: on disk before they have an id, counted, and gone only when nobody refers to them or reads them."""

import asyncio
import os
import threading

import pytest

from cloudlet.base import ids
from cloudlet.store.blobs import Blobs
from cloudlet.store.database import Database
from cloudlet.store.errors import BlobGone, StoreBroken
from tests.store.faulty_engine import FaultyEngine


@pytest.fixture
def database(tmp_path):
    opened = Database(FaultyEngine(), blobs=Blobs(tmp_path / "blobs"))
    yield opened
    opened.close()


def _write(database, data=b"body"):
    async def run():
        writer = database.blobs.writer()
        await writer.write(data)
        return await writer.finish()

    return asyncio.run(run())


def _adopt(database, *blob_ids):
    return database.transact(lambda tx: [tx.adopt_blob(blob_id) for blob_id in blob_ids])[1]


def _drop(database, blob_id):
    return database.transact(lambda tx: tx.drop_blob(blob_id))[1]


def _files(database):
    return list(database.blobs.ids())


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 1_000_000])
def test_a_blob_of_any_size_reads_back(database, size):
    data = os.urandom(size)
    with database.blobs.open(_write(database, data)) as reader:
        assert (reader.size, reader.pread(0, size + 10)) == (size, data)
        assert reader.pread(size // 2, 100) == data[size // 2 : size // 2 + 100]


def test_written_in_pieces_it_is_the_same(database):
    pieces = [os.urandom(n * 999) for n in range(60)]

    async def run():
        writer = database.blobs.writer()
        for piece in pieces:
            await writer.write(piece)
        assert writer.size == sum(map(len, pieces))
        return await writer.finish()

    with database.blobs.open(asyncio.run(run())) as reader:
        assert reader.pread(0, reader.size) == b"".join(pieces)


def test_memory_stays_flat_while_a_large_body_comes_in(database):
    async def run():
        writer = database.blobs.writer()
        for _ in range(64):
            await writer.write(bytes(64 << 10))
            assert writer._buffered < 256 << 10
        writer.abort()

    asyncio.run(run())


def test_file_and_directory_are_synced_before_the_id_is_given_out(database, monkeypatch):
    synced = []
    for name in ("fsync", "fdatasync"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda fd, real=real: (real(fd), synced.append(os.readlink(f"/proc/self/fd/{fd}")))
        )
    path = database.blobs.path(_write(database))
    assert synced[-2:] == [str(path), str(path.parent)]
    assert str(path.parent.parent) in synced  # the folder was new


def test_an_id_names_its_store(database):
    assert _write(database).startswith("local:")


def test_a_blob_of_another_store_is_refused(database):
    with pytest.raises(AssertionError, match="another store"):
        database.blobs.open("s3:abc")


def test_an_aborted_blob_leaves_no_file(database):
    async def run():
        early = database.blobs.writer()
        await early.write(b"x" * 300_000)
        early.abort()
        late = database.blobs.writer()
        await late.finish()
        late.abort()
        late.abort()

    asyncio.run(run())
    database.blobs.wait_quiet()
    assert _files(database) == []


def test_aborting_after_the_adoption_changes_nothing(database):
    async def run():
        writer = database.blobs.writer()
        try:
            _adopt(database, await writer.finish())
        finally:
            writer.abort()

    asyncio.run(run())
    assert len(_files(database)) == 1


def test_a_transaction_that_fails_leaves_the_blob_to_be_aborted(database):
    blob_id = _write(database)
    tx = database.begin()
    tx.adopt_blob(blob_id)
    tx.discard()
    assert database.blobs.is_fresh(blob_id)
    database.blobs.discard(blob_id)
    assert _files(database) == []


def test_the_last_drop_removes_the_file_but_not_before_it_is_durable(database):
    blob_id = _write(database)
    _adopt(database, blob_id)
    database.journal.flush()
    _drop(database, blob_id)
    assert _files(database) == [blob_id]
    database.journal.flush()
    assert _files(database) == []
    with pytest.raises(BlobGone):
        database.blobs.open(blob_id)


def test_every_reference_counts(database):
    blob_id = _write(database)
    _adopt(database, blob_id, blob_id)
    _adopt(database, blob_id)
    for left in (2, 1, 0):
        _drop(database, blob_id)
        database.journal.flush()
        assert len(_files(database)) == (1 if left else 0)


def test_moving_a_reference_within_one_transaction_keeps_the_file(database):
    blob_id = _write(database)
    _adopt(database, blob_id)

    def move(tx):
        tx.drop_blob(blob_id)
        tx.adopt_blob(blob_id)

    with pytest.raises(BlobGone):
        database.transact(move)
    database.transact(lambda tx: (tx.adopt_blob(blob_id), tx.drop_blob(blob_id)))
    database.journal.flush()
    assert _files(database) == [blob_id]


def test_adopted_and_dropped_at_once_it_goes(database):
    blob_id = _write(database)
    database.transact(lambda tx: (tx.adopt_blob(blob_id), tx.drop_blob(blob_id)))
    database.journal.flush()
    assert _files(database) == []


def test_a_rolled_back_savepoint_takes_its_adoption_and_drop_with_it(database):
    kept, other = _write(database, b"kept"), _write(database, b"other")
    _adopt(database, kept)

    def run(tx):
        with pytest.raises(KeyError), tx.savepoint():
            tx.drop_blob(kept)
            tx.adopt_blob(other)
            raise KeyError

    database.transact(run)
    database.journal.flush()
    assert sorted(_files(database)) == sorted([kept, other])
    assert database.is_blob_referenced(kept) and not database.is_blob_referenced(other)


def test_a_dropped_blob_can_not_be_adopted_again(database):
    blob_id = _write(database)
    _adopt(database, blob_id)
    _drop(database, blob_id)
    with pytest.raises(BlobGone, match="its last reference was dropped"):
        _adopt(database, blob_id)


def test_dropping_what_nobody_refers_to_is_our_bug(database):
    with pytest.raises(StoreBroken, match="no reference to drop"):
        _drop(database, _write(database))


def test_a_reader_keeps_the_file_until_it_closes(database):
    blob_id = _write(database, b"still read")
    _adopt(database, blob_id)
    first, second = database.blobs.open(blob_id), database.blobs.open(blob_id)
    _drop(database, blob_id)
    database.journal.flush()
    first.close()
    first.close()
    assert _files(database) == [blob_id]
    assert second.pread(0, 100) == b"still read"
    second.close()
    assert _files(database) == []


def test_who_learns_of_an_adoption_waits_for_it(database):
    blob_id = _write(database)
    horizon = _adopt(database, blob_id)
    assert horizon > database.journal.durable
    tx = database.begin()
    tx.adopt_blob(blob_id)
    assert tx.discard() == horizon


def test_a_pinned_blob_stays_until_it_is_unpinned(database):
    blob_id = _write(database)
    _adopt(database, blob_id)
    database.blobs.pin(blob_id)
    database.blobs.pin(blob_id)
    _drop(database, blob_id)
    database.journal.flush()
    database.blobs.unpin(blob_id)
    with database.blobs.open(blob_id) as reader:
        assert reader.pread(0, 10) == b"body"
    database.blobs.unpin(blob_id)
    assert _files(database) == []


def test_a_write_cancelled_halfway_never_reaches_another_file(database, monkeypatch):
    """The thread goes on writing after its waiter is gone; its descriptor must not be given away meanwhile."""
    entered, release, write = threading.Event(), threading.Event(), os.write

    def slow_write(fd, data):
        if threading.current_thread().name.startswith("store-blobs") and not entered.is_set():
            entered.set()
            release.wait(10)
            return write(fd, data[:1000])
        return write(fd, data)

    async def run():
        monkeypatch.setattr(os, "write", slow_write)
        doomed = database.blobs.writer()
        writing = asyncio.ensure_future(doomed.write(b"d" * 300_000))
        await asyncio.to_thread(entered.wait, 10)
        writing.cancel()
        await asyncio.sleep(0)
        doomed.abort()
        other = database.blobs.writer()
        await other.write(b"o" * 300_000)
        release.set()
        return await other.finish()

    blob_id = asyncio.run(run())
    with database.blobs.open(blob_id) as reader:
        assert reader.pread(0, reader.size) == b"o" * 300_000
    database.blobs.wait_quiet()
    assert _files(database) == [blob_id]


def _left_over(directory, name, data=b"x"):
    (directory / name[-2:]).mkdir(parents=True, exist_ok=True)
    (directory / name[-2:] / name).write_bytes(data)
    return "local:" + name


def test_a_sweep_removes_what_earlier_runs_left_unreferenced_and_nothing_else(database, tmp_path):
    fresh, adopted = _write(database), _write(database)
    _adopt(database, adopted)
    old = [_left_over(tmp_path / "blobs", f"{n:032x}") for n in range(5)]
    removed = database.blobs.sweep(lambda blob_id: blob_id == old[2])
    assert removed == 4
    assert sorted(_files(database)) == sorted([fresh, adopted, old[2]])


@pytest.mark.parametrize("crashed", [True, False])
def test_opening_sweeps_after_a_crash_only(tmp_path, crashed):
    database = Database.open(tmp_path / "data")
    kept, fresh = _write(database, b"kept"), _write(database, b"never adopted")
    _adopt(database, kept)
    database.close()
    if crashed:
        (tmp_path / "data" / "durable").unlink()
    database = Database.open(tmp_path / "data")
    database.blobs.wait_quiet()
    assert sorted(_files(database)) == sorted([kept] if crashed else [kept, fresh])
    database.close()


def test_seeding_ids_does_not_make_blobs_collide(database):
    blob_ids = []
    for _ in range(2):
        ids.seed(7)
        blob_ids.append(_write(database))
    ids.seed(None)
    assert len(set(blob_ids)) == 2


def test_on_a_loop_files_go_in_a_thread_and_closing_waits_for_them(tmp_path):
    async def run():
        database = Database.open(tmp_path / "data")
        database.journal.start(asyncio.get_running_loop())
        writer = database.blobs.writer()
        await writer.write(b"body")
        blob_id = await writer.finish()
        _adopt(database, blob_id)
        await database.journal.wait(_drop(database, blob_id))
        database.close()
        return _files(database)

    assert asyncio.run(run()) == []


def test_in_memory_the_files_are_gone_at_the_end():
    database = Database.open(None)
    path = database.blobs.path(_write(database))
    assert path.exists()
    database.close()
    assert not path.exists() and not path.parent.parent.exists()
