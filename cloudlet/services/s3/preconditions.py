"""Conditional requests: reads by RFC 9110, writes and deletes as S3 has them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

from typing import Any

from cloudlet.services.s3 import errors
from cloudlet.services.s3.presenting import http_date
from cloudlet.services.s3.records import Version


def _matches(header: str, etag: str) -> bool:
    """Whether an If-Match or If-None-Match names this entity tag; S3 takes them without quotes too."""
    for text in header.split(","):
        tag = text.strip()
        if tag == "*" or tag.removeprefix("W/").strip('"') == etag:
            return True
    return False


def check_read(request: dict[str, Any], version: Version) -> None:
    """GET and HEAD: 412, or 304 with what identifies the version the client has."""
    failed = _failed_read(request, version, "")
    if failed is None:
        return
    if failed in ("If-None-Match", "If-Modified-Since"):
        headers = [("ETag", f'"{version.etag}"'), ("Last-Modified", http_date(version.modified_ms))]
        raise errors.NotModified(headers=headers)
    raise errors.PreconditionFailed(members={"Condition": failed})


def check_copied(request: dict[str, Any], version: Version) -> None:
    """The source of a copy: 412 whatever the condition."""
    failed = _failed_read(request, version, "CopySource")
    if failed is not None:
        raise errors.PreconditionFailed(members={"Condition": f"x-amz-copy-source-{failed}"})


def _failed_read(request: dict[str, Any], version: Version, prefix: str) -> str | None:
    if_match, if_none_match = request.get(f"{prefix}IfMatch"), request.get(f"{prefix}IfNoneMatch")
    unmodified_since = request.get(f"{prefix}IfUnmodifiedSince")
    modified_since = request.get(f"{prefix}IfModifiedSince")
    if if_match is not None:
        if not _matches(if_match, version.etag):
            return "If-Match"
    elif unmodified_since is not None and version.modified_ms > unmodified_since:
        return "If-Unmodified-Since"
    if if_none_match is not None:
        if _matches(if_none_match, version.etag):
            return "If-None-Match"
    elif modified_since is not None and version.modified_ms <= modified_since:
        return "If-Modified-Since"
    return None


def check_write_headers(request: dict[str, Any]) -> None:
    """S3 takes If-None-Match: * and If-Match with an entity tag, and nothing else, before it looks at the object."""
    if request.get("IfMatch") == "*":
        raise _not_accepted("If-Match")
    if request.get("IfNoneMatch", "*") != "*":
        raise _not_accepted("If-None-Match")


def _not_accepted(header: str) -> Exception:
    return errors.header_not_implemented(header, f"We don't accept the provided value of {header} header for this API")


def check_write(request: dict[str, Any], key: str, current: Version | None) -> None:
    """Writing over `current`, the object that is there now."""
    if "IfNoneMatch" in request and current is not None:
        raise errors.PreconditionFailed(members={"Condition": "If-None-Match"})
    if_match = request.get("IfMatch")
    if if_match is not None:
        if current is None:
            raise errors.NoSuchKey(members={"Key": key})
        if not _matches(if_match, current.etag):
            raise errors.PreconditionFailed(members={"Condition": "If-Match"})


def check_delete(request: dict[str, Any], key: str, current: Version | None) -> None:
    for member, header in (
        ("IfMatchLastModifiedTime", "x-amz-if-match-last-modified-time"),
        ("IfMatchSize", "x-amz-if-match-size"),
    ):
        if member in request:  # of directory buckets only
            raise errors.header_not_implemented(header)
    if_match = request.get("IfMatch")
    if if_match is not None:
        if current is None:
            raise errors.NoSuchKey(members={"Key": key})
        if not _matches(if_match, current.etag):
            raise errors.PreconditionFailed(members={"Condition": "If-Match"})
