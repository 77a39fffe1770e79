"""An HTTP request and response as values, between the edge (app/server.py) and everyone else."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Protocol


class BodyStream(Protocol):
    """A request body as it comes in, with back-pressure: the socket is read only as fast as `read` is called."""

    async def read(self) -> bytes:
        """The next bytes (at most 256 KiB); b"" once the parser saw the end of the message.

        The first call answers `Expect: 100-continue`, so call it only after the caller may go on.
        Raises ConnectionResetError if the client went away before the end.
        """

    def trailers(self) -> dict[str, str]:
        """Trailer fields by lower-case name; complete once `read` answered b""."""


class RequestStream(BodyStream, Protocol):
    """The body as the edge hands it over."""

    async def collect(self, body_bytes_max: int) -> bytes:
        """All of it; what is raised for too much is the edge's (app/request_body.py)."""


class WholeBody:
    """A BodyStream of a body that is there already: it came with its headers, or from within the node."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self) -> bytes:
        body, self._body = self._body, b""
        return body

    def trailers(self) -> dict[str, str]:
        return {}


@dataclass
class HttpRequest:
    """One request as it was sent. The target stays percent-encoded and un-normalised: signatures cover it."""

    method: str
    path: str  # raw, before "?": bytes decoded as latin-1
    query: str  # raw, after "?", "" if none
    headers: list[tuple[str, str]]  # names in lower case, in order, values stripped; latin-1
    body: bytes = b""  # whole, once somebody collected `stream`
    stream: RequestStream | None = None
    peer: str = "127.0.0.1"  # the client's address
    secure: bool = False  # came over TLS
    listener: str = ""  # which of the node's listeners took it: "" = public, else an execution environment's id

    def header(self, name: str) -> str | None:
        """The value of header `name` (lower case); several of one name are joined by a comma (RFC 9110, 5.3)."""
        by_name = dict(self.headers)
        if len(by_name) != len(self.headers):
            by_name.clear()
            for key, value in self.headers:
                by_name[key] = f"{by_name[key]},{value}" if key in by_name else value
        # Asked a dozen times per request: from here on the answer is dict's own.
        self.header = by_name.get  # type: ignore[method-assign, assignment]
        return by_name.get(name)

    def set_headers(self, headers: list[tuple[str, str]]) -> None:
        self.headers = headers
        self.__dict__.pop("header", None)


@dataclass(slots=True, frozen=True)
class FileSlice:
    """`length` bytes of an open file from `offset`, sent in preads off the loop; `close` is called in the end."""

    fd: int
    offset: int
    length: int
    close: Callable[[], None]


@dataclass(slots=True)
class HttpResponse:
    """An answer. A body of bytes or slices gets its Content-Length from the edge; an iterator is sent chunked."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | list[FileSlice] | AsyncIterator[bytes] = b""
    close: bool = False  # close the connection afterwards
