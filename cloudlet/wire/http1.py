"""HTTP/1.1 requests out of bytes: no sockets, no clock. Over llhttp (httptools); what that lacks is here.

`RequestParser.receive(bytes, room)` answers events. It adds to llhttp, none of whose leniencies are ever switched on:
a bound on header and trailer bytes, a way to stop (llhttp has none: the rest waits in `backlog`), the Host rule,
absolute-form targets, requests that ask for an upgrade we don't speak, trailers kept apart, and errors that are values.
Not here: answers (http1_answer.py), timeouts and limits of a connection (app/).
"""

import re
from dataclasses import dataclass, field

import httptools
from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade

HEADER_BYTES_MAX = 64 * 1024
SMALL_BODY_BYTES_MAX = 64 * 1024  # a body up to this, already here when the headers are, comes with them
_PIECE_BYTES = 64 * 1024  # fed at once inside a body
_CHUNKED_PIECE_BYTES = 16 * 1024  # … whose end can't be told
_HEAD_PIECE_BYTES = 4 * 1024  # … and outside one, where a piece may hold many requests and llhttp cannot be paused


@dataclass(slots=True)
class Incoming:
    """The headers of one request are complete. If `whole`, `body` is all of it; else Data and End follow."""

    method: str
    path: str  # raw
    query: str  # raw
    headers: list[tuple[str, str]]
    host: str
    http_1_0: bool
    keep_alive: bool
    length: int | None  # of the body as declared; None: chunked
    expects_continue: bool
    body: bytes = b""
    whole: bool = False


@dataclass(slots=True)
class Data:
    """The next bytes of the body of the request last begun."""

    data: bytes


@dataclass(slots=True)
class End:
    """The parser saw the end of the message."""

    trailers: dict[str, str]


@dataclass(slots=True)
class Refused:
    """What came is not a request we take: answer `status`, then close. Nothing follows."""

    status: int
    reason: str
    headers: list[tuple[str, str]] = field(default_factory=list)  # what came of them: they tell how to word it
    in_body: bool = False  # of the request last begun, whose End will not come


Event = Incoming | Data | End | Refused


class _Refusal(Exception):
    """Raised inside llhttp's callbacks, the only way to stop it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


_names: dict[bytes, str] = {}  # as sent → lower case; what clients send is few and repeats
_FRAMING_NAMES = frozenset({"content-length", "transfer-encoding"})
_NOTED_NAMES = _FRAMING_NAMES | {"host", "expect"}
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]+")  # RFC 3986, 3.2.2 and a port
_ABSOLUTE = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_DEFAULT_PORT = re.compile(r":(80|443)?\Z")


def _lower_name(name: bytes) -> str:
    lower = _names.get(name)
    if lower is None:
        lower = name.decode("latin-1").lower()
        if len(_names) < 1024 and len(name) <= 64:
            _names[name] = lower
    return lower


def origin_form(target: str, host: str, method: str) -> str:
    """The target as path and query (RFC 9112, 3.2). An absolute one has to name the same host: the signature covers
    Host as sent, so two opinions on it are refused."""
    if "#" in target:
        raise _Refusal(400, "The request target has a fragment")
    if target[0] == "/" or (target == "*" and method == "OPTIONS"):
        return target
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise _Refusal(400, "Invalid request target")
    _, authority, rest = match.groups()
    if _DEFAULT_PORT.sub("", authority.lower()) != _DEFAULT_PORT.sub("", host.lower()):
        raise _Refusal(400, "The request target and the Host header name different hosts")
    return rest if rest.startswith("/") else "/" + rest


class RequestParser:
    """One connection's bytes in, events out. After Refused, or a request that ends the connection, it takes no more."""

    def __init__(self, header_bytes_max: int = HEADER_BYTES_MAX) -> None:
        self.header_bytes_max = header_bytes_max
        self.backlog = b""  # received, not yet parsed, for want of room
        self.finished = False  # whatever comes now is not ours to read
        self._llhttp = httptools.HttpRequestParser(self)
        self._refeeding = False  # llhttp reads a head that we made up; see _feed_without_upgrade
        self._events: list[Event] = []
        self._begun = 0  # requests begun in this call of receive
        self._unproductive = 0  # bytes fed since anything but a header came out: llhttp hoards these without a bound
        self._message: Incoming | None = None  # headers complete, end not seen
        self._announced = False  # … and handed out
        self._upgrade = False  # … and llhttp believes that another protocol follows
        self._in_head = False
        self._parts: list[bytes] = []
        self._clear()

    def _clear(self) -> None:
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._header_bytes = 0
        self._host: str | None = None
        self._length: str | None = None
        self._coding: str | None = None
        self._expect: str | None = None
        self._parts = []
        self._received = 0  # bytes of the body
        self._trailers: dict[str, str] = {}

    @property
    def in_head(self) -> bool:
        """A request's headers have begun and not ended."""
        return self._in_head and not self.finished

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Of the request last begun, as far as they have come."""
        return self._headers

    @property
    def in_body(self) -> bool:
        return self._message is not None

    def receive(self, data: bytes, room: int = 1 << 30) -> list[Event]:
        """The events of the backlog and `data`, until `room` requests have begun (those in one piece, at most 150, may
        exceed it); the rest stays in the backlog: call again with b"" once there is room."""
        if self.finished:
            return []
        if self.backlog:
            data, self.backlog = self.backlog + data, b""
        self._begun = 0
        if len(data) <= _HEAD_PIECE_BYTES and room > 0:  # nearly always
            self._feed(data)
        else:
            self._receive_in_pieces(data, room)
        if self._message is not None:
            self._announce(self._message)
        events, self._events = self._events, []
        return events

    def _receive_in_pieces(self, data: bytes, room: int) -> None:
        view = memoryview(data)
        start = 0
        while start < len(data) and not self.finished:
            if self._message is None and self._begun >= room:
                self.backlog = data[start:]
                return
            piece = view[start : start + self._piece_bytes(self._begun < room)]
            start += len(piece)
            self._feed(piece)

    def _piece_bytes(self, has_room: bool) -> int:
        """Never far beyond the end of a body, where other requests may stand."""
        if self._message is None:
            return _HEAD_PIECE_BYTES
        if self._message.length is None:
            return _CHUNKED_PIECE_BYTES
        left = self._message.length - self._received
        return min(_PIECE_BYTES, max(left, _HEAD_PIECE_BYTES) if has_room else left)

    def _feed(self, piece: bytes | memoryview) -> None:
        while len(piece) and not self.finished:
            self._unproductive += len(piece)
            try:
                self._llhttp.feed_data(piece)
                piece = b""
            except HttpParserUpgrade as upgrade:  # its argument: how much of the piece was read
                piece = piece[upgrade.args[0] :]
                self._feed_without_upgrade()
            except HttpParserCallbackError as error:
                cause = error.__context__
                if not isinstance(cause, _Refusal):
                    raise
                self._refuse(cause.status, cause.reason)
            except HttpParserError as error:
                self._refuse(400, str(error))
            if self._unproductive > self.header_bytes_max + _HEAD_PIECE_BYTES:
                self._refuse(431, "The request's headers are too large")

    def _feed_without_upgrade(self) -> None:
        """Have a fresh llhttp read the same request as if it hadn't asked for an upgrade, which a server may ignore
        (RFC 9110, 7.8); the first one would take the body for the other protocol's. JDK clients ask for h2c so."""
        assert self._message is not None
        lines = ["POST / HTTP/1.0" if self._message.http_1_0 else "POST / HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self._message.headers if name in _FRAMING_NAMES]
        lines.append("connection: keep-alive" if self._message.keep_alive else "connection: close")
        self._llhttp = httptools.HttpRequestParser(self)
        self._upgrade, self._refeeding = False, True
        self._feed("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def _refuse(self, status: int, reason: str) -> None:
        if not self.finished:
            in_body = self._message is not None and self._announced
            self._events.append(Refused(status, reason, self._headers, in_body))
        self.finished, self._message = True, None

    def _announce(self, message: Incoming) -> None:
        """Hand out what there is of a message, whose end may not have come."""
        if not self._announced:
            self._announced = True
            self._events.append(message)
        if self._parts:
            self._events.append(Data(b"".join(self._parts)))
            self._parts = []

    # What llhttp calls. Only exceptions can stop it.

    def on_message_begin(self) -> None:
        if self._refeeding:
            return
        self._in_head = True
        self._clear()

    def on_url(self, part: bytes) -> None:
        if not self._refeeding:
            self._url += part

    def on_header(self, raw_name: bytes, raw_value: bytes) -> None:
        if self._refeeding:
            return
        name = _names.get(raw_name) or _lower_name(raw_name)
        value = raw_value.decode("latin-1").strip(" \t")
        if self._message is not None:
            before = self._trailers.get(name)
            self._trailers[name] = value if before is None else f"{before},{value}"
            return
        self._headers.append((name, value))
        self._header_bytes += len(raw_name) + len(raw_value) + 4
        if name in _NOTED_NAMES:
            self._note_header(name, value)

    def _note_header(self, name: str, value: str) -> None:
        if name == "host":
            if self._host is not None:
                raise _Refusal(400, "More than one Host header")
            self._host = value
        elif name == "content-length":
            self._length = value
        elif name == "transfer-encoding":
            self._coding = value.lower() if self._coding is None else f"{self._coding},{value.lower()}"
        else:
            self._expect = value.lower()

    def on_headers_complete(self) -> None:
        self._unproductive = 0
        if self._refeeding:
            self._refeeding = False
            return
        self._begun += 1
        self._in_head = False
        self._announced = False
        llhttp = self._llhttp
        method = llhttp.get_method().decode("latin-1")
        version = llhttp.get_http_version()
        self._check_head(method, version)
        target = origin_form(self._url.decode("latin-1"), self._host or "", method)
        path, _, query = target.partition("?")
        if self._coding is not None:
            length = None
        else:
            length = 0 if self._length is None else int(self._length)
        self._message = Incoming(
            method,
            path,
            query,
            self._headers,
            self._host or "",
            version == "1.0",
            llhttp.should_keep_alive(),
            length,
            self._expect is not None and version == "1.1",
        )
        self._upgrade = llhttp.should_upgrade()

    def _check_head(self, method: str, version: str) -> None:
        if version not in ("1.1", "1.0"):
            raise _Refusal(505, f"HTTP/{version} is not spoken here")
        if self._header_bytes + len(self._url) + len(method) + 13 > self.header_bytes_max:
            raise _Refusal(431, "The request's headers are too large")
        if not self._host:
            raise _Refusal(400, "The Host header is missing")
        if _HOST.fullmatch(self._host) is None:
            raise _Refusal(400, "Invalid Host header")
        if method == "CONNECT":
            raise _Refusal(405, "CONNECT is not supported")
        if self._coding is not None and (self._coding != "chunked" or version == "1.0"):
            raise _Refusal(501 if version == "1.1" else 400, "Only Transfer-Encoding: chunked is supported")
        if self._expect is not None and self._expect != "100-continue":
            raise _Refusal(417, "Only Expect: 100-continue is supported")

    def on_body(self, part: bytes) -> None:
        self._unproductive = 0
        self._received += len(part)
        self._parts.append(part)

    def on_message_complete(self) -> None:
        message = self._message
        if self._upgrade or message is None:
            return
        self._unproductive = 0
        parts = self._parts
        if not self._announced and not self._trailers and self._received <= SMALL_BODY_BYTES_MAX:
            message.body = parts[0] if len(parts) == 1 else b"".join(parts)
            message.whole = True
            self._events.append(message)
        else:
            self._announce(message)
            self._events.append(End(self._trailers))
        self._message = None
        self.finished = not message.keep_alive
