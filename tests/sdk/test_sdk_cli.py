"""The AWS CLI v1 against a node: files, and the commands people type. A call takes most of a second, so each test goes
over HTTP or over TLS, not both."""

import json
import os
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.other_clients import aws_cli
from tests.sdk.served import ServedNode

GUARD_S = 30
MIB = 1 << 20
HANDLER = "def handler(event, context):\n    print('got', event)\n    return {'got': event}\n"

Aws = Callable[..., Any]


@pytest.fixture
def aws(served: ServedNode, scheme: str, tmp_path: Path) -> Aws:
    """aws("s3", "ls"): what it prints, read if it is JSON; aws(…, fails="NoSuchKey"): what it says when it fails."""
    command = aws_cli.required() / "bin" / "aws"
    environment = served.environment(scheme) | {"HOME": str(tmp_path), "AWS_PAGER": ""}

    def run(*arguments: str, fails: str = "", stdin: bytes = b"") -> Any:
        ended = subprocess.run(
            [str(command), *arguments],
            env=environment,
            input=stdin,
            capture_output=True,
            timeout=GUARD_S,
            check=False,
            cwd=tmp_path,
        )
        output, said = ended.stdout.decode(), ended.stderr.decode()
        assert bool(ended.returncode) == bool(fails) and fails in said, f"{output}{said}\n{served.log[-2000:]}"
        try:
            return json.loads(output)
        except ValueError:
            return output

    return run


@pytest.mark.parametrize("scheme", ["https"])
def test_s3_copies_lists_syncs_and_removes(aws: Aws, scheme: str, tmp_path: Path) -> None:
    bucket = "s3://cli"
    large = os.urandom(9 * MIB)
    (tmp_path / "in" / "ä b").mkdir(parents=True)
    (tmp_path / "in" / "large").write_bytes(large)  # over 8 MiB: in parts
    (tmp_path / "in" / "ä b" / "c+d.txt").write_text("hello")
    aws("s3", "mb", bucket)
    aws("s3", "sync", "in", f"{bucket}/dir")
    listed = aws("s3", "ls", "--recursive", "--summarize", bucket)
    assert "dir/large" in listed and "dir/ä b/c+d.txt" in listed and "Total Objects: 2" in listed
    assert "PRE dir/" in aws("s3", "ls", bucket)
    assert aws("s3", "sync", "in", f"{bucket}/dir") == "", "there is nothing left to do"
    aws("s3", "sync", f"{bucket}/dir", "out")
    assert (tmp_path / "out" / "large").read_bytes() == large
    aws("s3", "cp", "-", f"{bucket}/typed", stdin=b"typed in")
    aws("s3", "mv", f"{bucket}/typed", f"{bucket}/moved")
    assert aws("s3", "cp", f"{bucket}/moved", "-") == "typed in"
    aws("s3", "cp", f"{bucket}/dir/large", f"{bucket}/copied")  # in parts as well
    aws("s3", "cp", f"{bucket}/none", "-", fails="404")
    url = aws("s3", "presign", f"{bucket}/moved").strip()
    assert url.startswith(f"{scheme}://")
    aws("s3", "sync", "--delete", "in/ä b", bucket)
    assert aws("s3", "ls", "--recursive", bucket).split()[2:] == ["5", "c+d.txt"]
    aws("s3", "rb", bucket, fails="BucketNotEmpty")
    aws("s3", "rb", "--force", bucket)
    aws("s3", "ls", bucket, fails="NoSuchBucket")


@pytest.mark.parametrize("scheme", ["http"])
def test_s3api(aws: Aws, tmp_path: Path) -> None:
    bucket = "api"
    (tmp_path / "file").write_bytes(b"content")
    aws("s3api", "create-bucket", "--bucket", bucket, "--region", "us-east-1")
    put = aws(
        "s3api", "put-object", "--bucket", bucket, "--key", "k", "--body", "file", "--checksum-algorithm", "SHA256"
    )
    assert put["ChecksumSHA256"]
    got = aws("s3api", "get-object", "--bucket", bucket, "--key", "k", "--checksum-mode", "ENABLED", "out")
    assert got["ChecksumSHA256"] == put["ChecksumSHA256"] and (tmp_path / "out").read_bytes() == b"content"
    aws("s3api", "head-object", "--bucket", bucket, "--key", "none", fails="404")
    aws("s3api", "get-bucket-policy", "--bucket", bucket, fails="NoSuchBucketPolicy")


@pytest.mark.parametrize("scheme", ["http"])
def test_sqs(aws: Aws, served: ServedNode, scheme: str) -> None:
    # Version 1 has a table of SQS's old host names that goes before AWS_ENDPOINT_URL; only the option goes before it.
    here = ("--endpoint-url", served.url(scheme))
    url = aws("sqs", "create-queue", "--queue-name", "cli", *here)["QueueUrl"]
    kind = '{"kind": {"DataType": "String", "StringValue": "x"}}'
    sent = aws(
        "sqs", "send-message", "--queue-url", url, "--message-body", "hällo", "--message-attributes", kind, *here
    )
    received = aws("sqs", "receive-message", "--queue-url", url, "--message-attribute-names", "All", *here)
    (message,) = received["Messages"]
    assert (message["Body"], message["MessageId"]) == ("hällo", sent["MessageId"])
    aws("sqs", "delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"], *here)
    aws("sqs", "get-queue-url", "--queue-name", "none", *here, fails="NonExistentQueue")


@pytest.mark.parametrize("scheme", ["http"])
def test_dynamodb(aws: Aws) -> None:
    table = ("--table-name", "cli")
    aws(
        "dynamodb", "create-table", *table, "--billing-mode", "PAY_PER_REQUEST",
        "--attribute-definitions", "AttributeName=p,AttributeType=S", "--key-schema", "AttributeName=p,KeyType=HASH",
    )  # fmt: skip
    aws("dynamodb", "wait", "table-exists", *table)
    for n in range(3):
        aws("dynamodb", "put-item", *table, "--item", json.dumps({"p": {"S": f"ä{n}"}, "n": {"N": str(n)}}))
    found = aws("dynamodb", "scan", *table, "--page-size", "1", "--query", "Items[].p.S")
    assert sorted(found) == ["ä0", "ä1", "ä2"]
    condition = ("--condition-expression", "attribute_not_exists(p)")
    aws("dynamodb", "put-item", *table, "--item", '{"p": {"S": "ä0"}}', *condition, fails="ConditionalCheckFailed")


@pytest.mark.parametrize("scheme", ["https"])
def test_lambda_and_its_logs(aws: Aws, tmp_path: Path) -> None:
    name, package = "cli", tmp_path / "code.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", HANDLER)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = aws("iam", "create-role", "--role-name", name, "--assume-role-policy-document", document)["Role"]["Arn"]
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    aws("iam", "attach-role-policy", "--role-name", name, "--policy-arn", basic)
    aws(
        "lambda", "create-function", "--function-name", name, "--runtime", "python3.11", "--role", role,
        "--handler", "app.handler", "--zip-file", "fileb://code.zip",
    )  # fmt: skip
    aws("lambda", "wait", "function-active-v2", "--function-name", name)
    answer = aws("lambda", "invoke", "--function-name", name, "--payload", '{"a": "ä"}', "out.json")
    assert answer["StatusCode"] == 200 and json.loads((tmp_path / "out.json").read_text()) == {"got": {"a": "ä"}}
    group = ("--log-group-name", f"/aws/lambda/{name}")
    until = time.monotonic() + GUARD_S  # what was printed is stored a moment after the answer
    while not (events := aws("logs", "filter-log-events", *group, "--filter-pattern", "got")["events"]):
        assert time.monotonic() < until, "nothing was logged"
    assert events[0]["message"].startswith("got {'a': 'ä'}")
    stream = aws("logs", "describe-log-streams", *group)["logStreams"][0]["logStreamName"]
    lines = aws("logs", "get-log-events", *group, "--log-stream-name", stream, "--query", "events[].message")
    assert any(line.startswith("REPORT RequestId") for line in lines)


@pytest.mark.parametrize("scheme", ["https"])
def test_sns_cloudwatch_and_who_asks(aws: Aws) -> None:
    arn = aws("sns", "create-topic", "--name", "cli")["TopicArn"]
    aws("sns", "publish", "--topic-arn", arn, "--message", "hällo", "--subject", "s")
    assert arn in aws("sns", "list-topics", "--output", "text")
    aws("sns", "publish", "--topic-arn", f"{arn}-none", "--message", "x", fails="NotFound")
    space = ("--namespace", "cli")
    aws("cloudwatch", "put-metric-data", *space, "--metric-name", "m", "--value", "1.5", "--unit", "Count")
    assert aws("cloudwatch", "list-metrics", *space)["Metrics"][0]["MetricName"] == "m"
    assert aws("sts", "get-caller-identity")["Arn"] == "arn:aws:iam::000000000000:root"
    aws("iam", "get-user", "--user-name", "none", fails="NoSuchEntity")
