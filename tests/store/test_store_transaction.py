"""What a transaction promises: all or nothing, its own writes seen, savepoints, scans with resume keys, budgets."""

import random

import pytest

from cloudlet.store import values
from cloudlet.store.database import Database, horizon_of
from cloudlet.store.errors import RangeTooLong, TransactionTooLarge
from cloudlet.store.keys import Subspace, pack

KIB = 1024


@pytest.fixture(params=["memory", "rocksdb", "sqlite"])
def database(request, tmp_path):
    opened = Database.open(tmp_path / "data", engine=request.param)
    yield opened
    opened.close()


@pytest.fixture
def small():
    opened = Database.open(None)
    yield opened
    opened.close()


def _put(database, rows):
    tx = database.begin()
    for key, value in rows.items():
        tx.put(key, value)
    return tx.commit()


def _rows(database, **options):
    return database.begin().scan(b"a", b"z", **options).rows


def test_nothing_is_there_before_the_commit_and_all_of_it_after(database):
    tx = database.begin()
    tx.put(b"a", b"1")
    tx.put(b"b", b"2")
    assert database.begin().get(b"a") is None
    tx.commit()
    assert _rows(database) == [(b"a", b"1"), (b"b", b"2")]


def test_a_discarded_transaction_leaves_no_trace(small):
    tx = small.begin()
    tx.put(b"a", b"1")
    tx.discard()
    assert _rows(small) == [] and small.stats().sequence == 0


def test_a_transaction_reads_its_own_writes_and_deletes(database):
    _put(database, {b"a": b"1", b"b": b"2"})
    tx = database.begin()
    tx.put(b"a", b"3")
    tx.delete(b"b")
    tx.put(b"c", b"")
    assert (tx.get(b"a"), tx.get(b"b"), tx.get(b"c")) == (b"3", None, b"")
    assert tx.scan(b"a", b"z").rows == [(b"a", b"3"), (b"c", b"")]
    assert tx.scan(b"a", b"z", reverse=True).rows == [(b"c", b""), (b"a", b"3")]


def test_an_ended_transaction_can_not_be_used(small):
    tx = small.begin()
    tx.commit()
    for use in (lambda: tx.put(b"a", b""), lambda: tx.get(b"a"), tx.commit, tx.discard, lambda: tx.scan(b"a", b"b")):
        with pytest.raises(AssertionError, match="has ended"):
            use()


def test_a_transaction_overtaken_by_another_is_refused(small):
    tx = small.begin()
    tx.get(b"a")
    _put(small, {b"a": b"1"})
    tx.put(b"a", b"2")
    with pytest.raises(AssertionError, match="never wait between look and act"):
        tx.commit()
    assert small.begin().get(b"a") == b"1"


def test_resuming_a_scan_gives_every_row_once(database):
    rows = {b"k%03d" % n: b"v" * (n % 7) for n in range(57)}
    _put(database, rows)
    for reverse in (False, True):
        for limit, bytes_max in ((1, 999), (10, 999), (57, 9999), (100, 20), (58, 1)):
            tx, begin, end, seen, scans = database.begin(), b"k", b"l", [], 0
            while True:
                part, resume = tx.scan(begin, end, limit=limit, bytes_max=bytes_max, reverse=reverse)
                seen, scans = seen + part, scans + 1
                assert 0 < len(part) <= limit
                if resume is None:
                    break
                begin, end = (begin, resume) if reverse else (resume, end)
            assert seen == sorted(rows.items(), reverse=reverse)
            assert scans >= 57 // limit


def test_a_scan_says_it_is_finished_when_the_last_row_fills_it(database):
    _put(database, {b"a": b"1", b"b": b"2"})
    assert database.begin().scan(b"a", b"z", limit=2).resume is None
    assert database.begin().scan(b"a", b"z", limit=1).resume == b"a\x00"
    assert database.begin().scan(b"a", b"z", limit=1, reverse=True).resume == b"b"


def test_a_scan_of_many_deleted_rows_in_the_overlay_still_finds_what_is_behind(database):
    _put(database, {b"k%03d" % n: b"" for n in range(100)})
    tx = database.begin()
    for n in range(99):
        tx.delete(b"k%03d" % n)
    assert tx.scan(b"k", b"l", limit=5) == ([(b"k099", b"")], None)


def test_overlay_and_engine_merge_in_every_order(database):
    chance = random.Random(3)
    for _ in range(60):
        committed = {b"%02d" % chance.randrange(40): b"old" for _ in range(chance.randrange(25))}
        tx = database.begin()
        for key, _ in tx.scan(b"\x01", b"\xff").rows:
            tx.delete(key)
        for key, value in committed.items():
            tx.put(key, value)
        tx.commit()
        tx, model = database.begin(), dict(committed)
        for _ in range(chance.randrange(1, 25)):
            key = b"%02d" % chance.randrange(40)
            if chance.random() < 0.4:
                tx.delete(key)
                model.pop(key, None)
            else:
                tx.put(key, b"new")
                model[key] = b"new"
            if chance.random() < 0.3:
                begin, end = sorted(b"%02d" % chance.randrange(41) for _ in "be")
                reverse, limit = chance.random() < 0.5, chance.randrange(1, 9)
                inside = sorted((row for row in model.items() if begin <= row[0] < end), reverse=reverse)
                assert tx.scan(begin, end, limit=limit, reverse=reverse).rows == inside[:limit]
        tx.discard()


def test_an_exception_out_of_a_savepoint_undoes_its_writes_and_callbacks_only(small):
    called = []
    _put(small, {b"kept": b"0", b"there": b"1"})
    tx = small.begin()
    tx.put(b"before", b"1")
    tx.put(b"kept", b"1")
    tx.after_commit(lambda: called.append("outer"))
    with pytest.raises(ValueError), tx.savepoint():
        tx.put(b"kept", b"2")
        tx.delete(b"there")
        tx.put(b"new", b"3")
        tx.put(b"new", b"4")
        assert tx.scan(b"a", b"z").rows == [(b"before", b"1"), (b"kept", b"2"), (b"new", b"4")]
        tx.after_commit(lambda: called.append("inner"))
        raise ValueError
    assert tx.scan(b"a", b"z").rows == [(b"before", b"1"), (b"kept", b"1"), (b"there", b"1")]
    tx.commit()
    assert _rows(small) == [(b"before", b"1"), (b"kept", b"1"), (b"there", b"1")]
    assert called == ["outer"]


def test_savepoints_nest(small):
    tx = small.begin()
    with tx.savepoint():
        tx.put(b"a", b"1")
        with pytest.raises(KeyError), tx.savepoint():
            tx.put(b"a", b"2")
            with tx.savepoint():
                tx.put(b"b", b"2")
            raise KeyError
        assert (tx.get(b"a"), tx.get(b"b")) == (b"1", None)
    with pytest.raises(KeyError), tx.savepoint():
        with tx.savepoint():
            tx.put(b"a", b"3")
        raise KeyError
    tx.commit()
    assert _rows(small) == [(b"a", b"1")]


def test_a_rolled_back_savepoint_gives_its_budget_back(small):
    tx = small.begin()
    for _ in range(5):
        with pytest.raises(KeyError), tx.savepoint():
            tx.put(b"large", bytes(7 << 20))
            raise KeyError
    tx.put(b"large", bytes(7 << 20))
    with pytest.raises(TransactionTooLarge):
        tx.put(b"more", bytes(2 << 20))


def test_callbacks_run_in_order_after_the_writes_are_there(small):
    seen = []
    tx = small.begin()
    tx.put(b"a", b"1")
    tx.after_commit(lambda: seen.append(small.begin().get(b"a")))
    tx.after_commit(lambda: seen.append("second"))
    assert seen == []
    tx.commit()
    assert seen == [b"1", "second"]


def test_callbacks_of_a_discarded_transaction_never_run(small):
    seen = []
    tx = small.begin()
    tx.after_commit(lambda: seen.append(1))
    tx.discard()
    assert seen == []


def test_more_than_eight_megabytes_are_refused(small):
    tx = small.begin()
    for n in range(7):
        tx.put(b"k%d" % n, bytes(1 << 20))
    tx.put(b"k0", bytes((2 << 20) - 14))
    with pytest.raises(TransactionTooLarge, match="8388608 bytes"):
        tx.put(b"k1", bytes((1 << 20) + 1))
    tx.delete(b"k1")
    tx.put(b"k1", bytes(1 << 20))
    tx.commit()


def test_more_than_ten_thousand_keys_are_refused(small):
    tx = small.begin()
    for n in range(10_000):
        tx.put(b"k%d" % n, b"")
    tx.put(b"k0", b"again")
    with pytest.raises(TransactionTooLarge, match="10000 keys"):
        tx.delete(b"another")
    tx.commit()
    assert len(_rows(small, limit=20_000)) == 10_000


def test_a_key_above_eight_kibibytes_is_refused(small):
    tx = small.begin()
    tx.put(b"k" * 8192, b"")
    for write in (lambda: tx.put(b"k" * 8193, b""), lambda: tx.delete(b"k" * 8193)):
        with pytest.raises(TransactionTooLarge, match="8193 bytes"):
            write()


@pytest.mark.parametrize("key", [b"", b"\x00", b"\x00b"])
def test_the_stores_own_keys_are_out_of_reach(small, key):
    tx = small.begin()
    with pytest.raises(AssertionError):
        tx.put(key, b"")
    with pytest.raises(AssertionError):
        tx.delete(key)


def test_a_scan_from_the_very_beginning_never_shows_the_stores_own_keys(database):
    _put(database, {b"a": bytes(200 * KIB)})
    assert database.begin().scan(b"", b"\xff").rows == [(b"a", bytes(200 * KIB))]


@pytest.mark.parametrize("size", [64 * KIB, 64 * KIB + 1, 128 * KIB, 128 * KIB + 1, 1_000_003])
def test_a_value_of_any_size_comes_back_whole_and_leaves_nothing_behind(database, size):
    value, key, beside = random.Random(size).randbytes(size), pack(("k",)), pack(("k\x00",))
    _put(database, {key: value, beside: b"beside"})
    assert database.begin().get(key) == value
    assert database.begin().scan(b"\x01", b"\xff").rows == [(key, value), (beside, b"beside")]
    engine_values = [row for _, row in database.engine.scan(b"\x00", b"\xff", 999, 1 << 30, False)[0]]
    assert max(map(len, engine_values)) <= 64 * KIB + 1
    _put(database, {key: value[: size // 2]})
    assert database.begin().get(key) == value[: size // 2]
    assert database.check() == []
    tx = database.begin()
    tx.delete(key)
    tx.commit()
    assert database.engine.scan(*values.CHUNKS_RANGE, 9, 9, False) == ([], False)
    assert database.check() == []


def test_large_values_count_whole_against_a_scans_byte_limit(database):
    for n in range(6):
        _put(database, {b"k%d" % n: bytes(300 * KIB)})
    part, resume = database.begin().scan(b"k", b"l", bytes_max=600 * KIB)
    assert (len(part), resume) == (2, b"k1\x00")


def test_no_old_value_is_looked_up_while_none_was_ever_split(small):
    _put(small, {b"a": b"1"})
    before = small.engine.counters.gets
    _put(small, {b"a": b"2"})
    assert small.engine.counters.gets == before


def test_a_split_value_is_known_after_reopening(tmp_path):
    database = Database.open(tmp_path / "data")
    _put(database, {pack(("k",)): bytes(100 * KIB)})
    database.close()
    database = Database.open(tmp_path / "data")
    _put(database, {pack(("k",)): b"small"})
    assert database.check() == []
    database.close()


def test_transact_gives_the_value_and_the_horizon(small):
    assert small.transact(lambda tx, n: tx.put(b"a", b"1") or n, 5) == (5, 1)
    assert small.transact(lambda tx: tx.get(b"a")) == (b"1", 1)


def test_a_failed_transact_leaves_nothing_and_carries_the_horizon_of_what_it_read(small):
    _put(small, {b"a": b"1"})
    horizon = _put(small, {b"b": b"1"})

    def fail(tx):
        tx.get(b"b")
        tx.put(b"c", b"1")
        raise LookupError

    with pytest.raises(LookupError) as caught:
        small.transact(fail)
    assert horizon_of(caught.value) == horizon
    assert small.begin().get(b"c") is None


def test_running_twice_shows_functions_that_do_something_beside_their_transaction():
    database, calls = Database.open(None, run_twice=True), []

    def increment(tx):
        calls.append(tx.get(b"n"))
        tx.put(b"n", b"%d" % (int(tx.get(b"n") or 0) + 1))

    database.transact(increment)
    assert database.begin().get(b"n") == b"1" and len(calls) == 2
    with pytest.raises(ZeroDivisionError):
        database.transact(lambda tx: 1 // 0)


def test_all_gives_the_whole_range_over_a_scans_own_limits_too(database):
    rows = {b"k%04d" % n: bytes(KIB) for n in range(3000)}
    _put(database, rows)
    tx = database.begin()
    tx.put(b"k9999", b"mine")
    tx.delete(b"k0000")
    assert tx.all(b"k", b"l", rows_max=3000) == [*sorted(rows.items())[1:], (b"k9999", b"mine")]
    assert tx.all(b"x", b"y", rows_max=1) == []


def test_all_fails_rather_than_give_a_part(small):
    _put(small, {b"k%d" % n: bytes(98) for n in range(4)})
    tx = small.begin()
    assert len(tx.all(b"k", b"l", rows_max=4, bytes_max=400)) == 4
    with pytest.raises(RangeTooLong, match=r"over 3 rows .* from b'k' to b'l'"):
        tx.all(b"k", b"l", rows_max=3)
    with pytest.raises(RangeTooLong, match="399 bytes"):
        tx.all(b"k", b"l", rows_max=4, bytes_max=399)


def test_all_of_too_long_a_range_steps_no_further_than_its_bound(small):
    _put(small, {b"k%04d" % n: b"" for n in range(5000)})
    before = small.stats().rows_scanned
    with pytest.raises(RangeTooLong):
        small.begin().all(b"k", b"l", rows_max=100)
    assert small.stats().rows_scanned - before == 101


def test_a_scan_of_ten_rows_in_a_hundred_thousand_steps_ten(small):
    for start in range(0, 100_000, 10_000):
        _put(small, {b"k%06d" % n: b"" for n in range(start, start + 10_000)})
    before = small.stats().rows_scanned
    small.begin().scan(b"k050000", b"l", limit=10)
    assert small.stats().rows_scanned - before == 10


def test_a_write_in_a_stamped_space_renews_its_stamp_and_others_do_not(small):
    small.stamp(Subspace("s"), b"stamp")

    def stamp_after(change):
        tx = small.begin()
        change(tx)
        tx.commit()
        return small.begin().get(b"stamp")

    written = stamp_after(lambda tx: tx.put(pack(("s", 1)), b"1"))
    assert written is not None
    assert stamp_after(lambda tx: tx.put(pack(("r", 1)), b"1")) == written
    assert stamp_after(lambda tx: tx.put(pack(("sa", 1)), b"1")) == written
    deleted = stamp_after(lambda tx: tx.delete(pack(("s", 1))))
    assert deleted != written


def test_a_stamp_that_a_savepoint_undid_never_comes_again(small):
    small.stamp(Subspace("s"), b"stamp")
    tx = small.begin()
    seen = set()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), tx.savepoint():
            tx.put(pack(("s", 1)), b"1")
            seen.add(tx.get(b"stamp"))
            raise ZeroDivisionError
        assert tx.get(b"stamp") is None
    assert len(seen) == 3
