"""What a signed request claims: its Authorization header or presigned query, read and checked for form only.

Whether the claim is true is sigv4.py's to say.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote

import msgspec

from cloudlet.wire.message import HttpRequest
from cloudlet.wire.signature_problems import EXPIRES_S_MAX, Kind, SignatureProblem

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
# Signing names that share S3's rules: path encoded once and as it is, the payload's hash declared in a header.
S3_SIGNING_NAMES = frozenset({"s3", "s3express", "s3-outposts", "s3-object-lambda"})


class PayloadMode(StrEnum):
    """What the signature says about the body."""

    WHOLE = "whole"  # its SHA-256
    UNSIGNED = UNSIGNED_PAYLOAD
    CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def is_chunked(self) -> bool:
        return self.value.startswith("STREAMING-")


class Claim(msgspec.Struct, frozen=True):
    """What a signed request says of itself; nothing of it is proved before `verify` returned."""

    access_key_id: str
    date: str  # of the scope: YYYYMMDD
    region: str
    service: str  # the signing name, e.g. "monitoring" for CloudWatch
    signed_headers: tuple[str, ...]
    signature: str
    amz_date: str  # YYYYMMDDTHHMMSSZ, from x-amz-date or Date
    signed_at_ms: int
    token: str | None  # x-amz-security-token
    presigned: bool
    expires_s: int | None
    payload_mode: PayloadMode
    payload_hash: str | None  # as declared: what the signature covers; None = the body's own hash

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


_USUAL_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([^,\s]+)", re.ASCII
)
_AMZ_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_SCOPE_KEPT_CHARACTERS = 512
_SCOPE_DATE = re.compile(r"\d{8}", re.ASCII)
_REGION = re.compile(r"[A-Za-z0-9_-]{1,63}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+")  # decoded from a query they could hold line ends, which the canonical form counts on
_DIGITS = re.compile(r"-?\d{1,18}", re.ASCII)
CHUNKED_MODES = {mode.value: mode for mode in PayloadMode if mode.is_chunked}


def read_credentials(request: HttpRequest) -> Claim | None:
    """The claim of a signed request, from its Authorization header or presigned query; None if it is anonymous.

    Raises SignatureProblem for one that is neither.
    """
    authorization = request.header("authorization")
    has_query = "X-Amz-Algorithm=" in request.query or "X-Amz-Signature=" in request.query
    if authorization is not None:
        if has_query:
            raise SignatureProblem(Kind.TWO_MECHANISMS, ArgumentName="Authorization", ArgumentValue=authorization)
        return _read_header(request, authorization)
    if has_query:
        return _read_query(request)
    if "AWSAccessKeyId=" in request.query and "Signature=" in request.query:
        raise SignatureProblem(Kind.SIGV2)
    return None


def _read_header(request: HttpRequest, authorization: str) -> Claim:
    usual = _USUAL_HEADER.fullmatch(authorization)
    credential, signed_headers, signature = usual.groups() if usual else _parse_header(request, authorization)
    amz_date, signed_at_ms = _request_date(request)
    return _claim(
        request,
        credential=credential,
        signed_headers=signed_headers,
        signature=signature,
        amz_date=amz_date,
        signed_at_ms=signed_at_ms,
        token=request.header("x-amz-security-token"),
        payload_hash=request.header("x-amz-content-sha256"),
    )


def _parse_header(request: HttpRequest, authorization: str) -> tuple[str, str, str]:
    """The three parts of an Authorization header in any order and spacing."""
    scheme, _, rest = authorization.partition(" ")
    if scheme != ALGORITHM:
        _refuse_scheme(scheme, authorization)
    parts: dict[str, str] = {}
    repeated = False
    for piece in rest.split(","):
        name, _, value = piece.strip().partition("=")
        repeated = repeated or name in parts
        parts[name] = value
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    if missing or repeated:
        texts = [f"Authorization header requires '{name}' parameter." for name in missing]
        if request.header("x-amz-date") is None and request.header("date") is None:
            texts.append(_NO_DATE)
        if repeated:
            texts.append("Authorization header gives a parameter twice.")
        raise SignatureProblem(Kind.INCOMPLETE, missing=" ".join(texts))
    return parts["Credential"], parts["SignedHeaders"], parts["Signature"]


def _refuse_scheme(scheme: str, given: str) -> None:
    if scheme.startswith("AWS4-ECDSA-P256-SHA256"):
        raise SignatureProblem(Kind.SIGV4A)
    if scheme == "AWS":
        raise SignatureProblem(Kind.SIGV2)
    raise SignatureProblem(Kind.UNSUPPORTED_SCHEME, algorithm=scheme, ArgumentName="Authorization", ArgumentValue=given)


_QUERY_NAMES = ("Algorithm", "Credential", "Date", "SignedHeaders", "Signature")


def _read_query(request: HttpRequest) -> Claim:
    given: dict[str, str] = {}
    for piece in request.query.split("&"):
        if piece.startswith("X-Amz-"):
            name, _, value = piece[6:].partition("=")
            if name in given:
                raise SignatureProblem(Kind.INCOMPLETE, presigned=True, missing=f"X-Amz-{name} is given twice.")
            given[name] = unquote(value, "latin-1")
    algorithm = given.get("Algorithm")
    if algorithm and algorithm != ALGORITHM:
        _refuse_scheme(algorithm, algorithm)
    if "S3session-Token" in given:
        raise SignatureProblem(Kind.S3_EXPRESS)
    missing = [name for name in _QUERY_NAMES if not given.get(name)]
    if missing:
        texts = " ".join(f"AWS query-string parameters must include 'X-Amz-{name}'." for name in missing)
        raise SignatureProblem(Kind.INCOMPLETE, presigned=True, missing=texts)
    amz_date = given["Date"]
    signed_headers = given["SignedHeaders"]
    signs_payload = "x-amz-content-sha256" in signed_headers.split(";")
    declared = request.header("x-amz-content-sha256") if signs_payload else None
    return _claim(
        request,
        credential=given["Credential"],
        signed_headers=signed_headers,
        signature=given["Signature"],
        amz_date=amz_date,
        signed_at_ms=_instant_ms(amz_date),
        token=given.get("Security-Token"),
        payload_hash=declared or given.get("Content-Sha256"),
        presigned=True,
        expires=given.get("Expires"),
    )


def _claim(
    request: HttpRequest,
    *,
    credential: str,
    signed_headers: str,
    signature: str,
    amz_date: str,
    signed_at_ms: int,
    token: str | None,
    payload_hash: str | None,
    presigned: bool = False,
    expires: str | None = None,
) -> Claim:
    read = _read_scope if len(credential) + len(signed_headers) <= _SCOPE_KEPT_CHARACTERS else _read_scope.__wrapped__
    access_key_id, date, region, service, names = read(credential, signed_headers, presigned)
    if not amz_date.startswith(date):
        raise SignatureProblem(
            Kind.WRONG_DATE, scope_date=date, request_date=amz_date[:8], amz_date=amz_date, presigned=presigned
        )
    mode, declared = PayloadMode.WHOLE, None
    if service in S3_SIGNING_NAMES:
        if service == "s3express" or request.header("x-amz-s3session-token") is not None:
            raise SignatureProblem(Kind.S3_EXPRESS)
        mode, declared = _payload(payload_hash, presigned)
    return Claim(
        access_key_id,
        date,
        region,
        service,
        names,
        signature,
        amz_date,
        signed_at_ms,
        token,
        presigned,
        _expires_s(expires, service) if presigned else None,
        mode,
        declared,
    )


@lru_cache(maxsize=1024)  # a client says the same with each of its requests
def _read_scope(credential: str, signed_headers: str, presigned: bool) -> tuple[str, str, str, str, tuple[str, ...]]:
    """Access key id, date, region, service and the names of signed headers."""
    parts = credential.rsplit("/", 4)
    well_formed = len(parts) == 5 and all(parts) and _VISIBLE.fullmatch(credential) and _SCOPE_DATE.fullmatch(parts[1])
    if not well_formed:
        raise SignatureProblem(Kind.BAD_CREDENTIAL, credential=credential, presigned=presigned)
    access_key_id, date, region, service, terminator = parts
    if not _VISIBLE.fullmatch(signed_headers):
        raise SignatureProblem(Kind.INCOMPLETE, missing="SignedHeaders names no headers.", presigned=presigned)
    if not _REGION.fullmatch(region):  # it becomes part of ARNs and of every key
        raise SignatureProblem(Kind.WRONG_REGION, region=region[:64], expected="us-east-1", presigned=presigned)
    if terminator != "aws4_request":
        raise SignatureProblem(Kind.WRONG_TERMINATOR, terminator=terminator, presigned=presigned)
    return access_key_id, date, region, service, tuple(signed_headers.split(";"))


def _payload(declared: str | None, presigned: bool) -> tuple[PayloadMode, str]:
    """S3's x-amz-content-sha256; a presigned URL may leave it out."""
    if declared is None:
        if presigned:
            return PayloadMode.UNSIGNED, UNSIGNED_PAYLOAD
        raise SignatureProblem(Kind.NO_PAYLOAD_HASH)
    if declared == UNSIGNED_PAYLOAD:
        return PayloadMode.UNSIGNED, declared
    if declared in CHUNKED_MODES:
        return CHUNKED_MODES[declared], declared
    if _SHA256.fullmatch(declared):
        return PayloadMode.WHOLE, declared
    if declared.startswith("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"):
        raise SignatureProblem(Kind.SIGV4A)
    raise SignatureProblem(Kind.BAD_PAYLOAD_HASH, ArgumentName="x-amz-content-sha256", ArgumentValue=declared)


def _expires_s(expires: str | None, service: str) -> int | None:
    if expires is None:
        if service in S3_SIGNING_NAMES:
            raise SignatureProblem(Kind.INCOMPLETE, presigned=True)
        return None
    if not _DIGITS.fullmatch(expires):
        raise SignatureProblem(Kind.BAD_EXPIRES, why="X-Amz-Expires should be a number")
    seconds = int(expires)
    if seconds < 0:
        raise SignatureProblem(Kind.BAD_EXPIRES, why="X-Amz-Expires must be non-negative")
    if seconds > EXPIRES_S_MAX:
        why = (
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than"
            f" {EXPIRES_S_MAX} seconds"
        )
        raise SignatureProblem(Kind.BAD_EXPIRES, why=why)
    return seconds


_NO_DATE = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."


def _bad_date(date: str) -> SignatureProblem:
    why = f"Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
    return SignatureProblem(Kind.BAD_DATE, why=why)


def _request_date(request: HttpRequest) -> tuple[str, int]:
    amz_date = request.header("x-amz-date")
    if amz_date is not None:
        return amz_date, _instant_ms(amz_date)
    date = request.header("date")
    if date is None:
        raise SignatureProblem(Kind.BAD_DATE, why=_NO_DATE)
    if _AMZ_DATE.fullmatch(date):
        return date, _instant_ms(date)
    try:
        instant = parsedate_to_datetime(date)
    except ValueError as error:
        raise _bad_date(date) from error
    if instant.tzinfo is None:  # "-0000": UTC, by RFC 5322
        instant = instant.replace(tzinfo=UTC)
    signed_at_ms = int(instant.timestamp()) * 1000
    return amz_date_of(signed_at_ms), signed_at_ms


@lru_cache(maxsize=1024)  # a busy second has thousands of requests and one or two dates
def _instant_ms(amz_date: str) -> int:
    if not _AMZ_DATE.fullmatch(amz_date):
        raise _bad_date(amz_date)
    try:
        instant = datetime.strptime(amz_date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _bad_date(amz_date) from error
    return int(instant.timestamp()) * 1000


def amz_date_of(instant_ms: int) -> str:
    return datetime.fromtimestamp(instant_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


def iso_of(instant_ms: int) -> str:
    return datetime.fromtimestamp(instant_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
