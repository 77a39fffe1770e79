"""What subscribers get: the JSON of a notification or confirmation, and the text its signature covers. Pure.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from cloudlet.services.sns.records import Message, Subscription

_SIGNED_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def timestamp(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"


def text_to_sign(document: Mapping[str, Any]) -> str:
    """Names and values in order, each on a line of its own; a subject only if there is one."""
    names = _SIGNED_NOTIFICATION if document["Type"] == "Notification" else _SIGNED_CONFIRMATION
    return "".join(f"{name}\n{document[name]}\n" for name in names if document.get(name) is not None)


def notification(message: Message, protocol: str) -> dict[str, Any]:
    """Without signature and attributes."""
    document: dict[str, Any] = {"Type": "Notification", "MessageId": message.id}
    if message.sequence:
        document["SequenceNumber"] = sequence_number(message.sequence)
    document["TopicArn"] = message.topic_arn
    if message.subject is not None:
        document["Subject"] = message.subject
    document["Message"] = message.body_for(protocol)
    document["Timestamp"] = timestamp(message.published_ms)
    return document


def confirmation(
    subscription: Subscription, message_id: str, base_url: str, now_ms: int, *, ends: bool
) -> dict[str, Any]:
    """The request to confirm; with `ends` the news of an unsubscription, whose link undoes it."""
    topic = subscription.topic_arn
    if ends:
        text = (
            f"You have chosen to deactivate subscription {subscription.arn}.\n"
            "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
        )
    else:
        text = (
            f"You have chosen to subscribe to the topic {topic}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        )
    return {
        "Type": "UnsubscribeConfirmation" if ends else "SubscriptionConfirmation",
        "MessageId": message_id,
        "Token": subscription.token,
        "TopicArn": topic,
        "Message": text,
        "SubscribeURL": subscribe_url(base_url, subscription),
        "Timestamp": timestamp(now_ms),
    }


def subscribe_url(base_url: str, subscription: Subscription) -> str:
    topic = quote(subscription.topic_arn, safe=":")
    return f"{base_url}/?Action=ConfirmSubscription&TopicArn={topic}&Token={subscription.token}"


def unsubscribe_url(base_url: str, topic_arn: str) -> str:
    """Up to the colon and id of the subscription, a UUID."""
    return f"{base_url}/?Action=Unsubscribe&SubscriptionArn={quote(topic_arn, safe=':')}"


def as_text(document: Mapping[str, Any]) -> str:
    """AWS's layout: a member a line, spaces around its colon, each attribute on a line without any."""
    lines = []
    for name, value in document.items():
        if isinstance(value, dict):
            inner = ",\n".join(f"    {_json(key)} : {_json(item)}" for key, item in value.items())
            lines.append(f"  {_json(name)} : {{\n{inner}\n  }}")
        else:
            lines.append(f"  {_json(name)} : {_json(value)}")
    return "{\n" + ",\n".join(lines) + "\n}"


_json: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def attributes(message: Message) -> dict[str, dict[str, str]]:
    """Message attributes as a notification shows them."""
    return {name: {"Type": value["DataType"], "Value": _content(value)} for name, value in message.attributes.items()}


def _content(value: Mapping[str, Any]) -> str:
    binary = value.get("BinaryValue")
    return base64.b64encode(binary).decode() if binary is not None else value["StringValue"]


def lambda_event(subscription: Subscription, document: Mapping[str, Any], message: Message) -> dict[str, Any]:
    """The event a function gets; some names are spelled otherwise there."""
    spelled = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    notice: dict[str, Any] = {"Type": None, "MessageId": None, "TopicArn": None, "Subject": None}
    notice |= {spelled.get(name, name): value for name, value in document.items()}
    notice["MessageAttributes"] = attributes(message)
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription.arn,
                "Sns": notice,
            }
        ]
    }


def sequence_number(sequence: int) -> str:
    """As AWS shows it: 20 digits, increasing."""
    return str(10**19 + sequence)
