"""Messages: send, receive, delete, change visibility, and their batches."""

from collections.abc import Callable
from typing import Any

from cloudlet.base import ids
from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.services.sqs import attempts, digests, engine, errors, fifo, receipt, rules
from cloudlet.services.sqs.keys import Keys
from cloudlet.services.sqs.lookup import find_message, next_sequence
from cloudlet.services.sqs.queue import locate
from cloudlet.services.sqs.records import Message, Queue
from cloudlet.services.sqs.service import sqs
from cloudlet.store.transaction import Tx


@sqs.operation("SendMessage")
def send_message(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, queue = locate(call, request["QueueUrl"])
    answer = _send(call, keys, queue, request)
    call.notify("sqs", queue.id)
    return answer


@sqs.operation("SendMessageBatch")
def send_message_batch(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, queue = locate(call, request["QueueUrl"])
    entries = request["Entries"]
    rules.check_batch(entries, "SendMessageBatchRequestEntry")
    size = sum(rules.message_bytes(entry["MessageBody"], entry.get("MessageAttributes", {})) for entry in entries)
    if size > rules.BATCH_BYTES_MAX:
        raise errors.BatchRequestTooLong(limit=rules.BATCH_BYTES_MAX, size=size)
    answer = _each(call, entries, lambda entry: _send(call, keys, queue, entry))
    call.notify("sqs", queue.id)
    return answer


def _send(call: Call, keys: Keys, queue: Queue, request: dict[str, Any]) -> dict[str, Any]:
    """One message of SendMessage or SendMessageBatch, whose members are the same."""
    body, attributes = request["MessageBody"], request.get("MessageAttributes", {})
    system_attributes = request.get("MessageSystemAttributes", {})
    rules.check_body(body)
    rules.check_message_attributes(attributes)
    size, size_max = rules.message_bytes(body, attributes), int(queue.setting("MaximumMessageSize"))
    if size > size_max:
        raise errors.InvalidParameterValue(
            f"One or more parameters are invalid. Reason: Message must be shorter than {size_max} bytes."
        )
    message = Message(
        id=ids.uuid4(),
        sequence=next_sequence(call.tx, keys, queue),
        body=body,
        sent_ms=call.now_ms,
        sender_id=call.principal.user_id,
        visible_at_ms=call.now_ms + _delay_ms(queue, request),
        attributes=attributes,
        trace_header=_trace_header(system_attributes),
        group=_group(queue, request),
        dedup_id=_dedup_id(queue, request),
    )
    answer = {"MessageId": message.id, "MD5OfMessageBody": digests.of_body(body)}
    if attributes:
        answer["MD5OfMessageAttributes"] = digests.of_attributes(attributes)
    if system_attributes:
        answer["MD5OfMessageSystemAttributes"] = digests.of_attributes(system_attributes)
    if queue.is_fifo:
        known = fifo.find_duplicate(call.tx, keys.of(queue.data_id), queue, message, call.now_ms)
        answer["SequenceNumber"] = fifo.sequence_number(known.sequence if known else message.sequence)
        if known:
            return answer | {"MessageId": known.message_id}
    engine.send(call.tx, keys, queue, message, call.now_ms)
    call.count("NumberOfMessagesSent", QueueName=queue.name)
    call.count("SentMessageSize", size, "Bytes", QueueName=queue.name)
    return answer


def _delay_ms(queue: Queue, request: dict[str, Any]) -> int:
    seconds = request.get("DelaySeconds")
    if seconds is None:
        return queue.setting_ms("DelaySeconds")
    if queue.is_fifo and seconds:
        reason = "The request include parameter that is not valid for this queue type."
        raise errors.InvalidParameterValue(value=seconds, name="DelaySeconds", reason=reason)
    reason = f"DelaySeconds must be >= 0 and <= {rules.DELAY_SECONDS_MAX}."
    rules.check_between(seconds, "DelaySeconds", 0, rules.DELAY_SECONDS_MAX, reason)
    return queue.setting_ms("DelaySeconds") if queue.is_fifo else 1000 * seconds


def _trace_header(system_attributes: dict[str, Any]) -> str | None:
    for name in system_attributes:
        if name != "AWSTraceHeader":
            raise errors.InvalidParameterValue(f"Message system attribute name '{name}' is invalid.")
    return system_attributes["AWSTraceHeader"]["StringValue"] if system_attributes else None


def _group(queue: Queue, request: dict[str, Any]) -> str | None:
    group = request.get("MessageGroupId")
    if group is None and queue.is_fifo:
        raise errors.MissingParameter(name="MessageGroupId")
    if group is not None:
        rules.check_id(group, "MessageGroupId")
    return group


def _dedup_id(queue: Queue, request: dict[str, Any]) -> str | None:
    dedup_id = request.get("MessageDeduplicationId")
    if dedup_id is not None:
        if not queue.is_fifo:
            reason = "The request include parameter that is not valid for this queue type."
            raise errors.InvalidParameterValue(value=dedup_id, name="MessageDeduplicationId", reason=reason)
        rules.check_id(dedup_id, "MessageDeduplicationId")
    elif queue.is_fifo:
        if queue.setting("ContentBasedDeduplication") != "true":
            raise errors.InvalidParameterValue(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
                " explicitly"
            )
        return fifo.content_dedup_id(request["MessageBody"])
    return dedup_id


@sqs.operation("ReceiveMessage")
async def receive_message(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Long poll: look, and wait for a wake-up, the next visible message or the end of the wait, until there is one."""
    limit = request.get("MaxNumberOfMessages", 1)
    reason = f"Must be between 1 and {rules.RECEIVE_MESSAGES_MAX}, if provided."
    rules.check_between(limit, "MaxNumberOfMessages", 1, rules.RECEIVE_MESSAGES_MAX, reason)
    wait_seconds = request.get("WaitTimeSeconds", 0)
    reason = f"Must be >= 0 and <= {rules.WAIT_SECONDS_MAX}, if provided."
    rules.check_between(wait_seconds, "WaitTimeSeconds", 0, rules.WAIT_SECONDS_MAX, reason)
    started_ms, until_ms = call.now_ms, None
    while True:
        queue, messages, next_ms = call.transact(_receive, call, request, limit)
        if until_ms is None:
            is_set = "WaitTimeSeconds" in request
            until_ms = started_ms + (
                1000 * wait_seconds if is_set else queue.setting_ms("ReceiveMessageWaitTimeSeconds")
            )
        if messages or call.now_ms >= until_ms:
            break
        await call.wait_for("sqs", queue.id, until_ms=min(until_ms, next_ms or until_ms))
    call.count("NumberOfMessagesReceived", len(messages), QueueName=queue.name)
    if not messages:
        call.count("NumberOfEmptyReceives", QueueName=queue.name)
        return {}
    return {"Messages": [_answer(queue, message, request) for message in messages]}


def _receive(tx: Tx, call: Call, request: dict[str, Any], limit: int) -> tuple[Queue, list[Message], int | None]:
    keys, queue = locate(call, request["QueueUrl"])
    contents = keys.of(queue.data_id)
    visibility_ms = 1000 * request.get("VisibilityTimeout", queue.setting_ms("VisibilityTimeout") // 1000)
    _check_visibility(visibility_ms // 1000)
    attempt_id = request.get("ReceiveRequestAttemptId") if queue.is_fifo else None
    messages = attempts.repeat(tx, contents, queue, attempt_id, visibility_ms, call.now_ms) if attempt_id else None
    if messages is None:
        messages = engine.receive(tx, keys, queue, limit, visibility_ms, call.now_ms)
        if attempt_id and messages:
            attempts.remember(tx, contents, attempt_id, messages, call.now_ms)
    next_ms = None if messages else engine.next_visible_ms(tx, contents, call.now_ms)
    return queue, messages, next_ms


def _answer(queue: Queue, message: Message, request: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "MessageId": message.id,
        "ReceiptHandle": receipt.encode(queue, message),
        "MD5OfBody": digests.of_body(message.body),
        "Body": message.body,
    }
    wanted = {*request.get("MessageSystemAttributeNames", ()), *request.get("AttributeNames", ())}
    system = _system_attributes(queue, message)
    if "All" not in wanted:
        system = {name: value for name, value in system.items() if name in wanted}
    if system:
        answer["Attributes"] = system
    attributes = _wanted_attributes(message, request.get("MessageAttributeNames", ()))
    if attributes:
        answer["MessageAttributes"] = attributes
        answer["MD5OfMessageAttributes"] = digests.of_attributes(attributes)
    return answer


def _system_attributes(queue: Queue, message: Message) -> dict[str, str]:
    attributes = {
        "SenderId": message.sender_id,
        "SentTimestamp": str(message.sent_ms),
        "ApproximateReceiveCount": str(message.receive_count),
        "ApproximateFirstReceiveTimestamp": str(message.first_received_ms),
    }
    optional = {
        "AWSTraceHeader": message.trace_header,
        "MessageGroupId": message.group,
        "MessageDeduplicationId": message.dedup_id,
        "DeadLetterQueueSourceArn": message.dead_letter_source,
        "SequenceNumber": fifo.sequence_number(message.sequence) if queue.is_fifo else None,
    }
    return attributes | {name: value for name, value in optional.items() if value is not None}


def _wanted_attributes(message: Message, names: list[str]) -> dict[str, Any]:
    """Those named, or whose name begins with a named prefix ("foo.*"); "All" and ".*" are all of them."""
    if "All" in names or ".*" in names:
        return message.attributes
    prefixes = tuple(name.removesuffix(".*") for name in names if name.endswith(".*"))
    return {name: value for name, value in message.attributes.items() if name in names or name.startswith(prefixes)}


@sqs.operation("DeleteMessage")
def delete_message(call: Call, request: dict[str, Any]) -> None:
    keys, queue = locate(call, request["QueueUrl"])
    _delete(call, keys, queue, request)


@sqs.operation("DeleteMessageBatch")
def delete_message_batch(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, queue = locate(call, request["QueueUrl"])
    rules.check_batch(request["Entries"], "DeleteMessageBatchRequestEntry")
    return _each(call, request["Entries"], lambda entry: _delete(call, keys, queue, entry))


def _delete(call: Call, keys: Keys, queue: Queue, request: dict[str, Any]) -> None:
    handle = receipt.decode(queue, request["ReceiptHandle"])
    contents = keys.of(queue.data_id)
    message = find_message(call.tx, contents, handle.sequence)
    if message is None:
        return  # deleting twice is no error
    if queue.is_fifo and (message.receive_count != handle.receive_count or message.visible_at_ms <= call.now_ms):
        raise _handle_expired(request["ReceiptHandle"])
    engine.delete(call.tx, queue, contents, message)
    call.count("NumberOfMessagesDeleted", QueueName=queue.name)
    call.notify("sqs", queue.id)  # a FIFO group may be free now


def _handle_expired(handle: str) -> AwsError:
    reason = "The receipt handle has expired."
    return errors.InvalidParameterValue(value=handle, name="ReceiptHandle", reason=reason)


@sqs.operation("ChangeMessageVisibility")
def change_message_visibility(call: Call, request: dict[str, Any]) -> None:
    keys, queue = locate(call, request["QueueUrl"])
    _change_visibility(call, keys, queue, request)


@sqs.operation("ChangeMessageVisibilityBatch")
def change_message_visibility_batch(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, queue = locate(call, request["QueueUrl"])
    rules.check_batch(request["Entries"], "ChangeMessageVisibilityBatchRequestEntry")
    return _each(call, request["Entries"], lambda entry: _change_visibility(call, keys, queue, entry))


def _change_visibility(call: Call, keys: Keys, queue: Queue, request: dict[str, Any]) -> None:
    if request.get("VisibilityTimeout") is None:
        raise errors.MissingParameter(name="VisibilityTimeout")
    seconds = request["VisibilityTimeout"]
    _check_visibility(seconds)
    handle = receipt.decode(queue, request["ReceiptHandle"])
    contents = keys.of(queue.data_id)
    message = find_message(call.tx, contents, handle.sequence)
    if message is None or message.receive_count != handle.receive_count:
        reason = "Message does not exist or is not available for visibility timeout change."
        raise errors.InvalidParameterValue(value=request["ReceiptHandle"], name="ReceiptHandle", reason=reason)
    if queue.is_fifo and message.visible_at_ms <= call.now_ms:
        raise _handle_expired(request["ReceiptHandle"])
    if call.now_ms + 1000 * seconds > message.first_received_ms + 1000 * rules.VISIBILITY_SECONDS_MAX:
        reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
        raise errors.InvalidParameterValue(value=seconds, name="VisibilityTimeout", reason=reason)
    engine.change_visibility(call.tx, queue, contents, message, call.now_ms + 1000 * seconds)
    call.notify("sqs", queue.id)


def _check_visibility(seconds: int) -> None:
    reason = f"Must be between 0 and {rules.VISIBILITY_SECONDS_MAX}, if provided."
    rules.check_between(seconds, "VisibilityTimeout", 0, rules.VISIBILITY_SECONDS_MAX, reason)


def _each(call: Call, entries: list[dict[str, Any]], act: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Act on each entry of a batch in a savepoint of its own; a refused one is a line in `Failed`."""
    successful, failed = [], []
    for entry in entries:
        try:
            with call.tx.savepoint():
                successful.append({"Id": entry["Id"], **(act(entry) or {})})
        except AwsError as error:
            failed.append(
                {
                    "Id": entry["Id"],
                    "SenderFault": error.status < 500,
                    "Code": call.service.model.query_code(error.code),
                    "Message": error.message,
                }
            )
    return {"Successful": successful, "Failed": failed} if failed else {"Successful": successful}
