"""Subscriptions: which are taken, what is shown of them, lists, attributes."""

import pytest

from tests.client import TestNode
from tests.services.sns.sns_client import (
    ACCOUNT,
    PREFIX,
    attributes_of,
    publish,
    queue,
    receive,
    refusal,
    subscribe,
    topic,
)

INVALID = "InvalidParameter"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"


def test_ones_own_queue_is_subscribed_at_once(node: TestNode) -> None:
    arn = topic(node)
    answer = node.aws("sns", "Subscribe", TopicArn=arn, Protocol="sqs", Endpoint=QUEUE)
    assert answer["SubscriptionArn"].startswith(f"{arn}:")
    assert attributes_of(node, answer["SubscriptionArn"]) == {
        "ConfirmationWasAuthenticated": "true",
        "Endpoint": QUEUE,
        "Owner": ACCOUNT,
        "PendingConfirmation": "false",
        "Protocol": "sqs",
        "RawMessageDelivery": "false",
        "SubscriptionArn": answer["SubscriptionArn"],
        "SubscriptionPrincipal": f"arn:aws:iam::{ACCOUNT}:root",
        "TopicArn": arn,
    }


def test_subscribing_again_answers_the_same(node: TestNode) -> None:
    arn = topic(node)
    first = subscribe(node, arn, QUEUE, RawMessageDelivery="true")
    assert subscribe(node, arn, QUEUE) == subscribe(node, arn, QUEUE, RawMessageDelivery="true") == first
    found = refusal(
        node, "Subscribe", TopicArn=arn, Protocol="sqs", Endpoint=QUEUE, Attributes={"RawMessageDelivery": "false"}
    )
    assert found == (
        INVALID,
        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
    )
    assert len(node.aws("sns", "ListSubscriptions")["Subscriptions"]) == 1


@pytest.mark.parametrize(
    ("protocol", "endpoint", "message"),
    [
        ("carrier-pigeon", "x", "Invalid parameter: Amazon SNS does not support this protocol string: carrier-pigeon"),
        ("sqs", "http://127.0.0.1:4566/000000000000/q", "Invalid parameter: SQS endpoint ARN"),
        ("sqs", "arn:aws:lambda:us-east-1:000000000000:function:f", "Invalid parameter: SQS endpoint ARN"),
        ("lambda", QUEUE, "Invalid parameter: Lambda endpoint ARN"),
        ("email", "nobody", "Invalid parameter: Email address"),
        ("email", "a@b, c@d", "Invalid parameter: Email address"),
        ("email", "a@b\r\nBcc: c@d", "Invalid parameter: Email address"),
        ("https", "http://example.com", "Invalid parameter: Endpoint must match the specified protocol"),
        ("http", "http://", "Invalid parameter: Endpoint must match the specified protocol"),
        (
            "sqs",
            f"{QUEUE}.fifo",
            "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard"
            " SNS topics",
        ),
    ],
)
def test_endpoints_that_are_refused(node: TestNode, protocol: str, endpoint: str, message: str) -> None:
    arn = topic(node)
    assert refusal(node, "Subscribe", TopicArn=arn, Protocol=protocol, Endpoint=endpoint) == (INVALID, message)


@pytest.mark.parametrize("protocol", ["sms", "application", "firehose"])
def test_protocols_that_the_node_does_not_speak_are_named(node: TestNode, protocol: str) -> None:
    code, message = refusal(node, "Subscribe", TopicArn=topic(node), Protocol=protocol, Endpoint="+15551234")
    assert (code, protocol in message) == ("NotImplemented", True)


def test_topics_that_cannot_be_subscribed(node: TestNode) -> None:
    asked = {"Protocol": "sqs", "Endpoint": QUEUE}
    assert refusal(node, "Subscribe", TopicArn=f"{PREFIX}:none", **asked) == ("NotFound", "Topic does not exist")
    assert refusal(node, "Subscribe", TopicArn="t", **asked) == (
        INVALID,
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
    )
    elsewhere = node.caller("test", "test", region="eu-west-1")
    assert refusal(elsewhere, "Subscribe", TopicArn=topic(node), **asked) == (INVALID, "Invalid parameter: TopicArn")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("RawMessageDelivery", "wrongvalue", "RawMessageDelivery: Invalid value [wrongvalue]. Must be true or false."),
        (
            "FilterPolicy",
            "invalid",
            "FilterPolicy: failed to parse JSON. Unrecognized token 'invalid': was expecting (JSON String, Number,"
            " Array, Object or token 'null', 'true' or 'false')\n at [Source: REDACTED"
            " (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 8]",
        ),
        (
            "RedrivePolicy",
            "{invalid",
            "RedrivePolicy: failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote"
            " to start field name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled);"
            " line: 1, column: 2]",
        ),
        ("RedrivePolicy", '{"deadLetterTargetArn": "x"}', "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        (
            "FilterPolicyScope",
            "RandomValue",
            "FilterPolicyScope: Invalid value [RandomValue]. Please use either MessageBody or MessageAttributes",
        ),
    ],
)
def test_attributes_that_are_refused_at_either_time(node: TestNode, name: str, value: str, reason: str) -> None:
    arn = topic(node)
    found = refusal(node, "Subscribe", TopicArn=arn, Protocol="sqs", Endpoint=QUEUE, Attributes={name: value})
    assert found == (INVALID, f"Invalid parameter: Attributes Reason: {reason}")
    subscription = subscribe(node, arn, QUEUE)
    asked = {"SubscriptionArn": subscription, "AttributeName": name, "AttributeValue": value}
    assert refusal(node, "SetSubscriptionAttributes", **asked) == (INVALID, f"Invalid parameter: {reason}")


def test_attributes_that_no_subscription_has(node: TestNode) -> None:
    subscription = subscribe(node, topic(node), QUEUE)
    asked = {"SubscriptionArn": subscription, "AttributeName": "Nonsense", "AttributeValue": "x"}
    assert refusal(node, "SetSubscriptionAttributes", **asked) == (INVALID, "Invalid parameter: AttributeName")
    code, message = refusal(
        node,
        "SetSubscriptionAttributes",
        SubscriptionArn=subscription,
        AttributeName="ReplayPolicy",
        AttributeValue="{}",
    )
    assert (code, "ReplayPolicy" in message) == ("NotImplemented", True)


def test_the_filter_policys_scope_is_shown_with_the_policy_only(node: TestNode) -> None:
    subscription = subscribe(node, topic(node), QUEUE)
    assign(node, subscription, "FilterPolicyScope", "MessageBody")
    assert "FilterPolicyScope" not in attributes_of(node, subscription)
    assign(node, subscription, "FilterPolicy", '{"attr": ["match-this"]}')
    found = attributes_of(node, subscription)
    assert (found["FilterPolicyScope"], found["FilterPolicy"]) == ("MessageBody", '{"attr": ["match-this"]}')
    assign(node, subscription, "FilterPolicy", "{}")
    assert "FilterPolicy" not in attributes_of(node, subscription)


def assign(node: TestNode, subscription: str, name: str, value: str) -> None:
    node.aws("sns", "SetSubscriptionAttributes", SubscriptionArn=subscription, AttributeName=name, AttributeValue=value)


def test_raw_delivery_is_for_queues_and_web_servers(node: TestNode) -> None:
    arn = topic(node)
    asked = {"TopicArn": arn, "Protocol": "email", "Endpoint": "a@example.com"}
    found = refusal(node, "Subscribe", **asked, Attributes={"RawMessageDelivery": "true"})
    assert found == (
        INVALID,
        "Invalid parameter: Attributes Reason: Delivery protocol [email] does not support raw message delivery.",
    )


def test_unsubscribed_means_no_more_messages(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscription = subscribe(node, arn, queue_arn)
    publish(node, arn)
    node.aws("sns", "Unsubscribe", SubscriptionArn=subscription)
    node.aws("sns", "Unsubscribe", SubscriptionArn=subscription)  # twice is no error
    publish(node, arn)
    assert len(receive(node, url)) == 1
    counts = node.aws("sns", "GetTopicAttributes", TopicArn=arn)["Attributes"]
    assert (counts["SubscriptionsConfirmed"], counts["SubscriptionsDeleted"]) == ("0", "1")
    assert refusal(node, "GetSubscriptionAttributes", SubscriptionArn=subscription) == (
        "NotFound",
        "Subscription does not exist",
    )


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        (
            "PendingConfirmation",
            "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1",
        ),
        (
            "arn:aws:sns:us-east-1:000000000000",
            "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 5",
        ),
        (f"{PREFIX}:t", "Invalid parameter: SubscriptionId"),
        ("", "Invalid parameter: SubscriptionArn Reason: no value for required parameter"),
    ],
)
def test_what_is_no_subscriptions_arn(node: TestNode, arn: str, message: str) -> None:
    assert refusal(node, "Unsubscribe", SubscriptionArn=arn) == (INVALID, message)


def test_subscriptions_are_listed_page_by_page(node: TestNode) -> None:
    arn, other = topic(node), topic(node, "other")
    arns = {subscribe(node, arn, f"{QUEUE}{number}") for number in range(101)}
    elsewhere = subscribe(node, other, QUEUE)
    by_topic = pages(node, "ListSubscriptionsByTopic", TopicArn=arn)
    assert [len(page) for page in by_topic] == [100, 1]
    assert {line["SubscriptionArn"] for page in by_topic for line in page} == arns
    mine = pages(node, "ListSubscriptions")
    assert {line["SubscriptionArn"] for page in mine for line in page} == arns | {elsewhere}
    assert refusal(node, "ListSubscriptionsByTopic", TopicArn=f"{PREFIX}:none")[0] == "NotFound"


def pages(node: TestNode, operation: str, **parameters: str) -> list[list[dict]]:
    found: list[list[dict]] = []
    more: dict[str, str] = {}
    while True:
        answer = node.aws("sns", operation, **parameters, **more)
        found.append(answer["Subscriptions"])
        if "NextToken" not in answer:
            return found
        more = {"NextToken": answer["NextToken"]}


def test_a_password_in_an_endpoint_is_not_shown(node: TestNode) -> None:
    subscription = subscribe(node, topic(node), "https://user:secret@127.0.0.1:9/hook", "https")
    assert attributes_of(node, subscription)["Endpoint"] == "https://user:****@127.0.0.1:9/hook"
    assert "secret" not in str(node.aws("sns", "ListSubscriptions"))


def test_a_fifo_topic_has_room_for_a_hundred(node: TestNode) -> None:
    arn = topic(node, "t.fifo")
    for number in range(100):
        subscribe(node, arn, f"{QUEUE}{number}")
    found = refusal(node, "Subscribe", TopicArn=arn, Protocol="sqs", Endpoint=f"{QUEUE}x")
    assert found[0] == "SubscriptionLimitExceeded"
    subscribe(node, arn, f"{QUEUE}0")  # there already
    assert refusal(node, "Subscribe", TopicArn=arn, Protocol="email", Endpoint="a@example.com") == (
        INVALID,
        "Invalid parameter: Invalid parameter: Endpoint Reason: Please use FIFO SQS queue",
    )
