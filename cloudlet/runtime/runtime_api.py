"""The Lambda Runtime API of one environment, as an asyncio server on the listener the environment handed out.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html: next, response, error, init/error. One thing more, for
our own runtime: an answer with the header `Cloudlet-Then: next` asks for the next call as well, so that a call costs
one exchange instead of two. What is sent here is a function's doing, so it is treated as hostile: bounded in size and
connections, garbage gets 400 and a closed connection, and an answer for another call than the current one is refused.
Where the listener is in reach of others than its environment, whoever connects must be of it: the API itself has no
password.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools

RESPONSE_BYTES_MAX = 6_291_556  # AWS: 6 MB and 100 bytes
_BODY_BYTES_MAX = RESPONSE_BYTES_MAX + 1
_HEAD_BYTES_MAX = 65_536
_CONNECTIONS_MAX = 16
_PREFIX = "/2018-06-01/runtime"

Address = tuple[str, int]
Admits = Callable[[Address, Address], bool]  # the client's, the server's; asked in a thread


@dataclass(frozen=True)
class Answer:
    """What a runtime said about a call. `error_type` is None for a response."""

    payload: bytes
    error_type: str | None = None
    too_large: bool = False


@dataclass(slots=True)
class _Request:
    url: bytes = b""
    head_bytes: int = 0
    error_type: str = ""
    asks_next: bool = False
    body: bytearray = field(default_factory=bytearray)
    body_bytes: int = 0


class RuntimeApi:
    """One environment's side of the conversation: wait for `idle`, `deliver` a call, wait for `idle` again."""

    def __init__(self, admits: Admits | None = None) -> None:
        self.admits = admits
        self.init_error: Answer | None = None
        self.answer: Answer | None = None
        self.changed = asyncio.Event()  # set whenever something below may have changed
        self.connections: set[_Connection] = set()
        self._waiting: _Connection | None = None
        self._request_id: str | None = None
        self._server: asyncio.Server | None = None

    async def serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), sock=listener)

    @property
    def idle(self) -> bool:
        """The runtime asked for the next call, so it is through with its start and with the last call."""
        return self._waiting is not None and self._request_id is None

    def deliver(self, request_id: str, headers: dict[str, str], payload: bytes) -> None:
        assert self._waiting is not None and self._request_id is None
        connection, self._waiting = self._waiting, None
        self._request_id, self.answer = request_id, None
        connection.answer(200, payload, {"Lambda-Runtime-Aws-Request-Id": request_id, **headers})

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.abort()

    def handle(self, connection: "_Connection", method: str, request: _Request) -> None:
        path = request.url.decode("latin-1").partition("?")[0]
        if not path.startswith(_PREFIX):
            connection.refuse(404, "NotFound", f"{path} is not part of the Runtime API")
            return
        path = path[len(_PREFIX) :]
        if method == "GET" and path == "/invocation/next":
            self._next(connection)
        elif method == "POST" and path == "/init/error":
            self.init_error = Answer(bytes(request.body), request.error_type or "Runtime.Unknown")
            connection.answer(202, b'{"status":"OK"}\n')
            self.changed.set()
        elif method == "POST" and path.startswith("/invocation/"):
            self._answered(connection, path, request)
        else:
            connection.refuse(404, "NotFound", f"{method} {path} is not part of the Runtime API")

    def _next(self, connection: "_Connection") -> None:
        if self._waiting is not None and self._waiting is not connection:
            connection.refuse(403, "InvalidStateTransition", "Another connection waits for the next invocation already")
            return
        if self.answer is not None:
            self._request_id = None
        if self._request_id is not None:
            connection.refuse(403, "InvalidStateTransition", "The current invocation has no response yet")
            return
        self._waiting = connection
        self.changed.set()

    def _answered(self, connection: "_Connection", path: str, request: _Request) -> None:
        request_id, _, what = path[len("/invocation/") :].partition("/")
        if request_id != self._request_id or what not in ("response", "error"):
            connection.refuse(400, "InvalidRequestID", "Invalid request ID")
            return
        if self.answer is not None:
            connection.refuse(403, "InvalidStateTransition", "The invocation has its response already")
            return
        too_large = request.body_bytes > RESPONSE_BYTES_MAX
        if what == "error":
            self.answer = Answer(bytes(request.body), request.error_type or "Unknown")
        else:
            self.answer = Answer(b"" if too_large else bytes(request.body), None, too_large)
        # Nobody is woken yet: a call is over when the runtime asks for the next one, or ends.
        if too_large:
            text = f"Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
            connection.refuse(413, "RequestEntityTooLarge", text)
        elif request.asks_next:
            self._next(connection)
        else:
            connection.answer(202, b'{"status":"OK"}\n')

    def lost(self, connection: "_Connection") -> None:
        self.connections.discard(connection)
        if self._waiting is connection:
            self._waiting = None


class _Connection(asyncio.Protocol):
    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._request = _Request()
        self._transport: asyncio.Transport | None = None
        self._entering: asyncio.Task[None] | None = None
        self._held: bytearray | None = None  # what came in before it was known who it is
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        if len(self._api.connections) >= _CONNECTIONS_MAX:
            self._transport.abort()
            return
        self._api.connections.add(self)
        if self._api.admits is not None:
            self._held = bytearray()
            self._entering = asyncio.get_running_loop().create_task(self._enter(self._api.admits))

    async def _enter(self, admits: Admits) -> None:
        """Nothing that a stranger sends is looked at."""
        assert self._transport is not None
        client, server = (self._transport.get_extra_info(name) for name in ("peername", "sockname"))
        is_admitted = await asyncio.to_thread(admits, client[:2], server[:2])
        if self._transport is None or self._held is None:
            return
        if not is_admitted:
            self._transport.abort()
            return
        held, self._held = bytes(self._held), None
        if held:
            self._transport.resume_reading()
            self.data_received(held)

    def connection_lost(self, error: Exception | None) -> None:
        self._api.lost(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._held is not None:
            self._held += data
            self._transport.pause_reading()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.refuse(400, "BadRequest", f"This is not a request: {type(error).__name__}")
            self.abort_softly()

    # What the parser calls.
    def on_message_begin(self) -> None:
        self._request = _Request()

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        self._request.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + 4)
        lowered = name.lower()
        if lowered == b"lambda-runtime-function-error-type":
            self._request.error_type = value.decode("latin-1")
        elif lowered == b"cloudlet-then":
            self._request.asks_next = value == b"next"
        elif lowered == b"expect" and value.lower() == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._request.body_bytes += len(body)
        if self._request.body_bytes <= _BODY_BYTES_MAX:
            self._request.body += body

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        self._api.handle(self, method, self._request)

    def _count_head(self, count: int) -> None:
        self._request.head_bytes += count
        if self._request.head_bytes > _HEAD_BYTES_MAX:
            raise ValueError("too many header bytes")  # reaches data_received as HttpParserCallbackError

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        lines = [f"HTTP/1.1 {status} {_REASONS[status]}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("utf-8", "surrogateescape")
        self._transport.write(head + b"\r\n\r\n" + body)

    def refuse(self, status: int, kind: str, message: str) -> None:
        self.answer(status, json.dumps({"errorMessage": message, "errorType": kind}).encode())

    def abort_softly(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


_REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    413: "Payload Too Large",
}
