"""Permissions (shorthand for the topic's policy) and tags."""

import json
from typing import Any

from cloudlet.kit import tags
from cloudlet.kit.call import Call
from cloudlet.kit.policy import shorthand
from cloudlet.kit.record import replace
from cloudlet.services.sns import errors, rules
from cloudlet.services.sns.lookup import Place, find_topic, keys_of, put_topic, require_topic
from cloudlet.services.sns.service import sns


@sns.operation("AddPermission")
def add_permission(call: Call, request: dict[str, Any]) -> None:
    keys, topic = require_topic(call, request["TopicArn"])
    policy, label = shorthand.parsed(topic.attributes["Policy"]), request["Label"]
    if shorthand.is_labelled(policy, label):
        raise rules.invalid("Statement already exists")
    if not request["ActionName"] or any(action not in rules.POLICY_ACTIONS for action in request["ActionName"]):
        raise rules.invalid("Policy statement action out of service scope!")
    actions = [f"SNS:{action}" for action in request["ActionName"]]
    policy["Statement"].append(shorthand.statement(label, request["AWSAccountId"], actions, topic.arn))
    text = json.dumps(policy, separators=(",", ":"))
    rules.check_policy(text)
    put_topic(call.tx, keys, replace(topic, attributes=topic.attributes | {"Policy": text}))


@sns.operation("RemovePermission")
def remove_permission(call: Call, request: dict[str, Any]) -> None:
    keys, topic = require_topic(call, request["TopicArn"])
    policy = shorthand.parsed(topic.attributes["Policy"])
    remaining = shorthand.without(policy, request["Label"])
    if remaining:
        text = json.dumps(policy | {"Statement": remaining}, separators=(",", ":"))
    else:
        text = rules.default_policy(topic.arn, topic.account)
    put_topic(call.tx, keys, replace(topic, attributes=topic.attributes | {"Policy": text}))


@sns.operation("TagResource")
def tag_resource(call: Call, request: dict[str, Any]) -> None:
    keys, topic = _require_resource(call, request["ResourceArn"])
    given = rules.check_tags(request["Tags"])
    merged = tags.added(topic.tags, given, rules.TAGS_MAX, errors.TagLimitExceeded())
    put_topic(call.tx, keys, replace(topic, tags=merged))


@sns.operation("UntagResource")
def untag_resource(call: Call, request: dict[str, Any]) -> None:
    keys, topic = _require_resource(call, request["ResourceArn"])
    put_topic(call.tx, keys, replace(topic, tags=tags.without(topic.tags, request["TagKeys"])))


@sns.operation("ListTagsForResource")
def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    _, topic = _require_resource(call, request["ResourceArn"])
    return {"Tags": tags.to_list(topic.tags)}


def _require_resource(call: Call, text: str) -> Place:
    arn = rules.topic_arn(text, "ResourceArn")
    topic = find_topic(call.tx, arn) if arn.region == call.region else None
    if topic is None:
        raise errors.ResourceNotFound()
    return Place(keys_of(arn), topic)
