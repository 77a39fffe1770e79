"""Topics: create, delete, list, attributes."""

import json
from typing import Any

from cloudlet.base import ids
from cloudlet.kit import page, tags
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.sns import delivery_policy, errors, rules, signing
from cloudlet.services.sns.lookup import find_topic, keys_of, put_topic, require_topic
from cloudlet.services.sns.records import Topic
from cloudlet.services.sns.service import sns

_CREATING = "Attributes Reason: "


def _create(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Creating a topic again answers the one there is, unless it would be another."""
    name, given = request["Name"], request.get("Attributes", {})
    if request.get("DataProtectionPolicy"):
        raise errors.not_supported("parameter DataProtectionPolicy")
    is_fifo = given.get("FifoTopic", "false").lower() == "true"
    rules.check_topic_name(name, is_fifo)
    attributes = {
        key: rules.topic_attribute(key, value, is_fifo=is_fifo, prefix=_CREATING)
        for key, value in given.items()
        if key != "FifoTopic"
    }
    attributes = {key: value for key, value in attributes.items() if value}
    given_tags = rules.check_tags(request.get("Tags", []))
    stored = call.tx.get(call.keys.topic.key(name))
    if stored:
        existing = Topic.decode(stored)
        _check_same(existing, attributes, given_tags)
        return {"TopicArn": existing.arn}
    if is_fifo:
        attributes.setdefault("ContentBasedDeduplication", "false")
    attributes.setdefault("Policy", rules.default_policy(call.arn(name), call.account))
    topic = Topic(
        id=ids.hexadecimal(16),
        name=name,
        account=call.account,
        region=call.region,
        attributes=attributes,
        created_ms=call.now_ms,
        tags=tags.added({}, given_tags, rules.TAGS_MAX, errors.TagLimitExceeded()),
    )
    put_topic(call.tx, call.keys, topic)
    signing.make_in_time(call)
    return {"TopicArn": topic.arn}


@sns.operation("CreateTopic", within=_create)
async def create_topic(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    await signing.make_ready(call)
    return call.transact(lambda tx: _create(call, request))


def _check_same(existing: Topic, attributes: dict[str, str], given_tags: dict[str, str]) -> None:
    if given_tags and given_tags != existing.tags:
        raise rules.invalid("Tags Reason: Topic already exists with different tags")
    for name, value in attributes.items():
        if existing.attributes.get(name) != value:
            raise rules.invalid(f"{_CREATING}Topic already exists with different attributes")


@sns.operation("DeleteTopic")
def delete_topic(call: Call, request: dict[str, Any]) -> None:
    """Deleting what isn't there is no error. The subscriptions go in background.py."""
    arn = rules.topic_arn(request["TopicArn"])
    if arn.region != call.region:
        raise rules.invalid("TopicArn")
    topic = find_topic(call.tx, arn)
    if topic is not None:
        call.tx.delete(keys_of(arn).topic.key(topic.name))
        call.later("remove_topic", {"topic": topic.arn, "topic_id": topic.id})


@sns.operation("ListTopics")
def list_topics(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    found = page.scan_page(
        call.tx,
        call.keys.topic.range(),
        limit=rules.LIST_MAX,
        token=request.get("NextToken"),
        invalid=rules.invalid("NextToken"),
    )
    answer: dict[str, Any] = {"Topics": [{"TopicArn": Topic.decode(stored).arn} for _, stored in found.rows]}
    return answer | {"NextToken": found.next_token} if found.next_token else answer


@sns.operation("GetTopicAttributes")
def get_topic_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, topic = require_topic(call, request["TopicArn"])
    confirmed, pending, deleted = keys.tally(topic.id).values(call.tx)
    effective = delivery_policy.effective_of_topic(topic.attributes.get("DeliveryPolicy"))
    attributes = {"DisplayName": ""} | topic.attributes
    attributes |= {
        "TopicArn": topic.arn,
        "Owner": topic.account,
        "SubscriptionsConfirmed": str(confirmed),
        "SubscriptionsPending": str(pending),
        "SubscriptionsDeleted": str(deleted),
        "EffectiveDeliveryPolicy": json.dumps(effective, separators=(",", ":")),
    }
    if topic.is_fifo:
        attributes["FifoTopic"] = "true"
    return {"Attributes": attributes}


@sns.operation("SetTopicAttributes")
def set_topic_attributes(call: Call, request: dict[str, Any]) -> None:
    keys, topic = require_topic(call, request["TopicArn"])
    name, value = request["AttributeName"], request.get("AttributeValue", "")
    value = rules.topic_attribute(name, value, is_fifo=topic.is_fifo)
    if name == "Policy" and not value:
        value = rules.default_policy(topic.arn, topic.account)
    if name == "ContentBasedDeduplication" and not value:
        value = "false"
    attributes = topic.attributes | {name: value}
    put_topic(call.tx, keys, replace(topic, attributes={key: item for key, item in attributes.items() if item}))
