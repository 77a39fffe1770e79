"""UploadPartCopy: a part from an object, or a range of one. A whole blob is shared, anything else written anew."""

import re
from typing import Any

from cloudlet.base.errors import ServiceUnavailable
from cloudlet.kit.bodies import AnswerBody
from cloudlet.kit.call import Call
from cloudlet.services.s3 import bodies, engine, errors, intake, integrity, rules
from cloudlet.services.s3.copying import Source, require_source, version_id_of
from cloudlet.services.s3.multipart import check_part_number, locate_upload, put_part
from cloudlet.services.s3.records import Part, Upload
from cloudlet.services.s3.service import s3

_range = re.compile(r"bytes=(\d{1,19})-(\d{1,19})", re.ASCII)


@s3.operation("UploadPartCopy")
async def upload_part_copy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    check_part_number(request["PartNumber"])
    rules.check_supported(request)
    upload, source, span, body = call.transact(lambda tx: _opened(call, request))
    algorithm = upload.checksum_algorithm or integrity.DEFAULT
    hasher, incoming = intake.Hasher(algorithm), intake.Intake(call, inline_bytes_max=0)
    is_shared = bool(source.version.blob) and len(span) == source.version.size
    try:
        async for data in bodies.read(body):
            await hasher.take(data)
            if not is_shared:
                await incoming.take(data)
        blob = source.version.blob if is_shared else ""
        if incoming.writer is not None:
            blob = await incoming.writer.finish()
        part = Part(
            number=request["PartNumber"],
            etag=hasher.md5.hexdigest(),
            size=len(span),
            modified_ms=engine.in_seconds(call.now_ms),
            blob=blob,
            checksum_algorithm=algorithm,
            checksum=hasher.results()[algorithm],
        )
        return call.transact(lambda tx: _put(call, request, source, part, is_shared))
    finally:
        incoming.abort()


def _opened(call: Call, request: dict[str, Any]) -> tuple[Upload, Source, range, AnswerBody]:
    _, _, upload = locate_upload(call, request)
    source = require_source(call, request)
    span = _span(request.get("CopySourceRange"), source.version.size)
    if len(span) > intake.SIZE_MAX:
        raise errors.invalid_request(
            "The specified copy source is larger than the maximum allowable size for a copy source:"
            f" {rules.COPY_SOURCE_BYTES_MAX}"
        )
    body = bodies.answer(call, source.contents, source.named.key, source.version, span.start, len(span))
    return upload, source, span, body


def _span(header: str | None, size: int) -> range:
    if header is None:
        return range(size)
    matched = _range.fullmatch(header)
    if matched is None or int(matched[1]) > int(matched[2]):
        raise errors.invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the"
            " zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            header,
        )
    first, last = int(matched[1]), int(matched[2])
    if last >= size:
        raise errors.invalid_argument(
            f"Range specified is not valid for source object of size: {size}", "x-amz-copy-source-range", header
        )
    return range(first, last + 1)


def _put(call: Call, request: dict[str, Any], source: Source, part: Part, is_shared: bool) -> dict[str, Any]:
    _, contents, upload = locate_upload(call, request)
    if is_shared and require_source(call, request).version != source.version:
        raise ServiceUnavailable(reason="the source changed while it was copied, try again")
    if part.blob:
        call.tx.adopt_blob(part.blob)
    put_part(call, contents, upload, part)
    result: dict[str, Any] = {"ETag": f'"{part.etag}"', "LastModified": part.modified_ms}
    if upload.checksum_algorithm:
        result |= integrity.shown(part.checksum_algorithm, part.checksum)
    return {"CopyPartResult": result, "ServerSideEncryption": "AES256", **version_id_of(source)}
