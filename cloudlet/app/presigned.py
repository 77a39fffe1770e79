"""S3's presigned URLs: headers that a client moved into the query, once the signature over it was verified."""

from urllib.parse import unquote

from cloudlet.wire.message import HttpRequest

_OF_THE_SIGNATURE = frozenset(
    "x-amz-algorithm x-amz-credential x-amz-date x-amz-expires x-amz-signedheaders x-amz-signature"
    " x-amz-security-token x-amz-content-sha256 x-id".split()
)


def is_presigned(request: HttpRequest) -> bool:
    return "X-Amz-Signature=" in request.query or "AWSAccessKeyId=" in request.query


def take_headers_from_query(request: HttpRequest) -> None:
    """x-amz-* parameters count as headers, as S3 takes them; a header that was sent goes before."""
    for pair in request.query.split("&"):
        name, _, value = pair.partition("=")
        lowered = unquote(name).lower()
        if lowered.startswith("x-amz-") and lowered not in _OF_THE_SIGNATURE and request.header(lowered) is None:
            request.headers.append((lowered, unquote(value.replace("+", " "), "latin-1")))
            request._by_name = None
