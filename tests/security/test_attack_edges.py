"""What comes with a request besides its signature, and what goes out to who has none."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cloudlet.app.health import health_pages
from cloudlet.wire.message import HttpRequest, HttpResponse
from tests.client import TestNode
from tests.security.attackers import allow
from tests.services.s3.conftest import S3

CLOUDLET = Path(__file__).resolve().parents[2] / "cloudlet"
HOST = ("host", "127.0.0.1:4566")


def unsigned(node: TestNode, method: str, path: str, body: bytes = b"", *headers: tuple[str, str]) -> HttpResponse:
    path, _, query = path.partition("?")
    return node.send(HttpRequest(method, path, query, [HOST, *headers], body))


# ── where it comes from ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "header", ["x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip", "x-client-ip", "via", "x-forwarded-host"]
)
def test_where_a_request_comes_from_is_the_peer_whatever_it_says(node: TestNode, header: str) -> None:
    inside = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    caller = node.as_user(allow("sqs:*", Condition=inside))
    for peer, said, status in (("192.0.2.7", "10.0.0.1", 403), ("10.0.0.1", "192.0.2.7", 200)):
        request = caller.request("sqs", "ListQueues", {}, protocol="query")
        request.headers.append((header, f"for={said}" if header == "forwarded" else said))
        request.peer = peer
        assert node.send(request).status == status


@pytest.mark.parametrize("header", ["x-forwarded-proto", "x-forwarded-ssl", "front-end-https"])
def test_that_it_came_by_tls_is_seen_not_said(node: TestNode, header: str) -> None:
    caller = node.as_user(allow("sqs:*", Condition={"Bool": {"aws:SecureTransport": "true"}}))
    request = caller.request("sqs", "ListQueues", {}, protocol="query")
    request.headers.append((header, "https"))
    request.peer = "192.0.2.7"
    assert node.send(request).status == 403


# ── browsers ──────────────────────────────────────────────────────────────────────────────────────────────────────

PAGE = ("origin", "https://evil.example")
ASKS = [
    PAGE,
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization,x-amz-target"),
]


@pytest.mark.parametrize(
    "path", ["/", "/000000000000/q", "/2015-03-31/functions", "/_cloudlet/", "/_localstack/health"]
)
def test_no_page_of_another_site_may_go_on_or_read(node: TestNode, path: str) -> None:
    """CORS is S3's buckets' to allow. Without it a browser neither sends signed headers nor shows an answer."""
    node.house.gateway.internal_pages.update(health_pages(node.house))
    for method, headers in (("OPTIONS", ASKS), ("GET", [PAGE]), ("POST", [PAGE])):
        answer = unsigned(node, method, path, b"", *headers)
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")], method


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"Action=CreateUser&Version=2010-05-08&UserName=mallory"),
        ("application/x-www-form-urlencoded", b"Action=CreateUser&Version=2010-05-08&UserName=mallory"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=Action\r\n\r\nCreateUser\r\n",
        ),
        ("text/plain", b'{"QueueName": "q"}'),
        ("text/plain", b"Action=CreateUser&AWSAccessKeyId=test&Signature=x"),
    ],
)
def test_a_form_that_a_browser_sends_unasked_does_nothing(node: TestNode, content_type: str, body: bytes) -> None:
    """Such a form needs no preflight, and carries no signature: there are no cookies that could stand for one."""
    for path in ("/", "/?Action=CreateUser&UserName=mallory&Version=2010-05-08", "/_cloudlet/"):
        answer = unsigned(node, "POST", path, body, ("content-type", content_type), PAGE, ("cookie", "session=root"))
        assert answer.status in (400, 403, 404, 405, 501)
    assert node.aws("iam", "ListUsers")["Users"] == []
    assert node.aws("sqs", "ListQueues").get("QueueUrls", []) == []


def test_uploads_by_a_form_are_not_part_of_this_s3(node: TestNode) -> None:
    """A presigned POST's policy has conditions; until they are checked, none is taken."""
    S3(node)("CreateBucket")
    body = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--x--\r\n'
    answer = unsigned(node, "POST", "/photos", body, ("content-type", "multipart/form-data; boundary=x"))
    assert answer.status == 501 and b"POST form" in answer.body
    assert "Contents" not in S3(node)("ListObjectsV2")


# ── what is told to nobody in particular ──────────────────────────────────────────────────────────────────────────


def told(response: HttpResponse) -> str:
    """All of an answer but its request ids."""
    assert isinstance(response.body, bytes)
    text = response.body.decode() + repr(sorted(response.headers))
    return re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}|[A-Z0-9]{16}|[A-Za-z0-9+/=]{60,}", "", text)


QUESTIONS: dict[str, tuple[str, str, bytes, list[tuple[str, str]]]] = {
    "a queue": ("POST", "/", b'{"QueueUrl": "http://127.0.0.1:4566/000000000000/%s"}',
                [("x-amz-target", "AmazonSQS.ReceiveMessage"), ("content-type", "application/x-amz-json-1.0")]),
    "a function": ("GET", "/2015-03-31/functions/%s", b"", []),
    "a user": ("POST", "/", b"Action=GetUser&Version=2010-05-08&UserName=%s",
               [("content-type", "application/x-www-form-urlencoded")]),
    "a table": ("POST", "/", b'{"TableName": "%s"}',
                [("x-amz-target", "DynamoDB_20120810.DescribeTable"), ("content-type", "application/x-amz-json-1.0")]),
    "a key": ("GET", "/photos/%s", b"", []),
}  # fmt: skip


@pytest.mark.parametrize("what", QUESTIONS)
def test_nobody_is_told_what_there_is(node: TestNode, what: str) -> None:
    """But for buckets, of which AWS says whether there is one."""
    node.aws("sqs", "CreateQueue", QueueName="here")
    node.aws("iam", "CreateUser", UserName="here")
    S3(node)("CreateBucket")
    S3(node).put("here")
    node.aws("dynamodb", "CreateTable", TableName="here", BillingMode="PAY_PER_REQUEST",
             AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
             KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}])  # fmt: skip
    method, path, body, headers = QUESTIONS[what]
    answers = []
    for name in ("here", "none"):
        filled = body.replace(b"%s", name.encode())
        answer = unsigned(node, method, path.replace("%s", name), filled, *headers)
        assert answer.status in (400, 403, 404)
        answers.append(told(answer).replace(name, ""))
    assert answers[0] == answers[1]


def test_the_health_page_tells_services_and_version_and_no_more(node: TestNode) -> None:
    node.house.gateway.internal_pages.update(health_pages(node.house))
    node.as_user(allow("*"), name="ann")
    for path in ("/_localstack/health", "/_cloudlet/health"):
        answer = unsigned(node, "GET", path)
        assert set(json.loads(answer.body)) == {"services", "edition", "version"}
        assert set(json.loads(answer.body)["services"].values()) == {"running"}


def test_an_error_of_ours_tells_nothing_of_the_machine(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError("/var/lib/cloudlet/node.key: s3cr3t")

    operation = node.node.services["sqs"].require_operation("ListQueues")
    monkeypatch.setattr(type(operation), "at_once", property(lambda self: fails))
    answer = node.send(node.caller("test", "test").request("sqs", "ListQueues", {}))
    assert answer.status == 500
    text = told(answer)
    assert not [word for word in ("node.key", "s3cr3t", "RuntimeError", "Traceback", ".py") if word in text]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/../../etc/passwd", []),
        ("GET", "/_cloudlet/../../node.key", []),
        ("GET", "/%00", []),
        ("POST", "/", [("x-amz-target", "DynamoDB_20120810.Nothing")]),
        ("GET", "/", [("authorization", "AWS4-HMAC-SHA256 nonsense")]),
        ("GET", "/", [("authorization", "Bearer x")]),
        ("PUT", "/2015-03-31/functions/f/code", []),
    ],
)
def test_an_answer_to_nonsense_names_no_file_and_no_line_of_ours(
    node: TestNode, method: str, path: str, headers: list[tuple[str, str]]
) -> None:
    answer = unsigned(node, method, path, b"", *headers)
    assert 400 <= answer.status < 502
    assert not re.search(r"Traceback|/cloudlet/|\.py\b|site-packages|root:x:|/home/|/root/", told(answer))


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

SECRETS = re.compile(r"signature|secret|computed|digest|payload_hash", re.IGNORECASE)
NOT_SECRET = re.compile(r"version|algorithm|TRAILER|UNSIGNED|STREAMING|EMPTY|is None")


@pytest.mark.parametrize(
    "module", ["wire/sigv4.py", "wire/sigv2.py", "wire/chunked.py", "app/authenticate.py", "app/upload.py"]
)
def test_what_proves_a_caller_is_compared_in_constant_time(module: str) -> None:
    """hmac.compare_digest takes as long for the first wrong character as for the last; == does not."""
    tree = ast.parse((CLOUDLET / module).read_text())
    compared = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
    ]
    suspects = [text for text in compared if SECRETS.search(text) and not NOT_SECRET.search(text)]
    assert suspects in ([], ["root.secret == DEFAULT_KEY.encode()"])  # which secret it is, not whether it is right
