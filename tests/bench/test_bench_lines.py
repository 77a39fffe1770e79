"""An answer counts only with the right content."""

import hashlib
from typing import Any, cast

import msgspec
import pytest

from bench import lines
from bench.client import Client, WrongAnswer
from bench.lines import GetItem, GetObject, Queue, ReceiveMessage, SendMessage, item_of, value_of
from bench.load import Answer

NOBODY = cast(Client, None)


def answer(value: Any, status: int = 200, request: int = 0) -> Answer:
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Answer(request, status, b"", body, 0.001)


def refuses(line: lines.Line, given: Answer) -> bool:
    try:
        line.check(given)
    except WrongAnswer:
        return True
    return False


def test_values_are_1_kib_and_every_key_has_its_own() -> None:
    assert len(value_of("a")) == len(value_of("b")) == lines.VALUE_BYTES
    assert value_of("a") == value_of("a") != value_of("b")


def test_an_item_is_the_one_that_was_asked_for() -> None:
    line = GetItem(NOBODY, 10)
    line._asked = ["item:7"]
    line.check(answer({"Item": item_of("item:7")}))
    assert refuses(line, answer({"Item": item_of("item:8")}))
    assert refuses(line, answer({}))
    assert refuses(line, answer({"Item": item_of("item:7")}, status=500))
    assert refuses(line, answer(b"<html>"))


def test_an_object_is_the_one_that_was_asked_for() -> None:
    line = GetObject(NOBODY)
    line._asked = [3]
    line.check(answer(value_of("object:3").encode()))
    assert refuses(line, answer(value_of("object:4").encode()))


def test_a_message_is_one_that_was_sent_and_comes_once() -> None:
    queue = Queue()
    send, receive = SendMessage(NOBODY, queue), ReceiveMessage(NOBODY, queue)
    send._run = "r"
    body = value_of("r:0")
    digest = hashlib.md5(body.encode()).hexdigest()
    send.check(answer({"MessageId": "m", "MD5OfMessageBody": digest}))
    message = {"Body": body, "MD5OfBody": digest, "ReceiptHandle": "h"}
    assert refuses(receive, answer({"Messages": [message | {"Body": value_of("r:1")}]})), "nobody sent that"
    assert refuses(receive, answer({})), "there is one"
    receive.check(answer({"Messages": [message]}))
    assert queue.handles == ["h"]
    assert refuses(receive, answer({"Messages": [message]})), "it is hidden now"


def test_a_digest_that_is_anothers_is_wrong() -> None:
    send = SendMessage(NOBODY, Queue())
    send._run = "r"
    with pytest.raises(WrongAnswer):
        send.check(answer({"MessageId": "m", "MD5OfMessageBody": hashlib.md5(b"else").hexdigest()}))
