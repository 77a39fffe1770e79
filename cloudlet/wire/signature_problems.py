"""Why a signature was refused, and the answer AWS gives for it: one table for every protocol.

sigv4.py finds the problem and doesn't know the protocol; this knows names, statuses and texts. S3 has its own words;
the query protocol and the JSON and CBOR ones share theirs and differ in the error's name.
"""

from enum import StrEnum
from typing import Any, NamedTuple

from cloudlet.base.errors import AwsError, aws_error

SKEW_MS_MAX = 15 * 60 * 1000  # https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
EXPIRES_S_MAX = 604_800  # seven days: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html


class Kind(StrEnum):
    """What is wrong with a request's signature."""

    ANONYMOUS = "anonymous"
    UNKNOWN_KEY = "unknown_key"
    MISMATCH = "mismatch"
    BODY_MISMATCH = "body_mismatch"
    INCOMPLETE = "incomplete"
    TWO_MECHANISMS = "two_mechanisms"
    UNSUPPORTED_SCHEME = "unsupported_scheme"
    SIGV2 = "sigv2"
    SIGV2_INCOMPLETE = "sigv2_incomplete"
    SIGV4A = "sigv4a"
    S3_EXPRESS = "s3_express"
    BAD_CREDENTIAL = "bad_credential"
    BAD_DATE = "bad_date"
    BAD_EXPIRES = "bad_expires"
    BAD_PAYLOAD_HASH = "bad_payload_hash"
    NO_PAYLOAD_HASH = "no_payload_hash"
    WRONG_DATE = "wrong_date"
    WRONG_REGION = "wrong_region"
    WRONG_SERVICE = "wrong_service"
    WRONG_TERMINATOR = "wrong_terminator"
    UNSIGNED_HEADERS = "unsigned_headers"
    SKEWED = "skewed"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_INVALID = "token_invalid"


class SignatureProblem(Exception):
    """A request whose signature is refused; `problem_to_error` words it for a protocol."""

    def __init__(self, kind: Kind, message: str = "", /, **details: Any) -> None:
        self.kind, self.details = kind, details
        self.message = message or kind.value
        super().__init__(self.message)

    def to_error(self, protocol: str, service: str) -> AwsError:
        return problem_to_error(self.kind, protocol, service, self.details)


class _Answer(NamedTuple):
    s3: tuple[str, int, str]  # code, status, text
    other: tuple[str, str]  # the query protocol's code, text


_CREDENTIAL_FORM = '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request"'
_QUERY_PARAMETERS = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date,"
    " X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)
_HEADER_PARTS = "the authorization header requires three components: Credential, SignedHeaders, and Signature."
_NO_MATCH = "The request signature we calculated does not match the signature you provided. "
_CONSULT = "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
_TOKEN_INVALID = "The security token included in the request is invalid."
_TOKEN_EXPIRED = "The security token included in the request is expired"
# Ours, after AWS's sentence: the commonest first mistake should end where it happens.
_HINT = ' (Cloudlet: "cloudlet env" prints what to use; on loopback that is test/test, unless it was given a root key.)'
_SIGV4A = "Signature Version 4A (AWS4-ECDSA-P256-SHA256) is not implemented; sign with AWS4-HMAC-SHA256."
_EXPRESS = "S3 Express One Zone (CreateSession, s3express) is not implemented; use a general purpose bucket."
_MALFORMED = "AuthorizationHeaderMalformed"  # of a presigned URL: AuthorizationQueryParametersError

_ANSWERS: dict[Kind, _Answer] = {
    Kind.ANONYMOUS: _Answer(
        ("AccessDenied", 403, "Access Denied"),
        ("MissingAuthenticationToken", "Request is missing Authentication Token"),
    ),
    Kind.UNKNOWN_KEY: _Answer(
        ("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records." + _HINT),
        ("InvalidClientTokenId", _TOKEN_INVALID + _HINT),
    ),
    Kind.MISMATCH: _Answer(
        ("SignatureDoesNotMatch", 403, _NO_MATCH + "Check your key and signing method."),
        ("SignatureDoesNotMatch", _NO_MATCH + _CONSULT),
    ),
    Kind.BODY_MISMATCH: _Answer(
        (
            "XAmzContentSHA256Mismatch",
            400,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
        ("SignatureDoesNotMatch", _NO_MATCH + _CONSULT),
    ),
    Kind.INCOMPLETE: _Answer(
        (_MALFORMED, 400, _HEADER_PARTS),
        ("IncompleteSignature", "{missing}"),
    ),
    Kind.TWO_MECHANISMS: _Answer(
        (
            "InvalidArgument",
            400,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string"
            " parameter or the Authorization header should be specified",
        ),
        ("IncompleteSignature", "Only one of the Authorization header and the X-Amz-Algorithm parameter may be given."),
    ),
    Kind.UNSUPPORTED_SCHEME: _Answer(
        ("InvalidArgument", 400, "Unsupported Authorization Type"),
        ("IncompleteSignature", "Unsupported AWS 'algorithm': '{algorithm}'."),
    ),
    Kind.SIGV2: _Answer(
        (
            "InvalidRequest",
            400,
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ),
        ("IncompleteSignature", "Unsupported AWS 'algorithm': 'Signature Version 2'. Please use AWS4-HMAC-SHA256."),
    ),
    Kind.SIGV2_INCOMPLETE: _Answer(
        (
            "AccessDenied",
            403,
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
        ),
        ("IncompleteSignature", "Unsupported AWS 'algorithm': 'Signature Version 2'. Please use AWS4-HMAC-SHA256."),
    ),
    Kind.SIGV4A: _Answer(("NotImplemented", 501, _SIGV4A), ("NotImplemented", _SIGV4A)),
    Kind.S3_EXPRESS: _Answer(("NotImplemented", 501, _EXPRESS), ("NotImplemented", _EXPRESS)),
    Kind.BAD_CREDENTIAL: _Answer(
        (_MALFORMED, 400, f"the Credential is mal-formed; expecting {_CREDENTIAL_FORM}."),
        (
            "IncompleteSignature",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term,"
            " got '{credential}'",
        ),
    ),
    Kind.BAD_DATE: _Answer(
        ("AccessDenied", 403, "AWS authentication requires a valid Date or x-amz-date header"),
        ("IncompleteSignature", "{why}"),
    ),
    Kind.BAD_EXPIRES: _Answer(
        ("AuthorizationQueryParametersError", 400, "{why}"),
        ("IncompleteSignature", "{why}"),
    ),
    Kind.BAD_PAYLOAD_HASH: _Answer(
        (
            "InvalidArgument",
            400,
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD or a valid sha256"
            " value.",
        ),
        ("SignatureDoesNotMatch", _NO_MATCH + _CONSULT),
    ),
    Kind.NO_PAYLOAD_HASH: _Answer(
        ("InvalidRequest", 400, "Missing required header for this request: x-amz-content-sha256"),
        ("SignatureDoesNotMatch", _NO_MATCH + _CONSULT),
    ),
    Kind.WRONG_DATE: _Answer(
        (
            _MALFORMED,
            400,
            'Invalid credential date "{scope_date}". This date is not the same as X-Amz-Date: "{request_date}".',
        ),
        (
            "SignatureDoesNotMatch",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope_date}'"
            " != '{request_date}', from '{amz_date}'.",
        ),
    ),
    Kind.WRONG_REGION: _Answer(
        (_MALFORMED, 400, "the region '{region}' is wrong; expecting '{expected}'"),
        ("SignatureDoesNotMatch", "Credential should be scoped to a valid region, not '{region}'. "),
    ),
    Kind.WRONG_SERVICE: _Answer(
        (_MALFORMED, 400, 'incorrect service "{service}". This endpoint belongs to "{expected}".'),
        ("SignatureDoesNotMatch", "Credential should be scoped to correct service: '{expected}'. "),
    ),
    Kind.WRONG_TERMINATOR: _Answer(
        (_MALFORMED, 400, 'incorrect terminal "{terminator}". This endpoint uses "aws4_request".'),
        (
            "SignatureDoesNotMatch",
            "Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'. ",
        ),
    ),
    Kind.UNSIGNED_HEADERS: _Answer(
        ("AccessDenied", 403, "There were headers present in the request which were not signed"),
        ("SignatureDoesNotMatch", "{quoted} must be a 'SignedHeader' in the AWS Authorization."),
    ),
    Kind.SKEWED: _Answer(
        ("RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."),
        (
            "SignatureDoesNotMatch",
            "Signature expired: {amz_date} is now earlier than {limit} ({server_amz_date} - 15 min.)",
        ),
    ),
    Kind.NOT_YET: _Answer(
        ("RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."),
        (
            "SignatureDoesNotMatch",
            "Signature not yet current: {amz_date} is still later than {limit} ({server_amz_date} + 15 min.)",
        ),
    ),
    Kind.EXPIRED: _Answer(
        ("AccessDenied", 403, "Request has expired"),
        ("SignatureDoesNotMatch", "Signature expired: {amz_date} is now earlier than {limit} ({server_amz_date})"),
    ),
    Kind.TOKEN_EXPIRED: _Answer(
        ("ExpiredToken", 400, "The provided token has expired."),
        ("ExpiredToken", _TOKEN_EXPIRED),
    ),
    Kind.TOKEN_INVALID: _Answer(
        ("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
        ("InvalidClientTokenId", _TOKEN_INVALID),
    ),
}

_JSON_NAMES = {
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "IncompleteSignature": "IncompleteSignatureException",
    "ExpiredToken": "ExpiredTokenException",
    "NotImplemented": "NotImplemented",
}
# Where AWS's status isn't 403: awsJson and CBOR services answer 400, as DynamoDB does.
_STATUS_OF_PROTOCOL = {"query": 403, "rest-json": 403, "rest-xml": 403, "json": 400, "smithy-rpc-v2-cbor": 400}
_S3_MEMBERS = {
    Kind.UNKNOWN_KEY: ("AWSAccessKeyId",),
    Kind.MISMATCH: (
        "AWSAccessKeyId",
        "StringToSign",
        "SignatureProvided",
        "StringToSignBytes",
        "CanonicalRequest",
        "CanonicalRequestBytes",
    ),
    Kind.BODY_MISMATCH: ("ClientComputedContentSHA256", "S3ComputedContentSHA256"),
    Kind.UNSIGNED_HEADERS: ("HeadersNotSigned",),
    Kind.UNSUPPORTED_SCHEME: ("ArgumentName", "ArgumentValue"),
    Kind.TWO_MECHANISMS: ("ArgumentName", "ArgumentValue"),
    Kind.BAD_PAYLOAD_HASH: ("ArgumentName", "ArgumentValue"),
    Kind.WRONG_REGION: ("Region",),
    Kind.SKEWED: ("RequestTime", "ServerTime", "MaxAllowedSkewMilliseconds"),
    Kind.NOT_YET: ("RequestTime", "ServerTime", "MaxAllowedSkewMilliseconds"),
    Kind.EXPIRED: ("X-Amz-Expires", "Expires", "ServerTime"),
    Kind.TOKEN_EXPIRED: ("Token-0",),
    Kind.TOKEN_INVALID: ("Token-0",),
}


def problem_to_error(kind: Kind | str, protocol: str, service: str, details: dict[str, Any] | None = None) -> AwsError:
    """The answer to a refused signature, in the protocol's own words.

    `details` are those of a SignatureProblem; besides them: access_key_id (unknown_key), expected (wrong_region …),
    and S3's further members by their own names.
    """
    kind, facts = Kind(kind), _Facts(details or {})
    answer = _ANSWERS[kind]
    if service == "s3" or protocol == "rest-xml":
        return _s3_error(kind, answer.s3, facts)
    code, text = answer.other
    status = 501 if code == "NotImplemented" else _STATUS_OF_PROTOCOL[protocol]
    if protocol == "rest-json" and kind is Kind.ANONYMOUS:
        text = "Missing Authentication Token"  # API Gateway's and Lambda's wording
    if protocol != "query":
        code = _JSON_NAMES[code]
    return aws_error(code, text.format_map(facts), status)


class _Facts(dict[str, Any]):
    """Details for the texts; one that the raiser left out shows as nothing rather than failing the refusal."""

    def __missing__(self, name: str) -> str:
        return ""


def _s3_error(kind: Kind, answer: tuple[str, int, str], facts: _Facts) -> AwsError:
    code, status, text = answer
    text = text.format_map(facts)
    if code == _MALFORMED:
        if not facts.get("presigned"):
            text = f"The authorization header is malformed; {text}"
        else:
            code = "AuthorizationQueryParametersError"
            text = (
                _QUERY_PARAMETERS
                if kind is Kind.INCOMPLETE
                else f"Error parsing the X-Amz-Credential parameter; {text}"
            )
    if kind is Kind.NOT_YET and facts.get("presigned"):
        code, text = "AccessDenied", "Request is not yet valid"
    known = _s3_facts(kind, facts)
    members = {name: known[name] for name in _S3_MEMBERS.get(kind, ()) if known.get(name) is not None}
    return aws_error(code, text, status, **members)


def _s3_facts(kind: Kind, facts: _Facts) -> dict[str, Any]:
    """S3's error members, from our details or given by their own names."""
    known: dict[str, Any] = {
        "AWSAccessKeyId": facts.get("access_key_id"),
        "SignatureProvided": facts.get("signature"),
        "StringToSign": facts.get("string_to_sign"),
        "CanonicalRequest": facts.get("canonical_request"),
        "Region": facts.get("expected"),
        "MaxAllowedSkewMilliseconds": str(SKEW_MS_MAX),
    }
    for name in ("StringToSign", "CanonicalRequest"):
        if known[name] is not None:
            known[name + "Bytes"] = known[name].encode("utf-8").hex(" ")
    known.update(facts)
    return known
