"""The examples that AWS publishes, with the signatures it publishes for them.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from hashlib import sha256

import pytest

from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv4 import SigningKeys, presign, read_credentials, sign, signing_key, verify

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
MAY_24_2013_MS = 1_369_353_600_000
HOST = "examplebucket.s3.amazonaws.com"


def s3_request(method, path, query="", headers=(), body=b""):
    return HttpRequest(method, path, query, [("host", HOST), *headers], body)


S3_EXAMPLES = [
    pytest.param(
        s3_request("GET", "/test.txt", headers=[("range", "bytes=0-9")]),
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        id="GET object",
    ),
    pytest.param(
        s3_request(
            "PUT",
            "/test%24file.text",
            headers=[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
            body=b"Welcome to Amazon S3.",
        ),
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        id="PUT object",
    ),
    pytest.param(
        s3_request("GET", "/", "lifecycle"),
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        id="GET bucket lifecycle",
    ),
    pytest.param(
        s3_request("GET", "/", "max-keys=2&prefix=J"),
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        id="list objects",
    ),
]


@pytest.mark.parametrize(("request_", "signature"), S3_EXAMPLES)
def test_s3_header_example_verifies_with_its_published_signature(request_, signature):
    added = dict(
        sign(request_, access_key_id=KEY_ID, secret=SECRET, region="us-east-1", service="s3", wall_ms=MAY_24_2013_MS)
    )
    signed_headers = ";".join(sorted({name for name, _ in request_.headers} | {"x-amz-content-sha256", "x-amz-date"}))
    added["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={signed_headers},Signature={signature}"
    )
    sent = HttpRequest(request_.method, request_.path, request_.query, request_.headers + list(added.items()))
    claim = read_credentials(sent)
    verify(
        sent,
        claim,
        SECRET,
        wall_ms=MAY_24_2013_MS,
        body_sha256=sha256(request_.body).hexdigest(),
        signing_key_cache=SigningKeys(),
    )


PRESIGNED = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
)


def test_s3_presigned_example_verifies_and_is_what_presign_makes():
    request = s3_request("GET", "/test.txt", PRESIGNED)
    claim = read_credentials(request)
    assert (claim.presigned, claim.expires_s, claim.scope) == (True, 86400, "20130524/us-east-1/s3/aws4_request")
    verify(
        request,
        claim,
        SECRET,
        wall_ms=MAY_24_2013_MS + 86_400_000,
        body_sha256=None,
        signing_key_cache=SigningKeys(),
    )
    made = presign(
        s3_request("GET", "/test.txt"),
        access_key_id=KEY_ID,
        secret=SECRET,
        region="us-east-1",
        service="s3",
        wall_ms=MAY_24_2013_MS,
        expires_s=86400,
    )
    assert made == PRESIGNED


def test_iam_example_verifies_with_its_published_signature():
    """GET ListUsers, the example of the General Reference: its content-type carries a charset, its query is signed."""
    request = HttpRequest(
        "GET",
        "/",
        "Action=ListUsers&Version=2010-05-08",
        [
            ("host", "iam.amazonaws.com"),
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("x-amz-date", "20150830T123600Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request,"
                " SignedHeaders=content-type;host;x-amz-date,"
                " Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        ],
    )
    verify(
        request,
        read_credentials(request),
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        wall_ms=1_440_938_160_000,
        body_sha256=sha256(b"").hexdigest(),
        signing_key_cache=SigningKeys(),
    )


def test_signing_key_is_the_published_one():
    key = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam")
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
