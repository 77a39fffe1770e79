"""Shares: who may take how many places, and the order within a share, against a list that is sorted each time."""

from collections import Counter
from random import Random

from cloudlet.kit.shares import ALL_PLACES, Places, Shares
from cloudlet.store.database import Database
from cloudlet.store.keys import Subspace

SHARES = Shares(Subspace("shares"))


def filled(**counts: int) -> Database:
    """So many entries of each share, all due at 10."""
    database = Database.open(None)
    database.transact(
        lambda tx: [
            SHARES.put(tx, share, 10, f"{share}{n:03}") for share, count in counts.items() for n in range(count)
        ]
    )
    return database


def taken(database: Database, free: int, now_ms: int = 10, limit: int = 64, **held: int) -> dict[str, int]:
    ids, _ = database.transact(lambda tx: SHARES.claim(tx, now_ms, limit, Places(free, held)))
    return Counter(entry_id[0] for entry_id in ids)


def test_who_has_work_alone_takes_half_of_the_places() -> None:
    database = filled(a=100)
    assert taken(database, 64) == {"a": 32}
    assert taken(database, 32, a=32) == {}


def test_places_go_to_those_who_hold_least_and_some_are_left_for_whoever_comes() -> None:
    assert taken(filled(a=100, b=100), 32, a=32) == {"b": 16}
    assert taken(filled(a=100, b=100, c=100), 12) == {"a": 3, "b": 3, "c": 3}
    assert taken(filled(a=100, b=1), 1) == {"a": 1}
    assert taken(filled(a=100), 0) == {}


def test_nothing_is_taken_before_it_is_due_nor_more_than_asked_for() -> None:
    database = filled(a=100)
    assert taken(database, 64, now_ms=9) == {}
    assert taken(database, 64, limit=5) == {"a": 5}


def test_what_finds_no_place_is_not_told_as_due() -> None:
    database = filled(a=5)
    database.transact(lambda tx: SHARES.put(tx, "b", 20, "b"))
    tx = database.begin()
    assert SHARES.next_due(tx, ALL_PLACES) == 10
    assert SHARES.next_due(tx, Places(4, {"a": 3})) == 10
    assert SHARES.next_due(tx, Places(4, {"a": 4})) == 20
    assert SHARES.next_due(tx, Places(0, {"a": 4})) is None


def test_a_claim_costs_the_same_however_much_waits_and_has_gone() -> None:
    database = filled(a=500, b=500)
    steps = []
    for _ in range(100):
        before = database.stats().rows_scanned
        assert taken(database, 8, limit=4) == {"a": 2, "b": 2}
        steps.append(database.stats().rows_scanned - before)
    assert max(steps[1:]) == min(steps[1:]) <= 8


def test_any_order_of_work_leaves_heads_and_entries_true() -> None:
    chance = Random(7)
    database = Database.open(None, run_twice=True)
    model: dict[tuple[str, int, str], None] = {}
    for step in range(1500):
        share, now_ms = chance.choice("abc"), chance.randrange(100)
        if chance.random() < 0.5:
            entry = (share, now_ms, f"{share}{step}")
            database.transact(lambda tx, entry=entry: SHARES.put(tx, *entry))
            model[entry] = None
        elif model and chance.random() < 0.3:
            gone = chance.choice(list(model))
            database.transact(lambda tx, gone=gone: SHARES.remove(tx, *gone))
            del model[gone]
        else:
            places = Places(chance.randrange(9), Counter({share: chance.randrange(9)}))
            ids = database.transact(lambda tx, at=now_ms, of=places: SHARES.claim(tx, at, 64, of))[0]
            for name in "abc":
                mine = sorted(entry[1:] for entry in model if entry[0] == name)
                got = [entry_id for entry_id in ids if entry_id[0] == name]
                assert sorted(got) == sorted(entry_id for _, entry_id in mine[: len(got)])
                assert all(due_ms <= now_ms for due_ms, _ in mine[: len(got)])
            model = {entry: None for entry in model if entry[2] not in ids}
        first = min((due_ms for _, due_ms, _ in model), default=None)
        assert database.transact(lambda tx: SHARES.next_due(tx, ALL_PLACES))[0] == first
