"""What AWS's own signers sign, we verify: botocore's four and the Common Runtime's, over generated nasty requests."""

from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

import awscrt.auth
import awscrt.http
import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv4 import PayloadMode, SigningKeys, read_credentials, verify

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HOST = "127.0.0.1:4566"
GENERATED = settings(max_examples=60, deadline=None, derandomize=True)

text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
nasty_text = st.one_of(
    text, st.sampled_from(["", "a b", "a+b", "a%2Fb", "ä ö", "日本", "x=y&z", "~-_.", "*'()!", "\r\n", "{id}", "100%"])
)
segments = st.lists(st.one_of(nasty_text, st.sampled_from([".", "..", "", "arn:aws:lambda:eu-west-1:1:function:f"])))
queries = st.lists(st.tuples(nasty_text, nasty_text), max_size=4)
header_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x24F, exclude_categories=["Cc", "Zs", "Zl"]))
headers = st.dictionaries(
    st.sampled_from(["x-amz-meta-a", "x-amz-meta-b", "content-type", "x-custom", "user-agent", "x-amz-target"]),
    st.one_of(
        header_text, st.sampled_from(["a  b   c", "  padded  ", "a\tb", '"quoted   text"', "a,b", "", "à la carte"])
    ),
    max_size=4,
)
methods = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"])
bodies = st.binary(max_size=20)


def url_of(path_segments, pairs):
    path = "/" + "/".join(quote(segment, safe="~") for segment in path_segments)
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
    return f"http://{HOST}{path}" + (f"?{query}" if query else "")


def as_sent(method, url, header_items, body):
    """The request as our parser would hand it over: raw target, names in lower case, values stripped, latin-1."""
    target = urlsplit(url)
    items = [
        (
            name.lower(),
            (value if isinstance(value, str) else str(value, "utf-8")).encode().decode("latin-1").strip(" \t"),
        )
        for name, value in header_items
    ]
    if not any(name == "host" for name, _ in items):
        items.insert(0, ("host", HOST))
    return HttpRequest(method, target.path or "/", target.query, items, body)


def check(request, *, body_sha256="computed"):
    claim = read_credentials(request)
    assert claim is not None
    verify(
        request,
        claim,
        SECRET,
        wall_ms=claim.signed_at_ms,
        body_sha256=sha256(request.body).hexdigest() if body_sha256 == "computed" else body_sha256,
        signing_key_cache=SigningKeys(),
    )
    return claim


def sign_with_botocore(signer_class, service, method, url, header_map, body, token=None):
    request = AWSRequest(method=method, url=url, headers=header_map, data=body)
    signer = signer_class(Credentials(KEY_ID, SECRET, token), service, "eu-west-1")
    signer.add_auth(request)
    return as_sent(method, request.url, request.headers.items(), body)


@GENERATED
@given(methods, segments, queries, headers, bodies)
def test_botocore_header_signature_of_any_service_verifies(method, path, pairs, header_map, body):
    check(sign_with_botocore(botocore.auth.SigV4Auth, "lambda", method, url_of(path, pairs), header_map, body))


@GENERATED
@given(methods, segments, queries, headers, bodies)
def test_botocore_header_signature_of_s3_verifies(method, path, pairs, header_map, body):
    signer = botocore.auth.S3SigV4Auth
    claim = check(sign_with_botocore(signer, "s3", method, url_of(path, pairs), header_map, body, "to/ken+=="))
    assert (claim.payload_mode, claim.token) == (PayloadMode.WHOLE, "to/ken+==")


@GENERATED
@given(segments, st.dictionaries(nasty_text, nasty_text, max_size=3), headers)
def test_botocore_presigned_url_of_any_service_verifies(path, pairs, header_map):
    pairs = [(name, value) for name, value in pairs.items() if name]
    request = sign_with_botocore(
        botocore.auth.SigV4QueryAuth, "sts", "GET", url_of(path, pairs), header_map, b"", "to/ken+=="
    )
    claim = check(request)
    assert (claim.presigned, claim.expires_s, claim.token) == (True, 3600, "to/ken+==")


@GENERATED
@given(methods, segments, st.dictionaries(nasty_text, nasty_text, max_size=3), headers)
def test_botocore_presigned_url_of_s3_verifies(method, path, pairs, header_map):
    pairs = [(name, value) for name, value in pairs.items() if name]
    request = sign_with_botocore(
        botocore.auth.S3SigV4QueryAuth, "s3", method, url_of(path, pairs), header_map, b"", "to/ken+=="
    )
    claim = check(request, body_sha256=None)
    assert claim.payload_mode is PayloadMode.UNSIGNED


@pytest.mark.parametrize(
    "target",
    [
        "/b/a:b",
        "/b/a+b",
        "/b/a(1)'!*",
        "/b/a$,;=@&",
        "/b/%7Etilde",
        "/b/%e4%bd",
        "//b//k",
        "/b/./../k",
        "/b/k?uploads",
        "/b?list-type=2&prefix=a/b:c",
        "/b?a&b=&a=2&a=1",
        "/b?marker=a+b",
    ],
)
@pytest.mark.parametrize("service", ["s3", "lambda"])
def test_targets_not_encoded_as_the_documentation_says_verify_as_botocore_signs_them(target, service):
    signer = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    check(sign_with_botocore(signer, service, "GET", f"http://{HOST}{target}", {}, b""))


@GENERATED
@given(methods, segments, queries, bodies, st.booleans(), st.booleans())
def test_common_runtime_signature_verifies(method, path, pairs, body, is_s3, is_query):
    service = "s3" if is_s3 else "lambda"
    request = awscrt.http.HttpRequest(method, url_of(path, pairs).removeprefix(f"http://{HOST}"))
    request.headers.add("Host", HOST)
    request.headers.add("Content-Type", "text/plain")
    types, body_headers = awscrt.auth.AwsSignatureType, awscrt.auth.AwsSignedBodyHeaderType
    payload_hash = "UNSIGNED-PAYLOAD" if is_s3 and is_query else sha256(body).hexdigest()
    config = awscrt.auth.AwsSigningConfig(
        credentials_provider=awscrt.auth.AwsCredentialsProvider.new_static(KEY_ID, SECRET),
        signature_type=types.HTTP_REQUEST_QUERY_PARAMS if is_query else types.HTTP_REQUEST_HEADERS,
        region="eu-west-1",
        service=service,
        date=datetime(2026, 1, 1, tzinfo=UTC),
        use_double_uri_encode=not is_s3,
        should_normalize_uri_path=not is_s3,
        signed_body_value=payload_hash,
        signed_body_header_type=body_headers.X_AMZ_CONTENT_SHA_256 if not is_query else body_headers.NONE,
        expiration_in_seconds=900 if is_query else None,
    )
    signed = awscrt.auth.aws_sign_request(request, config).result(timeout=10)
    check(as_sent(method, f"http://{HOST}{signed.path}", list(signed.headers), body))
