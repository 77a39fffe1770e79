"""A body coming in: hashed as it is read, kept as bytes while it is small, else written to a blob.

Nothing of it may be believed, or committed, before the stream has ended: signatures and trailers come last.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

from cloudlet.base.checksums import HASHED_IN_THREAD_BYTES, Checksum
from cloudlet.kit.bodies import BodyStream, WholeBody
from cloudlet.kit.call import Call
from cloudlet.services.s3 import bodies, errors, integrity
from cloudlet.store.blobs import BlobWriter

SIZE_MAX = 5 << 30  # of one PUT


@dataclass(slots=True)
class Received:
    """A whole, verified body. `abort` in a finally is always right."""

    size: int
    etag: str
    checksums: dict[str, str]  # by algorithm
    declared: str  # the algorithm that the client named, "" if none
    inline: bytes | None = None
    writer: BlobWriter | None = None

    @property
    def blob(self) -> str:
        return self.writer.blob_id if self.writer is not None else ""

    def abort(self) -> None:
        if self.writer is not None:
            self.writer.abort()


class Hasher:
    """ETag and checksums together."""

    def __init__(self, *algorithms: str) -> None:
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.checksums = [Checksum(algorithm) for algorithm in dict.fromkeys(algorithms)]

    def update(self, data: bytes) -> None:
        self.md5.update(data)
        for checksum in self.checksums:
            checksum.update(data)

    async def take(self, data: bytes) -> None:
        if len(data) > HASHED_IN_THREAD_BYTES:
            await asyncio.to_thread(self.update, data)
        else:
            self.update(data)

    def results(self) -> dict[str, str]:
        return {checksum.algorithm: checksum.digest_base64() for checksum in self.checksums}


class Intake:
    """One body under way: in memory while it may stay a value, then in a blob."""

    def __init__(self, call: Call, inline_bytes_max: int) -> None:
        self._blobs, self._inline_bytes_max = call.node.database.blobs, inline_bytes_max
        self._parts: list[bytes] = []
        self.size = 0
        self.writer: BlobWriter | None = None

    async def take(self, data: bytes) -> None:
        self.size += len(data)
        if self.writer is None and self.size <= self._inline_bytes_max:
            self._parts.append(data)
            return
        if self.writer is None:
            self.writer = self._blobs.writer()
            for part in self._parts:
                await self.writer.write(part)
        await self.writer.write(data)

    @property
    def inline(self) -> bytes | None:
        return b"".join(self._parts) if self.writer is None and self.size else None

    def abort(self) -> None:
        if self.writer is not None:
            self.writer.abort()


async def receive(
    call: Call,
    request: dict[str, Any],
    *,
    wanted: integrity.Declared,
    computed: str = "",
    inline_bytes_max: int = bodies.INLINE_BYTES_MAX,
) -> Received:
    """Read the request's body. `computed`: a checksum to be made whatever the client names."""
    _check_length(call, request)
    hasher = Hasher(*filter(None, (wanted.algorithm, computed)))
    stream: BodyStream = call.body or WholeBody(request.get("Body", b""))
    intake = Intake(call, inline_bytes_max)
    try:
        while data := await stream.read():
            if intake.size + len(data) > SIZE_MAX:
                raise _too_large(intake.size + len(data))
            await hasher.take(data)
            await intake.take(data)
        checksums = hasher.results()
        integrity.check_md5(wanted, hasher.md5.digest())
        if wanted.algorithm:
            integrity.check_checksum(wanted, stream.trailers(), checksums[wanted.algorithm])
        if intake.writer is not None:
            await intake.writer.finish()
    except BaseException:
        intake.abort()
        raise
    return Received(
        intake.size, hasher.md5.hexdigest(), checksums, wanted.algorithm, inline=intake.inline, writer=intake.writer
    )


def received_at_once(body: bytes, wanted: integrity.Declared) -> Received:
    """A body that is here already, and stays a value."""
    hasher = Hasher(wanted.algorithm or integrity.DEFAULT)
    hasher.update(body)
    checksums = hasher.results()
    integrity.check_md5(wanted, hasher.md5.digest())
    if wanted.algorithm:
        integrity.check_checksum(wanted, {}, checksums[wanted.algorithm])
    return Received(len(body), hasher.md5.hexdigest(), checksums, wanted.algorithm, inline=body or None)


def _too_large(size: int) -> errors.EntityTooLarge:
    return errors.EntityTooLarge(members={"ProposedSize": size, "MaxSizeAllowed": SIZE_MAX})


def _check_length(call: Call, request: dict[str, Any]) -> None:
    sent = call.source.request
    if call.body is None or sent is None:
        return
    decoded = sent.header("x-amz-decoded-content-length")
    length = int(decoded) if decoded and decoded.isascii() and decoded.isdigit() else request.get("ContentLength")
    if length is None and sent.header("transfer-encoding") is not None:
        raise errors.MissingContentLength()
    if length is not None and length > SIZE_MAX:
        raise _too_large(length)
