"""The load generator, against a server that answers what a test tells it to."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from bench import load
from bench.load import Outcome


@dataclass
class Place:
    port: int
    host: str = "127.0.0.1"
    pid: int = os.getpid()


async def _served(answer_to: Callable[[int], bytes], requests: list[bytes], connections: int) -> tuple[Outcome, int]:
    """The outcome of a run against a server that says `answer_to(n)` to the n-th request; its connections."""
    accepted = answered = 0
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted, answered
        accepted += 1
        serving.add(asyncio.current_task())
        while await reader.readline():
            answer = answer_to(answered)
            answered += 1
            writer.write(answer)
            if b"close" in answer or not answer:
                break
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, asyncio.timeout(10):
        outcome = await load.run(Place(server.sockets[0].getsockname()[1]), requests, connections, 5)
        await asyncio.wait([task for task in serving if task])
    return outcome, accepted


def served(answer_to: Callable[[int], bytes], requests: list[bytes], connections: int = 1) -> tuple[Outcome, int]:
    return asyncio.run(_served(answer_to, requests, connections))


def answer(body: bytes, header: bytes = b"X: y") -> bytes:
    return b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: %d\r\n\r\n%b" % (header, len(body), body)


def test_each_request_has_its_answer() -> None:
    outcome, connections = served(lambda number: answer(b"%d" % number, b"ETag: e"), [b"a\n", b"b\n", b"c\n"])
    assert [(a.request, a.status, a.body) for a in outcome.answers] == [(0, 200, b"0"), (1, 200, b"1"), (2, 200, b"2")]
    assert outcome.answers[0].headers["etag"] == "e"
    assert (outcome.failure, connections) == ("", 1)
    assert outcome.per_second > 0 and outcome.latency_ms(0.5) <= outcome.latency_ms(0.99)


def test_requests_go_over_as_many_connections_as_asked_for() -> None:
    outcome, connections = served(lambda number: answer(b""), [b"x\n"] * 40, connections=4)
    assert sorted(a.request for a in outcome.answers) == list(range(40))
    assert connections == 4


def test_a_server_that_closes_after_its_answer_gets_a_new_connection() -> None:
    outcome, connections = served(lambda number: answer(b"ok", b"Connection: close"), [b"x\n"] * 3)
    assert (len(outcome.answers), outcome.failure, connections) == (3, "", 3)


def test_an_answer_without_a_length_is_parsed() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: e\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    outcome, connections = served(lambda number: chunked, [b"x\n"] * 3)
    assert [a.body for a in outcome.answers] == [b"ok"] * 3 and connections == 1
    assert outcome.answers[2].headers["etag"] == "e"


def test_a_large_answer_is_whole() -> None:
    body = bytes(range(256)) * 8192
    outcome, _ = served(lambda number: answer(body if number else b"small"), [b"x\n"] * 3)
    assert [a.body for a in outcome.answers] == [b"small", body, body]


def test_head_and_body_of_a_request_may_come_apart() -> None:
    outcome, _ = served(lambda number: answer(b"%d" % number), [(b"he", b"ad\n"), b"x\n"])
    assert [a.body for a in outcome.answers] == [b"0", b"1"]


def test_an_interim_answer_is_none() -> None:
    outcome, _ = served(lambda number: b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"final"), [b"x\n"])
    assert [a.body for a in outcome.answers] == [b"final"]


def test_a_connection_that_ends_without_an_answer_fails_the_run() -> None:
    outcome, _ = served(lambda number: answer(b"") if number < 2 else b"", [b"x\n"] * 5)
    assert len(outcome.answers) == 2
    assert "closed before the answer" in outcome.failure


def test_what_is_no_http_fails_the_run() -> None:
    outcome, _ = served(lambda number: b"SSH-2.0-hello\r\n", [b"x\n"])
    assert "not HTTP" in outcome.failure


def test_nobody_there_fails_the_run() -> None:
    outcome = asyncio.run(load.run(Place(1), [b"x\n"], 2, 1))
    assert "no connection" in outcome.failure and not outcome.answers
