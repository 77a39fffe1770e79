"""Requests whose signature covers less than what they do: each must be refused."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from hashlib import md5, sha256
from urllib.parse import quote

import pytest

from cloudlet.wire import sigv4
from cloudlet.wire.http1_answer import render_head
from cloudlet.wire.message import HttpRequest, HttpResponse
from cloudlet.wire.sigv2 import PresignedV2, _hmac_base64, _string_to_sign
from tests.client import TestNode

HOST = ("host", "127.0.0.1:4566")
STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
TAGS = b"<Tagging><TagSet><Tag><Key>team</Key><Value>%s</Value></Tag></TagSet></Tagging>"


@pytest.fixture(scope="module")
def shop() -> Iterator[TestNode]:
    """A bucket that its owner hands out URLs to, and another one that he doesn't."""
    with TestNode() as node:
        for bucket in ("shared", "private"):
            node.aws("s3", "CreateBucket", Bucket=bucket)
            node.aws("s3", "PutObject", Bucket=bucket, Key="key", Body=bucket.encode())
        yield node


def body_of(response: HttpResponse) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


# ── URLs of Signature Version 2 ──────────────────────────────────────────────────────────────────────────────────────


def handed_out(node: TestNode, method: str, path: str, added: str = "", body: bytes = b"") -> HttpResponse:
    """A request by a URL that root signed for `method` and `path`, with what its holder added."""
    expires_s = node.clock.wall_ms() // 1000 + 600
    request = HttpRequest(method, path, f"AWSAccessKeyId=test&Expires={expires_s}", [HOST])
    to_sign = _string_to_sign(request, PresignedV2("test", expires_s * 1000, "", None), path)
    query = f"{request.query}&Signature={quote(_hmac_base64(b'test', to_sign), safe='')}{added}"
    return node.send(replace(request, query=query, body=body))


def test_such_a_url_works_as_it_was_handed_out(shop: TestNode) -> None:
    assert handed_out(shop, "PUT", "/shared/new", body=b"x").status == 200
    assert body_of(handed_out(shop, "GET", "/shared/new", "&prefix=a&nothing=b&max-keys=1")) == b"x"


@pytest.mark.parametrize(
    ("method", "path", "added"),
    [
        ("PUT", "/shared/new", "&X-Amz-Copy-Source=%2Fprivate%2Fkey"),
        ("PUT", "/shared/new", "&x-amz%2Dcopy-source=%2Fprivate%2Fkey"),
        ("PUT", "/shared/new", "&%78-amz-copy-source=%2Fprivate%2Fkey"),
        ("PUT", "/shared/new", "&X-Amz-Tagging=team%3Dred"),
        ("PUT", "/shared/new", "&X-Amz-Meta-Owner=me"),
        ("PUT", "/shared/key", "&%74agging"),
        ("PUT", "/shared", "&ownershipControls"),
        ("PUT", "/shared", "&publicAccessBlock"),
        ("GET", "/shared", "&publicAccessBlock"),
        ("GET", "/shared", "&%70olicy"),
        ("GET", "/shared/key", "&attributes"),
        ("GET", "/shared/key", "&versionI%64=null"),
        ("DELETE", "/shared", "&publicAccessBlock"),
        ("DELETE", "/shared", "&encryption"),
    ],
)
def test_nothing_that_matters_may_be_added_to_it(shop: TestNode, method: str, path: str, added: str) -> None:
    answer = handed_out(shop, method, path, added, TAGS % b"red")
    assert answer.status == 403 and b"not signed" in body_of(answer)


# ── URLs and headers of Signature Version 4 ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "header",
    [("x-amz-copy-source", "/private/key"), ("x-amz-tagging", "a=b"), ("x-amz-acl", "public-read"),
     ("x-amz-security-token", "x"), ("x-amz-content-sha256", STREAMING)],
)  # fmt: skip
def test_no_header_may_be_added_to_a_presigned_url(shop: TestNode, header: tuple[str, str]) -> None:
    request = HttpRequest("PUT", "/shared/new", "", [HOST])
    request.query = sigv4.presign(
        request, access_key_id="test", secret="test", region="us-east-1", service="s3", wall_ms=shop.clock.wall_ms()
    )
    assert shop.send(replace(request, body=b"x")).status == 200
    answer = shop.send(replace(request, headers=[HOST, header], body=b"x"))
    assert answer.status == 403


def test_a_notification_cannot_be_a_request_of_its_topics_owner(shop: TestNode) -> None:
    """SNS posts to whatever URL was subscribed, this node's too: its headers are nobody's to foresee."""
    request = HttpRequest("POST", "/", "", [HOST, ("content-type", "application/x-www-form-urlencoded")])
    request.body = b"Action=CreateUser&UserName=intruder&Version=2010-05-08"
    request.query = sigv4.presign(
        request, access_key_id="test", secret="test", region="us-east-1", service="iam", wall_ms=shop.clock.wall_ms()
    )
    posted = [*request.headers, ("x-amz-sns-message-type", "Notification"), ("x-amz-sns-message-id", "1")]
    assert shop.send(replace(request, headers=posted)).status == 403
    assert shop.send(request).status == 200


@pytest.mark.parametrize("region", ["../x", "a:b", "us east", "*", "ü", "r" * 64, "r" * 20_000, "a%2Fb", "a\x00b"])
def test_a_region_is_a_word(shop: TestNode, region: str) -> None:
    """It goes into ARNs, keys and caches."""
    request = HttpRequest("POST", "/", "", [HOST, ("content-type", "application/x-www-form-urlencoded")])
    request.body = b"Action=ListQueues"
    request.headers += sigv4.sign(
        request, access_key_id="test", secret="test", region=region, service="sqs", wall_ms=shop.clock.wall_ms()
    )
    before = len(shop.house.gateway.signing_keys)
    assert shop.send(request).status in (400, 403)
    assert len(shop.house.gateway.signing_keys) == before


# ── aws-chunked where nothing streams ────────────────────────────────────────────────────────────────────────────────


def put_tags(node: TestNode, mode: str) -> tuple[HttpRequest, bytes]:
    """PutObjectTagging with its body in chunks: the request without a body, and the body."""
    digest = base64.b64encode(md5(TAGS % b"red").digest()).decode()
    size = len(TAGS % b"red")
    request = HttpRequest(
        "PUT", "/shared/key", "tagging",
        [HOST, ("content-encoding", "aws-chunked"), ("x-amz-decoded-content-length", str(size)),
         ("content-md5", digest)],
    )  # fmt: skip
    request.headers += sigv4.sign(
        request, access_key_id="test", secret="test", region="us-east-1", service="s3",
        wall_ms=node.clock.wall_ms(), payload_hash=mode,
    )  # fmt: skip
    claim = sigv4.read_credentials(request)
    assert claim is not None
    return request, chunked(claim, TAGS % b"red")


def chunked(claim: sigv4.Claim, data: bytes) -> bytes:
    key = sigv4.signing_key("test", claim.date, claim.region, claim.service)
    previous, out = claim.signature, b""
    for chunk in (data, b""):
        text = "\n".join(
            ("AWS4-HMAC-SHA256-PAYLOAD", claim.amz_date, claim.scope, previous, sha256(b"").hexdigest(),
             sha256(chunk).hexdigest())
        )  # fmt: skip
        previous = sigv4.policy_signature(key, text)
        out += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(chunk), previous.encode(), chunk)
    return out


def test_chunks_are_taken_apart(shop: TestNode) -> None:
    request, body = put_tags(shop, STREAMING)
    assert shop.send(replace(request, body=body)).status == 200
    tags = shop.aws("s3", "GetObjectTagging", Bucket="shared", Key="key")["TagSet"]
    assert tags == [{"Key": "team", "Value": "red"}]


def test_a_body_without_chunks_or_of_others_is_refused(shop: TestNode) -> None:
    request, body = put_tags(shop, STREAMING)
    for other in (TAGS % b"red", TAGS % b"blue", body.replace(b"red", b"sad"), body[:-40], b""):
        assert shop.send(replace(request, body=other)).status in (400, 403), other


# ── headers out of URLs ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name", ["x-amz-meta-a%0d%0aSet-Cookie:%20b", "x-amz-meta-a%3a", "x-amz-meta-%c3%bc", "x-amz-"]
)
def test_what_could_not_be_a_header_is_not_taken_for_one(shop: TestNode, name: str) -> None:
    """A name that no answer can carry would make the object unreadable."""
    request = HttpRequest("PUT", "/shared/named", f"{name}=1&x-amz-meta-fine=a%0d%0aSet-Cookie:%20b", [HOST], b"x")
    request.query = sigv4.presign(
        request, access_key_id="test", secret="test", region="us-east-1", service="s3", wall_ms=shop.clock.wall_ms()
    )
    assert shop.send(request).status == 200
    request = HttpRequest("GET", "/shared/named", "", [HOST])
    request.headers += sigv4.sign(
        request, access_key_id="test", secret="test", region="us-east-1", service="s3", wall_ms=shop.clock.wall_ms()
    )
    head, _ = render_head(shop.send(request), method="GET", http_1_0=False, keep_alive=True)
    assert b"\r\nset-cookie" not in head.lower() and head.count(b"x-amz-meta-") == 1
