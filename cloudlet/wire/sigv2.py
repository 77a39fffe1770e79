"""S3's presigned URLs and POST forms of Signature Version 2: what boto3 makes in us-east-1 unless told otherwise.

AWS still takes them in its older regions. Headers signed by version 2 and other services are refused (sigv4.py). Only
`_SIGNED_PARAMETERS` and x-amz-* of such a URL are under its signature: whoever got it may add others. Those that page
through a list or say nothing to S3 pass; those that would make it another operation, or another object, don't.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
"""

import base64
import hmac
import re
from functools import lru_cache
from operator import itemgetter
from urllib.parse import unquote

import msgspec

from cloudlet.wire.message import HttpRequest
from cloudlet.wire.model import load
from cloudlet.wire.signature_problems import Kind, SignatureProblem
from cloudlet.wire.sigv4_claim import iso_of

_SIGNED_PARAMETERS = frozenset(
    """accelerate acl analytics cors defaultObjectAcl delete inventory lifecycle location logging metrics notification
    object-lock partNumber policy replication requestPayment response-cache-control response-content-disposition
    response-content-encoding response-content-language response-content-type response-expires restore select
    select-type storageClass tagging torrent uploadId uploads versionId versioning versions website""".split()
)
_STANDARD_HEADERS = ("content-md5", "content-type")
_EXPIRES = re.compile(r"\d{1,12}", re.ASCII)


class PresignedV2(msgspec.Struct, frozen=True):
    """What a presigned URL of version 2 says; nothing of it is proved before `verify_presigned` returned."""

    access_key_id: str
    expires_at_ms: int
    signature: str  # base64
    token: str | None


def read_presigned(request: HttpRequest) -> PresignedV2 | None:
    """The claim of a version 2 presigned URL; None if the request isn't one. Raises SignatureProblem for half one."""
    if "AWSAccessKeyId=" not in request.query or "Signature=" not in request.query:
        return None
    if request.header("authorization") is not None:
        raise SignatureProblem(Kind.TWO_MECHANISMS)
    given: dict[str, str] = {}
    for name, value in _parameters(request.query):
        if name in given:
            raise SignatureProblem(Kind.SIGV2_INCOMPLETE)
        given[name] = value or ""
    access_key_id, signature = given.get("AWSAccessKeyId"), given.get("Signature")
    expires = given.get("Expires", "")
    if not access_key_id or not signature or not _EXPIRES.fullmatch(expires):
        raise SignatureProblem(Kind.SIGV2_INCOMPLETE)
    token = given.get("x-amz-security-token") or request.header("x-amz-security-token")
    return PresignedV2(access_key_id, int(expires) * 1000, signature, token)


def verify_presigned(
    request: HttpRequest, claim: PresignedV2, secret: bytes | str, *, wall_ms: int, bucket: str | None = None
) -> None:
    """Raise SignatureProblem unless `secret` signed this URL and it still holds.

    `bucket`: the one that the Host names, for a request of the virtual-hosted style.
    """
    _check_parameters_signed(request)
    if wall_ms > claim.expires_at_ms:
        raise SignatureProblem(Kind.EXPIRED, Expires=iso_of(claim.expires_at_ms), ServerTime=iso_of(wall_ms))
    path = f"/{bucket}{request.path}" if bucket else request.path
    # A bucket by path is signed with the slash behind it, whether that is sent or not.
    paths = [path] if path.count("/") > 1 else [path, path + "/"]
    given = claim.signature.encode("latin-1", "replace")
    for path in paths:
        to_sign = _string_to_sign(request, claim, path)
        if hmac.compare_digest(_hmac_base64(secret, to_sign).encode("ascii"), given):
            return
    raise SignatureProblem(
        Kind.MISMATCH,
        access_key_id=claim.access_key_id,
        signature=claim.signature,
        string_to_sign=_string_to_sign(request, claim, paths[0]),
    )


def _check_parameters_signed(request: HttpRequest) -> None:
    """Raise for parameters that mean something but aren't signed, by their name or for how it is spelled."""
    unsigned = set()
    for piece in request.query.split("&"):
        name = piece.partition("=")[0]
        meant = unquote(name, "latin-1").lower()
        is_signed = name in _SIGNED_PARAMETERS or name.startswith("x-amz-")
        if not is_signed and (meant.startswith("x-amz-") or meant in _telling_parameters()):
            unsigned.add(meant)
    if unsigned:
        names = ", ".join(sorted(unsigned))
        raise SignatureProblem(Kind.UNSIGNED_HEADERS, HeadersNotSigned=names, quoted=f"'{names}'")


@lru_cache(maxsize=1)
def _telling_parameters() -> frozenset[str]:
    """What tells S3's operations apart (?policy, ?publicAccessBlock …), and what is signed, in lower case."""
    uris = [operation.http_uri for operation in load("s3").operations.values()]
    literals = {pair.partition("=")[0] for uri in uris for pair in uri.partition("?")[2].split("&")}
    return frozenset(name.lower() for name in literals | _SIGNED_PARAMETERS if name not in ("", "x-id", "list-type"))


def post_signature(secret: bytes | str, policy_base64: str) -> str:
    """The signature of a POST form of version 2: over its policy field as it was sent."""
    return _hmac_base64(secret, policy_base64)


def _hmac_base64(secret: bytes | str, text: str) -> str:
    key = secret.encode("utf-8") if isinstance(secret, str) else secret
    return base64.b64encode(hmac.digest(key, text.encode("latin-1"), "sha1")).decode("ascii")


def _string_to_sign(request: HttpRequest, claim: PresignedV2, resource: str) -> str:
    parameters = _parameters(request.query)
    # A client may sign headers and then send them as parameters.
    headers = {
        name: value or "" for name, value in parameters if name.startswith("x-amz-") or name in _STANDARD_HEADERS
    }
    for name, _ in request.headers:
        if name.startswith("x-amz-") or name in _STANDARD_HEADERS:
            headers[name] = request.header(name) or ""
    lines = [request.method, *(headers.pop(name, "") for name in _STANDARD_HEADERS), str(claim.expires_at_ms // 1000)]
    lines += [f"{name}:{value}" for name, value in sorted(headers.items())]
    signed = sorted((pair for pair in parameters if pair[0] in _SIGNED_PARAMETERS), key=itemgetter(0))
    if signed:
        resource += "?" + "&".join(name if value is None else f"{name}={value}" for name, value in signed)
    return "\n".join([*lines, resource])


def _parameters(query: str) -> list[tuple[str, str | None]]:
    """Names and decoded values; None where there is no "="."""
    pairs: list[tuple[str, str | None]] = []
    for piece in query.split("&"):
        name, equals, value = piece.partition("=")
        pairs.append((name, unquote(value, "latin-1") if equals else None))
    return pairs
