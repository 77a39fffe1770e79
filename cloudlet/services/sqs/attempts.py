"""FIFO receives that are tried again: the same ReceiveRequestAttemptId within five minutes gets the same messages.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
"""

from cloudlet.services.sqs import engine, rules
from cloudlet.services.sqs.keys import Contents
from cloudlet.services.sqs.lookup import find_message
from cloudlet.services.sqs.records import Attempt, Message, Queue
from cloudlet.store.transaction import Tx


def remember(tx: Tx, contents: Contents, attempt_id: str, messages: list[Message], now_ms: int) -> None:
    rules.check_id(attempt_id, "ReceiveRequestAttemptId")
    attempt = Attempt(
        sequences=[message.sequence for message in messages],
        receive_counts=[message.receive_count for message in messages],
        until_ms=now_ms + rules.DEDUP_MS,
    )
    tx.put(contents.attempt.key(attempt_id), attempt.encode())
    contents.attempt_end.put(tx, attempt.until_ms, (attempt_id,))


def repeat(
    tx: Tx, contents: Contents, queue: Queue, attempt_id: str, visibility_ms: int, now_ms: int
) -> list[Message] | None:
    """The messages of an earlier attempt, hidden anew; None if there was none or one of them has changed since."""
    for entry in contents.attempt_end.claim(tx, now_ms, 4):
        tx.delete(contents.attempt.key(*entry.tie))
    stored = tx.get(contents.attempt.key(attempt_id))
    if stored is None:
        return None
    attempt = Attempt.decode(stored)
    messages = []
    for sequence, receive_count in zip(attempt.sequences, attempt.receive_counts):
        message = find_message(tx, contents, sequence)
        if message is None or message.receive_count != receive_count or message.visible_at_ms <= now_ms:
            return None
        messages.append(message)
    for message in messages:
        engine.change_visibility(tx, queue, contents, message, now_ms + visibility_ms)
    return messages
