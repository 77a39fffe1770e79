"""AWS Signature Version 4: who signed a request, and whether the signature holds. Pure: no I/O, no store, no clock.

`read_credentials` (sigv4_claim.py) says what the request claims; whoever knows secrets looks one up and calls
`verify`. `sign` and `presign` (sigv4_sign.py) are the same rules the other way round. The chunks of aws-chunked
bodies are chunked.py's.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
"""

import hmac
from typing import Any

from cloudlet.wire.message import HttpRequest
from cloudlet.wire.signature_problems import SKEW_MS_MAX, Kind, SignatureProblem, problem_to_error
from cloudlet.wire.sigv4_canonical import canonical_request, hmac_hex, signing_key, string_to_sign, targets
from cloudlet.wire.sigv4_claim import CHUNKED_MODES, Claim, PayloadMode, amz_date_of, iso_of, read_credentials
from cloudlet.wire.sigv4_sign import presign, sign

__all__ = [
    "Claim",
    "Kind",
    "PayloadMode",
    "SignatureProblem",
    "SigningKeys",
    "check_body_sha256",
    "check_scope",
    "policy_signature",
    "presign",
    "problem_to_error",
    "read_credentials",
    "sign",
    "signing_key",
    "verify",
]


class SigningKeys:
    """Derived signing keys, the least recently used forgotten first."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._keys: dict[tuple[str, Any, str, str, str], bytes] = {}

    def get(self, claim: Claim, secret: bytes | str, secret_version: Any = None) -> bytes:
        """The key for `claim`. Without a version the secret itself is part of the cache's key, so a changed secret
        never meets an old entry."""
        version = secret if secret_version is None else secret_version
        name = (claim.access_key_id, version, claim.date, claim.region, claim.service)
        key = self._keys.pop(name, None)
        if key is None:
            key = signing_key(secret, claim.date, claim.region, claim.service)
            if len(self._keys) >= self._limit:
                del self._keys[next(iter(self._keys))]
        self._keys[name] = key  # dicts keep insertion order: the newest use is last
        return key

    def drop(self, access_key_id: str) -> None:
        """Forget every key of an access key that was deactivated, deleted or rotated."""
        for name in [name for name in self._keys if name[0] == access_key_id]:
            del self._keys[name]

    def __len__(self) -> int:
        return len(self._keys)


def verify(
    request: HttpRequest,
    claim: Claim,
    secret: bytes | str,
    *,
    wall_ms: int,
    body_sha256: str | None,
    signing_key_cache: SigningKeys,
    secret_version: Any = None,
) -> None:
    """Raise SignatureProblem unless `secret` signed this request, now.

    `body_sha256` (lower-case hex) may be None only for S3, where the declared hash is signed: check a streamed body
    with `check_body_sha256` once it is read, or through chunked.py.
    """
    _check_time(claim, wall_ms)
    _check_headers_signed(request, claim)
    payload_hash = claim.payload_hash
    if payload_hash is None:
        assert body_sha256 is not None, "only S3 verifies before it has read the body"
        payload_hash = body_sha256
    key = signing_key_cache.get(claim, secret, secret_version)
    given = claim.signature.encode("latin-1")
    if request.path == "/" and not request.query:  # nearly all: one reading
        canonical = canonical_request(request, claim.signed_headers, "/", "", payload_hash)
        signed = hmac_hex(key, string_to_sign(claim.amz_date, claim.scope, canonical))
        if hmac.compare_digest(signed.encode("ascii"), given):
            if body_sha256 is not None:
                check_body_sha256(claim, body_sha256)
            return
    first: tuple[str, str] | None = None
    for path, query in targets(request, claim):
        canonical = canonical_request(request, claim.signed_headers, path, query, payload_hash)
        to_sign = string_to_sign(claim.amz_date, claim.scope, canonical)
        if hmac.compare_digest(hmac_hex(key, to_sign).encode("ascii"), given):
            break
        first = first or (canonical, to_sign)
    else:
        assert first is not None
        raise SignatureProblem(
            Kind.MISMATCH,
            access_key_id=claim.access_key_id,
            signature=claim.signature,
            canonical_request=first[0],
            string_to_sign=first[1],
        )
    if body_sha256 is not None:
        check_body_sha256(claim, body_sha256)


def check_body_sha256(claim: Claim, body_sha256: str) -> None:
    """Raise unless the body that came has the hash that was signed (S3, PayloadMode.WHOLE)."""
    if claim.payload_mode is not PayloadMode.WHOLE or claim.payload_hash is None:
        return
    if not hmac.compare_digest(claim.payload_hash.lower(), body_sha256):
        raise SignatureProblem(
            Kind.BODY_MISMATCH,
            ClientComputedContentSHA256=claim.payload_hash,
            S3ComputedContentSHA256=body_sha256,
        )


def check_scope(claim: Claim, *, service: str, region: str | None = None) -> None:
    """Raise unless the claim is scoped to the routed service (its signing name) and, where that is fixed, region."""
    if claim.service != service:
        raise SignatureProblem(Kind.WRONG_SERVICE, service=claim.service, expected=service, presigned=claim.presigned)
    if region is not None and claim.region != region:
        raise SignatureProblem(Kind.WRONG_REGION, region=claim.region, expected=region, presigned=claim.presigned)


def _check_time(claim: Claim, wall_ms: int) -> None:
    at_ms = claim.signed_at_ms
    if at_ms > wall_ms + SKEW_MS_MAX:
        raise _time_problem(Kind.NOT_YET, claim, wall_ms, wall_ms + SKEW_MS_MAX)
    if claim.expires_s is not None:
        if wall_ms > at_ms + claim.expires_s * 1000:
            raise _time_problem(Kind.EXPIRED, claim, wall_ms, wall_ms - claim.expires_s * 1000)
    elif wall_ms > at_ms + SKEW_MS_MAX:
        raise _time_problem(Kind.SKEWED, claim, wall_ms, wall_ms - SKEW_MS_MAX)


def _time_problem(kind: Kind, claim: Claim, wall_ms: int, limit_ms: int) -> SignatureProblem:
    details: dict[str, Any] = {
        "amz_date": claim.amz_date,
        "limit": amz_date_of(limit_ms),
        "server_amz_date": amz_date_of(wall_ms),
        "presigned": claim.presigned,
        "RequestTime": claim.amz_date,
        "ServerTime": iso_of(wall_ms),
    }
    if claim.expires_s is not None:
        details["X-Amz-Expires"] = str(claim.expires_s)
        details["Expires"] = iso_of(claim.signed_at_ms + claim.expires_s * 1000)
    return SignatureProblem(kind, **details)


def _check_headers_signed(request: HttpRequest, claim: Claim) -> None:
    """Host and every x-amz-* header must be under the signature, else somebody on the way could add or change them.

    x-amz-content-sha256 is part of the signature itself; under a presigned URL that doesn't sign it, it says nothing.
    """
    signed = claim.signed_headers
    if "host" not in signed:
        raise SignatureProblem(Kind.UNSIGNED_HEADERS, HeadersNotSigned="host", quoted="'Host' or ':authority'")
    unsigned = [
        name
        for name, value in request.headers
        if name.startswith("x-amz-")
        and name not in signed
        and (name != "x-amz-content-sha256" or (claim.presigned and value in CHUNKED_MODES))
    ]
    if unsigned:
        names = sorted(set(unsigned))
        raise SignatureProblem(
            Kind.UNSIGNED_HEADERS,
            HeadersNotSigned=", ".join(names),
            quoted=", ".join(f"'{name.title()}'" for name in names),
        )


def policy_signature(key: bytes, policy_base64: str) -> str:
    """The signature of an S3 POST form: over the policy field as it was sent."""
    return hmac_hex(key, policy_base64)
