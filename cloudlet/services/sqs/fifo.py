"""Order within message groups, and deduplication: what a FIFO queue adds.

A group is available when the first of its messages is visible: while that one is in flight (or delayed) nothing of the
group is given out. `groups` holds each group once, at its first message's moment, so the oldest available group is
found without looking at the others.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

import hashlib
import itertools

from cloudlet.kit import page
from cloudlet.services.sqs import rules
from cloudlet.services.sqs.keys import Contents
from cloudlet.services.sqs.lookup import require_message
from cloudlet.services.sqs.records import Dedup, Group, Message, Queue
from cloudlet.store.transaction import Tx

FORGOTTEN_PER_SEND = 4  # deduplication entries cleared away by each send: more than a send adds


def join(tx: Tx, contents: Contents, message: Message) -> None:
    """Add a new message at the end of its group."""
    assert message.group is not None, "a FIFO queue's message has a group"
    tx.put(contents.member.key(message.group, message.sequence), b"")
    if tx.get(contents.group.key(message.group)) is None:
        _index(tx, contents, message.group, message)


def leave(tx: Tx, contents: Contents, message: Message) -> None:
    """Take a deleted message out of its group."""
    assert message.group is not None, "a FIFO queue's message has a group"
    tx.delete(contents.member.key(message.group, message.sequence))
    reindex(tx, contents, message.group)


def reindex(tx: Tx, contents: Contents, name: str) -> None:
    """Put the group where its first message now says."""
    stored = tx.get(contents.group.key(name))
    if stored is None:
        return
    group = Group.decode(stored)
    contents.groups.remove(tx, group.indexed_ms, (group.head,))
    members = _members(tx, contents, name, group.head, 1)
    if not members:
        tx.delete(contents.group.key(name))
    else:
        _index(tx, contents, name, members[0])


def _index(tx: Tx, contents: Contents, name: str, first: Message) -> None:
    group = Group(head=first.sequence, indexed_ms=first.visible_at_ms)
    tx.put(contents.group.key(name), group.encode())
    contents.groups.put(tx, group.indexed_ms, (group.head,), name.encode())


def _members(tx: Tx, contents: Contents, name: str, head: int, limit: int) -> list[Message]:
    begin, (_, end) = contents.member.key(name, head), contents.member.range(name)
    rows = page.first(tx, begin, end, limit)
    return [require_message(tx, contents, contents.member.unpack(key)[1]) for key, _ in rows]


def available(tx: Tx, contents: Contents, limit: int, now_ms: int) -> list[Message]:
    """Visible messages, oldest group first, as many of one group as there are before going to the next."""
    found: list[Message] = []
    for entry in contents.groups.due(tx, now_ms, limit):
        name = entry.value.decode()
        (head,) = entry.tie
        members = _members(tx, contents, name, head, limit - len(found))
        found += itertools.takewhile(lambda message: not (message.is_in_flight or message.is_delayed), members)
        if len(found) == limit:
            break
    return found


def find_duplicate(tx: Tx, contents: Contents, queue: Queue, message: Message, now_ms: int) -> Dedup | None:
    """The message sent with the same deduplication id within five minutes, if any; otherwise remembers this one."""
    scope = (message.group or "") if queue.setting("DeduplicationScope") == "messageGroup" else ""
    assert message.dedup_id is not None, "a FIFO queue's message has a deduplication id"
    for entry in contents.dedup_end.claim(tx, now_ms, FORGOTTEN_PER_SEND):
        _forget(tx, contents, entry.tie, now_ms)
    key = contents.dedup.key(scope, message.dedup_id)
    stored = tx.get(key)
    if stored and (known := Dedup.decode(stored)).forgotten_at_ms > now_ms:
        return known
    remembered = Dedup(message.id, message.sequence, now_ms + rules.DEDUP_MS)
    tx.put(key, remembered.encode())
    contents.dedup_end.put(tx, remembered.forgotten_at_ms, (scope, message.dedup_id))
    return None


def _forget(tx: Tx, contents: Contents, tie: tuple, now_ms: int) -> None:
    stored = tx.get(contents.dedup.key(*tie))
    if stored and Dedup.decode(stored).forgotten_at_ms <= now_ms:  # else: remembered anew since
        tx.delete(contents.dedup.key(*tie))


def content_dedup_id(body: str) -> str:
    """What ContentBasedDeduplication uses: the SHA-256 of the body, not of its attributes."""
    return hashlib.sha256(body.encode()).hexdigest()


def sequence_number(sequence: int) -> str:
    """As AWS shows it: 20 digits, increasing."""
    return str(10**19 + sequence)
