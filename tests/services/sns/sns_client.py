"""Short words for what most SNS tests do."""

import json
from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from tests.client import Caller, TestNode

ACCOUNT = "000000000000"
DAY_S = 24 * 3600
PREFIX = f"arn:aws:sns:us-east-1:{ACCOUNT}"


def topic(node: TestNode | Caller, name: str = "t", **attributes: str) -> str:
    if name.endswith(".fifo"):
        attributes = {"FifoTopic": "true"} | attributes
    return node.aws("sns", "CreateTopic", Name=name, Attributes=attributes)["TopicArn"]


def queue(node: TestNode, name: str = "q", *, open_to: str = "*") -> tuple[str, str]:
    """A queue's URL and ARN; topics matching `open_to` may send to it."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {"ArnLike": {"aws:SourceArn": open_to}},
    }
    attributes = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    if name.endswith(".fifo"):
        attributes["FifoQueue"] = "true"
    url = node.aws("sqs", "CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def subscribe(node: TestNode | Caller, arn: str, endpoint: str, protocol: str = "sqs", **attributes: str) -> str:
    """The subscription's ARN, also of a pending one."""
    return node.aws(
        "sns",
        "Subscribe",
        TopicArn=arn,
        Protocol=protocol,
        Endpoint=endpoint,
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]


def attributes_of(node: TestNode, arn: str) -> dict[str, str]:
    return node.aws("sns", "GetSubscriptionAttributes", SubscriptionArn=arn)["Attributes"]


def publish(node: TestNode | Caller, arn: str, message: str = "hello", **more: Any) -> dict[str, Any]:
    return node.aws("sns", "Publish", TopicArn=arn, Message=message, **more)


def receive(node: TestNode, url: str) -> list[dict[str, Any]]:
    """All messages of a queue, each taken out of it."""
    found: list[dict[str, Any]] = []
    while True:
        answer = node.aws(
            "sqs",
            "ReceiveMessage",
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            AttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return found
        for message in messages:
            node.aws("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        found += messages


def envelopes(node: TestNode, url: str) -> list[dict[str, Any]]:
    return [json.loads(message["Body"]) for message in receive(node, url)]


def refusal(node: TestNode | Caller, operation: str, **parameters: Any) -> tuple[str, str]:
    """Code and message of the error that an SNS call ends with."""
    with pytest.raises(AwsError) as refused:
        node.aws("sns", operation, **parameters)
    return refused.value.code, refused.value.message


def metrics(node: TestNode) -> dict[str, float]:
    """The sums of AWS/SNS's metrics so far, as CloudWatch tells them."""
    node.flush_metrics()
    now_s = node.clock.now_ms() // 1000
    found = {}
    for metric in node.aws("cloudwatch", "ListMetrics", Namespace="AWS/SNS")["Metrics"]:
        points = node.aws(
            "cloudwatch",
            "GetMetricStatistics",
            **metric,
            StartTime=now_s - 30 * DAY_S,
            EndTime=now_s + DAY_S,
            Period=DAY_S,
            Statistics=["Sum"],
        )["Datapoints"]
        found[metric["MetricName"]] = sum(point["Sum"] for point in points)
    return found


def mails(node: TestNode) -> list[Any]:
    """The mailbox, oldest first."""
    mailbox = node.node.mailbox
    assert mailbox is not None
    found, _ = node.node.database.transact(lambda tx: mailbox.list(tx, 100, None))
    return found[0][::-1]
