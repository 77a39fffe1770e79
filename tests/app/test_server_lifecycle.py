"""Listeners, limits, timeouts, TLS and the end of a server."""

import asyncio
import datetime
import ipaddress
import os
import socket
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from edge_client import Client, echo, edge, post, run, until

from cloudlet.app.server import Limits
from cloudlet.wire.message import HttpRequest, HttpResponse

loops = pytest.mark.parametrize("loop", ["uvloop", "asyncio"])


async def listener_and_peer(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, [], f"{request.listener} {request.peer} {request.secure}".encode())


class Gate:
    """A handler that waits to be let through."""

    def __init__(self) -> None:
        self.waiting, self.cancelled = 0, 0
        self.open = asyncio.Event()

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        self.waiting += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return HttpResponse(200, [], b"done")


class TestListeners:
    @loops
    def test_a_unix_socket_is_for_this_user_and_replaces_a_stale_one(self, loop: str, tmp_path: Path) -> None:
        path = str(tmp_path / "s")

        async def scenario() -> None:
            stale = socket.socket(socket.AF_UNIX)
            stale.bind(path)
            stale.close()
            async with edge(listener_and_peer) as it:
                await it.server.listen_unix(path)
                assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
                client = Client(*await asyncio.open_unix_connection(path))
                it.clients.append(client)
                assert (await client.ask(post())).body == b" 127.0.0.1 False"

        run(scenario(), loop)

    @loops
    @pytest.mark.parametrize("listening", [False, True])
    def test_a_socket_handed_over_names_its_requests(self, loop: str, listening: bool) -> None:
        async def scenario() -> None:
            sock = socket.socket()
            sock.bind(("127.0.0.1", 0))
            if listening:
                sock.listen()
            async with edge(listener_and_peer) as it:
                await it.server.listen_socket(sock, "environment-1")
                client = await it.client(port=sock.getsockname()[1])
                assert (await client.ask(post())).body == b"environment-1 127.0.0.1 False"
                assert (await (await it.client()).ask(post())).body == b" 127.0.0.1 False"

        run(scenario(), loop)

    @loops
    def test_one_listener_ends_while_others_go_on(self, loop: str) -> None:
        async def scenario() -> None:
            gate = Gate()
            async with edge(gate) as it:
                port = await it.server.listen("127.0.0.1", 0, name="e")
                idle, busy = await it.client(port=port), await it.client(port=port)
                await busy.send(post())
                await until(lambda: gate.waiting == 1)
                it.server.stop_listening("e")
                assert await idle.ended()
                with pytest.raises(ConnectionError):
                    await it.client(port=port)
                gate.open.set()
                assert (await busy.answer()).headers["connection"] == "close"
                assert await busy.ended()
                assert "connection" not in (await (await it.client()).ask(post())).headers

        run(scenario(), loop)


class TestLimits:
    @loops
    def test_one_connection_too_many_is_told_so(self, loop: str) -> None:
        async def scenario() -> None:
            async with edge(echo, Limits(connections_max=2)) as it:
                first, second = await it.client(), await it.client()
                await first.ask(post())
                await second.ask(post())
                third = await it.client()
                assert (await third.answer()).status == 503
                assert await third.ended()
                third.close()
                first.close()
                await until(lambda: len(it.server._connections) == 1)
                assert (await (await it.client()).ask(post())).status == 200

        run(scenario(), loop)

    def test_where_even_refusals_pile_up_connections_are_cut(self) -> None:
        async def scenario() -> None:
            async with edge(echo, Limits(connections_max=0, linger_s=60)) as it:
                for _ in range(16):
                    assert (await (await it.client()).answer()).status == 503
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await (await it.client()).answer()
                assert len(it.server._connections) == 16

        run(scenario())

    @loops
    def test_a_full_node_says_503_and_recovers(self, loop: str) -> None:
        async def scenario() -> None:
            gate = Gate()
            async with edge(gate, Limits(in_flight_bytes_max=100_000)) as it:
                one = await it.client()
                await one.send(post(b"x" * 60_000))
                await until(lambda: gate.waiting == 1)
                two = await it.client()
                refused = await two.ask(post(b"x" * 60_000) * 2)
                assert (refused.status, refused.headers["connection"]) == (503, "close")
                assert await two.ended()
                three = await it.client()
                await three.send(post())  # nothing to hold
                await until(lambda: gate.waiting == 2)
                gate.open.set()
                assert (await one.answer()).status == (await three.answer()).status == 200
                assert it.server.in_flight_bytes == 0
                assert (await one.ask(post(b"x" * 60_000))).status == 200

        run(scenario(), loop)

    def test_a_stream_reserves_what_may_be_held_of_it_not_its_length(self) -> None:
        async def scenario() -> None:
            gate = Gate()
            async with edge(gate) as it:
                client = await it.client()
                await client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000000\r\n\r\n")
                await until(lambda: gate.waiting == 1)
                assert it.server.in_flight_bytes == 256 * 1024

        run(scenario())


class TestTimeouts:
    @loops
    @pytest.mark.parametrize("started", [b"", post()])
    def test_an_idle_connection_ends_silently(self, loop: str, started: bytes) -> None:
        async def scenario() -> None:
            async with edge(echo, Limits(idle_s=0.02)) as it:
                client = await it.client()
                if started:
                    assert (await client.ask(started)).status == 200
                assert await client.ended()

        run(scenario(), loop)

    @loops
    @pytest.mark.parametrize("before", [b"", post()])
    def test_headers_that_drip_are_408(self, loop: str, before: bytes) -> None:
        async def scenario() -> None:
            async with edge(echo, Limits(header_s=0.05)) as it:
                client = await it.client()
                if before:
                    assert (await client.ask(before)).status == 200
                await client.send(b"GET / HTTP/1.1\r\n")

                async def drip() -> None:
                    while True:
                        await client.send(b"X: y\r\n")
                        await asyncio.sleep(0.005)

                task = asyncio.create_task(drip())
                assert (await client.answer()).status == 408
                task.cancel()

        run(scenario(), loop)

    @loops
    @pytest.mark.parametrize("reads", [True, False])
    def test_a_body_that_drips_is_408(self, loop: str, reads: bool) -> None:
        async def scenario() -> None:
            gate = Gate()
            async with edge(echo if reads else gate, Limits(body_s=0.05)) as it:
                client = await it.client()
                await client.send(post(b"x" * 10_000)[:-9000])

                async def drip() -> None:
                    while True:
                        await client.send(b"x")
                        await asyncio.sleep(0.005)

                task = asyncio.create_task(drip())
                answer = await client.answer()
                assert (answer.status, answer.headers["connection"]) == (408, "close")
                task.cancel()
                assert gate.cancelled == (0 if reads else 1)

        run(scenario(), loop)

    def test_a_body_that_flows_may_take_longer(self) -> None:
        async def scenario() -> None:
            async with edge(echo, Limits(body_s=0.05, body_bytes_min=10)) as it:
                client = await it.client()
                request = post(b"x" * 300)
                await client.send(request[:-200])
                for _ in range(20):
                    await asyncio.sleep(0.01)
                    await client.send(b"x" * 10)
                assert (await client.answer()).status == 200

        run(scenario())

    def test_a_body_that_waits_for_the_handler_is_not_late(self) -> None:
        async def scenario() -> None:
            gate = Gate()
            async with edge(gate, Limits(body_s=0.02)) as it:
                client = await it.client()
                client.writer.write(post(b"x" * 3_000_000))
                await asyncio.sleep(0.1)
                gate.open.set()
                assert (await client.answer()).status == 200

        run(scenario())

    def test_a_rest_nobody_wanted_may_not_drip_either(self) -> None:
        async def handler(request: HttpRequest) -> HttpResponse:
            return HttpResponse(403)

        async def scenario() -> None:
            async with edge(handler, Limits(body_s=0.02)) as it:
                client = await it.client()
                assert (await client.ask(post(b"x" * 10_000)[:-5000])).status == 403
                assert await client.ended()

        run(scenario())

    @loops
    def test_a_long_poll_outlasts_every_timeout(self, loop: str) -> None:
        async def scenario() -> None:
            gate = Gate()
            async with edge(gate, Limits(idle_s=0.1, header_s=0.1, body_s=0.1, linger_s=0.1)) as it:
                client = await it.client()
                request = post(b"x" * 3000)
                await client.send(request[:-1])
                await until(lambda: gate.waiting == 1)
                await client.send(request[-1:])
                await asyncio.sleep(0.3)
                gate.open.set()
                assert (await client.answer()).body == b"done"

        run(scenario(), loop)


class TestClose:
    @loops
    def test_what_runs_is_answered_and_the_rest_ends(self, loop: str) -> None:
        async def scenario() -> None:
            gate = Gate()
            async with edge(gate) as it:
                idle, busy = await it.client(), await it.client()
                await busy.send(post() * 2)
                await until(lambda: gate.waiting == 1)
                closing = asyncio.create_task(it.server.close(grace_s=5))
                assert await idle.ended()
                with pytest.raises(ConnectionError):
                    await it.client()
                assert not closing.done()
                gate.open.set()
                answer = await busy.answer()
                assert (answer.body, answer.headers["connection"]) == (b"done", "close")
                assert await busy.ended()
                await closing
                assert gate.waiting == 1

        run(scenario(), loop)

    @loops
    def test_a_request_half_sent_is_still_answered(self, loop: str) -> None:
        async def scenario() -> None:
            async with edge(echo) as it:
                client = await it.client()
                await client.send(post(b"hello")[:-8])
                (connection,) = it.server._connections
                await until(lambda: connection._parser.in_head or connection._parser.in_body)
                closing = asyncio.create_task(it.server.close(grace_s=5))
                await asyncio.sleep(0)
                await client.send(post(b"hello")[-8:])
                assert (await client.answer()).body == b"hello"
                await closing

        run(scenario(), loop)

    @loops
    def test_after_the_grace_what_runs_is_cancelled(self, loop: str, caplog: pytest.LogCaptureFixture) -> None:
        async def scenario() -> None:
            gate = Gate()
            async with edge(gate) as it:
                client = await it.client()
                await client.send(post(b"x"))
                await until(lambda: gate.waiting == 1)
                await it.server.close(grace_s=0.01)
                assert (gate.cancelled, it.server._connections) == (1, set())
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await client.answer()

        run(scenario(), loop)
        assert [record.getMessage() for record in caplog.records] == ["1 connections cut after 0.01 s"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For the server, for the client."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "pem"
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + pem)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


class TestTls:
    @loops
    def test_requests_are_secure_and_bodies_go_both_ways(
        self, loop: str, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        async def handler(request: HttpRequest) -> HttpResponse:
            answer = await echo(request)
            answer.headers.append(("X-Secure", str(request.secure)))
            return answer

        async def scenario() -> None:
            async with edge(handler) as it:
                port = await it.server.listen("127.0.0.1", 0, ssl=certificate[0])
                client = await it.client(certificate[1], port)
                body = os.urandom(2_000_000)
                answer = await client.ask(post(body))
                assert (answer.body, answer.headers["x-secure"]) == (body, "True")
                assert (await client.ask(post(b"again"))).body == b"again"

        run(scenario(), loop)

    @loops
    def test_a_refused_upload_still_hears_why(
        self, loop: str, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        async def handler(request: HttpRequest) -> HttpResponse:
            return HttpResponse(403)

        async def scenario() -> None:
            async with edge(handler, Limits(linger_s=0.05)) as it:
                port = await it.server.listen("127.0.0.1", 0, ssl=certificate[0])
                client = await it.client(certificate[1], port)
                client.writer.write(post(b"x" * 3_000_000))
                assert (await client.answer()).status == 403

        run(scenario(), loop)

    def test_plain_http_on_a_tls_port_is_not_served(self, certificate: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        async def scenario() -> None:
            async with edge(echo) as it:
                port = await it.server.listen("127.0.0.1", 0, ssl=certificate[0])
                client = await it.client(port=port)
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await client.ask(post())

        run(scenario())
