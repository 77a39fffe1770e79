"""The due-index: order, the low-water mark, and what it costs to find the first entry."""

from cloudlet.kit.due import DueIndex
from cloudlet.store.database import Database
from cloudlet.store.keys import Subspace


def fresh() -> tuple[Database, DueIndex]:
    return Database.open(None), DueIndex(Subspace("test"))


def test_entries_come_soonest_first_and_only_when_due() -> None:
    database, index = fresh()
    for due_ms in (30, 10, 20):
        database.transact(lambda tx, due_ms=due_ms: index.put(tx, due_ms, (due_ms,)))
    taken, _ = database.transact(index.claim, 20, 10)
    assert [entry.due_ms for entry in taken] == [10, 20]
    assert database.transact(index.claim, 29, 10)[0] == []
    assert [entry.due_ms for entry in database.transact(index.claim, 30, 10)[0]] == [30]


def test_ties_come_in_their_order() -> None:
    database, index = fresh()
    for tie in (3, 1, 2):
        database.transact(lambda tx, tie=tie: index.put(tx, 5, (tie,)))
    assert [entry.tie for entry in database.transact(index.claim, 5, 10)[0]] == [(1,), (2,), (3,)]


def test_an_earlier_insert_behind_the_mark_is_found() -> None:
    database, index = fresh()
    database.transact(lambda tx: index.put(tx, 100_000, (1,)))
    database.transact(index.claim, 100_000, 1)
    database.transact(lambda tx: index.put(tx, 50, (2,)))
    assert [entry.tie for entry in database.transact(index.claim, 100_000, 10)[0]] == [(2,)]


def test_a_removed_entry_is_not_claimed() -> None:
    database, index = fresh()
    database.transact(lambda tx: index.put(tx, 5, (1,)))
    database.transact(lambda tx: index.remove(tx, 5, (1,)))
    assert database.transact(index.claim, 10, 10)[0] == []


def test_finding_the_head_steps_over_nothing_that_was_taken() -> None:
    database, index = fresh()
    for number in range(5000):
        database.transact(lambda tx, number=number: index.put(tx, number, (number,)))
    steps = []
    for number in range(5000):
        before = database.stats().rows_scanned
        database.transact(index.claim, number, 1)
        steps.append(database.stats().rows_scanned - before)
    assert max(steps) <= 2


def test_empty_looks_do_not_write_each_time() -> None:
    database, index = fresh()
    database.transact(index.claim, 1_000_000, 1)
    before = database.stats().sequence
    for now_ms in range(1_000_001, 1_000_500):
        database.transact(index.claim, now_ms, 1)
    assert database.stats().sequence == before


def test_next_due_names_the_moment_if_it_is_near() -> None:
    database, index = fresh()
    database.transact(lambda tx: index.put(tx, 1500, (1,)))
    assert database.transact(index.next_due, 1000)[0] == 1500
    assert database.transact(index.next_due, 100)[0] is None
    assert database.transact(index.first_due)[0] == 1500
