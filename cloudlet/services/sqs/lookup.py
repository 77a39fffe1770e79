"""Reading and writing SQS's records, one by one."""

from cloudlet.kit import page
from cloudlet.services.sqs import errors, rules
from cloudlet.services.sqs.keys import Contents, Keys
from cloudlet.services.sqs.records import Message, Queue, decode_queue
from cloudlet.store.transaction import Tx


def find_queue(tx: Tx, keys: Keys, name: str) -> Queue | None:
    stored = tx.get(keys.queue_at(name))
    return decode_queue(stored) if stored else None


def require_queue(tx: Tx, keys: Keys, name: str) -> Queue:
    queue = find_queue(tx, keys, name)
    if queue is None:
        raise errors.QueueDoesNotExist()
    return queue


def put_queue(tx: Tx, keys: Keys, queue: Queue) -> None:
    tx.put(keys.queue.key(queue.name), queue.encode())


def next_sequence(tx: Tx, keys: Keys, queue: Queue) -> int:
    key = keys.sequence_of(queue.id)
    stored = tx.get(key)
    sequence = int(stored) + 1 if stored else 1
    tx.put(key, b"%d" % sequence)
    return sequence


def sources_of(tx: Tx, keys: Keys, name: str) -> list[str]:
    """The queues whose dead letters come to this one, by name; at most one more than MOVE_SOURCES_MAX."""
    rows = page.first(tx, *keys.source.range(name), rules.MOVE_SOURCES_MAX + 1)
    return [keys.source.unpack(key)[1] for key, _ in rows]


def find_message(tx: Tx, contents: Contents, sequence: int) -> Message | None:
    stored = tx.get(contents.message.key(sequence))
    return Message.decode(stored) if stored else None


def put_message(tx: Tx, contents: Contents, message: Message) -> None:
    tx.put(contents.message.key(message.sequence), message.encode())


def require_message(tx: Tx, contents: Contents, sequence: int) -> Message:
    """A message that an index says is there."""
    message = find_message(tx, contents, sequence)
    assert message is not None, f"message {sequence} is indexed but not stored"
    return message
