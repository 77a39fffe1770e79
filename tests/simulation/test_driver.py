"""The driver of the simulations: what it prints of a failure repeats it, and is as short as can be."""

import os
import re
from random import Random

import pytest

from tests.simulation.driver import Tell, simulate


class Frail:
    """Breaks once it drew a small number and, later, a large one."""

    closed = 0

    def __init__(self, chance: Random, tell: Tell) -> None:
        self.tell, self.saw_small = tell, False

    def step(self, chance: Random) -> None:
        drawn = chance.randrange(100)
        self.tell(f"drew {drawn}")
        assert not (self.saw_small and drawn > 90), "broken"
        self.saw_small = self.saw_small or drawn < 10

    def end(self) -> None: ...

    def close(self) -> None:
        Frail.closed += 1


@pytest.fixture(autouse=True)
def without_the_users_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CLOUDLET_SIMULATION_")]:
        monkeypatch.delenv(name)


def failure(make: type = Frail) -> str:
    with pytest.raises(AssertionError) as caught:
        simulate(make, steps=10_000, run_steps=100)
    return str(caught.value)


def drawn(told: str) -> list[str]:
    return re.findall(r"^ +\d+ drew \d+$", told, re.MULTILINE)


def test_a_failure_is_shrunk_to_the_steps_it_takes_and_printed_with_its_story() -> None:
    told = failure()
    assert "The shortest that fails, 2 steps: AssertionError: broken" in told
    assert len(drawn(told)) == 2


def test_the_printed_line_repeats_the_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    told = failure()
    for name, value in re.findall(r"(CLOUDLET_SIMULATION_\w+)=(\S+)", told)[:2]:
        monkeypatch.setenv(name, value)
    assert drawn(failure()) == drawn(told)


def test_the_line_names_the_test(request: pytest.FixtureRequest) -> None:
    assert f"python -m pytest '{request.node.nodeid}'" in failure()


def test_as_many_steps_as_asked_for_are_made_each_with_another_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []

    class Counting(Frail):
        def step(self, chance: Random) -> None:
            made.append(chance.random())

    monkeypatch.setenv("CLOUDLET_SIMULATION_STEPS", "70")
    simulate(Counting, steps=10, run_steps=20)
    assert len(made) == len(set(made)) == 80  # whole runs
    monkeypatch.setenv("CLOUDLET_SIMULATION_FIRST", "1")
    simulate(Counting, steps=10, run_steps=20)
    assert made[80:140] == made[20:80]


def test_a_simulation_is_closed_whatever_happened() -> None:
    Frail.closed = 0
    failure()
    assert Frail.closed > 2
