"""Bytes that two readers could take for different requests: one answer at most, then the end of the connection."""

import asyncio
import re

import pytest
from test_edge_errors import TIGHT, served

from tests.client import TestNode

INNER = b"GET /_cloudlet/smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(INNER)
AMBIGUOUS = {
    "a length before a coding": HEAD + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + INNER,
    "a coding before a length": HEAD + CHUNKED + LENGTH + b"\r\n0\r\n\r\n" + INNER,
    "an empty length": HEAD + b"Content-Length: \r\n\r\n" + INNER,
    "a length in hexadecimal": HEAD + b"Content-Length: 0x10\r\n\r\n" + INNER,
    "a length with a blank": HEAD + b"Content-Length: 0 0\r\n\r\n" + INNER,
    "a length after NUL": HEAD + b"Content-Length: \x000\r\n\r\n" + INNER,
    "a length of other digits": HEAD + "Content-Length: １\r\n\r\n".encode() + INNER,
    "a length that is negative": HEAD + b"Content-Length: -1\r\n\r\n" + INNER,
    "two lengths": HEAD + b"Content-Length: 0\r\n" + LENGTH + b"\r\n" + INNER,
    "a list of lengths": HEAD + b"Content-Length: 0, %d\r\n\r\n" % len(INNER) + INNER,
    "a folded coding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n" + LENGTH + b"\r\n0\r\n\r\n" + INNER,
    "a coding after a vertical tab": HEAD + b"Transfer-Encoding: \x0bchunked\r\n" + LENGTH + b"\r\n0\r\n\r\n" + INNER,
    "a blank before the coding's colon": HEAD + b"Transfer-Encoding : chunked\r\n" + LENGTH + b"\r\n0\r\n\r\n" + INNER,
    "chunked, then identity": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + INNER,
    "identity": HEAD + b"Transfer-Encoding: identity\r\n" + LENGTH + b"\r\n" + INNER,
    "a quoted coding": HEAD + b'Transfer-Encoding: "chunked"\r\n' + LENGTH + b"\r\n0\r\n\r\n" + INNER,
    "an empty coding": HEAD + b"Transfer-Encoding: \r\n\r\n" + INNER,
    "chunks in HTTP/1.0": HEAD.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n" + INNER,
    "a chunk's size with a sign": HEAD + CHUNKED + b"\r\n+0\r\n\r\n" + INNER,
    "a chunk's size in C's hexadecimal": HEAD + CHUNKED + b"\r\n0x0\r\n\r\n" + INNER,
    "a chunk's size with an underscore": HEAD + CHUNKED + b"\r\n1_0\r\n\r\n" + INNER,
    "a chunk's size after a blank": HEAD + CHUNKED + b"\r\n 0\r\n\r\n" + INNER,
    "a chunk's size beyond 64 bits": HEAD + CHUNKED + b"\r\n10000000000000000\r\n\r\n" + INNER,
    "a chunk's line ended by LF": HEAD + CHUNKED + b"\r\n0\n\r\n" + INNER,
    "a chunk's extension with LF": HEAD + CHUNKED + b"\r\n0;a\nb\r\n\r\n" + INNER,
    "a chunk without its line end": HEAD + CHUNKED + b"\r\n1\r\nab0\r\n\r\n" + INNER,
    "the end of chunks by LF": HEAD + CHUNKED + b"\r\n0\r\n\n" + INNER,
    "a length among the trailers": HEAD + CHUNKED + b"\r\n0\r\nContent-Length: 99\r\n\r\n" + INNER,
    "a header ended by LF": HEAD + b"X: y\n" + LENGTH + b"\r\n" + INNER,
    "a header ended by CR": HEAD + b"X: y\r" + LENGTH + b"\r\n" + INNER,
    "a name with a blank": HEAD + b"X Content-Length: 0\r\n\r\n" + INNER,
    "a first header after blanks": b"POST / HTTP/1.1\r\n Host: 127.0.0.1\r\n\r\n" + INNER,
    "two hosts": HEAD + b"Host: evil\r\n\r\n" + INNER,
    "another host in the target": HEAD.replace(b"POST /", b"POST http://evil/") + b"\r\n" + INNER,
    "another host by its port": HEAD.replace(b"POST /", b"POST http://127.0.0.1:81/") + b"\r\n" + INNER,
    "a target of a name alone": HEAD.replace(b"POST /", b"POST evil:443") + b"\r\n" + INNER,
    "a host with a line's end": HEAD.replace(b"127.0.0.1", b"127.0.0.1\x0b") + b"\r\n" + INNER,
    "a version with more digits": HEAD.replace(b"1.1", b"1.10") + b"\r\n" + INNER,
    "a line of three blanks": HEAD.replace(b" / ", b" / / ") + b"\r\n" + INNER,
}  # fmt: skip


@pytest.mark.parametrize("data", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_is_ambiguous_is_refused_and_what_follows_it_is_not_read(node: TestNode, data: bytes) -> None:
    async def scenario() -> bytes:
        async with served(node, TIGHT) as it:
            client = await it.client()
            await client.send(data)
            return await client.reader.read()

    answers = node.run(scenario())
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) in ([b"400"], [b"501"])
    assert b"\r\nConnection: close\r\n" in answers and b"smuggled" not in answers


ONE = {
    "a long extension of a chunk": HEAD + CHUNKED + b"\r\n5;" + b"x" * 3000 + b"\r\nhello\r\n0\r\n\r\n",
    "names that only look like framing": HEAD + b"Content_Length: 9\r\nX-Transfer-Encoding: chunked\r\n\r\n",
    "a body that looks like a request": HEAD + LENGTH + b"\r\n" + INNER,
    "a chunk that looks like the end": HEAD + CHUNKED + b"\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n",
    "trailers that only look like others": HEAD + CHUNKED + b"\r\n0\r\nX-Amz-Date: x\r\nHost: evil\r\n\r\n",
    "zeros before a length": HEAD + b"Content-Length: 0000000000000000002\r\n\r\nab",
    "zeros before a chunk's size": HEAD + CHUNKED + b"\r\n0000000000000001\r\na\r\n000\r\n\r\n",
}


@pytest.mark.parametrize("data", ONE.values(), ids=ONE)
def test_what_only_looks_odd_is_one_request(node: TestNode, data: bytes) -> None:
    """The request behind it has its own answer."""

    async def scenario() -> None:
        async with served(node) as it:
            client = await it.client()
            await client.send(data + INNER)
            assert (await client.answer()).status == 405  # POST /
            assert (await client.answer()).status in (403, 404)
            await asyncio.sleep(0)
            assert not client.reader._buffer

    node.run(scenario())


def test_extensions_of_chunks_without_end_are_refused(node: TestNode) -> None:
    async def scenario() -> None:
        async with served(node) as it:
            client = await it.client()
            await client.send(HEAD + CHUNKED + b"\r\n5;" + b"x" * 200_000)
            assert (await client.answer()).status == 431
            assert await client.ended()

    node.run(scenario())
