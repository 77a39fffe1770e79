"""Posts to web servers: a notification or a confirmation as an HTTP request, and what its answer means.

https://docs.aws.amazon.com/sns/latest/dg/http-header.html
"""

import base64
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from cloudlet.base.errors import aws_error
from cloudlet.kit.call import Call
from cloudlet.services.sns import envelope
from cloudlet.services.sns.delivery_policy import DEFAULT_CONTENT_TYPE
from cloudlet.services.sns.letter import Letter
from cloudlet.services.sns.records import Subscription

TIMEOUT_S = 15.0  # AWS's
AGENT = "Amazon Simple Notification Service Agent"


class Post(NamedTuple):
    url: str
    headers: list[tuple[str, str]]
    body: bytes


class Problem(NamedTuple):
    reason: str
    may_pass: bool  # 5xx, 429 and silence are tried again; all other answers are final


def notification(letter: Letter, subscription: Subscription, content_type: str) -> Post:
    message = letter.message
    headers = _headers("Notification", message.id, letter.topic.arn, subscription.arn, content_type)
    if subscription.is_raw:
        headers.append(("x-amz-sns-rawdelivery", "true"))
    return _post(subscription.endpoint, headers, letter.body(subscription))


def confirmation(payload: dict[str, Any]) -> Post:
    document = payload["document"]
    # A subscription that isn't confirmed is not named to its endpoint.
    arn = payload["subscription_arn"] if document["Type"] == "UnsubscribeConfirmation" else None
    headers = _headers(document["Type"], document["MessageId"], document["TopicArn"], arn, DEFAULT_CONTENT_TYPE)
    return _post(payload["endpoint"], headers, envelope.as_text(document))


def _headers(
    kind: str, message_id: str, topic: str, subscription: str | None, content_type: str
) -> list[tuple[str, str]]:
    headers = [
        ("x-amz-sns-message-type", kind),
        ("x-amz-sns-message-id", message_id),
        ("x-amz-sns-topic-arn", topic),
    ]
    if subscription is not None:
        headers.append(("x-amz-sns-subscription-arn", subscription))
    return [*headers, ("Content-Type", content_type), ("User-Agent", AGENT), ("Accept-Encoding", "gzip,deflate")]


def _post(endpoint: str, headers: list[tuple[str, str]], body: str) -> Post:
    """User and password of the URL become basic authentication."""
    parts = urlsplit(endpoint)
    user, at, host = parts.netloc.rpartition("@")
    if at:
        name, _, password = user.partition(":")
        credentials = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
        headers.append(("Authorization", f"Basic {credentials}"))
    url = urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
    return Post(url, headers, body.encode())


async def send(call: Call, post: Post) -> Problem | None:
    """None: delivered. Whatever led to this post is durable before it leaves."""
    if call.node.http_out is None:
        raise aws_error("NotImplemented", "This node sends no HTTP requests.", 501)
    await call.settle()
    try:
        answer = await call.node.http_out.send("POST", post.url, post.headers, post.body, TIMEOUT_S)
    except OSError as error:
        return Problem(f"no answer: {error}", may_pass=True)
    if 200 <= answer.status < 300:
        return None
    return Problem(f"the endpoint answered {answer.status}", answer.status >= 500 or answer.status == 429)
