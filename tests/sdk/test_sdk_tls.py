"""boto3 over TLS: S3's bodies in chunks with trailers, and a call or more of each service."""

import base64
import gzip
import hashlib
import io
import json
import os
import ssl
import urllib.request
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError, SSLError

from tests.sdk.served import ServedNode

MIB = 1 << 20


def sent_by(client: Any) -> list[dict[str, str]]:
    """The headers of each request from now on."""
    seen: list[dict[str, str]] = []

    def note(request: Any, **_: Any) -> None:
        decoded = {
            name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
        }
        seen.append({name.lower(): value for name, value in decoded.items()})

    client.meta.events.register("before-send", note)
    return seen


@pytest.fixture
def s3(served: ServedNode) -> Any:
    return served.client("s3", "https")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = f"tls-{hashlib.md5(request.node.name.encode()).hexdigest()[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def test_the_certificate_is_looked_at(served: ServedNode) -> None:
    url = f"{served.url('https')}/_cloudlet/health"
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(url, timeout=10)
    trusting = ssl.create_default_context(cafile=str(served.certificate))
    with urllib.request.urlopen(url, timeout=10, context=trusting) as answer:
        assert json.load(answer)["edition"] == "cloudlet"
    strict = served.client("sts", "https", verify=True)
    with pytest.raises(SSLError):
        strict.get_caller_identity()


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_an_object_comes_in_chunks_with_its_checksum_behind(s3: Any, bucket: str, algorithm: str) -> None:
    sent, body = sent_by(s3), os.urandom(3 * MIB + 17)
    put = s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(body), ChecksumAlgorithm=algorithm)
    (headers,) = sent
    assert headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert headers["x-amz-trailer"] == f"x-amz-checksum-{algorithm.lower()}"
    assert headers["x-amz-decoded-content-length"] == str(len(body))
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == body
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    if algorithm == "CRC32":
        assert base64.b64decode(put["ChecksumCRC32"]) == crc32(body).to_bytes(4, "big")


def test_the_content_keeps_its_own_encoding(s3: Any, bucket: str) -> None:
    sent, body = sent_by(s3), gzip.compress(os.urandom(1000))
    s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(body), ContentEncoding="gzip")
    assert sent[0]["content-encoding"] == "gzip,aws-chunked"
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["ContentEncoding"], got["Body"].read()) == ("gzip", body)


def test_an_empty_object_too(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b""


def test_a_wrong_trailer_keeps_nothing(s3: Any, bucket: str) -> None:
    def spoil(request: Any, **_: Any) -> None:
        raw = request.body.read()
        at = raw.index(b"x-amz-checksum-crc32:") + len(b"x-amz-checksum-crc32:")
        request.body = raw[:at] + base64.b64encode(bytes(4)) + raw[at + 8 :]

    s3.meta.events.register("before-send.s3.PutObject", spoil)
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 100_000)
    assert refused.value.response["Error"]["Code"] == "BadDigest"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_file_goes_up_and_comes_down_in_parts(s3: Any, bucket: str, tmp_path: Path) -> None:
    path, back = tmp_path / "file", tmp_path / "back"
    path.write_bytes(os.urandom(17 * MIB + 1))
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    s3.upload_file(str(path), bucket, "k", Config=parts)
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"].endswith('-4"')
    s3.download_file(bucket, "k", str(back), Config=parts)
    assert back.read_bytes() == path.read_bytes()


def test_presigned_urls_are_of_https(served: ServedNode, s3: Any, bucket: str) -> None:
    trusting = ssl.create_default_context(cafile=str(served.certificate))
    where = {"Bucket": bucket, "Key": "ä b"}
    up, down = (s3.generate_presigned_url(name, Params=where) for name in ("put_object", "get_object"))
    assert up.startswith(served.url("https"))
    request = urllib.request.Request(up, data=b"by url", method="PUT", headers={"Content-Type": ""})
    with urllib.request.urlopen(request, timeout=10, context=trusting) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(down, timeout=10, context=trusting) as answer:
        assert answer.read() == b"by url"


def test_dynamodb(served: ServedNode) -> None:
    db = served.client("dynamodb", "https")
    key = [{"AttributeName": "p", "KeyType": "HASH"}]
    types = [{"AttributeName": "p", "AttributeType": "S"}]
    db.create_table(TableName="tls", KeySchema=key, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
    item = {"p": {"S": "ä"}, "b": {"B": b"\0\xff"}, "large": {"S": "x" * 300_000}}
    db.put_item(TableName="tls", Item=item)
    assert db.get_item(TableName="tls", Key={"p": {"S": "ä"}})["Item"] == item
    with pytest.raises(db.exceptions.ResourceNotFoundException):
        db.describe_table(TableName="none")


def test_queue_urls_and_links_are_of_https(served: ServedNode) -> None:
    sqs, sns = served.client("sqs", "https"), served.client("sns", "https")
    url = sqs.create_queue(QueueName="tls")["QueueUrl"]
    assert url == f"{served.url('https')}/000000000000/tls"
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [statement | {"Resource": "*"}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    topic = sns.create_topic(Name="tls")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:tls")
    sns.publish(TopicArn=topic, Message="news")
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"])["Message"] == "news"


def test_cloudwatch_compressed(served: ServedNode) -> None:
    cloudwatch = served.client("cloudwatch", "https")
    sent, now = sent_by(cloudwatch), datetime.now(UTC).replace(second=0, microsecond=0)
    data = [{"MetricName": f"m{n}", "Timestamp": now, "Value": n + 0.5, "Unit": "Count"} for n in range(300)]
    cloudwatch.put_metric_data(Namespace="tls", MetricData=data)
    assert [headers["content-encoding"] for headers in sent] == ["gzip"]
    metric = {"Namespace": "tls", "MetricName": "m7"}
    query = {"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    span = {"StartTime": now - timedelta(minutes=1), "EndTime": now + timedelta(minutes=1)}
    (result,) = cloudwatch.get_metric_data(MetricDataQueries=[query], **span)["MetricDataResults"]
    assert (result["Timestamps"], result["Values"]) == ([now], [7.5])
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace="tls")
    assert sum(len(page["Metrics"]) for page in pages) == 300
    with pytest.raises(cloudwatch.exceptions.ResourceNotFound):
        cloudwatch.set_alarm_state(AlarmName="none", StateValue="OK", StateReason="x")
    with pytest.raises(ClientError) as refused:
        cloudwatch.get_metric_statistics(**metric, **span, Period=7, Statistics=["Sum"])
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_logs(served: ServedNode) -> None:
    logs = served.client("logs", "https")
    group = {"logGroupName": "tls"}
    logs.create_log_group(**group)
    logs.create_log_stream(**group, logStreamName="s")
    now = int(datetime.now(UTC).timestamp() * 1000)
    logs.put_log_events(**group, logStreamName="s", logEvents=[{"timestamp": now, "message": "häl\nlo"}])
    (event,) = logs.get_log_events(**group, logStreamName="s", startFromHead=True)["events"]
    assert (event["timestamp"], event["message"]) == (now, "häl\nlo")


def test_a_user_a_role_and_a_function(served: ServedNode) -> None:
    iam, functions = served.client("iam", "https"), served.client("lambda", "https")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="tls", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return len(event['text'])\n")
    code = {"ZipFile": package.getvalue()}
    given = {"FunctionName": "tls", "Runtime": "python3.11", "Handler": "app.handler", "Role": role}
    functions.create_function(**given, Code=code)
    functions.get_waiter("function_active_v2").wait(FunctionName="tls", WaiterConfig={"Delay": 1})
    answer = functions.invoke(FunctionName="tls", Payload=json.dumps({"text": "x" * 500_000}))
    assert json.load(answer["Payload"]) == 500_000
    link = functions.get_function(FunctionName="tls")["Code"]["Location"]
    assert link.startswith(served.url("https"))
    trusting = ssl.create_default_context(cafile=str(served.certificate))
    with urllib.request.urlopen(link, timeout=10, context=trusting) as fetched:
        assert fetched.read() == package.getvalue()
    iam.create_user(UserName="tls")
    key = iam.create_access_key(UserName="tls")["AccessKey"]
    sts = served.client("sts", "https", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:user/tls"
