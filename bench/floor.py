"""The floor: the least a server on uvloop and httptools does, alone or with the signature verified.

python -m bench.floor PORT BODY_BYTES [SECRET]: answers every request with so many bytes. What it reaches bounds what
the node can reach, and what the load generator can measure.
"""

import asyncio
import hashlib
import sys
import time
from typing import cast

import httptools
import uvloop

from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv4 import SigningKeys, read_credentials, verify


class Floor(asyncio.Protocol):
    transport: asyncio.Transport
    answer = b""
    secret = ""
    keys = SigningKeys()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)
        self._clear()

    def _clear(self) -> None:
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body = b""

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        if self.secret:
            self._verify()
        self._clear()
        self.transport.write(self.answer)

    def _verify(self) -> None:
        path, _, query = self._target.decode("latin-1").partition("?")
        request = HttpRequest(self._parser.get_method().decode(), path, query, self._headers, self._body)
        claim = read_credentials(request)
        assert claim is not None, "the floor takes signed requests"
        digest = hashlib.sha256(self._body).hexdigest()
        now_ms = time.time_ns() // 1_000_000
        verify(request, claim, self.secret, wall_ms=now_ms, body_sha256=digest, signing_key_cache=self.keys)


async def serve(port: int, body_bytes: int, secret: str) -> None:
    Floor.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (body_bytes, b"x" * body_bytes)
    Floor.secret = secret
    server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), "".join(sys.argv[3:])))
