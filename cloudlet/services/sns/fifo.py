"""What a FIFO topic adds: sequence numbers, and messages with the same deduplication id sent once.

https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html
"""

import hashlib

from cloudlet.services.sns import rules
from cloudlet.services.sns.keys import Keys
from cloudlet.services.sns.records import Dedup, Message, Topic
from cloudlet.store.transaction import Tx

FORGOTTEN_PER_PUBLISH = 4  # more than a publish adds


def next_sequence(tx: Tx, keys: Keys, topic: Topic) -> int:
    key = keys.sequence.key(topic.id)
    sequence = int(tx.get(key) or 0) + 1
    tx.put(key, b"%d" % sequence)
    return sequence


def content_dedup_id(body: str) -> str:
    """The SHA-256 of the body, not of its attributes."""
    return hashlib.sha256(body.encode()).hexdigest()


def find_duplicate(tx: Tx, keys: Keys, topic: Topic, message: Message, now_ms: int) -> Dedup | None:
    """The message published with the same deduplication id within five minutes; otherwise remembers this one."""
    by_group = topic.attributes.get("FifoThroughputScope") == "MessageGroup"
    scope = (message.group or "") if by_group else ""
    assert message.dedup_id is not None, "a FIFO topic's message has a deduplication id"
    forgotten = keys.dedup_end(topic.id)
    for entry in forgotten.claim(tx, now_ms, FORGOTTEN_PER_PUBLISH):
        key = keys.dedup.key(topic.id, *entry.tie)
        stored = tx.get(key)
        if stored and Dedup.decode(stored).forgotten_at_ms <= now_ms:  # else: remembered anew since
            tx.delete(key)
    key = keys.dedup.key(topic.id, scope, message.dedup_id)
    stored = tx.get(key)
    if stored and (known := Dedup.decode(stored)).forgotten_at_ms > now_ms:
        return known
    remembered = Dedup(message.id, message.sequence, now_ms + rules.DEDUP_MS)
    tx.put(key, remembered.encode())
    forgotten.put(tx, remembered.forgotten_at_ms, (scope, message.dedup_id))
    return None
