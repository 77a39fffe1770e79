"""Answers of every kind through a real socket: files, iterators, none; slow clients; what breaks on the way."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from edge_client import Client, Handler, edge, post, run, until

from cloudlet.app.server import Limits
from cloudlet.wire.message import FileSlice, HttpRequest, HttpResponse

loops = pytest.mark.parametrize("loop", ["uvloop", "asyncio"])


def answering(status: int, *headers: tuple[str, str], body: bytes = b"", close: bool = False) -> Handler:
    async def handler(request: HttpRequest) -> HttpResponse:
        return HttpResponse(status, list(headers), body, close)

    return handler


@loops
@pytest.mark.parametrize(
    ("method", "status", "length"), [("HEAD", 200, "5"), ("GET", 304, None), ("DELETE", 204, None), ("GET", 200, "5")]
)
def test_the_next_answer_stands_where_the_client_looks_for_it(
    loop: str, method: str, status: int, length: str | None
) -> None:
    body = b"hello" if status == 200 else b""

    async def scenario() -> None:
        async with edge(answering(status, body=body)) as it:
            client = await it.client()
            for _ in range(2):
                answer = await client.ask(post(method=method), method)
                assert (answer.status, answer.headers.get("content-length")) == (status, length)

    run(scenario(), loop)


def test_close_in_an_answer_ends_the_connection() -> None:
    async def scenario() -> None:
        async with edge(answering(200, body=b"last", close=True)) as it:
            client = await it.client()
            assert (await client.ask(post() * 2)).headers["connection"] == "close"
            assert await client.ended()

    run(scenario())


@pytest.mark.parametrize(("version", "header", "ends"), [("1.0", "", True), ("1.0", "Connection: keep-alive", False)])
def test_http_1_0(version: str, header: str, ends: bool) -> None:
    async def scenario() -> None:
        async with edge(answering(200, body=b"hi")) as it:
            client = await it.client()
            lines = [f"GET / HTTP/{version}", "Host: a", *([header] if header else []), "", ""]
            answer = await client.ask("\r\n".join(lines).encode())
            assert answer.body == b"hi"
            assert answer.headers["connection"] == ("close" if ends else "keep-alive")
            if ends:
                assert await client.ended()
            else:
                assert (await client.ask(post())).body == b"hi"

    run(scenario())


class Chunks:
    """An async iterator that tells what becomes of it."""

    def __init__(self, *parts: bytes, fails: bool = False, forever: bool = False) -> None:
        self.parts, self.fails, self.forever, self.given, self.closed = parts, fails, forever, 0, False

    async def stream(self) -> AsyncIterator[bytes]:
        try:
            while True:
                for part in self.parts:
                    self.given += len(part)
                    yield part
                if self.fails:
                    raise RuntimeError("the source dried up")
                if not self.forever:
                    return
        finally:
            self.closed = True


def streaming(chunks: Chunks, *headers: tuple[str, str]) -> Handler:
    async def handler(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, list(headers), chunks.stream())

    return handler


class TestIterators:
    @loops
    def test_are_sent_chunked_as_they_come(self, loop: str) -> None:
        go = asyncio.Event()

        async def parts() -> AsyncIterator[bytes]:
            yield b"one"
            yield b""
            await go.wait()
            yield b"two" * 100_000

        async def handler(request: HttpRequest) -> HttpResponse:
            return HttpResponse(200, [], parts())

        async def scenario() -> None:
            async with edge(handler) as it:
                client = await it.client()
                await client.send(post())
                assert b"chunked" in await client.reader.readuntil(b"\r\n\r\n")
                assert await client.reader.readexactly(8) == b"3\r\none\r\n"
                go.set()
                assert await client.reader.readexactly(7) == b"493e0\r\n"
                assert await client.reader.readexactly(300_000) == b"two" * 100_000
                assert await client.reader.readexactly(7) == b"\r\n0\r\n\r\n"
                assert (await client.ask(post())).body == b"one" + b"two" * 100_000

        run(scenario(), loop)

    def test_of_declared_length_are_sent_plain(self) -> None:
        chunks = Chunks(b"he", b"llo")

        async def scenario() -> None:
            async with edge(streaming(chunks, ("Content-Length", "5"))) as it:
                client = await it.client()
                for _ in range(2):
                    assert (await client.ask(post())).body == b"hello"

        run(scenario())

    @pytest.mark.parametrize("declared", ["4", "6", None])
    def test_that_break_their_word_cut_the_connection(
        self, declared: str | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        chunks = Chunks(b"he", b"llo", fails=declared is None)
        headers = [] if declared is None else [("Content-Length", declared)]

        async def scenario() -> None:
            async with edge(streaming(chunks, *headers)) as it:
                client = await it.client()
                await client.send(post())
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await client.answer()
                    await client.reader.readexactly(1)
                assert chunks.closed

        run(scenario())
        assert "an answer broke off" in caplog.text

    def test_are_closed_unsent_for_head(self) -> None:
        chunks = Chunks(b"x")

        async def scenario() -> None:
            async with edge(streaming(chunks)) as it:
                answer = await (await it.client()).ask(post(method="HEAD"), "HEAD")
                assert (answer.status, chunks.given) == (200, 0)

        run(scenario())

    @loops
    def test_wait_for_the_client_and_are_closed_when_it_goes(self, loop: str) -> None:
        chunks = Chunks(b"x" * 100_000, forever=True)

        async def scenario() -> None:
            async with edge(streaming(chunks)) as it:
                client = await it.client()
                await client.send(post())
                await until(lambda: chunks.given > 0)
                before = -1
                while before != chunks.given:  # until the sockets are full
                    before = chunks.given
                    await asyncio.sleep(0.02)
                (connection,) = it.server._connections
                assert connection.transport.get_write_buffer_size() <= 2 * 256 * 1024
                client.writer.transport.abort()
                await until(lambda: chunks.closed)

        run(scenario(), loop)


class TestFiles:
    @staticmethod
    def slices(path: Path, *ranges: tuple[int, int]) -> tuple[list[FileSlice], list[int]]:
        closed: list[int] = []

        def opened(offset: int, length: int) -> FileSlice:
            fd = os.open(path, os.O_RDONLY)

            def close() -> None:
                os.close(fd)
                closed.append(offset)

            return FileSlice(fd, offset, length, close)

        return [opened(*one) for one in ranges], closed

    @staticmethod
    def handler(body: list[FileSlice]) -> Handler:
        async def handler(request: HttpRequest) -> HttpResponse:
            return HttpResponse(200, [], body)

        return handler

    @loops
    def test_are_sent_slice_by_slice_and_closed(self, loop: str, tmp_path: Path) -> None:
        content = os.urandom(1_000_000)
        (tmp_path / "f").write_bytes(content)
        body, closed = self.slices(tmp_path / "f", (10, 600_000), (5, 0), (999_999, 1))

        async def scenario() -> None:
            async with edge(self.handler(body)) as it:
                answer = await (await it.client()).ask(post())
                assert answer.body == content[10:600_010] + content[-1:]
                assert answer.headers["content-length"] == "600001"
                await until(lambda: closed == [10, 5, 999_999])

        run(scenario(), loop)

    def test_that_are_shorter_than_promised_cut_the_connection(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"short")
        body, closed = self.slices(tmp_path / "f", (0, 6))

        async def scenario() -> None:
            async with edge(self.handler(body)) as it:
                client = await it.client()
                await client.send(post())
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await client.answer()
                assert closed == [0]

        run(scenario())

    def test_are_closed_unsent_for_head(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"hello")
        body, closed = self.slices(tmp_path / "f", (0, 5))

        async def scenario() -> None:
            async with edge(self.handler(body)) as it:
                answer = await (await it.client()).ask(post(method="HEAD"), "HEAD")
                assert (answer.headers["content-length"], closed) == ("5", [0])

        run(scenario())

    def test_are_closed_when_their_answer_cannot_be_sent(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"hello")
        body, closed = self.slices(tmp_path / "f", (0, 5))

        async def handler(request: HttpRequest) -> HttpResponse:
            return HttpResponse(200, [("X", "\n")], body)

        async def scenario() -> None:
            async with edge(handler) as it:
                assert (await (await it.client()).ask(post())).status == 500
                assert closed == [0]

        run(scenario())

    @loops
    def test_are_closed_when_the_client_goes(self, loop: str, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(bytes(64 * 1024 * 1024))
        body, closed = self.slices(tmp_path / "f", (0, 64 * 1024 * 1024), (1, 1))

        async def scenario() -> None:
            async with edge(self.handler(body)) as it:
                client = await it.client()
                await client.send(post())
                await client.reader.readexactly(100_000)
                (connection,) = it.server._connections
                await until(lambda: connection.transport.get_write_buffer_size() > 256 * 1024)
                await asyncio.sleep(0.02)
                assert connection.transport.get_write_buffer_size() <= 2 * 256 * 1024 + 1000
                client.writer.transport.abort()
                await until(lambda: closed == [0, 1])

        run(scenario(), loop)


@loops
def test_a_client_that_takes_nothing_is_cut_off(loop: str) -> None:
    chunks = Chunks(b"x" * 100_000, forever=True)

    async def scenario() -> None:
        async with edge(streaming(chunks), Limits(idle_s=0.05)) as it:
            client: Client = await it.client()
            await client.send(post())
            await until(lambda: chunks.closed and not it.server._connections)

    run(scenario(), loop)


@loops
def test_answers_that_nobody_takes_do_not_fill_the_memory(loop: str) -> None:
    """Each client takes nothing of 10 MB; more of them than fit are cut off, and who reads is served."""
    most = 20_000_000

    async def scenario() -> None:
        limits = Limits(linger_s=0.05, unsent_bytes_max=most)
        async with edge(answering(200, body=b"x" * 10_000_000), limits) as it:
            clients = [await it.client() for _ in range(8)]
            for client in clients:
                client.writer.transport.pause_reading()
                await client.send(post())
            await until(lambda: 1 < len(it.server._connections) < len(clients))
            await until(lambda: sum(one.transport.get_write_buffer_size() for one in it.server._connections) <= most)
            assert len((await (await it.client()).ask(post())).body) == 10_000_000

    run(scenario(), loop)


def test_a_client_that_takes_its_time_is_served() -> None:
    async def scenario() -> None:
        async with edge(answering(200, body=b"x" * 20_000_000), Limits(idle_s=0.1)) as it:
            client = await it.client()
            await client.send(post())
            await client.reader.readuntil(b"\r\n\r\n")
            for _ in range(20):
                await client.reader.readexactly(1_000_000)
                await asyncio.sleep(0.02)

    run(scenario())
