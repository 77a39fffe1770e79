"""Damaged requests: however the bytes are cut, the outcome is the same, and it is an outcome."""

import random

import pytest

from cloudlet.wire.http1 import Data, End, Event, Incoming, Refused, RequestParser

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


def outcome(data: bytes, sizes: random.Random | None) -> list[object]:
    """Every request that came to its end, then how it went on: a refusal, or what is awaited."""
    parser = RequestParser()
    events: list[Event] = []
    start = 0
    while start < len(data):
        size = len(data) if sizes is None else sizes.choice([1, 1, 1, 2, 5, 17])
        events += parser.receive(data[start : start + size])
        start += size
    found: list[object] = []
    body, head = b"", None
    for event in events:
        if isinstance(event, Incoming):
            head, body = event, event.body
            if event.whole:
                found.append((event.method, event.path, event.query, event.headers, body, {}))
        elif isinstance(event, Data):
            body += event.data
        elif isinstance(event, End):
            assert head is not None
            found.append((head.method, head.path, head.query, head.headers, body, event.trailers))
        else:
            assert isinstance(event, Refused) and event is events[-1]
            found.append((event.status, event.reason))
    return [*found, parser.in_head, parser.in_body, parser.finished]


@pytest.mark.parametrize("seed", range(20))
def test_cutting_the_bytes_differently_changes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(25):
        data = damaged(rng)
        assert outcome(data, rng) == outcome(data, None), data
