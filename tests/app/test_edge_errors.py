"""What the edge itself refuses, before anybody knows what was asked, is said as the client's SDK reads it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from edge_client import Answer, Edge, edge, error_code

from cloudlet.app.server import Limits
from tests.client import TestNode

SCOPE = "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host\r\n"
JSON = "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: "
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
# What tells the protocol → the answer's content type, and what a JSON service calls a timeout.
CLIENTS = {
    "json": (SCOPE.format("dynamodb") + JSON + "DynamoDB_20120810.PutItem\r\n", "application/x-amz-json-1.0"),
    "json, unsigned": (JSON + "AmazonSQS.SendMessage\r\n", "application/x-amz-json-1.0"),
    "json 1.1": (SCOPE.format("logs") + JSON + "Logs_20140328.PutLogEvents\r\n", "application/x-amz-json-1.1"),
    "query": (SCOPE.format("sns") + FORM, "text/xml"),
    "query, unsigned": (FORM, "text/xml"),
    "cbor": (SCOPE.format("monitoring") + "Smithy-Protocol: rpc-v2-cbor\r\n", "application/cbor"),
    "rest-json": (SCOPE.format("lambda"), "application/json"),
    "rest-xml": (SCOPE.format("s3"), "application/xml"),
    "nothing": ("", "application/xml"),
}
clients = pytest.mark.parametrize("client", CLIENTS)
TIGHT = Limits(header_s=0.2, body_s=0.2, idle_s=0.2, linger_s=0.2)


@contextlib.asynccontextmanager
async def served(node: TestNode, limits: Limits | None = None) -> AsyncIterator[Edge]:
    gateway = node.house.gateway
    async with edge(gateway.handle, limits, on_protocol_error=gateway.protocol_error) as it:
        yield it


def refused(node: TestNode, client: str, rest: bytes, limits: Limits | None = None) -> str:
    """The code of the answer to a request that begins as this client's do and goes on with `rest`."""
    headers, kind = CLIENTS[client]

    async def scenario() -> Answer:
        async with served(node, limits) as it:
            begun = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}".encode()
            return await (await it.client()).ask(begun + rest)

    answer = node.run(scenario())
    assert (answer.headers["content-type"], answer.headers["connection"]) == (kind, "close")
    assert "x-amzn-requestid" in answer.headers or "x-amz-request-id" in answer.headers
    return f"{answer.status} {error_code(answer)}"


@clients
def test_bad_http(node: TestNode, client: str) -> None:
    assert refused(node, client, b"X: \0\r\n\r\n") == "400 BadRequest"


@clients
def test_headers_that_are_too_large(node: TestNode, client: str) -> None:
    limits = replace(TIGHT, header_bytes_max=1000)
    assert refused(node, client, b"X: " + b"x" * 9000, limits) == "431 RequestHeaderSectionTooLarge"


@clients
def test_headers_that_take_too_long(node: TestNode, client: str) -> None:
    timeout = "RequestTimeout" if "xml" in CLIENTS[client][1] else "RequestTimeoutException"
    assert refused(node, client, b"X: y\r\nX: ", TIGHT) == f"408 {timeout}"


def test_a_body_that_takes_too_long(node: TestNode) -> None:
    assert refused(node, "query, unsigned", b"Content-Length: 9\r\n\r\nAct", TIGHT) == "408 RequestTimeout"


@clients
def test_a_node_that_is_full(node: TestNode, client: str) -> None:
    limits = replace(TIGHT, in_flight_bytes_max=5)
    assert refused(node, client, b"Content-Length: 9\r\n\r\nAction=Ab", limits) == "503 ServiceUnavailable"
