"""Multipart uploads: begin, parts, abort, lists. Completion: complete_multipart_upload.py.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from itertools import islice
from typing import Any

from cloudlet.base import ids
from cloudlet.kit.call import Call
from cloudlet.services.s3 import engine, errors, intake, integrity, rules
from cloudlet.services.s3.keys import Contents
from cloudlet.services.s3.lookup import locate
from cloudlet.services.s3.presenting import canonical_id, owner_of, url_encoded
from cloudlet.services.s3.records import Bucket, Completed, Part, Upload
from cloudlet.services.s3.service import s3
from cloudlet.services.s3.upload_walk import uploads
from cloudlet.store.transaction import Tx

PARTS_MAX = 10_000
_ID_CHARACTERS = 116  # behind the twelve digits of the time


@s3.operation("CreateMultipartUpload")
def create_multipart_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket, key = locate(call, request), request["Key"]
    rules.check_writable(bucket, request)
    algorithm, kind = _checksum_asked(request)
    upload = Upload(
        id=f"{call.now_ms:012x}{ids.lower_alnum(_ID_CHARACTERS)}",
        key=key,
        initiated_ms=engine.in_seconds(call.now_ms),
        initiator=call.principal.arn,
        initiator_name=call.principal.name,
        headers=rules.headers_of(request),
        metadata=request.get("Metadata", {}),
        tags=rules.tags_of_header(request.get("Tagging", "")),
        storage_class=request.get("StorageClass", "STANDARD"),
        checksum_algorithm=algorithm,
        checksum_type=kind,
    )
    call.tx.put(call.keys.of(bucket.id).upload.key(key, upload.id), upload.encode())
    shown = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if algorithm else {}
    return {"Bucket": bucket.name, "Key": key, "UploadId": upload.id, "ServerSideEncryption": "AES256", **shown}


def _checksum_asked(request: dict[str, Any]) -> tuple[str, str]:
    algorithm, kind = request.get("ChecksumAlgorithm", "").upper(), request.get("ChecksumType", "")
    if not algorithm:
        if kind:
            raise errors.invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            )
        return "", ""
    kind = kind or ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")
    integrity.check_type(algorithm, kind)
    return algorithm, kind


def require_upload(tx: Tx, contents: Contents, key: str, upload_id: str) -> Upload:
    upload = find_upload(tx, contents, key, upload_id)
    if upload is None:
        raise errors.NoSuchUpload(members={"UploadId": upload_id})
    return upload


def find_upload(tx: Tx, contents: Contents, key: str, upload_id: str) -> Upload | None:
    stored = tx.get(contents.upload.key(key, upload_id))
    return Upload.decode(stored) if stored else None


def find_completed(tx: Tx, contents: Contents, key: str, upload_id: str) -> Completed | None:
    stored = tx.get(contents.completed.key(key, upload_id))
    return Completed.decode(stored) if stored else None


def locate_upload(call: Call, request: dict[str, Any]) -> tuple[Bucket, Contents, Upload]:
    bucket = locate(call, request)
    contents = call.keys.of(bucket.id)
    return bucket, contents, require_upload(call.tx, contents, request["Key"], request["UploadId"])


def check_part_number(number: int) -> None:
    if not 1 <= number <= PARTS_MAX:
        raise errors.invalid_argument(
            f"Part number must be an integer between 1 and {PARTS_MAX}, inclusive", "partNumber", number
        )


def put_part(call: Call, contents: Contents, upload: Upload, part: Part) -> None:
    """Store a part whose blob is held already; one of that number that was there goes."""
    key = contents.part.key(upload.id, part.number)
    stored = call.tx.get(key)
    if stored:
        drop_part(call.tx, Part.decode(stored))
    call.tx.put(key, part.encode())
    call.tx.put(contents.revision.key(upload.id), b"%d" % (revision_of(call.tx, contents, upload) + 1))


def revision_of(tx: Tx, contents: Contents, upload: Upload) -> int:
    """As long as this is the same, so are the upload's parts."""
    return int(tx.get(contents.revision.key(upload.id)) or 0)


def drop_part(tx: Tx, part: Part) -> None:
    if part.blob:
        tx.drop_blob(part.blob)


@s3.operation("UploadPart")
async def upload_part(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    check_part_number(request["PartNumber"])
    rules.check_supported(request)
    wanted = integrity.declared(call, request)
    upload = call.transact(lambda tx: locate_upload(call, request)[2])
    algorithm = upload.checksum_algorithm
    is_composite = upload.checksum_type == "COMPOSITE"
    if algorithm and wanted.algorithm != algorithm and (wanted.algorithm or is_composite):
        actual = wanted.algorithm.lower() or "null"
        raise errors.invalid_request(
            f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()}, actual checksum Type:"
            f" {actual}"
        )
    kept = algorithm or integrity.DEFAULT
    received = await intake.receive(call, request, wanted=wanted, computed=kept, inline_bytes_max=0)
    try:
        return call.transact(lambda tx: _put_part(call, request, received, kept))
    finally:
        received.abort()


def _put_part(call: Call, request: dict[str, Any], received: intake.Received, kept: str) -> dict[str, Any]:
    _, contents, upload = locate_upload(call, request)
    part = Part(
        number=request["PartNumber"],
        etag=received.etag,
        size=received.size,
        modified_ms=engine.in_seconds(call.now_ms),
        blob=received.blob,
        checksum_algorithm=kept,
        checksum=received.checksums[kept],
    )
    if part.blob:
        call.tx.adopt_blob(part.blob)
    put_part(call, contents, upload, part)
    shown = received.declared or upload.checksum_algorithm or integrity.DEFAULT
    checksum = integrity.shown(shown, received.checksums[shown])
    return {"ETag": f'"{part.etag}"', "ServerSideEncryption": "AES256", **checksum}


@s3.operation("AbortMultipartUpload")
def abort_multipart_upload(call: Call, request: dict[str, Any]) -> None:
    key, upload_id = request["Key"], request["UploadId"]
    contents = call.keys.of(locate(call, request).id)
    if find_completed(call.tx, contents, key, upload_id) is not None:
        return  # too late, and S3 says nothing of it: the object stays
    end_upload(call, contents, require_upload(call.tx, contents, key, upload_id), kept=b"")


def end_upload(call: Call, contents: Contents, upload: Upload, kept: bytes) -> None:
    """Forget an upload. `kept` has a bit for each part whose blob an object took over; the others' are dropped."""
    call.tx.delete(contents.upload.key(upload.key, upload.id))
    call.tx.delete(contents.revision.key(upload.id))
    call.later("remove_parts", {"space": contents.part[upload.id].prefix, "kept": kept})


@s3.operation("ListParts")
def list_parts(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket, contents, upload = locate_upload(call, request)
    marker, limit = int(request.get("PartNumberMarker") or 0), min(request.get("MaxParts", 1000), 1000)
    space = contents.part[upload.id]
    found = call.tx.scan(space.key(marker + 1), space.range()[1], limit=max(1, limit))
    parts = [Part.decode(stored) for _, stored in found.rows[:limit]]
    is_truncated = found.resume is not None or len(found.rows) > limit
    answer: dict[str, Any] = {
        "Bucket": bucket.name,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": parts[-1].number if parts else 0,
        "MaxParts": limit,
        "IsTruncated": is_truncated,
        "Initiator": _initiator(upload),
        "Owner": owner_of(bucket),
        "StorageClass": upload.storage_class,
    }
    if upload.checksum_algorithm:
        answer |= {"ChecksumAlgorithm": upload.checksum_algorithm, "ChecksumType": upload.checksum_type}
    if parts:
        answer["Parts"] = [_listed(upload, part) for part in parts]
    return answer


def _initiator(upload: Upload) -> dict[str, str]:
    """A user or role by its ARN, an account's root as the account."""
    account = upload.initiator.split(":")[4] if upload.initiator.count(":") >= 5 else ""
    is_root = upload.initiator.endswith(":root")
    return {"ID": canonical_id(account) if is_root else upload.initiator, "DisplayName": upload.initiator_name}


def _listed(upload: Upload, part: Part) -> dict[str, Any]:
    entry = {"PartNumber": part.number, "LastModified": part.modified_ms, "ETag": f'"{part.etag}"', "Size": part.size}
    return entry | (integrity.shown(part.checksum_algorithm, part.checksum) if upload.checksum_algorithm else {})


@s3.operation("ListMultipartUploads")
def list_multipart_uploads(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    encode = url_encoded if request.get("EncodingType") == "url" else str
    key_marker, id_marker = request.get("KeyMarker", ""), request.get("UploadIdMarker", "")
    prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
    limit = min(request.get("MaxUploads", 1000), 1000)
    found = list(islice(uploads(call.tx, call.keys.of(bucket.id), prefix, delimiter, key_marker, id_marker), limit + 1))
    is_truncated, found = len(found) > limit, found[:limit]
    last_name, last_upload = found[-1] if found else ("", None)
    answer: dict[str, Any] = {
        "Bucket": bucket.name,
        "KeyMarker": encode(key_marker),
        "UploadIdMarker": id_marker if key_marker else "",
        "NextKeyMarker": encode(last_name),
        "NextUploadIdMarker": last_upload.id if last_upload else "",
        "MaxUploads": limit,
        "IsTruncated": is_truncated,
    }
    for member, value in (("Prefix", prefix), ("Delimiter", delimiter)):
        if value:
            answer[member] = encode(value)
    if "EncodingType" in request:
        answer["EncodingType"] = request["EncodingType"]
    entries = [_listed_upload(bucket, encode(name), upload) for name, upload in found if upload is not None]
    prefixes = [{"Prefix": encode(name)} for name, upload in found if upload is None]
    return answer | ({"Uploads": entries} if entries else {}) | ({"CommonPrefixes": prefixes} if prefixes else {})


def _listed_upload(bucket: Bucket, key: str, upload: Upload) -> dict[str, Any]:
    entry = {
        "Key": key,
        "UploadId": upload.id,
        "Initiated": upload.initiated_ms,
        "Initiator": _initiator(upload),
        "Owner": owner_of(bucket),
        "StorageClass": upload.storage_class,
    }
    if upload.checksum_algorithm:
        entry |= {"ChecksumAlgorithm": upload.checksum_algorithm, "ChecksumType": upload.checksum_type}
    return entry
