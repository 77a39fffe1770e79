"""The head of an answer and the framing it announces."""

import re
from collections.abc import AsyncIterator

import pytest

from cloudlet.wire.http1_answer import BadAnswer, Framing, render_head
from cloudlet.wire.message import FileSlice, HttpResponse


def head(response: HttpResponse, method: str = "GET", http_1_0: bool = False, keep_alive: bool = True) -> list[str]:
    text, _ = render_head(response, method=method, http_1_0=http_1_0, keep_alive=keep_alive)
    assert text.endswith(b"\r\n\r\n")
    return text.decode("latin-1").split("\r\n")[:-2]


def framing(response: HttpResponse, method: str = "GET", http_1_0: bool = False, keep_alive: bool = True) -> Framing:
    return render_head(response, method=method, http_1_0=http_1_0, keep_alive=keep_alive)[1]


async def nothing() -> AsyncIterator[bytes]:
    for chunk in ():
        yield chunk


def test_a_plain_answer() -> None:
    status, kind, date, length = head(HttpResponse(200, [("Content-Type", "text/plain")], b"hi"))
    assert (status, kind, length) == ("HTTP/1.1 200 OK", "Content-Type: text/plain", "Content-Length: 2")
    assert re.fullmatch(r"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", date)


def test_a_date_of_the_handler_is_kept() -> None:
    assert [line for line in head(HttpResponse(200, [("date", "x")])) if line.lower().startswith("date")] == ["date: x"]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b", "\r\n\r\n<body>"])
def test_a_value_cannot_break_out_of_its_line(value: str) -> None:
    with pytest.raises(BadAnswer):
        head(HttpResponse(200, [("X", value)]))


@pytest.mark.parametrize("name", ["a\r\nb", "a b", "a:", "", "é"])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(BadAnswer):
        head(HttpResponse(200, [(name, "x")]))


def test_a_value_beyond_latin_1_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        head(HttpResponse(200, [("X", "→")]))


def test_the_edge_alone_speaks_about_the_connection() -> None:
    headers = [("Connection", "keep-alive"), ("Transfer-Encoding", "chunked"), ("Keep-Alive", "timeout=5")]
    lines = head(HttpResponse(200, headers, b"x"), keep_alive=False)
    assert [line for line in lines if "onnection" in line or "Keep" in line or "Transfer" in line] == [
        "Connection: close"
    ]


def test_an_unknown_status_is_still_a_status_line() -> None:
    assert head(HttpResponse(499))[0] == "HTTP/1.1 499 Status"
    for status in (99, 100, 101, 600, 0):
        with pytest.raises(BadAnswer):
            head(HttpResponse(status))


@pytest.mark.parametrize(("status", "method"), [(200, "HEAD"), (204, "GET"), (304, "GET")])
def test_answers_without_a_body(status: int, method: str) -> None:
    assert framing(HttpResponse(status, [], b""), method).sends_body is False


def test_head_says_the_length_that_get_would() -> None:
    assert "Content-Length: 5" in head(HttpResponse(200, [], b"hello"), "HEAD")
    assert "Content-Length: 7" in head(HttpResponse(200, [("Content-Length", "7")], b""), "HEAD")
    assert not [line for line in head(HttpResponse(200, [], nothing()), "HEAD") if "Transfer" in line]


def test_204_and_304_say_no_length_unless_told() -> None:
    assert not [line for line in head(HttpResponse(204)) if "Length" in line]
    assert not [line for line in head(HttpResponse(304)) if "Length" in line]
    assert "Content-Length: 7" in head(HttpResponse(304, [("content-length", "7")]))
    with pytest.raises(BadAnswer):
        head(HttpResponse(204, [], b"x"))


def test_slices_have_the_sum_of_their_lengths() -> None:
    slices = [FileSlice(0, 0, 3, lambda: None), FileSlice(0, 9, 4, lambda: None)]
    assert framing(HttpResponse(200, [], slices)) == Framing(True, 7, False, False)


def test_an_iterator_is_chunked_unless_its_length_is_declared() -> None:
    assert framing(HttpResponse(200, [], nothing())) == Framing(True, None, True, False)
    assert "Transfer-Encoding: chunked" in head(HttpResponse(200, [], nothing()))
    declared = HttpResponse(200, [("Content-Length", "9")], nothing())
    assert framing(declared) == Framing(True, 9, False, False)
    assert [line for line in head(declared) if "Length" in line or "Transfer" in line] == ["Content-Length: 9"]


def test_to_http_1_0_an_iterator_ends_with_the_connection() -> None:
    assert framing(HttpResponse(200, [], nothing()), http_1_0=True) == Framing(True, None, False, True)


def test_a_length_that_is_not_the_bodys_is_refused() -> None:
    with pytest.raises(BadAnswer):
        head(HttpResponse(200, [("Content-Length", "3")], b"hello"))
    with pytest.raises(ValueError):
        head(HttpResponse(200, [("Content-Length", "x")], b"hello"))


def test_http_1_0_hears_that_the_connection_stays() -> None:
    assert "Connection: keep-alive" in head(HttpResponse(200), http_1_0=True)
    assert not [line for line in head(HttpResponse(200)) if "Connection" in line]


def test_close_is_said() -> None:
    assert framing(HttpResponse(200, close=True)).close is True
    assert "Connection: close" in head(HttpResponse(200, close=True))
