"""The HTTP edge: listeners, and the limits that hold for all their connections together. One connection: connection.py.

server = Server(gateway.handle)
await server.listen("127.0.0.1", 4566)
await server.close(grace_s=20)
"""

import asyncio
import logging
import os
import socket
import ssl as tls
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cloudlet.app.connection import Connection
from cloudlet.wire.http1 import HEADER_BYTES_MAX
from cloudlet.wire.http1_answer import render_head
from cloudlet.wire.message import HttpRequest, HttpResponse

log = logging.getLogger("cloudlet.edge")

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]
ProtocolError = Callable[[list[tuple[str, str]], int, str], HttpResponse]

_BACKLOG = 1024
_SWEEP_S = 1.0
_NEW = 1 << 62
_CLOSING_S = 0.05  # what idle connections may take to end


@dataclass(slots=True, frozen=True)
class Limits:
    """What one client, and all of them, may take."""

    header_bytes_max: int = HEADER_BYTES_MAX
    header_s: float = 10.0  # from a request's first byte to the end of its headers
    idle_s: float = 75.0  # between requests; also: an answer of which the client takes nothing
    body_s: float = 20.0  # while we wait for a body, each period of this length has to bring body_bytes_min
    body_bytes_min: int = 1024
    pipelined_max: int = 16
    connections_max: int = 10_000  # over: 503
    connections_each_max: int = 256  # of one named listener, an execution environment's; over: 503
    in_flight_bytes_max: int = 64 * 1024 * 1024  # of request bodies held, on the whole node; over: 503
    in_flight_bytes_each_max: int = 32 * 1024 * 1024  # of one named listener: a function may not hold them all
    unsent_bytes_max: int = 256 * 1024 * 1024  # of answers, on the whole node; over: who takes nothing is cut off
    drain_bytes_max: int = 256 * 1024  # the rest of a body that the handler didn't want: read this much, else close
    linger_s: float = 2.0  # after the last answer, for a client that is still sending
    linger_bytes_max: int = 16 * 1024 * 1024


def _take(counts: Counter[str], name: str, count: int) -> None:
    """Environments come and go: what is down to nothing is forgotten."""
    counts[name] -= count
    if counts[name] <= 0:
        del counts[name]


class Server:
    """Listeners that feed one handler. A connection's requests run one after the other, connections side by side."""

    def __init__(
        self,
        handler: Handler,
        *,
        limits: Limits | None = None,
        on_protocol_error: ProtocolError | None = None,
    ) -> None:
        """`on_protocol_error(headers, status, reason)` words what the edge answers itself: bad HTTP, limits, failures.
        The headers are the request's as far as they came."""
        self.handler = handler
        self.limits = limits or Limits()
        self.in_flight_bytes = 0
        self.cancels = False  # the grace of `close` is over
        self._on_protocol_error = on_protocol_error
        self._listeners: list[tuple[str, asyncio.Server]] = []
        self._stopped: set[str] = set()
        self._connections: set[Connection] = set()
        self._connections_each: Counter[str] = Counter()  # by named listener
        self._bytes_each: Counter[str] = Counter()
        self._unsent: dict[Connection, int] = {}  # bytes of answers at the last look, where there were many
        self._closing = False
        self._empty: asyncio.Event | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    # Listening

    async def listen(self, host: str, port: int, ssl: tls.SSLContext | None = None, name: str = "") -> int:
        """The port, also where 0 was asked for."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: Connection(self, name, ssl is not None),
            host,
            port,
            ssl=ssl,
            backlog=_BACKLOG,
            ssl_handshake_timeout=None if ssl is None else self.limits.header_s,
        )
        self._add(name, listener)
        return int(listener.sockets[0].getsockname()[1])

    async def listen_unix(self, path: str, name: str = "") -> None:
        """At a path only this user may connect to; a socket left there by an earlier run is replaced."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if os.path.exists(path):
                os.unlink(path)
            sock.bind(path)
            os.chmod(path, 0o600)  # nobody can connect before it listens
            await self.listen_socket(sock, name)
        except BaseException:
            sock.close()
            raise

    async def listen_socket(self, sock: socket.socket, name: str) -> None:
        """A bound socket, e.g. made in another network namespace; it becomes ours to close."""
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        if sock.family == socket.AF_UNIX:
            listener = await loop.create_unix_server(lambda: Connection(self, name, False), sock=sock, backlog=_BACKLOG)
        else:
            listener = await loop.create_server(lambda: Connection(self, name, False), sock=sock, backlog=_BACKLOG)
        self._add(name, listener)

    def _add(self, name: str, listener: asyncio.Server) -> None:
        self._listeners.append((name, listener))
        self._stopped.discard(name)
        if self._sweeper is None:
            self._sweep()

    def stop_listening(self, name: str) -> None:
        """Take no more connections there, end the idle ones; what runs is answered, then its connection ends."""
        for other, listener in self._listeners:
            if other == name:
                listener.close()
        self._listeners = [pair for pair in self._listeners if pair[0] != name]
        self._stopped.add(name)
        for connection in [c for c in self._connections if c.listener == name]:
            connection.close_if_idle()

    async def close(self, grace_s: float = 0.0) -> None:
        """Take no more, finish what runs; after `grace_s` cancel it and cut the connections."""
        self._closing = True
        for _, listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for connection in list(self._connections):
            connection.close_if_idle()
        if self._connections and not await self._wait_until_empty(max(grace_s, _CLOSING_S)):
            self.cancels = True  # also for tasks that the connections cancel from now on
            log.warning("%d connections cut after %s s", len(self._connections), grace_s)
            for connection in list(self._connections):
                connection.cut()
            await self._wait_until_empty(1.0)
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    async def _wait_until_empty(self, seconds: float) -> bool:
        self._empty = asyncio.Event()
        if not self._connections:
            return True
        try:
            await asyncio.wait_for(self._empty.wait(), seconds)
        except TimeoutError:
            return False
        return True

    # For connections

    def admits(self, connection: Connection) -> bool:
        """Count it in. False: one too many; where even the refusals pile up, it is cut."""
        self._connections.add(connection)
        most = self.limits.connections_max
        over, refusals_max = len(self._connections) - most, 16 + most // 10
        if connection.listener:
            self._connections_each[connection.listener] += 1
            over_its_own = self._connections_each[connection.listener] - self.limits.connections_each_max
            if over_its_own > over:
                over, refusals_max = over_its_own, 16
        if over > refusals_max:
            connection.transport.abort()
        return over <= 0

    def forget(self, connection: Connection) -> None:
        if connection.listener and connection in self._connections:
            _take(self._connections_each, connection.listener, 1)
        self._connections.discard(connection)
        if self._empty is not None and not self._connections:
            self._empty.set()

    def stops(self, connection: Connection) -> bool:
        return self._closing or (bool(self._stopped) and connection.listener in self._stopped)

    def reserve(self, size: int, listener: str = "") -> bool:
        if not size:
            return True
        if self.in_flight_bytes + size > self.limits.in_flight_bytes_max:
            return False
        if listener:
            if self._bytes_each[listener] + size > self.limits.in_flight_bytes_each_max:
                return False
            self._bytes_each[listener] += size
        self.in_flight_bytes += size
        return True

    def release(self, size: int, listener: str = "") -> None:
        self.in_flight_bytes -= size
        if listener and size:
            _take(self._bytes_each, listener, size)

    def protocol_error(self, headers: list[tuple[str, str]], status: int, reason: str) -> HttpResponse:
        """Never fails: the last word when nothing else can speak."""
        if self._on_protocol_error is not None:
            try:
                response = self._on_protocol_error(headers, status, reason)
                assert isinstance(response.body, bytes), "an error of the protocol is short"
                render_head(response, method="POST", http_1_0=False, keep_alive=False)
                return response
            except Exception:
                log.exception("on_protocol_error failed")
        return HttpResponse(status, [("Content-Type", "text/plain")], f"{reason}\n".encode("latin-1", "replace"))

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        limits, now = self.limits, loop.time()
        often = min(_SWEEP_S, limits.header_s / 2, limits.idle_s / 2, limits.body_s / 2, limits.linger_s / 2)
        self._sweeper = loop.call_later(often, self._sweep)
        for connection in [c for c in self._connections if c.deadline <= now]:
            connection.expired()
        self._shed()

    def _shed(self) -> None:
        """Cut those off who ask and don't read, until the answers kept for them fit: first who took nothing since the
        last look, then who has most."""
        unsent = {connection: connection.transport.get_write_buffer_size() for connection in self._connections}
        most, total, before = self.limits.unsent_bytes_max, sum(unsent.values()), self._unsent
        self._unsent, over = unsent if total > most // 2 else {}, total - most
        if over <= 0:
            return
        log.warning("%d bytes of answers that nobody takes, over what is kept", over)
        for connection in sorted(unsent, key=lambda one: (unsent[one] < before.get(one, _NEW), -unsent[one])):
            if over <= 0:
                break
            over -= unsent[connection]
            connection.cut()
