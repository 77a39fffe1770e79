"""Permissions (shorthand for the queue's policy) and tags."""

import json
from typing import Any

from cloudlet.kit import tags
from cloudlet.kit.call import Call
from cloudlet.kit.policy import shorthand
from cloudlet.kit.record import replace
from cloudlet.services.sqs import errors, rules
from cloudlet.services.sqs.lookup import put_queue
from cloudlet.services.sqs.queue import locate
from cloudlet.services.sqs.records import Queue
from cloudlet.services.sqs.service import sqs


@sqs.operation("AddPermission")
def add_permission(call: Call, request: dict[str, Any]) -> None:
    keys, queue = locate(call, request["QueueUrl"])
    label = request["Label"]
    policy = _policy(queue, f"{queue.arn}/SQSDefaultPolicy")
    if shorthand.is_labelled(policy, label):
        raise errors.InvalidParameterValue(value=label, name="Label", reason="Already exists.")
    actions = [f"SQS:{action}" for action in request["Actions"]]
    policy["Statement"].append(shorthand.statement(label, request["AWSAccountIds"], actions, queue.arn))
    put_queue(call.tx, keys, replace(queue, attributes=queue.attributes | {"Policy": json.dumps(policy)}))


@sqs.operation("RemovePermission")
def remove_permission(call: Call, request: dict[str, Any]) -> None:
    keys, queue = locate(call, request["QueueUrl"])
    policy = _policy(queue, "")
    remaining = shorthand.without(policy, request["Label"])
    if len(remaining) == len(policy["Statement"]):
        raise errors.InvalidParameterValue(value=request["Label"], name="Label", reason="can't find label.")
    attributes = {name: value for name, value in queue.attributes.items() if name != "Policy"}
    if remaining:
        attributes["Policy"] = json.dumps(policy | {"Statement": remaining})
    put_queue(call.tx, keys, replace(queue, attributes=attributes))


def _policy(queue: Queue, new_id: str) -> dict[str, Any]:
    """The queue's; an empty one if it has none."""
    text = queue.attributes.get("Policy")
    return shorthand.parsed(text) if text else {"Version": "2008-10-17", "Id": new_id, "Statement": []}


@sqs.operation("TagQueue")
def tag_queue(call: Call, request: dict[str, Any]) -> None:
    keys, queue = locate(call, request["QueueUrl"])
    too_many = errors.InvalidParameterValue(f"Too many tags added for queue {queue.name}.")
    put_queue(call.tx, keys, replace(queue, tags=tags.added(queue.tags, request["Tags"], rules.TAGS_MAX, too_many)))


@sqs.operation("UntagQueue")
def untag_queue(call: Call, request: dict[str, Any]) -> None:
    keys, queue = locate(call, request["QueueUrl"])
    put_queue(call.tx, keys, replace(queue, tags=tags.without(queue.tags, request["TagKeys"])))


@sqs.operation("ListQueueTags")
def list_queue_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    _, queue = locate(call, request["QueueUrl"])
    return {"Tags": queue.tags} if queue.tags else {}
