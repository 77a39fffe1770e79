"""FIFO queues: order within groups, deduplication, repeated receives."""

import pytest

from cloudlet.base.errors import AwsError
from tests.client import TestNode


@pytest.fixture
def url(node: TestNode) -> str:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    return node.aws("sqs", "CreateQueue", QueueName="orders.fifo", Attributes=attributes)["QueueUrl"]


def send(node: TestNode, url: str, body: str, group: str = "g", **more) -> dict:
    return node.aws("sqs", "SendMessage", QueueUrl=url, MessageBody=body, MessageGroupId=group, **more)


def receive(node: TestNode, url: str, limit: int = 10, **more) -> list[dict]:
    return node.aws("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=limit, **more).get("Messages", [])


def bodies(messages: list[dict]) -> list[str]:
    return [message["Body"] for message in messages]


def delete(node: TestNode, url: str, message: dict) -> None:
    node.aws("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_a_group_gives_nothing_while_its_first_message_is_in_flight(node: TestNode, url: str) -> None:
    for body in "abc":
        send(node, url, body)
    (first,) = receive(node, url, 1)
    assert receive(node, url) == []
    delete(node, url, first)
    assert bodies(receive(node, url)) == ["b", "c"]


def test_other_groups_go_on_while_one_is_blocked(node: TestNode, url: str) -> None:
    send(node, url, "a1", "a")
    send(node, url, "b1", "b")
    send(node, url, "a2", "a")
    assert bodies(receive(node, url, 1)) == ["a1"]
    assert bodies(receive(node, url)) == ["b1"]


def test_a_batch_takes_as_many_of_one_group_as_there_are(node: TestNode, url: str) -> None:
    for number in range(5):
        send(node, url, f"a{number}", "a")
        send(node, url, f"b{number}", "b")
    assert bodies(receive(node, url, 7)) == ["a0", "a1", "a2", "a3", "a4", "b0", "b1"]


def test_order_is_kept_when_messages_come_back(node: TestNode, url: str) -> None:
    for body in "abc":
        send(node, url, body)
    receive(node, url, 2)
    node.advance(30)
    assert bodies(receive(node, url)) == ["a", "b", "c"]


def test_a_message_made_invisible_longer_holds_back_those_behind_it(node: TestNode, url: str) -> None:
    for body in "abc":
        send(node, url, body)
    _, second, _ = receive(node, url)
    node.aws(
        "sqs", "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=600
    )
    node.advance(30)
    assert bodies(receive(node, url)) == ["a"]


def test_the_same_message_within_five_minutes_is_sent_once(node: TestNode, url: str) -> None:
    first, again = send(node, url, "same"), send(node, url, "same")
    assert (first["MessageId"], first["SequenceNumber"]) == (again["MessageId"], again["SequenceNumber"])
    (message,) = receive(node, url)
    delete(node, url, message)
    send(node, url, "same")
    assert receive(node, url) == []
    node.advance(minutes=5)
    send(node, url, "same")
    assert bodies(receive(node, url)) == ["same"]


def test_deduplication_may_be_scoped_to_the_group(node: TestNode, url: str) -> None:
    node.aws("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"DeduplicationScope": "messageGroup"})
    send(node, url, "same", "a")
    send(node, url, "same", "b")
    assert bodies(receive(node, url)) == ["same", "same"]


def test_sequence_numbers_increase(node: TestNode, url: str) -> None:
    numbers = [send(node, url, str(number))["SequenceNumber"] for number in range(3)]
    assert numbers == sorted(numbers)
    assert {len(number) for number in numbers} == {20}


def test_an_expired_receipt_handle_is_refused(node: TestNode, url: str) -> None:
    send(node, url, "late")
    (message,) = receive(node, url)
    node.advance(30)
    with pytest.raises(AwsError) as refused:
        delete(node, url, message)
    assert refused.value.code == "InvalidParameterValue"
    assert refused.value.message.endswith("Reason: The receipt handle has expired.")


def test_a_receive_tried_again_gets_the_same_messages(node: TestNode, url: str) -> None:
    for body in "ab":
        send(node, url, body)
    first = receive(node, url, ReceiveRequestAttemptId="try-1")
    again = receive(node, url, ReceiveRequestAttemptId="try-1")
    assert bodies(again) == bodies(first) == ["a", "b"]
    assert [m["ReceiptHandle"] for m in again] == [m["ReceiptHandle"] for m in first]
    assert receive(node, url, ReceiveRequestAttemptId="try-2") == []


@pytest.mark.parametrize(
    ("parameters", "code", "text"),
    [
        ({"MessageBody": "x"}, "MissingParameter", "The request must contain the parameter MessageGroupId."),
        (
            {"MessageBody": "x", "MessageGroupId": "g", "DelaySeconds": 2},
            "InvalidParameterValue",
            "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for"
            " this queue type.",
        ),
        (
            {"MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": ""},
            "InvalidParameterValue",
            "Value  for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only include"
            " alphanumeric and punctuation characters. 1 to 128 in length.",
        ),
    ],
)
def test_what_a_fifo_queue_demands(node: TestNode, url: str, parameters: dict, code: str, text: str) -> None:
    with pytest.raises(AwsError) as refused:
        node.aws("sqs", "SendMessage", QueueUrl=url, **parameters)
    assert (refused.value.code, refused.value.message) == (code, text)


def test_delayed_messages_of_a_fifo_queue_become_visible(node: TestNode, url: str) -> None:
    node.aws("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"DelaySeconds": "5"})
    send(node, url, "x")
    assert receive(node, url) == []
    node.advance(5)
    assert bodies(receive(node, url)) == ["x"]


def test_a_dead_letter_of_a_fifo_queue_has_its_own_id_as_deduplication_id(node: TestNode, url: str) -> None:
    """Else two messages that share one, sent more than five minutes apart, would not both be kept."""
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    dead = node.aws("sqs", "CreateQueue", QueueName="dead.fifo", Attributes=attributes)["QueueUrl"]
    policy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead.fifo","maxReceiveCount":1}'
    node.aws("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": policy})
    sent = send(node, url, "poison", MessageDeduplicationId="mine")["MessageId"]
    assert len(receive(node, url)) == 1
    node.advance(30)
    assert receive(node, url) == []
    (message,) = receive(node, dead, AttributeNames=["All"])
    assert (message["MessageId"], message["Attributes"]["MessageDeduplicationId"]) == (sent, sent)
