"""Permissions (shorthand for the topic's policy) and tags."""

import json
from typing import Any

from cloudlet.kit import tags
from cloudlet.kit.arn import root_arn
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.sns import errors, rules
from cloudlet.services.sns.lookup import Place, find_topic, keys_of, put_topic, require_topic
from cloudlet.services.sns.service import sns


@sns.operation("AddPermission")
def add_permission(call: Call, request: dict[str, Any]) -> None:
    keys, topic = require_topic(call, request["TopicArn"])
    policy = _policy(topic.attributes["Policy"])
    label = request["Label"]
    if any(statement.get("Sid") == label for statement in policy["Statement"]):
        raise rules.invalid("Statement already exists")
    if not request["ActionName"] or any(action not in rules.POLICY_ACTIONS for action in request["ActionName"]):
        raise rules.invalid("Policy statement action out of service scope!")
    policy["Statement"].append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": _one_or_all([root_arn(account) for account in request["AWSAccountId"]])},
            "Action": _one_or_all([f"SNS:{action}" for action in request["ActionName"]]),
            "Resource": topic.arn,
        }
    )
    text = json.dumps(policy, separators=(",", ":"))
    rules.check_policy(text)
    put_topic(call.tx, keys, replace(topic, attributes=topic.attributes | {"Policy": text}))


@sns.operation("RemovePermission")
def remove_permission(call: Call, request: dict[str, Any]) -> None:
    keys, topic = require_topic(call, request["TopicArn"])
    policy = _policy(topic.attributes["Policy"])
    remaining = [statement for statement in policy["Statement"] if statement.get("Sid") != request["Label"]]
    if remaining:
        text = json.dumps(policy | {"Statement": remaining}, separators=(",", ":"))
    else:
        text = rules.default_policy(topic.arn, topic.account)
    put_topic(call.tx, keys, replace(topic, attributes=topic.attributes | {"Policy": text}))


def _policy(text: str) -> dict[str, Any]:
    policy = json.loads(text)
    if isinstance(policy["Statement"], dict):
        policy["Statement"] = [policy["Statement"]]
    return policy


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


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
