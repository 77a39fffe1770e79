"""What the server's tests speak HTTP with: bytes over a socket, and nothing cleverer than the tests themselves."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import cbor2
import uvloop

from cloudlet.app.server import Limits, Server
from cloudlet.wire.message import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]
HANG_GUARD_S = 10
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


def run(scenario: Coroutine[Any, Any, None], loop: str = "uvloop") -> None:
    async def guarded() -> None:
        await asyncio.wait_for(scenario, HANG_GUARD_S)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(guarded())


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    interim: list[int]  # 1xx before it


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes, one_by_one: bool = False) -> None:
        if not one_by_one:
            self.writer.write(data)
            await self.writer.drain()
            return
        for start in range(len(data)):
            self.writer.write(data[start : start + 1])
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def answer(self, method: str = "GET") -> Answer:
        interim = []
        while True:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
            status = int(head[0].split(" ")[1])
            if status >= 200:
                break
            interim.append(status)
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        return Answer(status, headers, await self._body(status, headers, method), interim)

    async def _body(self, status: int, headers: dict[str, str], method: str) -> bytes:
        if method == "HEAD" or status in (204, 304):
            return b""
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        if "transfer-encoding" not in headers:
            return await self.reader.read()
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return body

    async def ask(self, data: bytes, method: str = "GET") -> Answer:
        await self.send(data)
        return await self.answer(method)

    async def ended(self) -> bool:
        """The server has closed and said nothing more."""
        return await self.reader.read() == b""

    def close(self) -> None:
        self.writer.close()


@dataclass
class Edge:
    server: Server
    port: int
    clients: list[Client] = field(default_factory=list)

    async def client(self, tls: ssl.SSLContext | None = None, port: int | None = None) -> Client:
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", port or self.port, ssl=tls)))
        return self.clients[-1]

    async def close(self) -> None:
        await self.server.close(0)
        for client in self.clients:
            client.close()
            with contextlib.suppress(ConnectionError):
                await client.writer.wait_closed()


@contextlib.asynccontextmanager
async def edge(handler: Handler, limits: Limits | None = None, **settings: Any) -> AsyncIterator[Edge]:
    server = Server(handler, limits=limits, **settings)
    port = await server.listen("127.0.0.1", 0)
    it = Edge(server, port)
    try:
        yield it
    finally:
        await it.close()
        assert server.in_flight_bytes == 0, "bytes in flight were not given back"


def post(body: bytes = b"", headers: str = "", path: str = "/", method: str = "POST") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the other side does in its own time; the hang guard ends it."""
    while not condition():
        await asyncio.sleep(0.001)


async def whole_body(request: HttpRequest) -> bytes:
    if request.stream is None:
        return request.body
    parts = []
    while part := await request.stream.read():
        parts.append(part)
    return b"".join(parts)


async def echo(request: HttpRequest) -> HttpResponse:
    """What was asked, and its body."""
    body = await whole_body(request)
    return HttpResponse(200, [("X-Asked", f"{request.method} {request.path}?{request.query}")], body)


def error_code(answer: Answer) -> str:
    """The code of an AWS error, by the answer's own content type."""
    kind = answer.headers["content-type"]
    if "xml" in kind:
        found = ElementTree.fromstring(answer.body).find(".//{*}Code")
        assert found is not None and found.text
        return found.text
    value = cbor2.loads(answer.body) if "cbor" in kind else json.loads(answer.body)
    return str(value.get("__type") or answer.headers["x-amzn-errortype"]).rpartition("#")[2]
