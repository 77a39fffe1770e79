"""What is measured: per line the requests, and what a right answer to each is.

A line lives as long as its server. `requests(run, count)` are those of one run, signed when they are made; `check`
looks at one answer; `finish` looks at what the whole run left behind.
"""

import hashlib
import random
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from bench import load
from bench.client import Client, WrongAnswer, decoded, shortened
from bench.load import Answer, Outcome, one
from bench.setting import Setting

VALUE_BYTES = 1024
READ_BACK = 50  # of what a run wrote, this many are read back afterwards
TABLE, BUCKET = "bench", "bench-objects"


class Line(Protocol):
    name: str
    comes_after: tuple[str, ...]  # lines it lives on
    is_tried: bool  # a short run beforehand warms it up and says how many requests to sign

    async def set_up(self) -> None: ...

    async def requests(self, run: str, count: int) -> list[bytes]: ...

    def check(self, answer: Answer) -> None: ...

    async def finish(self, outcome: Outcome) -> None: ...


class _Line:
    """What most lines do not need."""

    comes_after: tuple[str, ...] = ()
    is_tried = True

    def __init__(self, client: Client) -> None:
        self.client = client

    async def set_up(self) -> None:
        """Nothing to do first."""

    async def finish(self, outcome: Outcome) -> None:
        """Nothing to look at afterwards."""


def value_of(key: str) -> str:
    """1 KiB of text that only this key has."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return (digest * (VALUE_BYTES // len(digest) + 1))[:VALUE_BYTES]


def item_of(key: str) -> dict[str, Any]:
    return {"id": {"S": key}, "value": {"S": value_of(key)}, "number": {"N": str(len(key))}}


def _expect(is_right: bool, answer: Answer) -> None:
    if not is_right:
        raise WrongAnswer(f"HTTP {answer.status}: {shortened(answer.body)}")


async def _table(client: Client) -> None:
    """Make the table that lines share, unless another line has."""
    created = await one(
        client.server,
        client.dynamodb(
            "CreateTable",
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        ),
    )
    _expect(created.status == 200 or b"ResourceInUseException" in created.body, created)


async def _bucket(client: Client) -> None:
    created = await one(client.server, client.request("s3", "PUT", f"/{BUCKET}"))
    _expect(created.status == 200 or b"BucketAlreadyOwnedByYou" in created.body, created)


class PutItem(_Line):
    name = "PutItem"

    async def set_up(self) -> None:
        await _table(self.client)

    async def requests(self, run: str, count: int) -> list[bytes]:
        self._run = run
        dynamodb = self.client.dynamodb
        return [dynamodb("PutItem", TableName=TABLE, Item=item_of(f"{run}:{i}")) for i in range(count)]

    def check(self, answer: Answer) -> None:
        _expect(answer.status == 200 and decoded(answer) == {}, answer)

    async def finish(self, outcome: Outcome) -> None:
        for written in random.Random(1).sample(outcome.answers, min(READ_BACK, len(outcome.answers))):
            key = f"{self._run}:{written.request}"
            request = self.client.dynamodb("GetItem", TableName=TABLE, Key={"id": {"S": key}}, ConsistentRead=True)
            answer = await self.client.call(request)
            _expect(decoded(answer).get("Item") == item_of(key), answer)


class GetItem(_Line):
    """Reads at random from a table filled beforehand."""

    name = "GetItem"

    def __init__(self, client: Client, items: int) -> None:
        super().__init__(client)
        self._items = items
        self._asked: list[str] = []

    async def set_up(self) -> None:
        await _table(self.client)
        batches = [
            self.client.dynamodb(
                "BatchWriteItem",
                RequestItems={
                    TABLE: [{"PutRequest": {"Item": item_of(f"item:{i}")}} for i in range(first, first + 25)]
                },
            )
            for first in range(0, self._items, 25)
        ]
        outcome = await load.run(self.client.server, batches, 8, 120)
        if outcome.failure or len(outcome.answers) < len(batches):
            raise WrongAnswer(f"{self._items} items could not be loaded: {outcome.failure or 'too slow'}")
        for answer in outcome.answers:
            _expect(answer.status == 200 and not decoded(answer).get("UnprocessedItems"), answer)

    async def requests(self, run: str, count: int) -> list[bytes]:
        chosen = random.Random(run)
        self._asked = [f"item:{chosen.randrange(self._items)}" for _ in range(count)]
        get = self.client.dynamodb
        return [get("GetItem", TableName=TABLE, Key={"id": {"S": key}}, ConsistentRead=True) for key in self._asked]

    def check(self, answer: Answer) -> None:
        expected = item_of(self._asked[answer.request])
        _expect(answer.status == 200 and decoded(answer).get("Item") == expected, answer)


class Queue:
    """The queue of a run, which three lines share: what was sent is received, what was received is deleted."""

    def __init__(self) -> None:
        self.url = ""
        self.handles: list[str] = []
        self.sent: set[str] = set()
        self.received: set[str] = set()


class SendMessage(_Line):
    name = "SendMessage"

    def __init__(self, client: Client, queue: Queue) -> None:
        super().__init__(client)
        self._queue = queue

    async def requests(self, run: str, count: int) -> list[bytes]:
        self._run, queue = run, self._queue
        name = f"bench-{run}"
        attributes = {"VisibilityTimeout": "3600"}
        created = await self.client.call_json(self.client.sqs("CreateQueue", QueueName=name, Attributes=attributes))
        queue.url, queue.handles, queue.sent, queue.received = created["QueueUrl"], [], set(), set()
        send = self.client.sqs
        return [send("SendMessage", QueueUrl=queue.url, MessageBody=value_of(f"{run}:{i}")) for i in range(count)]

    def check(self, answer: Answer) -> None:
        body = value_of(f"{self._run}:{answer.request}")
        right = hashlib.md5(body.encode()).hexdigest()
        _expect(answer.status == 200 and decoded(answer).get("MD5OfMessageBody") == right, answer)
        self._queue.sent.add(body)


class ReceiveMessage(_Line):
    name = "ReceiveMessage"
    comes_after = ("SendMessage",)
    is_tried = False

    def __init__(self, client: Client, queue: Queue) -> None:
        super().__init__(client)
        self._queue = queue

    async def requests(self, run: str, count: int) -> list[bytes]:
        queue = self._queue
        receive = self.client.sqs
        return [
            receive("ReceiveMessage", QueueUrl=queue.url, MaxNumberOfMessages=1, VisibilityTimeout=3600 + i % 997)
            for i in range(min(count, len(queue.sent)))
        ]

    def check(self, answer: Answer) -> None:
        """One message, that was sent and not received before."""
        messages = decoded(answer).get("Messages") or []
        _expect(answer.status == 200 and len(messages) == 1, answer)
        body = messages[0]["Body"]
        if body in self._queue.received:
            raise WrongAnswer("a message came twice within its visibility timeout")
        _expect(body in self._queue.sent and messages[0]["MD5OfBody"] == hashlib.md5(body.encode()).hexdigest(), answer)
        self._queue.received.add(body)
        self._queue.handles.append(messages[0]["ReceiptHandle"])


class DeleteMessage(_Line):
    name = "DeleteMessage"
    comes_after = ("SendMessage", "ReceiveMessage")
    is_tried = False

    def __init__(self, client: Client, queue: Queue) -> None:
        super().__init__(client)
        self._queue = queue

    async def requests(self, run: str, count: int) -> list[bytes]:
        queue = self._queue
        return [
            self.client.sqs("DeleteMessage", QueueUrl=queue.url, ReceiptHandle=handle)
            for handle in queue.handles[:count]
        ]

    def check(self, answer: Answer) -> None:
        _expect(answer.status == 200 and answer.body in (b"", b"{}"), answer)

    async def finish(self, outcome: Outcome) -> None:
        """What was received and not deleted is still in flight, and nothing else."""
        names = ["ApproximateNumberOfMessagesNotVisible"]
        request = self.client.sqs("GetQueueAttributes", QueueUrl=self._queue.url, AttributeNames=names)
        answer = await self.client.call(request)
        left = len(self._queue.received) - len(outcome.answers)
        _expect(decoded(answer)["Attributes"][names[0]] == str(left), answer)


class PutObject(_Line):
    name = "PutObject 1 KiB"

    async def set_up(self) -> None:
        await _bucket(self.client)

    async def requests(self, run: str, count: int) -> list[bytes]:
        self._run = run
        put = self.client.request
        return [put("s3", "PUT", f"/{BUCKET}/{run}/{i}", value_of(f"{run}:{i}").encode()) for i in range(count)]

    def check(self, answer: Answer) -> None:
        body = value_of(f"{self._run}:{answer.request}")
        right = f'"{hashlib.md5(body.encode()).hexdigest()}"'
        _expect(answer.status == 200 and answer.headers.get("etag") == right, answer)

    async def finish(self, outcome: Outcome) -> None:
        for written in random.Random(1).sample(outcome.answers, min(READ_BACK, len(outcome.answers))):
            path = f"/{BUCKET}/{self._run}/{written.request}"
            answer = await self.client.call(self.client.request("s3", "GET", path))
            _expect(answer.body == value_of(f"{self._run}:{written.request}").encode(), answer)


class GetObject(_Line):
    name = "GetObject 1 KiB"
    OBJECTS = 2000

    async def set_up(self) -> None:
        await _bucket(self.client)
        puts = [
            self.client.request("s3", "PUT", f"/{BUCKET}/object/{i}", value_of(f"object:{i}").encode())
            for i in range(self.OBJECTS)
        ]
        outcome = await load.run(self.client.server, puts, 8, 60)
        if outcome.failure or len(outcome.answers) < len(puts):
            raise WrongAnswer(f"{self.OBJECTS} objects could not be loaded: {outcome.failure or 'too slow'}")
        for answer in outcome.answers:
            _expect(answer.status == 200, answer)

    async def requests(self, run: str, count: int) -> list[bytes]:
        chosen = random.Random(run)
        self._asked = [chosen.randrange(self.OBJECTS) for _ in range(count)]
        return [self.client.request("s3", "GET", f"/{BUCKET}/object/{i}") for i in self._asked]

    def check(self, answer: Answer) -> None:
        right = value_of(f"object:{self._asked[answer.request]}").encode()
        _expect(answer.status == 200 and answer.body == right, answer)


class Invoke(_Line):
    """A Python function that returns its event, its environments warm."""

    name = "Invoke, warm"

    def __init__(self, client: Client, role: str, package: str) -> None:
        super().__init__(client)
        self._role, self._package = role, package

    async def set_up(self) -> None:
        function = {
            "FunctionName": "bench",
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Role": self._role,
            "Code": {"ZipFile": self._package},
            "Timeout": 30,
        }
        create = self.client.request("lambda", "POST", "/2015-03-31/functions", msgspec.json.encode(function), _JSON)
        await self.client.call(create)

    async def requests(self, run: str, count: int) -> list[bytes]:
        path = "/2015-03-31/functions/bench/invocations"
        return [
            self.client.request("lambda", "POST", path, msgspec.json.encode({"run": run, "number": i}), _JSON)
            for i in range(count)
        ]

    def check(self, answer: Answer) -> None:
        event = decoded(answer)
        _expect(answer.status == 200 and event.get("number") == answer.request, answer)


_JSON = [("content-type", "application/json")]


def lines_for(setting: Setting, items: int) -> Sequence[Line]:
    client, queue = setting.client, Queue()
    return (
        GetItem(client, items),
        PutItem(client),
        SendMessage(client, queue),
        ReceiveMessage(client, queue),
        DeleteMessage(client, queue),
        PutObject(client),
        GetObject(client),
        Invoke(client, setting.role_arn, setting.package),
    )


def chosen(lines: Sequence[Line], wanted: str) -> list[Line]:
    """Those of "getitem,putitem" (a part of the name does), with the lines they live on; all if none is named."""
    if not wanted:
        return list(lines)
    parts = [_bare(part) for part in wanted.split(",") if part.strip()]
    names = {line.name for line in lines if any(part in _bare(line.name) for part in parts)}
    names.update(name for line in lines if line.name in names for name in line.comes_after)
    return [line for line in lines if line.name in names]


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
