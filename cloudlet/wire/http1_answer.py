"""The head of an HTTP/1.1 answer, and how its body is framed (RFC 9112, 6). Bytes only: app/connection.py sends."""

import re
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from cloudlet.wire.message import HttpResponse

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNK_END = b"0\r\n\r\n"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Said by the edge alone: they are about this connection, not about the answer (RFC 9110, 7.6.1).
_HOP_NAMES = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}" for s in HTTPStatus if s >= 200}


class BadAnswer(ValueError):
    """A handler's answer that cannot be sent: its head would say something else than it means."""


class Framing(NamedTuple):
    """What follows the head."""

    sends_body: bool
    length: int | None  # None: unknown until its end
    chunked: bool
    close: bool  # the connection, afterwards


@lru_cache(maxsize=1024)
def _known_name(name: str) -> str:
    if _TOKEN.fullmatch(name) is None:
        raise BadAnswer(f"not a header name: {name!r}")
    return name.lower()


class _Date:
    """The Date header, made once a second."""

    def __init__(self) -> None:
        self.second, self.line = 0, ""

    def now(self) -> str:
        second = int(time.time())
        if second != self.second:
            self.second, self.line = second, f"Date: {formatdate(second, usegmt=True)}"
        return self.line


_date = _Date()


def body_length(response: HttpResponse) -> int | None:
    """The bytes of its body, None for an iterator."""
    body = response.body
    if isinstance(body, bytes):
        return len(body)
    return sum(part.length for part in body) if isinstance(body, list) else None


def render_head(response: HttpResponse, *, method: str, http_1_0: bool, keep_alive: bool) -> tuple[bytes, Framing]:
    """Status line and headers, and how the body goes on. BadAnswer (or UnicodeEncodeError) for a header that
    would break out of its line, and for a Content-Length that isn't the body's."""
    status = response.status
    lines = [_STATUS_LINES.get(status) or _status_line(status)]
    declared: int | None = None
    dated = False
    for name, value in response.headers:
        lower = _known_name(name)
        if lower in _HOP_NAMES:
            continue
        if lower == "content-length":
            declared = int(value)
            continue
        dated = dated or lower == "date"
        lines.append(f"{name}: {value}")
    if not dated:
        lines.append(_date.now())
    framing = _framing(response, declared, method, http_1_0, keep_alive)
    if framing.length is not None and status != 204:
        lines.append(f"Content-Length: {framing.length}")
    elif framing.chunked:
        lines.append("Transfer-Encoding: chunked")
    if framing.close:
        lines.append("Connection: close")
    elif http_1_0:
        lines.append("Connection: keep-alive")
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise BadAnswer("a header value breaks out of its line")
    return f"{text}\r\n\r\n".encode("latin-1"), framing


def _status_line(status: int) -> str:
    if not 200 <= status <= 599:
        raise BadAnswer(f"not the status of an answer: {status}")
    return f"HTTP/1.1 {status} Status"


def _framing(response: HttpResponse, declared: int | None, method: str, http_1_0: bool, keep_alive: bool) -> Framing:
    length = body_length(response)
    close = response.close or not keep_alive
    if method == "HEAD" or response.status == 304:  # what GET would have said: the handler's word goes
        said = declared if declared is not None else (length if method == "HEAD" else None)
        return Framing(False, said, False, close)
    if response.status == 204:
        if length:
            raise BadAnswer("204 has no body")
        return Framing(False, 0, False, close)
    if declared is not None and length is not None and declared != length:
        raise BadAnswer(f"Content-Length {declared} on a body of {length} bytes")
    if length is None:
        length = declared
    if length is None and http_1_0:
        return Framing(True, None, False, True)  # the end of the connection is the end of the body
    return Framing(True, length, length is None, close)
