"""What a stranger can make the node hold: nothing that grows with what he sends, or with how often."""

import asyncio
import tracemalloc
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from cloudlet.app.gateway import ANONYMOUS_BODY_BYTES_MAX
from cloudlet.app.request_body import BodyTooLarge
from cloudlet.kit.policy.evaluate import RESOURCE_CHARACTERS_MAX
from cloudlet.kit.policy.patterns import compile_patterns
from cloudlet.wire import sigv4
from cloudlet.wire.message import HttpRequest
from tests.client import ACCOUNT, AwsError, TestNode

HOST = ("host", "127.0.0.1:4566")
FORM = ("content-type", "application/x-www-form-urlencoded")


@pytest.fixture(scope="module")
def target() -> Iterator[TestNode]:
    with TestNode() as node:
        yield node


class Endless:
    """A body that goes on as long as somebody collects it."""

    def __init__(self) -> None:
        self.asked = 0

    async def collect(self, body_bytes_max: int) -> bytes:
        self.asked = body_bytes_max
        raise BodyTooLarge(f"more than {body_bytes_max} bytes")

    async def read(self) -> bytes:
        await asyncio.sleep(0)
        self.asked += 1 << 16
        return b"x" * (1 << 16)

    def trailers(self) -> dict[str, str]:
        return {}


def send_endless(node: TestNode, request: HttpRequest) -> int:
    request.stream = body = Endless()
    assert node.send(request).status >= 400
    return body.asked


# ── bodies ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path", "query", "headers"),
    [
        ("POST", "/", "", [FORM]),
        ("POST", "/", "Action=AssumeRoleWithSAML", [FORM]),
        ("POST", "/bucket", "delete", []),
        ("POST", "/", "", [("x-amz-target", "DynamoDB_20120810.BatchWriteItem")]),
    ],
)
def test_of_an_unsigned_body_little_is_read(
    target: TestNode, method: str, path: str, query: str, headers: list[tuple[str, str]]
) -> None:
    assert send_endless(target, HttpRequest(method, path, query, [HOST, *headers])) <= ANONYMOUS_BODY_BYTES_MAX


@pytest.mark.parametrize("service", ["sqs", "dynamodb", "iam", "lambda"])
def test_nothing_is_read_for_a_key_that_nobody_has(target: TestNode, service: str) -> None:
    targets = {"dynamodb": [("x-amz-target", "DynamoDB_20120810.BatchWriteItem")]}
    path = "/2015-03-31/functions" if service == "lambda" else "/"
    headers = [HOST, *targets.get(service, [FORM])]
    request = HttpRequest("POST", path, "", headers)
    request.headers = headers + sigv4.sign(
        request, access_key_id="AKIANOBODYNOBODYNOBO", secret="s", region="us-east-1", service=service,
        wall_ms=target.clock.wall_ms(),
    )  # fmt: skip
    assert send_endless(target, request) == 0


def test_nothing_is_read_of_an_upload_that_may_not_be_made(target: TestNode) -> None:
    target.aws("s3", "CreateBucket", Bucket="bucket")
    for path in ("/bucket/key", "/no-such-bucket/key"):
        assert send_endless(target, HttpRequest("PUT", path, "", [HOST])) == 0


# ── what is kept of requests ─────────────────────────────────────────────────────────────────────────────────────────


def test_decisions_keep_the_beginning_of_what_was_asked_for(target: TestNode) -> None:
    target.aws("s3", "CreateBucket", Bucket="bucket")
    nowhere = ("/" + "b" * 9_000, "/" + quote("ü" * 5_000))
    for path in ("/bucket/" + "k" * 60_000, "/bucket/" + quote("ü" * 5_000), *nowhere):
        assert target.send(HttpRequest("GET", path, "", [HOST])).status == (404 if path in nowhere else 403)
    user = target.as_user()
    name = f"http://127.0.0.1:4566/{ACCOUNT}/{'q' * 1_000_000}"
    with pytest.raises(AwsError) as caught:
        user.aws("sqs", "GetQueueAttributes", QueueUrl=name)
    assert caught.value.code == "AccessDenied"
    assert max(len(decision.resource) for decision in target.decisions) == RESOURCE_CHARACTERS_MAX


def test_who_may_everything_is_told_what_is_wrong_with_a_long_name(target: TestNode) -> None:
    target.aws("s3", "CreateBucket", Bucket="some-bucket")
    with pytest.raises(AwsError) as caught:
        target.aws("s3", "PutObject", Bucket="some-bucket", Key="k" * 5_000)
    assert caught.value.code == "KeyTooLongError"


# ── policies ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pattern_of_many_characters_takes_little_memory() -> None:
    alphabet = "".join(chr(0x4E00 + number) for number in range(6_000))
    tracemalloc.start()
    try:
        kept = [compile_patterns([f"{alphabet[number:]}?*"]) for number in range(20)]
        assert tracemalloc.get_traced_memory()[0] / len(kept) < 600_000
    finally:
        tracemalloc.stop()
    assert kept[0](f"{alphabet}xyz") and not kept[0](alphabet) and not kept[1](f"{alphabet}x")


@pytest.mark.parametrize("pattern", ["{}?", "?{}*", "*{}?*", "*a?{}", "{}*?*b", "?*{}*?*z", "*?*{}"])
def test_long_patterns_mean_what_short_ones_do(pattern: str) -> None:
    """The same pattern over few characters and over many, the one compiled to bits, the other to pieces."""
    few, many = "mn.[o]" * 3, "".join(chr(0x4E00 + number) for number in range(3_000))
    short, long = compile_patterns([pattern.format(few)]), compile_patterns([pattern.format(many)])
    texts = ["{}", "{}x", "x{}", "x{}x", "ax{}", "{}xb", "x{}xz", "xx{}yy", "{}{}", "x{}a{}x", "", "\n{}\n", "a{}"]
    for text in texts:
        assert short(text.replace("{}", few)) == long(text.replace("{}", many)), text
