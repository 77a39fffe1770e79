"""Queues: a standard one that is sent to and received from, a FIFO one whose groups keep their order."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.crash.subjects.subject import (
    BASE,
    VISIBILITY_S,
    Aws,
    Effect,
    Found,
    Worker,
    drained,
    group_of,
    missing,
    order_of,
    out_of_order,
    unasked,
)

PLAIN, FIFO = BASE + "plain", BASE + "ordered.fifo"
GROUPS = ("a", "b")


@dataclass
class Queues:
    sent: Effect = field(default_factory=Effect)
    deleted: Effect = field(default_factory=Effect)  # messages, by body
    ordered_sent: Effect = field(default_factory=Effect)  # "group-number"
    ordered_gone: Effect = field(default_factory=Effect)
    received: set[str] = field(default_factory=set)  # bodies that an answer showed, of both queues

    def furnish(self, aws: Aws) -> None:
        aws("sqs", "CreateQueue", QueueName="plain")
        aws("sqs", "CreateQueue", QueueName="ordered.fifo", Attributes={"FifoQueue": "true"})

    def works(self) -> list[Callable[[Worker], None]]:
        return [self.send, self.receive, self.order, self.take_ordered]

    def events(self) -> Effect:
        return Effect()

    def send(self, worker: Worker) -> None:
        bodies = [f"{worker.run}-{worker.number}-{part}" for part in range(worker.chance.choice((1, 1, 10)))]
        if len(bodies) == 1:
            worker.effect(self.sent, bodies, "sqs", "SendMessage", QueueUrl=PLAIN, MessageBody=bodies[0])
            return
        entries = [{"Id": str(part), "MessageBody": body} for part, body in enumerate(bodies)]
        worker.effect(self.sent, bodies, "sqs", "SendMessageBatch", QueueUrl=PLAIN, Entries=entries)

    def receive(self, worker: Worker) -> None:
        for body, handle in self._received(worker, PLAIN):
            worker.effect(self.deleted, [body], "sqs", "DeleteMessage", QueueUrl=PLAIN, ReceiptHandle=handle)

    def order(self, worker: Worker) -> None:
        group = worker.chance.choice(GROUPS)
        body = f"{group}-{len(self.ordered_sent.tried)}"
        worker.effect(self.ordered_sent, [body], "sqs", "SendMessage", QueueUrl=FIFO, MessageBody=body,
                      MessageGroupId=group, MessageDeduplicationId=body)  # fmt: skip

    def take_ordered(self, worker: Worker) -> None:
        for body, handle in self._received(worker, FIFO):
            gone = (order_of(other) for other in self.ordered_gone.tried if group_of(other) == group_of(body))
            if order_of(body) < max(gone, default=-1):
                worker.fail(f"message {body} came after a later one of its group")
            worker.effect(self.ordered_gone, [body], "sqs", "DeleteMessage", QueueUrl=FIFO, ReceiptHandle=handle)

    def _received(self, worker: Worker, queue: str) -> Iterator[tuple[str, str]]:
        answer = worker.aws("sqs", "ReceiveMessage", QueueUrl=queue, WaitTimeSeconds=1, VisibilityTimeout=VISIBILITY_S)
        for message in answer.get("Messages", ()):
            self.received.add(message["Body"])
            yield message["Body"], message["ReceiptHandle"]

    def violations(self, found: Found) -> Iterator[str]:
        bodies = Counter(drained(found.aws, PLAIN))
        yield from missing("message", self.sent.done - self.deleted.tried, set(bodies))
        yield from missing("received message", self.received & self.sent.tried - self.deleted.tried, set(bodies))
        yield from unasked("message", self.sent.tried - self.deleted.done, set(bodies))
        yield from (f"message {body} is there {count} times" for body, count in bodies.items() if count > 1)
        ordered = drained(found.aws, FIFO, deletes=True)
        kept = self.ordered_sent.tried - self.ordered_gone.tried
        yield from missing("message", self.ordered_sent.done & kept, set(ordered))
        yield from missing("received message", self.received & kept, set(ordered))
        yield from unasked("message", self.ordered_sent.tried - self.ordered_gone.done, set(ordered))
        yield from out_of_order(ordered, GROUPS, "the queue")
