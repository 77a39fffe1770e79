"""boto3 against a node on a socket: a topic that reaches a queue, a function, a web server and a person by SMTP."""

import email
import email.policy
import io
import json
import re
import socket
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from botocore.exceptions import ClientError

from cloudlet.base.config import Settings
from tests.sdk.serving import GUARD_S, ServingNode
from tests.services.sns.web_server import WebServer

ACCOUNT = "000000000000"
FORWARDS_ITS_EVENT = """
import boto3, json, os

sqs = boto3.client("sqs")

def handler(event, context):
    url = sqs.get_queue_url(QueueName="seen")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))
"""


class PostOffice:
    """A real SMTP server, with what it was given."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def __enter__(self) -> "PostOffice":
        self._controller.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._controller.stop()


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    with PostOffice() as office:
        yield office


@pytest.fixture
def node(post_office: PostOffice, tmp_path: Path) -> Iterator[ServingNode]:
    with ServingNode(Settings(data=tmp_path / "data", smtp_relay=f"127.0.0.1:{post_office.port}")) as serving:
        yield serving


def until(look: Callable[[], Any]) -> Any:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + GUARD_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def open_link(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=GUARD_S) as answer:
        return answer.read()


def make_queue(node: ServingNode, name: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [statement | {"Resource": "*"}]}
    sqs = node.client("sqs")
    return sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]


def receive(node: ServingNode, url: str) -> list[str]:
    answer = node.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5)
    return [message["Body"] for message in answer.get("Messages", [])]


def test_a_queue(node: ServingNode) -> None:
    sns = node.client("sns")
    arn = sns.create_topic(Name="orders", Tags=[{"Key": "team", "Value": "a"}])["TopicArn"]
    url = make_queue(node, "q")
    sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:q",
        Attributes={"FilterPolicy": '{"kind": ["order"]}', "RawMessageDelivery": "true"},
    )
    order = {"kind": {"DataType": "String", "StringValue": "order"}}
    entries = [
        {"Id": "1", "Message": "first", "MessageAttributes": order},
        {"Id": "2", "Message": "no order"},
    ]
    answer = sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)
    assert [line["Id"] for line in answer["Successful"]] == ["1", "2"]
    assert receive(node, url) == ["first"]
    (topic,) = sns.get_paginator("list_topics").paginate().build_full_result()["Topics"]
    assert topic == {"TopicArn": arn}
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]


def test_errors_are_the_sdks_own(node: ServingNode) -> None:
    sns = node.client("sns")
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.publish(TopicArn=f"arn:aws:sns:us-east-1:{ACCOUNT}:none", Message="x")
    with pytest.raises(sns.exceptions.InvalidParameterException):
        sns.create_topic(Name="a b")
    with pytest.raises(ClientError) as refused:
        sns.create_platform_application(Name="x", Platform="GCM", Attributes={})
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_person(node: ServingNode, post_office: PostOffice) -> None:
    sns = node.client("sns")
    arn = sns.create_topic(Name="news", Attributes={"DisplayName": "News"})["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="me@example.com")
    (confirmation,) = until(lambda: post_office.mails)
    assert confirmation["To"] == "me@example.com"
    (link,) = re.findall(r"http://\S+", confirmation.get_content())
    assert b"<SubscriptionArn>arn:aws:sns:" in open_link(link)
    sns.publish(TopicArn=arn, Message="It works.", Subject="Now")
    _, mail = until(lambda: post_office.mails if len(post_office.mails) == 2 else None)
    assert (mail["Subject"], mail["From"]) == ("Now", "News <no-reply@sns.amazonaws.com>")
    assert mail.get_content().startswith("It works.")
    (link,) = re.findall(r"http://\S+", mail.get_content())
    open_link(link)
    assert sns.list_subscriptions()["Subscriptions"] == []


def test_a_web_server(node: ServingNode) -> None:
    sns = node.client("sns")
    arn = sns.create_topic(Name="hooks")["TopicArn"]
    with WebServer() as web:
        sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=web.url)
        request = until(web.take)[0].json()
        sns.confirm_subscription(TopicArn=arn, Token=request["Token"])
        sns.publish(TopicArn=arn, Message="ping")
        notification = until(web.take)[0].json()
        assert notification["Message"] == "ping"
        assert open_link(notification["SigningCertURL"]).startswith(b"-----BEGIN CERTIFICATE-----")


def test_a_function(node: ServingNode) -> None:
    sns, role = node.client("sns"), make_role(node)
    arn = sns.create_topic(Name="events")["TopicArn"]
    url = make_queue(node, "seen")
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", FORWARDS_ITS_EVENT)
    functions = node.client("lambda")
    function = functions.create_function(
        FunctionName="f", Runtime="python3.11", Role=role, Handler="app.handler", Code={"ZipFile": data.getvalue()}
    )["FunctionArn"]
    functions.add_permission(
        FunctionName="f",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=arn,
    )
    subscription = sns.subscribe(TopicArn=arn, Protocol="lambda", Endpoint=function)["SubscriptionArn"]
    message_id = sns.publish(TopicArn=arn, Message="Hello world.")["MessageId"]
    (record,) = json.loads(until(lambda: receive(node, url))[0])["Records"]
    assert {name: record[name] for name in record if name != "Sns"} == {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
    }
    notice = record["Sns"]
    assert set(notice) == {
        "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
        "SigningCertUrl", "UnsubscribeUrl", "MessageAttributes",
    }  # fmt: skip
    assert (notice["Message"], notice["MessageId"], notice["Subject"]) == ("Hello world.", message_id, None)
    assert notice["MessageAttributes"] == {}


def make_role(node: ServingNode) -> str:
    iam = node.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="runner", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": ["sqs:GetQueueUrl", "sqs:SendMessage"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="runner", PolicyName="p", PolicyDocument=document)
    return arn


def test_what_was_under_way_arrives_after_a_restart(post_office: PostOffice, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    with WebServer() as web:
        with ServingNode(settings) as node:
            sns = node.client("sns")
            arn = sns.create_topic(Name="t")["TopicArn"]
            policy = '{"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 50}}'
            sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=web.url, Attributes={"DeliveryPolicy": policy})
            sns.confirm_subscription(TopicArn=arn, Token=until(web.take)[0].json()["Token"])
            web.statuses = [503]
            message_id = sns.publish(TopicArn=arn, Message="x")["MessageId"]
            until(web.take)
        with ServingNode(settings):
            again = until(web.take)[0]
            assert again.headers["x-amz-sns-message-id"] == message_id
