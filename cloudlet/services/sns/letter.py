"""Letter: one message on its way to many subscriptions. What is the same for several of them is made once."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.sns import envelope, message_attributes, signing
from cloudlet.services.sns.links import base_url
from cloudlet.services.sns.records import Message, Subscription, Topic

ENVELOPE_BYTES = 2_000  # about: what stands around a message's own text


class Letter:
    def __init__(self, call: Call, topic: Topic, message: Message, base: str | None = None) -> None:
        """`base` is what links begin with, as the publisher's request decided it; a task is told by its payload."""
        self.call, self.topic, self.message = call, topic, message
        self.base_url = base or base_url(call)
        self._signed: dict[str, dict[str, str]] = {}  # by the text signed: one a body, however many subscriptions
        self._unsubscribe_url = envelope.unsubscribe_url(self.base_url, topic.arn)  # of its subscriptions
        self.delivered = 0  # to queues and functions, not counted yet
        self._around_url: dict[str, tuple[str, str]] = {}  # by protocol

    @property
    def bytes_written_each(self) -> int:
        """About what one delivery adds to the transaction; escaping at most doubles a text."""
        message = self.message
        longest = max((len(body.encode()) for body in (message.body, *message.bodies.values())), default=0)
        return 2 * longest + 2 * message_attributes.size_bytes(message.attributes) + ENVELOPE_BYTES

    def document(self, subscription: Subscription) -> dict[str, Any]:
        """The notification for `subscription`, signed (a FIFO topic's are not), without its attributes."""
        return self._signed_document(subscription.protocol) | {"UnsubscribeURL": self.unsubscribe_url(subscription)}

    def unsubscribe_url(self, subscription: Subscription) -> str:
        return f"{self._unsubscribe_url}:{subscription.id}"

    def _signed_document(self, protocol: str) -> dict[str, Any]:
        document = envelope.notification(self.message, protocol)
        return document if self.topic.is_fifo else document | self._signature(document)

    def text(self, subscription: Subscription) -> str:
        """The notification as queues, web servers and email-json get it."""
        around = self._around_url.get(subscription.protocol)
        if around is None:
            around = self._around_url[subscription.protocol] = self._text_around_url(subscription.protocol)
        before, behind = around
        return f"{before}{self.unsubscribe_url(subscription)}{behind}"

    def _text_around_url(self, protocol: str) -> tuple[str, str]:
        """The notification's text before and behind the link to unsubscribe, all that differs by subscription."""
        document = self._signed_document(protocol)
        attributes = envelope.attributes(self.message)
        behind = {"UnsubscribeURL": ""} | ({"MessageAttributes": attributes} if attributes else {})
        rest = envelope.as_text(behind).partition('""')[2]
        return envelope.as_text(document)[: -len("\n}")] + ',\n  "UnsubscribeURL" : "', '"' + rest

    def body(self, subscription: Subscription) -> str:
        """What the endpoint receives: the bare message where it asked for that."""
        return self.message.body_for(subscription.protocol) if subscription.is_raw else self.text(subscription)

    def count_delivered(self) -> None:
        if self.delivered:
            self.call.count("NumberOfNotificationsDelivered", times=self.delivered, TopicName=self.topic.name)
            self.delivered = 0

    def _signature(self, document: dict[str, Any]) -> dict[str, str]:
        text = envelope.text_to_sign(document)
        found = self._signed.get(text)
        if found is None:
            found = self._signed[text] = sign(self.call, self.topic, self.base_url, text)
        return found


def sign(call: Call, topic: Topic, base: str, text: str) -> dict[str, str]:
    """The members that carry the signature of `text`."""
    key, version = signing.require(call), topic.attributes.get("SignatureVersion", "1")
    return {
        "SignatureVersion": version,
        "Signature": signing.sign(call.node.sealer, key, version, text),
        "SigningCertURL": signing.certificate_url(base, key),
    }
