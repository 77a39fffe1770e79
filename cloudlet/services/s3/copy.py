"""CopyObject. Bodies are shared, not copied; they are read only where another checksum is wanted, or the source was
uploaded in parts and its ETag is not its MD5."""

from typing import Any

from cloudlet.base.errors import ServiceUnavailable
from cloudlet.kit.bodies import AnswerBody
from cloudlet.kit.call import Call
from cloudlet.services.s3 import bodies, engine, errors, integrity, preconditions, rules
from cloudlet.services.s3.copying import TRIES, Digests, Source, digest, require_source, version_id_of
from cloudlet.services.s3.events import announce
from cloudlet.services.s3.lookup import find_current, locate
from cloudlet.services.s3.object import written
from cloudlet.services.s3.presenting import checksum_of
from cloudlet.services.s3.records import Bucket, Version
from cloudlet.services.s3.service import s3


@s3.operation("CopyObject")
async def copy_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    preconditions.check_write_headers(request)
    if request.get("AnnotationDirective", "EXCLUDE") != "EXCLUDE":
        raise errors.not_implemented("copying annotations (x-amz-annotation-directive)")
    digests: Digests | None = None
    for _ in range(TRIES):
        outcome = call.transact(lambda tx, digests=digests: _attempt(call, request, digests))
        if isinstance(outcome, dict):
            return outcome
        version, body, algorithm = outcome
        digests = await digest(version, body, algorithm)
    raise ServiceUnavailable(reason="the source changed while it was copied, try again")


def _attempt(
    call: Call, request: dict[str, Any], digests: Digests | None
) -> dict[str, Any] | tuple[Version, AnswerBody, str]:
    """The answer; or a source to be read, and which checksum to make, before this can be done."""
    bucket, key = locate(call, request), request["Key"]
    rules.check_writable(bucket, request)
    source = require_source(call, request)
    _check_changes_something(bucket, request, source)
    preconditions.check_write(request, key, find_current(call.tx, call.keys.of(bucket.id), key))
    version = source.version
    algorithm = request.get("ChecksumAlgorithm", "").upper() or version.checksum_algorithm or integrity.DEFAULT
    is_known = not version.part_count and algorithm == version.checksum_algorithm
    if is_known:
        digests = Digests(version, version.etag, {algorithm: version.checksum})
    elif digests is None or digests.version != version or algorithm not in digests.checksums:
        return version, bodies.answer(call, source.contents, source.named.key, version, 0, version.size), algorithm
    return _copy(call, request, bucket, source, digests, algorithm)


def _check_changes_something(bucket: Bucket, request: dict[str, Any], source: Source) -> None:
    same = source.bucket.id == bucket.id and source.named.key == request["Key"] and source.named.version_id is None
    changes = request.get("MetadataDirective") == "REPLACE" or any(
        member in request
        for member in ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption", "ChecksumAlgorithm")
    )
    if same and not changes:
        raise errors.invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the"
            " object's metadata, storage class, website redirect location or encryption attributes."
        )


def _copy(
    call: Call, request: dict[str, Any], bucket: Bucket, source: Source, digests: Digests, algorithm: str
) -> dict[str, Any]:
    tx, key, old = call.tx, request["Key"], source.version
    sequence = engine.next_sequence(tx, call.keys.of(bucket.id), bucket, key)
    headers, metadata = _headers_and_metadata(request, old)
    version = Version(
        id=engine.new_id(bucket, sequence),
        sequence=sequence,
        modified_ms=engine.in_seconds(call.now_ms),
        etag=digests.etag,
        size=old.size,
        is_inline=old.is_inline,
        blob=old.blob,
        parts_id=old.parts_id,
        checksum_algorithm=algorithm,
        checksum=digests.checksums[algorithm],
        headers=headers,
        metadata=metadata,
        tags=_tags(request, old),
        storage_class=request.get("StorageClass", "STANDARD"),
    )
    body = bodies.share(call, source.contents, source.named.key, old)
    engine.put(call, bucket, key, version, body)
    announce(call, bucket, key, version, "ObjectCreated:Copy")
    result = {"ETag": f'"{version.etag}"', "LastModified": version.modified_ms, **checksum_of(version)}
    return {"CopyObjectResult": result, **version_id_of(source), **written(bucket, key, version)}


def _headers_and_metadata(request: dict[str, Any], old: Version) -> tuple[dict[str, Any], dict[str, str]]:
    given = rules.headers_of(request)
    if request.get("MetadataDirective") == "REPLACE":
        return given, request.get("Metadata", {})
    headers = {name: value for name, value in old.headers.items() if name != "WebsiteRedirectLocation"}
    if "WebsiteRedirectLocation" in given:
        headers["WebsiteRedirectLocation"] = given["WebsiteRedirectLocation"]
    return headers, old.metadata


def _tags(request: dict[str, Any], old: Version) -> dict[str, str]:
    if request.get("TaggingDirective", "COPY") == "REPLACE":
        return rules.tags_of_header(request.get("Tagging", ""))
    return old.tags
