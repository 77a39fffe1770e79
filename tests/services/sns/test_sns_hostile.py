"""Requests that mean no good: seeded mutations of good ones end in an answer or an AWS error, never in a failure."""

import json
import random
from typing import Any

import pytest

from tests.client import TestNode
from tests.services.sns.sns_client import ACCOUNT, PREFIX, queue, refusal, subscribe, topic

MUTATIONS = 60
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
FILTER = (
    '{"a": [{"numeric": [">", 1, "<=", 2]}, {"anything-but": ["x"]}, {"prefix": "y"}],'
    ' "$or": [{"b": [1]}, {"c": [null]}]}'
)
DELIVERY = '{"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 2, "numRetries": 3}}'
ATTRIBUTES = {
    "s": {"DataType": "String", "StringValue": "x"},
    "n": {"DataType": "Number", "StringValue": "1.5"},
    "l": {"DataType": "String.Array", "StringValue": '["x", 1, null]'},
    "b": {"DataType": "Binary", "BinaryValue": b"x"},
}
AWKWARD = (
    "", " ", "\x00", "null", "[]", "{}", '"', "9" * 5000, "1e9999999999999999999", "-1e-9999999999999999999", "*",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "é" * 300, "arn:aws:sns:::", "::::::", "a@b..c",
    "[" * 200, "{" * 200, '{"a":' * 200, "\r\n", "../..", "$or", "true", "NaN",
)  # fmt: skip

GOOD: list[tuple[str, dict[str, Any]]] = [
    ("CreateTopic", {"Name": "t2", "Attributes": {"DisplayName": "x"}, "Tags": [{"Key": "k", "Value": "v"}]}),
    ("GetTopicAttributes", {"TopicArn": f"{PREFIX}:t"}),
    ("SetTopicAttributes", {"TopicArn": f"{PREFIX}:t", "AttributeName": "Policy", "AttributeValue": "{}"}),
    ("SetTopicAttributes", {"TopicArn": f"{PREFIX}:t", "AttributeName": "DeliveryPolicy", "AttributeValue": "{}"}),
    (
        "SetTopicAttributes",
        {"TopicArn": f"{PREFIX}:t", "AttributeName": "MaximumMessageSize", "AttributeValue": "2048"},
    ),
    ("ListTopics", {"NextToken": "x"}),
    ("ListSubscriptions", {"NextToken": "x"}),
    ("ListSubscriptionsByTopic", {"TopicArn": f"{PREFIX}:t", "NextToken": "x"}),
    (
        "Subscribe",
        {
            "TopicArn": f"{PREFIX}:t",
            "Protocol": "sqs",
            "Endpoint": QUEUE,
            "Attributes": {"FilterPolicy": FILTER, "DeliveryPolicy": DELIVERY, "RawMessageDelivery": "true"},
        },
    ),
    ("Subscribe", {"TopicArn": f"{PREFIX}:t", "Protocol": "email", "Endpoint": "me@example.com"}),
    ("Subscribe", {"TopicArn": f"{PREFIX}:t", "Protocol": "http", "Endpoint": "http://a:b@127.0.0.1:9/x?y#z"}),
    ("ConfirmSubscription", {"TopicArn": f"{PREFIX}:t", "Token": "0" * 288}),
    ("Unsubscribe", {"SubscriptionArn": f"{PREFIX}:t:x"}),
    ("GetSubscriptionAttributes", {"SubscriptionArn": f"{PREFIX}:t:x"}),
    ("SetSubscriptionAttributes", {"SubscriptionArn": "S", "AttributeName": "FilterPolicy", "AttributeValue": FILTER}),
    (
        "SetSubscriptionAttributes",
        {"SubscriptionArn": "S", "AttributeName": "DeliveryPolicy", "AttributeValue": DELIVERY},
    ),
    (
        "SetSubscriptionAttributes",
        {
            "SubscriptionArn": "S",
            "AttributeName": "RedrivePolicy",
            "AttributeValue": f'{{"deadLetterTargetArn": "{QUEUE}"}}',
        },
    ),
    ("Publish", {"TopicArn": f"{PREFIX}:t", "Message": "x", "Subject": "s", "MessageAttributes": ATTRIBUTES}),
    ("Publish", {"TopicArn": f"{PREFIX}:t", "Message": '{"default": "x"}', "MessageStructure": "json"}),
    (
        "Publish",
        {"TopicArn": f"{PREFIX}:t.fifo", "Message": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d"},
    ),
    (
        "PublishBatch",
        {"TopicArn": f"{PREFIX}:t", "PublishBatchRequestEntries": [{"Id": "1", "Message": "x", "Subject": "y"}]},
    ),
    (
        "AddPermission",
        {"TopicArn": f"{PREFIX}:t", "Label": "l", "AWSAccountId": ["111111111111"], "ActionName": ["Publish"]},
    ),
    ("RemovePermission", {"TopicArn": f"{PREFIX}:t", "Label": "l"}),
    ("TagResource", {"ResourceArn": f"{PREFIX}:t", "Tags": [{"Key": "k", "Value": "v"}]}),
    ("UntagResource", {"ResourceArn": f"{PREFIX}:t", "TagKeys": ["k"]}),
    ("ListTagsForResource", {"ResourceArn": f"{PREFIX}:t"}),
]


MAPS = ("Attributes", "MessageAttributes")


def mutated(chance: random.Random, value: Any, *, is_map: bool = False) -> Any:
    """The value with one place of it changed."""
    if isinstance(value, dict) and value:
        name = chance.choice(sorted(value))
        if chance.random() < 0.1:
            return {key: item for key, item in value.items() if key != name}
        if is_map and chance.random() < 0.2:
            return value | {chance.choice(AWKWARD): value[name]}
        return value | {name: mutated(chance, value[name], is_map=name in MAPS)}
    if isinstance(value, dict) or value == []:
        return value
    if isinstance(value, list):
        if chance.random() < 0.2:
            return chance.choice(([], value * 11))
        return [mutated(chance, value[0]), *value[1:]]
    if isinstance(value, bytes):
        return chance.choice((b"", b"\x00", b"x" * 1000))
    text = str(value)
    at = chance.randrange(len(text) + 1)
    until = min(len(text), at + chance.randrange(8))
    return chance.choice(
        (chance.choice(AWKWARD), text[:at] + chance.choice(AWKWARD) + text[until:], text[:at], text * 2)
    )


@pytest.mark.parametrize("at", range(len(GOOD)), ids=[f"{operation}-{at}" for at, (operation, _) in enumerate(GOOD)])
def test_nothing_fails(node: TestNode, at: int) -> None:
    operation, good = GOOD[at]
    chance = random.Random(at)
    arn = topic(node)
    topic(node, "t.fifo")
    queue(node)
    subscription = subscribe(node, arn, QUEUE)
    subscribe(node, arn, "arn:aws:lambda:us-east-1:000000000000:function:f", "lambda", FilterPolicy='{"n": [1.5]}')
    good = {name: subscription if value == "S" else value for name, value in good.items()}
    for number in range(MUTATIONS):
        request = mutated(chance, good)
        if number % 2:
            request = mutated(chance, request)
        response = node.send(node.caller("test", "test").request("sns", operation, request))
        assert response.status < 500 or response.status == 501, f"{response.body!r} for {request}"


@pytest.mark.parametrize(
    "policy",
    [
        '{"a": [1e9999999999999999999]}',
        '{"a": [{"numeric": ["=", 1e9999999999999999999]}]}',
        '{"a": ' + "9" * 5000 + "}",
        '{"a": [{"wildcard": "a**b"}]}',
        '{"a": [{"wildcard": "***"}]}',
    ],
)
def test_numbers_and_patterns_that_go_too_far(node: TestNode, policy: str) -> None:
    arn = topic(node)
    asked = {"TopicArn": arn, "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": {"FilterPolicy": policy}}
    assert refusal(node, "Subscribe", **asked)[0] == "InvalidParameter"


def test_a_wildcard_is_matched_in_time(node: TestNode) -> None:
    """A pattern that a backtracking matcher would be busy with for ages."""
    arn = topic(node)
    _, queue_arn = queue(node)
    subscribe(node, arn, queue_arn, FilterPolicy=json.dumps({"a": [{"wildcard": "*a" * 40 + "*b"}]}))
    attributes = {"a": {"DataType": "String", "StringValue": "a" * 5000}}
    node.aws("sns", "Publish", TopicArn=arn, Message="x", MessageAttributes=attributes)
