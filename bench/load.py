"""The load generator: requests that were signed in advance, over a fixed number of kept-alive connections.

Closed loop: a connection sends its next request once the last one is answered. Answers are kept and checked after the
clock has stopped. A server that closes its connections gets new ones; the reconnecting counts.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

import httptools

from bench.server import cpu_seconds, own_cpu_seconds

ANSWER_S = 30.0  # a request that takes longer has failed, and ends the run


Request = bytes | tuple[bytes, bytes]  # whole, or head and body


class Target(Protocol):
    """Where the requests go."""

    host: str
    port: int

    @property
    def pid(self) -> int: ...


@dataclass(slots=True)
class Answer:
    request: int  # its index among the requests
    status: int
    head: bytes  # status line and headers, as they came
    body: bytes
    seconds: float

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case. Parsed when asked for: the clock doesn't pay for it."""
        lines = (line.partition(":") for line in self.head.decode("latin-1").split("\r\n")[1:])
        return {name.lower(): value.strip() for name, _, value in lines}


@dataclass(slots=True)
class Outcome:
    """What a run of requests gave."""

    answers: list[Answer] = field(default_factory=list)
    seconds: float = 0.0
    server_cpu_s: float = 0.0  # of the server and all its children
    own_cpu_s: float = 0.0  # of its process alone
    load_cpu_s: float = 0.0  # of this generator
    failure: str = ""  # why the run broke off

    @property
    def per_second(self) -> float:
        return len(self.answers) / self.seconds if self.seconds else 0.0

    @property
    def cpu_us(self) -> float:
        """Processor time per request of the server and its child processes."""
        return self.server_cpu_s * 1e6 / len(self.answers) if self.answers else 0.0

    @property
    def per_cpu_second(self) -> float:
        """Requests per second of processor time of the server's own process: what one core that it has alone can do."""
        return len(self.answers) / self.own_cpu_s if self.own_cpu_s else 0.0

    def latency_ms(self, part: float, is_timed: Callable[[Answer], bool] = lambda answer: True) -> float:
        times = sorted(answer.seconds for answer in self.answers if is_timed(answer))
        return 1000 * times[min(len(times) - 1, int(part * len(times)))] if times else 0.0


class _Run:
    """One run: hands out requests, collects answers, says when it is over."""

    def __init__(self, requests: Sequence[Request], stop_after_s: float) -> None:
        self.requests, self.stop_after_s = requests, stop_after_s
        self.outcome = Outcome()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next = 0
        self._running = 0
        self._started = time.perf_counter()

    def take(self) -> int | None:
        """The index of the next request; None once there are no more, or the time is up."""
        late = time.perf_counter() - self._started >= self.stop_after_s
        if self._next >= len(self.requests) or late or self.outcome.failure:
            self._end_if_idle()
            return None
        self._running += 1
        self._next += 1
        return self._next - 1

    def answered(self, answer: Answer) -> None:
        self._running -= 1
        self.outcome.answers.append(answer)

    def failed(self, reason: str) -> None:
        self.outcome.failure = self.outcome.failure or reason
        self._running = 0
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if not self._running and not self.over.done():
            self.outcome.seconds = time.perf_counter() - self._started
            self.over.set_result(None)


class _Client:
    """Sends, waits for the whole answer, sends again; over one socket as long as the server keeps it open."""

    def __init__(self, run: _Run, host: str, port: int) -> None:
        self._run, self._host, self._port = run, host, port
        self._request: int | None = None
        self._sent_at = 0.0
        self._socket: _Socket | None = None
        self._opening: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._request = self._run.take()
        if self._request is None:
            return
        self._sent_at = time.perf_counter()
        if self._socket is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
        else:
            self._socket.send(self._run.requests[self._request])

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, self._socket = await loop.create_connection(lambda: _Socket(self), self._host, self._port)
        except OSError as error:
            self._run.failed(f"no connection: {error}")
            return
        if self._request is not None:
            self._socket.send(self._run.requests[self._request])

    def answered(self, status: int, head: bytes, body: bytes, keeps_alive: bool) -> None:
        seconds = time.perf_counter() - self._sent_at
        if self._request is None:
            return
        answer = Answer(self._request, status, head, body, seconds)
        self._request = None
        if not keeps_alive and self._socket is not None:
            self._socket.transport.close()
            self._socket = None
        self._run.answered(answer)
        self.start()

    def lost(self, socket: "_Socket", reason: str) -> None:
        """A socket is gone. Between two requests that is the server's right."""
        if socket is not self._socket:
            return
        self._socket = None
        if self._request is not None and not self._run.over.done():
            self._run.failed(f"the connection was closed before the answer: {reason}")

    async def close(self) -> None:
        self._request = None
        if self._opening is not None:
            await self._opening
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.transport.close()
            await socket.closed


class _Socket(asyncio.Protocol):
    """Bytes to answers."""

    transport: asyncio.Transport

    def __init__(self, client: _Client) -> None:
        self._client = client
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._head = b""
        self._body: list[bytes] = []
        self._is_parsing = False  # an answer that the parser has begun

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: Request) -> None:
        if isinstance(request, bytes):
            self.transport.write(request)
        else:
            self.transport.writelines(request)

    def data_received(self, data: bytes) -> None:
        plain = None if self._is_parsing else _plain_answer(data)
        if plain is not None:
            self._client.answered(*plain, keeps_alive=True)
            return
        self._is_parsing = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._client.lost(self, f"not HTTP: {error}")
            self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)
        self._client.lost(self, str(error or "end of stream"))

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += b"\r\n%b: %b" % (name, value)

    def on_body(self, part: bytes) -> None:
        self._body.append(part)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            head, body = self._head, b"".join(self._body)
            self._head, self._body, self._is_parsing = b"", [], False
            self._client.answered(status, head, body, self._parser.should_keep_alive())


_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


def _plain_answer(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Status, head and body of a whole answer of known length that keeps its connection: next to all are. The rest is
    the parser's, which costs a multiple."""
    end = data.find(b"\r\n\r\n")
    if end < 0 or not data.startswith(b"HTTP/1.1 ") or data[9:10] == b"1":
        return None
    length = _LENGTH.search(data, 0, end + 2)
    if length is None or len(data) != end + 4 + int(length[1]) or _CLOSES.search(data, 0, end):
        return None
    return int(data[9:12]), data[:end], data[end + 4 :]


async def run(server: Target, requests: Sequence[Request], connections: int, stop_after_s: float) -> Outcome:
    """Send `requests` in order over so many connections, until all are answered or the time is up."""
    load = _Run(requests, stop_after_s)
    load_before_s = time.process_time()
    cpu_before_s, own_before_s = cpu_seconds(server.pid), own_cpu_seconds(server.pid)
    clients = [_Client(load, server.host, server.port) for _ in range(connections)]
    for client in clients:
        client.start()
    try:
        async with asyncio.timeout(stop_after_s + ANSWER_S):
            await load.over
    except TimeoutError:
        load.outcome.failure = f"no answer within {ANSWER_S:.0f} s"
        load.outcome.seconds = stop_after_s + ANSWER_S
    load.outcome.load_cpu_s = time.process_time() - load_before_s
    load.outcome.own_cpu_s = own_cpu_seconds(server.pid) - own_before_s
    load.outcome.server_cpu_s = cpu_seconds(server.pid) - cpu_before_s
    for client in clients:
        await client.close()
    return load.outcome


async def one(server: Target, request: Request) -> Answer:
    """The answer to one request, outside of any clock. Raises ConnectionError."""
    outcome = await run(server, [request], 1, ANSWER_S)
    if outcome.failure:
        raise ConnectionError(outcome.failure)
    return outcome.answers[0]
