"""What SQS stores."""

from typing import Any

from cloudlet.kit.arn import arn
from cloudlet.kit.record import Record, decoded_once
from cloudlet.services.sqs import rules


class Queue(Record, frozen=True):
    id: str
    name: str
    account: str
    region: str
    data_id: str  # where its messages are; another after a purge
    attributes: dict[str, str]  # as set by the caller; rules.DEFAULTS fill the rest
    created_ms: int
    modified_ms: int
    tags: dict[str, str] = {}
    purged_ms: int = 0

    @property
    def arn(self) -> str:
        return arn("sqs", self.region, self.account, self.name)

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(".fifo")

    def setting(self, name: str) -> str:
        """An attribute's value, set or default; "" for what has neither."""
        value = self.attributes.get(name)
        return value if value is not None else rules.DEFAULTS.get(name) or rules.FIFO_DEFAULTS.get(name, "")

    def setting_ms(self, name: str) -> int:
        return 1000 * int(self.setting(name))


decode_queue = decoded_once(Queue, 1024, 16 << 10)  # a queue's policy may be long


class Message(Record, frozen=True):
    id: str
    sequence: int
    body: str
    sent_ms: int
    sender_id: str
    visible_at_ms: int
    attributes: dict[str, dict[str, Any]] = {}  # the caller's, in AWS's form
    trace_header: str | None = None
    receive_count: int = 0
    first_received_ms: int = 0
    is_delayed: bool = False  # counted and indexed as delayed
    is_in_flight: bool = False  # counted and indexed as in flight (its time may be over)
    group: str | None = None
    dedup_id: str | None = None
    dead_letter_source: str | None = None  # ARN of the queue it came from


class Group(Record, frozen=True):
    """One message group of a FIFO queue. Available when its first message is visible."""

    head: int  # the sequence of its first message
    indexed_ms: int  # with `head`, where it stands in `groups`


class Dedup(Record, frozen=True):
    message_id: str
    sequence: int
    forgotten_at_ms: int


class Attempt(Record, frozen=True):
    """A FIFO receive whose answer may have been lost: repeated with the same id, it answers the same."""

    sequences: list[int]
    receive_counts: list[int]
    until_ms: int


class MoveTask(Record, frozen=True):
    id: str
    source: str  # queue names
    destination: str | None  # None: back to where each message came from
    destination_arn: str | None
    started_ms: int
    status: str  # RUNNING COMPLETED CANCELLING CANCELLED FAILED
    moved: int = 0
    to_move: int = 0
    per_second_max: int | None = None
    failure_reason: str | None = None
