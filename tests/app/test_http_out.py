"""Requests to the outside world: what is sent, what comes back, which addresses are refused."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cloudlet.app.http_out import ANSWER_BYTES_MAX, ThreadedHttpOut
from cloudlet.app.http_pools import AddressRefused, check_address
from cloudlet.kit.ports import OutboundResponse
from tests.app.certificates import self_signed


class Echo(BaseHTTPRequestHandler):
    """Answers by its path: a status, a redirect, many bytes, or the request itself."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/redirect":
            self.answer(302, b"", Location="/elsewhere")
        elif self.path == "/endless":
            self.answer(200, bytes(4 * ANSWER_BYTES_MAX))
        elif self.path == "/slow":
            time.sleep(0.3)
            self.answer(200, b"")
        elif self.path.startswith("/status/"):
            self.answer(int(self.path.rpartition("/")[2]), b"x")
        else:
            self.answer(200, body, X_Sent=str(sorted(self.headers.items())))

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def port() -> Iterator[int]:
    with serving() as port:
        yield port


def post(url: str, *, timeout_s: float = 5, times: int = 1) -> OutboundResponse:
    out = ThreadedHttpOut()
    try:
        headers = [("X-Mine", "1"), ("Content-Type", "text/plain")]
        for _ in range(times):
            answer = asyncio.run(out.send("POST", url, headers, b"body", timeout_s))
        return answer
    finally:
        out.close()


def test_what_is_sent_arrives(port: int) -> None:
    answer = post(f"http://127.0.0.1:{port}/echo?a=%2F", times=2)  # the second on the same connection
    assert (answer.status, answer.body) == (200, b"body")
    sent = dict(answer.headers)["X-Sent"]
    for expected in ("('X-Mine', '1')", "('Content-Type', 'text/plain')", f"('Host', '127.0.0.1:{port}')"):
        assert expected in sent


@pytest.mark.parametrize("status", [404, 500, 503])
def test_every_status_is_an_answer(port: int, status: int) -> None:
    assert post(f"http://127.0.0.1:{port}/status/{status}").status == status


def test_no_redirect_is_followed(port: int) -> None:
    assert post(f"http://127.0.0.1:{port}/redirect").status == 302


def test_of_a_long_answer_the_beginning_is_kept(port: int) -> None:
    assert len(post(f"http://127.0.0.1:{port}/endless").body) == ANSWER_BYTES_MAX


def test_silence_is_an_error(port: int) -> None:
    with pytest.raises(OSError, match="Timeout"):
        post(f"http://127.0.0.1:{port}/slow", timeout_s=0.1)


def test_nobody_listening_is_an_error() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(OSError):
            post(f"http://127.0.0.1:{closed.getsockname()[1]}/")


@pytest.mark.parametrize("url", ["http://[::1", "ftp://127.0.0.1/", "http://no-such-host.invalid/"])
def test_what_is_no_address_is_an_error(url: str) -> None:
    with pytest.raises(OSError):
        post(url)


def test_a_certificate_must_be_proven(tmp_path: Path) -> None:
    with serving(self_signed(tmp_path).server_context) as port, pytest.raises(OSError, match="CERTIFICATE_VERIFY"):
        post(f"https://127.0.0.1:{port}/echo")


def test_a_proven_certificate_will_do(tmp_path: Path, monkeypatch: Any) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    with serving(certificate.server_context) as port:
        assert post(f"https://127.0.0.1:{port}/echo").body == b"body"


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254", "fd00:ec2::254", "224.0.0.1"]
)
def test_addresses_where_credentials_are_handed_out_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "fd12::1", "93.184.216.34"])
def test_local_addresses_are_not(address: str) -> None:
    check_address(address)


def test_the_address_that_counts_is_the_one_connected_to(port: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(socket.socket, "getpeername", lambda self: ("169.254.169.254", 80))
    with pytest.raises(OSError, match="not an address that requests are sent to"):
        post(f"http://127.0.0.1:{port}/echo")
