"""Messages of standard queues: send, receive, delete, visibility, dead letters, batches."""

import asyncio

import pytest

from cloudlet.base.errors import AwsError
from tests.client import TestNode


@pytest.fixture
def url(node: TestNode) -> str:
    return node.aws("sqs", "CreateQueue", QueueName="orders")["QueueUrl"]


def send(node: TestNode, url: str, body: str, **more) -> dict:
    return node.aws("sqs", "SendMessage", QueueUrl=url, MessageBody=body, **more)


def receive(node: TestNode, url: str, **more) -> list[dict]:
    return node.aws("sqs", "ReceiveMessage", QueueUrl=url, **more).get("Messages", [])


def bodies(messages: list[dict]) -> list[str]:
    return [message["Body"] for message in messages]


def counts(node: TestNode, url: str) -> tuple[int, int, int]:
    attributes = node.aws("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
    names = ("", "NotVisible", "Delayed")
    return tuple(int(attributes[f"ApproximateNumberOfMessages{name}"]) for name in names)  # type: ignore[return-value]


def test_a_sent_message_is_received_once_while_it_is_in_flight(node: TestNode, url: str) -> None:
    sent = send(node, url, "hello")
    (message,) = receive(node, url)
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert receive(node, url) == []
    assert counts(node, url) == (0, 1, 0)


def test_an_undeleted_message_comes_back_after_its_visibility_timeout(node: TestNode, url: str) -> None:
    send(node, url, "again")
    receive(node, url)
    node.advance(29)
    assert receive(node, url) == []
    node.advance(1)
    (message,) = receive(node, url, AttributeNames=["ApproximateReceiveCount"])
    assert message["Attributes"] == {"ApproximateReceiveCount": "2"}


def test_a_deleted_message_is_gone_and_deleting_it_again_is_no_error(node: TestNode, url: str) -> None:
    send(node, url, "once")
    (message,) = receive(node, url)
    for _ in range(2):
        node.aws("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    node.advance(60)
    assert receive(node, url) == []
    assert counts(node, url) == (0, 0, 0)


def test_messages_come_in_the_order_of_sending(node: TestNode, url: str) -> None:
    for number in range(25):
        send(node, url, str(number))
    received = [body for _ in range(3) for body in bodies(receive(node, url, MaxNumberOfMessages=10))]
    assert received == [str(number) for number in range(25)]


def test_a_delayed_message_is_not_received_before_its_time(node: TestNode, url: str) -> None:
    send(node, url, "later", DelaySeconds=10)
    assert counts(node, url) == (0, 0, 1)
    node.advance(9)
    assert receive(node, url) == []
    node.advance(1)
    assert bodies(receive(node, url)) == ["later"]


def test_changing_visibility_to_zero_shows_the_message_at_once(node: TestNode, url: str) -> None:
    send(node, url, "now")
    (message,) = receive(node, url)
    node.aws(
        "sqs", "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
    assert bodies(receive(node, url)) == ["now"]


def test_changing_visibility_hides_the_message_longer(node: TestNode, url: str) -> None:
    send(node, url, "busy")
    (message,) = receive(node, url)
    node.aws(
        "sqs", "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=100
    )
    node.advance(99)
    assert receive(node, url) == []
    node.advance(1)
    assert bodies(receive(node, url)) == ["busy"]


def test_a_message_received_too_often_moves_to_the_dead_letter_queue(node: TestNode, url: str) -> None:
    dead = node.aws("sqs", "CreateQueue", QueueName="dead")["QueueUrl"]
    policy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":2}'
    node.aws("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": policy})
    send(node, url, "poison")
    for _ in range(2):
        assert bodies(receive(node, url)) == ["poison"]
        node.advance(30)
    assert receive(node, url) == []
    (message,) = receive(node, dead, AttributeNames=["All"])
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == "arn:aws:sqs:us-east-1:000000000000:orders"
    assert message["Attributes"]["ApproximateReceiveCount"] == "3"
    sources = node.aws("sqs", "ListDeadLetterSourceQueues", QueueUrl=dead)
    assert sources == {"queueUrls": [url]}


def test_dead_letters_are_moved_back_to_where_they_came_from(node: TestNode, url: str) -> None:
    dead = node.aws("sqs", "CreateQueue", QueueName="dead")["QueueUrl"]
    policy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}'
    node.aws("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": policy})
    for number in range(150):
        send(node, url, str(number))
    while receive(node, url, MaxNumberOfMessages=10):
        pass
    node.advance(30)
    while receive(node, url, MaxNumberOfMessages=10):
        pass
    for _ in range(3):  # a receive moves a bounded number of dead letters
        receive(node, url, MaxNumberOfMessages=10)
    assert counts(node, dead)[0] == 150
    arn = "arn:aws:sqs:us-east-1:000000000000:dead"
    node.aws("sqs", "StartMessageMoveTask", SourceArn=arn)
    node.settle()
    (task,) = node.aws("sqs", "ListMessageMoveTasks", SourceArn=arn)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 150)
    assert counts(node, dead) == (0, 0, 0)
    assert counts(node, url)[0] == 150


def test_what_is_moved_back_is_a_new_message_with_a_new_age(node: TestNode, url: str) -> None:
    dead = node.aws("sqs", "CreateQueue", QueueName="dead")["QueueUrl"]
    policy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}'
    node.aws("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": policy})
    sent = send(node, url, "poison")["MessageId"]
    assert bodies(receive(node, url)) == ["poison"]
    node.advance(30)
    assert receive(node, url) == []
    (before,) = receive(node, dead, AttributeNames=["All"], VisibilityTimeout=0)
    assert before["MessageId"] == sent
    node.aws("sqs", "StartMessageMoveTask", SourceArn="arn:aws:sqs:us-east-1:000000000000:dead")
    node.settle()
    (after,) = receive(node, url, AttributeNames=["All"])
    assert after["MessageId"] != sent
    assert int(after["Attributes"]["SentTimestamp"]) == int(before["Attributes"]["SentTimestamp"]) + 30_000
    assert after["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "DeadLetterQueueSourceArn" not in after["Attributes"]


def test_a_message_is_forgotten_after_its_retention(node: TestNode, url: str) -> None:
    node.aws("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})
    send(node, url, "old")
    node.advance(59)
    send(node, url, "young")
    node.advance(61)
    assert counts(node, url) == (0, 0, 0)


def test_a_batch_answers_for_each_entry(node: TestNode, url: str) -> None:
    answer = node.aws(
        "sqs",
        "SendMessageBatch",
        QueueUrl=url,
        Entries=[
            {"Id": "a", "MessageBody": "1"},
            {"Id": "b", "MessageBody": "\u0001"},
            {"Id": "c", "MessageBody": "3"},
        ],
    )
    assert [line["Id"] for line in answer["Successful"]] == ["a", "c"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("b", "InvalidMessageContents", True)
    assert bodies(receive(node, url, MaxNumberOfMessages=10)) == ["1", "3"]


@pytest.mark.parametrize(
    ("entries", "code", "text"),
    [
        ([], "AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry"),
        (
            [{"Id": "a", "MessageBody": "1"}] * 2,
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            "Id a repeated.",
        ),
        (
            [{"Id": str(number), "MessageBody": "1"} for number in range(11)],
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10. You have sent 11.",
        ),
        (
            [{"Id": "not valid", "MessageBody": "1"}],
            "AWS.SimpleQueueService.InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores.",
        ),
        (
            [{"Id": str(number), "MessageBody": "x" * 600_000} for number in range(2)],
            "AWS.SimpleQueueService.BatchRequestTooLong",
            "Batch requests cannot be longer than 1048576 bytes. You have sent 1200000 bytes.",
        ),
    ],
)
def test_a_malformed_batch_is_refused_whole(node: TestNode, url: str, entries: list, code: str, text: str) -> None:
    with pytest.raises(AwsError) as refused:
        node.aws("sqs", "SendMessageBatch", QueueUrl=url, Entries=entries)
    assert refused.value.code == code
    assert refused.value.message.startswith(text)
    assert receive(node, url) == []


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "text"),
    [
        ("SendMessage", {"MessageBody": ""}, "MissingParameter", "The request must contain the parameter MessageBody."),
        (
            "ReceiveMessage",
            {"MaxNumberOfMessages": 11},
            "InvalidParameterValue",
            "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            "DeleteMessage",
            {"ReceiptHandle": "garbage"},
            "ReceiptHandleIsInvalid",
            'The input receipt handle "garbage" is not a valid receipt handle.',
        ),
        (
            "SendMessage",
            {"MessageBody": "x", "MessageGroupId": "group 123"},
            "InvalidParameterValue",
            "Value group 123 for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include"
            " alphanumeric and punctuation characters. 1 to 128 in length.",
        ),
    ],
)
@pytest.mark.parametrize("protocol", ["json", "query"])
def test_bad_input_gets_the_error_of_aws(
    node: TestNode, url: str, operation: str, parameters: dict, code: str, text: str, protocol: str
) -> None:
    with pytest.raises(AwsError) as refused:
        node.aws("sqs", operation, protocol=protocol, QueueUrl=url, **parameters)
    assert (refused.value.code, refused.value.message) == (code, text)


def test_an_attribute_must_have_a_value(node: TestNode, url: str) -> None:
    with pytest.raises(AwsError) as refused:
        send(node, url, "x", MessageAttributes={"e": {"DataType": "String", "StringValue": ""}})
    assert refused.value.code == "InvalidParameterValue"
    assert refused.value.message == "Message (user) attribute 'e' must contain a non-empty value of type 'String'."


def test_a_queue_that_is_not_there_is_named_as_each_protocol_does(node: TestNode) -> None:
    for protocol in ("json", "query"):
        with pytest.raises(AwsError) as refused:
            node.aws("sqs", "ReceiveMessage", protocol=protocol, QueueUrl="http://127.0.0.1:4566/000000000000/none")
        assert refused.value.code == "AWS.SimpleQueueService.NonExistentQueue"


def test_attributes_are_returned_as_they_were_sent(node: TestNode, url: str) -> None:
    attributes = {
        "kind": {"DataType": "String", "StringValue": "click"},
        "count": {"DataType": "Number", "StringValue": "7"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = send(node, url, "x", MessageAttributes=attributes)
    (message,) = receive(node, url, MessageAttributeNames=["All"])
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    node.advance(30)
    (message,) = receive(node, url, MessageAttributeNames=["k.*", "kin.*", "count"])
    assert set(message["MessageAttributes"]) == {"count", "kind"}


def test_a_long_poll_returns_a_message_sent_meanwhile(node: TestNode, url: str) -> None:
    client = node.caller("test", "test")

    async def scenario() -> dict:
        poll = asyncio.create_task(client.aws_async("sqs", "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20))
        await asyncio.sleep(0)
        await client.aws_async("sqs", "SendMessage", QueueUrl=url, MessageBody="wake")
        return await poll

    assert bodies(node.run(scenario())["Messages"]) == ["wake"]


def test_a_long_poll_returns_a_delayed_message_when_it_becomes_visible(node: TestNode, url: str) -> None:
    send(node, url, "delayed", DelaySeconds=5)
    client = node.caller("test", "test")

    async def scenario() -> dict:
        poll = asyncio.create_task(client.aws_async("sqs", "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20))
        await asyncio.sleep(0)
        await node.house.workers.advance(5000)
        return await poll

    assert bodies(node.run(scenario())["Messages"]) == ["delayed"]


def test_an_empty_long_poll_ends_with_its_wait_time(node: TestNode, url: str) -> None:
    client = node.caller("test", "test")

    async def scenario() -> dict:
        poll = asyncio.create_task(client.aws_async("sqs", "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20))
        await asyncio.sleep(0)
        await node.house.workers.advance(19_999)
        await asyncio.sleep(0)
        assert not poll.done()
        await node.house.workers.advance(1)
        return await poll

    assert node.run(scenario()) == {}


def test_the_last_of_many_messages_costs_no_more_than_the_first(node: TestNode, url: str) -> None:
    node.node.database.run_twice = False
    for start in range(0, 3000, 10):
        entries = [{"Id": str(number), "MessageBody": str(start + number)} for number in range(10)]
        node.aws("sqs", "SendMessageBatch", QueueUrl=url, Entries=entries)
    steps = []
    for _ in range(300):
        before = node.node.database.stats().rows_scanned
        messages = receive(node, url, MaxNumberOfMessages=10)
        steps.append(node.node.database.stats().rows_scanned - before)
        entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
        node.aws("sqs", "DeleteMessageBatch", QueueUrl=url, Entries=entries)
    assert steps[-1] <= steps[0] + 2, f"rows scanned per receive grew from {steps[0]} to {steps[-1]}"
