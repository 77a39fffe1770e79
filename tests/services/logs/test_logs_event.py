"""Groups, streams, events: put, get onwards and backwards, rejected, expired."""

import pytest

from cloudlet.base.errors import AwsError
from tests.client import TestNode

DAY_MS = 86_400_000


def refusal(node: TestNode, operation: str, **parameters) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        node.aws("logs", operation, **parameters)
    return refused.value.code, refused.value.message


def make(node: TestNode, group: str = "g", *streams: str) -> None:
    node.aws("logs", "CreateLogGroup", logGroupName=group)
    for stream in streams or ("s",):
        node.aws("logs", "CreateLogStream", logGroupName=group, logStreamName=stream)


def put(node: TestNode, *events: tuple[int, str], group: str = "g", stream: str = "s") -> dict:
    listed = [{"timestamp": time_ms, "message": message} for time_ms, message in events]
    return node.aws("logs", "PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=listed)


def get(node: TestNode, **parameters) -> tuple[list[str], str, str]:
    answer = node.aws("logs", "GetLogEvents", logGroupName="g", logStreamName="s", **parameters)
    messages = [event["message"] for event in answer["events"]]
    return messages, answer["nextForwardToken"], answer["nextBackwardToken"]


def test_events_come_back_by_time_and_then_as_they_came(node: TestNode) -> None:
    make(node)
    now = node.clock.now_ms()
    put(node, (now, "b"), (now + 5, "e"))
    put(node, (now - 10, "a"), (now, "c"), (now + 1, "d"))
    answer = node.aws("logs", "GetLogEvents", logGroupName="g", logStreamName="s")
    assert [event["message"] for event in answer["events"]] == ["a", "b", "c", "d", "e"]
    assert answer["events"][0] == {"timestamp": now - 10, "message": "a", "ingestionTime": now}


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_onwards_and_backwards_show_every_event_once(node: TestNode, limit: int) -> None:
    make(node)
    now = node.clock.now_ms()
    put(node, *((now + 10 * n, f"{n}") for n in range(5)))
    put(node, *((now + 10 * n + 5, f"{n}.5") for n in range(5)))
    everything, _, _ = get(node)
    assert len(everything) == 10
    seen, token = [], None
    while True:
        more = {"nextToken": token} if token else {"startFromHead": True}
        messages, following, _ = get(node, limit=limit, **more)
        if following == token:
            break
        seen, token = seen + messages, following
    assert seen == everything
    seen, token = [], None
    while True:
        messages, _, following = get(node, limit=limit, **({"nextToken": token} if token else {}))
        if following == token:
            break
        seen, token = messages + seen, following
    assert seen == everything


def test_the_forward_token_finds_what_comes_later(node: TestNode) -> None:
    make(node)
    _, token, _ = get(node, startFromHead=True)
    put(node, (node.clock.now_ms(), "first"))
    messages, token, _ = get(node, nextToken=token)
    assert messages == ["first"]
    put(node, (node.clock.now_ms() + 1, "second"))
    messages, following, _ = get(node, nextToken=token)
    assert messages == ["second"]
    assert get(node, nextToken=following)[1] == following


def test_a_time_range_includes_its_start_only(node: TestNode) -> None:
    make(node)
    now = node.clock.now_ms()
    put(node, (now, "a"), (now + 1, "b"), (now + 2, "c"))
    assert get(node, startTime=now + 1, endTime=now + 2)[0] == ["b"]


def test_the_largest_request_is_one_transaction(node: TestNode) -> None:
    make(node)
    begin = node.clock.now_ms() - DAY_MS
    put(node, *((begin + 8_640 * n, "x") for n in range(10_000)))
    assert len(get(node, startFromHead=True)[0]) == 10_000


def test_events_out_of_bounds_are_rejected_and_the_others_taken(node: TestNode) -> None:
    make(node)
    now = node.clock.now_ms()
    answer = put(node, (now - 15 * DAY_MS, "old"), (now, "fine"), (now + 3 * 3_600_000, "new"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    assert get(node)[0] == ["fine"]


def test_requests_that_are_refused(node: TestNode) -> None:
    make(node)
    now = node.clock.now_ms()
    one = [{"timestamp": now, "message": "x"}]
    wrong = [{"timestamp": now, "message": "x"}, {"timestamp": now - 1, "message": "x"}]
    span = [{"timestamp": now - DAY_MS - 1, "message": "x"}, {"timestamp": now, "message": "x"}]
    assert refusal(node, "PutLogEvents", logGroupName="none", logStreamName="s", logEvents=one) == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
    assert refusal(node, "PutLogEvents", logGroupName="g", logStreamName="none", logEvents=one) == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )
    for events, sentence in (
        (wrong, "Log events in a single PutLogEvents request must be in chronological order."),
        (span, "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."),
    ):
        refused = refusal(node, "PutLogEvents", logGroupName="g", logStreamName="s", logEvents=events)
        assert refused == ("InvalidParameterException", sentence)
    assert refusal(node, "GetLogEvents", logGroupName="g", logStreamName="s", limit=10_001) == (
        "InvalidParameterException",
        "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value"
        " less than or equal to 10000",
    )


def test_events_past_retention_are_gone(node: TestNode) -> None:
    make(node)
    node.aws("logs", "PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    put(node, (node.clock.now_ms(), "old"))
    node.advance(hours=23)
    put(node, (node.clock.now_ms(), "young"))
    assert get(node)[0] == ["old", "young"]
    node.advance(hours=2)
    assert get(node)[0] == ["young"]
    rows = node.node.database.transact(lambda tx: tx.scan(b"\x01", b"\xff").rows)[0]
    assert sum(b"young" in value for _, value in rows) == 1
    assert not any(b"old" in value for _, value in rows)
    refused = put(node, (node.clock.now_ms() - DAY_MS - 1, "older"))
    assert refused["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}


def test_a_deleted_group_leaves_nothing(node: TestNode) -> None:
    make(node)
    put(node, (node.clock.now_ms(), "secret text"))
    node.aws("logs", "DeleteLogGroup", logGroupName="g")
    node.settle()
    rows = node.node.database.transact(lambda tx: tx.scan(b"\x01", b"\xff").rows)[0]
    assert not any(b"secret text" in value for _, value in rows)


def test_a_stream_made_again_is_empty(node: TestNode) -> None:
    make(node)
    put(node, (node.clock.now_ms(), "before"))
    node.aws("logs", "DeleteLogStream", logGroupName="g", logStreamName="s")
    node.aws("logs", "CreateLogStream", logGroupName="g", logStreamName="s")
    assert get(node)[0] == []
    node.settle()
    rows = node.node.database.transact(lambda tx: tx.scan(b"\x01", b"\xff").rows)[0]
    assert not any(b"before" in value for _, value in rows)
