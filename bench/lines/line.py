"""What every line is: requests, what a right answer to each is, and what it aims at.

A line lives as long as its server. `requests(run, count)` are those of one run, signed when they are made; `check`
looks at one answer; `finish` looks at what the whole run left behind.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import load
from bench.client import Client, WrongAnswer, shortened
from bench.load import Answer, Outcome, Request
from bench.setting import Setting

VALUE_BYTES = 1024
READ_BACK = 50  # of what a run wrote, this many are read back afterwards


class Queue:
    """The queue of a run, which three lines share."""

    def __init__(self) -> None:
        self.url = ""
        self.handles: list[str] = []
        self.sent: set[str] = set()
        self.received: set[str] = set()


@dataclass(slots=True)
class Shared:
    """What the lines of one server have in common."""

    setting: Setting
    items: int  # in the table that is read
    table: str = "bench"
    queue: Queue = field(default_factory=Queue)


class Line:
    """The base of all lines; most need only a name, requests and a check."""

    name = ""
    connections: tuple[int, ...] = (1, 64)
    comes_after: tuple[str, ...] = ()  # lines it lives on
    is_tried = True  # a short run beforehand warms it up and says how many requests to sign
    requests_max = 30_000  # of one run, signed beforehand
    writes = False  # its answers wait for the disk
    aims: dict[str, float] = {}  # server → so many times its requests a second, at 64 connections
    per_core = 0  # requests a second that one core should do

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.client = shared.setting.client

    async def set_up(self) -> None:
        """What has to be there first: nothing."""

    async def requests(self, run: str, count: int) -> Sequence[Request]:
        raise NotImplementedError

    def check(self, answer: Answer) -> None:
        raise NotImplementedError

    def is_timed(self, answer: Answer) -> bool:
        """Whether its time is one of the line's."""
        return True

    async def finish(self, outcome: Outcome) -> None:
        """What the run should have left behind: nothing to look at."""


def value_of(key: str, size: int = VALUE_BYTES) -> str:
    """1 KiB of text that only this key has."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return (digest * (size // len(digest) + 1))[:size]


def expect(is_right: bool, answer: Answer) -> None:
    if not is_right:
        raise WrongAnswer(f"HTTP {answer.status}: {shortened(answer.body)}")


async def loaded(client: Client, requests: Sequence[Request], what: str, seconds: float = 150) -> list[Answer]:
    """The answers of many requests that fill something, outside of any clock."""
    outcome = await load.run(client.server, requests, 8, seconds)
    if outcome.failure or len(outcome.answers) < len(requests):
        raise WrongAnswer(f"{what} could not be loaded: {outcome.failure or 'too slow'}")
    for answer in outcome.answers:
        expect(answer.status == 200, answer)
    return outcome.answers
