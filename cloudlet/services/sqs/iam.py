"""Which action and queue each SQS operation asks IAM about.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
"""

from collections.abc import Callable, Sequence
from typing import Any

from cloudlet.kit import tags
from cloudlet.kit.arn import arn
from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Access, NamedPolicy
from cloudlet.kit.service import AccessRule
from cloudlet.services.sqs import errors, rules
from cloudlet.services.sqs.lookup import find_queue, sources_of

Context = dict[str, str | tuple[str, ...]]


def _queue_access(
    call: Call, action: str, account: str | None, name: str, asked: Context | None = None
) -> Sequence[Access]:
    account = account or call.account
    queue = find_queue(call.tx, call.service.keys(account, call.region), name)
    policy = queue.attributes.get("Policy") if queue else None
    context = tags.of_resource(queue.tags) if queue and queue.tags else {}
    return (
        Access(
            action=f"sqs:{action}",
            resource=arn("sqs", call.region, account, name),
            resource_account=account,
            resource_policy=NamedPolicy("queue policy", policy) if policy else None,
            context=context | asked if asked else context,
        ),
    )


def _by_url(action: str, member: str = "QueueUrl") -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return _queue_access(call, action, *rules.queue_address(request.get(member, "/?/?")))

    return rule


def _get_url(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return _queue_access(call, "GetQueueUrl", request.get("QueueOwnerAWSAccountId"), request.get("QueueName", ""))


def _create(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    """Tags given at once are asked for as TagQueue too."""
    asked = tags.asked(request.get("tags") or {})
    actions = ("CreateQueue", "TagQueue") if request.get("tags") else ("CreateQueue",)
    name = request.get("QueueName", "")
    return [access for action in actions for access in _queue_access(call, action, None, name, asked)]


def _by_tags(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        asked = tags.asked(request.get("Tags") or {}, request.get("TagKeys"))
        return _queue_access(call, action, *rules.queue_address(request.get("QueueUrl", "/?/?")), asked)

    return rule


def _by_arn(action: str, *members: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        accesses: list[Access] = []
        for member in members:
            accesses += _queue_access(call, action, *_in_arn(request.get(member, "")))
        return accesses

    return rule


def _start_move(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    """Moving is receiving and deleting here, and sending there: where no destination is given, to every source queue.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
    """
    account, name = _in_arn(request.get("SourceArn", ""))
    accesses: list[Access] = []
    for action in ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        accesses += _queue_access(call, action, account, name)
    if request.get("DestinationArn"):
        return [*accesses, *_queue_access(call, "SendMessage", *_in_arn(request["DestinationArn"]))]
    for source in sources_of(call.tx, call.keys, name):
        accesses += _queue_access(call, "SendMessage", None, source)
    return accesses


def _in_arn(text: Any) -> tuple[str, str]:
    *_, account, name = ("", "", *str(text).split(":"))
    return account, name


def _by_task(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    try:
        _, source = rules.task_handle(request.get("TaskHandle", ""))
    except errors.InvalidParameterValue:
        source = "*"
    return _queue_access(call, "CancelMessageMoveTask", None, source)


def _list_queues(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return (Access("sqs:ListQueues", call.arn(""), call.account, None, {}),)


_SAME_NAME = (
    "DeleteQueue GetQueueAttributes SetQueueAttributes PurgeQueue SendMessage ReceiveMessage DeleteMessage"
    " ChangeMessageVisibility ListDeadLetterSourceQueues AddPermission RemovePermission ListQueueTags"
).split()
_BATCHES = ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")

ACCESS: dict[str, Callable[[Any, dict[str, Any]], Sequence[Access]]] = {
    **{operation: _by_url(operation) for operation in _SAME_NAME},
    **{f"{operation}Batch": _by_url(operation) for operation in _BATCHES},
    "CreateQueue": _create,
    "TagQueue": _by_tags("TagQueue"),
    "UntagQueue": _by_tags("UntagQueue"),
    "GetQueueUrl": _get_url,
    "ListQueues": _list_queues,
    "StartMessageMoveTask": _start_move,
    "ListMessageMoveTasks": _by_arn("ListMessageMoveTasks", "SourceArn"),
    "CancelMessageMoveTask": _by_task,
}
