"""SQS as its documentation describes it: lists of messages, looked through from the front each time.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
"""

from dataclasses import dataclass, field
from unittest.mock import ANY

DEDUPLICATION_MS = 300_000


@dataclass
class ModelMessage:
    id: str  # "" until a receive tells it: nobody was answered when it was sent
    body: str
    sent_ms: int
    visible_ms: int
    group: str
    dedup_id: str
    receives: int = 0
    handle: str = ""
    source: str | None = None  # the queue it is a dead letter of


@dataclass
class ModelQueue:
    name: str
    is_fifo: bool
    retention_ms: int
    receives_max: int | None = None
    dead: "ModelQueue | None" = None
    messages: list[ModelMessage] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)  # deduplication id → when it was sent first

    def send(self, message: ModelMessage) -> bool:
        """False: a duplicate, taken for sent."""
        if self.is_fifo:
            if message.sent_ms - self.seen.get(message.dedup_id, -(10**15)) < DEDUPLICATION_MS:
                return False
            self.seen[message.dedup_id] = message.sent_ms
        self.messages.append(message)
        return True

    def forget(self, now_ms: int) -> None:
        self.messages = [message for message in self.messages if message.sent_ms + self.retention_ms > now_ms]

    def receive(self, limit: int, visibility_ms: int, now_ms: int) -> list[ModelMessage]:
        """Messages received too often go to the dead-letter queue instead of being given out."""
        self.forget(now_ms)
        while dead := [message for message in self._visible(now_ms)[:limit] if self._is_dead(message)]:
            for message in dead:
                self._bury(message, now_ms)
        taken = self._visible(now_ms)[:limit]
        for message in taken:
            message.receives += 1
            message.visible_ms = now_ms + visibility_ms
        return taken

    def _is_dead(self, message: ModelMessage) -> bool:
        return self.receives_max is not None and message.receives >= self.receives_max

    def _bury(self, message: ModelMessage, now_ms: int) -> None:
        """A FIFO queue's dead letter counts its age anew, and its deduplication id is then the message's own id."""
        assert self.dead is not None
        self.messages.remove(message)
        message.visible_ms, message.source = now_ms, self.name
        if self.is_fifo:
            message.sent_ms, message.dedup_id = now_ms, message.id or ANY
        self.dead.messages.append(message)

    def redrive(self, target: "ModelQueue", limit: int, now_ms: int) -> int:
        """Move visible messages back, the oldest first: new messages, with a new id and time."""
        moved = self.receive(limit, 0, now_ms)
        for message in moved:
            self.messages.remove(message)
            message.id, message.receives, message.source = "", 0, None
            message.sent_ms = message.visible_ms = now_ms
            target.messages.append(message)
        return len(moved)

    def _visible(self, now_ms: int) -> list[ModelMessage]:
        visible = [message for message in self.messages if message.visible_ms <= now_ms]
        if not self.is_fifo:
            return sorted(visible, key=lambda message: message.visible_ms)
        heads: dict[str, ModelMessage] = {}
        for message in self.messages:
            heads.setdefault(message.group, message)
        return [
            message
            for head in sorted(heads.values(), key=lambda head: head.visible_ms)
            for message in self._until_hidden(head.group, now_ms)
        ]

    def _until_hidden(self, group: str, now_ms: int) -> list[ModelMessage]:
        """A group's messages in order, up to the first that is in flight or delayed: it holds up the rest."""
        found = []
        for message in self.messages:
            if message.group == group:
                if message.visible_ms > now_ms:
                    break
                found.append(message)
        return found
