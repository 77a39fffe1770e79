"""SQS against a small model: two queues, one the other's dead-letter queue; clock jumps, refused writes, power cuts.

After every step both must tell the same. A call that the power cut off from its answer happened wholly or not at all:
both possibilities are kept as models, until the next receive shows which one it was.
"""

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.simulation.crashing_node import CrashingNode
from tests.simulation.driver import Tell, simulate
from tests.simulation.sqs_model import ModelMessage, ModelQueue

ACCOUNT = "000000000000"
VISIBILITY_S, RECEIVES_MAX = 30, 3
RETENTION_S, DEAD_RETENTION_S = 900, 3600
FORGOTTEN_WITHIN_MS = 61_000
JUMPS_S = (0.25, 1, 5, 29.999, 30, 31, 61, 240, 299.999, 300, 301, 899, 901)


class Simulation:
    def __init__(self, chance: Random, tell: Tell, is_fifo: bool) -> None:
        self.tell, self.is_fifo = tell, is_fifo
        self.suffix = ".fifo" if is_fifo else ""
        self.world = CrashingNode("sqs")
        self.delay_ms = chance.choice((0, 0, 7000)) if is_fifo else 0
        dead = ModelQueue("dead", is_fifo, 1000 * DEAD_RETENTION_S)
        self.queues = {"dead": dead, "q": ModelQueue("q", is_fifo, 1000 * RETENTION_S, RECEIVES_MAX, dead)}
        self._create("dead", MessageRetentionPeriod=str(DEAD_RETENTION_S))
        redrive = json.dumps({"deadLetterTargetArn": self._arn("dead"), "maxReceiveCount": RECEIVES_MAX})
        self._create("q", RedrivePolicy=redrive, MessageRetentionPeriod=str(RETENTION_S),
                     DelaySeconds=str(self.delay_ms // 1000))  # fmt: skip
        self.sent = 0
        self.swept_ms = 0

    def _create(self, name: str, **attributes: str) -> None:
        fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if self.is_fifo else {}
        self.world.aws("sqs", "CreateQueue", QueueName=name + self.suffix, Attributes=attributes | fifo)

    def _arn(self, name: str) -> str:
        return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}{self.suffix}"

    def _url(self, name: str) -> str:
        return f"http://127.0.0.1:4566/{ACCOUNT}/{name}{self.suffix}"

    def step(self, chance: Random) -> None:
        actions = (self.send, self.send_batch, self.receive, self.delete, self.change, self.redrive)
        faults = (self.cut, self.cut_sending, self.cut_receiving, self.cut_in_time, self.refuse)
        weights = (10, 2, 12, 6, 4, 1, 5, 1, 1, 1, 1, 1)
        action = chance.choices((*actions, self.pass_time, *faults), weights)[0]
        action(chance)
        if chance.random() < 0.2:
            assert self._may_be_counted(self.queues)

    # ── what a client does ────────────────────────────────────────────────────────────────────────────────────────

    def _new(self, chance: Random) -> tuple[dict[str, Any], ModelMessage]:
        """The request's members and the message they make."""
        repeats = self.is_fifo and self.sent and chance.random() < 0.3
        body = str(max(0, self.sent - chance.randrange(1, 6)) if repeats else self.sent)
        self.sent += not repeats
        request: dict[str, Any] = {"MessageBody": body}
        delay_ms, group, dedup_id = self.delay_ms, "", ""
        if self.is_fifo:
            request["MessageGroupId"] = group = chance.choice("abc")
            request["MessageDeduplicationId"] = dedup_id = f"d{body}"
        else:
            delay_ms = chance.choice((0, 0, 5000))
            request["DelaySeconds"] = delay_ms // 1000
        now_ms = self.world.now_ms
        return request, ModelMessage("", body, now_ms, now_ms + delay_ms, group, dedup_id)

    def send(self, chance: Random) -> None:
        request, message = self._new(chance)
        self.tell(f"send {request}")
        message.id = self.world.aws("sqs", "SendMessage", QueueUrl=self._url("q"), **request)["MessageId"]
        self.queues["q"].send(message)

    def send_batch(self, chance: Random) -> None:
        new = [self._new(chance) for _ in range(chance.randint(2, 5))]
        self.tell(f"send together {[request for request, _ in new]}")
        entries = [{"Id": str(number), **request} for number, (request, _) in enumerate(new)]
        answer = self.world.aws("sqs", "SendMessageBatch", QueueUrl=self._url("q"), Entries=entries)
        assert len(answer["Successful"]) == len(new)
        for told, (_, message) in zip(answer["Successful"], new):
            message.id = told["MessageId"]
            self.queues["q"].send(message)

    def receive(self, chance: Random) -> None:
        self._receive(chance.choice(("q", "q", "q", "dead")), chance.randint(1, 10), chance.choice((5, VISIBILITY_S)))

    def _receive(self, name: str, limit: int, visibility_s: int) -> None:
        told = self._ask(name, limit, visibility_s)
        self.tell(f"receive {limit} of {name}: {[message['Body'] for message in told]}")
        expected = self.queues[name].receive(limit, 1000 * visibility_s, self.world.now_ms)
        assert [_seen(message) for message in told] == [_expected(message) for message in expected]
        for message, model in zip(told, expected):
            assert model.id in ("", message["MessageId"]), f"{model.body} is another message now"
            model.id, model.handle = message["MessageId"], message["ReceiptHandle"]

    def _ask(self, name: str, limit: int, visibility_s: int) -> list[dict[str, Any]]:
        wanted = {"MaxNumberOfMessages": limit, "VisibilityTimeout": visibility_s, "AttributeNames": ["All"]}
        return self.world.aws("sqs", "ReceiveMessage", QueueUrl=self._url(name), **wanted).get("Messages", [])

    def _in_flight(self, chance: Random) -> tuple[str, ModelMessage] | None:
        now_ms = self.world.now_ms
        held = [
            (name, message)
            for name, queue in self.queues.items()
            for message in queue.messages
            if message.handle and message.visible_ms > now_ms and message.sent_ms + queue.retention_ms > now_ms
        ]
        return chance.choice(held) if held else None

    def delete(self, chance: Random) -> None:
        found = self._in_flight(chance)
        if found is not None:
            name, message = found
            self.tell(f"delete {message.body} of {name}")
            self.world.aws("sqs", "DeleteMessage", QueueUrl=self._url(name), ReceiptHandle=message.handle)
            self.queues[name].messages.remove(message)

    def change(self, chance: Random) -> None:
        found = self._in_flight(chance)
        if found is not None:
            (name, message), seconds = found, chance.choice((0, 10, 60))
            self.tell(f"hide {message.body} of {name} for {seconds} s")
            parameters = {"ReceiptHandle": message.handle, "VisibilityTimeout": seconds}
            self.world.aws("sqs", "ChangeMessageVisibility", QueueUrl=self._url(name), **parameters)
            message.visible_ms = self.world.now_ms + 1000 * seconds

    def redrive(self, chance: Random) -> None:
        """Back from the dead: a hundred at a time, until a step finds fewer."""
        self.tell("redrive")
        self.world.aws("sqs", "StartMessageMoveTask", SourceArn=self._arn("dead"))
        self.world.node.settle()
        while self.queues["dead"].redrive(self.queues["q"], 100, self.world.now_ms) == 100:
            pass
        (task,) = self.world.aws("sqs", "ListMessageMoveTasks", SourceArn=self._arn("dead"))["Results"]
        assert task["Status"] == "COMPLETED"

    # ── what happens to it ────────────────────────────────────────────────────────────────────────────────────────

    def pass_time(self, chance: Random) -> None:
        self._pass(chance.choice(JUMPS_S))

    def _pass(self, seconds: float) -> None:
        self.tell(f"{seconds} s pass")
        self.world.advance(seconds)
        self._forget()
        if self.is_fifo:
            self._sweep()  # a message that is in flight past its age holds up its group until it is swept

    def _forget(self) -> None:
        now_ms = self.world.now_ms
        for queue in self.queues.values():
            ends = [end for message in queue.messages if (end := message.sent_ms + queue.retention_ms) <= now_ms]
            self.swept_ms = max([self.swept_ms, *(end + FORGOTTEN_WITHIN_MS for end in ends)])
            queue.forget(now_ms)

    def _sweep(self) -> None:
        """Let time pass until the node, too, has forgotten all that is past its age."""
        while self.world.now_ms < self.swept_ms:
            self.world.advance(FORGOTTEN_WITHIN_MS / 1000)
            self._forget()

    def cut(self, chance: Random) -> None:
        self.tell("power cut")
        self.world.power_cut(chance)

    def cut_in_time(self, chance: Random) -> None:
        seconds = chance.choice(JUMPS_S)
        self.tell(f"power cut while {seconds} s pass")
        self.world.cut_while_time_passes(chance, seconds)
        self._pass(0.001)

    def cut_sending(self, chance: Random) -> None:
        self._sweep()
        request, message = self._new(chance)
        self.tell(f"power cut while sending {request}")
        self._maybe(
            self.world.cut_while_answering(chance, "sqs", "SendMessage", QueueUrl=self._url("q"), **request),
            lambda queues: queues["q"].send(copy.copy(message)),
        )

    def cut_receiving(self, chance: Random) -> None:
        limit = chance.randint(1, 10)
        self._sweep()
        self.tell(f"power cut while receiving {limit}")
        wanted = {"MaxNumberOfMessages": limit, "VisibilityTimeout": VISIBILITY_S}

        def receive(queues: dict[str, ModelQueue]) -> None:
            for message in queues["q"].receive(limit, 1000 * VISIBILITY_S, self.world.now_ms):
                message.handle = ""

        self._maybe(
            self.world.cut_while_answering(chance, "sqs", "ReceiveMessage", QueueUrl=self._url("q"), **wanted),
            receive,
        )

    def _maybe(self, answered: bool, happen: Callable[[dict[str, ModelQueue]], Any]) -> None:
        """It happened, or it didn't: what the next receive shows, and how many there are, tells which."""
        changed = copy.deepcopy(self.queues)
        happen(changed)
        possible = [changed] if answered else [self.queues, changed]
        possible = [queues for queues in possible if self._may_be_counted(queues)]
        told = [_seen(message) for message in self._ask("q", 10, 5)]
        fitting = []
        for queues in possible:
            expected = queues["q"].receive(10, 5000, self.world.now_ms)
            for message in expected:
                message.handle = ""  # not kept: nobody deletes it with this one
            if [_expected(message) for message in expected] == told:
                fitting.append(queues)
        assert fitting, f"neither happened nor not: {told}, {self._told_count('q')}"
        self.queues = fitting[0]

    def refuse(self, chance: Random) -> None:
        request, message = self._new(chance)
        answered = self.world.refuse_once(chance, "sqs", "SendMessage", QueueUrl=self._url("q"), **request)
        self.tell(f"a refused write: send {request}: {answered}")
        if answered:
            self.queues["q"].send(message)

    # ── what must hold ────────────────────────────────────────────────────────────────────────────────────────────

    def _told_count(self, name: str) -> int:
        answer = self.world.aws("sqs", "GetQueueAttributes", QueueUrl=self._url(name), AttributeNames=["All"])
        names = ("", "NotVisible", "Delayed")
        return sum(int(answer["Attributes"][f"ApproximateNumberOfMessages{name}"]) for name in names)

    def _may_be_counted(self, queues: dict[str, ModelQueue]) -> bool:
        """Each message is counted once, whatever state it is in; those past their age until they are swept (in a
        standard dead-letter queue: until they come to the front)."""
        for name, queue in queues.items():
            told, count = self._told_count(name), len(queue.messages)
            is_swept = self.world.now_ms >= self.swept_ms and (name == "q" or self.is_fifo)
            if told < count or (told > count and is_swept):
                return False
        return True

    def end(self) -> None:
        """Everything left comes out, in order, or has moved to the dead-letter queue; then that one's."""
        for name in ("q", "dead"):
            self._pass(70)
            for _ in range(200):
                self._receive(name, 10, VISIBILITY_S)
                held = [message for message in self.queues[name].messages if message.visible_ms > self.world.now_ms]
                for message in held:
                    self.world.aws("sqs", "DeleteMessage", QueueUrl=self._url(name), ReceiptHandle=message.handle)
                    self.queues[name].messages.remove(message)
                if not self.queues[name].messages:
                    break
            assert self.queues[name].messages == []
            assert not self._ask(name, 10, VISIBILITY_S)

    def close(self) -> None:
        self.world.close()


def _seen(message: dict[str, Any]) -> tuple:
    attributes = message["Attributes"]
    return (
        message["Body"],
        int(attributes["ApproximateReceiveCount"]),
        int(attributes["SentTimestamp"]),
        attributes.get("MessageGroupId", ""),
        attributes.get("MessageDeduplicationId", ""),
        attributes.get("DeadLetterQueueSourceArn", "").rpartition(":")[2].removesuffix(".fifo") or None,
    )


def _expected(message: ModelMessage) -> tuple:
    return message.body, message.receives, message.sent_ms, message.group, message.dedup_id, message.source


@pytest.mark.parametrize("is_fifo", [False, True], ids=["standard", "fifo"])
def test_the_queue_does_what_its_model_does(is_fifo: bool) -> None:
    simulate(lambda chance, tell: Simulation(chance, tell, is_fifo), steps=1500, run_steps=250)
