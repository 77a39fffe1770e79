"""What SNS does unasked: forget tokens and what they didn't confirm, remove what deleted topics leave behind."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.sns import confirming, fan_out, outgoing, rules, signing  # their tasks are registered on import
from cloudlet.services.sns.lookup import find_subscription, keys_of, remove_subscription
from cloudlet.services.sns.records import Subscription, Token
from cloudlet.services.sns.service import sns

REMOVED_PER_STEP = 200

__all__ = ["fan_out", "forget_token", "outgoing", "remove_topic", "signing"]


@sns.task("forget_token")
def forget_token(call: Call, payload: dict[str, Any]) -> None:
    """After two days; a subscription that is still pending goes with its token."""
    keys = keys_of(rules.topic_arn(payload["topic"]))
    stored = call.tx.get(keys.token.key(payload["token"]))
    if stored is None:
        return
    token = Token.decode(stored)
    if token.expires_ms > call.now_ms:
        return  # sent again meanwhile, with an entry of its own
    call.tx.delete(keys.token.key(payload["token"]))
    known = token.subscription
    subscription = find_subscription(call.tx, keys, known.topic_id, known.id)
    if subscription is not None and not subscription.is_confirmed:
        confirming.leave(call, keys, subscription)


@sns.task("remove_topic")
def remove_topic(call: Call, payload: dict[str, Any]) -> None:
    """Everything below a deleted topic's id, some hundred keys a step."""
    keys, topic_id = keys_of(rules.topic_arn(payload["topic"])), payload["topic_id"]
    found = call.tx.scan(*keys.subscription.range(topic_id), limit=REMOVED_PER_STEP)
    for _, stored in found.rows:
        subscription = Subscription.decode(stored)
        remove_subscription(call.tx, keys, subscription)
        if subscription.token:
            call.tx.delete(keys.token.key(subscription.token))
    if found.resume is not None:
        call.later("remove_topic", payload)
        return
    for space in keys.of_topic(topic_id):
        rows = call.tx.scan(space.prefix, space.prefix + b"\xff", limit=REMOVED_PER_STEP)
        for key, _ in rows.rows:
            call.tx.delete(key)
        if rows.resume is not None:
            call.later("remove_topic", payload)
            return
    call.tx.delete(keys.sequence.key(topic_id))
