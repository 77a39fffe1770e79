"""The Runtime API of an environment, spoken to by something hostile or merely odd."""

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cloudlet.runtime.runtime_api import RESPONSE_BYTES_MAX, RuntimeApi

NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"


def post(path: str, body: bytes, extra: bytes = b"") -> bytes:
    head = f"POST /2018-06-01/runtime{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n".encode()
    return head + extra + b"\r\n" + body


def talk(conversation: Callable[[RuntimeApi, Callable[[], Awaitable[Any]]], Awaitable[None]]) -> None:
    """Run `conversation(api, connect)` against a served API."""

    async def main() -> None:
        api = RuntimeApi()
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        writers = []

        async def connect() -> Any:
            reader, writer = await asyncio.open_connection(*address)
            writers.append(writer)
            return reader, writer

        await api.serve(listener)
        try:
            async with asyncio.timeout(10):
                await conversation(api, connect)
        finally:
            for writer in writers:
                writer.close()
            api.close()
            await asyncio.sleep(0)
            await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)

    asyncio.run(main())


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
    return int(head.split(" ")[1]), await reader.readexactly(length)


async def idle(api: RuntimeApi) -> None:
    while not api.idle:
        await asyncio.sleep(0)


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_a_call_goes_out_and_its_answer_comes_in_however_the_bytes_arrive(piece: int) -> None:
    async def conversation(api: RuntimeApi, connect: Any) -> None:
        reader, writer = await connect()

        async def send(data: bytes) -> None:
            for at in range(0, len(data), piece):
                writer.write(data[at : at + piece])
                await writer.drain()
                await asyncio.sleep(0)

        await send(NEXT)
        await idle(api)
        api.deliver("r1", {"Lambda-Runtime-Deadline-Ms": "5"}, b"event")
        assert await answer(reader) == (200, b"event")
        await send(post("/invocation/r1/response", b"result") + NEXT)
        assert (await answer(reader))[0] == 202
        await idle(api)
        assert api.answer is not None and api.answer.payload == b"result"

    talk(conversation)


def test_an_answer_may_ask_for_the_next_call_too() -> None:
    async def conversation(api: RuntimeApi, connect: Any) -> None:
        reader, writer = await connect()
        writer.write(NEXT)
        await idle(api)
        for number in range(3):
            api.deliver(f"r{number}", {}, b"event %d" % number)
            assert await answer(reader) == (200, b"event %d" % number)
            kind = "error" if number == 1 else "response"
            writer.write(post(f"/invocation/r{number}/{kind}", b"result", b"Cloudlet-Then: next\r\n"))
            await idle(api)
            assert api.answer is not None and api.answer.payload == b"result"
        writer.write(post("/invocation/r1/response", b"again", b"Cloudlet-Then: next\r\n"))
        assert (await answer(reader))[0] == 400, "refused, it asks for nothing"

    talk(conversation)


def test_answers_for_another_call_or_twice_are_refused() -> None:
    async def conversation(api: RuntimeApi, connect: Any) -> None:
        reader, writer = await connect()
        writer.write(NEXT)
        await idle(api)
        api.deliver("r1", {}, b"")
        await answer(reader)
        for path, status in (
            ("/invocation/r0/response", 400),
            ("/invocation/r1/nonsense", 400),
            ("/invocation/r1/response", 202),
            ("/invocation/r1/response", 403),
            ("/invocation/r1/error", 403),
        ):
            writer.write(post(path, b"{}"))
            assert (await answer(reader))[0] == status

    talk(conversation)


def test_asking_for_the_next_call_before_answering_is_refused() -> None:
    async def conversation(api: RuntimeApi, connect: Any) -> None:
        reader, writer = await connect()
        writer.write(NEXT)
        await idle(api)
        api.deliver("r1", {}, b"")
        await answer(reader)
        writer.write(NEXT)
        status, body = await answer(reader)
        assert status == 403 and b"InvalidStateTransition" in body and not api.idle

    talk(conversation)


def test_an_answer_above_the_limit_is_refused_and_not_kept() -> None:
    async def conversation(api: RuntimeApi, connect: Any) -> None:
        reader, writer = await connect()
        writer.write(NEXT)
        await idle(api)
        api.deliver("r1", {}, b"")
        await answer(reader)
        writer.write(post("/invocation/r1/response", b"x" * (RESPONSE_BYTES_MAX + 1)))
        assert (await answer(reader))[0] == 413
        assert api.answer is not None and api.answer.too_large and api.answer.payload == b""

    talk(conversation)


def test_a_connection_that_ends_waits_for_nothing() -> None:
    async def conversation(api: RuntimeApi, connect: Any) -> None:
        _, writer = await connect()
        writer.write(NEXT)
        await idle(api)
        writer.close()
        while api.idle:
            await asyncio.sleep(0)

    talk(conversation)


def test_connections_are_bounded() -> None:
    async def conversation(api: RuntimeApi, connect: Any) -> None:
        opened = [await connect() for _ in range(20)]
        opened[-1][1].write(NEXT)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await answer(opened[-1][0])
        assert len(api.connections) <= 16

    talk(conversation)


def test_headers_without_end_close_the_connection() -> None:
    async def conversation(api: RuntimeApi, connect: Any) -> None:
        reader, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\n")
        for _ in range(100):
            writer.write(b"X: " + b"y" * 1000 + b"\r\n")
        assert b" 400 " in (await reader.read(100))

    talk(conversation)


@pytest.mark.parametrize("seed", range(30))
def test_garbage_is_refused_and_the_next_connection_served(seed: int) -> None:
    rng = random.Random(seed)
    data = bytearray(post("/invocation/r1/response", b"body") + NEXT)
    for _ in range(rng.randrange(1, 12)):
        at = rng.randrange(len(data))
        data[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(4))

    async def conversation(api: RuntimeApi, connect: Any) -> None:
        _, writer = await connect()
        writer.write(bytes(data))
        writer.write_eof()
        reader, writer = await connect()
        writer.write(post("/init/error", b"{}", b"Lambda-Runtime-Function-Error-Type: T\r\n"))
        assert (await answer(reader))[0] == 202, f"seed {seed}"
        assert api.init_error is not None and api.init_error.error_type == "T"

    talk(conversation)
