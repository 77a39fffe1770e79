"""Fan-out: many subscriptions, large messages, and a FIFO topic's order, within what one transaction may write."""

import json
from collections import Counter
from typing import Any

import pytest

from cloudlet.kit import arn as arns
from cloudlet.kit.call import Call
from cloudlet.services.sns import fan_out, signing
from cloudlet.store.keys import pack
from tests.calls import counted
from tests.client import TestNode
from tests.services.sns.sns_client import (
    ACCOUNT,
    envelopes,
    metrics,
    publish,
    queue,
    receive,
    refusal,
    subscribe,
    topic,
)

INVALID = "InvalidParameter"


def queues(node: TestNode, arn: str, count: int, suffix: str = "", **attributes: str) -> list[str]:
    """URLs of `count` subscribed queues."""
    urls = []
    for number in range(count):
        url, queue_arn = queue(node, f"q{number}{suffix}")
        subscribe(node, arn, queue_arn, **attributes)
        urls.append(url)
    return urls


def parcels(node: TestNode) -> int:
    """How many keys of messages under way there are."""
    keys = node.node.services["sns"].keys(ACCOUNT, "us-east-1")
    rows, _ = node.node.database.transact(
        lambda tx: [*tx.scan(*keys.parcel.range()).rows, *tx.scan(*keys.waiting.range()).rows]
    )
    return len(rows)


def test_twenty_five_are_reached_in_the_publishers_transaction_the_rest_after_it(node: TestNode) -> None:
    arn = topic(node)
    urls = queues(node, arn, 60)
    publish(node, arn)
    assert metrics(node)["NumberOfNotificationsDelivered"] == fan_out.TARGETS_MAX
    assert parcels(node) == 1
    node.settle()
    assert metrics(node)["NumberOfNotificationsDelivered"] == 60
    assert [len(receive(node, url)) for url in urls] == [1] * 60
    assert parcels(node) == 0


def test_a_batch_shares_the_budget(node: TestNode) -> None:
    arn = topic(node)
    urls = queues(node, arn, 10)
    entries = [{"Id": str(number), "Message": str(number)} for number in range(10)]
    node.aws("sns", "PublishBatch", TopicArn=arn, PublishBatchRequestEntries=entries)
    assert metrics(node)["NumberOfNotificationsDelivered"] == fan_out.TARGETS_MAX
    node.settle()
    for url in urls:
        assert sorted(found["Message"] for found in envelopes(node, url)) == [str(number) for number in range(10)]


def test_large_messages_take_several_transactions(node: TestNode) -> None:
    arn = topic(node)
    urls = queues(node, arn, 20)
    text = '"' * 262_144  # each of them is two bytes in the envelope
    publish(node, arn, text)
    node.settle()
    for url in urls:
        (found,) = envelopes(node, url)
        assert found["Message"] == text
    assert parcels(node) == 0


def test_subscriptions_that_get_nothing_are_passed_by_in_steps(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "LOOKED_AT_MAX", 10)
    arn = topic(node)
    urls = queues(node, arn, 35, FilterPolicy='{"a": ["x"]}')
    attributes = {"a": {"DataType": "String", "StringValue": "x"}}
    publish(node, arn, "not for you")
    publish(node, arn, "for you", MessageAttributes=attributes)
    node.settle()
    assert [[found["Message"] for found in envelopes(node, url)] for url in urls] == [["for you"]] * 35
    assert metrics(node)["NumberOfNotificationsFilteredOut"] == 35


def test_a_deleted_topic_sends_nothing_more(node: TestNode) -> None:
    arn = topic(node)
    urls = queues(node, arn, 30)
    publish(node, arn)
    node.aws("sns", "DeleteTopic", TopicArn=arn)
    node.settle()
    assert sum(len(receive(node, url)) for url in urls) == fan_out.TARGETS_MAX
    assert parcels(node) == 0


# --- FIFO


def fifo(node: TestNode, count: int = 1) -> tuple[str, list[str]]:
    arn = topic(node, "t.fifo", ContentBasedDeduplication="true")
    return arn, queues(node, arn, count, ".fifo")


def bodies(node: TestNode, url: str) -> list[str]:
    return [found["Message"] for found in envelopes(node, url)]


def test_order_and_group_reach_the_queue(node: TestNode) -> None:
    arn, (url,) = fifo(node)
    answers = [publish(node, arn, str(number), MessageGroupId="g") for number in range(5)]
    numbers = [answer["SequenceNumber"] for answer in answers]
    assert numbers == sorted(numbers)
    messages = receive(node, url)
    assert [json.loads(message["Body"])["SequenceNumber"] for message in messages] == numbers
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"g"}
    assert "Signature" not in json.loads(messages[0]["Body"])


def test_a_fifo_topic_feeds_standard_queues_too(node: TestNode) -> None:
    arn = topic(node, "t.fifo")
    url, queue_arn = queue(node)
    subscribe(node, arn, queue_arn)
    publish(node, arn, MessageGroupId="g", MessageDeduplicationId="d")
    (message,) = receive(node, url)
    assert message["Attributes"]["MessageGroupId"] == "g"


def test_the_same_message_within_five_minutes_is_sent_once(node: TestNode) -> None:
    arn, (url,) = fifo(node)
    first = publish(node, arn, "same", MessageGroupId="g")
    assert publish(node, arn, "same", MessageGroupId="other") == first
    assert bodies(node, url) == ["same"]
    node.advance(minutes=5)
    assert publish(node, arn, "same", MessageGroupId="g") != first
    assert bodies(node, url) == ["same"]


def test_deduplication_may_be_scoped_to_the_group(node: TestNode) -> None:
    arn, _ = fifo(node)
    node.aws(
        "sns", "SetTopicAttributes", TopicArn=arn, AttributeName="FifoThroughputScope", AttributeValue="MessageGroup"
    )
    first = publish(node, arn, "same", MessageGroupId="a")
    assert publish(node, arn, "same", MessageGroupId="b") != first
    assert publish(node, arn, "same", MessageGroupId="a") == first


def test_order_holds_when_not_all_fits_one_transaction(node: TestNode) -> None:
    """Large and small messages by turns: a small one must not overtake the large one before it."""
    arn, urls = fifo(node, 30)
    for number in range(4):
        publish(node, arn, f"{number}" + "x" * (200_000 if number % 2 == 0 else 0), MessageGroupId="g")
    publish(node, arn, "another group's", MessageGroupId="h", MessageDeduplicationId="h")
    node.settle()
    for url in urls:
        found = bodies(node, url)
        assert [body[0] for body in found if body[0].isdigit()] == ["0", "1", "2", "3"]
        assert Counter(body[0] for body in found)["a"] == 1
    assert parcels(node) == 0


def test_a_small_fan_out_waits_behind_one_on_its_way(node: TestNode) -> None:
    arn, urls = fifo(node, 26)
    publish(node, arn, "0", MessageGroupId="g")  # does not fit one transaction
    for number in range(len(urls)):
        if number >= 10:
            listed = node.aws("sns", "ListSubscriptionsByTopic", TopicArn=arn)["Subscriptions"]
            (mine,) = [line for line in listed if line["Endpoint"].endswith(f":q{number}.fifo")]
            node.aws("sns", "Unsubscribe", SubscriptionArn=mine["SubscriptionArn"])
    publish(node, arn, "1", MessageGroupId="g")  # would fit, but its group is on its way
    node.settle()
    assert [bodies(node, url) for url in urls[:10]] == [["0", "1"]] * 10


@pytest.mark.parametrize("count", [8, 30])
def test_filter_policies_larger_than_a_scan_keep_nobody_from_a_fifo_topics_message(node: TestNode, count: int) -> None:
    arn = topic(node, "t.fifo", ContentBasedDeduplication="true")
    policy = json.dumps({"a": [{"anything-but": "x"}]}) + " " * 250_000
    urls = queues(node, arn, count, ".fifo", FilterPolicy=policy)
    attributes = {"a": {"DataType": "String", "StringValue": "y"}}
    publish(node, arn, "0", MessageGroupId="g", MessageAttributes=attributes)
    node.settle()
    assert [bodies(node, url) for url in urls] == [["0"]] * count


def test_how_large_filter_policies_are_is_nothing_to_a_message_that_must_wait(node: TestNode) -> None:
    node.node.database.run_twice = False
    costs = []
    for name, spaces in (("small.fifo", 0), ("large.fifo", 250_000)):
        arn = topic(node, name, ContentBasedDeduplication="true")
        policy = json.dumps({"a": [{"anything-but": "x"}]}) + " " * spaces
        queues(node, arn, 30, f"-{name}", FilterPolicy=policy)
        publish(node, arn, "0", MessageGroupId="g")
        counters = node.node.database.engine.counters
        before = (counters.scans, counters.rows)
        publish(node, arn, "1", MessageGroupId="g")
        costs.append((counters.scans - before[0], counters.rows - before[1]))
    assert costs[0] == costs[1]


def test_who_subscribes_while_a_message_is_on_its_way_takes_nobodys_place(node: TestNode) -> None:
    arn, urls = fifo(node, 30)
    publish(node, arn, "0", MessageGroupId="g")
    queues(node, arn, 30, "-late.fifo")
    node.settle()
    assert [bodies(node, url) for url in urls] == [["0"]] * 30


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"),
        (
            {"MessageGroupId": "g"},
            "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or"
            " MessageDeduplicationId provided explicitly",
        ),
        (
            {"MessageGroupId": "a b", "MessageDeduplicationId": "d"},
            "Invalid parameter: MessageGroupId Reason: 1 to 128 alphanumeric and punctuation characters are allowed",
        ),
    ],
)
def test_what_a_fifo_topic_demands(node: TestNode, parameters: dict[str, Any], message: str) -> None:
    arn = topic(node, "t.fifo")
    assert refusal(node, "Publish", TopicArn=arn, Message="x", **parameters) == (INVALID, message)
    entries = [{"Id": "1", "Message": "x", **parameters}]
    assert refusal(node, "PublishBatch", TopicArn=arn, PublishBatchRequestEntries=entries) == (INVALID, message)


def test_one_more_queue_costs_four_keys_read_and_four_written(node: TestNode) -> None:
    """Read: the queue, its last sequence, where its ready messages begin, its tally. Written: a message, where it
    stands, sequence and tally. What is the same for all queues is made once, signature included."""
    node.node.database.run_twice = False
    counters = node.node.database.engine.counters
    costs, works = [], []
    for count in (5, 15):
        arn = topic(node, f"t{count}")
        queues(node, arn, count, f"-{count}")
        publish(node, arn, "first")
        before = counters.gets, counters.scans, counters.keys_written
        with counted(pack, Call.__init__, signing.sign, arns.parse) as calls:
            publish(node, arn, "second")
        works.append(calls)
        costs.append((counters.gets - before[0], counters.scans - before[1], counters.keys_written - before[2]))
    (gets_few, scans_few, written_few), (gets_many, scans_many, written_many) = costs
    assert (gets_many - gets_few, scans_many - scans_few, written_many - written_few) == (40, 0, 40)
    few, many = works
    assert many.pop("pack") - few.pop("pack") == 2 * 10  # the message, and where it stands
    assert many == few and few["sign"] == 1


def test_every_delivery_is_counted_and_decided_by_itself(node: TestNode) -> None:
    node.node.database.run_twice = False
    arn = topic(node)
    queues(node, arn, 3)
    closed, closed_arn = queue(node, "closed", open_to="arn:aws:sns:us-east-1:000000000000:another")
    subscribe(node, arn, closed_arn)
    node.node.meter.take()
    for _ in range(2):  # the second finds decisions that were kept
        node.node.decisions.clear()
        publish(node, arn, "hello")
        asked = [each.decision for each in node.node.decisions if each.decision.action == "sqs:SendMessage"]
        assert sorted(each.resource.rpartition(":")[2] for each in asked if not each.allowed) == ["closed"]
        assert len(asked) == 4
    counted = {series.metric: statistics for series, statistics in node.node.meter.take().items()}
    delivered, failed = counted["NumberOfNotificationsDelivered"], counted["NumberOfNotificationsFailed"]
    assert (delivered.count, delivered.total, delivered.minimum, delivered.maximum) == (6, 6, 1, 1)
    assert (failed.count, failed.total) == (2, 2)
    assert bodies(node, closed) == []
