"""Objects: put, get, head, and their attributes."""

import re
from typing import Any, NamedTuple

from cloudlet.base.errors import AccessDenied
from cloudlet.kit.authority import decision_on
from cloudlet.kit.call import Call
from cloudlet.services.s3 import bodies, engine, errors, intake, integrity, preconditions, rules
from cloudlet.services.s3.events import announce
from cloudlet.services.s3.iam import access_to
from cloudlet.services.s3.keys import Contents
from cloudlet.services.s3.lifecycle import expiration_of
from cloudlet.services.s3.lookup import find_current, find_latest, find_version, locate
from cloudlet.services.s3.presenting import checksum_of, described, http_date, version_id
from cloudlet.services.s3.records import Bucket, Version
from cloudlet.services.s3.service import s3

WITHIN_BYTES_MAX = 4 << 20  # of what another service writes in its own transaction
_range = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)
_OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}


def put_object_within(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """For other services, in their own transaction: a body that is at hand and small."""
    preconditions.check_write_headers(request)
    body = request.get("Body", b"")
    if len(body) > WITHIN_BYTES_MAX:
        raise errors.EntityTooLarge(members={"ProposedSize": len(body), "MaxSizeAllowed": WITHIN_BYTES_MAX})
    received = intake.received_at_once(body, integrity.declared(call, request))
    return _put(call, request, received, rules.tags_of_header(request.get("Tagging", "")))


@s3.operation("PutObject", within=put_object_within)
async def put_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    preconditions.check_write_headers(request)
    if request.get("ContentLength", intake.SIZE_MAX) > bodies.INLINE_BYTES_MAX:  # refused before it is sent
        call.transact(lambda tx: rules.check_writable(locate(call, request), request))
    tags = rules.tags_of_header(request.get("Tagging", ""))
    wanted = integrity.declared(call, request)
    computed = "" if wanted.algorithm else integrity.DEFAULT
    received = await intake.receive(call, request, wanted=wanted, computed=computed)
    try:
        return call.transact(lambda tx: _put(call, request, received, tags))
    finally:
        received.abort()


def _put(call: Call, request: dict[str, Any], received: intake.Received, tags: dict[str, str]) -> dict[str, Any]:
    bucket, key = locate(call, request), request["Key"]
    rules.check_writable(bucket, request)
    contents = call.keys.of(bucket.id)
    preconditions.check_write(request, key, find_current(call.tx, contents, key))
    sequence = engine.next_sequence(call.tx, contents, bucket, key)
    ((algorithm, checksum),) = received.checksums.items()
    version = Version(
        id=engine.new_id(bucket, sequence),
        sequence=sequence,
        modified_ms=engine.in_seconds(call.now_ms),
        etag=received.etag,
        size=received.size,
        is_inline=received.inline is not None,
        blob=received.blob,
        checksum_algorithm=algorithm,
        checksum=checksum,
        headers=rules.headers_of(request),
        metadata=request.get("Metadata", {}),
        tags=tags,
        storage_class=request.get("StorageClass", "STANDARD"),
    )
    if version.blob:
        call.tx.adopt_blob(version.blob)
    engine.put(call, bucket, key, version, received.inline)
    announce(call, bucket, key, version, "ObjectCreated:Put")
    return {"ETag": f'"{version.etag}"', **checksum_of(version), **written(bucket, key, version)}


def written(bucket: Bucket, key: str, version: Version) -> dict[str, Any]:
    """What every operation that makes an object answers."""
    answer: dict[str, Any] = {"ServerSideEncryption": "AES256"}
    if bucket.versioning == "Enabled":
        answer["VersionId"] = version.id
    expiration = expiration_of(bucket, key, version)
    if expiration:
        answer["Expiration"] = expiration
    return answer


class Found(NamedTuple):
    bucket: Bucket
    contents: Contents
    version: Version


def require_object(call: Call, request: dict[str, Any], method: str = "GET") -> Found:
    """The object or version a request names. Whoever may not list the bucket isn't told what is missing in it."""
    bucket, key = locate(call, request), request["Key"]
    contents = call.keys.of(bucket.id)
    wanted = request.get("VersionId")
    if wanted is not None:
        version = find_version(call.tx, contents, key, wanted)
        if version is None:
            check_may_know(call, bucket)
            raise errors.NoSuchVersion(members={"Key": key, "VersionId": wanted})
        if version.is_delete_marker:
            raise marker_refused(version, method)
        return Found(bucket, contents, version)
    latest = find_latest(call.tx, contents, bucket, key)
    if latest is None or latest.is_delete_marker:
        check_may_know(call, bucket)
        headers = [("x-amz-delete-marker", "true"), ("x-amz-version-id", latest.id)] if latest else []
        raise errors.NoSuchKey(members={"Key": key}, headers=headers)
    return Found(bucket, contents, latest)


def marker_refused(marker: Version, method: str) -> Exception:
    return errors.MethodNotAllowed(
        members={"Method": method, "ResourceType": "DeleteMarker"},
        headers=[
            ("x-amz-delete-marker", "true"),
            ("x-amz-version-id", marker.id),
            ("Allow", "DELETE"),
            ("Last-Modified", http_date(marker.modified_ms)),
        ],
    )


def check_may_know(call: Call, bucket: Bucket) -> None:
    decision = decision_on(call, access_to(call, "ListBucket", bucket.name))
    if not decision.allowed:
        raise AccessDenied(decision.message)


@s3.operation("GetObject")
def get_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Of a body in files, `Body` is a list that is filled when the transaction is committed."""
    rules.check_supported(request)
    overrides = _overrides(call, request)
    found = require_object(call, request)
    answer, span = _head(call, request, found)
    answer |= overrides
    answer["Body"] = bodies.answer(call, found.contents, request["Key"], found.version, span.start, len(span))
    return answer


@s3.operation("HeadObject")
def head_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.check_supported(request)
    overrides = _overrides(call, request)
    return _head(call, request, require_object(call, request, "HEAD"))[0] | overrides


def _overrides(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Headers that the request wants to see instead of the object's own."""
    overrides = {stored: request[member] for member, stored in _OVERRIDES.items() if member in request}
    if overrides and call.principal.type == "Anonymous":
        raise errors.invalid_request("Request specific response headers cannot be used for anonymous GET requests.")
    if "Expires" in overrides:  # asked for as an instant, kept as the text that came with the object
        overrides["Expires"] = http_date(overrides["Expires"])
    return overrides


def _head(call: Call, request: dict[str, Any], found: Found) -> tuple[dict[str, Any], range]:
    """The headers of an answer, and which bytes it is about."""
    bucket, _, version = found
    preconditions.check_read(request, version)
    answer = described(bucket, version)
    expiration = expiration_of(bucket, request["Key"], version)
    if expiration:
        answer["Expiration"] = expiration
    number, wanted = request.get("PartNumber"), request.get("Range")
    span = range(version.size)
    if number is not None:
        if wanted is not None:
            raise errors.invalid_request("Cannot specify both Range header and partNumber query parameter")
        span = _part(call, request, version, number, answer)
        if version.size:
            answer["ContentRange"] = f"bytes {span.start}-{span.stop - 1}/{version.size}"
    else:
        part = span_of(wanted, version.size) if wanted is not None else None
        if part is not None:
            span = part
            answer["ContentRange"] = f"bytes {span.start}-{span.stop - 1}/{version.size}"
        if request.get("ChecksumMode") == "ENABLED" and len(span) == version.size:
            answer |= checksum_of(version)
    answer["ContentLength"] = len(span)
    return answer, span


def _part(call: Call, request: dict[str, Any], version: Version, number: int, answer: dict[str, Any]) -> range:
    """The bytes of one uploaded part; an object that wasn't uploaded in parts is its own part 1."""
    count = version.part_count or 1
    if not 1 <= number <= 10_000:
        raise errors.invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive", "partNumber", number
        )
    if number > count:
        raise errors.InvalidPartNumber(members={"ActualPartCount": count, "PartNumberRequested": number})
    wants_checksum = request.get("ChecksumMode") == "ENABLED"
    if not version.part_count:
        answer |= checksum_of(version) if wants_checksum else {}
        return range(version.size)
    parts = bodies.parts_of(call.tx, call.keys, version).parts
    start = sum(part.size for part in parts[: number - 1])
    part = parts[number - 1]
    answer["PartsCount"] = count
    if wants_checksum and version.checksum_type == "COMPOSITE":
        answer |= integrity.shown(part.checksum_algorithm, part.checksum, "COMPOSITE")
    return range(start, start + part.size)


def span_of(header: str, size: int) -> range | None:
    """The bytes a Range header asks for; None where S3 ignores it (several ranges, or none that makes sense)."""
    matched = _range.fullmatch(header.strip())
    first, last = matched.groups() if matched else ("", "")
    if not first and not last:
        return None
    if not first:
        start, stop = max(0, size - int(last)), size
    elif last and int(last) < int(first):
        return None
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    if start >= stop:
        raise errors.InvalidRange(members={"ActualObjectSize": size, "RangeRequested": header})
    return range(start, stop)


@s3.operation("GetObjectAttributes")
def get_object_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.check_supported(request)
    bucket, _, version = require_object(call, request)
    wanted = set(request["ObjectAttributes"])
    answer: dict[str, Any] = {"LastModified": version.modified_ms, **version_id(bucket, version)}
    if "ETag" in wanted:
        answer["ETag"] = version.etag
    if "ObjectSize" in wanted:
        answer["ObjectSize"] = version.size
    if "StorageClass" in wanted:
        answer["StorageClass"] = version.storage_class
    if "Checksum" in wanted and version.checksum:
        bare = version.checksum.partition("-")[0]
        answer["Checksum"] = integrity.shown(version.checksum_algorithm, bare, version.checksum_type)
    if "ObjectParts" in wanted and version.part_count:
        answer["ObjectParts"] = _object_parts(call, request, version)
    return answer


def _object_parts(call: Call, request: dict[str, Any], version: Version) -> dict[str, Any]:
    answer: dict[str, Any] = {"TotalPartsCount": version.part_count}
    if version.checksum_type != "COMPOSITE":
        return answer
    marker, limit = int(request.get("PartNumberMarker") or 0), min(request.get("MaxParts", 1000), 1000)
    parts = bodies.parts_of(call.tx, call.keys, version).parts
    shown = [(number, part) for number, part in enumerate(parts, 1) if number > marker][:limit]
    last = shown[-1][0] if shown else 0
    return answer | {
        "IsTruncated": bool(shown) and last < len(parts),
        "MaxParts": limit,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": last,
        "Parts": [
            {"PartNumber": number, "Size": part.size, **integrity.shown(part.checksum_algorithm, part.checksum)}
            for number, part in shown
        ],
    }
