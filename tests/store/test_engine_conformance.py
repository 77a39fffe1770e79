"""What every engine promises, over all of them."""

import random

import pytest

from cloudlet.store.engine.memory import MemoryEngine
from cloudlet.store.engine.rocksdb import RocksEngine
from cloudlet.store.engine.sqlite import SqliteEngine
from cloudlet.store.errors import StoreInUse

MAKERS = {
    "memory": lambda path: MemoryEngine(),
    "rocksdb": lambda path: RocksEngine(path / "rocksdb"),
    "sqlite": lambda path: SqliteEngine(path / "sqlite"),
}
EVERYTHING = (b"", b"\xff" * 20)


@pytest.fixture(params=MAKERS)
def engine(request, tmp_path):
    opened = MAKERS[request.param](tmp_path)
    yield opened
    opened.close()


def _scan(engine, begin=b"", end=b"\xff" * 20, limit=1000, bytes_max=1 << 20, reverse=False):
    return engine.scan(begin, end, limit, bytes_max, reverse)


def test_a_written_value_is_read_and_a_deleted_one_is_not(engine):
    engine.write({b"a": b"1", b"b": b""})
    assert (engine.get(b"a"), engine.get(b"b"), engine.get(b"c")) == (b"1", b"", None)
    engine.write({b"a": None, b"never there": None})
    assert engine.get(b"a") is None


def test_keys_and_values_may_hold_any_byte(engine):
    rows = {bytes([n]) * length: bytes([255 - n]) * length for n in (0, 1, 127, 128, 255) for length in (1, 3, 8192)}
    engine.write(rows)
    assert all(engine.get(key) == value for key, value in rows.items())
    assert _scan(engine)[0] == sorted(rows.items())[: len(_scan(engine)[0])]


def test_sequences_rise_with_each_write(engine):
    first = engine.sequence()
    second = engine.write({b"a": b"1"})
    third = engine.write({b"a": b"2", b"b": b"3"})
    fourth = engine.write({b"b": None})
    assert first < second < third < fourth == engine.sequence()


def test_a_scan_takes_the_begin_and_leaves_the_end(engine):
    engine.write(dict.fromkeys((b"a", b"b", b"b\x00", b"c", b"d"), b""))
    assert [key for key, _ in _scan(engine, b"b", b"d")[0]] == [b"b", b"b\x00", b"c"]
    assert [key for key, _ in _scan(engine, b"b", b"d", reverse=True)[0]] == [b"c", b"b\x00", b"b"]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_stops_at_its_row_limit_and_says_that_more_follows(engine, reverse):
    engine.write({b"%d" % n: b"v" for n in range(10)})
    rows, more = _scan(engine, limit=4, reverse=reverse)
    assert (len(rows), more) == (4, True)
    assert _scan(engine, limit=10, reverse=reverse)[1] is False


def test_a_scan_stops_with_the_row_that_reaches_its_byte_limit(engine):
    engine.write({b"%d" % n: b"v" * 99 for n in range(10)})
    assert [len(_scan(engine, bytes_max=size)[0]) for size in (1, 100, 101, 200, 201, 1000)] == [1, 1, 2, 2, 3, 10]
    assert [_scan(engine, bytes_max=size)[1] for size in (900, 901, 1000)] == [True, False, False]


@pytest.mark.parametrize("bounds", [(b"b", b"b"), (b"c", b"a"), (b"x", b"z"), (b"", b"a")])
@pytest.mark.parametrize("reverse", [False, True])
def test_an_empty_range_is_empty(engine, bounds, reverse):
    engine.write({b"a": b"1", b"b": b"2", b"c": b"3"})
    assert _scan(engine, *bounds, reverse=reverse) == ([], False)


def test_a_scan_steps_no_more_rows_than_it_gives(engine):
    engine.write({b"%05d" % n: b"v" for n in range(2000)})
    before = engine.counters.rows
    _scan(engine, b"00500", limit=7)
    _scan(engine, b"00500", limit=7, reverse=True)
    assert engine.counters.rows - before == 14


def test_random_writes_leave_the_same_rows_as_in_a_dict(engine):
    chance, model = random.Random(5), {}
    for _ in range(300):
        changes = {
            bytes(chance.choices((0, 97, 255), k=chance.randrange(1, 6))): chance.choice((None, b"", b"x" * 50))
            for _ in range(chance.randrange(1, 8))
        }
        engine.write(changes)
        for key, value in changes.items():
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value
    for _ in range(200):
        begin, end = (bytes(chance.choices((0, 97, 255), k=chance.randrange(1, 6))) for _ in "be")
        limit, reverse = chance.randrange(1, 20), chance.random() < 0.5
        inside = sorted((item for item in model.items() if begin <= item[0] < end), reverse=reverse)
        assert _scan(engine, begin, end, limit, reverse=reverse) == (inside[:limit], len(inside) > limit)
    assert _scan(engine)[0] == sorted(model.items())


def test_compacting_changes_nothing_that_can_be_read(engine):
    engine.write({b"%03d" % n: b"v" for n in range(500)})
    engine.write({b"%03d" % n: None for n in range(250)})
    engine.compact(b"000", b"999")
    assert [key for key, _ in _scan(engine)[0]] == [b"%03d" % n for n in range(250, 500)]


def test_syncs_with_and_without_news_are_fine(engine):
    engine.sync()
    engine.write({b"a": b"1"})
    engine.sync()
    engine.sync()
    assert engine.get(b"a") == b"1"


def test_what_was_written_makes_the_store_larger_and_its_key_count_higher(engine):
    empty = engine.size_bytes()
    engine.write({b"%03d" % n: bytes([n]) * 1000 for n in range(200)})
    assert engine.size_bytes() >= empty + 100_000
    assert engine.count_keys() == 200


@pytest.mark.parametrize("kind", ["rocksdb", "sqlite"])
def test_everything_and_the_sequence_are_there_after_reopening(kind, tmp_path):
    engine = MAKERS[kind](tmp_path)
    engine.write({b"a": b"1", b"b": b"2"})
    sequence = engine.write({b"a": None})
    engine.close()
    engine = MAKERS[kind](tmp_path)
    assert (_scan(engine)[0], engine.sequence()) == ([(b"b", b"2")], sequence)
    assert engine.write({b"c": b"3"}) > sequence
    engine.close()


@pytest.mark.parametrize("kind", ["rocksdb", "sqlite"])
def test_a_store_in_use_says_so(kind, tmp_path):
    engine = MAKERS[kind](tmp_path)
    engine.write({b"a": b"1"})
    with pytest.raises(StoreInUse, match="in use by another process"):
        MAKERS[kind](tmp_path)
    engine.close()


def test_a_run_of_tombstones_is_noticed_and_compacted_while_the_scan_still_answers(tmp_path, caplog):
    engine = RocksEngine(tmp_path / "rocksdb")
    for start in range(0, 12_000, 1000):
        engine.write({b"q%06d" % n: b"" for n in range(start, start + 1000)})
    engine.sync()
    engine.compact(b"q", b"r")  # so that the deletes meet rows in a table, not in memory only
    for start in range(0, 11_999, 1000):
        engine.write({b"q%06d" % n: None for n in range(start, min(start + 1000, 11_999))})
    assert engine.scan(b"q", b"r", 1, 1000, False) == ([(b"q011999", b"")], False)
    assert engine.counters.guard_hits == 1
    assert "its low-water mark is wrong" in caplog.text
    assert engine.scan(b"q011990", b"r", 1, 1000, False)[0] and engine.counters.guard_hits == 1
    for thread in list(engine.compactions.values()):
        thread.join(10)
    assert engine.scan(b"q", b"r", 1, 1000, False) == ([(b"q011999", b"")], False)
    assert engine.counters.guard_hits == 1
    engine.close()
