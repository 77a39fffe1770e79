"""What all subjects share: who works on one, what is noted of it, what is found after the outage.

A worker notes what it tries before it asks and what is acknowledged after the answer, so that of every effect is known
whether it must be there, may be there, or must not.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.crash.node_process import Client

Aws = Callable[..., dict[str, Any]]
ACCOUNT = "000000000000"
REGION = "us-east-1"
BASE = f"http://127.0.0.1:4566/{ACCOUNT}/"
FUNCTION, SEEN = "note", "seen"  # the function, and the table where it notes the id of each event it gets
VISIBILITY_S = 600


@dataclass
class Effect:
    """One kind of effect: what was asked for, what was said to be done."""

    tried: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)


@dataclass
class Worker:
    """One thread at work on a subject, with a client of its own."""

    client: Client
    chance: random.Random
    run: str  # keeps apart what each life of the node is asked for
    acknowledged: Callable[[], None]
    fail: Callable[[str], None]
    number: int = 0  # of the round

    def aws(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.client.aws(service, operation, **parameters)

    def effect(
        self, effect: Effect, names: Iterable[str], service: str, operation: str, **parameters: Any
    ) -> dict[str, Any]:
        """Ask for it, and note that it was asked for and done."""
        with self.noting(effect, names):
            return self.client.aws(service, operation, **parameters)

    def noting(self, effect: Effect, names: Iterable[str]) -> "_Noting":
        return _Noting(self, effect, list(names))


@dataclass
class _Noting:
    worker: Worker
    effect: Effect
    names: list[str]

    def __enter__(self) -> None:
        self.effect.tried.update(self.names)

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            self.effect.done.update(self.names)
            self.worker.acknowledged()


@dataclass
class Found:
    """A node opened after the outage: all messages visible again, everything done that was due but functions."""

    aws: Aws
    seen: set[str]  # ids of events that the function noted
    waiting: set[str]  # ids of events that are still to be run
    chance: random.Random  # for what is too much to look at each time

    @property
    def caused(self) -> set[str]:
        return self.seen | self.waiting


class Subject(Protocol):
    """A kind of thing the node keeps. It lives through several lives of the node, and knows them all."""

    def furnish(self, aws: Aws) -> None: ...

    def works(self) -> list[Callable[[Worker], None]]: ...

    def violations(self, found: Found) -> Iterator[str]: ...

    def events(self) -> Effect:
        """The function's: what it must be told in the end, what it may be told."""
        ...


def missing(kind: str, expected: set[str], found: set[str]) -> Iterator[str]:
    if lost := expected - found:
        yield f"{kind} {min(lost)} is lost, and {len(lost) - 1} more that an answer told of"


def unasked(kind: str, possible: set[str], found: set[str]) -> Iterator[str]:
    if more := found - possible:
        yield f"{kind} {min(more)} should not be there"


def arn_of(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | one for one in statements]})


def pages(aws: Aws, service: str, operation: str, key: str, token: str, given: str, **asked: Any) -> Iterator[Any]:
    """All of a list: `token` is how an answer tells that there is more, `given` how the next question says so."""
    answer = aws(service, operation, **asked)
    while True:
        yield from answer.get(key, ())
        if not answer.get(token):
            return
        answer = aws(service, operation, **asked, **{given: answer[token]})


def table(aws: Aws, name: str) -> None:
    aws("dynamodb", "CreateTable", TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])  # fmt: skip


def scanned(aws: Aws, name: str) -> Iterator[dict[str, Any]]:
    return pages(aws, "dynamodb", "Scan", "Items", "LastEvaluatedKey", "ExclusiveStartKey", TableName=name)


def drained(aws: Aws, queue: str, deletes: bool = False) -> list[str]:
    """The body of each message, in the order they come."""
    found: list[str] = []
    while messages := aws(
        "sqs", "ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=VISIBILITY_S
    ).get("Messages"):
        found += [one["Body"] for one in messages]
        if deletes:
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
            aws("sqs", "DeleteMessageBatch", QueueUrl=queue, Entries=entries)
    return found


def order_of(body: str) -> int:
    """The number in "group-number"."""
    return int(body.split("-")[1])


def group_of(body: str) -> str:
    return body.split("-")[0]


def out_of_order(bodies: Iterable[str], groups: Iterable[str], where: str) -> Iterator[str]:
    for group in groups:
        numbers = [order_of(body) for body in bodies if group_of(body) == group]
        if numbers != sorted(set(numbers)):
            yield f"{where}: group {group} is out of order or has one twice: {numbers}"
