"""Objects' bodies: in a value, in a blob, or in the blobs of an upload's parts; kept, shared, dropped and read."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from cloudlet.kit.bodies import AnswerBody, FileSlice
from cloudlet.kit.call import Call
from cloudlet.services.s3.keys import Contents
from cloudlet.services.s3.records import PartList, Version
from cloudlet.store.blobs import Blobs
from cloudlet.store.transaction import Tx

INLINE_BYTES_MAX = 16 << 10  # bodies up to this are values
OPENED_MAX = 16  # an answer of more pieces opens its files one after the other
PIECE_BYTES = 256 << 10
PARTS_DROPPED_PER_STEP = 500


class Piece(NamedTuple):
    """A run of bytes within one blob."""

    blob: str
    offset: int
    length: int


def drop(call: Call, contents: Contents, key: str, version: Version) -> None:
    """The body of a version that is no more."""
    tx = call.tx
    if version.is_inline:
        tx.delete(contents.body.key(key, version.sequence))
    elif version.blob:
        tx.drop_blob(version.blob)
    elif version.parts_id and _hold(tx, call.keys, version.parts_id, -1) == 0:
        call.later("drop_parts", {"parts_id": version.parts_id})


def keep_parts(tx: Tx, keys: Any, parts_id: str, part_list: bytes) -> None:
    """Store the PartList of a new body: it has one holder, and takes over the references to the parts' blobs."""
    tx.put(keys.parts.key(parts_id), part_list)
    _hold(tx, keys, parts_id, 1)


def share(call: Call, contents: Contents, key: str, version: Version) -> bytes | None:
    """One holder more for a body. Of one in a value: the bytes, to be stored again."""
    if version.is_inline:
        return inline_body(call.tx, contents, key, version)
    if version.blob:
        call.tx.adopt_blob(version.blob)
    elif version.parts_id:
        _hold(call.tx, call.keys, version.parts_id, 1)
    return None


def _hold(tx: Tx, keys: Any, parts_id: str, change: int) -> int:
    key = keys.holders.key(parts_id)
    count = int(tx.get(key) or 0) + change
    if count:
        tx.put(key, b"%d" % count)
    else:
        tx.delete(key)
    return count


def inline_body(tx: Tx, contents: Contents, key: str, version: Version) -> bytes:
    body = tx.get(contents.body.key(key, version.sequence))
    assert body is not None and len(body) == version.size, f"{key} has lost its body"
    return body


def parts_of(tx: Tx, keys: Any, version: Version) -> PartList:
    stored = tx.get(keys.parts.key(version.parts_id))
    assert stored is not None, f"the parts {version.parts_id} are gone while an object has them"
    return PartList.decode(stored)


def pieces_of(tx: Tx, keys: Any, version: Version, start: int, length: int) -> list[Piece]:
    """Where bytes start … start + length of a body that isn't a value are."""
    if length == 0:
        return []
    if version.blob:
        return [Piece(version.blob, start, length)]
    pieces, end, at = [], start + length, 0
    for part in parts_of(tx, keys, version).parts:
        begin, stop = max(start, at), min(end, at + part.size)
        if begin < stop:
            pieces.append(Piece(part.blob, begin - at, stop - begin))
        at += part.size
    return pieces


def answer(call: Call, contents: Contents, key: str, version: Version, start: int, length: int) -> AnswerBody:
    """Bytes start … start + length of a body. Files are opened once the transaction is committed: a list is filled
    then, not before."""
    if version.is_inline or not length:
        body = inline_body(call.tx, contents, key, version) if length else b""
        return body if length == version.size else body[start : start + length]
    blobs = call.node.database.blobs
    pieces = pieces_of(call.tx, call.keys, version, start, length)
    if len(pieces) > OPENED_MAX:
        stream = PieceStream(blobs, pieces)
        call.tx.after_commit(stream.pin)
        return stream
    slices: list[FileSlice] = []
    call.tx.after_commit(lambda: slices.extend(_opened(blobs, pieces)))
    return slices


def _opened(blobs: Blobs, pieces: Sequence[Piece]) -> list[FileSlice]:
    readers = [blobs.open(piece.blob) for piece in pieces]
    return [
        FileSlice(reader.fd, piece.offset, piece.length, reader.close)
        for reader, piece in zip(readers, pieces, strict=True)
    ]


async def read(body: AnswerBody) -> AsyncIterator[bytes]:
    """An answer's bytes piece by piece, for work within the node; closes what it holds."""
    if isinstance(body, bytes):
        if body:
            yield body
        return
    if isinstance(body, list):
        try:
            for part in body:
                for offset in range(part.offset, part.offset + part.length, PIECE_BYTES):
                    count = min(PIECE_BYTES, part.offset + part.length - offset)
                    yield await asyncio.to_thread(os.pread, part.fd, count, offset)
        finally:
            for part in body:
                part.close()
        return
    async for data in body:
        yield data


class PieceStream:
    """Many pieces, one open file at a time. Their blobs stay until `aclose`, whoever drops them meanwhile."""

    def __init__(self, blobs: Blobs, pieces: Sequence[Piece]) -> None:
        self._blobs, self._pieces = blobs, pieces
        self._pinned: list[str] = []
        self._index = self._done = 0  # the piece, and how much of it was read

    def pin(self) -> None:
        for piece in self._pieces:
            self._blobs.pin(piece.blob)
            self._pinned.append(piece.blob)

    def __aiter__(self) -> "PieceStream":
        return self

    async def __anext__(self) -> bytes:
        if self._index == len(self._pieces):
            await self.aclose()
            raise StopAsyncIteration
        piece = self._pieces[self._index]
        count = min(PIECE_BYTES, piece.length - self._done)
        data = await asyncio.to_thread(self._read, piece.blob, piece.offset + self._done, count)
        self._done += len(data)
        if self._done == piece.length:
            self._index, self._done = self._index + 1, 0
        return data

    def _read(self, blob: str, offset: int, count: int) -> bytes:
        with self._blobs.open(blob) as reader:
            return reader.pread(offset, count)

    async def aclose(self) -> None:
        self._unpin()

    def _unpin(self) -> None:
        while self._pinned:
            self._blobs.unpin(self._pinned.pop())

    def __del__(self) -> None:
        self._unpin()
