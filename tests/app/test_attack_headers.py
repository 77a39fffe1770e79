"""What somebody stored or asked for comes back in headers: never as a header, or an answer, of its own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from test_edge_errors import served

from cloudlet.wire.http1_answer import render_head
from cloudlet.wire.message import HttpRequest, HttpResponse
from cloudlet.wire.sigv4_sign import presign, sign
from tests.client import REGION, TestNode

SPLIT = "%0d%0aSet-Cookie:%20stolen=1%0d%0a%0d%0a<script>"
SPLITS = (
    SPLIT,
    "%0aSet-Cookie:stolen",
    "%0dSet-Cookie:stolen",
    "%e5%98%8a%e5%98%8dSet-Cookie:stolen",
    "a%00b",
    "a%0bb",
)
OVERRIDES = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")

KEY: dict[str, Any] = {"access_key_id": "test", "secret": "test", "region": REGION, "service": "s3"}


@pytest.fixture(scope="module")
def target() -> Iterator[TestNode]:
    with TestNode() as node:
        node.aws("s3", "CreateBucket", Bucket="bucket")
        node.aws("s3", "PutObject", Bucket="bucket", Key="key", Body=b"x")
        yield node


def ask(
    node: TestNode,
    method: str,
    path: str,
    query: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> tuple[HttpResponse, bytes]:
    """The answer to a signed S3 request, and its head as it is sent."""
    request = HttpRequest(method, path, query, [("host", "127.0.0.1:4566"), *headers], body)
    request.headers = request.headers + sign(request, wall_ms=node.clock.wall_ms(), **KEY)
    response = node.send(request)
    return response, render_head(response, method=method, http_1_0=False, keep_alive=True)[0]


def names_in(head: bytes) -> list[str]:
    """As the most lenient of clients reads them: any of CR and LF ends a line."""
    lines = head.decode("latin-1").replace("\r", "\n").split("\n")
    assert not any("\0" in line or "\x0b" in line for line in lines)
    return [line.partition(":")[0].strip().lower() for line in lines if line][1:]


@pytest.mark.parametrize("value", SPLITS)
@pytest.mark.parametrize("name", OVERRIDES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_headers_asked_for_in_the_url(target: TestNode, method: str, name: str, value: str) -> None:
    response, head = ask(target, method, "/bucket/key", f"response-{name}={value}")
    assert "set-cookie" not in names_in(head)
    assert response.status == (400 if name == "expires" else 200)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("Thu%2C%2001%20Jan%202026%2000%3A00%3A00%20GMT", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("0001-01-01T00:00:00Z", "Mon, 01 Jan 0001 00:00:00 GMT"),
        ("9999-12-31T23:59:59Z", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_an_expiry_asked_for_is_the_answers(target: TestNode, method: str, given: str, sent: str) -> None:
    response, _ = ask(target, method, "/bucket/key", f"response-expires={given}")
    assert response.status == 200 and dict(response.headers)["Expires"] == sent


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_strangers_choose_no_headers(target: TestNode, method: str) -> None:
    if method == "GET":
        target.aws("s3", "CreateBucket", Bucket="open")
        target.aws("s3", "PutPublicAccessBlock", Bucket="open", PublicAccessBlockConfiguration={})
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::open/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        target.aws("s3", "PutBucketPolicy", Bucket="open", Policy=policy)
        target.aws("s3", "PutObject", Bucket="open", Key="k", Body=b"x")
    host = [("host", "127.0.0.1:4566")]
    assert target.send(HttpRequest(method, "/open/k", "", host)).status == 200
    assert target.send(HttpRequest(method, "/open/k", "response-content-type=text/html", host)).status == 400


STORED = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")


@pytest.mark.parametrize(
    "value", ["a\x85b", "a\xa0b", "ü\x9f", "=?UTF-8?B?DQpTZXQtQ29va2llOiBh?=", "\xe5\x98\x8a\xe5\x98\x8d", " "]
)
def test_headers_stored_with_an_object(target: TestNode, value: str) -> None:
    """What the edge lets into a header comes back as one; encoded words stay encoded."""
    headers = tuple((name, value) for name in (*STORED, "x-amz-meta-a", "x-amz-website-redirect-location"))
    put, head = ask(target, "PUT", "/bucket/stored", headers=headers, body=b"x")
    assert put.status in (200, 400, 501)
    for method in ("GET", "HEAD"):
        _, head = ask(target, method, "/bucket/stored")
        assert "set-cookie" not in names_in(head) and len(names_in(head)) < 24


@pytest.mark.parametrize("value", SPLITS)
def test_metadata_hoisted_into_a_presigned_url(target: TestNode, value: str) -> None:
    """There no edge looks at what a header may hold."""
    request = HttpRequest("PUT", "/bucket/hoisted", f"x-amz-meta-a={value}", [("host", "127.0.0.1:4566")], b"x")
    request.query = presign(request, wall_ms=target.clock.wall_ms(), expires_s=60, **KEY)
    assert target.send(request).status in (200, 400)
    for method in ("GET", "HEAD"):
        response, head = ask(target, method, "/bucket/hoisted")
        assert response.status in (200, 404) and "set-cookie" not in names_in(head)


@pytest.mark.parametrize("name", ["Location", "x-amz-version-id", "ETag", "x-amz-meta-a\r\nSet-Cookie"])
@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b"])
def test_the_last_guard_refuses_whatever_a_handler_says(name: str, value: str) -> None:
    with pytest.raises(ValueError):
        render_head(HttpResponse(200, [(name, value)]), method="GET", http_1_0=False, keep_alive=True)


@pytest.mark.parametrize("key", ["a%0d%0aSet-Cookie:b", "%0d%0a%0d%0a", "a%00", "%01%1f%7f", "%e2%80%a8"])
@pytest.mark.parametrize("query", ["", "uploads", "versioning", "tagging"])
def test_keys_with_line_ends(target: TestNode, key: str, query: str) -> None:
    for method in ("GET", "PUT", "POST", "DELETE"):
        response, head = ask(target, method, f"/bucket/{key}", query)
        assert response.status < 500 or response.status == 501
        assert "set-cookie" not in names_in(head)


def test_a_socket_sees_one_answer_for_one_request(target: TestNode) -> None:
    async def scenario() -> None:
        async with served(target) as it:
            client = await it.client()
            for query in SPLITS:
                await client.send(f"GET /bucket/key?response-content-type={query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                answer = await client.answer()
                assert answer.status in (400, 403) and "set-cookie" not in answer.headers

    target.run(scenario())
