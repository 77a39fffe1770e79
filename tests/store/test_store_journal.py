"""Group commit: who waits is released by the sync that covers the write: not earlier, and not after a failure."""

import asyncio
import subprocess
import sys
import threading

import pytest

from cloudlet.store.database import Database
from cloudlet.store.errors import StoreBroken
from cloudlet.store.journal import WRITES_TOGETHER_MAX
from tests.store.faulty_engine import DEAD_DISK, FaultyEngine


def _put(database, key=b"a"):
    tx = database.begin()
    tx.put(key, b"v")
    return tx.commit()


def _with_journal(scenario, engine=None):
    """Run `scenario(database, engine)` on a loop with the journal's thread."""

    async def run():
        faulty = engine or FaultyEngine()
        database = Database(faulty)
        database.journal.start(asyncio.get_running_loop())
        try:
            return await asyncio.wait_for(scenario(database, faulty), 10)
        finally:
            database.close()

    return asyncio.run(run())


def test_waiting_ends_once_a_sync_covers_the_write():
    async def scenario(database, engine):
        horizon = _put(database)
        assert database.journal.durable < horizon
        await database.journal.wait(horizon)
        assert database.journal.durable >= horizon and engine.syncs == 1

    _with_journal(scenario)


def test_waiting_for_what_is_durable_costs_no_turn_of_the_loop():
    async def scenario(database, engine):
        await database.journal.wait(_put(database))
        before = engine.syncs
        coroutine = database.journal.wait(database.journal.durable)
        with pytest.raises(StopIteration):
            coroutine.send(None)
        assert engine.syncs == before

    _with_journal(scenario)


def test_nobody_is_released_while_the_sync_runs():
    async def scenario(database, engine):
        entered, release = threading.Event(), threading.Event()
        engine.before_sync = lambda: entered.set() or release.wait(10)
        waiting = asyncio.ensure_future(database.journal.wait(_put(database)))
        await asyncio.to_thread(entered.wait, 10)
        await asyncio.sleep(0.02)
        assert not waiting.done()
        release.set()
        await waiting

    _with_journal(scenario)


def test_a_write_during_a_sync_waits_for_the_next_one():
    async def scenario(database, engine):
        entered, release = threading.Event(), threading.Semaphore(0)
        engine.before_sync = lambda: entered.set() or release.acquire(timeout=10)
        first = asyncio.ensure_future(database.journal.wait(_put(database, b"a")))
        await asyncio.to_thread(entered.wait, 10)
        second = asyncio.ensure_future(database.journal.wait(_put(database, b"b")))
        release.release()
        await first
        await asyncio.sleep(0.02)
        assert not second.done()
        release.release()
        await second
        assert engine.syncs == 2

    _with_journal(scenario)


def test_one_sync_releases_everybody_it_covers():
    async def scenario(database, engine):
        entered, release = threading.Event(), threading.Event()
        engine.before_sync = lambda: entered.set() or release.wait(10)
        waits = [asyncio.ensure_future(database.journal.wait(_put(database, b"first")))]
        await asyncio.to_thread(entered.wait, 10)
        waits += [asyncio.ensure_future(database.journal.wait(_put(database, b"%d" % n))) for n in range(100)]
        await asyncio.sleep(0)  # the turn ends: the thread has been told of all of them
        release.set()
        await asyncio.gather(*waits)
        assert engine.syncs == 2 == database.stats().syncs

    _with_journal(scenario)


def test_callbacks_run_in_order_of_their_horizons():
    database, order = Database(FaultyEngine()), []
    horizons = [_put(database, b"%d" % n) for n in range(4)]
    for index in (3, 0, 2, 1, 0):
        database.journal.when_durable(horizons[index], lambda index=index: order.append(index))
    assert order == []
    database.journal.flush()
    assert order == [0, 0, 1, 2, 3]


def test_a_callback_for_what_is_durable_runs_at_once():
    database, ran = Database(FaultyEngine()), []
    database.journal.when_durable(0, lambda: ran.append(1))
    assert ran == [1]


def test_a_waiter_that_gave_up_harms_nobody():
    async def scenario(database, engine):
        entered, release = threading.Event(), threading.Event()
        engine.before_sync = lambda: entered.set() or release.wait(10)
        gone = asyncio.ensure_future(database.journal.wait(_put(database, b"a")))
        stays = asyncio.ensure_future(database.journal.wait(database.journal.applied))
        await asyncio.to_thread(entered.wait, 10)
        gone.cancel()
        release.set()
        await stays

    _with_journal(scenario)


def test_a_failing_callback_is_reported_and_the_rest_still_run():
    async def scenario(database, engine):
        reported, ran = [], asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["exception"]))
        horizon = _put(database)
        database.journal.when_durable(horizon, lambda: 1 // 0)
        database.journal.when_durable(horizon, ran.set)
        await ran.wait()
        assert [type(error) for error in reported] == [ZeroDivisionError]

    _with_journal(scenario)


def test_writes_from_before_the_start_are_synced_by_it():
    async def run():
        database = Database(FaultyEngine())
        horizon = _put(database)
        database.journal.start(asyncio.get_running_loop())
        await asyncio.wait_for(database.journal.wait(horizon), 10)
        database.close()

    asyncio.run(run())


def test_without_a_loop_flush_syncs_inline_and_only_if_there_is_news():
    engine = FaultyEngine()
    database = Database(engine)
    horizon = _put(database)
    database.journal.flush()
    database.journal.flush()
    assert (database.journal.durable, engine.syncs) == (horizon, 1)


def test_closing_syncs_what_is_left():
    engine = FaultyEngine()
    database = Database(engine)
    _put(database)
    database.close()
    database.close()
    assert engine.syncs == 1


def test_a_failed_sync_releases_nobody_and_ends_all_writing():
    async def scenario(database, engine):
        reasons, told = [], threading.Event()
        database.journal.on_fatal = lambda reason: reasons.append(reason) or told.set()
        engine.sync_errors = [DEAD_DISK]
        horizon = _put(database)
        waiting = asyncio.ensure_future(database.journal.wait(horizon))
        await asyncio.to_thread(told.wait, 10)
        await asyncio.sleep(0.02)
        assert not waiting.done() and database.journal.durable < horizon
        assert "a sync of the store failed" in reasons[0] and "Input/output error" in reasons[0]
        with pytest.raises(StoreBroken, match="a sync of the store failed"):
            _put(database, b"b")
        waiting.cancel()

    _with_journal(scenario)


def test_a_failed_inline_sync_is_fatal_too_and_never_repeated():
    engine = FaultyEngine()
    database, reasons = Database(engine), []
    database.journal.on_fatal = reasons.append
    engine.sync_errors = [DEAD_DISK]
    _put(database)
    for _ in range(2):
        with pytest.raises(StoreBroken):
            database.journal.flush()
    assert (len(reasons), engine.syncs, database.journal.durable) == (1, 0, 0)


def test_unless_told_otherwise_a_failed_sync_ends_the_process_with_its_reason():
    program = """
import asyncio
from tests.store import faulty_engine
from cloudlet.store.database import Database
async def main():
    engine = faulty_engine.FaultyEngine()
    database = Database(engine)
    database.journal.start(asyncio.get_running_loop())
    engine.sync_errors = [faulty_engine.DEAD_DISK]
    tx = database.begin()
    tx.put(b"a", b"1")
    await database.journal.wait(tx.commit())
    print("acknowledged")
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{program}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert (done.returncode, done.stdout) == (70, "")
    assert "a sync of the store failed" in done.stderr and "Input/output error" in done.stderr


def test_writes_of_one_turn_of_the_loop_share_a_sync():
    async def scenario(database, engine):
        horizons = [_put(database, b"%d" % number) for number in range(WRITES_TOGETHER_MAX - 1)]
        assert engine.syncs == 0
        await database.journal.wait(horizons[-1])
        assert engine.syncs == 1

    _with_journal(scenario)


def test_many_writes_of_one_turn_are_not_kept_waiting_for_its_end():
    async def scenario(database, engine):
        synced = threading.Event()
        engine.before_sync = synced.set
        for number in range(WRITES_TOGETHER_MAX):
            _put(database, b"%d" % number)
        assert synced.wait(10), "this turn of the loop has not ended, and yet the thread syncs"

    _with_journal(scenario)
