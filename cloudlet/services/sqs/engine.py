"""What a queue does: (tx, keys, …, now_ms) to values. No wire types, no clock, no waiting.

A standard queue's message is in exactly one of three due-indexes: delayed, ready, in flight. Delays and visibility
timeouts that have ended are carried over to `ready` by the next receive (`release`). FIFO queues order by group:
fifo.py.
"""

from cloudlet.kit.record import replace
from cloudlet.services.sqs import errors, fifo, rules
from cloudlet.services.sqs.keys import Contents, Keys
from cloudlet.services.sqs.lookup import find_queue, next_sequence, put_message, require_message
from cloudlet.services.sqs.records import Message, Queue
from cloudlet.store.transaction import Tx

RELEASED_MAX = 1000  # per receive; more are carried over by the next
LOOKS_MAX = 20  # one receive steps over expired and dead-lettered messages so many times; the next goes on


def send(tx: Tx, keys: Keys, queue: Queue, message: Message, now_ms: int) -> None:
    """Store a new message. Of a FIFO queue's, fifo.find_duplicate was asked before."""
    contents, is_fifo = keys.of(queue.data_id), queue.is_fifo
    is_delayed = message.visible_at_ms > now_ms
    if is_delayed != message.is_delayed:
        message = replace(message, is_delayed=is_delayed)
    put_message(tx, contents, message)
    if is_delayed:
        contents.delayed.put(tx, message.visible_at_ms, (message.sequence,))
    elif not is_fifo:
        contents.ready.put(tx, message.visible_at_ms, (message.sequence,))
    contents.tally.add(tx, message.sequence, 0 if is_delayed else 1, 0, 1 if is_delayed else 0)
    if is_fifo:
        fifo.join(tx, contents, message)


def receive(tx: Tx, keys: Keys, queue: Queue, limit: int, visibility_ms: int, now_ms: int) -> list[Message]:
    """Take up to `limit` visible messages, hiding each for `visibility_ms`; dead letters move on the way."""
    contents = keys.of(queue.data_id)
    release(tx, queue, contents, now_ms)
    _, in_flight, _ = contents.tally.values(tx)
    if in_flight >= rules.IN_FLIGHT_MAX:
        if queue.is_fifo:
            return []
        raise errors.OverLimit()
    taken: list[Message] = []
    for _ in range(LOOKS_MAX):
        wanted = limit - len(taken)
        found = fifo.available(tx, contents, wanted, now_ms) if queue.is_fifo else _ready(tx, contents, wanted, now_ms)
        kept = [message for message in found if not _leaves(tx, keys, queue, contents, message, now_ms)]
        if queue.is_fifo and len(kept) < len(found):
            continue  # who left made room for others of its group: look again before hiding its first
        taken += [_hide(tx, queue, contents, message, visibility_ms, now_ms) for message in kept]
        if len(found) < wanted or len(taken) == limit:
            break
    return taken


def _leaves(tx: Tx, keys: Keys, queue: Queue, contents: Contents, message: Message, now_ms: int) -> bool:
    """Whether a candidate is not to be received: too old, or received too often; then it is gone or has moved."""
    if _is_expired(queue, message, now_ms):
        _discard(tx, queue, contents, message)
        return True
    return _moves_to_dead_letters(tx, keys, queue, contents, message, now_ms)


def _ready(tx: Tx, contents: Contents, limit: int, now_ms: int) -> list[Message]:
    """A standard queue's ready messages, soonest first, taken out of `ready`."""
    return [require_message(tx, contents, entry.tie[0]) for entry in contents.ready.claim(tx, now_ms, limit)]


def release(tx: Tx, queue: Queue, contents: Contents, now_ms: int) -> int:
    """Count (and, in standard queues, index) as ready what is no longer delayed or in flight; returns how many."""
    ended = [
        *contents.delayed.claim(tx, now_ms, RELEASED_MAX // 2),
        *contents.in_flight.claim(tx, now_ms, RELEASED_MAX // 2),
    ]
    for entry in ended:
        (sequence,) = entry.tie
        message = require_message(tx, contents, sequence)
        contents.tally.add(tx, sequence, 1, -message.is_in_flight, -message.is_delayed)
        put_message(tx, contents, replace(message, is_in_flight=False, is_delayed=False))
        if not queue.is_fifo:
            contents.ready.put(tx, entry.due_ms, (sequence,))
    return len(ended)


def next_visible_ms(tx: Tx, contents: Contents, now_ms: int) -> int | None:
    """When a hidden message will next be visible, if within a second or so."""
    moments = (contents.delayed.next_due(tx, now_ms), contents.in_flight.next_due(tx, now_ms))
    return min((moment for moment in moments if moment is not None), default=None)


def delete(tx: Tx, queue: Queue, contents: Contents, message: Message) -> None:
    """Remove a message wherever it stands."""
    _unindex(tx, queue, contents, message)
    _discard(tx, queue, contents, message, was_ready=not (message.is_delayed or message.is_in_flight))


def change_visibility(tx: Tx, queue: Queue, contents: Contents, message: Message, visible_at_ms: int) -> None:
    """Hide a received message until `visible_at_ms` (the past: show it at the next look)."""
    _unindex(tx, queue, contents, message)
    if not message.is_in_flight:
        contents.tally.add(tx, message.sequence, -1, 1, 0)
    message = replace(message, visible_at_ms=visible_at_ms, is_in_flight=True, is_delayed=False)
    put_message(tx, contents, message)
    contents.in_flight.put(tx, visible_at_ms, (message.sequence,))
    if queue.is_fifo:
        fifo.reindex(tx, contents, message.group or "")


def _hide(tx: Tx, queue: Queue, contents: Contents, message: Message, visibility_ms: int, now_ms: int) -> Message:
    """Mark a message that is in no index as received, now."""
    message = replace(
        message,
        receive_count=message.receive_count + 1,
        first_received_ms=message.first_received_ms or now_ms,
        visible_at_ms=now_ms + visibility_ms,
        is_in_flight=True,
    )
    put_message(tx, contents, message)
    contents.in_flight.put(tx, message.visible_at_ms, (message.sequence,))
    contents.tally.add(tx, message.sequence, -1, 1, 0)
    if queue.is_fifo:
        fifo.reindex(tx, contents, message.group or "")
    return message


def _unindex(tx: Tx, queue: Queue, contents: Contents, message: Message) -> None:
    if message.is_delayed:
        contents.delayed.remove(tx, message.visible_at_ms, (message.sequence,))
    elif message.is_in_flight:
        contents.in_flight.remove(tx, message.visible_at_ms, (message.sequence,))
    elif not queue.is_fifo:
        contents.ready.remove(tx, message.visible_at_ms, (message.sequence,))


def _discard(tx: Tx, queue: Queue, contents: Contents, message: Message, was_ready: bool = True) -> None:
    """Forget a message that stands in no index any more."""
    tx.delete(contents.message.key(message.sequence))
    contents.tally.add(tx, message.sequence, -was_ready, -message.is_in_flight, -message.is_delayed)
    if queue.is_fifo:
        fifo.leave(tx, contents, message)


def _is_expired(queue: Queue, message: Message, now_ms: int) -> bool:
    return message.sent_ms + queue.setting_ms("MessageRetentionPeriod") <= now_ms


def _moves_to_dead_letters(tx: Tx, keys: Keys, queue: Queue, contents: Contents, message: Message, now_ms: int) -> bool:
    """Move a message received too often to the queue's dead-letter queue; False where it stays."""
    policy = queue.attributes.get("RedrivePolicy")
    if not policy:
        return False
    arn, receive_count_max = rules.redrive_policy(policy)
    if message.receive_count < receive_count_max:
        return False
    target = find_queue(tx, keys, arn.rpartition(":")[2])
    if target is None or not rules.allows_redrive(target.attributes.get("RedriveAllowPolicy"), queue.arn):
        return False
    _discard(tx, queue, contents, message)
    bury(tx, keys, queue, target, message, now_ms)
    return True


def bury(tx: Tx, keys: Keys, source: Queue, target: Queue, message: Message, now_ms: int) -> None:
    """Put a message taken from `source` into its dead-letter queue `target`: same id and attributes.

    A standard queue keeps the time it was sent (so its retention counts from then); a FIFO queue starts anew, and takes
    the message's id as its deduplication id:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    message = replace(message, dead_letter_source=source.arn)
    if target.is_fifo:
        message = replace(message, sent_ms=now_ms, dedup_id=message.id)
    move(tx, keys, target, message, now_ms)


def move(tx: Tx, keys: Keys, target: Queue, message: Message, now_ms: int) -> None:
    """Put a message taken from another queue into `target`, visible."""
    sequence = next_sequence(tx, keys, target)
    moved = replace(message, sequence=sequence, visible_at_ms=now_ms, is_in_flight=False, is_delayed=False)
    send(tx, keys, target, moved, now_ms)
