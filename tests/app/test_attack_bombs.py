"""Small requests that mean much work: deep nesting, patterns of many wildcards, numbers of a billion digits.

Each is answered, by a success or an AWS error, within the guard; a 500 or an endless match fails.
"""

import json
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest

from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv4_sign import presign, sign
from tests.client import REGION, AwsError, TestNode
from tests.hang_guard import hang_guard

URL = "http://127.0.0.1:4566/000000000000/q"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
TOPIC = "arn:aws:sns:us-east-1:000000000000:t"
MANY_STARS = "*a" * 100 + "*b"
KEY: dict[str, Any] = {"access_key_id": "test", "secret": "test", "region": REGION}


@pytest.fixture(scope="module")
def target() -> Iterator[TestNode]:
    with TestNode() as node:
        node.aws("sqs", "CreateQueue", QueueName="q")
        node.aws("sns", "CreateTopic", Name="t")
        node.aws("s3", "CreateBucket", Bucket="bucket")
        node.aws("s3", "PutObject", Bucket="bucket", Key="key", Body=b"x")
        node.aws("logs", "CreateLogGroup", logGroupName="g")
        node.aws("logs", "CreateLogStream", logGroupName="g", logStreamName="s")
        node.aws(
            "dynamodb", "CreateTable", TableName="table", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )  # fmt: skip
        yield node


def asked(node: Any, service: str, operation: str, **parameters: Any) -> str:
    """The code of the refusal, "" for a success; never a failure of the node's."""
    with hang_guard():
        try:
            node.aws(service, operation, **parameters)
        except AwsError as error:
            assert error.status < 500 or error.status == 501, f"{error.code}: {error.message}"
            return str(error.code)
    return ""


# ── nesting ──────────────────────────────────────────────────────────────────────────────────────────────────────────

DEEP = {
    "lists": "[" * 5_000 + "]" * 5_000,
    "objects": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "open lists": "[" * 5_000,
    "Statement": '{"Version":"2012-10-17","Statement":' + "[" * 2_000 + "]" * 2_000 + "}",
}
DOCUMENTS: dict[str, tuple[str, str, Any]] = {
    "an IAM policy": ("iam", "CreatePolicy", lambda text: {"PolicyName": "p", "PolicyDocument": text}),
    "a trust policy": ("iam", "CreateRole", lambda text: {"RoleName": "r", "AssumeRolePolicyDocument": text}),
    "a simulated policy": (
        "iam", "SimulateCustomPolicy", lambda text: {"PolicyInputList": [text], "ActionNames": ["s3:GetObject"]}),
    "a session policy": (
        "sts", "GetFederationToken", lambda text: {"Name": "n", "Policy": text[:2048]}),
    "a queue's policy": ("sqs", "SetQueueAttributes", lambda text: {"QueueUrl": URL, "Attributes": {"Policy": text}}),
    "a redrive policy": (
        "sqs", "SetQueueAttributes", lambda text: {"QueueUrl": URL, "Attributes": {"RedrivePolicy": text}}),
    "a bucket's policy": ("s3", "PutBucketPolicy", lambda text: {"Bucket": "bucket", "Policy": text}),
    "a topic's policy": (
        "sns", "SetTopicAttributes",
        lambda text: {"TopicArn": TOPIC, "AttributeName": "Policy", "AttributeValue": text}),
    "a delivery policy": (
        "sns", "SetTopicAttributes",
        lambda text: {"TopicArn": TOPIC, "AttributeName": "DeliveryPolicy", "AttributeValue": text}),
    "a filter policy": (
        "sns", "Subscribe",
        lambda text: {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": {"FilterPolicy": text}}),
    "a message's structure": (
        "sns", "Publish",
        lambda text: {"TopicArn": TOPIC, "Message": '{"default":' + text + "}", "MessageStructure": "json"}),
    "a permission of a layer": ("lambda", "ListFunctions", lambda text: {"Marker": text[:2000]}),
    "a table's policy": (
        "dynamodb", "PutResourcePolicy",
        lambda text: {"ResourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/table", "Policy": text}),
}  # fmt: skip


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_nested_deeply(target: TestNode, document: str, text: str) -> None:
    service, operation, parameters = DOCUMENTS[document]
    assert asked(target, service, operation, **parameters(text))


@pytest.mark.parametrize("expression", ["({})", "NOT {}", "{} AND n = :v", "{} OR n = :v"])
def test_expressions_nested_deeply(target: TestNode, expression: str) -> None:
    """DynamoDB takes 300 operators and 4 KiB."""
    before, _, after = expression.partition("{}")
    condition = before * 1000 + "n = :v" + after * 1000
    code = asked(
        target, "dynamodb", "PutItem", TableName="table", Item={"id": {"S": "a"}}, ConditionExpression=condition,
        ExpressionAttributeValues={":v": {"N": "1"}},
    )  # fmt: skip
    assert code == "ValidationException"


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for number in range(depth):
        value = {"M": {"a": value}} if number % 2 else {"L": [value]}
    return value


@pytest.mark.parametrize(("depth", "code"), [(31, ""), (32, "ValidationException"), (45, "ValidationException")])
def test_values_nested_deeply(target: TestNode, depth: int, code: str) -> None:
    assert asked(target, "dynamodb", "PutItem", TableName="table", Item={"id": {"S": "a"}, "v": nested(depth)}) == code


@pytest.mark.parametrize(
    "rule", ["(" * 5_000 + "TRUE" + ")" * 5_000, "NOT (" * 21 + "TRUE" + ")" * 21, "ALARM(" + " " * 10_000]
)
def test_rules_of_alarms(target: TestNode, rule: str) -> None:
    assert asked(target, "cloudwatch", "PutCompositeAlarm", AlarmName="c", AlarmRule=rule)
    assert not asked(target, "cloudwatch", "PutCompositeAlarm", AlarmName="d", AlarmRule="NOT " * 2_500 + "TRUE")
    target.settle()


@pytest.mark.parametrize(
    "expression",
    ["(" * 1000 + "1" + ")" * 1000, "-" * 1000 + "1", "1^" * 900 + "1", "9^9^9^9^9^9^9^9", "1e308*1e308", '"' * 999,
     "FILL(" * 400, "SEARCH('{" + '"a",' * 200 + "} " + "a " * 200 + "', 'Sum', 60)", " " * 2040 + "!", "1/0", "0^-1"],
)  # fmt: skip
def test_metric_math(target: TestNode, expression: str) -> None:
    queries = [{"Id": "e", "Expression": expression}]
    asked(target, "cloudwatch", "GetMetricData", StartTime=0, EndTime=3_600_000, MetricDataQueries=queries)


# ── patterns ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_policies_of_many_wildcards(target: TestNode) -> None:
    for pattern in (
        f"arn:aws:s3:::bucket/{MANY_STARS}",
        "arn:aws:s3:::" + "?*" * 250 + "b",
        "arn:aws:s3:::" + "*" * 500 + "b",
    ):
        user = target.as_user(
            {"Effect": "Allow", "Action": "s3:" + "*e*" * 20 + "z", "Resource": "*"},
            {"Effect": "Allow", "Action": "s3:*", "Resource": pattern,
             "Condition": {"StringLike": {"aws:UserAgent": "*a" * 50}, "ArnLike": {"aws:PrincipalArn": pattern}}},
        )  # fmt: skip
        assert asked(user, "s3", "GetObject", Bucket="bucket", Key="a" * 1024) == "AccessDenied"


@pytest.mark.parametrize(
    "pattern",
    ['{ $.a = "' + MANY_STARS + '" }', f"[a={MANY_STARS}, ...]", "{ " + "(" * 400 + " $.a = 1 " + ")" * 400 + " }",
     "?a " * 340, '"' + "\\" * 1000, " " * 1023 + '"', "{ $" + ".a" * 500 + " = 1 }", "{ $.a = 1e999999999 }"],
)  # fmt: skip
def test_filter_patterns_of_logs(target: TestNode, pattern: str) -> None:
    now_ms = target.clock.now_ms()
    messages = (json.dumps({"a": "a" * 200_000}), "a" * 200_000, "[" * 100_000, '{"a":' * 50_000, '{"a":1e999999999}')
    for message in messages:
        event = {"timestamp": now_ms, "message": message}
        assert not asked(target, "logs", "PutLogEvents", logGroupName="g", logStreamName="s", logEvents=[event])
    asked(target, "logs", "FilterLogEvents", logGroupName="g", filterPattern=pattern)


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────────

TAKEN = (
    "9" * 38, "1E+125", "9.9999999999999999999999999999999999999E+125", "1E-130", "-0", "0e0", "0" * 5000 + "1", "1.",
)  # fmt: skip
REFUSED = (
    "1e999999999", "1e-999999999", "1e" + "9" * 5000, "-1E999999999", "9" * 39, "9" * 100_000, "1E+126", "1E-131",
    "0." + "0" * 100_000 + "1", "NaN", "Infinity", "0x1", "1_0", "\u0661", "\uff11", " 1", "1 ", ".", "--1", "e1", "",
)  # fmt: skip


@pytest.mark.parametrize("number", [*TAKEN, *REFUSED])
def test_numbers_of_dynamodb(target: TestNode, number: str) -> None:
    code = asked(target, "dynamodb", "PutItem", TableName="table", Item={"id": {"S": "n"}, "n": {"N": number}})
    assert code == ("" if number in TAKEN else "ValidationException")
    update = {"UpdateExpression": "ADD n :v", "ExpressionAttributeValues": {":v": {"N": number}}}
    asked(target, "dynamodb", "UpdateItem", TableName="table", Key={"id": {"S": "m"}}, **update)


@pytest.mark.parametrize("path", ["a[99999999999999999999]", "a[2147483648]", "a" + ".a" * 1500, "a" + "[0]" * 1000])
def test_paths_of_dynamodb(target: TestNode, path: str) -> None:
    update = {"UpdateExpression": f"SET {path} = :v", "ExpressionAttributeValues": {":v": {"N": "1"}}}
    code = asked(target, "dynamodb", "UpdateItem", TableName="table", Key={"id": {"S": "n"}}, **update)
    assert code == "ValidationException"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400, 1e308, -1e308, 1.5e-320])
def test_numbers_beyond_every_type(target: TestNode, number: float) -> None:
    body = json.dumps({"QueueUrl": URL, "MaxNumberOfMessages": number, "WaitTimeSeconds": 0}).encode()
    request = HttpRequest("POST", "/", "", [("host", "127.0.0.1"), ("x-amz-target", "AmazonSQS.ReceiveMessage")], body)
    request.headers += sign(request, wall_ms=target.clock.wall_ms(), service="sqs", **KEY)
    assert target.send(request).status == 400


# ── CBOR ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

CBOR = {
    "an array of 2^64": b"\x9b" + b"\xff" * 8,
    "a text of 2^62": b"\x7b\x3f" + b"\xff" * 7,
    "bytes of 2^62": b"\x5b\x3f" + b"\xff" * 7,
    "a map of 2^40": b"\xbb\0\0\1" + bytes(5),
    "arrays without end": b"\x9f" * 100_000,
    "a text of pieces without end": b"\x7f" + b"\x61a" * 100_000,
    "pieces within pieces": b"\x7f" * 1000,
    "tags within tags": b"\xc1" * 100_000 + b"\0",
    "a number of 64 KiB": b"\xc2\x59\xff\xff" + b"\xff" * 65_535,
    "a decimal of 10^(2^63)": b"\xc4\x82\x1b\x7f" + b"\xff" * 7 + b"\x01",
    "a big float": b"\xc5\x82\x1b\x7f" + b"\xff" * 7 + b"\x01",
    "a fraction by nothing": b"\xd8\x1e\x82\x01\x00",
    "itself": b"\xd8\x1c\x81\xd8\x1d\x00",
    "a regular expression": b"\xd8\x23" + cbor2.dumps("(a+)+$"),
    "a message": b"\xd8\x24" + cbor2.dumps("a: b\n\nc"),
    "a date of the year 10^18": b"\xc1\x1b\x0d" + b"\xe0" * 7,
}


@pytest.mark.parametrize("value", CBOR.values(), ids=CBOR)
@pytest.mark.parametrize("at", ["alone", "as a number", "unknown"])
def test_cbor(target: TestNode, value: bytes, at: str) -> None:
    body = {"alone": b"", "as a number": b"\xa1\x6aMetricData\x81\xa1\x65Value", "unknown": b"\xa1\x61x"}[at] + value
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    request = HttpRequest("POST", path, "", [("host", "127.0.0.1"), ("smithy-protocol", "rpc-v2-cbor")], body)
    request.headers += sign(request, wall_ms=target.clock.wall_ms(), service="monitoring", **KEY)
    with hang_guard():
        answer = target.send(request)
    assert answer.status == 400 and isinstance(answer.body, bytes) and cbor2.loads(answer.body)["__type"]


# ── presigned URLs ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("found", "made"),
    [
        ("X-Amz-Expires=60", "X-Amz-Expires=060"), ("X-Amz-Expires=60", "X-Amz-Expires=%36%30%00"),
        ("X-Amz-Expires=60", "X-Amz-Expires=6e1"), ("X-Amz-Expires=60", "X-Amz-Expires=" + "9" * 5000),
        ("X-Amz-Expires=60", "X-Amz-Expires=\u0666\u0660".encode().decode("latin-1")),
        ("X-Amz-Expires=60", "X-Amz-Expires="),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=" + "host;" * 10_000),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%0ax-amz-acl:public-read"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=HOST"), ("%2Faws4_request", "%2Faws4_request%2F"),
        ("X-Amz-Signature=", "X-Amz-Signature=%"), ("X-Amz-Signature=", "x=1&X-Amz-Signature="),
        ("X-Amz-Signature=", "X-Amz-Signature=" + "0" * 60_000),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=none"),
        ("X-Amz-Credential=test", "X-Amz-Credential=test%2Ftest"), ("X-Amz-Date=", "X-Amz-Date=%20"),
        ("X-Amz-Date=", "x-amz-date="), ("&X-Amz-Date", "&X-Amz-Date=20260101T000000Z&X-Amz-Date"),
    ],
)  # fmt: skip
def test_presigned_urls_that_were_changed(target: TestNode, found: str, made: str) -> None:
    request = HttpRequest("GET", "/bucket/key", "", [("host", "127.0.0.1:4566")])
    query = presign(request, wall_ms=target.clock.wall_ms(), expires_s=60, service="s3", **KEY)
    assert found in query
    for changed, is_good in ((query, True), (query.replace(found, made, 1), False)):
        request.query = changed
        with hang_guard():
            status = target.send(request).status
        assert status == 200 if is_good else status in (400, 403)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x\r\n" * 5000,
        b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\na\r\n--x--',
        b"\0" * 1000,
    ],
)
def test_forms_posted_by_browsers_are_refused_by_name(target: TestNode, body: bytes) -> None:
    headers = [("host", "127.0.0.1:4566"), ("content-type", "multipart/form-data; boundary=" + "x" * 60_000)]
    assert target.send(HttpRequest("POST", "/bucket", "", headers, body)).status in (400, 403, 501)
