"""x-amz-copy-source: bucket/key, percent-encoded, perhaps with ?versionId=."""

from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from cloudlet.services.s3 import errors


class CopySource(NamedTuple):
    bucket: str
    key: str
    version_id: str | None


def parse_copy_source(text: str) -> CopySource:
    """Raises InvalidArgument for what names no object. An access point's ARN is none of ours."""
    path, _, query = text.partition("?versionId=")
    if path.startswith("arn:"):
        raise errors.not_implemented("copying from an access point (x-amz-copy-source: arn:…)")
    try:
        decoded = unquote_to_bytes(path.encode("latin-1", "replace")).decode()
    except UnicodeDecodeError as error:
        raise _invalid(text) from error
    bucket, slash, key = decoded.removeprefix("/").partition("/")
    if not bucket or not slash or not key:
        raise _invalid(text)
    return CopySource(bucket, key, query or None)


def _invalid(text: str) -> Exception:
    message = "Invalid copy source object key"
    return errors.invalid_argument(message, "x-amz-copy-source", text)
