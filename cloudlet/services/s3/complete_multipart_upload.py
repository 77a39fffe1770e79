"""CompleteMultipartUpload: the object is the list of its parts' blobs; nothing is copied.

Ten thousand parts are read a thousand at a time and computed with in a thread; the transaction that makes the object
then only sees that they are still the same.

A client that lost the answer asks again: for a day a completed upload gives the same answer to the same list of parts.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from cloudlet.base import ids
from cloudlet.base.checksums import combine_composite, combine_full_object
from cloudlet.kit.call import Call
from cloudlet.services.s3 import bodies, engine, errors, integrity, preconditions, rules
from cloudlet.services.s3.events import announce
from cloudlet.services.s3.keys import Contents
from cloudlet.services.s3.lookup import find_current, locate
from cloudlet.services.s3.multipart import (
    PARTS_MAX,
    end_upload,
    find_completed,
    find_upload,
    require_upload,
    revision_of,
)
from cloudlet.services.s3.object import written
from cloudlet.services.s3.presenting import checksum_of
from cloudlet.services.s3.records import Bucket, Completed, Part, PartList, Upload, Version
from cloudlet.services.s3.service import s3
from cloudlet.store.transaction import Tx

T = TypeVar("T")

PART_BYTES_MIN = 5 << 20  # of every part but the last
_REMEMBERED_MS = 24 * 3600 * 1000
_PARTS_READ_AT_ONCE = 1000
_COMPUTED_AT_ONCE_MAX = 100
_TRIES = 5  # while parts come in beside it


class _Whole(NamedTuple):
    """What an object made of the parts asked for is."""

    etag: str
    size: int
    part_count: int
    checksum: tuple[str, str, str]  # algorithm, value, kind
    part_list: bytes  # as it is stored
    bits: bytes


@s3.operation("CompleteMultipartUpload")
async def complete_multipart_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    preconditions.check_write_headers(request)
    rules.check_supported(request)
    asked = request.get("MultipartUpload", {}).get("Parts", [])
    digest = await _apart(asked, _digest, asked)
    for _ in range(_TRIES):
        found: tuple[Contents, Upload, int] | dict[str, Any] = call.transact(_begin, call, request, asked, digest)
        if isinstance(found, dict):
            return found
        contents, upload, revision = found
        stored = await _stored_parts(call, contents, upload)
        whole = await _apart(asked, _whole, request, upload, asked, stored)
        answer: dict[str, Any] | None = call.transact(_complete, call, request, revision, whole, digest)
        if answer is not None:
            return answer
    raise errors.OperationAborted()


async def _apart(asked: list[dict[str, Any]], pure: Callable[..., T], *values: Any) -> T:
    """Of many parts in a thread."""
    return await asyncio.to_thread(pure, *values) if len(asked) > _COMPUTED_AT_ONCE_MAX else pure(*values)


def _begin(
    tx: Tx, call: Call, request: dict[str, Any], asked: list[dict[str, Any]], digest: str
) -> tuple[Contents, Upload, int] | dict[str, Any]:
    """The upload and its revision; or the answer, if it became an object already."""
    bucket, key = locate(call, request), request["Key"]
    contents = call.keys.of(bucket.id)
    completed = find_completed(tx, contents, key, request["UploadId"])
    if completed is not None and completed.parts_sha256 == digest:
        return _located(call, bucket, key) | completed.answer
    upload = require_upload(tx, contents, key, request["UploadId"])
    if not asked:
        raise errors.invalid_request("You must specify at least one part")
    if len(asked) > PARTS_MAX:
        raise errors.malformed_xml()
    _check_kind(request, upload)
    return contents, upload, revision_of(tx, contents, upload)


def _whole(request: dict[str, Any], upload: Upload, asked: list[dict[str, Any]], stored: dict[int, Part]) -> _Whole:
    """Pure: it takes a second for the oddest of uploads."""
    parts = _chosen(upload, asked, stored)
    checksum = _checksum(request, upload, parts)
    size = sum(part.size for part in parts)
    _check_size(request, size)
    return _Whole(_etag(parts), size, len(parts), checksum, PartList(parts).encode(), _bits(parts))


def _complete(
    tx: Tx, call: Call, request: dict[str, Any], revision: int, whole: _Whole, digest: str
) -> dict[str, Any] | None:
    """Make the object; None if the upload's parts are others by now, or it has ended."""
    bucket, key = locate(call, request), request["Key"]
    contents = call.keys.of(bucket.id)
    upload = find_upload(tx, contents, key, request["UploadId"])
    if upload is None or revision_of(tx, contents, upload) != revision:
        return None
    preconditions.check_write(request, key, find_current(tx, contents, key))
    sequence = engine.next_sequence(tx, contents, bucket, key)
    algorithm, checksum, kind = whole.checksum
    version = Version(
        id=engine.new_id(bucket, sequence),
        sequence=sequence,
        modified_ms=engine.in_seconds(call.now_ms),
        etag=whole.etag,
        size=whole.size,
        parts_id=ids.hexadecimal(32),
        part_count=whole.part_count,
        checksum_algorithm=algorithm,
        checksum=checksum,
        checksum_type=kind,
        headers=upload.headers,
        metadata=upload.metadata,
        tags=upload.tags,
        storage_class=upload.storage_class,
    )
    bodies.keep_parts(tx, call.keys, version.parts_id, whole.part_list)
    engine.put(call, bucket, key, version, None)
    end_upload(call, contents, upload, whole.bits)
    announce(call, bucket, key, version, "ObjectCreated:CompleteMultipartUpload")
    answer = {"ETag": f'"{version.etag}"', **checksum_of(version), **written(bucket, key, version)}
    _remember(call, bucket, upload, Completed(digest, answer))
    return _located(call, bucket, key) | answer


def _located(call: Call, bucket: Bucket, key: str) -> dict[str, Any]:
    return {"Location": f"{call.source.base_url}/{bucket.name}/{key}", "Bucket": bucket.name, "Key": key}


def _digest(asked: list[dict[str, Any]]) -> str:
    listed = "".join(f"{entry.get('PartNumber')} {_etag_of(entry)}\n" for entry in asked)
    return hashlib.sha256(listed.encode("utf-8", "surrogatepass")).hexdigest()


def _remember(call: Call, bucket: Bucket, upload: Upload, completed: Completed) -> None:
    row = call.keys.of(bucket.id).completed.key(upload.key, upload.id)
    call.tx.put(row, completed.encode())
    call.later("forget_completed", {"row": row}, due_ms=call.now_ms + _REMEMBERED_MS)


async def _stored_parts(call: Call, contents: Contents, upload: Upload) -> dict[int, Part]:
    parts: dict[int, Part] = {}
    begin, end = contents.part[upload.id].range()
    resume: bytes | None = begin
    while resume is not None:
        rows, resume = call.transact(lambda tx, begin=resume: tx.scan(begin, end, limit=_PARTS_READ_AT_ONCE))
        for _, stored in rows:
            part = Part.decode(stored)
            parts[part.number] = part
        await call.pause()
    return parts


def _check_kind(request: dict[str, Any], upload: Upload) -> None:
    asked = request.get("ChecksumType")
    if asked is not None and asked != upload.checksum_type:
        raise errors.invalid_request(
            f"The upload was created using the {upload.checksum_type or 'null'} checksum mode. The complete request"
            " must use the same checksum mode."
        )


def _chosen(upload: Upload, asked: list[dict[str, Any]], stored: dict[int, Part]) -> list[Part]:
    """The parts a client lists, in its order, each what the client says it is."""
    parts: list[Part] = []
    for entry in asked:
        number, etag = entry.get("PartNumber"), _etag_of(entry)
        if number is None:
            raise errors.malformed_xml()
        if parts and number <= parts[-1].number:
            raise errors.InvalidPartOrder(members={"UploadId": upload.id})
        part = stored.get(number)
        if part is None or part.etag != etag or not _has_checksum(upload, part, entry):
            raise errors.InvalidPart(members={"UploadId": upload.id, "PartNumber": number, "ETag": etag})
        parts.append(part)
    for part in parts[:-1]:
        if part.size < PART_BYTES_MIN:
            members = {"ETag": part.etag, "MinSizeAllowed": PART_BYTES_MIN, "PartNumber": part.number}
            raise errors.EntityTooSmall(members=members | {"ProposedSize": part.size})
    return parts


def _etag_of(entry: dict[str, Any]) -> str:
    return str(entry.get("ETag", "")).strip('"')


def _has_checksum(upload: Upload, part: Part, entry: dict[str, Any]) -> bool:
    given = {algorithm: entry[member] for algorithm, member in integrity.MEMBERS.items() if member in entry}
    if upload.checksum_type == "COMPOSITE" and upload.checksum_algorithm not in given:
        raise errors.invalid_request(
            f"The upload was created using a {upload.checksum_algorithm.lower()} checksum. The complete request must"
            f" include the checksum for each part. It was missing for part {part.number} in the request."
        )
    return all(algorithm == part.checksum_algorithm and value == part.checksum for algorithm, value in given.items())


def _checksum(request: dict[str, Any], upload: Upload, parts: list[Part]) -> tuple[str, str, str]:
    """Algorithm, value and kind of the whole object's checksum; what the client says of it must be so."""
    algorithm = upload.checksum_algorithm or integrity.DEFAULT
    if upload.checksum_type == "COMPOSITE":
        value, kind = combine_composite(algorithm, [part.checksum for part in parts]), "COMPOSITE"
    else:
        value = combine_full_object(algorithm, ((part.checksum, part.size) for part in parts))
        kind = "FULL_OBJECT"
    said = request.get(integrity.MEMBERS[algorithm])
    if said is not None and said.partition("-")[0] != value.partition("-")[0]:
        raise integrity.bad_checksum(algorithm)
    return algorithm, value, kind


def _check_size(request: dict[str, Any], size: int) -> None:
    said = request.get("MpuObjectSize")
    if said is not None and said != size:
        raise errors.invalid_request(
            f"The provided 'x-amz-mp-object-size' header value {said} does not match what was computed: {size}"
        )


def _etag(parts: list[Part]) -> str:
    joined = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _bits(parts: list[Part]) -> bytes:
    """One bit for each part that the object took over."""
    bits = bytearray(PARTS_MAX // 8 + 1)
    for part in parts:
        bits[part.number >> 3] |= 1 << (part.number & 7)
    return bytes(bits)
