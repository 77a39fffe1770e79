"""A streamed body that is checked as it is read: its signed hash, its chunk signatures, its trailers."""

import asyncio
import hashlib

from cloudlet.base.checksums import HASHED_IN_THREAD_BYTES
from cloudlet.kit.ports import Identity
from cloudlet.wire.chunked import decoder_for
from cloudlet.wire.message import BodyStream, HttpRequest, WholeBody
from cloudlet.wire.sigv4 import Claim, SigningKeys, check_body_sha256


def verified_stream(
    request: HttpRequest, claim: Claim | None, identity: Identity | None, keys: SigningKeys
) -> BodyStream:
    """The request's body for a handler. Nothing read may be believed before `read` has answered b""."""
    stream = request.stream or WholeBody(request.body)
    if claim is None or identity is None:
        return stream
    if claim.payload_mode.is_chunked:
        return _Chunked(stream, request, claim, keys.get(claim, identity.secret, identity.secret_version))
    return _Hashed(stream, claim) if request.stream is not None else stream


class _Hashed:
    """A body whose SHA-256 the signature covers."""

    def __init__(self, stream: BodyStream, claim: Claim) -> None:
        self._stream, self._claim, self._hash = stream, claim, hashlib.sha256()

    async def read(self) -> bytes:
        data = await self._stream.read()
        if not data:
            check_body_sha256(self._claim, self._hash.hexdigest())
        elif len(data) > HASHED_IN_THREAD_BYTES:
            await asyncio.to_thread(self._hash.update, data)
        else:
            self._hash.update(data)
        return data

    def trailers(self) -> dict[str, str]:
        return self._stream.trailers()


class _Chunked:
    """An aws-chunked body, handed out decoded."""

    def __init__(self, stream: BodyStream, request: HttpRequest, claim: Claim, signing_key: bytes) -> None:
        self._stream, self._decoder = stream, decoder_for(request, claim, signing_key)
        self._trailers: dict[str, str] = {}

    async def read(self) -> bytes:
        while data := await self._stream.read():
            if len(data) > HASHED_IN_THREAD_BYTES:
                decoded = b"".join(await asyncio.to_thread(self._decoder.feed, data))
            else:
                decoded = b"".join(self._decoder.feed(data))
            if decoded:
                return decoded
        if not self._trailers:
            self._trailers = self._decoder.finish()
        return b""

    def trailers(self) -> dict[str, str]:
        return self._trailers


async def decoded_body(request: HttpRequest, claim: Claim, identity: Identity, keys: SigningKeys) -> bytes:
    """The whole body of an operation that doesn't stream, out of its signed chunks: unread, nothing proves it."""
    stream, parts = verified_stream(request, claim, identity, keys), []
    while data := await stream.read():
        parts.append(data)
    return b"".join(parts)
