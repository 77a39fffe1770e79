"""Requests as boto3 really makes them, caught just before they are sent: verified, and their bodies decoded.

Over https boto3 sends S3 bodies as aws-chunked with an unsigned trailer, over http as they are.
"""

from dataclasses import replace
from hashlib import sha256
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from cloudlet.base.checksums import digest_base64
from cloudlet.wire.chunked import decoder_for
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv2 import post_signature, read_presigned, verify_presigned
from cloudlet.wire.sigv4 import (
    PayloadMode,
    SignatureProblem,
    SigningKeys,
    policy_signature,
    read_credentials,
    signing_key,
    verify,
)

KEY_ID, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "to/ken+=="
NASTY_KEY = "a b/ä+ö/~(1)'!*/%2F//../.$,;=@&:x?y#z"
DATA = bytes(range(256)) * 300  # more than one chunk


class _Body:
    """What AWSResponse reads its content from."""

    def stream(self):
        yield b""


def client(service, scheme, **options):
    made = boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url=f"{scheme}://127.0.0.1:4566",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        aws_session_token=TOKEN,
        config=Config(retries={"max_attempts": 1}, **options),
    )
    made.caught = []

    def catch(request, **_):
        made.caught.append(as_sent(request))
        return AWSResponse(request.url, 200, {}, _Body())

    made.meta.events.register("before-send.*.*", catch)
    return made


def text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def as_sent(request):
    body = request.body
    body = body.encode() if isinstance(body, str) else body.read() if hasattr(body, "read") else body or b""
    target = urlsplit(request.url)
    headers = [(name.lower(), text(value).strip()) for name, value in request.headers.items()]
    if not any(name == "host" for name, _ in headers):
        headers.insert(0, ("host", target.netloc))
    return HttpRequest(request.method, target.path or "/", target.query, headers, bytes(body))


def check(request, *, body_sha256):
    claim, keys = read_credentials(request), SigningKeys()
    verify(request, claim, SECRET, wall_ms=claim.signed_at_ms, body_sha256=body_sha256, signing_key_cache=keys)
    assert (claim.access_key_id, claim.token, claim.region) == (KEY_ID, TOKEN, "eu-west-1")
    return claim, keys.get(claim, SECRET)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_s3_upload_verifies_and_decodes(scheme, algorithm):
    s3 = client("s3", scheme)
    s3.put_object(Bucket="bucket", Key=NASTY_KEY, Body=DATA, Metadata={"a": "two  spaces"}, ChecksumAlgorithm=algorithm)
    (request,) = s3.caught
    name = f"x-amz-checksum-{algorithm.lower()}"
    if scheme == "http":
        claim, _ = check(request, body_sha256=sha256(DATA).hexdigest())
        assert claim.payload_mode is PayloadMode.WHOLE
        assert request.header(name) == digest_base64(algorithm, DATA)
        return
    claim, key = check(request, body_sha256=None)
    assert claim.payload_mode is PayloadMode.UNSIGNED_TRAILER
    decoder = decoder_for(request, claim, key)
    assert b"".join(decoder.feed(request.body)) == DATA
    assert decoder.finish() == {name: digest_base64(algorithm, DATA)}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_calls_of_every_protocol_verify(scheme):
    def queue_url():
        return f"{scheme}://127.0.0.1:4566/000000000000/q"

    function = "arn:aws:lambda:eu-west-1:000000000000:function:f"
    calls = {
        "sqs": lambda sqs: sqs.send_message(QueueUrl=queue_url(), MessageBody="ü"),
        "sns": lambda sns: sns.publish(TopicArn="arn:aws:sns:eu-west-1:000000000000:t", Message="a b+ü"),
        "lambda": lambda functions: functions.get_function(FunctionName=function),
        "cloudwatch": lambda metrics: metrics.put_metric_data(Namespace="a", MetricData=[{"MetricName": "b"}]),
        "s3": lambda s3: s3.list_objects_v2(Bucket="b", Prefix="a b/ü+", Delimiter="/"),
    }
    for service, call in calls.items():
        caught = client(service, scheme)
        try:
            call(caught)
        except Exception:
            pass
        (request,) = caught.caught
        check(request, body_sha256=sha256(request.body).hexdigest())


def presigned(method, operation, parameters, **options):
    """A presigned URL as whoever was given it sends it."""
    url = client("s3", "https", **options).generate_presigned_url(operation, Params=parameters, ExpiresIn=600)
    target = urlsplit(url)
    return HttpRequest(method, target.path, target.query, [("host", target.netloc)])


def test_presigned_url_verifies():
    request = presigned("GET", "get_object", {"Bucket": "b", "Key": NASTY_KEY}, signature_version="s3v4")
    claim, _ = check(request, body_sha256=None)
    assert (claim.payload_mode, claim.expires_s) == (PayloadMode.UNSIGNED, 600)


def post_fields(**options):
    return client("s3", "https", **options).generate_presigned_post("bucket", "key")["fields"]


def test_post_form_has_the_policys_signature():
    fields = post_fields(signature_version="s3v4")
    key = signing_key(SECRET, fields["x-amz-date"][:8], "eu-west-1", "s3")
    assert policy_signature(key, fields["policy"]) == fields["x-amz-signature"]


# --- Signature Version 2: boto3's default for S3 URLs and forms in the older regions ---

PARAMETERS = [
    ("GET", "get_object", {"Bucket": "b", "Key": NASTY_KEY}),
    ("GET", "get_object", {"Bucket": "b", "Key": "k", "ResponseContentType": "text/x y+z", "VersionId": "3/L+"}),
    ("GET", "get_bucket_acl", {"Bucket": "b"}),
    ("PUT", "put_object", {"Bucket": "b", "Key": "k", "Metadata": {"a": "1"}, "ContentType": "text/plain"}),
    ("PUT", "upload_part", {"Bucket": "b", "Key": "k", "UploadId": "u/+=", "PartNumber": 7}),
]


def check_v2(request, *, wall_ms=None, secret=SECRET, bucket=None):
    claim = read_presigned(request)
    wall_ms = claim.expires_at_ms if wall_ms is None else wall_ms
    verify_presigned(request, claim, secret, wall_ms=wall_ms, bucket=bucket)
    assert (claim.access_key_id, claim.token) == (KEY_ID, TOKEN)
    return claim


@pytest.mark.parametrize(("method", "operation", "parameters"), PARAMETERS)
def test_version_2_url_verifies_until_it_expires(method, operation, parameters):
    request = presigned(method, operation, parameters)
    claim = check_v2(request)
    with pytest.raises(SignatureProblem) as refused:
        check_v2(request, wall_ms=claim.expires_at_ms + 1)
    error = refused.value.to_error("rest-xml", "s3")
    assert (error.code, error.message, list(error.members)) == (
        "AccessDenied",
        "Request has expired",
        ["Expires", "ServerTime"],
    )


@pytest.mark.parametrize(
    "alter",
    [
        lambda r: replace(r, method="DELETE"),
        lambda r: replace(r, path=r.path + "x"),
        lambda r: replace(r, query=r.query.replace("partNumber=7", "partNumber=8")),
        lambda r: replace(r, query=r.query + "&acl"),
        lambda r: replace(r, query=r.query + "&x-amz-acl=public-read"),
        lambda r: replace(r, headers=[*r.headers, ("x-amz-acl", "public-read")]),
        lambda r: replace(r, headers=[*r.headers, ("content-type", "text/html")]),
        lambda r: replace(r, headers=[*r.headers, ("x-amz-security-token", "another")]),
        lambda r: replace(r, query=r.query.replace("Expires=", "Expires=1")),
        lambda r: replace(r, query=r.query.replace("Signature=", "Signature=A")),
    ],
)
def test_altered_version_2_url_is_refused(alter):
    request = presigned("PUT", "upload_part", {"Bucket": "b", "Key": "k", "UploadId": "u/+=", "PartNumber": 7})
    check_v2(request)
    with pytest.raises(SignatureProblem, match="mismatch"):
        check_v2(alter(request))
    with pytest.raises(SignatureProblem, match="mismatch"):
        check_v2(request, secret="another")


def test_version_2_url_of_the_virtual_hosted_style_signs_the_bucket():
    request = presigned("GET", "get_object", {"Bucket": "bucket", "Key": "k"})
    hosted = replace(request, path="/k", headers=[("host", "bucket.s3.amazonaws.com")])
    check_v2(hosted, bucket="bucket")
    with pytest.raises(SignatureProblem, match="mismatch"):
        check_v2(hosted, bucket="another")


@pytest.mark.parametrize(
    "query",
    [
        "AWSAccessKeyId=a&Signature=b",
        "AWSAccessKeyId=a&Signature=b&Expires=soon",
        "AWSAccessKeyId=&Signature=&Expires=1",
        "AWSAccessKeyId=a&Signature=b&Expires=1&Expires=2",
    ],
)
def test_half_of_a_version_2_url_is_refused(query):
    with pytest.raises(SignatureProblem) as refused:
        read_presigned(HttpRequest("GET", "/", query, []))
    error = refused.value.to_error("rest-xml", "s3")
    assert (error.code, error.status) == ("AccessDenied", 403)


def test_other_requests_are_not_of_version_2():
    assert read_presigned(HttpRequest("GET", "/", "X-Amz-Signature=a&prefix=AWSAccessKeyId", [])) is None


def test_version_2_post_form_has_the_policys_signature():
    fields = post_fields()
    assert post_signature(SECRET, fields["policy"]) == fields["signature"]
