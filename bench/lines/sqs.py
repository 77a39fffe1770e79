"""Lines of SQS: what is sent is received, what is received is deleted."""

import hashlib

from bench.client import WrongAnswer, decoded
from bench.lines.line import Line, expect, value_of
from bench.load import Answer, Outcome


class SendMessage(Line):
    name = "SendMessage"
    writes = True
    aims = {"moto": 10, "ministack": 5}

    async def requests(self, run: str, count: int) -> list[bytes]:
        self._run, queue = run, self.shared.queue
        name = f"bench-{run}"
        attributes = {"VisibilityTimeout": "3600"}
        created = await self.client.call_json(self.client.sqs("CreateQueue", QueueName=name, Attributes=attributes))
        queue.url, queue.handles, queue.sent, queue.received = created["QueueUrl"], [], set(), set()
        send = self.client.sqs
        return [send("SendMessage", QueueUrl=queue.url, MessageBody=value_of(f"{run}:{i}")) for i in range(count)]

    def check(self, answer: Answer) -> None:
        body = value_of(f"{self._run}:{answer.request}")
        right = hashlib.md5(body.encode()).hexdigest()
        expect(answer.status == 200 and decoded(answer).get("MD5OfMessageBody") == right, answer)
        self.shared.queue.sent.add(body)


class ReceiveMessage(Line):
    name = "ReceiveMessage"
    comes_after = ("SendMessage",)
    is_tried = False
    writes = True

    async def requests(self, run: str, count: int) -> list[bytes]:
        queue = self.shared.queue
        receive = self.client.sqs
        return [
            receive("ReceiveMessage", QueueUrl=queue.url, MaxNumberOfMessages=1, VisibilityTimeout=3600 + i % 997)
            for i in range(min(count, len(queue.sent)))
        ]

    def check(self, answer: Answer) -> None:
        """One message, that was sent and not received before."""
        messages = decoded(answer).get("Messages") or []
        expect(answer.status == 200 and len(messages) == 1, answer)
        body = messages[0]["Body"]
        if body in self.shared.queue.received:
            raise WrongAnswer("a message came twice within its visibility timeout")
        expect(
            body in self.shared.queue.sent and messages[0]["MD5OfBody"] == hashlib.md5(body.encode()).hexdigest(),
            answer,
        )
        self.shared.queue.received.add(body)
        self.shared.queue.handles.append(messages[0]["ReceiptHandle"])


class DeleteMessage(Line):
    name = "DeleteMessage"
    comes_after = ("SendMessage", "ReceiveMessage")
    is_tried = False
    writes = True

    async def requests(self, run: str, count: int) -> list[bytes]:
        queue = self.shared.queue
        return [
            self.client.sqs("DeleteMessage", QueueUrl=queue.url, ReceiptHandle=handle)
            for handle in queue.handles[:count]
        ]

    def check(self, answer: Answer) -> None:
        expect(answer.status == 200 and answer.body in (b"", b"{}"), answer)

    async def finish(self, outcome: Outcome) -> None:
        """What was received and not deleted is still in flight, and nothing else."""
        names = ["ApproximateNumberOfMessagesNotVisible"]
        request = self.client.sqs("GetQueueAttributes", QueueUrl=self.shared.queue.url, AttributeNames=names)
        answer = await self.client.call(request)
        left = len(self.shared.queue.received) - len(outcome.answers)
        expect(decoded(answer)["Attributes"][names[0]] == str(left), answer)
