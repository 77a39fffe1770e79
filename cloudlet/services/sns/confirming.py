"""Confirmation: nobody gets messages who doesn't want them. A token is sent to the endpoint; who returns it confirms.

The same token, kept for two days, brings back a subscription that was given up by an unsigned link.
https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html
"""

import re

from cloudlet.base import ids
from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.sns import envelope, errors, rules
from cloudlet.services.sns.delivery import send_to_queue
from cloudlet.services.sns.keys import Keys
from cloudlet.services.sns.letter import sign
from cloudlet.services.sns.links import base_url
from cloudlet.services.sns.lookup import find_topic, put_subscription, remove_subscription
from cloudlet.services.sns.records import Subscription, Token, Topic
from cloudlet.services.sns.service import sns

TOKEN_BYTES = 144

_token = re.compile(rf"[0-9a-f]{{{2 * TOKEN_BYTES}}}")


def new_token() -> str:
    return ids.random_bytes(TOKEN_BYTES).hex()


def enter(call: Call, keys: Keys, subscription: Subscription) -> None:
    """Store a new subscription, pending or not."""
    tx, topic_id = call.tx, subscription.topic_id
    put_subscription(tx, keys, subscription)
    tx.put(keys.endpoint.key(topic_id, subscription.protocol, subscription.endpoint), subscription.id.encode())
    tx.put(sns.keys(subscription.owner, keys.region).owned.key(subscription.topic_arn, subscription.id), b"")
    confirmed = int(subscription.is_confirmed)
    keys.tally(topic_id).add(tx, call.now_ms, confirmed, 1 - confirmed, 0)


def leave(call: Call, keys: Keys, subscription: Subscription) -> None:
    """Remove a subscription; its token stays until it expires."""
    remove_subscription(call.tx, keys, subscription)
    confirmed = int(subscription.is_confirmed)
    keys.tally(subscription.topic_id).add(call.tx, call.now_ms, -confirmed, confirmed - 1, 1)


def request(call: Call, keys: Keys, topic: Topic, subscription: Subscription) -> None:
    """Send the endpoint what it needs to confirm; without it, the subscription is forgotten after two days."""
    _remember(call, keys, subscription)
    _send(call, topic, subscription, ends=False)


def announce_end(call: Call, keys: Keys, topic: Topic, subscription: Subscription) -> None:
    """Tell the endpoint that it was unsubscribed, with a link that undoes it."""
    subscription = replace(subscription, token=subscription.token or new_token())
    _remember(call, keys, subscription)
    _send(call, topic, subscription, ends=True)


def _remember(call: Call, keys: Keys, subscription: Subscription) -> None:
    expires_ms = call.now_ms + rules.TOKEN_MS
    call.tx.put(keys.token.key(subscription.token), Token(subscription, expires_ms).encode())
    payload = {"topic": subscription.topic_arn, "token": subscription.token}
    call.later("forget_token", payload, due_ms=expires_ms)


def _send(call: Call, topic: Topic, subscription: Subscription, *, ends: bool) -> None:
    base = base_url(call)
    document = envelope.confirmation(subscription, ids.uuid4(), base, call.now_ms, ends=ends)
    document |= sign(call, topic, base, envelope.text_to_sign(document))
    if subscription.protocol == "sqs":
        try:
            send_to_queue(call, topic, subscription.endpoint, envelope.as_text(document), {}, None)
        except AwsError:  # as on AWS: the subscription stays pending
            call.count("NumberOfNotificationsFailed", TopicName=topic.name)
        return
    payload = {
        "topic": topic.arn,
        "subscription_arn": subscription.arn,
        "protocol": subscription.protocol,
        "endpoint": subscription.endpoint,
        "document": document,
    }
    call.later("confirm_by_http" if subscription.protocol in rules.HTTP else "confirm_by_mail", payload)


def confirm(call: Call, keys: Keys, topic_arn: str, token: str, authenticated: bool) -> Subscription:
    """The confirmed subscription. Confirming twice is no error."""
    if not _token.fullmatch(token):
        raise errors.InvalidParameter("Invalid token")
    stored = call.tx.get(keys.token.key(token))
    known = Token.decode(stored) if stored else None
    if known is None or known.expires_ms <= call.now_ms or known.subscription.topic_arn != topic_arn:
        raise rules.invalid("Token")
    topic = find_topic(call.tx, rules.topic_arn(topic_arn))
    if topic is None or topic.id != known.subscription.topic_id:
        raise rules.invalid("Token")
    subscription = known.subscription
    current = call.tx.get(keys.endpoint.key(topic.id, subscription.protocol, subscription.endpoint))
    if current is None:
        subscription = replace(subscription, is_confirmed=True, was_authenticated=authenticated)
        enter(call, keys, subscription)
        return subscription
    stored = call.tx.get(keys.subscription.key(topic.id, current.decode()))
    assert stored is not None, "an endpoint's subscription is indexed but not stored"
    subscription = Subscription.decode(stored)
    if not subscription.is_confirmed:
        subscription = replace(subscription, is_confirmed=True, was_authenticated=authenticated)
        put_subscription(call.tx, keys, subscription)
        keys.tally(topic.id).add(call.tx, call.now_ms, 1, -1, 0)
    return subscription
