"""SQS against a small model: seeded random operations, clock jumps, failing writes, crashes and reopenings.

The model keeps messages in a list and looks at all of them each time; the node keeps indexes. After every step both
must tell the same. A failure prints its seed: CLOUDLET_SEED=7 repeats it.
"""

import os
import random
from dataclasses import dataclass, field

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.store.database import Database
from tests.client import TestNode

SEEDS = [int(os.environ["CLOUDLET_SEED"])] if "CLOUDLET_SEED" in os.environ else list(range(8))
STEPS = int(os.environ.get("CLOUDLET_STEPS", "250"))
VISIBILITY_MS = 30_000
RECEIVES_MAX = 3
RETENTION_MS = 1_209_600_000  # none expires: expired messages leave lazily, so batches would be cut elsewhere
ACCOUNT = "000000000000"


@dataclass
class ModelMessage:
    body: str
    sent_ms: int
    visible_ms: int
    group: str
    receives: int = 0
    handle: str = ""


@dataclass
class ModelQueue:
    """A queue as AWS describes it, without any index."""

    is_fifo: bool
    messages: list[ModelMessage] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)  # deduplication: body → when

    def send(self, body: str, group: str, delay_ms: int, now_ms: int) -> None:
        if self.is_fifo:
            if now_ms - self.seen.get(body, -(10**9)) < 300_000:
                return
            self.seen[body] = now_ms
        self.messages.append(ModelMessage(body, now_ms, now_ms + delay_ms, group))

    def forget(self, now_ms: int) -> None:
        self.messages = [message for message in self.messages if message.sent_ms + RETENTION_MS > now_ms]

    def candidates(self, now_ms: int) -> list[ModelMessage]:
        visible = sorted(
            (message for message in self.messages if message.visible_ms <= now_ms),
            key=lambda message: (message.visible_ms, self.messages.index(message)),
        )
        if not self.is_fifo:
            return visible
        out: list[ModelMessage] = []
        groups = sorted(
            {message.group for message in self.messages},
            key=lambda group: (self._head(group).visible_ms, self.messages.index(self._head(group))),
        )
        for group in groups:
            for message in self.messages:
                if message.group == group:
                    if message.visible_ms > now_ms:
                        break
                    out.append(message)
        return out

    def _head(self, group: str) -> ModelMessage:
        return next(message for message in self.messages if message.group == group)

    def receive(self, limit: int, now_ms: int) -> list[ModelMessage]:
        while dead := [message for message in self.candidates(now_ms)[:limit] if message.receives >= RECEIVES_MAX]:
            for message in dead:
                self.messages.remove(message)
                self.dead.append(message.body)
        taken = self.candidates(now_ms)[:limit]
        for message in taken:
            message.receives += 1
            message.visible_ms = now_ms + VISIBILITY_MS
        return taken


class Simulation:
    def __init__(self, seed: int, is_fifo: bool) -> None:
        self.chance = random.Random(seed)
        self.suffix = ".fifo" if is_fifo else ""
        self.model = ModelQueue(is_fifo)
        self.node = TestNode(Database.open(None, run_twice=True))
        dead = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if is_fifo else {}
        self.node.aws("sqs", "CreateQueue", QueueName="dead" + self.suffix, Attributes=dead)
        policy = (
            f'{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:{ACCOUNT}:dead{self.suffix}",'
            f'"maxReceiveCount":{RECEIVES_MAX}}}'
        )
        attributes = dead | {"RedrivePolicy": policy, "MessageRetentionPeriod": str(RETENTION_MS // 1000)}
        self.url = self.node.aws("sqs", "CreateQueue", QueueName="q" + self.suffix, Attributes=attributes)["QueueUrl"]
        self.sent = 0

    @property
    def now_ms(self) -> int:
        return self.node.clock.now_ms()

    def step(self) -> str:
        action = self.chance.choices(
            (self.send, self.receive, self.delete, self.change, self.pass_time, self.fail_a_write), (8, 8, 5, 3, 3, 1)
        )[0]
        action()
        return action.__name__

    def send(self) -> None:
        repeats = self.model.is_fifo and self.sent and self.chance.random() < 0.2
        body = str(self.chance.randrange(self.sent) if repeats else self.sent)
        self.sent += not repeats
        group = self.chance.choice("abc")
        delay_s = 0 if self.model.is_fifo else self.chance.choice((0, 0, 5))
        more = {"MessageGroupId": group} if self.model.is_fifo else {"DelaySeconds": delay_s}
        self.node.aws("sqs", "SendMessage", QueueUrl=self.url, MessageBody=body, **more)
        self.model.send(body, group, 1000 * delay_s, self.now_ms)

    def receive(self) -> None:
        limit = self.chance.randint(1, 10)
        answer = self.node.aws("sqs", "ReceiveMessage", QueueUrl=self.url, MaxNumberOfMessages=limit)
        messages = answer.get("Messages", [])
        expected = self.model.receive(limit, self.now_ms)
        assert [message["Body"] for message in messages] == [message.body for message in expected]
        for message, model in zip(messages, expected):
            model.handle = message["ReceiptHandle"]

    def _in_flight(self) -> ModelMessage | None:
        held = [message for message in self.model.messages if message.handle and message.visible_ms > self.now_ms]
        return self.chance.choice(held) if held else None

    def delete(self) -> None:
        message = self._in_flight()
        if message is not None:
            self.node.aws("sqs", "DeleteMessage", QueueUrl=self.url, ReceiptHandle=message.handle)
            self.model.messages.remove(message)

    def change(self) -> None:
        message = self._in_flight()
        if message is not None:
            seconds = self.chance.choice((0, 10, 60))
            parameters = {"ReceiptHandle": message.handle, "VisibilityTimeout": seconds}
            self.node.aws("sqs", "ChangeMessageVisibility", QueueUrl=self.url, **parameters)
            message.visible_ms = self.now_ms + 1000 * seconds

    def pass_time(self) -> None:
        self.node.advance(self.chance.choice((1, 5, 31, 301)))
        self.model.forget(self.now_ms)

    def fail_a_write(self) -> None:
        """An engine that refuses one write: the caller gets an error, and nothing of it is there."""
        engine = self.node.node.database.engine
        write = engine.write

        def refuse(changes):
            engine.write = write
            raise OSError("injected")

        engine.write = refuse
        try:
            with pytest.raises(AwsError):
                more = {"MessageGroupId": "a"} if self.model.is_fifo else {}
                self.node.aws("sqs", "SendMessage", QueueUrl=self.url, MessageBody="never", **more)
        finally:
            engine.write = write

    def check(self) -> None:
        """The node counts each message once, whatever state it is in."""
        attributes = self.node.aws("sqs", "GetQueueAttributes", QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        total = sum(int(attributes[f"ApproximateNumberOfMessages{name}"]) for name in ("", "NotVisible", "Delayed"))
        assert total == len(self.model.messages)

    def drain(self) -> None:
        """At the end everything left comes out, in order, or has moved to the dead-letter queue."""
        self.node.advance(3600)
        self.model.forget(self.now_ms)
        for _ in range(100):
            self.receive()
            for message in [message for message in self.model.messages if message.visible_ms > self.now_ms]:
                self.node.aws("sqs", "DeleteMessage", QueueUrl=self.url, ReceiptHandle=message.handle)
                self.model.messages.remove(message)
            if not self.model.messages:
                break
        assert self.model.messages == []
        assert not self.node.aws("sqs", "ReceiveMessage", QueueUrl=self.url)


@pytest.mark.parametrize("is_fifo", [False, True], ids=["standard", "fifo"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_queue_does_what_its_model_does(seed: int, is_fifo: bool, caplog: pytest.LogCaptureFixture) -> None:
    simulation = Simulation(seed, is_fifo)
    done: list[str] = []
    with simulation.node:
        try:
            for _ in range(STEPS):
                done.append(simulation.step())
                simulation.check()
            simulation.drain()
        except AssertionError as error:
            raise AssertionError(f"CLOUDLET_SEED={seed}, after {len(done)} steps ({done[-5:]}): {error}") from error
