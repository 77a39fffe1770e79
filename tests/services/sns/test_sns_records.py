"""What earlier versions stored is read; what a publish costs; every handler has an IAM mapping."""

import json

import pytest

from cloudlet.kit.record import Record
from cloudlet.services.sns import delivery_policy, fan_out
from cloudlet.services.sns.iam import ACCESS
from cloudlet.services.sns.records import Dedup, Message, SigningKey, Subscription, Token, Topic
from cloudlet.services.sns.service import sns
from cloudlet.wire.model import load
from tests.client import TestNode
from tests.services.sns.sns_client import publish, refusal, subscribe, topic

SUBSCRIPTION = Subscription("i", "arn:t", "tid", "sqs", "e", "0", "p", {"a": "b"}, True, True, "tok", 5)
_SUBSCRIPTION = (
    "8ca26964a169a9746f7069635f61726ea561726e3a74a8746f7069635f6964a3746964a870726f746f636f6ca3737173a8656e64706f696e74"
    "a165a56f776e6572a130a97072696e636970616ca170aa6174747269627574657381a161a162ac69735f636f6e6669726d6564c3b17761735f"
    "61757468656e74696361746564c3a5746f6b656ea3746f6bad737562736372696265645f6d7305"
)

STORED: list[tuple[Record, str]] = [
    (
        Topic("i", "t", "0", "r", {"a": "b"}, 1, {"k": "v"}),
        "0187a26964a169a46e616d65a174a76163636f756e74a130a6726567696f6ea172aa6174747269627574657381a161a162aa63726561746564"
        "5f6d7301a47461677381a16ba176",
    ),
    (SUBSCRIPTION, "01" + _SUBSCRIPTION),
    (Token(SUBSCRIPTION, 7), f"0182ac737562736372697074696f6e{_SUBSCRIPTION}aa657870697265735f6d7307"),
    (
        Message(
            "i", "arn:t", "b", 1, "s", {"sqs": "x"}, {"a": {"DataType": "Binary", "BinaryValue": b"z"}}, "g", "d", 3
        ),
        "018aa26964a169a9746f7069635f61726ea561726e3a74a4626f6479a162ac7075626c69736865645f6d7301a77375626a656374a173a662"
        "6f6469657381a3737173a178aa6174747269627574657381a16182a84461746154797065a642696e617279ab42696e61727956616c7565c4"
        "017aa567726f7570a167a864656475705f6964a164a873657175656e636503",
    ),
    (
        Dedup("m", 1, 2),
        "0183aa6d6573736167655f6964a16da873657175656e636501af666f72676f7474656e5f61745f6d7302",
    ),
    (
        SigningKey(b"k", b"c", "id"),
        "0183aa7365616c65645f6b6579c4016bab6365727469666963617465c40163ae63657274696669636174655f6964a26964",
    ),
]


@pytest.mark.parametrize(("record", "stored"), STORED, ids=lambda value: type(value).__name__)
def test_yesterdays_bytes_are_read(record: Record, stored: str) -> None:
    assert type(record).decode(bytes.fromhex(stored)) == record


def test_the_table_of_contents_is_the_models() -> None:
    assert set(sns.module_of) == set(load("sns").operations)


def test_every_handler_has_an_iam_mapping() -> None:
    sns.load()
    assert set(sns.operations) == set(ACCESS)


def test_a_publish_reads_each_subscription_once(node: TestNode) -> None:
    """Rows stepped grow with the subscriptions only: no look at those of other topics, none twice."""
    rows = []
    for name in ("a", "b", "c"):
        arn = topic(node, name)
        for number in range({"a": 0, "b": 5, "c": 20}[name]):
            subscribe(node, arn, f"arn:aws:lambda:us-east-1:000000000000:function:{name}{number}", "lambda")
        before = node.node.database.stats().rows_scanned
        publish(node, arn)
        rows.append(node.node.database.stats().rows_scanned - before)
    twice = 2  # the test's node runs every transaction twice
    assert [each - rows[0] for each in rows] == [0, twice * 5, twice * 20]


def test_a_publish_reads_one_subscription_more_than_it_reaches_however_many_there_are(node: TestNode) -> None:
    node.node.database.run_twice = False
    rows = []
    for name, count in (("a", 0), ("b", 120)):
        arn = topic(node, name)
        for number in range(count):
            subscribe(node, arn, f"arn:aws:lambda:us-east-1:000000000000:function:{name}{number}", "lambda")
        before = node.node.database.stats().rows_scanned
        publish(node, arn)
        rows.append(node.node.database.stats().rows_scanned - before)
    assert rows[1] - rows[0] == fan_out.TARGETS_MAX + 1


RETRY = {"minDelayTarget": 1, "maxDelayTarget": 2, "numRetries": 3}


@pytest.mark.parametrize(
    ("retry", "message"),
    [
        ({"maxDelayTarget": 1, "numRetries": 1}, "healthyRetryPolicy.minDelayTarget must be specified"),
        (RETRY | {"numRetries": 101}, "healthyRetryPolicy.numRetries must be less than or equal to 100"),
        (RETRY | {"minDelayTarget": 3}, "healthyRetryPolicy: 1 <= minDelayTarget <= maxDelayTarget <= 3600"),
        (RETRY | {"numNoDelayRetries": 4}, "healthyRetryPolicy.numRetries must be greater than or equal"),
        (RETRY | {"backoffFunction": "sudden"}, "healthyRetryPolicy.backoffFunction must be one of"),
        (RETRY | {"numRetries": True}, "healthyRetryPolicy.numRetries must be a whole number"),
        (RETRY | {"more": 1}, "Unexpected JSON member: healthyRetryPolicy.more"),
        (
            {"minDelayTarget": 3600, "maxDelayTarget": 3600, "numRetries": 2},
            "healthyRetryPolicy: the delays together must not exceed 3600 seconds",
        ),
    ],
)
def test_retry_policies_that_are_refused(node: TestNode, retry: dict, message: str) -> None:
    arn = topic(node)
    code, said = refusal(
        node,
        "Subscribe",
        TopicArn=arn,
        Protocol="http",
        Endpoint="http://127.0.0.1:9/",
        Attributes={"DeliveryPolicy": json.dumps({"healthyRetryPolicy": retry})},
    )
    assert code == "InvalidParameter"
    assert said.startswith(f"Invalid parameter: Attributes Reason: DeliveryPolicy: {message}")


@pytest.mark.parametrize("function", delivery_policy.BACKOFF_FUNCTIONS)
def test_every_backoff_grows_from_the_least_to_the_greatest_delay(function: str) -> None:
    retry = delivery_policy.DEFAULT_RETRY | {
        "minDelayTarget": 1,
        "maxDelayTarget": 60,
        "numRetries": 10,
        "backoffFunction": function,
    }
    delays = [delivery_policy.delay_ms(retry, number) or 0 for number in range(1, 11)]
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (1_000, 60_000)
