"""A line of SNS: one message, published to a topic, in ten queues."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import msgspec

from bench.client import REGION, WrongAnswer, decoded, element
from bench.lines.line import Line, Shared, expect, value_of
from bench.load import Answer, Outcome

QUEUES = 10
ARRIVES_S = 5.0


class Publish(Line):
    name = "Publish to 10 queues"
    writes = True
    aims = {"moto": 3, "ministack": 3}
    requests_max = 5_000

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._urls: list[str] = []
        self._topic, self._published = "", 0

    async def set_up(self) -> None:
        created = await self.client.call(self._sns("CreateTopic", Name="bench"))
        self._topic = element(created, "TopicArn")
        for number in range(QUEUES):
            await self._subscribe(f"bench-topic-{number}")

    async def _subscribe(self, name: str) -> None:
        arn = f"arn:aws:sqs:{REGION}:{self.shared.setting.account}:{name}"
        policy = msgspec.json.encode(_takes_from(self._topic, arn)).decode()
        create = self.client.sqs("CreateQueue", QueueName=name, Attributes={"Policy": policy})
        self._urls.append((await self.client.call_json(create))["QueueUrl"])
        await self.client.call(self._sns("Subscribe", TopicArn=self._topic, Protocol="sqs", Endpoint=arn))

    def _sns(self, action: str, **parameters: str) -> bytes:
        return self.client.query("sns", "2010-03-31", action, **parameters)

    async def requests(self, run: str, count: int) -> list[bytes]:
        self._published = await self._arrived()
        publish = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": self._topic}
        bodies = (urlencode({**publish, "Message": value_of(f"{run}:{i}")}).encode() for i in range(count))
        return [self.client.form("sns", body) for body in bodies]

    def check(self, answer: Answer) -> None:
        expect(answer.status == 200 and len(element(answer, "MessageId")) == 36, answer)

    async def finish(self, outcome: Outcome) -> None:
        """Each queue has each message."""
        wanted = self._published + QUEUES * len(outcome.answers)
        for _ in range(int(ARRIVES_S / 0.1)):
            if await self._arrived() == wanted:
                return
            await asyncio.sleep(0.1)
        raise WrongAnswer(f"{await self._arrived()} of {wanted} messages are in the queues")

    async def _arrived(self) -> int:
        names = ["ApproximateNumberOfMessages"]
        total = 0
        for url in self._urls:
            answer = await self.client.call(self.client.sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=names))
            total += int(decoded(answer)["Attributes"][names[0]])
        return total


def _takes_from(topic: str, queue: str) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
