"""What reads bytes from strangers, each as a function of some bytes that fails if it answers with the wrong exception.

`run` is what atheris calls (fuzz.py) and what the corpus is fed to (test_fuzz_corpus.py): the first byte chooses.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

from cloudlet.app.connection import Connection
from cloudlet.app.gateway import Gateway
from cloudlet.app.server import Limits, Server
from cloudlet.app.wiring import build
from cloudlet.base.clock import ManualClock
from cloudlet.base.config import Settings
from cloudlet.base.errors import AwsError
from cloudlet.store.database import Database
from cloudlet.wire import cbor, constraints, json, query, rest, rest_json, rest_xml, values
from cloudlet.wire.chunked import Decoder
from cloudlet.wire.http1 import RequestParser
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.model import load
from cloudlet.wire.sigv2 import read_presigned
from cloudlet.wire.sigv4 import SignatureProblem, read_credentials
from cloudlet.wire.sigv4_claim import PayloadMode
from tests.wire.http1_outcome import outcome

Target = Callable[[bytes], None]
ANSWER_S = 5


# ── the parser: however the bytes are cut, the same requests ─────────────────────────────────────────────────────────


def _requests(data: bytes, size: int) -> list[object]:
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    # For which of two reasons it is refused depends on how late llhttp tells of a header.
    return outcome(RequestParser(4096), pieces, lambda refused: "refused")


def parser(data: bytes) -> None:
    whole = _requests(data, max(len(data), 1))
    for size in (1, 7):
        assert _requests(data, size) == whole


# ── a connection, with the gateway behind it ─────────────────────────────────────────────────────────────────────────


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.sent, self.closed = bytearray(), False

    def write(self, data: Any) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True

    abort = write_eof = close

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class _Failures(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record)


class _Edge:
    """Made at the first use, and kept: a node takes a while to start."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        house = build(Settings(), clock=ManualClock(), database=Database.open(None), node_key=bytes(32))
        self.gateway: Gateway = house.gateway
        self.failures = _Failures()
        logging.getLogger("cloudlet").addHandler(self.failures)

    async def serve(self, data: bytes) -> None:
        limits = Limits(header_bytes_max=4096)
        server = Server(self.gateway.handle, limits=limits, on_protocol_error=self.gateway.protocol_error)
        for size in (max(len(data), 1), 3):
            transport = _Transport()
            connection = Connection(server, "", False)
            connection.connection_made(transport)
            for start in range(0, len(data), size):
                connection.data_received(data[start : start + size])
            connection.eof_received()
            task = connection._task
            if task is not None:
                await asyncio.wait({cast("asyncio.Task[None]", task)}, timeout=ANSWER_S)
                assert task.done(), "no end"
            connection.connection_lost(None)
            assert b"HTTP/1.1 500 " not in transport.sent
            assert server.in_flight_bytes == 0 and not server._connections
        assert not self.failures.found, self.failures.found[0].getMessage()


_edges: list[_Edge] = []


def edge(data: bytes) -> None:
    if not _edges:
        _edges.append(_Edge())
    _edges[0].loop.run_until_complete(_edges[0].serve(data))


# ── what reads bodies, URLs and headers ──────────────────────────────────────────────────────────────────────────────


def _request(head: bytes, body: bytes) -> HttpRequest:
    """A request of the lines: target, then headers; as the edge would hand it over."""
    target, *lines = head.decode("latin-1").split("\n")
    path, _, found = target.partition("?")
    headers = [(name.lower(), value) for name, _, value in (line.partition(":") for line in lines)]
    return HttpRequest("POST", "/" + path, found, headers, body)


def _parsed(codec: Any, service: str, operation: str, request: HttpRequest, bound: dict[str, Any]) -> None:
    model = load(service)
    found = model.operations[operation]
    try:
        constraints.check(model, found, codec.parse(model, found, request, bound))
    except AwsError as error:
        assert 400 <= error.status < 500
        assert codec.render_error(model, found, error, "r").status >= 400


def json_body(data: bytes) -> None:
    _parsed(json, "dynamodb", "TransactWriteItems", _request(b"", data), {})


def cbor_body(data: bytes) -> None:
    _parsed(cbor, "cloudwatch", "PutMetricAlarm", _request(b"", data), {})


def form(data: bytes) -> None:
    _parsed(query, "sns", "PublishBatch", _request(b"", data), {})


def xml_body(data: bytes) -> None:
    bound = {"labels": {"Bucket": "b"}, "query": {}}
    _parsed(rest_xml, "s3", "PutBucketLifecycleConfiguration", _request(b"", data), bound)


def rest_json_request(data: bytes) -> None:
    head, _, body = data.partition(b"\n\n")
    _parsed(rest_json, "lambda", "CreateFunction", _request(head, body), {"labels": {}, "query": {}})


def target_and_headers(data: bytes) -> None:
    request = _request(data, b"")
    for codec, service in ((rest_xml, "s3"), (rest_json, "lambda"), (cbor, "cloudwatch"), (query, "sqs")):
        for method in ("GET", "PUT", "POST"):
            request.method = method
            try:
                name, bound = codec.match(load(service), request)
                if name is not None:
                    _parsed(codec, service, name, request, bound)
            except AwsError as error:
                assert 400 <= error.status < 500


def signatures(data: bytes) -> None:
    request = _request(data, b"")
    for read in (read_credentials, read_presigned):
        try:
            read(request)
        except SignatureProblem:
            pass


def chunks(data: bytes) -> None:
    """An aws-chunked body, whole and in pieces; `feed` may give no more than was declared."""
    outcomes = []
    for size in (max(len(data), 1), 1):
        decoder = Decoder(PayloadMode.UNSIGNED_TRAILER, decoded_length=40, trailer_names=["x-amz-checksum-crc32"])
        got = b""
        try:
            for start in range(0, len(data), size):
                got += b"".join(decoder.feed(data[start : start + size]))
            outcomes.append((got, decoder.finish()))
        except AwsError as error:
            outcomes.append(error.code)
        assert len(got) <= 40
    assert outcomes[0] == outcomes[1]


def scalars(data: bytes) -> None:
    text = data.decode("latin-1")
    rest.header_items(text)
    rest.header_text(text)
    for read in (
        values.instant_from_text, values.integer_from_text, values.float_from_text, values.boolean_from_text,
        values.bytes_from_base64, rest.decode_query, rest.decoded,
    ):  # fmt: skip
        try:
            read(text)
        except (ValueError, OverflowError):
            pass


TARGETS: tuple[Target, ...] = (
    parser, edge, json_body, cbor_body, form, xml_body, rest_json_request, target_and_headers, signatures, chunks,
    scalars,
)  # fmt: skip


def run(data: bytes) -> None:
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])
