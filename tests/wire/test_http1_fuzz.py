"""Damaged requests: however the bytes are cut, the outcome is the same, and it is an outcome."""

import random
from collections.abc import Iterator

import pytest

from cloudlet.wire.http1 import RequestParser
from tests.wire.http1_outcome import outcome

GOOD = [
    b"GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    b"PUT /k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi",
    b"DELETE /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
]
SPLINTERS = [
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b" ",
    b":",
    b"0",
    b"9",
    b"Content-Length: 1\r\n",
    b"Host: b\r\n",
    b"\xff",
    b"#",
    b"%",
]


def damaged(rng: random.Random) -> bytes:
    data = bytearray(b"".join(rng.choices(GOOD, k=rng.randint(1, 4))))
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(data))
        match rng.randrange(3):
            case 0:
                del data[at : at + rng.randint(1, 4)]
            case 1:
                data[at:at] = rng.choice(SPLINTERS)
            case _:
                data[at] = rng.randrange(256)
    return bytes(data)


def cut(data: bytes, sizes: random.Random | None) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        size = len(data) if sizes is None else sizes.choice([1, 1, 1, 2, 5, 17])
        yield data[start : start + size]
        start += size


def outcome_of(data: bytes, sizes: random.Random | None) -> list[object]:
    return outcome(RequestParser(), cut(data, sizes), lambda refused: (refused.status, refused.reason))


@pytest.mark.parametrize("seed", range(20))
def test_cutting_the_bytes_differently_changes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(25):
        data = damaged(rng)
        assert outcome_of(data, rng) == outcome_of(data, None), data
