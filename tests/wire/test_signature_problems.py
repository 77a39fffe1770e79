"""Each refusal of a signature has the protocol's own name, status and words."""

import pytest

from cloudlet.wire.sigv4 import Kind, problem_to_error

NAMES = [
    (Kind.MISMATCH, "query", "SignatureDoesNotMatch", 403),
    (Kind.MISMATCH, "json", "InvalidSignatureException", 400),
    (Kind.MISMATCH, "smithy-rpc-v2-cbor", "InvalidSignatureException", 400),
    (Kind.MISMATCH, "rest-json", "InvalidSignatureException", 403),
    (Kind.MISMATCH, "rest-xml", "SignatureDoesNotMatch", 403),
    (Kind.UNKNOWN_KEY, "query", "InvalidClientTokenId", 403),
    (Kind.UNKNOWN_KEY, "json", "UnrecognizedClientException", 400),
    (Kind.UNKNOWN_KEY, "smithy-rpc-v2-cbor", "UnrecognizedClientException", 400),
    (Kind.UNKNOWN_KEY, "rest-json", "UnrecognizedClientException", 403),
    (Kind.UNKNOWN_KEY, "rest-xml", "InvalidAccessKeyId", 403),
    (Kind.ANONYMOUS, "query", "MissingAuthenticationToken", 403),
    (Kind.ANONYMOUS, "json", "MissingAuthenticationTokenException", 400),
    (Kind.ANONYMOUS, "rest-json", "MissingAuthenticationTokenException", 403),
    (Kind.ANONYMOUS, "rest-xml", "AccessDenied", 403),
    (Kind.TOKEN_EXPIRED, "query", "ExpiredToken", 403),
    (Kind.TOKEN_EXPIRED, "json", "ExpiredTokenException", 400),
    (Kind.TOKEN_EXPIRED, "rest-xml", "ExpiredToken", 400),
    (Kind.TOKEN_INVALID, "query", "InvalidClientTokenId", 403),
    (Kind.TOKEN_INVALID, "rest-xml", "InvalidToken", 400),
    (Kind.INCOMPLETE, "json", "IncompleteSignatureException", 400),
    (Kind.INCOMPLETE, "query", "IncompleteSignature", 403),
    (Kind.SIGV4A, "rest-xml", "NotImplemented", 501),
    (Kind.SIGV4A, "json", "NotImplemented", 501),
]


@pytest.mark.parametrize(("kind", "protocol", "code", "status"), NAMES)
def test_problem_has_the_protocols_own_name(kind, protocol, code, status):
    error = problem_to_error(kind, protocol, "s3" if protocol == "rest-xml" else "sqs")
    assert (error.code, error.status) == (code, status)


def test_every_problem_can_be_worded_in_every_protocol_without_details():
    for kind in Kind:
        for protocol in ("json", "query", "rest-json", "smithy-rpc-v2-cbor", "rest-xml"):
            assert "{" not in problem_to_error(kind.value, protocol, "x").message


def test_unknown_access_key_is_told_what_to_use():
    error = problem_to_error(Kind.UNKNOWN_KEY, "json", "sqs", {"access_key_id": "AKIA0"})
    assert error.message == (
        "The security token included in the request is invalid."
        ' (Cloudlet: "cloudlet env" prints what to use; on loopback that is test/test, unless it was given a root key.)'
    )
    assert problem_to_error("unknown_key", "rest-xml", "s3", {"access_key_id": "A"}).members == {"AWSAccessKeyId": "A"}
