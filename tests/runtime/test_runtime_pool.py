"""Which environment serves, starts, stops: decided without any process."""

import random

import pytest

from cloudlet.runtime.pool import Full, Pool, Reuse, Start

F, G = ("arn:f", "1"), ("arn:g", "1")
FOREVER = 10**12


def pool(count: int = 3, memory: int = 1000, idle_ms: int = 100, age_ms: int = 1000) -> Pool:
    return Pool(count, memory, idle_ms, age_ms)


def start(pool: Pool, key: tuple[str, str], now_ms: int, memory: int = 100, valid: int = FOREVER) -> str:
    decision = pool.acquire(key, memory, now_ms, now_ms, valid)
    assert isinstance(decision, Start)
    return decision.id


def test_a_busy_environment_takes_no_second_call() -> None:
    p = pool()
    assert start(p, F, 0) != start(p, F, 0)


def test_the_environment_used_last_serves_next() -> None:
    p = pool()
    first, second = start(p, F, 0), start(p, F, 0)
    p.release(second, 1)
    p.release(first, 2)
    assert p.acquire(F, 100, 3, 3, FOREVER) == Reuse(first)
    assert p.acquire(F, 100, 3, 3, FOREVER) == Reuse(second)


def test_environments_serve_their_own_function_and_code_only() -> None:
    p = pool()
    p.release(start(p, F, 0), 1)
    assert isinstance(p.acquire(G, 100, 2, 2, FOREVER), Start)
    assert isinstance(p.acquire(("arn:f", "2"), 100, 2, 2, FOREVER), Start)


def test_at_the_limit_the_longest_idle_makes_room() -> None:
    p = pool()
    old, newer, busy = start(p, F, 0), start(p, F, 0), start(p, F, 0)
    p.release(old, 1)
    p.release(newer, 2)
    decision = p.acquire(G, 100, 3, 3, FOREVER)
    assert isinstance(decision, Start) and decision.stop == (old,)
    assert set(p.slots) == {newer, busy, decision.id}


def test_nothing_stops_when_room_could_not_be_made() -> None:
    p = pool(memory=300)
    idle = start(p, F, 0)
    start(p, F, 0, memory=200)
    p.release(idle, 1)
    assert p.acquire(G, 200, 2, 2, FOREVER) == Full()
    assert idle in p.slots


def test_memory_counts_as_much_as_the_number_of_environments() -> None:
    p = pool(memory=300)
    idle = start(p, F, 0, memory=200)
    p.release(idle, 1)
    decision = p.acquire(G, 150, 2, 2, FOREVER)
    assert isinstance(decision, Start) and decision.stop == (idle,)


def test_all_busy_is_full() -> None:
    p = pool(count=1)
    start(p, F, 0)
    assert p.acquire(F, 100, 1, 1, FOREVER) == Full()


def test_credentials_that_would_end_during_the_call_need_a_new_environment() -> None:
    p = pool()
    p.release(start(p, F, 0, valid=500), 1)
    assert isinstance(p.acquire(F, 100, 2, 501, FOREVER), Start)
    assert isinstance(p.acquire(F, 100, 2, 500, FOREVER), Reuse)


def test_a_retired_function_stops_idle_ones_now_and_busy_ones_after_their_call() -> None:
    p = pool()
    idle, busy, other = start(p, F, 0), start(p, F, 0), start(p, G, 0)
    p.release(idle, 1)
    assert p.retire("arn:f") == [idle]
    assert p.release(busy, 2) is False and set(p.slots) == {other}


def test_a_function_is_retired_with_all_its_versions_and_a_version_alone() -> None:
    p = pool(count=4)
    first, tenth, other = (start(p, (f"arn:{name}", "code"), 0) for name in ("f:1", "f:10", "f2:1"))
    for each in (first, tenth, other):
        p.release(each, 1)
    assert p.retire("arn:f:1") == [first]
    assert p.retire("arn:f") == [tenth]
    assert set(p.slots) == {other}


def test_what_is_idle_too_long_too_old_or_without_credentials_expires() -> None:
    p = pool(count=4)
    unused, ended, fresh, busy = start(p, F, 0), start(p, F, 0, valid=40), start(p, F, 0), start(p, F, 0)
    p.release(unused, 10)
    p.release(ended, 30)
    p.release(fresh, 30)
    assert p.expire(50) == [ended]
    assert p.expire(110) == [unused]
    assert p.release(busy, 1000) is False  # older than any may become
    assert p.expire(1000) == [fresh] and not p.slots


@pytest.mark.parametrize("seed", range(20))
def test_no_sequence_of_calls_breaks_the_limits_or_shares_an_environment(seed: int) -> None:
    rng = random.Random(seed)
    p, busy, now = pool(count=4, memory=500), set(), 0
    for _ in range(400):
        now += rng.randrange(20)
        action = rng.random()
        if action < 0.5:
            decision = p.acquire(rng.choice([F, G]), rng.choice([64, 128, 256]), now, now, now + rng.randrange(300))
            if not isinstance(decision, Full):
                assert decision.id not in busy
                busy.add(decision.id)
        elif busy:
            chosen = rng.choice(sorted(busy))
            busy.discard(chosen)
            if action < 0.9:
                p.release(chosen, now)
            else:
                p.forget(chosen)
        if rng.random() < 0.05:
            p.retire(rng.choice(["arn:f", "arn:g"]))
        p.expire(now)
        assert len(p.slots) <= 4 and sum(slot.memory_mb for slot in p.slots.values()) <= 500
        assert {slot.id for slot in p.slots.values() if slot.busy} == busy, f"seed {seed}"
