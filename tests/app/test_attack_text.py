"""Text that is none, or that looks like another: halves of characters, bytes that are no UTF-8, names in two spellings.

Whatever is refused is refused with an AWS error; whatever is taken comes back as it was.
"""

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest

from cloudlet.wire.message import HttpRequest, HttpResponse
from cloudlet.wire.sigv4_sign import sign
from tests.client import REGION, AwsError, TestNode

# What JSON may spell, or bytes claim, and no text holds.
HALVES = (b"\\ud800", b"\\udfff", b"\\udc00\\ud800", b"\\ud83d", b"\\ud800\\ud800", b"a\\udbff")
NO_UTF8 = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80", b"\xf8\x88\x80\x80\x80")
TARGETS = {
    "dynamodb": ("DynamoDB_20120810.PutItem", b'{"TableName":"table","Item":{"id":{"S":"%s"}}}'),
    "sqs": ("AmazonSQS.SendMessage", b'{"QueueUrl":"http://127.0.0.1:4566/000000000000/q","MessageBody":"%s"}'),
    "logs": ("Logs_20140328.CreateLogStream", b'{"logGroupName":"g","logStreamName":"%s"}'),
    "monitoring": ("GraniteServiceVersion20100801.PutMetricData",
                   b'{"Namespace":"%s","MetricData":[{"MetricName":"m","Value":1}]}'),
}  # fmt: skip


@pytest.fixture(scope="module")
def target() -> Iterator[TestNode]:
    with TestNode() as node:
        node.aws("sqs", "CreateQueue", QueueName="q")
        node.aws("s3", "CreateBucket", Bucket="bucket")
        node.aws("sns", "CreateTopic", Name="topic")
        node.aws("logs", "CreateLogGroup", logGroupName="g")
        node.aws(
            "dynamodb", "CreateTable", TableName="table", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )  # fmt: skip
        yield node


def send(
    node: TestNode,
    service: str,
    body: bytes,
    headers: tuple[tuple[str, str], ...],
    path: str = "/",
    query: str = "",
    method: str = "POST",
) -> HttpResponse:
    request = HttpRequest(method, path, query, [("host", "127.0.0.1:4566"), *headers], body)
    key: dict[str, Any] = {"access_key_id": "test", "secret": "test", "region": REGION, "service": service}
    request.headers = request.headers + sign(request, wall_ms=node.clock.wall_ms(), **key)
    return node.send(request)


@pytest.mark.parametrize("text", [*HALVES, *NO_UTF8])
@pytest.mark.parametrize("service", TARGETS)
def test_json_that_is_no_text_is_refused(target: TestNode, service: str, text: bytes) -> None:
    name, form = TARGETS[service]
    answer = send(target, service, form % text, (("x-amz-target", name),))
    assert answer.status == 400 and isinstance(answer.body, bytes)
    assert json.loads(answer.body)["__type"].rpartition("#")[2] in ("SerializationException", "ValidationException")


@pytest.mark.parametrize("text", NO_UTF8)
def test_a_form_that_is_no_text_is_refused(target: TestNode, text: bytes) -> None:
    escaped = b"".join(b"%%%02x" % byte for byte in text)
    for spelled in (text, escaped):
        for body in (
            b"Action=CreateTopic&Name=" + spelled,
            b"Action=CreateTopic&" + spelled + b"=x",
            b"Action=" + spelled,
        ):
            answer = send(target, "sns", body, (("content-type", "application/x-www-form-urlencoded"),))
            assert answer.status == 400 and isinstance(answer.body, bytes) and b"<Code>" in answer.body


@pytest.mark.parametrize("text", NO_UTF8)
def test_xml_and_cbor_that_are_no_text_are_refused(target: TestNode, text: bytes) -> None:
    tags = b"<Tagging><TagSet><Tag><Key>%s</Key><Value>v</Value></Tag></TagSet></Tagging>" % text
    answer = send(target, "s3", tags, (), "/bucket", "tagging", "PUT")
    assert answer.status == 400 and isinstance(answer.body, bytes) and b"<Code>MalformedXML</Code>" in answer.body
    body = b"\xa1\x69Namespace" + bytes([0x60 + len(text)]) + text
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    answer = send(target, "monitoring", body, (("smithy-protocol", "rpc-v2-cbor"),), path)
    assert answer.status == 400 and isinstance(answer.body, bytes)
    assert cbor2.loads(answer.body)["__type"].endswith("SerializationException")


@pytest.mark.parametrize("text", NO_UTF8)
def test_a_target_that_is_no_text_is_refused(target: TestNode, text: bytes) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in text)
    for method in ("GET", "PUT", "DELETE", "HEAD", "POST"):
        for path, query in (
            (f"/bucket/{escaped}", ""), (f"/{escaped}/key", ""), ("/bucket", f"prefix={escaped}"),
            ("/bucket", f"{escaped}=x"), ("/bucket/key", f"versionId={escaped}"),
        ):  # fmt: skip
            assert send(target, "s3", b"", (), path, query, method).status == 400
    assert send(target, "lambda", b"", (), f"/2015-03-31/functions/{escaped}", "", "GET").status in (400, 404)


SPELLINGS = [unicodedata.normalize(form, "é ﬁ Å ①") for form in ("NFC", "NFD", "NFKC", "NFKD")]


def test_spellings_of_one_name_are_names_of_their_own(target: TestNode) -> None:
    """AWS compares code points; whoever normalises lets one tenant's name reach another's thing."""
    assert len(set(SPELLINGS)) == 4
    for text in SPELLINGS:
        target.aws("s3", "PutObject", Bucket="bucket", Key=text, Body=text.encode())
        target.aws("dynamodb", "PutItem", TableName="table", Item={"id": {"S": text}})
    for text in SPELLINGS:
        assert content(target, text) == text
    listed = target.aws("s3", "ListObjectsV2", Bucket="bucket")["Contents"]
    assert [entry["Key"] for entry in listed] == sorted(SPELLINGS, key=str.encode)
    assert target.aws("dynamodb", "Scan", TableName="table", Select="COUNT")["Count"] == 4


def test_a_policy_about_one_spelling_says_nothing_of_another(target: TestNode) -> None:
    composed, apart = (unicodedata.normalize(form, "geheim-é") for form in ("NFC", "NFD"))
    for key in (composed, apart, composed.upper()):
        target.aws("s3", "PutObject", Bucket="bucket", Key=key, Body=b"x")
    reader = target.as_user(
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::bucket/{composed}"}
    )
    reader.aws("s3", "GetObject", Bucket="bucket", Key=composed)
    for key in (apart, composed.upper()):
        with pytest.raises(AwsError) as caught:
            reader.aws("s3", "GetObject", Bucket="bucket", Key=key)
        assert caught.value.code == "AccessDenied"


@pytest.mark.parametrize(
    "name", ["ｑ", "q\u0301", "q\u200b", "\u202eq", "q\0", "q\n", "Ⅷ", "q ", " q", "\u017f", "\u212a"]
)
def test_names_hold_no_lookalikes(target: TestNode, name: str) -> None:
    """Letters beyond ASCII, and what Unicode folds into ASCII, are no letters of a name."""
    for service, operation, parameters in (
        ("sqs", "CreateQueue", {"QueueName": name}),
        ("sns", "CreateTopic", {"Name": name}),
        ("s3", "CreateBucket", {"Bucket": name * 3}),
        ("iam", "CreateUser", {"UserName": name}),
        ("dynamodb", "DescribeTable", {"TableName": name * 3}),
        ("logs", "CreateLogGroup", {"logGroupName": name}),
        ("cloudformation", "DescribeStacks", {"StackName": name}),
        ("lambda", "GetFunction", {"FunctionName": name}),
    ):
        try:
            request = target.caller("test", "test").request(service, operation, parameters)
        except ValueError:
            continue  # botocore itself refuses it
        assert 400 <= target.send(request).status < 500, (service, name)


PATHS = (
    "..", "../..", "a/../../../etc/passwd", "/etc/passwd", "//", "./.", "%2e%2e/%2e%2e", "..%2f..", "C:\\x", "CON",
    "nul", "~root", "-", "a\\..\\b", "\x01", "a\x7f", ".\0.", "bucket/../other", "..;/x",
)  # fmt: skip


def content(node: TestNode, key: str) -> str:
    return str(node.aws("s3", "GetObject", Bucket="bucket", Key=key)["Body"])


def test_paths_in_keys_are_no_paths(target: TestNode) -> None:
    """A key is what it is: it leads nowhere, meets no other, and its bytes are in no file of its name."""
    for path in PATHS:
        target.aws("s3", "PutObject", Bucket="bucket", Key=path, Body=b"x" * 20_000 + path.encode())
    for path in PATHS:
        assert content(target, path) == "x" * 20_000 + path
    reader = target.as_user({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/public/*"})
    target.aws("s3", "PutObject", Bucket="bucket", Key="secret", Body=b"x")
    for path in ("public/../secret", "public/%2e%2e/secret", "public//../secret", "public/..%2fsecret"):
        with pytest.raises(AwsError) as caught:
            reader.aws("s3", "GetObject", Bucket="bucket", Key=path)
        assert caught.value.code in ("NoSuchKey", "AccessDenied")
