"""What SQS does unasked: forget messages past their retention, remove the contents of purged and deleted queues."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.sqs import engine
from cloudlet.services.sqs.lookup import find_queue
from cloudlet.services.sqs.records import Message
from cloudlet.services.sqs.service import sqs

REMOVED_PER_STEP = 1000
EXPIRE_EVERY_MS = 60_000  # messages are forgotten within a minute of their retention's end


@sqs.task("expire")
def expire(call: Call, payload: dict[str, Any]) -> None:
    """Delete what is past its retention, oldest first, and come back when the next one will be.

    Sequences follow the time of sending (a standard dead-letter queue's messages keep an older one and are forgotten
    when they are received or come to the front). The scan starts where the last one ended.
    """
    queue = find_queue(call.tx, call.keys, payload["name"])
    if queue is None or queue.id != payload["id"]:
        return
    contents, retention_ms = call.keys.of(queue.data_id), queue.setting_ms("MessageRetentionPeriod")
    begin, (_, end) = contents.message.key(payload.get("from", 0)), contents.message.range()
    next_ms, sequence = call.now_ms + retention_ms, payload.get("from", 0)
    found = call.tx.scan(begin, end, limit=REMOVED_PER_STEP)
    for _, stored in found.rows:
        message = Message.decode(stored)
        sequence = message.sequence
        if message.sent_ms + retention_ms > call.now_ms:
            next_ms = max(message.sent_ms + retention_ms, call.now_ms + EXPIRE_EVERY_MS)
            break
        engine.delete(call.tx, queue, contents, message)
    else:
        if found.resume is not None:
            next_ms = call.now_ms
    call.later("expire", payload | {"from": sequence}, due_ms=next_ms)


@sqs.task("remove_contents")
def remove_contents(call: Call, payload: dict[str, Any]) -> None:
    """Delete everything below a data id, a thousand keys a step. Nobody adds to it any more."""
    begin, end = call.keys.of(payload["data_id"]).space.range()
    resume = page.delete_first(call.tx, payload.get("from", begin), end, REMOVED_PER_STEP)
    if resume is not None:
        call.later("remove_contents", payload | {"from": resume})
    elif "queue_id" in payload:
        call.tx.delete(call.keys.sequence.key(payload["queue_id"]))
