"""One object of 256 MiB, put and got over one connection; beside it what bounds each: MD5 in a thread of its own, and
preads of 256 KiB sent to a raw socket."""

import asyncio
import hashlib
import os
import socket
import statistics
import threading
import time
from pathlib import Path

from bench.client import Client, WrongAnswer
from bench.lines.line import expect
from bench.lines.s3 import BUCKET, MIB, make_bucket
from bench.load import Answer
from bench.report import Finding
from bench.server import Server
from bench.setting import setting_of
from bench.studies.study import Room, Study

SIZE = 256 * MIB
QUICK_SIZE = 32 * MIB
PART = 256 * 1024
PATH = f"/{BUCKET}/large"
ROUNDS = 3
SILENT_S = 120.0
SHARE = 0.7  # of what bounds it


async def look(room: Room) -> list[Finding]:
    size = QUICK_SIZE if room.is_quick else SIZE
    body = os.urandom(MIB) * (size // MIB)
    digest, md5_rate = await asyncio.to_thread(_md5, body)
    raw_rate = await asyncio.to_thread(_raw, room.directory, body)
    ours = room.servers[0].name
    found = [
        Finding("MD5 in a thread", ours, md5_rate, "MB/s"),
        Finding("Preads of 256 KiB to a raw socket", ours, raw_rate, "MB/s"),
    ]
    name = f"{size // MIB} MiB"
    for server in room.servers:
        try:
            put, got = await _rates(room, server, body, digest)
        except (WrongAnswer, OSError) as error:
            found += [Finding(f"{verb} {name}", server.name, cannot=str(error)) for verb in ("PutObject", "GetObject")]
            continue
        for verb, rate, bound in (("PutObject", put, md5_rate), ("GetObject", got, raw_rate)):
            aim = round(SHARE * bound) if server.is_ours else None
            found.append(Finding(f"{verb} {name}", server.name, rate, "MB/s", aim=aim, more_is_better=True))
    return found


async def _rates(room: Room, server: Server, body: bytes, digest: str) -> tuple[float, float]:
    """MB/s of puts and gets; the median of a few."""
    setting = room.comparison.settings.get(server.name) or await setting_of(server)
    room.comparison.settings[server.name] = setting
    await make_bucket(setting.client)
    puts, gets = [], []
    for _ in range(1 if room.is_quick else ROUNDS):
        puts.append(await asyncio.to_thread(_put, setting.client, body, digest))
        gets.append(await asyncio.to_thread(_get, setting.client, body))
        if server.is_ours:
            room.comparison.note_loop(server, f"an object of {len(body) // MIB} MiB")
    return statistics.median(puts), statistics.median(gets)


def _put(client: Client, body: bytes, digest: str) -> float:
    head, _ = client.parts("s3", "PUT", PATH, body, payload_hash="UNSIGNED-PAYLOAD")
    with _connected(client) as connection:
        started = time.perf_counter()
        connection.sendall(head)
        connection.sendall(body)
        answer = _head(connection)
        seconds = time.perf_counter() - started
    expect(answer.status == 200 and answer.headers.get("etag") == f'"{digest}"', answer)
    return len(body) / seconds / 1e6


def _get(client: Client, body: bytes) -> float:
    room = bytearray(len(body))
    view, filled = memoryview(room), 0
    request = client.request("s3", "GET", PATH)
    with _connected(client) as connection:
        started = time.perf_counter()
        connection.sendall(request)
        answer = _head(connection)
        expect(answer.status == 200 and int(answer.headers.get("content-length", 0)) == len(body), answer)
        view[: len(answer.body)] = answer.body
        filled = len(answer.body)
        while filled < len(body):
            count = connection.recv_into(view[filled : filled + MIB])
            if not count:
                raise WrongAnswer(f"the connection ended after {filled} bytes")
            filled += count
        seconds = time.perf_counter() - started
    if room != body:
        raise WrongAnswer("other bytes than were put")
    return len(body) / seconds / 1e6


def _connected(client: Client) -> socket.socket:
    return socket.create_connection((client.server.host, client.server.port), timeout=SILENT_S)


def _head(connection: socket.socket) -> Answer:
    """Status and headers, and what came of the body with them."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(PART)
        if not part:
            raise WrongAnswer("the connection ended before the answer")
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    if head.split()[1] == b"100":
        raise WrongAnswer("100 Continue, unasked")
    return Answer(0, int(head.split()[1]), head, rest, 0.0)


def _md5(body: bytes) -> tuple[str, float]:
    started = time.perf_counter()
    digest = hashlib.md5(body).hexdigest()
    return digest, len(body) / (time.perf_counter() - started) / 1e6


def _raw(directory: Path, body: bytes) -> float:
    """MB/s of a file read and sent by one thread, received by another, over loopback."""
    path = directory / "raw-object"
    path.write_bytes(body)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = threading.Thread(target=_send_file, args=(path, listener.getsockname()[1]))
        started = time.perf_counter()
        sender.start()
        connection, _ = listener.accept()
        room, left = bytearray(MIB), len(body)
        with connection:
            while left:
                left -= connection.recv_into(room)
        seconds = time.perf_counter() - started
        sender.join()
    path.unlink()
    return len(body) / seconds / 1e6


def _send_file(path: Path, port: int) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        offset = 0
        while part := os.pread(descriptor, PART, offset):
            connection.sendall(part)
            offset += len(part)
    os.close(descriptor)


LARGE = Study("Object of 256 MiB", look)
