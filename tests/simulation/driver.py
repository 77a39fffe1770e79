"""Runs simulations: seeded steps, a replay line for what fails, and the shortest sequence of steps that still fails.

A simulation is made with a seeded chance and asked for one step after the other; each step draws from a chance of its
own, so that leaving steps out leaves the others as they were. It raises (AssertionError or anything) where the node and
its model tell different things.

CLOUDLET_SIMULATION_STEPS=1000000   how many steps each simulation makes, instead of a few seconds' worth
CLOUDLET_SIMULATION_FIRST=5000      the seed to begin with, for a night's run that isn't last night's
CLOUDLET_SIMULATION_SEED=7          this seed alone
CLOUDLET_SIMULATION_ONLY=3,17,40    and of it these steps alone: what a failure printed
"""

import gc
import logging
import os
from collections.abc import Callable, Sequence
from random import Random
from typing import NoReturn, Protocol

import pytest

from cloudlet.base import ids

SHRINKING_RUNS_MAX = 300
RUNS_PER_COLLECTION = 20  # few objects with large values: the collector would come too seldom by itself
RUNS_PER_LINE = 200
Tell = Callable[[str], None]


class Simulation(Protocol):
    def step(self, chance: Random) -> None:
        """Do something at random, here and in the model; raise where they differ."""

    def end(self) -> None:
        """What must hold when no more is done."""

    def close(self) -> None: ...


Make = Callable[[Random, Tell], Simulation]  # what is told is printed for a run that fails


class Failure(Exception):
    """A run went wrong; `numbers` are its steps, the failing one last."""

    def __init__(self, error: BaseException, numbers: Sequence[int], story: list[str]) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error, self.numbers, self.story = error, numbers, story


def simulate(make: Make, *, steps: int, run_steps: int) -> None:
    """As many runs of `run_steps` steps as make `steps` altogether, each with the next seed."""
    environ = os.environ
    if "CLOUDLET_SIMULATION_SEED" in environ:
        only = environ.get("CLOUDLET_SIMULATION_ONLY")
        numbers = [int(number) for number in only.split(",")] if only else range(run_steps)
        failure = _run(make, int(environ["CLOUDLET_SIMULATION_SEED"]), numbers)
        if failure is not None:
            raise AssertionError(f"{failure}\n{_told(failure)}") from failure.error
        return
    first = int(environ.get("CLOUDLET_SIMULATION_FIRST", 0))
    steps = int(environ.get("CLOUDLET_SIMULATION_STEPS", steps))
    for seed in range(first, first + -(-steps // run_steps)):
        failure = _run(make, seed, range(run_steps))
        if failure is not None:
            _report(make, seed, run_steps, failure)
        if seed % RUNS_PER_COLLECTION == 0:
            gc.collect()
        if seed % RUNS_PER_LINE == 0:
            print(f"{(seed - first + 1) * run_steps} steps, up to seed {seed}", flush=True)  # pytest -s shows it


def _run(make: Make, seed: int, numbers: Sequence[int]) -> Failure | None:
    ids.seed(seed)
    logging.disable(logging.CRITICAL)  # what fails on purpose is logged, and pytest keeps it all
    story: list[str] = []
    number, simulation = -1, make(Random(f"{seed}"), lambda text: story.append(f"  {number:4} {text}"))
    try:
        for number in numbers:
            simulation.step(Random(f"{seed}.{number}"))
        simulation.end()
    except (Exception, pytest.fail.Exception) as error:  # the second: pytest.raises that nothing was raised in
        return Failure(error, numbers[: numbers.index(number) + 1] if number >= 0 else [], story)
    finally:
        simulation.close()
        logging.disable(logging.NOTSET)
        ids.seed(None)
    return None


def _report(make: Make, seed: int, run_steps: int, failure: Failure) -> NoReturn:
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    shortest = _shrunk(make, seed, failure)
    only = ",".join(map(str, shortest.numbers))
    raise AssertionError(
        f"seed {seed}, step {len(failure.numbers)} of {run_steps}: {failure}\n"
        f"The shortest that fails, {len(shortest.numbers)} steps: {shortest}\n{_told(shortest)}\n"
        f"CLOUDLET_SIMULATION_SEED={seed} CLOUDLET_SIMULATION_ONLY={only} python -m pytest '{test}'\n"
        f"CLOUDLET_SIMULATION_SEED={seed} python -m pytest '{test}'"
    ) from shortest.error


def _told(failure: Failure) -> str:
    return "\n".join(failure.story)


def _shrunk(make: Make, seed: int, failure: Failure) -> Failure:
    """Steps left out, halves first, then less and less, while what is left still fails."""
    size, runs = max(1, len(failure.numbers) // 2), 0
    while size:
        at = 0
        while at < len(failure.numbers) and runs < SHRINKING_RUNS_MAX:
            runs += 1
            fewer = [*failure.numbers[:at], *failure.numbers[at + size :]]
            still = _run(make, seed, fewer) if fewer else None
            if still is None:
                at += size
            else:
                failure = still
        size //= 2
    return failure
