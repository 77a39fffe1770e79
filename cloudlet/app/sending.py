"""Long answers: sent as fast as the client takes them, and closed whatever happens.

`write`, not `writelines`: asyncio's own never pauses the writer in Python 3.12.0–8 and 3.13.0–1 (CVE-2024-12254).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable

from cloudlet.wire.http1_answer import CHUNK_END, BadAnswer, Framing
from cloudlet.wire.message import FileSlice

PIECE_BYTES = 256 * 1024

Drain = Callable[[], Awaitable[None]]  # waits until the transport takes more


async def send_chunks(
    transport: asyncio.Transport, drain: Drain, chunks: AsyncIterator[bytes], framing: Framing
) -> None:
    """An iterator's bytes, chunked or by the length that the handler declared. BadAnswer if that was wrong."""
    sent = 0
    async for chunk in chunks:
        if not chunk:
            continue  # would end a chunked body
        sent += len(chunk)
        if framing.length is not None and sent > framing.length:
            raise BadAnswer(f"the body is longer than its Content-Length {framing.length}")
        if framing.chunked:
            transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        else:
            transport.write(chunk)
        await drain()
    if framing.length is not None and sent < framing.length:
        raise BadAnswer(f"the body ended {framing.length - sent} bytes before its Content-Length {framing.length}")
    if framing.chunked:
        transport.write(CHUNK_END)


async def send_slices(transport: asyncio.Transport, drain: Drain, head: bytes, slices: list[FileSlice]) -> None:
    """Parts of files, by preads in a thread: uvloop has no sendfile, and a disk may take its time."""
    loop = asyncio.get_running_loop()
    for part in slices:
        offset, end = part.offset, part.offset + part.length
        while offset < end:
            data = await loop.run_in_executor(None, os.pread, part.fd, min(PIECE_BYTES, end - offset), offset)
            if not data:
                raise BadAnswer(f"a file ended {end - offset} bytes early")
            offset += len(data)
            transport.write(head + data if head else data)
            head = b""
            await drain()
    if head:
        transport.write(head)


async def give_up(body: bytes | list[FileSlice] | AsyncIterator[bytes]) -> None:
    """Close what a body holds open, sent or not."""
    if isinstance(body, list):
        for part in body:
            part.close()
    elif not isinstance(body, bytes):
        close = getattr(body, "aclose", None)  # generators have it, iterators need not
        if close is not None:
            await close()
