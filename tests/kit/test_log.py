"""Ordered logs: appended, read from a position, found by time, trimmed in front."""

from collections.abc import Iterator

import pytest

from cloudlet.kit.log import Log
from cloudlet.store.database import Database
from cloudlet.store.keys import Subspace


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database.open(None)
    yield database
    database.close()


LOG = Log(Subspace("test"))


def fill(database: Database, count: int, every_ms: int = 10) -> None:
    for number in range(count):
        database.transact(lambda tx, number=number: LOG.append(tx, b"%d" % number, number * every_ms))


def values(database: Database, position: int, **more: int) -> tuple[list[bytes], int, bool]:
    page = database.transact(lambda tx: LOG.read(tx, position, **more))[0]
    return [entry.value for entry in page.entries], page.next_position, page.is_end


def test_what_is_appended_is_read_in_order_from_any_position(database: Database) -> None:
    fill(database, 5)
    assert values(database, 0) == ([b"0", b"1", b"2", b"3", b"4"], 5, True)
    assert values(database, 1, limit=2) == ([b"1", b"2"], 3, False)
    assert values(database, 3, limit=2) == ([b"3", b"4"], 5, True)
    assert values(database, 5) == ([], 5, True)
    fill(database, 1)
    assert values(database, 5) == ([b"0"], 6, True)


def test_a_failed_transaction_gives_no_position_away(database: Database) -> None:
    tx = database.begin()
    assert LOG.append(tx, b"lost", 0) == 0
    tx.discard()
    fill(database, 1)
    assert values(database, 0) == ([b"0"], 1, True)


def test_positions_are_found_by_time(database: Database) -> None:
    fill(database, 10)
    for at_ms, position in ((0, 0), (1, 1), (10, 1), (11, 2), (90, 9), (91, 10)):
        assert database.transact(lambda tx, at_ms=at_ms: LOG.position_at(tx, at_ms))[0] == position


def test_trimmed_entries_are_gone_and_positions_stay(database: Database) -> None:
    fill(database, 10)
    assert database.transact(lambda tx: LOG.trim(tx, 50, limit=3))[0] is True
    assert values(database, 0, limit=1) == ([b"3"], 4, False)
    assert database.transact(lambda tx: LOG.trim(tx, 50))[0] is False
    assert values(database, 0, limit=1) == ([b"5"], 6, False)
    assert database.transact(lambda tx: LOG.position_at(tx, 0))[0] == 5
    database.transact(lambda tx: LOG.trim(tx, 1000))
    assert values(database, 0) == ([], 10, True)
    assert database.transact(lambda tx: LOG.append(tx, b"next", 1000))[0] == 10


def test_reading_after_a_trim_does_not_step_over_what_was_deleted(database: Database) -> None:
    fill(database, 300)
    database.transact(lambda tx: LOG.trim(tx, 2_900, limit=1000))
    begins: list[bytes] = []
    tx = database.begin()
    scan = tx._engine.scan

    class Watched:
        """The engine, noting where scans begin."""

        def __getattr__(self, name: str):
            return getattr(database.engine, name)

        def scan(self, begin: bytes, *rest):
            begins.append(begin)
            return scan(begin, *rest)

    tx._engine = Watched()
    LOG.read(tx, 0)
    tx.discard()
    assert begins == [Subspace("test")["e"].key(290)]
