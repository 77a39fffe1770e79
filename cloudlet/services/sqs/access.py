"""Permissions (shorthand for the queue's policy) and tags."""

import json
from typing import Any

from cloudlet.kit import tags
from cloudlet.kit.arn import root_arn
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.sqs import errors, rules
from cloudlet.services.sqs.lookup import put_queue
from cloudlet.services.sqs.queue import locate
from cloudlet.services.sqs.service import sqs


@sqs.operation("AddPermission")
def add_permission(call: Call, request: dict[str, Any]) -> None:
    keys, queue = locate(call, request["QueueUrl"])
    label = request["Label"]
    policy = _policy(queue.attributes.get("Policy"), f"{queue.arn}/SQSDefaultPolicy")
    if any(statement.get("Sid") == label for statement in policy["Statement"]):
        raise errors.InvalidParameterValue(value=label, name="Label", reason="Already exists.")
    principals = [root_arn(account) for account in request["AWSAccountIds"]]
    actions = [f"SQS:{action}" for action in request["Actions"]]
    policy["Statement"].append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
            "Action": actions[0] if len(actions) == 1 else actions,
            "Resource": queue.arn,
        }
    )
    put_queue(call.tx, keys, replace(queue, attributes=queue.attributes | {"Policy": json.dumps(policy)}))


@sqs.operation("RemovePermission")
def remove_permission(call: Call, request: dict[str, Any]) -> None:
    keys, queue = locate(call, request["QueueUrl"])
    policy = _policy(queue.attributes.get("Policy"), "")
    remaining = [statement for statement in policy["Statement"] if statement.get("Sid") != request["Label"]]
    if len(remaining) == len(policy["Statement"]):
        raise errors.InvalidParameterValue(value=request["Label"], name="Label", reason="can't find label.")
    attributes = {name: value for name, value in queue.attributes.items() if name != "Policy"}
    if remaining:
        attributes["Policy"] = json.dumps(policy | {"Statement": remaining})
    put_queue(call.tx, keys, replace(queue, attributes=attributes))


def _policy(text: str | None, policy_id: str) -> dict[str, Any]:
    if text is None:
        return {"Version": "2008-10-17", "Id": policy_id, "Statement": []}
    policy = json.loads(text)
    if isinstance(policy["Statement"], dict):
        policy["Statement"] = [policy["Statement"]]
    return policy


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
