"""What a node is loaded with until it is killed, and what it acknowledged of it.

Each worker is one thread with a client of its own. It notes what it tries before it asks and what is acknowledged
after the answer, so that of every effect is known whether it must be there, may be there, or must not.
"""

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.crash.node_process import DEAD, Client

ACCOUNT = "000000000000"
BASE = f"http://127.0.0.1:4566/{ACCOUNT}/"
PLAIN, FIFO, EVENTS = BASE + "plain", BASE + "ordered.fifo", BASE + "events"
BUCKET, SUMS, TRANSFERS, SEEN, FUNCTION = "bodies", "sums", "transfers", "seen", "note"
OPENING_BALANCE, PEOPLE = 1000, [f"person{number}" for number in range(6)]
GROUPS = ("a", "b")
TOLD, RUN = "told/", "run/"  # objects whose events go to the queue, and to the function
HOT = "hot"
VISIBILITY_S = 600


@dataclass
class Effect:
    """One kind of effect: what was asked for, what was said to be done."""

    tried: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)


@dataclass
class Ledger:
    """All that is known of a node's contents from outside. Workers of later runs go on with it."""

    sent: Effect = field(default_factory=Effect)
    deleted: Effect = field(default_factory=Effect)  # messages, by body
    ordered_sent: Effect = field(default_factory=Effect)  # "group-number"
    ordered_gone: Effect = field(default_factory=Effect)
    received: set[str] = field(default_factory=set)  # bodies that an answer showed, of both queues
    transfers: Effect = field(default_factory=Effect)
    looked_at: set[str] = field(default_factory=set)  # transfers that an answer showed
    put: Effect = field(default_factory=Effect)  # objects, by key
    removed: Effect = field(default_factory=Effect)
    hot_tried = 0  # versions of the one object that is written over and over
    hot_done = 0
    acknowledged = 0


def body_of(key: str) -> bytes:
    """What object `key` holds: some fit a value, some are blobs."""
    block = hashlib.sha256(key.encode()).hexdigest().encode()
    size = (100, 5_000, 90_000, 400_000)[block[0] % 4] + block[1]
    return (block * (size // 64 + 1))[:size]


def order_of(body: str) -> int:
    return int(body.split("-")[1])


def same_group(body: str, bodies: Iterable[str]) -> list[str]:
    return [other for other in bodies if other.split("-")[0] == body.split("-")[0]]


def hot_body(version: int) -> bytes:
    return b"%d " % version * 30_000


class Load:
    """Workers at work until the node is gone."""

    def __init__(self, ledger: Ledger, connect: Callable[[], Client], seed: int) -> None:
        self.ledger, self.chance = ledger, random.Random(seed)
        self.failures: list[str] = []
        self._run = f"{seed}-{ledger.acknowledged}"
        self._count_lock = threading.Lock()
        works = (
            self._send, self._receive, self._order, self._take_ordered, self._transfer, self._look, self._put,
            self._overwrite,
        )  # fmt: skip
        self._clients = [connect() for _ in works]
        self._threads = [
            threading.Thread(target=self._work, args=(work, client, random.Random(f"{seed} {work.__name__}")))
            for work, client in zip(works, self._clients, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Once the node is dead."""
        for thread in self._threads:
            thread.join()
        for client in self._clients:
            client.close()

    def _work(self, work: Callable[[Client, random.Random, int], None], client: Client, chance: random.Random) -> None:
        number = 0
        try:
            while True:
                number += 1
                work(client, chance, number)
        except DEAD:
            pass
        except Exception as error:
            self.failures.append(f"{work.__name__}: {error!r}")

    def _acknowledged(self) -> None:
        with self._count_lock:
            self.ledger.acknowledged += 1

    def _effect(self, effect: Effect, names: Iterable[str], ask: Callable[[], Any]) -> Any:
        effect.tried.update(names)
        answer = ask()
        effect.done.update(names)
        self._acknowledged()
        return answer

    # ── queues ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _send(self, client: Client, chance: random.Random, number: int) -> None:
        bodies = [f"{self._run}-{number}-{part}" for part in range(chance.choice((1, 1, 10)))]
        if len(bodies) == 1:
            self._effect(
                self.ledger.sent,
                bodies,
                lambda: client.aws("sqs", "SendMessage", QueueUrl=PLAIN, MessageBody=bodies[0]),
            )
            return
        entries = [{"Id": str(part), "MessageBody": body} for part, body in enumerate(bodies)]
        self._effect(
            self.ledger.sent, bodies, lambda: client.aws("sqs", "SendMessageBatch", QueueUrl=PLAIN, Entries=entries)
        )

    def _receive(self, client: Client, chance: random.Random, number: int) -> None:
        answer = client.aws("sqs", "ReceiveMessage", QueueUrl=PLAIN, WaitTimeSeconds=1, VisibilityTimeout=VISIBILITY_S)
        for message in answer.get("Messages", ()):
            self.ledger.received.add(message["Body"])
            delete = partial(client.aws, "sqs", "DeleteMessage", QueueUrl=PLAIN, ReceiptHandle=message["ReceiptHandle"])
            self._effect(self.ledger.deleted, [message["Body"]], delete)

    def _order(self, client: Client, chance: random.Random, number: int) -> None:
        group = chance.choice(GROUPS)
        body = f"{group}-{len(self.ledger.ordered_sent.tried)}"
        self._effect(
            self.ledger.ordered_sent,
            [body],
            lambda: client.aws(
                "sqs", "SendMessage", QueueUrl=FIFO, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=body
            ),
        )

    def _take_ordered(self, client: Client, chance: random.Random, number: int) -> None:
        answer = client.aws("sqs", "ReceiveMessage", QueueUrl=FIFO, WaitTimeSeconds=1, VisibilityTimeout=VISIBILITY_S)
        for message in answer.get("Messages", ()):
            body = message["Body"]
            self.ledger.received.add(body)
            if order_of(body) < max(map(order_of, same_group(body, self.ledger.ordered_gone.tried)), default=-1):
                self.failures.append(f"message {body} came after a later one of its group")
            delete = partial(client.aws, "sqs", "DeleteMessage", QueueUrl=FIFO, ReceiptHandle=message["ReceiptHandle"])
            self._effect(self.ledger.ordered_gone, [body], delete)

    # ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _transfer(self, client: Client, chance: random.Random, number: int) -> None:
        (giver, taker), amount = chance.sample(PEOPLE, 2), chance.randint(1, 9)
        name = f"{self._run}-{number}"
        asked = transfer(name, giver, taker, amount)
        self._effect(
            self.ledger.transfers, [name], lambda: client.aws("dynamodb", "TransactWriteItems", TransactItems=asked)
        )

    def _look(self, client: Client, chance: random.Random, number: int) -> None:
        """What was seen once must not be gone later, whoever wrote it."""
        asked = {"ConsistentRead": True, "ProjectionExpression": "id", "Limit": 50}
        page = client.aws("dynamodb", "Scan", TableName=TRANSFERS, **asked)
        while True:
            self.ledger.looked_at.update(item["id"]["S"] for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                break
            page = client.aws(
                "dynamodb", "Scan", TableName=TRANSFERS, ExclusiveStartKey=page["LastEvaluatedKey"], **asked
            )
        time.sleep(0.005)

    # ── objects ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _put(self, client: Client, chance: random.Random, number: int) -> None:
        key = f"{RUN if number % 4 == 0 else TOLD}{self._run}-{number}"
        put = self._upload if number % 5 == 0 else self._put_whole
        self._effect(self.ledger.put, [key], lambda: put(client, key))
        if number % 6 == 0:
            old = chance.choice(sorted(self.ledger.put.done - self.ledger.removed.tried))
            self._effect(self.ledger.removed, [old], lambda: client.aws("s3", "DeleteObject", Bucket=BUCKET, Key=old))

    def _put_whole(self, client: Client, key: str) -> None:
        client.aws("s3", "PutObject", Bucket=BUCKET, Key=key, Body=body_of(key))

    def _upload(self, client: Client, key: str) -> None:
        upload = client.aws("s3", "CreateMultipartUpload", Bucket=BUCKET, Key=key)["UploadId"]
        part = client.aws(
            "s3", "UploadPart", Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=body_of(key)
        )  # fmt: skip
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        client.aws("s3", "CompleteMultipartUpload", Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload=parts)

    def _overwrite(self, client: Client, chance: random.Random, number: int) -> None:
        """One object written again and again: each time a blob goes."""
        self.ledger.hot_tried += 1
        body = hot_body(self.ledger.hot_tried)
        client.aws("s3", "PutObject", Bucket=BUCKET, Key=HOT, Body=body)
        self.ledger.hot_done = self.ledger.hot_tried
        self._acknowledged()


def transfer(name: str, giver: str, taker: str, amount: int) -> list[dict[str, Any]]:
    def change(person: str, by: int) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": SUMS,
                "Key": {"id": {"S": person}},
                "UpdateExpression": "SET balance = balance + :by",
                "ExpressionAttributeValues": {":by": {"N": str(by)}},
            }
        }

    facts = {"id": {"S": name}, "giver": {"S": giver}, "taker": {"S": taker}, "amount": {"N": str(amount)}}
    note = {"Put": {"TableName": TRANSFERS, "Item": facts, "ConditionExpression": "attribute_not_exists(id)"}}
    return [change(giver, -amount), change(taker, amount), note]
