"""People as subscribers: the confirmation's link, notifications, the link that ends them."""

import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from cloudlet.base.config import Settings
from cloudlet.wire.message import HttpRequest, HttpResponse
from tests.client import TestNode
from tests.services.sns.sns_client import (
    attributes_of,
    envelopes,
    mails,
    metrics,
    publish,
    queue,
    refusal,
    subscribe,
    topic,
)

PERSON = "me@example.com"


def link_in(text: str) -> str:
    (found,) = re.findall(r"^http://\S+$", text, re.MULTILINE)
    return found


def follow(node: TestNode, link: str) -> HttpResponse:
    parts = urlsplit(link)
    browser = [
        ("host", parts.netloc),
        ("accept", "text/html"),
        ("sec-fetch-site", "none"),
        ("user-agent", "Mozilla/5.0"),
    ]
    return node.send(HttpRequest("GET", parts.path, parts.query, browser))


def confirmed(node: TestNode, arn: str, **attributes: str) -> str:
    subscription = subscribe(node, arn, PERSON, "email", **attributes)
    node.settle()
    assert follow(node, link_in(mails(node)[-1].text)).status == 200
    return subscription


def test_a_person_confirms_by_the_link(node: TestNode) -> None:
    arn = topic(node)
    subscription = subscribe(node, arn, PERSON, "email")
    publish(node, arn, "too early")
    node.settle()
    (mail,) = mails(node)
    assert mail.subject == "AWS Notification - Subscription Confirmation"
    assert (mail.recipients, mail.sender) == ((PERSON,), "no-reply@sns.amazonaws.com")
    assert arn in mail.text
    link = link_in(mail.text)
    assert link.startswith(f"http://127.0.0.1:4566/?Action=ConfirmSubscription&TopicArn={arn}&Token=")
    assert link.encode() in mail.raw  # unfolded, for who reads the raw message
    response = follow(node, link)
    assert response.status == 200
    assert isinstance(response.body, bytes)
    assert f"<SubscriptionArn>{subscription}</SubscriptionArn>".encode() in response.body
    assert attributes_of(node, subscription)["ConfirmationWasAuthenticated"] == "false"
    publish(node, arn, "now")
    node.settle()
    assert mails(node)[-1].text.startswith("now\n")


def test_a_notification_as_mail(node: TestNode) -> None:
    arn = topic(node, DisplayName="Orders, Inc.")
    subscription = confirmed(node, arn)
    publish(node, arn, "Grüße\nzwei", Subject="Größe")
    node.settle()
    publish(node, arn, "x")
    node.settle()
    first, second = mails(node)[1:]
    assert (first.subject, second.subject) == ("Größe", "AWS Notification Message")
    assert first.text.startswith("Grüße\nzwei\n\n--\n")
    assert link_in(first.text) == f"http://127.0.0.1:4566/?Action=Unsubscribe&SubscriptionArn={subscription}"
    assert b'From: "Orders, Inc." <no-reply@sns.amazonaws.com>' in first.raw


def test_email_json_is_the_envelope(node: TestNode) -> None:
    arn = topic(node)
    subscribe(node, arn, PERSON, "email-json")
    node.settle()
    sent = json.loads(mails(node)[0].text)
    assert sent["Type"] == "SubscriptionConfirmation"
    assert follow(node, sent["SubscribeURL"]).status == 200
    publish(node, arn, "x", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    node.settle()
    sent = json.loads(mails(node)[1].text)
    assert (sent["Message"], sent["MessageAttributes"]) == ("x", {"a": {"Type": "String", "Value": "b"}})


def test_the_link_below_ends_it_and_another_one_brings_it_back(node: TestNode) -> None:
    arn = topic(node)
    confirmed(node, arn)
    publish(node, arn, "one")
    node.settle()
    assert follow(node, link_in(mails(node)[-1].text)).status == 200
    publish(node, arn, "unheard")
    node.settle()
    farewell = mails(node)[-1]
    assert farewell.subject == "AWS Notification - Unsubscribe Confirmation"
    assert follow(node, link_in(farewell.text)).status == 200
    publish(node, arn, "two")
    node.settle()
    assert mails(node)[-1].text.startswith("two\n")


def test_who_confirmed_with_a_signature_must_sign_to_leave(node: TestNode) -> None:
    arn = topic(node)
    subscription = subscribe(node, arn, PERSON, "email")
    node.settle()
    token = link_in(mails(node)[-1].text).rpartition("=")[2]
    node.aws("sns", "ConfirmSubscription", TopicArn=arn, Token=token, AuthenticateOnUnsubscribe="true")
    assert attributes_of(node, subscription)["ConfirmationWasAuthenticated"] == "true"
    response = follow(node, f"http://127.0.0.1:4566/?Action=Unsubscribe&SubscriptionArn={subscription}")
    assert response.status == 403
    node.aws("sns", "Unsubscribe", SubscriptionArn=subscription)


@pytest.mark.parametrize(("token", "message"), [("x", "Invalid token"), ("0" * 288, "Invalid parameter: Token")])
def test_tokens_that_confirm_nothing(node: TestNode, token: str, message: str) -> None:
    arn = topic(node)
    subscribe(node, arn, PERSON, "email")
    assert refusal(node, "ConfirmSubscription", TopicArn=arn, Token=token) == ("InvalidParameter", message)
    assert refusal(node, "ConfirmSubscription", TopicArn=arn + "x", Token=token) == ("InvalidParameter", message)


def test_a_token_confirms_its_own_topics_subscription_only(node: TestNode) -> None:
    arn, other = topic(node), topic(node, "other")
    subscribe(node, arn, PERSON, "email")
    node.settle()
    token = link_in(mails(node)[-1].text).rpartition("=")[2]
    assert refusal(node, "ConfirmSubscription", TopicArn=other, Token=token)[1] == "Invalid parameter: Token"


def test_what_nobody_confirms_is_forgotten_after_two_days(node: TestNode) -> None:
    arn = topic(node)
    subscribe(node, arn, PERSON, "email")
    node.settle()
    link = link_in(mails(node)[-1].text)
    node.advance(hours=47)
    assert len(node.aws("sns", "ListSubscriptions")["Subscriptions"]) == 1
    node.advance(hours=1)
    assert node.aws("sns", "ListSubscriptions")["Subscriptions"] == []
    assert follow(node, link).status == 400


def test_subscribing_again_sends_the_link_again_and_two_days_more(node: TestNode) -> None:
    arn = topic(node)
    subscribe(node, arn, PERSON, "email")
    node.advance(hours=47)
    subscribe(node, arn, PERSON, "email")
    node.advance(hours=47)
    first, second = mails(node)
    assert link_in(first.text) == link_in(second.text)
    assert follow(node, link_in(first.text)).status == 200
    node.advance(hours=2)
    assert len(node.aws("sns", "ListSubscriptions")["Subscriptions"]) == 1


def test_a_confirmed_subscription_outlives_its_token(node: TestNode) -> None:
    arn = topic(node)
    subscription = confirmed(node, arn)
    node.advance(days=3)
    assert attributes_of(node, subscription)["PendingConfirmation"] == "false"


class BrokenRelay:
    """Mail that reaches nobody, for the first `failures` times."""

    def __init__(self, node: TestNode, failures: int) -> None:
        self._inner, self._failures, self.tries = node.node.mail_out, failures, 0

    async def send(self, message: bytes, sender: str, recipients: list[str], entry_id: str) -> None:
        assert self._inner is not None
        await self._inner.send(message, sender, recipients, entry_id)
        self.tries += 1
        if self.tries <= self._failures:
            raise OSError("the relay is away")


def test_a_relay_that_fails_is_tried_again_and_the_mailbox_has_one_copy(node: TestNode) -> None:
    arn = topic(node)
    confirmed(node, arn)
    relay: Any = BrokenRelay(node, failures=2)
    node.node.mail_out = relay
    publish(node, arn, "once")
    node.settle()
    assert relay.tries == 1
    node.advance(10)
    node.advance(10)
    assert relay.tries == 3
    assert [mail.text[:4] for mail in mails(node)[1:]] == ["once"]
    assert metrics(node)["NumberOfNotificationsDelivered"] == 1


def test_mail_given_up_goes_to_the_dead_letter_queue(node: TestNode) -> None:
    arn = topic(node)
    url, dead_letters = queue(node, "dlq")
    confirmed(node, arn, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_letters}))
    relay: Any = BrokenRelay(node, failures=1000)
    node.node.mail_out = relay
    publish(node, arn, "lost")
    node.advance(hours=8)
    assert relay.tries == 51
    assert [found["Message"] for found in envelopes(node, url)] == ["lost"]


def test_links_name_the_address_that_the_caller_used_where_others_reach_the_node() -> None:
    settings = Settings(host="0.0.0.0", root_access_key_id="AKIAROOT", root_secret_access_key="secret")
    with TestNode(settings=settings) as node:
        node.key = ("AKIAROOT", "secret", None)
        arn = topic(node)
        subscribe(node, arn, PERSON, "email")
        node.settle()
        link = link_in(mails(node)[0].text)
        assert link.startswith("http://127.0.0.1:4566/")  # the test client's Host
        follow(node, link)
        publish(node, arn)
        node.settle()
        assert link_in(mails(node)[1].text).startswith("http://127.0.0.1:4566/")
        assert node.node.base_url == "http://0.0.0.0:4566"
