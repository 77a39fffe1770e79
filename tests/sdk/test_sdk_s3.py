"""boto3 against a node on a socket: transfers, multipart, presigned URLs of both signature versions, virtual hosts."""

import gzip
import hashlib
import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from cloudlet.base.config import Settings
from tests.sdk.serving import GUARD_S, ServingNode

MIB = 1 << 20

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingNode]:
    with ServingNode(Settings(data=tmp_path_factory.mktemp("node") / "data")) as running:
        yield running


@pytest.fixture(scope="module")
def port(node: ServingNode) -> int:
    return urlsplit(node.url).port or 0


@pytest.fixture(scope="module")
def client(node: ServingNode) -> Client:
    """Makes boto3 clients: client(), client("sqs"), client(region="eu-west-1", signature_version="s3v4")."""

    def make(service: str = "s3", region: str = "us-east-1", **options: Any) -> Any:
        return node.client(service, region, **options)

    return make


@pytest.fixture
def bucket(client: Client, request: pytest.FixtureRequest) -> str:
    name = f"b-{hashlib.md5(request.node.name.encode()).hexdigest()[:16]}"
    client().create_bucket(Bucket=name)
    return name


def fetch(url: str, method: str = "GET", data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """As a browser would: no header that nobody asked for (urllib adds a Content-Type, which version 2 signs)."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", data, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_an_object_comes_back_whatever_its_bytes(client: Client, bucket: str) -> None:
    s3 = client()
    body = gzip.compress(os.urandom(300_000))
    put = s3.put_object(Bucket=bucket, Key="ä b/c+d", Body=body, Metadata={"m": "1"})
    assert put["ChecksumCRC32"] and put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="ä b/c+d")
    assert got["Body"].read() == body and got["Metadata"] == {"m": "1"} and got["ChecksumCRC32"] == put["ChecksumCRC32"]
    part = s3.get_object(Bucket=bucket, Key="ä b/c+d", Range="bytes=1000-1999")
    assert part["Body"].read() == body[1000:2000] and part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["ä b/c+d"]
    s3.delete_object(Bucket=bucket, Key="ä b/c+d")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="ä b/c+d")


def test_a_large_file_goes_up_and_comes_down_in_parts(client: Client, bucket: str) -> None:
    s3 = client()
    body = os.urandom(MIB) * 18
    transfer = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(body), bucket, "big", Config=transfer)
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ETag"].endswith('-4"') and head["ContentLength"] == len(body)
    received = io.BytesIO()
    s3.download_fileobj(bucket, "big", received, Config=transfer)
    assert hashlib.sha256(received.getvalue()).digest() == hashlib.sha256(body).digest()
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=transfer)
    copied = s3.get_object(Bucket=bucket, Key="copy")["Body"].read()
    assert hashlib.sha256(copied).digest() == hashlib.sha256(body).digest()


def test_an_object_of_many_parts_is_read_in_one_go(client: Client, bucket: str) -> None:
    s3 = client()
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    piece, parts = os.urandom(5 * MIB), []
    s3.put_object(Bucket=bucket, Key="piece", Body=piece)
    for number in range(1, 21):
        part = s3.upload_part_copy(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, CopySource={"Bucket": bucket, "Key": "piece"}
        )["CopyPartResult"]
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    body = s3.get_object(Bucket=bucket, Key="k")["Body"]
    s3.delete_object(Bucket=bucket, Key="k")  # whoever reads goes on
    digest, wanted = hashlib.sha256(), hashlib.sha256(piece * 20)
    for chunk in body.iter_chunks(MIB):
        digest.update(chunk)
    assert digest.digest() == wanted.digest()


@pytest.mark.parametrize("signature_version", ["s3", "s3v4"])
def test_presigned_urls_work_without_any_key(client: Client, bucket: str, signature_version: str) -> None:
    s3 = client(signature_version=signature_version)
    where = {"Bucket": bucket, "Key": "a ü/ö+~"}
    put = s3.generate_presigned_url("put_object", Params=where)
    assert ("X-Amz-Signature" in put) == (signature_version == "s3v4")
    assert fetch(put, "PUT", b"from a browser") == (200, b"")
    get = s3.generate_presigned_url("get_object", Params=where | {"ResponseContentType": "text/x"})
    assert fetch(get) == (200, b"from a browser")
    assert fetch(get, "HEAD")[0] == 403  # another method than the one that was signed
    assert fetch(get.replace("%C3%BC", "u"))[0] == 403
    typed = s3.generate_presigned_url("put_object", Params=where | {"ContentType": "text/plain"})
    assert fetch(typed, "PUT", b"x", **{"Content-Type": "text/plain"})[0] == 200
    assert fetch(typed, "PUT", b"x", **{"Content-Type": "text/html"})[0] == 403
    assert client().head_object(**where)["ContentType"] == "text/plain"


def test_a_presigned_delete_and_a_version(client: Client, bucket: str) -> None:
    s3 = client()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    named = {"Bucket": bucket, "Key": "k", "VersionId": version}
    assert fetch(s3.generate_presigned_url("get_object", Params=named)) == (200, b"1")
    assert fetch(s3.generate_presigned_url("delete_object", Params={"Bucket": bucket, "Key": "k"}), "DELETE")[0] == 204


def test_a_bucket_may_be_in_the_host(port: int, client: Client, bucket: str) -> None:
    client().put_object(Bucket=bucket, Key="k/1", Body=b"hello")
    config = Config(s3={"addressing_style": "virtual"}, signature_version="s3v4")
    session = boto3.Session("test", "test", region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=f"http://s3.localhost:{port}", config=config)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k/1"})
    s3.close()
    host = f"{bucket}.s3.localhost:{port}"
    assert url.startswith(f"http://{host}/k/1?")
    assert fetch(url.replace(host, f"127.0.0.1:{port}"), Host=host) == (200, b"hello")


def test_boto3_finds_a_bucket_in_another_region_by_itself(client: Client) -> None:
    ireland = client(region="eu-west-1")
    ireland.create_bucket(Bucket="irish-1", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    ireland.put_object(Bucket="irish-1", Key="k", Body=b"x")
    assert ireland.get_bucket_location(Bucket="irish-1")["LocationConstraint"] == "eu-west-1"
    assert client(region="us-east-1").get_object(Bucket="irish-1", Key="k")["Body"].read() == b"x"


def test_paginators_and_waiters_go_to_the_end(client: Client, bucket: str) -> None:
    s3 = client()
    for number in range(25):
        s3.put_object(Bucket=bucket, Key=f"{number:02d}/x", Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 7})
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == [f"{number:02d}/x" for number in range(25)]
    pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 7})
    assert len([entry for page in pages for entry in page["CommonPrefixes"]]) == 25
    s3.get_waiter("object_exists").wait(Bucket=bucket, Key="00/x")
    keys = [{"Key": f"{number:02d}/x"} for number in range(25)]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})["Deleted"]) == 25
    s3.delete_bucket(Bucket=bucket)
    s3.get_waiter("bucket_not_exists").wait(Bucket=bucket)


def test_errors_are_the_exceptions_boto3_knows(client: Client, bucket: str) -> None:
    s3 = client()
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="there-is-none")
    with pytest.raises(ClientError) as missing:
        s3.head_object(Bucket=bucket, Key="none")
    assert missing.value.response["Error"]["Code"] == "404"
    with pytest.raises(ClientError) as failed:
        s3.get_object_lock_configuration(Bucket=bucket)
    assert failed.value.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError"


def test_events_reach_a_queue(client: Client, bucket: str) -> None:
    s3, sqs = client(), client("sqs")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage",
                 "Resource": arn, "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}}}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    queue = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [queue]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    found = []
    while len(found) < 2:
        found += sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2)["Messages"]
    events = [json.loads(message["Body"]) for message in found]
    assert any(event.get("Event") == "s3:TestEvent" for event in events)
    assert any(event["Records"][0]["s3"]["object"]["key"] == "k" for event in events if "Records" in event)


def test_an_upload_that_is_not_what_was_signed_is_not_kept(client: Client, bucket: str) -> None:
    s3 = client(signature_version="s3v4")

    def spoil(request: Any, **_: Any) -> None:
        request.body = b"y" * 100_000

    s3.meta.events.register("before-send.s3.PutObject", spoil)
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 100_000)
    assert refused.value.response["Error"]["Code"] in ("XAmzContentSHA256Mismatch", "BadDigest")
    assert "Contents" not in client().list_objects_v2(Bucket=bucket)


UPPER = """
import boto3

s3 = boto3.client("s3")

def handler(event, context):
    for record in event["Records"]:
        bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        s3.put_object(Bucket=bucket, Key="out/" + key.removeprefix("in/"), Body=text.upper())
"""


def test_a_function_works_on_what_comes_in(client: Client, bucket: str) -> None:
    s3, iam, functions = client(), client("iam"), client("lambda")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}  # fmt: skip
    role = iam.create_role(RoleName="upper", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    may = [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/in/*"},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/out/*"},
        {"Effect": "Allow", "Action": "logs:*", "Resource": "*"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": may})
    iam.put_role_policy(RoleName="upper", PolicyName="p", PolicyDocument=document)
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", UPPER)
    arn = functions.create_function(
        FunctionName="upper", Runtime="python3.11", Handler="app.handler", Role=role, Timeout=10,
        Code={"ZipFile": package.getvalue()},
    )["FunctionArn"]  # fmt: skip
    functions.get_waiter("function_active_v2").wait(FunctionName="upper")
    functions.add_permission(
        FunctionName="upper", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
    )  # fmt: skip
    rules = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}}
    wanted = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": rules}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [wanted]}
    )
    s3.put_object(Bucket=bucket, Key="in/a.txt", Body=b"hello")
    guard = time.monotonic() + GUARD_S
    while "Contents" not in (listed := s3.list_objects_v2(Bucket=bucket, Prefix="out/")):
        assert time.monotonic() < guard, "the function wrote nothing"
        time.sleep(0.05)
    assert listed["Contents"][0]["Key"] == "out/a.txt"
    assert s3.get_object(Bucket=bucket, Key="out/a.txt")["Body"].read() == b"HELLO"
