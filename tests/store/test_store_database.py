"""Opening and closing, missing tails, full disks, stalls, and the consistency walk."""

import asyncio
import os
import resource
import shutil
import time

import pytest

from cloudlet.store import values
from cloudlet.store.blobs import Blobs
from cloudlet.store.database import TIDY_EVERY_S, Database
from cloudlet.store.engine import rocksdb
from cloudlet.store.engine.memory import MemoryEngine
from cloudlet.store.engine.rocksdb import DELETES_WORTH_A_TABLE, TOMBSTONES_SKIPPED_MAX
from cloudlet.store.errors import StoreBroken, StoreError, StoreFull, StoreInUse, StoreStalled, StoreUnwritable
from cloudlet.store.keys import pack
from cloudlet.store.sequence_note import SequenceNote
from tests.store.faulty_engine import DEAD_DISK, FaultyEngine

KINDS = pytest.mark.parametrize("kind", ["rocksdb", "sqlite"])


def _put(database, key=b'"a\x00', value=b"v"):
    tx = database.begin()
    tx.put(key, value)
    return tx.commit()


@KINDS
def test_a_store_comes_back_as_it_was_left(tmp_path, kind):
    database = Database.open(tmp_path / "deep" / "data", engine=kind)
    horizon = _put(database)
    database.close()
    database = Database.open(tmp_path / "deep" / "data", engine=kind)
    assert database.begin().get(b'"a\x00') == b"v"
    assert database.stats().sequence == horizon == database.journal.durable
    database.close()


def test_the_directory_is_for_its_owner_only(tmp_path):
    Database.open(tmp_path / "data").close()
    assert os.stat(tmp_path / "data").st_mode & 0o777 == 0o700
    assert os.stat(tmp_path / "data" / "durable").st_mode & 0o777 == 0o600


def test_a_store_in_use_is_refused_by_name(tmp_path):
    database = Database.open(tmp_path / "data")
    with pytest.raises(StoreInUse, match="in use by another process"):
        Database.open(tmp_path / "data")
    database.close()


def test_an_unknown_engine_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(AssertionError, match="no engine is called leveldb"):
        Database.open(tmp_path / "data", engine="leveldb")
    assert not (tmp_path / "data").exists()


@KINDS
def test_a_store_that_lost_durable_writes_does_not_open_until_the_loss_is_accepted(tmp_path, kind):
    database = Database.open(tmp_path / "data", engine=kind)
    horizon = _put(database)
    database.close()
    note = SequenceNote(tmp_path / "data" / "durable")
    note.read()
    note.write(horizon + 7)
    note.close()
    with pytest.raises(StoreBroken, match=rf"up to {horizon + 7} .* after {horizon} are gone.*--accept-loss"):
        Database.open(tmp_path / "data", engine=kind)
    Database.open(tmp_path / "data", engine=kind, accept_loss=True).close()
    database = Database.open(tmp_path / "data", engine=kind)
    assert database.begin().get(b'"a\x00') == b"v"
    database.close()


def test_a_flipped_byte_in_the_log_is_noticed_at_opening(tmp_path):
    """RocksDB alone opens this without a word, with half of the rows."""
    database = Database.open(tmp_path / "data")
    for n in range(100):
        _put(database, pack((n,)), bytes(1000))
    database.journal.flush()
    database._write_note(database.journal.durable)  # what the journal's thread does every few seconds
    shutil.copytree(tmp_path / "data", tmp_path / "killed")
    database.close()
    [path] = (tmp_path / "killed" / "rocksdb" / "log").glob("*.log")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreBroken, match="are gone"):
        Database.open(tmp_path / "killed")
    database = Database.open(tmp_path / "killed", accept_loss=True)
    assert 0 < len(database.begin().scan(b"\x01", b"\xff").rows) < 100
    database.close()


def test_a_note_survives_a_torn_write_of_its_latest_slot(tmp_path):
    note = SequenceNote(tmp_path / "note")
    assert note.read() is None
    for sequence in (5, 6, 7):
        note.write(sequence)
    data = bytearray((tmp_path / "note").read_bytes())
    at = data.index(b"3 7 0")
    data[at + 2] = ord("9")
    (tmp_path / "note").write_bytes(data)
    assert note.read() == (6, False)
    note.write(8, closed=True)
    assert note.read() == (8, True)
    note.close()


def test_a_note_damaged_in_both_slots_says_so(tmp_path):
    (tmp_path / "note").write_bytes(b"garbage")
    note = SequenceNote(tmp_path / "note")
    with pytest.raises(StoreError, match="unreadable"):
        note.read()
    note.close()


def test_the_note_is_never_ahead_of_what_is_durable(tmp_path):
    database = Database.open(tmp_path / "data")
    _put(database)
    note = SequenceNote(tmp_path / "data" / "durable")
    assert note.read().sequence <= database.journal.durable
    database.close()
    assert note.read() == (database.journal.durable, True)
    note.close()


def test_a_full_disk_refuses_writes_leaves_nothing_of_them_and_goes_on_reading():
    engine = FaultyEngine()
    database, ran = Database(engine), []
    _put(database, b"before")
    engine.write_errors = [StoreFull("full")] * 3
    tx = database.begin()
    tx.put(b"a", b"1")
    tx.after_commit(lambda: ran.append(1))
    with pytest.raises(StoreFull):
        tx.commit()
    with pytest.raises(StoreFull, match="still refused"):
        _put(database)
    assert database.stats().full and ran == []
    assert database.begin().scan(b"\x01", b"\xff").rows == [(b"before", b"v")]
    with pytest.raises(StoreFull):
        _put(database)
    _put(database, b"after")
    assert not database.stats().full and database.begin().get(b"after") == b"v"


def test_room_is_believed_only_after_a_probe_was_written_and_synced():
    engine = FaultyEngine()
    database = Database(engine)
    engine.write_errors = [StoreFull("full")]
    engine.sync_errors = [StoreFull("full")]
    with pytest.raises(StoreFull):
        _put(database)
    with pytest.raises(StoreFull, match="still refused"):
        _put(database)
    _put(database)
    assert engine.syncs == 1


def test_a_probe_whose_sync_fails_otherwise_is_fatal_as_any_sync():
    engine = FaultyEngine()
    database, reasons = Database(engine), []
    database.journal.on_fatal = reasons.append
    engine.write_errors, engine.sync_errors = [StoreFull("full")], [DEAD_DISK]
    with pytest.raises(StoreFull):
        _put(database)
    with pytest.raises(StoreFull):
        _put(database)
    assert len(reasons) == 1 and "Input/output error" in reasons[0]
    with pytest.raises(StoreBroken):
        _put(database)


def test_while_the_journal_runs_its_thread_finds_out_that_there_is_room(monkeypatch):
    monkeypatch.setattr("cloudlet.store.journal.PROBE_EVERY_S", 0.01)
    monkeypatch.setattr("cloudlet.store.database.PROBE_EVERY_S", 0.01)

    async def run():
        engine = FaultyEngine()
        database = Database(engine)
        database.journal.start(asyncio.get_running_loop())
        await database.journal.wait(_put(database))
        engine.write_errors = [StoreFull("full")] * 3
        with pytest.raises(StoreFull):
            _put(database)
        while database.full:
            with pytest.raises(StoreFull, match="reads go on"):
                _put(database)
            await asyncio.sleep(0.005)
        await database.journal.wait(_put(database, b"after"))
        assert engine.write_errors == []
        database.close()

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_stalled_write_applies_nothing_and_the_next_one_goes_through():
    engine = FaultyEngine()
    database = Database(engine)
    engine.write_errors = [StoreStalled("behind")]
    with pytest.raises(StoreStalled):
        _put(database)
    assert database.begin().get(b'"a\x00') is None
    _put(database)
    assert database.stats().sequence == 1


def test_a_sound_store_has_no_findings_and_tells_its_progress():
    database, told = Database(MemoryEngine()), []
    for n in range(2500):
        _put(database, pack(("k", n)))
    _put(database, pack(("large",)), bytes(300_000))
    assert database.check(told.append) == []
    assert told[0] == 1000 and told[-1] == 2500 + 1 + 5


@pytest.mark.parametrize(
    "damage, kind",
    [
        ({b"\xfe not a key": b"v\x00"}, "key"),
        ({values.chunk_key(pack(("large",)), 1): None}, "value"),
        ({values.chunk_key(pack(("large",)), 1): b"short"}, "value"),
        ({values.chunk_key(pack(("large",)), 9): b"too many"}, "chunk"),
        ({values.chunk_key(pack(("small",)), 0): b"of no value"}, "chunk"),
        ({pack(("large",)): None}, "chunk"),
        ({pack(("small",)): b""}, "value"),
        ({pack(("small",)): b"odd tag\x07"}, "value"),
        ({b"\x00blocal:" + b"0" * 32: b"1"}, "blob missing"),
    ],
)
def test_check_finds(damage, kind):
    engine = MemoryEngine()
    database = Database(engine)
    _put(database, pack(("large",)), bytes(200_000))
    _put(database, pack(("small",)))
    engine.write(damage)
    assert {finding.kind for finding in database.check()} == {kind}


def test_check_finds_a_blob_that_nothing_refers_to(tmp_path):
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / ("0" * 30 + "ab")).write_bytes(b"left over")
    database = Database(MemoryEngine(), blobs=Blobs(tmp_path))
    assert [finding.kind for finding in database.check()] == ["blob unreferenced"]


def test_check_finds_a_damaged_table(tmp_path):
    database = Database.open(tmp_path / "data")
    for n in range(3000):
        _put(database, pack((n,)), os.urandom(100))
    database.compact(b"\x01", b"\xff")
    database.close()
    table = next((tmp_path / "data" / "rocksdb").glob("*.sst"))
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 1
    table.write_bytes(data)
    database = Database.open(tmp_path / "data")
    findings = database.check()
    assert [finding.kind for finding in findings] == ["damaged"] and "block checksum mismatch" in findings[0].what
    with pytest.raises(StoreBroken, match="block checksum mismatch"):
        database.begin().scan(b"\x01", b"\xff", limit=5000, bytes_max=1 << 30)
    database.close()


def test_a_write_that_fails_for_another_reason_than_space_is_refused_like_one_on_a_full_disk():
    engine = FaultyEngine()
    database = Database(engine)
    engine.write_errors = [StoreUnwritable("Input/output error")] * 2
    for _ in range(2):
        with pytest.raises(StoreUnwritable, match="Input/output error"):
            _put(database)
    assert database.full
    _put(database, b"a")
    assert not database.full and database.begin().get(b"a") == b"v"


def test_a_log_that_takes_no_more_is_an_unwritable_store_and_what_was_taken_is_there(tmp_path):
    database = Database.open(tmp_path)
    for number in range(3):
        database.transact(lambda tx, number=number: tx.put(b"\x02%d" % number, b"v" * 1000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(StoreUnwritable, match="File too large"):
            database.transact(lambda tx: tx.put(b"\x02large", b"v" * 10_000))
        assert database.begin().get(b"\x021") == b"v" * 1000
        assert database.begin().get(b"\x02large") is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    database.close()
    database = Database.open(tmp_path)
    assert [database.begin().get(b"\x02%d" % number) for number in range(3)] == [b"v" * 1000] * 3
    database.close()


def _patiently(database, function):
    """Again while the engine stalls: its buffers are small here, and the disk may be slow."""
    for _ in range(500):
        try:
            return database.transact(function)
        except StoreStalled:
            time.sleep(0.01)
    raise AssertionError("the engine stalls for ever")


def test_what_is_deleted_gives_its_room_back_with_nothing_written_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(rocksdb, "WRITE_BUFFER_BYTES", 1 << 20)
    database = Database.open(tmp_path)
    keys = [pack(("row", number)) for number in range(DELETES_WORTH_A_TABLE)]
    for key in keys:
        _patiently(database, lambda tx, key=key: tx.put(key, os.urandom(10_000)))
    database.engine.compact(keys[0], keys[-1] + b"\x00")
    assert database.size_bytes() > 9_000_000
    for key in keys:
        _patiently(database, lambda tx, key=key: tx.delete(key))
    database._tidied_at -= TIDY_EVERY_S
    database.tidy()
    until = time.monotonic() + 10
    while database.size_bytes() > 2_000_000:
        assert time.monotonic() < until, f"{database.size_bytes()} bytes are kept"
        time.sleep(0.01)
    database.close()


def test_a_store_closes_in_the_midst_of_a_compaction_of_its_own(tmp_path):
    database = Database.open(tmp_path)
    keys = [b"\x02%06d" % number for number in range(2 * TOMBSTONES_SKIPPED_MAX)]
    for first in range(0, len(keys), 1000):
        database.engine.write({key: os.urandom(400) for key in keys[first : first + 1000]})
    for first in range(0, len(keys), 1000):
        database.engine.write(dict.fromkeys(keys[first : first + 1000]))
    database.engine.write({b"\x03": b"kept\x00"})
    database.engine.scan(b"\x02", b"\x03", 1, 1, False)
    assert database.engine.compactions
    database.close()
    database = Database.open(tmp_path)
    assert database.engine.get(b"\x03") == b"kept\x00" and database.check() == []
    assert database.stats().guard_hits == 0  # a check walks over what was deleted
    database.close()
