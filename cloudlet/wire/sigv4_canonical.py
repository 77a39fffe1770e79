"""The canonical form of a request, which both sides of a signature compute, and the key they compute it with."""

import hmac
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from urllib.parse import quote, unquote_to_bytes

from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv4_claim import ALGORITHM, S3_SIGNING_NAMES, Claim


def signing_key(secret: bytes | str, date: str, region: str, service: str) -> bytes:
    """The key of one secret, day, region and service: four HMACs."""
    key = b"AWS4" + (secret.encode("utf-8") if isinstance(secret, str) else secret)
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode("latin-1"), "sha256")
    return key


_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*/?", re.ASCII)
_SPACES = re.compile(r"[ \t]{2,}|\t")


def canonical_request(
    request: HttpRequest, signed_headers: tuple[str, ...], path: str, query: str, payload_hash: str
) -> str:
    lines = [request.method, path, query]
    for name in sorted(signed_headers):
        value = request.header(name) or ""
        # Not str.split(): as latin-1 the bytes 0x85 and 0xA0 look like spaces, and are parts of UTF-8 characters.
        if "  " in value or "\t" in value:
            value = _SPACES.sub(" ", value)
        lines.append(f"{name}:{value}")
    lines += ("", ";".join(signed_headers), payload_hash)
    return "\n".join(lines)


def string_to_sign(amz_date: str, scope: str, canonical_request: str) -> str:
    return f"{ALGORITHM}\n{amz_date}\n{scope}\n{sha256(canonical_request.encode('latin-1')).hexdigest()}"


def hmac_hex(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode("latin-1"), "sha256").hex()


def targets(request: HttpRequest, claim: Claim) -> Iterator[tuple[str, str]]:
    """The canonical path and query, in the readings that clients sign: as sent first, then decoded and encoded anew.

    Both readings name the same resource; only a target with unusual escapes has a second one.
    """
    first_path, *other_paths = _paths(request.path or "/", claim.service in S3_SIGNING_NAMES)
    if not request.query:
        yield first_path, ""
        queries = [""]
    else:
        pairs = [piece.partition("=")[::2] for piece in request.query.split("&")]
        if claim.presigned:
            pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
        as_sent = _joined(pairs)
        yield first_path, as_sent
        anew = _joined([(_encoded_anew(name), _encoded_anew(value)) for name, value in pairs if name or value])
        queries = [as_sent] if anew == as_sent else [as_sent, anew]
    for query in queries[1:]:
        yield first_path, query
    for path in other_paths:
        for query in queries:
            yield path, query


def _paths(path: str, is_s3: bool) -> list[str]:
    if _PLAIN_PATH.fullmatch(path):
        return [path]
    if is_s3:
        anew = quote(unquote_to_bytes(path.encode("latin-1")), safe="/~")
        return [path] if anew == path else [path, anew]
    return [quote(_without_dot_segments(path).encode("latin-1"), safe="/~")]


def _without_dot_segments(path: str) -> str:
    """RFC 3986, 5.2.4, and repeated slashes as one."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def _encoded_anew(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", " ").encode("latin-1")), safe="~")


def _joined(pairs: Iterable[tuple[str, ...]]) -> str:
    return "&".join([f"{name}={value}" for name, value in sorted(pairs)])
