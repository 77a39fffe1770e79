"""One client's connection: bytes to requests, requests to a handler one after the other, answers to bytes.

What the parser says goes into a queue; its head runs as a task. Every waiting state has a deadline, which the server
looks at about once a second (no timer per request). Not here: listeners and limits of the node (server.py), what a
request means (gateway.py).
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cloudlet.app.request_body import BUFFERED_BYTES_MAX, RequestBody
from cloudlet.app.sending import PIECE_BYTES, give_up, send_chunks, send_slices
from cloudlet.wire.http1 import Data, End, Event, Incoming, Refused, RequestParser
from cloudlet.wire.http1_answer import CONTINUE, Framing, render_head
from cloudlet.wire.message import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from cloudlet.app.server import Server

log = logging.getLogger("cloudlet.edge")

NEVER = float("inf")


@dataclass(slots=True)
class _Exchange:
    """A request and what its answer depends on."""

    request: HttpRequest
    incoming: Incoming
    body: RequestBody | None
    reserved_bytes: int  # of the node's bytes in flight


class Connection(asyncio.Protocol):
    """States: idle, head coming in, running (`_current`), `_draining` a body, `_ending` (we closed), `_lost`."""

    def __init__(self, server: "Server", listener: str, secure: bool) -> None:
        self.server = server
        self.listener = listener
        self.deadline = NEVER
        self._secure = secure
        self._limits = server.limits
        self._parser = RequestParser(server.limits.header_bytes_max)
        self._loop = asyncio.get_running_loop()
        self._peer = "127.0.0.1"
        self._queue: deque[_Exchange | Refused] = deque()
        self._current: _Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._handling = False  # its task has taken its first step
        self._called_off = False  # nobody waits for the answer to _current any more
        self._head_sent = False  # … it is under way
        self._receiving: RequestBody | None = None  # its end has not come
        self._draining = False  # … and it was answered without it
        self._deaf = False  # what the parser still says is not wanted
        self._ending = False
        self._lost = False
        self._lingered_bytes = 0
        self._reading_paused = False
        self._head_deadline = NEVER
        self._body_seen_bytes = 0  # at the start of this period
        self._drained: asyncio.Future[None] | None = None  # set while the transport takes no more
        self._unsent_bytes = 0

    # Called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=PIECE_BYTES)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._peer = peer[0].removeprefix("::ffff:")
        if self.server.admits(self):
            self.set_deadline()
        else:
            self._refuse(Refused(503, "Too many connections"))

    def data_received(self, data: bytes) -> None:
        if not self._ending:
            self._receive(data)
            return
        self._lingered_bytes += len(data)
        if self._lingered_bytes > self._limits.linger_bytes_max:
            self.transport.abort()

    def eof_received(self) -> None:
        """The client has closed, or at least will say no more: both end what runs for it (the transport closes)."""
        self._gone()

    def connection_lost(self, error: Exception | None) -> None:
        self._gone()
        self.server.forget(self)

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # What comes in

    def _receive(self, data: bytes) -> None:
        room = self._limits.pipelined_max - len(self._queue)
        for event in self._parser.receive(data, room):
            if self._deaf:
                break
            self._on_event(event)
        if self._parser.backlog or self._receiving is not None or self._reading_paused:
            self.update_reading()
        if self._current is None or self._receiving is not None:
            self.set_deadline()

    def _on_event(self, event: Event) -> None:
        if type(event) is Incoming:
            self._begin(event)
        elif type(event) is Data:
            if self._receiving is not None:
                self._receiving.put(event.data)
        elif type(event) is End:
            self._end(event)
        elif type(event) is Refused:
            if event.in_body and self._receiving is not None:
                self._break(self._receiving, event)
            else:
                self._push(event)

    def _begin(self, incoming: Incoming) -> None:
        reserved = len(incoming.body) if incoming.whole else _reservation(incoming.length)
        if not self.server.reserve(reserved, self.listener):
            self._deaf = self._parser.finished = True
            self._push(Refused(503, "Please reduce your request rate.", incoming.headers))
            return
        body = None if incoming.whole else RequestBody(self, incoming)
        request = HttpRequest(
            incoming.method,
            incoming.path,
            incoming.query,
            incoming.headers,
            incoming.body,
            body,
            self._peer,
            self._secure,
            self.listener,
        )
        if body is not None:
            self._receiving = body
        self._push(_Exchange(request, incoming, body, reserved))

    def _end(self, event: End) -> None:
        body, self._receiving = self._receiving, None
        self.deadline = NEVER
        if body is not None:
            body.end(event.trailers)
        if self._draining:
            self._draining = False
            self._next()

    def _break(self, body: RequestBody, refused: Refused) -> None:
        """The rest of this body is no HTTP, or doesn't come: that is the answer, if none is under way."""
        self._deaf = self._parser.finished = True
        self._receiving = None
        body.broken = refused
        if self._current is None or self._current.body is not body:
            if self._draining:
                self._close(linger=False)
            # else its request is queued, and _start answers in its place
        elif self._head_sent or self._task is None:
            self._close(linger=False)
        else:
            self._call_off()

    def _push(self, item: _Exchange | Refused) -> None:
        if self._current is None and not self._draining and not self._queue:
            self._start(item)
        else:
            self._queue.append(item)

    def update_reading(self) -> None:
        """Read on, or let the client wait: for requests still queued, or for a body that nobody reads."""
        if self._lost or self._ending:
            return
        body = self._receiving
        full = bool(self._parser.backlog) or (body is not None and body.buffered_bytes >= BUFFERED_BYTES_MAX)
        if full and not self._reading_paused:
            self._reading_paused = True
            self.transport.pause_reading()
            self.set_deadline()
        elif self._reading_paused and not full:
            self._reading_paused = False
            self.transport.resume_reading()
            self.set_deadline()

    # Running

    def _start(self, item: _Exchange | Refused) -> None:
        self.deadline = NEVER
        if isinstance(item, Refused):
            self._refuse(item)
        elif item.body is not None and item.body.broken is not None:
            self.server.release(item.reserved_bytes, self.listener)
            self._refuse(item.body.broken)
        else:
            self._current = item
            self._handling = self._called_off = self._head_sent = False
            self._task = self._loop.create_task(self._serve(item))

    async def _serve(self, exchange: _Exchange) -> None:
        closes = True
        try:
            closes = await self._answer(exchange, await self._handle(exchange))
        finally:
            self.server.release(exchange.reserved_bytes, self.listener)
            self._task = self._current = None
            if not self._lost:
                self._answered(exchange, closes)

    async def _handle(self, exchange: _Exchange) -> HttpResponse:
        """The handler's answer. It may fail, never silently."""
        request, headers = exchange.request, exchange.incoming.headers
        try:
            if self._called_off:  # before its first step, where cancelling the task would skip all that follows here
                raise asyncio.CancelledError
            self._handling = True
            return await self.server.handler(request)
        except asyncio.CancelledError:
            if self._lost or self.server.cancels:
                raise
            broken = None if exchange.body is None else exchange.body.broken
            if broken is not None:
                return self.server.protocol_error(headers, broken.status, broken.reason)
            log.error("the handler cancelled itself: %s %s", request.method, request.path)
        except Exception:
            log.exception("the handler failed: %s %s", request.method, request.path)
        return self.server.protocol_error(headers, 500, "Internal failure")

    async def _answer(self, exchange: _Exchange, response: HttpResponse) -> bool:
        """Send it; whether the connection ends with it."""
        body = response.body
        try:
            head, framing = self._head(exchange, response)
        except Exception:
            log.exception("an answer that cannot be sent: %s %s", exchange.incoming.method, exchange.incoming.path)
            await give_up(body)
            response = self.server.protocol_error(exchange.incoming.headers, 500, "Internal failure")
            body = response.body
            head, framing = self._head(exchange, response)
        self._head_sent = True
        if isinstance(body, bytes):
            self.transport.write(head + body if framing.sends_body and body else head)
            if self._drained is not None:
                await self._drain()
            return framing.close
        try:
            if not framing.sends_body:
                self.transport.write(head)
            elif isinstance(body, list):
                await send_slices(self.transport, self._drain, head, body)
            else:
                self.transport.write(head)
                await send_chunks(self.transport, self._drain, body, framing)
        except Exception:
            log.exception("an answer broke off: %s %s", exchange.incoming.method, exchange.incoming.path)
            self.transport.abort()  # the one way to say that it isn't whole
            return True
        finally:
            await give_up(body)
        return framing.close

    def _head(self, exchange: _Exchange, response: HttpResponse) -> tuple[bytes, Framing]:
        incoming, body = exchange.incoming, exchange.body
        keep_alive = incoming.keep_alive and not self.server.stops(self)
        if body is not None and not body.ended:
            left = body.left_bytes()
            if body.broken or body.awaits_continue or left is None or left > self._limits.drain_bytes_max:
                keep_alive = False
        return render_head(response, method=incoming.method, http_1_0=incoming.http_1_0, keep_alive=keep_alive)

    async def _drain(self) -> None:
        """Until the client has taken enough; it is cut off once it takes nothing for as long as it may idle."""
        drained = self._drained
        if drained is None:
            return
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self.deadline = self._loop.time() + self._limits.idle_s
        try:
            await drained
        finally:
            self.deadline = NEVER

    def _answered(self, exchange: _Exchange, closes: bool) -> None:
        body = exchange.body
        if body is None or body.ended:
            if closes:
                self._close(linger=False)
            else:
                self._next()
            return
        body.discard()
        if closes:
            self._close(linger=True)
        else:
            self._draining = True
            self.update_reading()
            self.set_deadline()

    def _next(self) -> None:
        if self._queue:
            self._start(self._queue.popleft())
        elif self.server.stops(self) and not self._parser.in_head:
            self._close(linger=False)
        if self._ending:
            return
        if self._parser.backlog:
            self._receive(b"")
        elif self._reading_paused:
            self.update_reading()
        self.set_deadline()

    # For the body

    def send_continue(self, body: RequestBody) -> None:
        current = self._current
        if current is not None and current.body is body and not (self._head_sent or self._lost or self._ending):
            self.transport.write(CONTINUE)

    def hold(self, body: RequestBody, size: int) -> bool:
        """Count what the handler has collected of it; False: the node is full."""
        current = self._current
        if current is None or current.body is not body or size <= current.reserved_bytes:
            return True
        if not self.server.reserve(size - current.reserved_bytes, self.listener):
            return False
        current.reserved_bytes = size
        return True

    # Ending

    def _refuse(self, refused: Refused) -> None:
        """The protocol's own answer, then the end."""
        response = self.server.protocol_error(refused.headers, refused.status, refused.reason)
        head, _ = render_head(response, method="POST", http_1_0=False, keep_alive=False)
        self.transport.write(head + cast(bytes, response.body))
        self._close(linger=True)

    def _close(self, *, linger: bool) -> None:
        """`linger`: the client may still be sending; closing at once would reset the connection and could take the
        answer from it (RFC 9112, 9.6). So our side is closed and the rest thrown away, for a while."""
        if self._lost or self._ending:
            return
        self._ending = self._deaf = self._parser.finished = True
        self._release_queue()
        if not linger:
            self.deadline = self._loop.time() + self._limits.idle_s  # for what is still unsent
            self.transport.close()
            return
        self.deadline = self._loop.time() + self._limits.linger_s
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _gone(self) -> None:
        """The client is."""
        if self._lost:
            return
        self._lost = self._deaf = self._parser.finished = True
        self.deadline = self._loop.time() + self._limits.idle_s  # for what is still unsent
        self._release_queue()
        if self._receiving is not None:
            self._receiving.fail(ConnectionResetError("the client went away before the end of the request"))
        self._call_off()
        self.resume_writing()

    def _release_queue(self) -> None:
        for item in self._queue:
            if isinstance(item, _Exchange):
                self.server.release(item.reserved_bytes, self.listener)
        self._queue.clear()

    def close_if_idle(self) -> None:
        if self._current is None and not self._draining and not self._parser.in_head:
            self._close(linger=False)

    def cut(self) -> None:
        """Now, whatever runs."""
        self._call_off()
        self.transport.abort()

    def _call_off(self) -> None:
        if self._task is not None and self._handling:
            self._task.cancel()
        self._called_off = True

    # Deadlines

    def set_deadline(self) -> None:
        """By the state it is in; `expired` is called some time after it."""
        if self._lost or self._ending or self._drained is not None:
            return
        current, receiving = self._current, self._receiving
        if receiving is not None and (self._draining or (current is not None and current.body is receiving)):
            if self._reading_paused:  # it is us who wait
                self.deadline = NEVER
            elif self.deadline == NEVER:
                self.deadline = self._loop.time() + self._limits.body_s
                self._body_seen_bytes = receiving.received_bytes
            self._head_deadline = NEVER
        elif current is not None:
            self.deadline = self._head_deadline = NEVER
        elif self._parser.in_head:
            if self._head_deadline == NEVER:
                self._head_deadline = self._loop.time() + self._limits.header_s
            self.deadline = self._head_deadline
        else:
            self.deadline = self._loop.time() + self._limits.idle_s
            self._head_deadline = NEVER

    def expired(self) -> None:
        if self._lost or self._ending:
            self.transport.abort()
        elif self._drained is not None:
            unsent = self.transport.get_write_buffer_size()
            if unsent >= self._unsent_bytes:
                self.cut()
            self._unsent_bytes = unsent
            self.deadline = self._loop.time() + self._limits.idle_s
        elif self._receiving is not None:
            self._body_expired(self._receiving)
        elif self._current is not None:
            self.deadline = NEVER
        elif self._parser.in_head:
            self._refuse(Refused(408, "The request's headers took too long.", self._parser.headers))
        else:
            self._close(linger=False)

    def _body_expired(self, body: RequestBody) -> None:
        self.deadline = NEVER
        if body.received_bytes - self._body_seen_bytes >= self._limits.body_bytes_min:
            self.set_deadline()
            return
        reason = "Your socket connection to the server was not read from or written to within the timeout period."
        self._break(body, Refused(408, reason, body.headers))


def _reservation(length: int | None) -> int:
    """Of the node's bytes in flight, for a body that is streamed: what this connection may hold of it."""
    return BUFFERED_BYTES_MAX if length is None else min(length, BUFFERED_BYTES_MAX)
