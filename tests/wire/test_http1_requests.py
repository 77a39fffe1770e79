"""RequestParser: every case fed whole, byte by byte, and in sevens, with one outcome."""

import pytest

from cloudlet.wire.http1 import (
    HEADER_BYTES_MAX,
    SMALL_BODY_BYTES_MAX,
    Data,
    End,
    Event,
    Incoming,
    Refused,
    RequestParser,
)

STEPS = [pytest.param(1 << 30, id="whole"), pytest.param(1, id="byte by byte"), pytest.param(7, id="in sevens")]


class Message:
    """One request, put together from its events."""

    def __init__(self, incoming: Incoming) -> None:
        self.head = incoming
        self.body = incoming.body
        self.ended = incoming.whole
        self.trailers: dict[str, str] = {}


def collect(events: list[Event]) -> list[Message | Refused]:
    found: list[Message | Refused] = []
    for event in events:
        if isinstance(event, Incoming):
            found.append(Message(event))
            continue
        if isinstance(event, Refused):
            found.append(event)
            continue
        last = found[-1]
        assert isinstance(last, Message) and not last.ended
        if isinstance(event, Data):
            last.body += event.data
        elif isinstance(event, End):
            last.ended, last.trailers = True, event.trailers
    return found


def feed(data: bytes, step: int, parser: RequestParser | None = None) -> list[Message | Refused]:
    parser = parser or RequestParser()
    events: list[Event] = []
    for start in range(0, len(data), min(step, len(data))):
        events += parser.receive(data[start : start + step])
    return collect(events)


def one(data: bytes, step: int) -> Message:
    (message,) = feed(data, step)
    assert isinstance(message, Message) and message.ended
    return message


def refusal(data: bytes, step: int) -> Refused:
    refused = feed(data, step)[-1]
    assert isinstance(refused, Refused)
    return refused


def get(target: str = "/", headers: str = "", version: str = "1.1", method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/{version}\r\nHost: a\r\n{headers}\r\n".encode("latin-1")


@pytest.mark.parametrize("step", STEPS)
class TestHead:
    def test_path_and_query_stay_as_sent(self, step: int) -> None:
        head = one(get("/a%2Fb//../c%20d+e?x=%7E&y=a?b&z"), step).head
        assert (head.method, head.path, head.query) == ("GET", "/a%2Fb//../c%20d+e", "x=%7E&y=a?b&z")

    def test_header_names_are_lowered_values_stripped_and_order_and_repeats_kept(self, step: int) -> None:
        head = one(get(headers="X-B: 2 \t\r\nX-a:\r\nx-b:\t1\r\n"), step).head
        assert head.headers == [("host", "a"), ("x-b", "2"), ("x-a", ""), ("x-b", "1")]

    def test_bytes_of_a_value_survive_as_latin_1(self, step: int) -> None:
        headers = one(b"GET / HTTP/1.1\r\nHost: a\r\nX: caf\xc3\xa9\r\n\r\n", step).head.headers
        assert headers[1][1].encode("latin-1") == b"caf\xc3\xa9"

    def test_empty_lines_before_a_request_are_skipped(self, step: int) -> None:
        assert one(b"\r\n\r\n" + get("/a"), step).head.path == "/a"

    def test_an_absolute_target_becomes_origin_form(self, step: int) -> None:
        head = one(get("HTTP://A:80/p%20q?x=http://b/"), step).head
        assert (head.path, head.query) == ("/p%20q", "x=http://b/")
        assert one(get("http://a?x"), step).head.path == "/"

    def test_a_path_that_looks_absolute_stays(self, step: int) -> None:
        assert one(get("//a/b"), step).head.path == "//a/b"

    def test_options_of_the_server_itself(self, step: int) -> None:
        assert one(get("*", method="OPTIONS"), step).head.path == "*"

    @pytest.mark.parametrize(
        ("version", "connection", "keeps"),
        [("1.1", "", True), ("1.1", "close", False), ("1.0", "", False), ("1.0", "keep-alive", True)],
    )
    def test_keep_alive_follows_version_and_connection(
        self, step: int, version: str, connection: str, keeps: bool
    ) -> None:
        headers = f"Connection: {connection}\r\n" if connection else ""
        head = one(get(headers=headers, version=version), step).head
        assert (head.keep_alive, head.http_1_0) == (keeps, version == "1.0")

    def test_what_follows_a_last_request_is_not_read(self, step: int) -> None:
        data = get(headers="Connection: close\r\n") + b"whatever \0 this is"
        assert one(data, step).head.keep_alive is False


@pytest.mark.parametrize("step", STEPS)
class TestBody:
    def test_by_length(self, step: int) -> None:
        message = one(get(method="POST", headers="Content-Length: 5\r\n") + b"hello", step)
        assert (message.body, message.head.length) == (b"hello", 5)

    def test_by_chunks_with_extensions_and_trailers_in_their_own_map(self, step: int) -> None:
        chunks = b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-Amz-Sum: 1\r\nEmpty:\r\nx-amz-sum: 2\r\nHost: b\r\n\r\n"
        message = one(get(method="PUT", headers="Transfer-Encoding: chunked\r\n") + chunks, step)
        assert (message.body, message.head.length) == (b"hello!", None)
        assert message.trailers == {"x-amz-sum": "1,2", "empty": "", "host": "b"}
        assert message.head.headers == [("host", "a"), ("transfer-encoding", "chunked")]

    def test_pipelined_requests_come_apart(self, step: int) -> None:
        data = get("/1") + get("/2", "Content-Length: 1\r\n", method="POST") + b"x" + get("/3")
        messages = feed(data, step)
        assert [(m.head.path, m.body) for m in messages if isinstance(m, Message)] == [
            ("/1", b""),
            ("/2", b"x"),
            ("/3", b""),
        ]

    @pytest.mark.parametrize("framing", ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"])
    def test_a_request_for_an_upgrade_keeps_its_body_and_what_follows(self, step: int, framing: str) -> None:
        body = b"hello" if "Length" in framing else b"5\r\nhello\r\n0\r\nT: 1\r\n\r\n"
        upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAE\r\n"
        first, second = feed(get("/a?b", upgrade + framing, method="POST") + body + get("/next"), step)
        assert isinstance(first, Message) and isinstance(second, Message)
        assert (first.head.method, first.head.path, first.head.query) == ("POST", "/a", "b")
        assert (first.body, first.ended, first.head.keep_alive) == (b"hello", True, True)
        assert first.trailers == ({} if "Length" in framing else {"t": "1"})
        assert [name for name, _ in first.head.headers][:4] == ["host", "connection", "upgrade", "http2-settings"]
        assert second.head.path == "/next"

    def test_an_upgrade_that_also_closes_still_closes(self, step: int) -> None:
        data = get(headers="Connection: upgrade, close\r\nUpgrade: websocket\r\n")
        assert one(data + b"no request", step).head.keep_alive is False

    def test_an_upgrade_in_http_1_0_that_stays(self, step: int) -> None:
        data = get(headers="Connection: upgrade, keep-alive\r\nUpgrade: h2c\r\n", version="1.0")
        messages = feed(data + get("/next"), step)
        assert [m.head.path for m in messages if isinstance(m, Message)] == ["/", "/next"]

    def test_many_upgrades_in_a_row(self, step: int) -> None:
        upgrade = get("/u", "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n", method="POST") + b"x"
        messages = feed(upgrade * 5, step)
        assert [m.body for m in messages if isinstance(m, Message)] == [b"x"] * 5


POST_CHUNKED = get(method="POST", headers="Transfer-Encoding: chunked\r\n")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("status", "data"),
    [
        pytest.param(400, b"GET / HTTP/1.1\r\n\r\n", id="no Host"),
        pytest.param(400, b"GET / HTTP/1.0\r\n\r\n", id="no Host in 1.0"),
        pytest.param(400, b"GET / HTTP/1.1\r\nHost:\r\n\r\n", id="an empty Host"),
        pytest.param(400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", id="two Hosts"),
        pytest.param(400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", id="a blank in Host"),
        pytest.param(400, b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", id="userinfo in Host"),
        pytest.param(400, get("http://b/"), id="an absolute target at another host"),
        pytest.param(400, get("http://u@a/"), id="userinfo in the target"),
        pytest.param(400, get("ftp://a/"), id="another scheme"),
        pytest.param(400, get("/a#b"), id="a fragment"),
        pytest.param(400, get("*"), id="* for another method than OPTIONS"),
        pytest.param(400, b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", id="raw UTF-8 in the path"),
        pytest.param(400, get("/a\0"), id="NUL in the path"),
        pytest.param(400, get("/a b"), id="a blank in the path"),
        pytest.param(400, get(method="FROB"), id="an unknown method"),
        pytest.param(405, b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", id="CONNECT"),
        pytest.param(400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2 without asking"),
        pytest.param(505, get(version="2.0"), id="HTTP/2.0"),
        pytest.param(505, b"GET /\r\n\r\n", id="HTTP/0.9"),
        pytest.param(400, get(version="1.2"), id="HTTP/1.2"),
        pytest.param(400, b"\x16\x03\x01\x02\x00\x01\x00", id="a TLS hello"),
        pytest.param(400, b"GET / HTTP/1.1\nHost: a\n\n", id="bare LF"),
        pytest.param(400, get(headers="X: a\rb\r\n"), id="bare CR"),
        pytest.param(400, get(headers="X: a\r\n b\r\n"), id="a folded line"),
        pytest.param(400, get(headers="X : a\r\n"), id="a blank before the colon"),
        pytest.param(400, get(headers="X: \0\r\n"), id="NUL in a value"),
        pytest.param(400, get(headers="X: \x01\r\n"), id="a control character in a value"),
        pytest.param(400, get(headers="X\xe9: a\r\n"), id="a name that is no token"),
        pytest.param(400, get(headers="Content-Length: 1\r\nContent-Length: 1\r\n"), id="two lengths"),
        pytest.param(400, get(headers="Content-Length: +1\r\n"), id="a signed length"),
        pytest.param(400, get(headers="Content-Length: 1, 1\r\n"), id="a list of lengths"),
        pytest.param(400, get(headers="Content-Length: 99999999999999999999\r\n"), id="a length beyond 64 bits"),
        pytest.param(
            400, get(headers="Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), id="a length and a coding"
        ),
        pytest.param(
            400, get(headers="Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), id="a coding and a length"
        ),
        pytest.param(501, get(headers="Transfer-Encoding: gzip, chunked\r\n"), id="another coding"),
        pytest.param(501, get(headers="Transfer-Encoding: xchunked\r\n"), id="nearly chunked"),
        pytest.param(
            400, get(headers="Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), id="chunked twice"
        ),
        pytest.param(400, get(headers="Transfer-Encoding: chunked\r\n", version="1.0"), id="chunked in 1.0"),
        pytest.param(417, get(headers="Expect: the-unexpected\r\n"), id="another expectation"),
        pytest.param(400, POST_CHUNKED + b"x\r\n", id="a chunk size that is none"),
        pytest.param(400, POST_CHUNKED + b"1\r\nab\r\n", id="a chunk longer than its size"),
        pytest.param(400, POST_CHUNKED + b"1\na\r\n", id="bare LF after a chunk size"),
        pytest.param(400, POST_CHUNKED + b"-1\r\n", id="a negative chunk size"),
        pytest.param(400, POST_CHUNKED + b"11111111111111111\r\n", id="a chunk size beyond 64 bits"),
        pytest.param(400, POST_CHUNKED + b"0\r\nX : a\r\n\r\n", id="a bad trailer"),
        pytest.param(
            400,
            get(headers="Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n") + b"x\r\n",
            id="a bad chunk after an upgrade",
        ),
    ],
)
def test_refused(step: int, status: int, data: bytes) -> None:
    events = feed(data, step)
    refused = events[-1]
    assert isinstance(refused, Refused) and refused.status == status and refused.reason
    assert all(isinstance(event, Message) and not event.ended for event in events[:-1])


@pytest.mark.parametrize("step", STEPS)
def test_requests_before_a_bad_one_are_good(step: int) -> None:
    good, bad = feed(get("/good") + b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", step)
    assert isinstance(good, Message) and good.ended and isinstance(bad, Refused)
    assert bad.in_body is False


@pytest.mark.parametrize("step", STEPS)
def test_a_refusal_has_the_headers_that_came_before_it(step: int) -> None:
    refused = refusal(b"GET / HTTP/1.1\r\nHost: b\r\nX-Amz-Target: A.B\r\nX: \0\r\nY: z\r\n\r\n", step)
    assert refused.headers == [("host", "b"), ("x-amz-target", "A.B")]
    assert refusal(b"GET / HTP/1.1\r\n\r\n", step).headers == []


def test_a_bad_chunk_after_the_head_was_handed_out_says_so() -> None:
    parser = RequestParser()
    assert isinstance(parser.receive(POST_CHUNKED)[0], Incoming)
    (refused,) = parser.receive(b"x\r\n")
    assert isinstance(refused, Refused) and refused.in_body


@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_read_after_a_refusal(step: int) -> None:
    parser = RequestParser()
    assert isinstance(feed(get("ftp://a/"), step, parser)[-1], Refused)
    assert parser.receive(get("/a")) == []


class TestBounds:
    @pytest.mark.parametrize("step", [1 << 30, 1021, 1])
    @pytest.mark.parametrize("excess", [0, 1])
    def test_headers_are_counted_to_the_byte(self, step: int, excess: int) -> None:
        data = get(headers="X: \r\n")
        data = data.replace(b"X: ", b"X:" + b"v" * (1000 + excess - len(data) + 1))
        assert len(data) == 1000 + excess
        events = feed(data, step, RequestParser(header_bytes_max=1000))
        assert isinstance(events[-1], Refused if excess else Message)
        if excess:
            assert events[-1].status == 431  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("prefix", "endless"),
        [
            pytest.param(b"", b"\r\n", id="empty lines"),
            pytest.param(b"GET /", b"v", id="the target"),
            pytest.param(get()[:-2], b"v", id="a name"),
            pytest.param(get()[:-2] + b"X: ", b"v", id="a value"),
            pytest.param(get()[:-2], b"a:\r\n", id="headers"),
            pytest.param(POST_CHUNKED + b"0\r\nX: ", b"v", id="a trailer's value"),
            pytest.param(POST_CHUNKED + b"0\r\n", b"a:\r\n", id="trailers"),
        ],
    )
    def test_headers_and_trailers_without_an_end_are_refused(self, prefix: bytes, endless: bytes) -> None:
        parser = RequestParser()
        parser.receive(prefix)
        for _ in range(2 * HEADER_BYTES_MAX // (len(endless) * 100)):
            for event in parser.receive(endless * 100):
                assert isinstance(event, Refused) and event.status == 431
        assert parser.finished

    def test_an_endless_chunk_extension_is_refused(self) -> None:
        parser = RequestParser()
        parser.receive(POST_CHUNKED + b"1;x=")
        events = [event for _ in range(40) for event in parser.receive(b"y" * 4096)]
        assert isinstance(events[-1], Refused) and events[-1].status == 431

    def test_a_long_body_is_no_long_header(self) -> None:
        parser = RequestParser(header_bytes_max=1000)
        events = parser.receive(get(method="PUT", headers="Content-Length: 1000000\r\n"))
        for _ in range(100):
            events += parser.receive(b"x" * 10_000)
        assert isinstance(events[-1], End)
        assert len(collect(events)[0].body) == 1_000_000  # type: ignore[union-attr]

    @pytest.mark.parametrize("room", [1, 3])
    def test_reading_stops_when_there_is_no_room(self, room: int) -> None:
        parser = RequestParser()
        total = 9000
        events = parser.receive(get() * total, room)
        assert room <= len(events) <= room + 4096 // len(get()) + 1
        assert parser.backlog
        assert parser.receive(b"", 0) == []
        seen = len(events)
        while parser.backlog:
            seen += len(parser.receive(b"", room))
        assert seen == total

    def test_without_room_a_body_is_still_read_to_its_end_and_no_further(self) -> None:
        parser = RequestParser()
        body = b"x" * 300_000
        parser.receive(get(method="PUT", headers=f"Content-Length: {len(body)}\r\n") + body[:10])
        events = parser.receive(body[10:] + get("/next") * 500, 0)
        assert sum(len(event.data) for event in events if isinstance(event, Data)) == len(body) - 10
        assert isinstance(events[-1], End)
        assert parser.backlog == get("/next") * 500

    @pytest.mark.parametrize(
        ("size", "whole"), [(0, True), (SMALL_BODY_BYTES_MAX, True), (SMALL_BODY_BYTES_MAX + 1, False)]
    )
    def test_a_small_body_already_here_comes_with_the_head(self, size: int, whole: bool) -> None:
        data = get(method="PUT", headers=f"Content-Length: {size}\r\n") + b"x" * size
        head = RequestParser().receive(data)[0]
        assert isinstance(head, Incoming) and head.whole is whole
        assert one(data, 1 << 30).body == b"x" * size

    def test_a_small_body_with_trailers_is_streamed_so_that_they_are_not_lost(self) -> None:
        events = RequestParser().receive(POST_CHUNKED + b"1\r\na\r\n0\r\nT: v\r\n\r\n")
        assert [type(event) for event in events] == [Incoming, Data, End]

    def test_the_head_of_a_long_body_does_not_wait_for_it(self) -> None:
        (head,) = RequestParser().receive(get(method="PUT", headers="Content-Length: 5000000000\r\n"))
        assert isinstance(head, Incoming) and not head.whole and head.length == 5_000_000_000

    def test_state_is_told_for_timeouts(self) -> None:
        parser = RequestParser()
        assert (parser.in_head, parser.in_body) == (False, False)
        parser.receive(b"G")
        assert (parser.in_head, parser.in_body) == (True, False)
        parser.receive(get(method="PUT", headers="Content-Length: 1\r\n")[1:].replace(b"UT", b"ET", 1))
        assert (parser.in_head, parser.in_body) == (False, True)
        parser.receive(b"x")
        assert (parser.in_head, parser.in_body) == (False, False)
