"""Requests through a real socket, whole and byte by byte, on both event loops."""

import asyncio
from itertools import pairwise

import pytest
from edge_client import echo, edge, post, run, until, whole_body

from cloudlet.app.connection import Connection
from cloudlet.app.request_body import BUFFERED_BYTES_MAX, BodyTooLarge, NodeFull, RequestBody
from cloudlet.app.server import Limits, Server
from cloudlet.wire.http1 import Incoming
from cloudlet.wire.message import HttpRequest, HttpResponse

LOOPS = ["uvloop", "asyncio"]
ways = pytest.mark.parametrize("one_by_one", [False, True], ids=["whole", "byte by byte"])
loops = pytest.mark.parametrize("loop", LOOPS)


@loops
@ways
def test_requests_on_one_connection_are_answered_in_order(loop: str, one_by_one: bool) -> None:
    async def scenario() -> None:
        async with edge(echo) as it:
            client = await it.client()
            pipelined = post(b"1", path="/a%2F?b=%20") + post(b"", method="GET") + post(b"3" * 50)
            await client.send(pipelined, one_by_one)
            answers = [await client.answer() for _ in range(3)]
            assert [a.headers["x-asked"] for a in answers] == ["POST /a%2F?b=%20", "GET /?", "POST /?"]
            assert [a.body for a in answers] == [b"1", b"", b"3" * 50]
            assert "date" in answers[0].headers and "connection" not in answers[0].headers

    run(scenario(), loop)


@loops
@ways
def test_a_chunked_body_and_its_trailers_reach_the_handler(loop: str, one_by_one: bool) -> None:
    async def handler(request: HttpRequest) -> HttpResponse:
        assert request.stream is not None
        body = await whole_body(request)
        assert await request.stream.read() == b""
        return HttpResponse(200, [("X-Trailer", request.stream.trailers()["t"])], body)

    async def scenario() -> None:
        async with edge(handler) as it:
            client = await it.client()
            head = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            data = head + b"3\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"
            await client.send(data + post(b"", method="GET")[:-2], one_by_one)
            answer = await client.answer()
            assert (answer.body, answer.headers["x-trailer"]) == (b"abcde", "v")

    run(scenario(), loop)


@loops
@ways
def test_a_jdk_client_asking_for_h2c_is_served_in_http_1_1(loop: str, one_by_one: bool) -> None:
    async def scenario() -> None:
        async with edge(echo) as it:
            client = await it.client()
            upgrade = (
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
            )
            await client.send(post(b"hello", upgrade) * 2, one_by_one)
            assert [(await client.answer()).body for _ in range(2)] == [b"hello", b"hello"]

    run(scenario(), loop)


def test_the_request_says_where_it_came_from() -> None:
    seen: list[HttpRequest] = []

    async def handler(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse(200)

    async def scenario() -> None:
        async with edge(handler) as it:
            await (await it.client()).ask(post(b"x", "X-A: 1\r\nX-A: 2\r\n"))
        (request,) = seen
        assert (request.peer, request.secure, request.listener) == ("127.0.0.1", False, "")
        assert (request.body, request.stream, request.header("x-a")) == (b"x", None, "1,2")

    run(scenario())


@loops
@ways
def test_bad_http_is_answered_in_the_protocols_own_words_then_closed(loop: str, one_by_one: bool) -> None:
    def words(headers: list[tuple[str, str]], status: int, reason: str) -> HttpResponse:
        return HttpResponse(status, [("X-Host", dict(headers)["host"])], reason.encode())

    async def scenario() -> None:
        async with edge(echo, on_protocol_error=words) as it:
            client = await it.client()
            await client.send(post(b"first") + b"GET / HTTP/1.1\r\nHost: b\r\nX: y\r\nBad Name: x\r\n\r\n", one_by_one)
            assert (await client.answer()).body == b"first"
            answer = await client.answer()
            assert (answer.status, answer.headers["x-host"], answer.headers["connection"]) == (400, "b", "close")
            assert answer.body == b"Invalid header token"
            assert await client.ended()

    run(scenario(), loop)


@loops
def test_a_body_that_turns_out_to_be_no_http_is_400_for_its_own_request(loop: str) -> None:
    cancelled: list[str] = []

    async def handler(request: HttpRequest) -> HttpResponse:
        try:
            return await echo(request)
        except asyncio.CancelledError:
            cancelled.append(request.path)
            raise

    async def scenario() -> None:
        async with edge(handler) as it:
            client = await it.client()
            await client.send(
                post(path="/c").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"1\r\na\r\n"
            )
            await until(lambda: it.server.in_flight_bytes > 0)
            await client.send(b"x\r\n")
            assert (await client.answer()).status == 400
            assert await client.ended()
            assert cancelled == ["/c"]

    run(scenario(), loop)


@loops
def test_a_failing_handler_is_a_500_and_the_connection_lives(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: HttpRequest) -> HttpResponse:
        if request.path == "/bad":
            raise RuntimeError("nobody expected this")
        if request.path == "/cancelled":
            raise asyncio.CancelledError
        if request.path == "/injected":
            return HttpResponse(200, [("X-Name", "a\r\nSet-Cookie: stolen")])
        return HttpResponse(200)

    async def scenario() -> None:
        async with edge(handler) as it:
            client = await it.client()
            for path in ("/bad", "/cancelled", "/injected"):
                answer = await client.ask(post(path=path))
                assert (answer.status, answer.body) == (500, b"Internal failure\n")
                assert "set-cookie" not in answer.headers
            assert (await client.ask(post())).status == 200

    run(scenario(), loop)
    assert "nobody expected this" in caplog.text


def test_even_a_failing_error_page_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    def failing(headers: list[tuple[str, str]], status: int, reason: str) -> HttpResponse:
        return HttpResponse(status, [("X", "\r\n")])

    async def scenario() -> None:
        async with edge(handler, on_protocol_error=failing) as it:
            assert (await (await it.client()).ask(post())).status == 500
            assert (await (await it.client()).ask(b"\0")).status == 400

    run(scenario())


@loops
def test_a_broken_body_behind_a_running_request_is_answered_in_its_turn(loop: str) -> None:
    go = asyncio.Event()

    async def handler(request: HttpRequest) -> HttpResponse:
        await go.wait()
        return HttpResponse(200)

    async def scenario() -> None:
        async with edge(handler) as it:
            client = await it.client()
            chunked = post().replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
            await client.send(post(b"x") + chunked + b"1\r\na\r\n")
            await until(lambda: it.server.in_flight_bytes > 1)
            await client.send(b"x\r\n")
            await asyncio.sleep(0.01)
            go.set()
            assert [(await client.answer()).status for _ in range(2)] == [200, 400]
            assert await client.ended()

    run(scenario(), loop)


class TestContinue:
    HEAD = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"

    @loops
    def test_is_said_at_the_first_read(self, loop: str) -> None:
        asked = asyncio.Event()

        async def handler(request: HttpRequest) -> HttpResponse:
            await asked.wait()
            return await echo(request)

        async def scenario() -> None:
            async with edge(handler) as it:
                client = await it.client()
                await client.send(self.HEAD)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(client.reader.readexactly(1), 0.02)
                asked.set()
                assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
                answer = await client.ask(b"hello")
                assert (answer.body, answer.interim) == (b"hello", [])
                assert (await client.ask(post(b"next"))).body == b"next"

        run(scenario(), loop)

    @loops
    def test_refused_ends_the_connection_without_it(self, loop: str) -> None:
        async def handler(request: HttpRequest) -> HttpResponse:
            return HttpResponse(403)

        async def scenario() -> None:
            async with edge(handler) as it:
                client = await it.client()
                answer = await client.ask(self.HEAD)
                assert (answer.status, answer.interim, answer.headers["connection"]) == (403, [], "close")
                assert await client.ended()

        run(scenario(), loop)

    @pytest.mark.parametrize("already", [b"he", b"hello"])
    def test_is_not_said_to_a_body_that_is_already_coming(self, already: bytes) -> None:
        async def scenario() -> None:
            async with edge(echo) as it:
                client = await it.client()
                await client.send(self.HEAD + already)
                await until(lambda: it.server.in_flight_bytes > 0 or already == b"hello")
                answer = await client.ask(b"hello"[len(already) :])
                assert (answer.body, answer.interim) == (b"hello", [])

        run(scenario())


class TestUnreadBody:
    """The handler answers without having read it."""

    @staticmethod
    async def refuse(request: HttpRequest) -> HttpResponse:
        return HttpResponse(403)

    @loops
    def test_a_short_rest_is_read_and_thrown_away(self, loop: str) -> None:
        async def scenario() -> None:
            async with edge(self.refuse) as it:
                client = await it.client()
                request = post(b"x" * 100_000)
                answer = await client.ask(request[:-90_000])
                assert (answer.status, "connection" in answer.headers) == (403, False)
                await client.send(request[-90_000:])
                assert (await client.ask(post(b"x"))).status == 403

        run(scenario(), loop)

    @loops
    @pytest.mark.parametrize("framing", ["Content-Length: 9000000", "Transfer-Encoding: chunked"])
    def test_a_long_one_ends_the_connection_but_not_before_the_answer_arrived(self, loop: str, framing: str) -> None:
        async def scenario() -> None:
            async with edge(self.refuse, Limits(linger_s=60)) as it:
                client = await it.client()
                head = f"PUT / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode()
                await client.send(head + b"f4240\r\n" + b"x" * 1_000_000)
                answer = await client.answer()
                assert (answer.status, answer.headers["connection"]) == (403, "close")
                assert await client.ended()

        run(scenario(), loop)

    def test_a_client_that_never_stops_is_cut_off(self) -> None:
        async def scenario() -> None:
            async with edge(self.refuse, Limits(linger_bytes_max=1_000_000)) as it:
                client = await it.client()
                await client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000000\r\n\r\n")
                assert (await client.answer()).status == 403
                with pytest.raises(ConnectionError):
                    while True:
                        await client.send(b"x" * 100_000)

        run(scenario())


class TestBackPressure:
    @loops
    def test_a_body_nobody_reads_is_left_with_the_client(self, loop: str) -> None:
        go = asyncio.Event()
        held: list[int] = []
        total = 64 * 1024 * 1024

        async def handler(request: HttpRequest) -> HttpResponse:
            stream = request.stream
            assert isinstance(stream, RequestBody)
            await go.wait()
            size = 0
            while part := await stream.read():
                assert len(part) <= 256 * 1024
                size += len(part)
                held.append(stream.buffered_bytes)
            return HttpResponse(200, [], b"%d" % size)

        async def scenario() -> None:
            async with edge(handler) as it:
                client = await it.client()
                client.writer.write(f"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {total}\r\n\r\n".encode())
                piece = b"x" * (1024 * 1024)
                sent = 0
                with pytest.raises(TimeoutError):  # the socket is full
                    while True:
                        client.writer.write(piece)
                        sent += len(piece)
                        await asyncio.wait_for(client.writer.drain(), 0.05)
                assert sent < total // 2
                go.set()
                while sent < total:
                    client.writer.write(piece)
                    sent += len(piece)
                    await client.writer.drain()
                assert (await client.answer()).body == b"%d" % total
                assert max(held) <= BUFFERED_BYTES_MAX + 256 * 1024

        run(scenario(), loop)

    @loops
    def test_requests_waiting_in_line_are_left_with_the_client(self, loop: str) -> None:
        go = asyncio.Event()
        total = 4000

        async def handler(request: HttpRequest) -> HttpResponse:
            await go.wait()
            return HttpResponse(200, [], request.path.encode())

        async def scenario() -> None:
            async with edge(handler) as it:
                client = await it.client()
                client.writer.write(b"".join(post(path=f"/{n}") for n in range(total)))
                (connection,) = it.server._connections
                await until(lambda: connection._reading_paused)
                assert len(connection._queue) <= 16 + 4096 // len(post()) + 1
                go.set()
                for n in range(total):
                    assert (await client.answer()).body == b"/%d" % n

        run(scenario(), loop)


@pytest.mark.parametrize("pieces", [[1_000_000], [1] * 1000, [200_000] * 5, [256 * 1024, 1]])
def test_a_read_gives_at_most_256_kib_and_as_much_of_that_as_is_here(pieces: list[int]) -> None:
    async def scenario() -> None:
        head = Incoming("PUT", "/", "", [], "a", False, True, sum(pieces), False)
        body = RequestBody(Connection(Server(echo), "", False), head)
        for size in pieces:
            body.put(b"x" * size)
        body.end({})
        sizes = []
        while data := await body.read():
            sizes.append(len(data))
        assert sum(sizes) == sum(pieces) and body.buffered_bytes == 0
        assert max(sizes) <= 256 * 1024
        assert all(one + other > 256 * 1024 for one, other in pairwise(sizes))

    run(scenario())


class TestCollect:
    @staticmethod
    async def collecting(request: HttpRequest) -> HttpResponse:
        assert isinstance(request.stream, RequestBody)
        try:
            return HttpResponse(200, [], await request.stream.collect(1_000_000))
        except BodyTooLarge:
            return HttpResponse(413)
        except NodeFull:
            return HttpResponse(503)

    def test_gives_the_whole_body(self) -> None:
        async def scenario() -> None:
            async with edge(self.collecting) as it:
                body = bytes(range(256)) * 3000
                assert (await (await it.client()).ask(post(body))).body == body

        run(scenario())

    @pytest.mark.parametrize("framing", ["Content-Length: 1000001", "Transfer-Encoding: chunked"])
    def test_refuses_one_that_is_too_long(self, framing: str) -> None:
        async def scenario() -> None:
            async with edge(self.collecting) as it:
                client = await it.client()
                head = f"PUT / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode()
                chunk = b"f4241\r\n" + b"x" * 1_000_001 + b"\r\n" if "chunked" in framing else b""
                assert (await client.ask(head + chunk)).status == 413

        run(scenario())

    def test_counts_what_it_holds_against_the_nodes_bytes(self) -> None:
        async def scenario() -> None:
            async with edge(self.collecting, Limits(in_flight_bytes_max=500_000)) as it:
                assert (await (await it.client()).ask(post(b"x" * 600_000))).status == 503

        run(scenario())


@loops
def test_a_client_that_goes_away_cancels_what_runs_for_it(loop: str) -> None:
    events: list[str] = []

    async def handler(request: HttpRequest) -> HttpResponse:
        events.append("began")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            events.append("cancelled")
            raise
        return HttpResponse(200)

    async def scenario() -> None:
        async with edge(handler) as it:
            client = await it.client()
            await client.send(post(b"x") * 3)
            await until(lambda: events == ["began"])
            client.close()
            await until(lambda: events == ["began", "cancelled"])
            await until(lambda: it.server.in_flight_bytes == 0)

    run(scenario(), loop)


@loops
@pytest.mark.parametrize("then", ["goes", "breaks"])
def test_a_request_called_off_before_its_task_began_leaves_nothing_behind(loop: str, then: str) -> None:
    async def handler(request: HttpRequest) -> HttpResponse:
        raise AssertionError("nobody waits for this")

    async def scenario() -> None:
        async with edge(handler) as it:
            client = await it.client()
            await until(lambda: bool(it.server._connections))
            (connection,) = it.server._connections
            connection.data_received(post(b"x").replace(b"Content-Length: 1", b"Transfer-Encoding: chunked")[:-1])
            if then == "goes":
                connection.eof_received()
                connection.transport.close()
                assert await client.ended()
            else:
                connection.data_received(b"x\r\n")
                assert (await client.answer()).status == 400
            await until(lambda: it.server.in_flight_bytes == 0)

    run(scenario(), loop)


@loops
def test_a_client_that_goes_away_in_the_middle_of_a_body_is_no_end_of_it(loop: str) -> None:
    errors: list[BaseException] = []

    async def handler(request: HttpRequest) -> HttpResponse:
        try:
            return await echo(request)
        except BaseException as error:
            errors.append(error)
            raise

    async def scenario() -> None:
        async with edge(handler) as it:
            client = await it.client()
            await client.send(post(b"x" * 100_000)[:-1])
            await until(lambda: it.server.in_flight_bytes > 0)
            client.close()
            await until(lambda: bool(errors))
            assert isinstance(errors[0], (asyncio.CancelledError, ConnectionResetError))

    run(scenario(), loop)
