"""Deployment packages: taken from the request or from S3 into a blob, looked into, and given out again by a link.

What reads a zip file's inside is the port's (`Functions.inspect`); here it is bytes.
"""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from cloudlet.base.errors import AwsError
from cloudlet.kit.bodies import AnswerBody, FileSlice
from cloudlet.kit.call import Call
from cloudlet.kit.ports import BadPackage, Functions
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.records import Package

PIECE_BYTES = 256 << 10
LINK_MS = 600_000
LINK_PATH = "/_cloudlet/functions/package"
LINK_PURPOSE = "function package link"


class Link(msgspec.Struct, frozen=True):
    """What a download link says, sealed."""

    blob_id: str
    expires_ms: int  # wall clock


def functions_of(call: Call) -> Functions:
    functions = call.node.functions
    assert functions is not None, "app/wiring.py gives every node its functions port"
    return functions


@asynccontextmanager
async def uploaded(call: Call, code: Mapping[str, Any]) -> AsyncIterator[Package]:
    """The package that `ZipFile` or `S3Bucket` and `S3Key` name, as a finished blob, to be adopted by a transaction
    inside; what nobody adopted is removed."""
    pieces = await _pieces(call, code)
    writer = call.node.database.blobs.writer()
    digest = hashlib.sha256()
    try:
        async for piece in pieces:
            await asyncio.to_thread(digest.update, piece)
            await writer.write(piece)
        blob_id = await writer.finish()
        try:
            facts = await functions_of(call).inspect(blob_id)
        except BadPackage as error:
            raise errors.InvalidParameterValue(text=str(error)) from error
        if facts.unpacked_bytes > rules.UNZIPPED_BYTES_MAX:
            raise errors.InvalidParameterValue(
                text=f"Unzipped size must be smaller than {rules.UNZIPPED_BYTES_MAX} bytes"
            )
        yield Package(blob_id, digest.hexdigest(), writer.size, facts.unpacked_bytes)
    finally:
        writer.abort()


async def _pieces(call: Call, code: Mapping[str, Any]) -> AsyncIterator[bytes]:
    zip_file = code.get("ZipFile")
    if zip_file is not None:
        if len(zip_file) > rules.ZIPPED_BYTES_MAX:
            raise errors.InvalidParameterValue(text=f"Zipped size must be smaller than {rules.ZIPPED_BYTES_MAX} bytes")
        return _of_bytes(zip_file)
    if not code.get("S3Bucket") or not code.get("S3Key"):
        raise errors.InvalidParameterValue(text="Please provide a source for function code.")
    body = await _object_body(call, code["S3Bucket"], code["S3Key"], code.get("S3ObjectVersion"))
    if isinstance(body, bytes):
        return _of_bytes(body)
    return _of_slices(body) if isinstance(body, list) else body


async def _of_bytes(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


async def _of_slices(slices: list[FileSlice]) -> AsyncIterator[bytes]:
    try:
        for part in slices:
            offset, end = part.offset, part.offset + part.length
            while offset < end:
                piece = await asyncio.to_thread(os.pread, part.fd, min(PIECE_BYTES, end - offset), offset)
                if not piece:
                    raise errors.ServiceFailure()
                offset += len(piece)
                yield piece
    finally:
        for part in slices:
            part.close()


async def _object_body(call: Call, bucket: str, key: str, version: str | None) -> AnswerBody:
    """Read as the caller, who needs s3:GetObject."""
    request = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
    if "s3" not in call.node.services:
        raise errors.NotSupported(parameter="S3Bucket", reason="S3 is not part of this node")
    try:
        answer = await call.aws_apart("s3", "GetObject", request)
    except AwsError as error:
        if error.status == 403:
            raise errors.CodeAccessDenied(bucket, key, error.code, error.message) from error
        raise errors.InvalidParameterValue(
            text=f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message}"
        ) from error
    return answer.get("Body", b"")


def location(call: Call, package: Package) -> str:
    """A link to the zip file that needs no signature, good for ten minutes, as AWS's presigned one."""
    link = Link(package.blob_id, call.node.clock.wall_ms() + LINK_MS)
    sealed = call.node.sealer.seal(msgspec.msgpack.encode(link), LINK_PURPOSE)
    token = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
    return f"{call.source.base_url}{LINK_PATH}?token={token}"
