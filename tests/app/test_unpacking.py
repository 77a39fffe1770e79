"""Compressed requests are read as what they hold; the signature is over what was sent."""

import gzip

import pytest

from cloudlet.app.unpacking import UNPACKED_BYTES_MAX
from cloudlet.wire.message import HttpRequest, HttpResponse
from cloudlet.wire.sigv4_sign import sign
from tests.client import TestNode

PROTOCOLS = ["smithy-rpc-v2-cbor", "json", "query"]
METRIC = {"Namespace": "n", "MetricData": [{"MetricName": "Orders", "Value": 1.0}]}


def packed(node: TestNode, protocol: str, body: bytes | None = None) -> HttpRequest:
    """PutMetricData as an SDK sends it once it is large."""
    request = node.caller("test", "test").request("cloudwatch", "PutMetricData", METRIC, protocol=protocol)
    dropped = ("authorization", "x-amz-date", "content-length")
    headers = [pair for pair in request.headers if pair[0] not in dropped]
    body = gzip.compress(request.body) if body is None else body
    sent = HttpRequest("POST", request.path, "", [*headers, ("content-encoding", "gzip")], body)
    key = {"access_key_id": "test", "secret": "test", "region": "us-east-1", "service": "monitoring"}
    sent.headers += sign(sent, wall_ms=node.clock.wall_ms(), **key)
    return sent


def text(response: HttpResponse) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_packed_body_is_read_as_what_it_holds(node: TestNode, protocol: str) -> None:
    assert node.send(packed(node, protocol)).status == 200
    (metric,) = node.aws("cloudwatch", "ListMetrics", Namespace="n")["Metrics"]
    assert metric["MetricName"] == "Orders"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("spoil", [lambda body: body[:-4], lambda body: body + b"x", lambda body: b"no gzip"])
def test_what_is_no_gzip_is_refused(node: TestNode, protocol: str, spoil) -> None:
    answer = node.send(packed(node, protocol, spoil(packed(node, protocol).body)))
    assert answer.status == 400
    assert (b"MalformedQueryString" if protocol == "query" else b"SerializationException") in text(answer)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_bomb_is_refused(node: TestNode, protocol: str) -> None:
    answer = node.send(packed(node, protocol, gzip.compress(bytes(UNPACKED_BYTES_MAX + 1))))
    assert answer.status == 413 and b"RequestEntityTooLarge" in text(answer)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_signature_is_over_what_was_sent(node: TestNode, protocol: str) -> None:
    request = packed(node, protocol)
    request.body = gzip.compress(gzip.decompress(request.body), compresslevel=1, mtime=1)
    assert node.send(request).status in (400, 403)
    assert node.aws("cloudwatch", "ListMetrics", Namespace="n")["Metrics"] == []


def test_objects_are_stored_as_they_come(node: TestNode) -> None:
    node.aws("s3", "CreateBucket", Bucket="bucket")
    node.aws("s3", "PutObject", Bucket="bucket", Key="k", Body=gzip.compress(b"hello"), ContentEncoding="gzip")
    head = node.aws("s3", "HeadObject", Bucket="bucket", Key="k")
    assert head["ContentEncoding"] == "gzip" and head["ContentLength"] == len(gzip.compress(b"hello"))
