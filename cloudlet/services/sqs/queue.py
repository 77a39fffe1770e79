"""Queues: create, delete, list, attributes, purge."""

from typing import Any

from cloudlet.base import ids
from cloudlet.kit import page, tags
from cloudlet.kit.arn import arn as arn_of
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.sqs import errors, rules
from cloudlet.services.sqs.keys import Keys
from cloudlet.services.sqs.lookup import find_queue, put_queue, require_queue
from cloudlet.services.sqs.records import Queue
from cloudlet.services.sqs.service import sqs
from cloudlet.store.transaction import Tx


def locate(call: Call, queue_url: str) -> tuple[Keys, Queue]:
    """The queue a QueueUrl names, with the keys of the account it belongs to."""
    account, name = rules.queue_address(queue_url)
    keys = call.service.keys(account or call.account, call.region)
    return keys, require_queue(call.tx, keys, name)


def url_of(call: Call, account: str, name: str) -> str:
    return f"{call.source.base_url}/{account}/{name}"


@sqs.operation("CreateQueue")
def create_queue(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    name, attributes = request["QueueName"], request.get("Attributes", {})
    is_fifo = attributes.get("FifoQueue") == "true"
    rules.check_queue_name(name, is_fifo)
    rules.check_attributes(attributes, is_fifo=is_fifo, creating=True)
    attributes = {key: value for key, value in attributes.items() if value}
    existing = find_queue(call.tx, call.keys, name)
    if existing is not None:
        _check_same(existing, attributes)
        return {"QueueUrl": url_of(call, call.account, name)}
    deleted = call.tx.get(call.keys.deleted.key(name))
    if deleted and int(deleted) + rules.NAME_BLOCKED_MS > call.now_ms:
        raise errors.QueueDeletedRecently()
    too_many_tags = errors.InvalidParameterValue(f"Too many tags added for queue. Maximum allowed is {rules.TAGS_MAX}.")
    queue = Queue(
        id=ids.hexadecimal(16),
        name=name,
        account=call.account,
        region=call.region,
        data_id=ids.hexadecimal(16),
        attributes=(rules.FIFO_DEFAULTS if is_fifo else {}) | attributes,
        created_ms=call.now_ms,
        modified_ms=call.now_ms,
        tags=tags.added({}, request.get("tags", {}), rules.TAGS_MAX, too_many_tags),
    )
    _set_redrive(call.tx, call.keys, queue, {}, queue.attributes)
    put_queue(call.tx, call.keys, queue)
    call.later(
        "expire", {"name": name, "id": queue.id}, due_ms=call.now_ms + queue.setting_ms("MessageRetentionPeriod")
    )
    return {"QueueUrl": url_of(call, call.account, name)}


def _check_same(existing: Queue, attributes: dict[str, str]) -> None:
    for name, value in attributes.items():
        if existing.setting(name) != value:
            raise errors.QueueNameExists(attribute=name)


def _set_redrive(tx: Tx, keys: Keys, queue: Queue, old: dict[str, str], new: dict[str, str]) -> None:
    """Check RedrivePolicy and RedriveAllowPolicy, and keep the index of who uses which dead-letter queue."""
    if new.get("RedriveAllowPolicy"):
        rules.check_redrive_allow_policy(new["RedriveAllowPolicy"])
    if old.get("RedrivePolicy") == new.get("RedrivePolicy"):
        return
    if old.get("RedrivePolicy"):
        arn, _ = rules.redrive_policy(old["RedrivePolicy"])
        tx.delete(keys.source.key(arn.rpartition(":")[2], queue.name))
    if new.get("RedrivePolicy"):
        text = new["RedrivePolicy"]
        arn, _ = rules.redrive_policy(text)
        target = _dead_letter_queue(tx, keys, arn, text)
        if target.is_fifo != queue.is_fifo:
            reason = "Dead-letter queue must be same type of queue as the source."
            raise errors.InvalidParameterValue(value=text, name="RedrivePolicy", reason=reason)
        if not rules.allows_redrive(target.attributes.get("RedriveAllowPolicy"), queue.arn):
            reason = "Source queue is not authorized to redrive to the dead-letter queue."
            raise errors.InvalidParameterValue(value=text, name="RedrivePolicy", reason=reason)
        tx.put(keys.source.key(target.name, queue.name), b"")


def _dead_letter_queue(tx: Tx, keys: Keys, arn: str, text: str) -> Queue:
    prefix, _, name = arn.rpartition(":")
    target = find_queue(tx, keys, name) if f"{prefix}:" == arn_of("sqs", keys.region, keys.account, "") else None
    if target is None:
        reason = "Dead letter target does not exist."
        raise errors.InvalidParameterValue(value=text, name="RedrivePolicy", reason=reason)
    return target


@sqs.operation("DeleteQueue")
def delete_queue(call: Call, request: dict[str, Any]) -> None:
    keys, queue = locate(call, request["QueueUrl"])
    _set_redrive(call.tx, keys, queue, queue.attributes, {})
    call.tx.delete(keys.queue.key(queue.name))
    call.tx.put(keys.deleted.key(queue.name), b"%d" % call.now_ms)
    for key, _ in call.tx.all(*keys.task.range(queue.name), rows_max=rules.LIST_MAX):
        call.tx.delete(key)
    call.later("remove_contents", {"data_id": queue.data_id, "queue_id": queue.id})
    call.notify("sqs", queue.id)


@sqs.operation("GetQueueUrl")
def get_queue_url(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    account = request.get("QueueOwnerAWSAccountId") or call.account
    queue = require_queue(call.tx, call.service.keys(account, call.region), request["QueueName"])
    return {"QueueUrl": url_of(call, account, queue.name)}


@sqs.operation("ListQueues")
def list_queues(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    prefix, limit = request.get("QueueNamePrefix", ""), request.get("MaxResults")
    rules.check_between(
        limit or 1, "MaxResults", 1, rules.LIST_MAX, "MaxResults must be an integer between 1 and 1000."
    )
    found = page.scan_page(
        call.tx,
        page.names_from(call.keys.queue, prefix),
        limit=limit or rules.LIST_MAX,
        token=request.get("NextToken"),
        invalid=errors.InvalidParameterValue("Invalid or expired next token."),
    )
    names = [call.keys.queue.unpack(key)[0] for key, _ in found.rows]
    return listed(call, "QueueUrls", call.account, names, found.next_token if limit else None)


def listed(call: Call, member: str, account: str, names: list[str], next_token: str | None) -> dict[str, Any]:
    """A list of queue URLs; a next-token only where the caller asked for pages."""
    answer: dict[str, Any] = {member: [url_of(call, account, name) for name in names]}
    return answer | {"NextToken": next_token} if next_token else answer


@sqs.operation("GetQueueAttributes")
def get_queue_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, queue = locate(call, request["QueueUrl"])
    names = request.get("AttributeNames", [])
    for name in names:
        if name != "All" and name not in rules.READABLE:
            raise errors.InvalidAttributeName(name=name)
    ready, in_flight, delayed = keys.of(queue.data_id).tally.values(call.tx)
    everything = rules.DEFAULTS | queue.attributes
    everything |= {
        "QueueArn": queue.arn,
        "CreatedTimestamp": str(queue.created_ms // 1000),
        "LastModifiedTimestamp": str(queue.modified_ms // 1000),
        "ApproximateNumberOfMessages": str(ready),
        "ApproximateNumberOfMessagesNotVisible": str(in_flight),
        "ApproximateNumberOfMessagesDelayed": str(delayed),
    }
    wanted = everything if "All" in names else {name: everything[name] for name in names if name in everything}
    return {"Attributes": wanted} if wanted else {}


@sqs.operation("SetQueueAttributes")
def set_queue_attributes(call: Call, request: dict[str, Any]) -> None:
    keys, queue = locate(call, request["QueueUrl"])
    rules.check_attributes(request["Attributes"], is_fifo=queue.is_fifo, creating=False)
    attributes = queue.attributes | request["Attributes"]
    attributes = {name: value for name, value in attributes.items() if value}
    if request["Attributes"].get("KmsMasterKeyId"):
        attributes["SqsManagedSseEnabled"] = "false"
    _set_redrive(call.tx, keys, queue, queue.attributes, attributes)
    changed = replace(queue, attributes=attributes, modified_ms=call.now_ms)
    put_queue(call.tx, keys, changed)
    if changed.setting_ms("MessageRetentionPeriod") < queue.setting_ms("MessageRetentionPeriod"):
        call.later("expire", {"name": queue.name, "id": queue.id})


@sqs.operation("PurgeQueue")
def purge_queue(call: Call, request: dict[str, Any]) -> None:
    keys, queue = locate(call, request["QueueUrl"])
    if queue.purged_ms and queue.purged_ms + rules.PURGE_EVERY_MS > call.now_ms:
        raise errors.PurgeQueueInProgress(name=queue.name)
    put_queue(call.tx, keys, replace(queue, data_id=ids.hexadecimal(16), purged_ms=call.now_ms))
    call.later("remove_contents", {"data_id": queue.data_id})
