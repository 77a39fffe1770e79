"""Dead-letter queues: their sources, and moving messages back.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

import base64
from typing import Any

from cloudlet.base import ids
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.sqs import engine, errors, rules
from cloudlet.services.sqs.lookup import find_queue, sources_of
from cloudlet.services.sqs.queue import listed, locate
from cloudlet.services.sqs.records import Message, MoveTask, Queue
from cloudlet.services.sqs.service import sqs

MOVED_PER_STEP_MAX = 100
STEP_MS = 1000
VISIBLE_AGAIN_MS = 30_000


@sqs.operation("ListDeadLetterSourceQueues")
def list_dead_letter_source_queues(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, queue = locate(call, request["QueueUrl"])
    limit = request.get("MaxResults")
    rules.check_between(
        limit or 1, "MaxResults", 1, rules.LIST_MAX, "MaxResults must be an integer between 1 and 1000."
    )
    found = page.scan_page(
        call.tx,
        keys.source.range(queue.name),
        limit=limit or rules.LIST_MAX,
        token=request.get("NextToken"),
        invalid=errors.InvalidParameterValue("Invalid or expired next token."),
    )
    names = [keys.source.unpack(key)[1] for key, _ in found.rows]
    return listed(call, "queueUrls", keys.account, names, found.next_token if limit else None)


@sqs.operation("StartMessageMoveTask")
def start_message_move_task(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    source = _queue_by_arn(call, request["SourceArn"], "SourceArn")
    sources = sources_of(call.tx, call.keys, source.name)
    if not sources:
        raise errors.InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
    destination_arn = request.get("DestinationArn")
    if destination_arn is None and len(sources) > rules.MOVE_SOURCES_MAX:
        raise errors.InvalidParameterValue(
            f"More than {rules.MOVE_SOURCES_MAX} queues have this Dead Letter Queue: give a DestinationArn."
        )
    destination = _queue_by_arn(call, destination_arn, "DestinationArn") if destination_arn else None
    earlier = _tasks(call, source.name)
    if any(task.status == "RUNNING" for task in earlier):
        raise errors.InvalidParameterValue(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
        )
    for task in earlier[rules.MOVE_TASKS_LISTED_MAX - 1 :]:  # nobody is shown them any more
        call.tx.delete(call.keys.task.key(source.name, task.id))
    ready, _, _ = call.keys.of(source.data_id).tally.values(call.tx)
    task = MoveTask(
        id=ids.uuid4(),
        source=source.name,
        destination=destination.name if destination else None,
        destination_arn=destination_arn,
        started_ms=call.now_ms,
        status="RUNNING",
        to_move=ready,
        per_second_max=request.get("MaxNumberOfMessagesPerSecond"),
    )
    _put(call, task)
    call.later("move_messages", {"source": source.name, "task": task.id})
    return {"TaskHandle": _handle(source, task)}


@sqs.operation("CancelMessageMoveTask")
def cancel_message_move_task(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    task_id, source = rules.task_handle(request["TaskHandle"])
    stored = call.tx.get(call.keys.task.key(source, task_id))
    if stored is None:
        raise errors.ResourceNotFound("Task does not exist.")
    task = MoveTask.decode(stored)
    if task.status != "RUNNING":
        raise errors.InvalidParameterValue("Only active tasks can be cancelled.")
    _put(call, replace(task, status="CANCELLED"))
    return {"ApproximateNumberOfMessagesMoved": task.moved}


@sqs.operation("ListMessageMoveTasks")
def list_message_move_tasks(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    source = _queue_by_arn(call, request["SourceArn"], "SourceArn")
    limit = request.get("MaxResults", 1)
    rules.check_between(limit, "MaxResults", 1, rules.MOVE_TASKS_LISTED_MAX, "Must be between 1 and 10, if provided.")
    return {"Results": [_shown(call, source, task) for task in _tasks(call, source.name)[:limit]]}


def _shown(call: Call, source: Queue, task: MoveTask) -> dict[str, Any]:
    shown = {
        "Status": task.status,
        "SourceArn": source.arn,
        "DestinationArn": task.destination_arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": task.started_ms,
        "MaxNumberOfMessagesPerSecond": task.per_second_max,
        "FailureReason": task.failure_reason,
        "TaskHandle": _handle(source, task) if task.status == "RUNNING" else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _handle(source: Queue, task: MoveTask) -> str:
    return base64.b64encode(f"{task.id}|{source.arn}".encode()).decode()


def _queue_by_arn(call: Call, arn: str, name: str) -> Queue:
    queue = find_queue(call.tx, call.keys, arn.rpartition(":")[2])
    if queue is None or queue.arn != arn:
        raise errors.ResourceNotFound(name=name)
    return queue


def _tasks(call: Call, source: str) -> list[MoveTask]:
    """Those that are kept, the latest first."""
    rows = call.tx.all(*call.keys.task.range(source), rows_max=rules.LIST_MAX)
    return sorted((MoveTask.decode(value) for _, value in rows), key=lambda task: task.started_ms, reverse=True)


def _put(call: Call, task: MoveTask) -> None:
    call.tx.put(call.keys.task.key(task.source, task.id), task.encode())


@sqs.task("move_messages")
def move_messages(call: Call, payload: dict[str, Any]) -> None:
    """One step of a move: some messages in one transaction, then the next step a second later if it is rate-limited."""
    stored = call.tx.get(call.keys.task.key(payload["source"], payload["task"]))
    task = MoveTask.decode(stored) if stored else None
    source = find_queue(call.tx, call.keys, payload["source"])
    if task is None or source is None or task.status != "RUNNING":
        return
    limit = min(task.per_second_max or MOVED_PER_STEP_MAX, MOVED_PER_STEP_MAX)
    contents = call.keys.of(source.data_id)
    without_policy = replace(source, attributes={k: v for k, v in source.attributes.items() if k != "RedrivePolicy"})
    messages = engine.receive(call.tx, call.keys, without_policy, limit, VISIBLE_AGAIN_MS, call.now_ms)
    for message in messages:
        name = task.destination or (message.dead_letter_source or "").rpartition(":")[2]
        target = find_queue(call.tx, call.keys, name)
        if target is None:
            _put(call, replace(task, status="FAILED", failure_reason="AWS.SimpleQueueService.NonExistentQueue"))
            return
        engine.delete(call.tx, source, contents, message)
        engine.move(call.tx, call.keys, target, _as_new(message, call.now_ms), call.now_ms)
        task = replace(task, moved=task.moved + 1)
        call.notify("sqs", target.id)
    done = len(messages) < limit
    _put(call, replace(task, status="COMPLETED" if done else "RUNNING"))
    if not done:
        call.later("move_messages", payload, due_ms=call.now_ms + (STEP_MS if task.per_second_max else 0))


def _as_new(message: Message, now_ms: int) -> Message:
    """What is moved back is a new message, its age counted anew."""
    fresh = replace(message, id=ids.uuid4(), sent_ms=now_ms, receive_count=0, first_received_ms=0)
    return replace(fresh, dead_letter_source=None)
