"""Publish and PublishBatch: what arrives in queues, word for word, and what is refused."""

import json
from typing import Any

import pytest

from tests.client import TestNode
from tests.services.sns.sns_client import PREFIX, envelopes, metrics, publish, queue, receive, refusal, subscribe, topic

INVALID, INVALID_VALUE = "InvalidParameter", "ParameterValueInvalid"
ATTRIBUTES: dict[str, Any] = {
    "attr1": {"DataType": "Number", "StringValue": "100.12"},
    "attr2": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"},
}


def test_the_envelope_is_aws_to_the_letter(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscription = subscribe(node, arn, queue_arn)
    message_id = publish(node, arn, 'say "hällo"', Subject="S", MessageAttributes=ATTRIBUTES)["MessageId"]
    (message,) = receive(node, url)
    found = json.loads(message["Body"])
    assert list(found) == [
        "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
        "SigningCertURL", "UnsubscribeURL", "MessageAttributes",
    ]  # fmt: skip
    assert message["Body"] == (
        "{\n"
        '  "Type" : "Notification",\n'
        f'  "MessageId" : "{message_id}",\n'
        f'  "TopicArn" : "{arn}",\n'
        '  "Subject" : "S",\n'
        '  "Message" : "say \\"hällo\\"",\n'
        '  "Timestamp" : "2026-01-01T00:00:00.000Z",\n'
        '  "SignatureVersion" : "1",\n'
        f'  "Signature" : "{found["Signature"]}",\n'
        f'  "SigningCertURL" : "{found["SigningCertURL"]}",\n'
        f'  "UnsubscribeURL" : "http://127.0.0.1:4566/?Action=Unsubscribe&SubscriptionArn={subscription}",\n'
        '  "MessageAttributes" : {\n'
        '    "attr1" : {"Type":"Number","Value":"100.12"},\n'
        '    "attr2" : {"Type":"Binary","Value":"AgME"}\n'
        "  }\n"
        "}"
    )
    assert "MessageAttributes" not in message


def test_raw_is_the_message_alone(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscribe(node, arn, queue_arn, RawMessageDelivery="true")
    publish(node, arn, "Test msg", MessageAttributes=ATTRIBUTES)
    (message,) = receive(node, url)
    assert message["Body"] == "Test msg"
    assert message["MessageAttributes"] == ATTRIBUTES


def test_nothing_absent_is_shown(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscribe(node, arn, queue_arn)
    publish(node, arn)
    (found,) = envelopes(node, url)
    assert "Subject" not in found
    assert "MessageAttributes" not in found


def test_each_protocol_may_have_its_own_words(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscribe(node, arn, queue_arn)
    for sqs in ({"sqs": "for queues"}, {"sqs": 5}, {}):
        message = json.dumps({"default": "for all", "email": "for people", **sqs})
        publish(node, arn, message, MessageStructure="json")
    assert [found["Message"] for found in envelopes(node, url)] == ["for queues", "for all", "for all"]


def test_a_target_arn_may_name_a_topic(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscribe(node, arn, queue_arn)
    node.aws("sns", "Publish", TargetArn=arn, Message="x")
    assert len(receive(node, url)) == 1


def test_a_group_on_a_standard_topic_goes_to_the_queue(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscribe(node, arn, queue_arn)
    publish(node, arn, MessageGroupId="tenant-1")
    (message,) = receive(node, url)
    assert message["Attributes"]["MessageGroupId"] == "tenant-1"


@pytest.mark.parametrize(
    ("parameters", "code", "message"),
    [
        ({"Message": ""}, INVALID, "Invalid parameter: Empty message"),
        ({"Message": "x" * 262_145}, INVALID, "Invalid parameter: Message too long"),
        ({"Message": "ä" * 131_073}, INVALID, "Invalid parameter: Message too long"),
        ({"Subject": ""}, INVALID, "Invalid parameter: Subject"),
        ({"Subject": "x" * 101}, INVALID, "Invalid parameter: Subject"),
        ({"Subject": "a\nBcc: x"}, INVALID, "Invalid parameter: Subject"),
        (
            {"MessageStructure": "json"},
            INVALID,
            "Invalid parameter: Message Structure - JSON message body failed to parse",
        ),
        (
            {"MessageStructure": "json", "Message": '{"sqs": "x"}'},
            INVALID,
            "Invalid parameter: Message Structure - No default entry in JSON message body",
        ),
        (
            {"MessageStructure": "json", "Message": '{"default": "x", "default": "y"}'},
            INVALID,
            "Invalid parameter: Message Structure - JSON message body failed to parse",
        ),
        (
            {"MessageDeduplicationId": "x"},
            INVALID,
            "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter"
            " that is not valid for this topic type",
        ),
        (
            {"MessageAttributes": {"a": {"DataType": "String", "StringValue": ""}}},
            INVALID_VALUE,
            "The message attribute 'a' must contain non-empty message attribute value for message attribute type"
            " 'String'.",
        ),
        (
            {"MessageAttributes": {"a": {"DataType": "Fruit", "StringValue": "x"}}},
            INVALID_VALUE,
            "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is"
            " Binary, Number, and String.",
        ),
        (
            {"MessageAttributes": {"a": {"DataType": "Number", "StringValue": "many"}}},
            INVALID_VALUE,
            "Could not cast message attribute 'a' value to number.",
        ),
    ],
)
def test_messages_that_are_refused(node: TestNode, parameters: dict[str, Any], code: str, message: str) -> None:
    asked = {"TopicArn": topic(node), "Message": "x"} | parameters
    assert refusal(node, "Publish", **asked) == (code, message)


def test_a_message_of_the_full_size_arrives(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscribe(node, arn, queue_arn)
    publish(node, arn, "x" * (262_144 - 8), MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    (found,) = envelopes(node, url)
    assert len(found["Message"]) == 262_136
    attributes = {"a": {"DataType": "String", "StringValue": "bc"}}
    code, _ = refusal(node, "Publish", TopicArn=arn, Message="x" * 262_136, MessageAttributes=attributes)
    assert code == INVALID


def test_a_topic_says_how_large_its_messages_may_be(node: TestNode) -> None:
    small = topic(node, "small", MaximumMessageSize="1024")
    assert refusal(node, "Publish", TopicArn=small, Message="x" * 1025)[1] == "Invalid parameter: Message too long"
    large = topic(node, "large", MaximumMessageSize="1048576")
    url, queue_arn = queue(node)
    subscribe(node, large, queue_arn, RawMessageDelivery="true")
    publish(node, large, "x" * 1_048_576)
    node.settle()
    (message,) = receive(node, url)
    assert len(message["Body"]) == 1_048_576


@pytest.mark.parametrize(
    ("parameters", "code", "message"),
    [
        ({}, INVALID, "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"),
        ({"TopicArn": f"{PREFIX}:none"}, "NotFound", "Topic does not exist"),
        (
            {"TopicArn": "nonsense"},
            INVALID,
            "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
        ),
        ({"TopicArn": "arn:aws:sqs:us-east-1:000000000000:q"}, INVALID, "Invalid parameter: TopicArn"),
    ],
)
def test_what_is_no_target(node: TestNode, parameters: dict[str, str], code: str, message: str) -> None:
    assert refusal(node, "Publish", Message="x", **parameters) == (code, message)


def test_telephones_are_not_called(node: TestNode) -> None:
    code, message = refusal(node, "Publish", Message="x", PhoneNumber="+15551234")
    assert (code, "PhoneNumber" in message) == ("NotImplemented", True)


# --- batches


def batch(node: TestNode, arn: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return node.aws("sns", "PublishBatch", TopicArn=arn, PublishBatchRequestEntries=list(entries))


def test_a_batch_is_published_entry_by_entry(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscribe(node, arn, queue_arn)
    answer = batch(
        node,
        arn,
        {"Id": "1", "Message": "a", "Subject": "s"},
        {"Id": "2", "Message": "b", "MessageAttributes": {"x": {"DataType": "Number", "StringValue": "?"}}},
        {"Id": "valid-message_123", "Message": "c"},
    )
    assert [line["Id"] for line in answer["Successful"]] == ["1", "valid-message_123"]
    assert answer["Failed"] == [
        {
            "Id": "2",
            "Code": INVALID_VALUE,
            "Message": "Could not cast message attribute 'x' value to number.",
            "SenderFault": True,
        }
    ]
    assert [found["Message"] for found in envelopes(node, url)] == ["a", "c"]
    assert batch(node, arn, {"Id": "1", "Message": "d"})["Failed"] == []


@pytest.mark.parametrize(
    ("entries", "code", "message"),
    [
        ([], "EmptyBatchRequest", "The batch request doesn't contain any entries."),
        (
            [{"Id": str(number), "Message": "x"} for number in range(11)],
            "TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible.",
        ),
        (
            [{"Id": "1", "Message": "x"}] * 2,
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        ),
        (
            [{"Id": "message.id", "Message": "x"}],
            "InvalidBatchEntryId",
            "The Id of a batch entry in the batch request contains an impermissible character: message.id",
        ),
        (
            [{"Id": "a" * 81, "Message": "x"}],
            "InvalidBatchEntryId",
            f"The Id of a batch entry in the batch request is too long: {'a' * 81}",
        ),
        (
            [{"Id": str(number), "Message": "x" * 131_073} for number in range(2)],
            "BatchRequestTooLong",
            "The length of all the messages put together is more than the limit.",
        ),
    ],
)
def test_batches_that_are_refused(node: TestNode, entries: list[Any], code: str, message: str) -> None:
    arn = topic(node)
    assert refusal(node, "PublishBatch", TopicArn=arn, PublishBatchRequestEntries=entries) == (code, message)


def test_a_batch_to_no_topic(node: TestNode) -> None:
    entries = [{"Id": "1", "Message": "x"}]
    found = refusal(node, "PublishBatch", TopicArn=f"{PREFIX}:none", PublishBatchRequestEntries=entries)
    assert found == ("NotFound", "Topic does not exist")


# --- what becomes of a delivery that fails


def test_what_a_queue_refuses_fails_nobody_and_is_counted(node: TestNode) -> None:
    arn = topic(node)
    _, open_queue = queue(node, "open")
    _, closed = queue(node, "closed", open_to=f"{PREFIX}:another")
    for endpoint in (open_queue, closed, closed + "-never-was"):
        subscribe(node, arn, endpoint)
    publish(node, arn)
    counted = metrics(node)
    assert counted["NumberOfNotificationsDelivered"] == 1
    assert counted["NumberOfNotificationsFailed"] == 2
    assert counted["NumberOfMessagesPublished"] == 1
    assert counted["PublishSize"] == 5


@pytest.mark.parametrize("raw", ["false", "true"])
def test_an_undeliverable_message_goes_to_the_dead_letter_queue(node: TestNode, raw: str) -> None:
    arn = topic(node)
    url, dead_letters = queue(node, "dlq")
    subscribe(
        node,
        arn,
        dead_letters.replace("dlq", "gone"),
        RawMessageDelivery=raw,
        RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_letters}),
    )
    message_id = publish(node, arn, "undelivered", MessageAttributes=ATTRIBUTES)["MessageId"]
    (message,) = receive(node, url)
    if raw == "true":
        assert (message["Body"], message["MessageAttributes"]) == ("undelivered", ATTRIBUTES)
    else:
        found = json.loads(message["Body"])
        assert (found["MessageId"], found["Message"]) == (message_id, "undelivered")
        assert found["MessageAttributes"]["attr2"] == {"Type": "Binary", "Value": "AgME"}
    assert metrics(node)["NumberOfNotificationsRedrivenToDlq"] == 1


def test_a_dead_letter_queue_that_is_closed_is_counted(node: TestNode) -> None:
    arn = topic(node)
    _, dead_letters = queue(node, "dlq", open_to=f"{PREFIX}:another")
    subscribe(
        node, arn, dead_letters.replace("dlq", "gone"), RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_letters})
    )
    publish(node, arn)
    assert metrics(node)["NumberOfNotificationsFailedToRedriveToDlq"] == 1


def test_a_queue_in_another_region_is_reached(node: TestNode) -> None:
    elsewhere = node.caller("test", "test", region="eu-west-1")
    arn = topic(elsewhere)
    assert arn.startswith("arn:aws:sns:eu-west-1:")
    url, queue_arn = queue(node)
    subscribe(elsewhere, arn, queue_arn)
    publish(elsewhere, arn)
    assert len(receive(node, url)) == 1
