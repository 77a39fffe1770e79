"""An answer counts only with the right content."""

import hashlib
from typing import Any, cast

import msgspec
import pytest

from bench import lines
from bench.client import Client, WrongAnswer
from bench.lines.dynamodb import GetItem, MixedPutItem, Query, item_of, stored
from bench.lines.line import VALUE_BYTES, Line, Shared, value_of
from bench.lines.s3 import GetObject, content
from bench.lines.sqs import ReceiveMessage, SendMessage
from bench.load import Answer
from bench.setting import Setting

NOBODY = cast(Client, None)
SETTING = Setting(NOBODY, "role", "000000000000")


def answer(value: Any, status: int = 200, request: int = 0) -> Answer:
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Answer(request, status, b"", body, 0.001)


def refuses(line: Line, given: Answer) -> bool:
    try:
        line.check(given)
    except WrongAnswer:
        return True
    return False


def test_values_are_1_kib_and_every_key_has_its_own() -> None:
    assert len(value_of("a")) == len(value_of("b")) == VALUE_BYTES
    assert value_of("a") == value_of("a") != value_of("b")


def test_an_item_is_the_one_that_was_asked_for() -> None:
    line = GetItem(Shared(SETTING, 10))
    line._asked = [7]
    line.check(answer({"Item": item_of(stored(7))}))
    assert refuses(line, answer({"Item": item_of(stored(8))}))
    assert refuses(line, answer({}))
    assert refuses(line, answer({"Item": item_of(stored(7))}, status=500))
    assert refuses(line, answer(b"<html>"))


def test_a_query_has_all_twenty_in_their_order() -> None:
    line = Query(Shared(SETTING, 100))
    line._asked = [2]
    right = [item_of(stored(number)) for number in range(40, 60)]
    line.check(answer({"Items": right}))
    assert refuses(line, answer({"Items": right[:-1]}))
    assert refuses(line, answer({"Items": right[::-1]}))


def test_amid_reads_only_writes_are_timed() -> None:
    line = MixedPutItem(Shared(SETTING, 100))
    assert [line.is_timed(answer({}, request=number)) for number in (0, 1, 9, 10)] == [True, False, False, True]


def test_lines_are_chosen_by_name_or_parts_of_names_with_what_they_live_on() -> None:
    def names(wanted: str) -> list[str]:
        return [line.name for line in lines.chosen(every, wanted)]

    every = lines.lines_for(SETTING, 100)
    assert names("") == [line.name for line in every]
    assert names("query") == ["GetItem", "Query of 20"]
    assert names("getitem") == ["GetItem"] and names("PutItem amid") == ["GetItem", "PutItem amid 90 % GetItem"]
    assert names("deletemessage") == ["SendMessage", "ReceiveMessage", "DeleteMessage"]
    assert names("putobject 1kib,publish") == ["Publish to 10 queues", "PutObject 1 KiB"]


def test_an_object_is_the_one_that_was_asked_for() -> None:
    line = GetObject(Shared(SETTING, 0))
    line._asked = [3]
    line.check(answer(content(3, 1024)))
    assert refuses(line, answer(content(4, 1024)))


def test_a_message_is_one_that_was_sent_and_comes_once() -> None:
    shared = Shared(SETTING, 0)
    send, receive = SendMessage(shared), ReceiveMessage(shared)
    send._run = "r"
    body = value_of("r:0")
    digest = hashlib.md5(body.encode()).hexdigest()
    send.check(answer({"MessageId": "m", "MD5OfMessageBody": digest}))
    message = {"Body": body, "MD5OfBody": digest, "ReceiptHandle": "h"}
    assert refuses(receive, answer({"Messages": [message | {"Body": value_of("r:1")}]})), "nobody sent that"
    assert refuses(receive, answer({})), "there is one"
    receive.check(answer({"Messages": [message]}))
    assert shared.queue.handles == ["h"]
    assert refuses(receive, answer({"Messages": [message]})), "it is hidden now"


def test_a_digest_that_is_anothers_is_wrong() -> None:
    send = SendMessage(Shared(SETTING, 0))
    send._run = "r"
    with pytest.raises(WrongAnswer):
        send.check(answer({"MessageId": "m", "MD5OfMessageBody": hashlib.md5(b"else").hexdigest()}))
