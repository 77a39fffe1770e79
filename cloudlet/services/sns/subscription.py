"""Subscriptions: subscribe, confirm, unsubscribe, list, attributes."""

import json
from typing import Any

from cloudlet.base import ids
from cloudlet.kit import arn as arns
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.sns import confirming, delivery_policy, errors, rules
from cloudlet.services.sns.filters.policy import BY_ATTRIBUTES
from cloudlet.services.sns.keys import Keys
from cloudlet.services.sns.lookup import (
    find_by_arn,
    find_subscription,
    keys_of,
    put_subscription,
    require_by_arn,
    require_topic,
)
from cloudlet.services.sns.records import Subscription, Topic
from cloudlet.services.sns.service import sns

PENDING = "pending confirmation"
_SUBSCRIBING = "Attributes Reason: "


@sns.operation("Subscribe")
def subscribe(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    protocol, endpoint = request["Protocol"], request.get("Endpoint", "")
    rules.topic_arn(request["TopicArn"])
    rules.check_endpoint(protocol, endpoint)
    keys, topic = require_topic(call, request["TopicArn"])
    rules.check_pairing(topic.is_fifo, protocol, endpoint)
    attributes = _checked(request.get("Attributes", {}), protocol, topic)
    known = call.tx.get(keys.endpoint.key(topic.id, protocol, endpoint))
    if known:
        subscription = _again(call, keys, topic, known.decode(), attributes)
    else:
        subscription = _create(call, keys, topic, protocol, endpoint, attributes)
    shows_arn = subscription.is_confirmed or request.get("ReturnSubscriptionArn")
    return {"SubscriptionArn": subscription.arn if shows_arn else PENDING}


def _checked(given: dict[str, str], protocol: str, topic: Topic) -> dict[str, str]:
    attributes = {
        name: rules.subscription_attribute(name, value, protocol, is_fifo=topic.is_fifo, prefix=_SUBSCRIBING)
        for name, value in given.items()
    }
    attributes = {name: value for name, value in attributes.items() if value}
    rules.check_filter_policy(attributes, _SUBSCRIBING)
    return attributes


def _again(call: Call, keys: Keys, topic: Topic, known_id: str, attributes: dict[str, str]) -> Subscription:
    """Subscribing an endpoint again: the subscription there is; a pending one's confirmation is sent once more."""
    subscription = find_subscription(call.tx, keys, topic.id, known_id)
    assert subscription is not None, f"subscription {known_id} is indexed but not stored"
    defaults = {"RawMessageDelivery": "false", "FilterPolicyScope": BY_ATTRIBUTES}
    for name, value in attributes.items():
        if subscription.attributes.get(name, defaults.get(name)) != value:
            raise rules.invalid(f"{_SUBSCRIBING}Subscription already exists with different attributes")
    if not subscription.is_confirmed:
        confirming.request(call, keys, topic, subscription)
    return subscription


def _create(
    call: Call, keys: Keys, topic: Topic, protocol: str, endpoint: str, attributes: dict[str, str]
) -> Subscription:
    _check_room(call, keys, topic)
    principal = call.principal
    subscription = Subscription(
        id=ids.uuid4(),
        topic_arn=topic.arn,
        topic_id=topic.id,
        protocol=protocol,
        endpoint=endpoint,
        owner=principal.account or topic.account,
        principal=principal.role_arn or principal.arn,
        attributes=attributes,
        subscribed_ms=call.now_ms,
    )
    if _confirms_itself(call, subscription):
        subscription = replace(subscription, is_confirmed=True, was_authenticated=True)
    else:
        subscription = replace(subscription, token=confirming.new_token())
    confirming.enter(call, keys, subscription)
    if not subscription.is_confirmed:
        confirming.request(call, keys, topic, subscription)
    return subscription


def _check_room(call: Call, keys: Keys, topic: Topic) -> None:
    if topic.is_fifo:
        confirmed, pending, _ = keys.tally(topic.id).values(call.tx)
        if confirmed + pending >= rules.FIFO_SUBSCRIPTIONS_MAX:
            raise errors.SubscriptionLimitExceeded(limit=rules.FIFO_SUBSCRIPTIONS_MAX)


def _confirms_itself(call: Call, subscription: Subscription) -> bool:
    """A function always, a queue where its own account subscribes it; whoever else gets messages must want them."""
    if subscription.protocol == "lambda":
        return True
    is_own = arns.account_of(subscription.endpoint) == call.principal.account
    return subscription.protocol == "sqs" and is_own


@sns.operation("ConfirmSubscription")
def confirm_subscription(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    arn = rules.topic_arn(request["TopicArn"])
    if arn.region != call.region and call.principal.type != "Anonymous":
        raise rules.invalid("TopicArn")
    authenticated = call.principal.type != "Anonymous" and request.get("AuthenticateOnUnsubscribe", "") == "true"
    subscription = confirming.confirm(call, keys_of(arn), str(arn), request["Token"], authenticated)
    return {"SubscriptionArn": subscription.arn}


@sns.operation("Unsubscribe")
def unsubscribe(call: Call, request: dict[str, Any]) -> None:
    """Unsubscribing what isn't subscribed is no error."""
    found = find_by_arn(call.tx, request["SubscriptionArn"])
    if found is None:
        return
    keys, topic, subscription = found
    is_anonymous = call.principal.type == "Anonymous"
    if is_anonymous and subscription.was_authenticated:
        raise errors.AuthorizationError(
            reason="This subscription was confirmed by an authenticated request: unsubscribing must be signed too"
        )
    confirming.leave(call, keys, subscription)
    if is_anonymous or call.principal.account not in (subscription.owner, topic.account):
        confirming.announce_end(call, keys, topic, subscription)


@sns.operation("ListSubscriptions")
def list_subscriptions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """What this account subscribed, also to topics of others."""
    owned = call.keys.owned
    found = page.scan_page(
        call.tx,
        owned.range(),
        limit=rules.LIST_MAX,
        token=request.get("NextToken"),
        invalid=rules.invalid("NextToken"),
    )
    listed = [find_by_arn(call.tx, ":".join(owned.unpack(key))) for key, _ in found.rows]
    return _listed([each.subscription for each in listed if each is not None], found.next_token)


@sns.operation("ListSubscriptionsByTopic")
def list_subscriptions_by_topic(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, topic = require_topic(call, request["TopicArn"])
    found = page.scan_page(
        call.tx,
        keys.subscription.range(topic.id),
        limit=rules.LIST_MAX,
        token=request.get("NextToken"),
        invalid=rules.invalid("NextToken"),
    )
    return _listed([Subscription.decode(stored) for _, stored in found.rows], found.next_token)


def _listed(subscriptions: list[Subscription], next_token: str | None) -> dict[str, Any]:
    lines = [
        {
            "SubscriptionArn": each.arn if each.is_confirmed else "PendingConfirmation",
            "Owner": each.owner,
            "Protocol": each.protocol,
            "Endpoint": rules.without_password(each.endpoint),
            "TopicArn": each.topic_arn,
        }
        for each in subscriptions
    ]
    answer: dict[str, Any] = {"Subscriptions": lines}
    return answer | {"NextToken": next_token} if next_token else answer


@sns.operation("GetSubscriptionAttributes")
def get_subscription_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    _, topic, subscription = require_by_arn(call.tx, request["SubscriptionArn"])
    attributes = {"RawMessageDelivery": "false"} | subscription.attributes
    if "FilterPolicy" in attributes:
        attributes.setdefault("FilterPolicyScope", BY_ATTRIBUTES)
    else:
        attributes.pop("FilterPolicyScope", None)
    if subscription.protocol in rules.HTTP:
        effective = delivery_policy.effective_of_subscription(
            subscription.attributes.get("DeliveryPolicy"), topic.attributes.get("DeliveryPolicy")
        )
        attributes["EffectiveDeliveryPolicy"] = json.dumps(effective, separators=(",", ":"))
    attributes |= {
        "SubscriptionArn": subscription.arn,
        "TopicArn": subscription.topic_arn,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": rules.without_password(subscription.endpoint),
        "SubscriptionPrincipal": subscription.principal,
        "PendingConfirmation": "false" if subscription.is_confirmed else "true",
        "ConfirmationWasAuthenticated": "true" if subscription.was_authenticated else "false",
    }
    return {"Attributes": attributes}


@sns.operation("SetSubscriptionAttributes")
def set_subscription_attributes(call: Call, request: dict[str, Any]) -> None:
    keys, topic, subscription = require_by_arn(call.tx, request["SubscriptionArn"])
    name, value = request["AttributeName"], request.get("AttributeValue", "")
    value = rules.subscription_attribute(name, value, subscription.protocol, is_fifo=topic.is_fifo)
    attributes = subscription.attributes | {name: value}
    if name == "FilterPolicy" and value.strip() in ("", "{}"):
        attributes[name] = ""
    attributes = {key: item for key, item in attributes.items() if item}
    rules.check_filter_policy(attributes)
    put_subscription(call.tx, keys, replace(subscription, attributes=attributes))
