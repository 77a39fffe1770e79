"""Publishing: one message, or up to ten."""

from collections.abc import Callable
from typing import Any

from cloudlet.base import ids
from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.services.sns import errors, fan_out, fifo, message_attributes, rules
from cloudlet.services.sns.envelope import sequence_number
from cloudlet.services.sns.keys import Keys
from cloudlet.services.sns.lookup import require_topic
from cloudlet.services.sns.records import Message, Topic
from cloudlet.services.sns.service import sns


@sns.operation("Publish")
def publish(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("PhoneNumber"):
        raise errors.not_supported("publishing to a PhoneNumber (SMS)")
    arn = request.get("TopicArn") or request.get("TargetArn")
    if not arn:
        raise rules.invalid("TopicArn or TargetArn Reason: no value for required parameter")
    if ":endpoint/" in arn:
        raise errors.not_supported("publishing to a platform endpoint (mobile push)")
    size = _check(request)
    keys, topic = require_topic(call, arn, "TopicArn" if request.get("TopicArn") else "TargetArn")
    if size > _size_max(topic):
        raise rules.invalid("Message too long")
    return _publish(call, keys, topic, request, size, fan_out.Budget())


@sns.operation("PublishBatch")
def publish_batch(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    entries = request["PublishBatchRequestEntries"]
    rules.check_batch_ids(entries)
    keys, topic = require_topic(call, request["TopicArn"])
    if sum(map(_size, entries)) > _size_max(topic):
        raise errors.BatchRequestTooLong()
    if topic.is_fifo:
        for entry in entries:
            _check_group_and_dedup(topic, entry)
    budget = fan_out.Budget()
    return _each(call, entries, lambda entry: _publish(call, keys, topic, entry, _check(entry), budget))


def _each(call: Call, entries: list[dict[str, Any]], act: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Act on each entry in a savepoint of its own; a refused one is a line in `Failed`."""
    successful, failed = [], []
    for entry in entries:
        try:
            with call.tx.savepoint():
                successful.append({"Id": entry["Id"], **act(entry)})
        except AwsError as error:
            code = call.service.model.query_code(error.code)
            line = {"Id": entry["Id"], "Code": code, "Message": error.message, "SenderFault": error.status < 500}
            failed.append(line)
    return {"Successful": successful, "Failed": failed}


def _check(request: dict[str, Any]) -> int:
    """What holds for a message on any topic; its size."""
    rules.check_subject(request.get("Subject"))
    rules.bodies(request["Message"], request.get("MessageStructure"))
    message_attributes.check(request.get("MessageAttributes", {}))
    return _size(request)


def _size(request: dict[str, Any]) -> int:
    attributes = {
        name: value
        for name, value in request.get("MessageAttributes", {}).items()
        if value.get("DataType") and (value.get("StringValue") or value.get("BinaryValue"))
    }
    return len(request["Message"].encode()) + message_attributes.size_bytes(attributes)


def _size_max(topic: Topic) -> int:
    return int(topic.attributes.get("MaximumMessageSize", rules.MESSAGE_BYTES_MAX))


def _check_group_and_dedup(topic: Topic, request: dict[str, Any]) -> None:
    deduplicates_content = topic.attributes.get("ContentBasedDeduplication") == "true"
    rules.check_group_and_dedup(request, topic.is_fifo, deduplicates_content)


def _publish(
    call: Call, keys: Keys, topic: Topic, request: dict[str, Any], size: int, budget: fan_out.Budget
) -> dict[str, Any]:
    _check_group_and_dedup(topic, request)
    body, bodies = rules.bodies(request["Message"], request.get("MessageStructure"))
    dedup_id = request.get("MessageDeduplicationId")
    if topic.is_fifo and dedup_id is None:
        dedup_id = fifo.content_dedup_id(request["Message"])
    message = Message(
        id=ids.uuid4(),
        topic_arn=topic.arn,
        body=body,
        published_ms=call.now_ms,
        subject=request.get("Subject"),
        bodies=bodies,
        attributes=request.get("MessageAttributes", {}),
        group=request.get("MessageGroupId"),
        dedup_id=dedup_id,
        sequence=fifo.next_sequence(call.tx, keys, topic) if topic.is_fifo else 0,
    )
    answer = {"MessageId": message.id}
    if topic.is_fifo:
        known = fifo.find_duplicate(call.tx, keys, topic, message, call.now_ms)
        answer["SequenceNumber"] = sequence_number(known.sequence if known else message.sequence)
        if known:
            return answer | {"MessageId": known.message_id}
    call.count("NumberOfMessagesPublished", TopicName=topic.name)
    call.count("PublishSize", size, "Bytes", TopicName=topic.name)
    fan_out.send(call, keys, topic, message, budget)
    return answer
