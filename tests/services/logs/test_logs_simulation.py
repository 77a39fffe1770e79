"""Random puts into several streams, read in every way, against a sorted list. A failure prints its seed."""

import random

import pytest

from tests.client import TestNode

STREAMS = ("a", "b", "c")
Line = tuple[int, str, str]  # when, stream, message


class Simulation:
    def __init__(self, node: TestNode, seed: int) -> None:
        self.node, self.random = node, random.Random(seed)
        self.lines: dict[str, list[tuple[int, str]]] = {stream: [] for stream in STREAMS}
        node.aws("logs", "CreateLogGroup", logGroupName="g")
        for stream in STREAMS:
            node.aws("logs", "CreateLogStream", logGroupName="g", logStreamName=stream)

    def put(self, number: int) -> None:
        """Events close together, spread over hours, or at the same moment; in the past, now, or in the future."""
        stream, count = self.random.choice(STREAMS), self.random.choice((1, 3, 40, 300))
        spread_ms = self.random.choice((0, 5, 2_000, 100_000, 3_600_000))
        begin = self.node.clock.now_ms() + self.random.randrange(-4_000_000, 4_000_000)
        times = sorted(begin + self.random.randint(0, spread_ms) for _ in range(count))
        events = [{"timestamp": at, "message": f"{number}.{n}"} for n, at in enumerate(times)]
        self.node.aws("logs", "PutLogEvents", logGroupName="g", logStreamName=stream, logEvents=events)
        self.lines[stream] += [(event["timestamp"], event["message"]) for event in events]
        self.lines[stream].sort(key=lambda line: line[0])  # stable: at the same moment as they came

    def get(self, stream: str, *, backwards: bool, **window: int) -> list[str]:
        seen: list[str] = []
        token = None
        while True:
            more = {"nextToken": token} if token else {"startFromHead": not backwards}
            answer = self.node.aws(
                "logs", "GetLogEvents", logGroupName="g", logStreamName=stream,
                limit=self.random.choice((7, 100, 1000)), **more, **window,
            )  # fmt: skip
            messages = [event["message"] for event in answer["events"]]
            seen = messages + seen if backwards else seen + messages
            following = answer["nextBackwardToken" if backwards else "nextForwardToken"]
            if following == token:
                return seen
            token = following

    def search(self, **window: int) -> list[tuple[int, str]]:
        seen: list[tuple[int, str]] = []
        token = None
        while True:
            more = {"nextToken": token} if token else {}
            answer = self.node.aws(
                "logs", "FilterLogEvents", logGroupName="g", limit=self.random.choice((13, 500)), **more, **window
            )
            seen += [(event["timestamp"], event["message"]) for event in answer["events"]]
            token = answer.get("nextToken")
            if token is None:
                return seen


@pytest.mark.parametrize("seed", range(6))
def test_every_way_to_read_shows_what_was_put_once_and_in_order(node: TestNode, seed: int) -> None:
    simulation = Simulation(node, seed)
    for number in range(15):
        simulation.put(number)
    for stream, lines in simulation.lines.items():
        expected = [message for _, message in lines]
        assert simulation.get(stream, backwards=False) == expected, seed
        assert simulation.get(stream, backwards=True) == expected, seed
    begin = node.clock.now_ms() + simulation.random.randrange(-2_000_000, 1_000_000)
    end = begin + simulation.random.randrange(1, 3_000_000)
    for stream, lines in simulation.lines.items():
        expected = [message for at, message in lines if begin <= at < end]
        window = {"startTime": begin, "endTime": end}
        assert simulation.get(stream, backwards=simulation.random.random() < 0.5, **window) == expected, seed
    found = simulation.search(startTime=begin, endTime=end)
    everything = [line for lines in simulation.lines.values() for line in lines if begin <= line[0] <= end]
    assert [at for at, _ in found] == sorted(at for at, _ in everything), seed
    assert sorted(found) == sorted(everything), seed
