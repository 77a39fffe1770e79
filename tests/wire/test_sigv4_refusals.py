"""Every part of a signed request is under its signature, and each refusal is worded as the protocol words it."""

from dataclasses import replace
from hashlib import sha256

import pytest

from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv4 import (
    Kind,
    SignatureProblem,
    SigningKeys,
    check_body_sha256,
    check_scope,
    presign,
    read_credentials,
    sign,
    verify,
)

WALL_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
MINUTE_MS = 60_000
KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CREDENTIALS = {"access_key_id": KEY_ID, "secret": SECRET, "region": "eu-west-1"}
BODY = b'{"QueueName": "orders"}'


def unsigned(service):
    headers = [("host", "127.0.0.1:4566"), ("content-type", "text/plain"), ("user-agent", "a test")]
    if service == "s3":
        return HttpRequest("PUT", "/bucket/a%20key", "partNumber=1&uploadId=u", [*headers, ("x-amz-meta-a", "1")], BODY)
    return HttpRequest("POST", "/queues/a%20b", "a=1&b=2", [*headers, ("x-amz-target", "AmazonSQS.CreateQueue")], BODY)


def signed(service, wall_ms=WALL_MS, **options):
    request = unsigned(service)
    added = sign(request, service=service, wall_ms=wall_ms, **CREDENTIALS, **options)
    return replace(request, headers=request.headers + added)


def presigned(service, wall_ms=WALL_MS, expires_s=600, **options):
    request = unsigned(service)
    query = presign(request, service=service, wall_ms=wall_ms, expires_s=expires_s, **CREDENTIALS, **options)
    return replace(request, query=query)


def with_header(request, name, value):
    """The request with header `name` changed, added, or (None) left out."""
    headers = [(key, old) for key, old in request.headers if key != name]
    return replace(request, headers=headers if value is None else [*headers, (name, value)])


def check(request, *, wall_ms=WALL_MS, secret=SECRET, keys=None):
    claim = read_credentials(request)
    verify(
        request,
        claim,
        secret,
        wall_ms=wall_ms,
        body_sha256=sha256(request.body).hexdigest(),
        signing_key_cache=SigningKeys() if keys is None else keys,
    )
    return claim


def refusal(request, **options):
    with pytest.raises(SignatureProblem) as refused:
        check(request, **options)
    return refused.value


def edited_authorization(request, old, new):
    value = request.header("authorization")
    assert old in value
    return with_header(request, "authorization", value.replace(old, new))


# --- what is sent otherwise than it was signed, and means the same ---


@pytest.mark.parametrize(
    ("service", "path", "query", "sent_path", "sent_query"),
    [
        ("s3", "/b/a%3Ab%20c", "", "/b/a:b%20c", ""),
        ("s3", "/b", "prefix=a%2Fb%3A", "/b", "prefix=a/b:"),
        ("s3", "/b/%C3%A4%3A", "marker=a%20b&max-keys=1", "/b/%c3%a4:", "max-keys=1&marker=a+b"),
        ("lambda", "/", "prefix=a%2Fb", "/", "prefix=a/b"),
        ("s3", "/b", "uploads=", "/b", "uploads"),
    ],
)
def test_target_encoded_less_than_it_was_signed_verifies(service, path, query, sent_path, sent_query):
    request = HttpRequest("GET", path, query, [("host", "localhost")])
    headers = request.headers + sign(request, service=service, wall_ms=WALL_MS, **CREDENTIALS)
    check(HttpRequest("GET", sent_path, sent_query, headers))
    assert refusal(HttpRequest("GET", sent_path + "x", sent_query, headers)).kind is Kind.MISMATCH
    assert refusal(HttpRequest("GET", sent_path, sent_query + "x", headers)).kind is Kind.MISMATCH


# --- what is altered ---

ALTERATIONS = {
    "method": lambda r: replace(r, method="DELETE"),
    "path": lambda r: replace(r, path=r.path + "x"),
    "query value": lambda r: replace(r, query=r.query.replace("=1", "=2")),
    "query parameter added": lambda r: replace(r, query=r.query + "&acl"),
    "query parameter removed": lambda r: replace(r, query=r.query.partition("&")[2]),
    "host": lambda r: with_header(r, "host", "127.0.0.1:4567"),
    "content-type": lambda r: with_header(r, "content-type", "text/html"),
    "content-type removed": lambda r: with_header(r, "content-type", None),
}
HEADER_ALTERATIONS = {
    "region": lambda r: edited_authorization(r, "eu-west-1", "eu-west-2"),
    "access key": lambda r: edited_authorization(r, KEY_ID, "AKIAIOSFODNN7EXAMPL2"),  # its secret is another: see below
    "date within the skew": lambda r: with_header(r, "x-amz-date", "20260101T000001Z"),
    "signed header left out of the list": lambda r: edited_authorization(r, "content-type;", ""),
    "signature": lambda r: edited_authorization(r, r.header("authorization")[-4:], "0000"),
    "signature not ASCII": lambda r: edited_authorization(r, r.header("authorization")[-4:], "äöüß"),
    "signature empty but for one digit": lambda r: edited_authorization(r, r.header("authorization")[-64:], "0"),
    "security token": lambda r: with_header(r, "x-amz-security-token", "another"),
}


@pytest.mark.parametrize("service", ["s3", "sqs"])
@pytest.mark.parametrize("part", [*ALTERATIONS, *HEADER_ALTERATIONS])
def test_altered_part_of_a_header_signed_request_is_refused(service, part):
    request = signed(service, token="a token")
    check(request)
    alter = {**ALTERATIONS, **HEADER_ALTERATIONS}[part]
    problem = refusal(alter(request), secret="another" if part == "access key" else SECRET)
    assert problem.kind is Kind.MISMATCH


PRESIGNED_ALTERATIONS = {
    "expiry": lambda r: replace(r, query=r.query.replace("Expires=600", "Expires=601")),
    "date": lambda r: replace(r, query=r.query.replace("T000000Z", "T000001Z")),
    "region": lambda r: replace(r, query=r.query.replace("eu-west-1", "eu-west-2")),
    "security token": lambda r: replace(r, query=r.query.replace("token", "tokem")),
    "signature": lambda r: replace(r, query=r.query[:-4] + "0000"),
}


@pytest.mark.parametrize("service", ["s3", "sqs"])
@pytest.mark.parametrize("part", [*ALTERATIONS, *PRESIGNED_ALTERATIONS])
def test_altered_part_of_a_presigned_request_is_refused(service, part):
    request = presigned(service, token="a token")
    check(request)
    assert refusal({**ALTERATIONS, **PRESIGNED_ALTERATIONS}[part](request)).kind is Kind.MISMATCH


def test_altered_body_is_refused_by_the_protocols_own_name():
    assert refusal(replace(signed("sqs"), body=b"{}")).kind is Kind.MISMATCH
    problem = refusal(replace(signed("s3"), body=b"{}"))
    error = problem.to_error("rest-xml", "s3")
    assert (error.code, error.status) == ("XAmzContentSHA256Mismatch", 400)
    assert error.message == "The provided 'x-amz-content-sha256' header does not match what was computed."
    assert error.members == {
        "ClientComputedContentSHA256": sha256(BODY).hexdigest(),
        "S3ComputedContentSHA256": sha256(b"{}").hexdigest(),
    }


def test_declared_payload_hash_is_signed_so_a_streamed_s3_body_is_checked_later():
    request = signed("s3")
    claim = read_credentials(request)
    verify(request, claim, SECRET, wall_ms=WALL_MS, body_sha256=None, signing_key_cache=SigningKeys())
    check_body_sha256(claim, sha256(BODY).hexdigest())
    with pytest.raises(SignatureProblem, match="body_mismatch"):
        check_body_sha256(claim, sha256(b"other").hexdigest())
    other = with_header(request, "x-amz-content-sha256", sha256(b"other").hexdigest())
    assert refusal(replace(other, body=b"other")).kind is Kind.MISMATCH


def test_unsigned_payload_is_only_s3s():
    check(replace(signed("s3", payload_hash="UNSIGNED-PAYLOAD"), body=b"whatever came"))
    request = signed("sqs", payload_hash="UNSIGNED-PAYLOAD")
    assert refusal(request).kind is Kind.MISMATCH


@pytest.mark.parametrize("make", [signed, presigned])
@pytest.mark.parametrize("service", ["s3", "sqs"])
def test_x_amz_header_that_is_not_signed_is_refused(make, service):
    problem = refusal(with_header(make(service), "x-amz-acl", "public-read"))
    assert problem.kind is Kind.UNSIGNED_HEADERS
    error = problem.to_error("rest-xml", "s3")
    assert (error.code, error.status) == ("AccessDenied", 403)
    assert error.message == "There were headers present in the request which were not signed"
    assert error.members == {"HeadersNotSigned": "x-amz-acl"}
    error = problem.to_error("json", "sqs")
    assert error.message == "'X-Amz-Acl' must be a 'SignedHeader' in the AWS Authorization."


def test_header_sent_twice_is_verified_as_both_values():
    request = signed("s3")
    twice = replace(request, headers=[*request.headers, ("x-amz-meta-a", "2")])
    assert refusal(twice).kind is Kind.MISMATCH


def test_host_must_be_signed():
    request = unsigned("sqs")
    without_host = replace(request, headers=request.headers[1:])
    added = sign(without_host, service="sqs", wall_ms=WALL_MS, **CREDENTIALS)
    problem = refusal(replace(request, headers=request.headers + added))
    assert problem.to_error("json", "sqs").message == (
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    )


def test_chunked_mode_under_a_presigned_url_that_does_not_sign_it_is_refused():
    request = with_header(presigned("s3"), "x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    assert refusal(request).details["HeadersNotSigned"] == "x-amz-content-sha256"


# --- time ---


@pytest.mark.parametrize("service", ["s3", "sqs"])
def test_header_signature_holds_for_fifteen_minutes_either_way(service):
    request = signed(service)
    for wall_ms in (WALL_MS - 15 * MINUTE_MS, WALL_MS + 15 * MINUTE_MS):
        check(request, wall_ms=wall_ms)
    assert refusal(request, wall_ms=WALL_MS - 15 * MINUTE_MS - 1).kind is Kind.NOT_YET
    assert refusal(request, wall_ms=WALL_MS + 15 * MINUTE_MS + 1).kind is Kind.SKEWED


def test_late_and_early_requests_are_told_so_in_aws_words():
    late = refusal(signed("sqs"), wall_ms=WALL_MS + 20 * MINUTE_MS)
    assert late.to_error("query", "sqs").message == (
        "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z (20260101T002000Z - 15 min.)"
    )
    assert late.to_error("json", "sqs").code == "InvalidSignatureException"
    early = refusal(signed("sqs"), wall_ms=WALL_MS - 20 * MINUTE_MS)
    assert early.to_error("query", "sqs").message == (
        "Signature not yet current: 20260101T000000Z is still later than 20251231T235500Z (20251231T234000Z + 15 min.)"
    )
    error = refusal(signed("s3"), wall_ms=WALL_MS + 20 * MINUTE_MS).to_error("rest-xml", "s3")
    assert (error.code, error.status) == ("RequestTimeTooSkewed", 403)
    assert error.members == {
        "RequestTime": "20260101T000000Z",
        "ServerTime": "2026-01-01T00:20:00Z",
        "MaxAllowedSkewMilliseconds": "900000",
    }


def test_presigned_url_expires_when_it_says():
    request = presigned("s3", expires_s=7 * 86_400)
    check(request, wall_ms=WALL_MS + 7 * 86_400_000)
    problem = refusal(request, wall_ms=WALL_MS + 7 * 86_400_000 + 1)
    error = problem.to_error("rest-xml", "s3")
    assert (error.code, error.status, error.message) == ("AccessDenied", 403, "Request has expired")
    assert error.members == {
        "X-Amz-Expires": "604800",
        "Expires": "2026-01-08T00:00:00Z",
        "ServerTime": "2026-01-08T00:00:00Z",
    }
    early = refusal(request, wall_ms=WALL_MS - 16 * MINUTE_MS).to_error("rest-xml", "s3")
    assert (early.code, early.message) == ("AccessDenied", "Request is not yet valid")


@pytest.mark.parametrize(
    ("expires", "message"),
    [
        ("604801", "X-Amz-Expires must be less than a week (in seconds);"),
        ("-1", "X-Amz-Expires must be non-negative"),
        ("soon", "X-Amz-Expires should be a number"),
        ("9" * 30, "X-Amz-Expires should be a number"),
    ],
)
def test_presigned_expiry_out_of_range_is_refused(expires, message):
    request = presigned("s3")
    problem = refusal(replace(request, query=request.query.replace("Expires=600", f"Expires={expires}")))
    error = problem.to_error("rest-xml", "s3")
    assert (error.code, error.status) == ("AuthorizationQueryParametersError", 400)
    assert error.message.startswith(message)


def test_presigned_url_of_another_service_without_expiry_holds_for_fifteen_minutes():
    request = presigned("sqs", expires_s=None)
    assert check(request, wall_ms=WALL_MS + 15 * MINUTE_MS).expires_s is None
    assert refusal(request, wall_ms=WALL_MS + 15 * MINUTE_MS + 1).kind is Kind.SKEWED
    assert refusal(presigned("s3", expires_s=None)).kind is Kind.INCOMPLETE


def test_date_header_serves_where_there_is_no_x_amz_date():
    request = signed("sqs")
    for date in ("20260101T000000Z", "Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 01:00:00 +0100"):
        claim = read_credentials(with_header(with_header(request, "x-amz-date", None), "date", date))
        assert (claim.amz_date, claim.signed_at_ms) == ("20260101T000000Z", WALL_MS)


# --- form ---


def test_request_without_any_credentials_is_anonymous():
    assert read_credentials(unsigned("s3")) is None


BROKEN_HEADERS = {
    "AWS4-HMAC-SHA256": Kind.INCOMPLETE,
    "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/sqs/aws4_request": Kind.INCOMPLETE,
    "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=0": Kind.BAD_CREDENTIAL,
    "AWS4-HMAC-SHA256 Credential=a/2026/e/sqs/aws4_request, SignedHeaders=host, Signature=0": Kind.BAD_CREDENTIAL,
    "AWS4-HMAC-SHA256 Credential=/20260101/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0": (
        Kind.BAD_CREDENTIAL
    ),
    "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/sqs/aws5_request, SignedHeaders=host, Signature=0": (
        Kind.WRONG_TERMINATOR
    ),
    "AWS4-HMAC-SHA256 Credential=a/20260102/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0": (
        Kind.WRONG_DATE
    ),
    "AWS4-HMAC-SHA256 Credential=a/20260101/e/sqs/aws4_request,Signature=0,Signature=1,SignedHeaders=host": (
        Kind.INCOMPLETE
    ),
    "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=": Kind.SIGV2,
    "AWS4-ECDSA-P256-SHA256 Credential=a/20260101/sqs/aws4_request, SignedHeaders=host, Signature=0": Kind.SIGV4A,
    "Bearer abc": Kind.UNSUPPORTED_SCHEME,
    "": Kind.UNSUPPORTED_SCHEME,
    "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/s3express/aws4_request, SignedHeaders=host, Signature=0": (
        Kind.S3_EXPRESS
    ),
    "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0": (
        Kind.NO_PAYLOAD_HASH
    ),
}


@pytest.mark.parametrize("header", BROKEN_HEADERS)
@pytest.mark.parametrize("protocol", ["json", "query", "rest-json", "smithy-rpc-v2-cbor", "rest-xml"])
def test_broken_authorization_header_is_an_error_of_aws(header, protocol):
    request = with_header(with_header(unsigned("sqs"), "x-amz-date", "20260101T000000Z"), "authorization", header)
    with pytest.raises(SignatureProblem) as refused:
        read_credentials(request)
    assert refused.value.kind is BROKEN_HEADERS[header]
    error = refused.value.to_error(protocol, "s3" if protocol == "rest-xml" else "sqs")
    assert error.message and error.status in (400, 403, 501)


def test_authorization_header_is_read_in_any_order_and_spacing():
    request = signed("sqs")
    scheme, rest = request.header("authorization").split(" ", 1)
    parts = rest.split(", ")
    for joined in (",".join(parts), " ,  ".join(parts[::-1])):
        check(with_header(request, "authorization", f"{scheme} {joined}"))


@pytest.mark.parametrize(
    "date", ["2026-01-01T00:00:00Z", "20261301T000000Z", "20260101T000000", "٢٠٢٦٠١٠١T000000Z", ""]
)
def test_bad_date_is_refused(date):
    assert refusal(with_header(signed("sqs"), "x-amz-date", date)).kind is Kind.BAD_DATE


def test_line_end_smuggled_into_the_signed_header_names_is_refused():
    request = presigned("s3")
    smuggled = request.query.replace("SignedHeaders=", "SignedHeaders=a%0Ab%3B")
    assert refusal(replace(request, query=smuggled)).kind is Kind.INCOMPLETE
    smuggled = request.query.replace("eu-west-1", "eu-west-1%0A")
    assert refusal(replace(request, query=smuggled)).kind is Kind.BAD_CREDENTIAL


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders"])
def test_presigned_url_with_a_parameter_missing_or_twice_is_refused(name):
    request = presigned("s3")
    pieces = request.query.split("&")
    found = [piece for piece in pieces if piece.startswith(f"X-Amz-{name}=")]
    without = replace(request, query="&".join(piece for piece in pieces if piece not in found))
    twice = replace(request, query="&".join(found + pieces))
    if name != "Algorithm":
        error = refusal(without).to_error("rest-xml", "s3")
        assert (error.code, error.status) == ("AuthorizationQueryParametersError", 400)
    assert refusal(twice).kind is Kind.INCOMPLETE


def test_header_and_query_credentials_together_are_refused():
    request = presigned("s3")
    both = replace(request, headers=signed("s3").headers)
    assert refusal(both).kind is Kind.TWO_MECHANISMS


def test_signature_version_2_in_a_query_is_refused_by_name():
    request = replace(unsigned("s3"), query="AWSAccessKeyId=a&Expires=1&Signature=b")
    with pytest.raises(SignatureProblem) as refused:
        read_credentials(request)
    assert refused.value.to_error("rest-xml", "s3").message == (
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
    )


@pytest.mark.parametrize("declared", ["abc", "", "STREAMING-SOMETHING"])
def test_payload_hash_that_is_none_is_refused(declared):
    error = refusal(with_header(signed("s3"), "x-amz-content-sha256", declared)).to_error("rest-xml", "s3")
    assert (error.code, error.members["ArgumentName"]) == ("InvalidArgument", "x-amz-content-sha256")


def test_scope_must_name_the_routed_service_and_region():
    claim = read_credentials(signed("sqs"))
    check_scope(claim, service="sqs")
    with pytest.raises(SignatureProblem) as refused:
        check_scope(claim, service="sns")
    error = refused.value.to_error("query", "sns")
    assert (error.code, error.message) == (
        "SignatureDoesNotMatch",
        "Credential should be scoped to correct service: 'sns'. ",
    )
    with pytest.raises(SignatureProblem) as refused:
        check_scope(read_credentials(signed("s3")), service="s3", region="us-east-1")
    error = refused.value.to_error("rest-xml", "s3")
    assert (error.code, error.status, error.members) == ("AuthorizationHeaderMalformed", 400, {"Region": "us-east-1"})
    assert error.message == (
        "The authorization header is malformed; the region 'eu-west-1' is wrong; expecting 'us-east-1'"
    )


def test_s3_shows_what_it_signed():
    error = refusal(signed("s3"), secret="wrong").to_error("rest-xml", "s3")
    assert list(error.members) == [
        "AWSAccessKeyId",
        "StringToSign",
        "SignatureProvided",
        "StringToSignBytes",
        "CanonicalRequest",
        "CanonicalRequestBytes",
    ]
    assert error.members["StringToSign"].startswith("AWS4-HMAC-SHA256\n20260101T000000Z\n20260101/eu-west-1/s3/")
    assert error.members["StringToSignBytes"].startswith("41 57 53 34")
    assert SECRET not in str(error.members)


# --- keys ---


def test_signing_keys_are_bounded_and_forget_the_least_recently_used():
    keys = SigningKeys(limit=2)
    claims = [read_credentials(signed(service)) for service in ("sqs", "sns", "iam")]
    kept = keys.get(claims[0], SECRET)
    keys.get(claims[1], SECRET)
    assert keys.get(claims[0], SECRET) is kept
    keys.get(claims[2], SECRET)  # pushes sns out
    assert len(keys) == 2
    assert keys.get(claims[0], SECRET) is kept


def test_changed_secret_never_meets_a_cached_key():
    keys = SigningKeys()
    check(signed("sqs"), keys=keys)
    assert refusal(signed("sqs"), keys=keys, secret="rotated").kind is Kind.MISMATCH


def test_dropping_an_access_key_forgets_its_keys_only():
    keys = SigningKeys()
    claim = read_credentials(signed("sqs"))
    other = read_credentials(edited_authorization(signed("sqs"), KEY_ID, "AKIA2"))
    first = keys.get(claim, "versioned", 1)
    kept = keys.get(other, "versioned", 1)
    keys.drop(KEY_ID)
    assert keys.get(claim, "anew", 1) != first
    assert keys.get(other, "anew", 1) is kept
