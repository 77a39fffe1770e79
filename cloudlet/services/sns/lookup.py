"""Reading and writing SNS's records, one by one. Keys are always those of the topic's own account and region."""

from typing import NamedTuple

from cloudlet.kit.arn import Arn
from cloudlet.kit.call import Call
from cloudlet.services.sns import errors, rules
from cloudlet.services.sns.keys import Keys
from cloudlet.services.sns.records import Subscription, Topic, decode_topic
from cloudlet.services.sns.service import sns
from cloudlet.store.transaction import Tx


class Place(NamedTuple):
    keys: Keys
    topic: Topic


def keys_of(arn: Arn) -> Keys:
    return sns.keys(arn.account, arn.region)


def find_topic(tx: Tx, arn: Arn) -> Topic | None:
    stored = tx.get(keys_of(arn).topic.key(arn.resource))
    return decode_topic(stored) if stored else None


def require_topic(call: Call, text: str, member: str = "TopicArn") -> Place:
    """The topic of an ARN, in the request's region: SNS knows no other (an unsigned request has none)."""
    arn = rules.topic_arn(text, member)
    if arn.region != call.region and call.principal.type != "Anonymous":
        raise rules.invalid(member)
    topic = find_topic(call.tx, arn)
    if topic is None:
        raise errors.TopicNotFound()
    return Place(keys_of(arn), topic)


def put_topic(tx: Tx, keys: Keys, topic: Topic) -> None:
    tx.put(keys.topic.key(topic.name), topic.encode())


def find_subscription(tx: Tx, keys: Keys, topic_id: str, subscription_id: str) -> Subscription | None:
    stored = tx.get(keys.subscription.key(topic_id, subscription_id))
    return Subscription.decode(stored) if stored else None


class Found(NamedTuple):
    keys: Keys
    topic: Topic
    subscription: Subscription


def find_by_arn(tx: Tx, text: str) -> Found | None:
    """The subscription of an ARN; InvalidParameter if that is none."""
    arn, subscription_id = rules.subscription_arn(text)
    topic = find_topic(tx, arn)
    if topic is None:
        return None
    keys = keys_of(arn)
    subscription = find_subscription(tx, keys, topic.id, subscription_id)
    return Found(keys, topic, subscription) if subscription else None


def require_by_arn(tx: Tx, text: str) -> Found:
    found = find_by_arn(tx, text)
    if found is None:
        raise errors.SubscriptionNotFound()
    return found


def put_subscription(tx: Tx, keys: Keys, subscription: Subscription) -> None:
    tx.put(keys.subscription.key(subscription.topic_id, subscription.id), subscription.encode())


def remove_subscription(tx: Tx, keys: Keys, subscription: Subscription) -> None:
    """Everything of a subscription but its token, which can bring it back."""
    topic_id = subscription.topic_id
    tx.delete(keys.subscription.key(topic_id, subscription.id))
    tx.delete(keys.endpoint.key(topic_id, subscription.protocol, subscription.endpoint))
    tx.delete(keys.slot.key(topic_id, subscription.id))
    tx.delete(sns.keys(subscription.owner, keys.region).owned.key(subscription.topic_arn, subscription.id))
