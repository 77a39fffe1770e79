"""A day's work at a steady pace, with data that comes and goes: every worker keeps only its last few things."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cloudlet.base.errors import AwsError
from tests.crash.node_process import DEAD, Client
from tests.crash.subjects.functions import CALL, Functions
from tests.crash.subjects.stacks import template
from tests.crash.subjects.subject import BASE, FUNCTION, SEEN, arn_of, policy, table

PER_SECOND = 8.0  # rounds of each worker
OBJECTS_KEPT, ITEMS_KEPT, NOTES_KEPT = 200, 2_000, 1_000
BUCKET, ITEMS, TOPIC = "steady", "items", "steady"
QUEUES = {name: BASE + name for name in ("plain", "ordered.fifo", "fanned0", "fanned1")}
SIZES = 100, 5_000, 90_000, 400_000
STACK_EVERY = 40  # rounds


@dataclass(frozen=True, slots=True)
class Timed:
    at_s: float  # since the load began
    ms: float


class SteadyLoad:
    """Threads, each with a connection of its own."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self.timed: list[Timed] = []  # of the time since somebody last took them away
        self.failures: list[str] = []
        self._connect, self._stop, self._begun = connect, threading.Event(), time.monotonic()
        self._stacks: list[str] = []
        works = (self._object, self._item, self._message, self._ordered, self._news, self._call, self._stack)
        self._threads = [threading.Thread(target=self._work, args=(work,)) for work in works]

    def furnish(self) -> None:
        with self._connect() as client:
            Functions().furnish(client.aws)
            client.aws("s3", "CreateBucket", Bucket=BUCKET)
            table(client.aws, ITEMS)
            client.aws("sns", "CreateTopic", Name=TOPIC)
            may = policy({"Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"})
            for name in QUEUES:
                fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
                client.aws("sqs", "CreateQueue", QueueName=name, Attributes={"Policy": may} | fifo)
                if name.startswith("fanned"):
                    client.aws(
                        "sns", "Subscribe", TopicArn=arn_of("sns", TOPIC), Protocol="sqs", Endpoint=arn_of("sqs", name)
                    )

    def start(self) -> None:
        self._begun = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def clear(self) -> None:
        """Delete all that was made, but what never grows."""
        with self._connect() as client:
            while keys := client.aws("s3", "ListObjectsV2", Bucket=BUCKET).get("Contents"):
                gone = {"Objects": [{"Key": one["Key"]} for one in keys]}
                client.aws("s3", "DeleteObjects", Bucket=BUCKET, Delete=gone)
            for name in (ITEMS, SEEN):
                client.aws("dynamodb", "DeleteTable", TableName=name)
            for url in QUEUES.values():
                client.aws("sqs", "DeleteQueue", QueueUrl=url)
            for name in self._stacks:
                client.aws("cloudformation", "DeleteStack", StackName=name)

    def _work(self, work: Callable[[Client, int], None]) -> None:
        number = 0
        with self._connect() as client:
            while not self._stop.is_set():
                number += 1
                begun = time.monotonic()
                try:
                    work(client, number)
                except (AwsError, *DEAD) as error:
                    self.failures.append(f"{work.__name__} {number}: {error!r}")
                    client.close()
                self._stop.wait(max(0.0, begun + 1 / PER_SECOND - time.monotonic()))

    def _ask(self, client: Client, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        begun = time.monotonic()
        answer = client.aws(service, operation, **parameters)
        ended = time.monotonic()
        self.timed.append(Timed(ended - self._begun, 1000 * (ended - begun)))
        return answer

    def _object(self, client: Client, number: int) -> None:
        key, body = f"object-{number}", b"%d " % number * (SIZES[number % len(SIZES)] // 8)
        self._ask(client, "s3", "PutObject", Bucket=BUCKET, Key=key, Body=body)
        assert self._ask(client, "s3", "GetObject", Bucket=BUCKET, Key=key)["Body"] == body.decode()
        if number > OBJECTS_KEPT:
            self._ask(client, "s3", "DeleteObject", Bucket=BUCKET, Key=f"object-{number - OBJECTS_KEPT}")

    def _item(self, client: Client, number: int) -> None:
        name = {"S": str(number % ITEMS_KEPT)}
        self._ask(client, "dynamodb", "PutItem", TableName=ITEMS, Item={"id": name, "body": {"S": "x" * 1000}})
        self._ask(client, "dynamodb", "GetItem", TableName=ITEMS, Key={"id": name}, ConsistentRead=True)

    def _message(self, client: Client, number: int) -> None:
        self._ask(client, "sqs", "SendMessage", QueueUrl=QUEUES["plain"], MessageBody="x" * 500)
        self._take(client, "plain")

    def _ordered(self, client: Client, number: int) -> None:
        self._ask(client, "sqs", "SendMessage", QueueUrl=QUEUES["ordered.fifo"], MessageBody="x" * 500,
                  MessageGroupId=str(number % 5), MessageDeduplicationId=str(number))  # fmt: skip
        self._take(client, "ordered.fifo")

    def _news(self, client: Client, number: int) -> None:
        self._ask(client, "sns", "Publish", TopicArn=arn_of("sns", TOPIC), Message="x" * 500)
        for name in QUEUES:
            if name.startswith("fanned"):
                self._take(client, name)

    def _take(self, client: Client, name: str) -> None:
        url = QUEUES[name]
        found = self._ask(client, "sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ())
        entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(found)]
        if entries:
            self._ask(client, "sqs", "DeleteMessageBatch", QueueUrl=url, Entries=entries)

    def _call(self, client: Client, number: int) -> None:
        payload = b'{"id": "%s%d"}' % (CALL.encode(), number % NOTES_KEPT)
        self._ask(client, "lambda", "Invoke", FunctionName=FUNCTION, InvocationType="Event", Payload=payload)

    def _stack(self, client: Client, number: int) -> None:
        if number % STACK_EVERY == 1:
            name = f"stack-{number}"
            self._ask(client, "cloudformation", "CreateStack", StackName=name, TemplateBody=template(name))
            self._stacks.append(name)
        elif number % STACK_EVERY == STACK_EVERY - 1 and self._stacks:
            self._ask(client, "cloudformation", "DeleteStack", StackName=self._stacks.pop())
