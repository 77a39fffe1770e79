"""Signing with Signature Version 4: for our own clients, the load generator and the tests. A node only verifies."""

from hashlib import sha256
from urllib.parse import quote

from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv4_canonical import canonical_request, hmac_hex, signing_key, string_to_sign, targets
from cloudlet.wire.sigv4_claim import (
    ALGORITHM,
    S3_SIGNING_NAMES,
    UNSIGNED_PAYLOAD,
    Claim,
    PayloadMode,
    amz_date_of,
)

# Proxies add or change these on the way.
_NOT_SIGNED = frozenset({"authorization", "connection", "expect", "te", "transfer-encoding", "upgrade", "user-agent"})


def sign(
    request: HttpRequest,
    *,
    access_key_id: str,
    secret: bytes | str,
    region: str,
    service: str,
    wall_ms: int,
    token: str | None = None,
    payload_hash: str | None = None,
) -> list[tuple[str, str]]:
    """The headers to add to `request` (which must carry `host`) so that it is signed.

    `payload_hash`: what S3's x-amz-content-sha256 says instead of the body's hash, e.g. UNSIGNED-PAYLOAD.
    """
    amz_date = amz_date_of(wall_ms)
    added = [("x-amz-date", amz_date)]
    payload_hash = payload_hash or sha256(request.body).hexdigest()
    if service in S3_SIGNING_NAMES:
        added.append(("x-amz-content-sha256", payload_hash))
    if token is not None:
        added.append(("x-amz-security-token", token))
    signed = HttpRequest(request.method, request.path, request.query, request.headers + added)
    names = tuple(sorted({name for name, _ in signed.headers} - _NOT_SIGNED))
    credential, signature = _sign(
        signed, access_key_id, secret, region, service, amz_date, names, payload_hash, presigned=False
    )
    value = f"{ALGORITHM} Credential={credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return [*added, ("authorization", value)]


def presign(
    request: HttpRequest,
    *,
    access_key_id: str,
    secret: bytes | str,
    region: str,
    service: str,
    wall_ms: int,
    expires_s: int | None = 3600,
    token: str | None = None,
) -> str:
    """The query string that makes `request`'s URL a presigned one; only S3 insists on an expiry."""
    amz_date = amz_date_of(wall_ms)
    names = tuple(sorted({name for name, _ in request.headers} - _NOT_SIGNED))
    parameters = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{access_key_id}/{amz_date[:8]}/{region}/{service}/aws4_request",
        "X-Amz-Date": amz_date,
        "X-Amz-Expires": str(expires_s),
        "X-Amz-SignedHeaders": ";".join(names),
    }
    if expires_s is None:
        del parameters["X-Amz-Expires"]
    if token is not None:
        parameters["X-Amz-Security-Token"] = token
    added = "&".join(f"{name}={quote(value, safe='~')}" for name, value in parameters.items())
    query = f"{request.query}&{added}" if request.query else added
    signed = HttpRequest(request.method, request.path, query, request.headers)
    payload_hash = UNSIGNED_PAYLOAD if service in S3_SIGNING_NAMES else sha256(request.body).hexdigest()
    _, signature = _sign(signed, access_key_id, secret, region, service, amz_date, names, payload_hash, presigned=True)
    return f"{query}&X-Amz-Signature={signature}"


def _sign(
    request: HttpRequest,
    access_key_id: str,
    secret: bytes | str,
    region: str,
    service: str,
    amz_date: str,
    names: tuple[str, ...],
    payload_hash: str,
    *,
    presigned: bool,
) -> tuple[str, str]:
    date = amz_date[:8]
    mode = PayloadMode.WHOLE
    claim = Claim(access_key_id, date, region, service, names, "", amz_date, 0, None, presigned, None, mode, None)
    path, query = next(targets(request, claim))
    canonical = canonical_request(request, names, path, query, payload_hash)
    key = signing_key(secret, date, region, service)
    return f"{access_key_id}/{claim.scope}", hmac_hex(key, string_to_sign(amz_date, claim.scope, canonical))
