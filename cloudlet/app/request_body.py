"""The body of one request, between the connection that receives it and the handler that reads it."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from cloudlet.wire.http1 import Incoming, Refused

if TYPE_CHECKING:
    from cloudlet.app.connection import Connection

READ_BYTES_MAX = 256 * 1024  # what one read() gives
BUFFERED_BYTES_MAX = 256 * 1024  # of a body nobody reads: then the socket waits


class BodyTooLarge(Exception):
    """The body is longer than the reader takes."""


class NodeFull(Exception):
    """The node holds as many bytes of requests as it may."""


class RequestBody:
    """The body of one request as it comes in: a BodyStream (wire/message.py)."""

    def __init__(self, connection: "Connection", incoming: Incoming) -> None:
        self.ended = False
        self.received_bytes = 0
        self.buffered_bytes = 0
        self.awaits_continue = incoming.expects_continue
        self.broken: Refused | None = None  # it will have no end; what to answer
        self.length = incoming.length
        self.headers = incoming.headers
        self._connection = connection
        self._chunks: deque[bytes] = deque()
        self._trailers: dict[str, str] = {}
        self._discards = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        if self.awaits_continue:
            self.awaits_continue = False
            if not self.received_bytes:
                self._connection.send_continue(self)
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self.ended:
                return b""
            assert self._waiter is None, "two readers of one body"
            self._waiter = asyncio.get_running_loop().create_future()
            self._connection.set_deadline()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._take()
        self._connection.update_reading()
        return data

    async def collect(self, body_bytes_max: int) -> bytes:
        """All of it, counted among the node's bytes in flight until the answer is sent.

        Raises BodyTooLarge, as early as it is declared, or NodeFull, for which 503 is the answer.
        """
        if self.length is not None and self.length > body_bytes_max:
            raise BodyTooLarge(f"{self.length} bytes, {body_bytes_max} at most")
        parts, size = [], 0
        while data := await self.read():
            size += len(data)
            if size > body_bytes_max:
                raise BodyTooLarge(f"more than {body_bytes_max} bytes")
            if not self._connection.hold(self, size):
                raise NodeFull(f"{size} bytes more")
            parts.append(data)
        return b"".join(parts)

    def trailers(self) -> dict[str, str]:
        return self._trailers

    def _take(self) -> bytes:
        """As many whole chunks as fit into one read; a longer one in parts."""
        chunks = self._chunks
        first = chunks.popleft()
        if len(first) > READ_BYTES_MAX:
            chunks.appendleft(first[READ_BYTES_MAX:])
            first = first[:READ_BYTES_MAX]
        elif chunks and len(first) + len(chunks[0]) <= READ_BYTES_MAX:
            taken, size = [first], len(first)
            while chunks and size + len(chunks[0]) <= READ_BYTES_MAX:
                taken.append(chunks.popleft())
                size += len(taken[-1])
            first = b"".join(taken)
        self.buffered_bytes -= len(first)
        return first

    # The connection's side

    def put(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if not self._discards:
            self._chunks.append(data)
            self.buffered_bytes += len(data)
            self._wake()

    def end(self, trailers: dict[str, str]) -> None:
        self.ended = True
        self._trailers = trailers
        self._wake()

    def fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._wake()

    def discard(self) -> None:
        """Nobody reads it any more."""
        self._discards = True
        self._chunks.clear()
        self.buffered_bytes = 0

    def left_bytes(self) -> int | None:
        """Of what was declared: not yet here. None: who knows."""
        return None if self.length is None else self.length - self.received_bytes

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
