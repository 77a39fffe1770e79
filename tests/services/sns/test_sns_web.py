"""Web servers as subscribers: the handshake, signed notifications, retries, dead letters."""

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from cloudlet.services.sns import delivery_policy
from cloudlet.wire.message import HttpRequest, HttpResponse
from tests.client import TestNode
from tests.services.sns.sns_client import attributes_of, envelopes, metrics, publish, queue, subscribe, topic
from tests.services.sns.web_server import WebServer


def follow(node: TestNode, link: str) -> HttpResponse:
    """Open a link as a browser does: unsigned."""
    parts = urlsplit(link)
    return node.send(HttpRequest("GET", parts.path, parts.query, [("host", parts.netloc)]))


def confirmed(node: TestNode, web: WebServer, arn: str, **attributes: str) -> str:
    """The ARN of a confirmed subscription of `web`."""
    subscription = subscribe(node, arn, web.url, "http", **attributes)
    node.settle()
    (request,) = web.take()
    assert follow(node, request.json()["SubscribeURL"]).status == 200
    return subscription


def verify(node: TestNode, document: dict[str, Any]) -> None:
    """As a subscriber does who follows AWS's instructions; raises InvalidSignature."""
    response = follow(node, document["SigningCertURL"])
    assert isinstance(response.body, bytes)
    key = x509.load_pem_x509_certificate(response.body).public_key()
    assert isinstance(key, RSAPublicKey)
    names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    if document["Type"] != "Notification":
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{document[name]}\n" for name in names if name in document)
    digest = hashes.SHA256() if document["SignatureVersion"] == "2" else hashes.SHA1()
    key.verify(base64.b64decode(document["Signature"]), text.encode(), PKCS1v15(), digest)


def test_a_subscription_is_confirmed_by_what_it_is_sent(node: TestNode, web: WebServer) -> None:
    arn = topic(node)
    answer = node.aws("sns", "Subscribe", TopicArn=arn, Protocol="http", Endpoint=web.url)
    assert answer == {"SubscriptionArn": "pending confirmation"}
    publish(node, arn, "too early")
    node.settle()
    (request,) = web.take()
    sent = request.json()
    assert request.path == "/hook"
    expected = {
        "x-amz-sns-message-type": "SubscriptionConfirmation",
        "x-amz-sns-message-id": sent["MessageId"],
        "x-amz-sns-topic-arn": arn,
        "content-type": "text/plain; charset=UTF-8",
        "user-agent": "Amazon Simple Notification Service Agent",
        "accept-encoding": "gzip,deflate",
    }
    assert expected.items() <= request.headers.items()
    assert "x-amz-sns-subscription-arn" not in request.headers
    assert list(sent) == [
        "Type", "MessageId", "Token", "TopicArn", "Message", "SubscribeURL", "Timestamp", "SignatureVersion",
        "Signature", "SigningCertURL",
    ]  # fmt: skip
    verify(node, sent)
    counts = node.aws("sns", "GetTopicAttributes", TopicArn=arn)["Attributes"]
    assert (counts["SubscriptionsPending"], counts["SubscriptionsConfirmed"]) == ("1", "0")
    found = node.aws("sns", "ConfirmSubscription", TopicArn=arn, Token=sent["Token"])["SubscriptionArn"]
    assert attributes_of(node, found)["PendingConfirmation"] == "false"
    assert node.aws("sns", "ConfirmSubscription", TopicArn=arn, Token=sent["Token"])["SubscriptionArn"] == found
    publish(node, arn, "now")
    node.settle()
    assert [each.json()["Message"] for each in web.take()] == ["now"]


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_notification_is_signed_and_named(node: TestNode, web: WebServer, version: str) -> None:
    arn = topic(node, SignatureVersion=version)
    subscription = confirmed(node, web, arn)
    message_id = publish(node, arn, "hällo", Subject="S")["MessageId"]
    node.settle()
    (request,) = web.take()
    expected = {
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": message_id,
        "x-amz-sns-topic-arn": arn,
        "x-amz-sns-subscription-arn": subscription,
    }
    assert expected.items() <= request.headers.items()
    document = request.json()
    assert document["SignatureVersion"] == version
    verify(node, document)
    for name in ("Message", "Subject", "Timestamp", "MessageId"):
        with pytest.raises(InvalidSignature):
            verify(node, document | {name: document[name] + "x"})


def test_raw_delivery_says_so(node: TestNode, web: WebServer) -> None:
    arn = topic(node)
    policy = json.dumps({"requestPolicy": {"headerContentType": "text/csv"}})
    confirmed(node, web, arn, RawMessageDelivery="true", DeliveryPolicy=policy)
    publish(node, arn, "a,b")
    node.settle()
    (request,) = web.take()
    assert request.body == "a,b"
    assert (request.headers["x-amz-sns-rawdelivery"], request.headers["content-type"]) == ("true", "text/csv")


def test_user_and_password_of_the_url_are_sent_as_basic_authentication(node: TestNode, web: WebServer) -> None:
    subscribe(node, topic(node), f"http://me:s%40crt@127.0.0.1:{web.port}/hook?x=1", "http")
    node.settle()
    (request,) = web.take()
    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"me:s@crt").decode()
    assert request.path == "/hook?x=1"


def test_the_delivery_policy_says_when_it_is_tried_again(node: TestNode, web: WebServer) -> None:
    arn = topic(node)
    confirmed(node, web, arn)
    web.statuses = [500, 429, 503, 500]
    publish(node, arn)
    node.settle()
    counts = [len(web.take())]
    for _ in range(4):
        node.advance(19)
        counts.append(len(web.take()))
        node.advance(1)
        counts.append(len(web.take()))
    assert counts == [1, 0, 1, 0, 1, 0, 1, 0, 0]
    assert metrics(node)["NumberOfNotificationsFailed"] == 1


def test_a_retry_delivers_the_same_message(node: TestNode, web: WebServer) -> None:
    arn = topic(node)
    confirmed(node, web, arn)
    web.statuses = [500]
    publish(node, arn)
    node.settle()
    node.advance(20)
    first, again = web.take()
    assert first.body == again.body
    assert metrics(node)["NumberOfNotificationsDelivered"] == 1


@pytest.mark.parametrize("status", [302, 400, 403, 404])
def test_other_answers_are_final_and_nothing_is_followed(node: TestNode, web: WebServer, status: int) -> None:
    arn = topic(node)
    url, dead_letters = queue(node, "dlq")
    confirmed(node, web, arn, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_letters}))
    web.statuses = [status]
    message_id = publish(node, arn)["MessageId"]
    node.settle()
    node.advance(minutes=10)
    assert [request.path for request in web.take()] == ["/hook"]
    assert [found["MessageId"] for found in envelopes(node, url)] == [message_id]
    assert metrics(node)["NumberOfNotificationsRedrivenToDlq"] == 1


def test_nobody_listening_is_tried_again(node: TestNode, web: WebServer) -> None:
    arn = topic(node)
    policy = json.dumps({"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 1}})
    confirmed(node, web, arn, DeliveryPolicy=policy)
    web._server.socket.close()
    publish(node, arn)
    node.advance(5)
    assert metrics(node)["NumberOfNotificationsFailed"] == 1


def test_a_throttled_endpoint_gets_them_one_by_one(node: TestNode, web: WebServer) -> None:
    arn = topic(node)
    confirmed(node, web, arn, DeliveryPolicy='{"throttlePolicy": {"maxReceivesPerSecond": 2}}')
    for number in range(4):
        publish(node, arn, str(number))
    node.settle()
    counts = [len(web.take())]
    for _ in range(3):
        node.advance(0.5)
        counts.append(len(web.take()))
    assert counts == [1, 1, 1, 1]


def test_unsubscribing_by_link_can_be_undone(node: TestNode, web: WebServer) -> None:
    arn = topic(node)
    confirmed(node, web, arn)
    publish(node, arn)
    node.settle()
    (request,) = web.take()
    assert follow(node, request.json()["UnsubscribeURL"]).status == 200
    node.settle()
    (farewell,) = web.take()
    assert farewell.headers["x-amz-sns-message-type"] == "UnsubscribeConfirmation"
    verify(node, farewell.json())
    publish(node, arn)
    node.settle()
    assert web.take() == []
    assert follow(node, farewell.json()["SubscribeURL"]).status == 200
    publish(node, arn, "back")
    node.settle()
    assert [each.json()["Message"] for each in web.take()] == ["back"]


def test_no_other_certificate_is_there(node: TestNode) -> None:
    response = node.send(HttpRequest("GET", "/SimpleNotificationService-0.pem", "", [("host", "127.0.0.1:4566")]))
    assert response.status == 404


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, [20, 20, 20, None]),
        ({"numRetries": 0}, [None]),
        (
            {"numRetries": 7, "numNoDelayRetries": 2, "numMinDelayRetries": 1, "numMaxDelayRetries": 1,
             "minDelayTarget": 1, "maxDelayTarget": 3},
            [0, 0, 1, 1, 2, 3, 3, None],
        ),
    ],
)  # fmt: skip
def test_the_phases_of_a_retry_policy(changes: dict[str, int], seconds: list[float | None]) -> None:
    policy = delivery_policy.DEFAULT_RETRY | changes
    delays = [delivery_policy.delay_ms(policy, attempts) for attempts in range(1, len(seconds) + 1)]
    assert delays == [None if each is None else 1000 * each for each in seconds]


def test_mail_is_tried_fifty_times_over_six_hours() -> None:
    delays: list[int] = []
    while (delay := delivery_policy.delay_ms(delivery_policy.MAIL_RETRY, len(delays) + 1)) is not None:
        delays.append(delay)
    assert len(delays) == 50
    assert (delays[:3], delays[11:13], delays[-1]) == ([10_000] * 3, [600_000] * 2, 600_000)
    assert delays == sorted(delays)
    assert 6 * 3600_000 < sum(delays) < 8 * 3600_000
