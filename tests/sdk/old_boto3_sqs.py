"""A script for boto3 of 2023, whose SQS client speaks the query protocol: it checks the MD5 sums by itself.

old_boto3_sqs.py QUEUE_NAME: asserts, and says nothing.
"""

import contextlib
import json
import sys
import time

import boto3
import botocore
from botocore.config import Config
from botocore.exceptions import ClientError

ATTRIBUTES = {
    "kind": {"DataType": "String.x", "StringValue": "ä & <b> 😀"},
    "count": {"DataType": "Number", "StringValue": "3"},
    "raw": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
}
BODY = "häl\nlo\t\r<&> \U0001f600 +%41"


@contextlib.contextmanager
def refused(code, status=400):
    try:
        yield
    except ClientError as error:
        found = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert found == (code, status), error.response
        assert error.response["Error"]["Message"] and error.response["Error"]["Type"] == "Sender", error.response
    else:
        raise AssertionError(code + " was expected")


def receive(sqs, url, count):
    messages = []
    while len(messages) < count:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=5,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        assert "Messages" in answer, "a message is missing"
        messages += answer["Messages"]
    return {message["Body"]: message for message in messages}


def check_queues(sqs, name):
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "30"}, tags={"a": "1", "b": "2"})[
        "QueueUrl"
    ]
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "0", "MessageRetentionPeriod": "600"})
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (found["VisibilityTimeout"], found["MessageRetentionPeriod"]) == ("30", "600"), found
    assert found["QueueArn"].endswith(":" + name)
    only = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds", "QueueArn"])["Attributes"]
    assert set(only) == {"DelaySeconds", "QueueArn"}
    sqs.tag_queue(QueueUrl=url, Tags={"c": "3"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2", "c": "3"}
    sqs.add_permission(
        QueueUrl=url, Label="l", AWSAccountIds=["000000000000"], Actions=["SendMessage", "ReceiveMessage"]
    )
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert policy["Statement"][0]["Action"] == ["SQS:SendMessage", "SQS:ReceiveMessage"], policy
    sqs.remove_permission(QueueUrl=url, Label="l")
    assert sqs.list_queues(QueueNamePrefix=name)["QueueUrls"] == [url]
    others = [sqs.create_queue(QueueName=name + "-" + str(n))["QueueUrl"] for n in range(3)]
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=name + "-", PaginationConfig={"PageSize": 2})
    assert sorted(each for page in pages for each in page["QueueUrls"]) == others
    for other in others:
        sqs.delete_queue(QueueUrl=other)
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=name + "-")
    return url


def check_messages(sqs, url):
    sent = sqs.send_message(QueueUrl=url, MessageBody=BODY, MessageAttributes=ATTRIBUTES)
    assert sent["MD5OfMessageAttributes"] and "SequenceNumber" not in sent
    entries = [{"Id": str(n), "MessageBody": f"m{n}", "MessageAttributes": ATTRIBUTES} for n in range(3)]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=[*entries, {"Id": "bad", "MessageBody": "\x01"}])
    assert sorted(each["Id"] for each in answer["Successful"]) == ["0", "1", "2"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["SenderFault"], failed["Code"]) == ("bad", True, "InvalidMessageContents"), failed

    messages = receive(sqs, url, 4)
    assert set(messages) == {BODY, "m0", "m1", "m2"}
    for message in messages.values():
        assert message["MessageAttributes"] == ATTRIBUTES, message
        assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "Messages" not in sqs.receive_message(QueueUrl=url)

    handles = [messages[f"m{n}"]["ReceiptHandle"] for n in range(3)]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handles[0], VisibilityTimeout=0)
    changes = [
        {"Id": "a", "ReceiptHandle": handles[1], "VisibilityTimeout": 0},
        {"Id": "b", "ReceiptHandle": "x", "VisibilityTimeout": 1},
    ]
    answer = sqs.change_message_visibility_batch(QueueUrl=url, Entries=changes)
    assert [each["Id"] for each in answer["Successful"]] == ["a"]
    assert answer["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    again = receive(sqs, url, 2)
    assert set(again) == {"m0", "m1"}
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["m0"]["ReceiptHandle"])
    rest = [messages[BODY], again["m1"], messages["m2"]]
    answer = sqs.delete_message_batch(
        QueueUrl=url, Entries=[{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(rest)]
    )
    assert len(answer["Successful"]) == 3 and "Failed" not in answer
    began = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    assert time.monotonic() - began > 0.9, "it did not wait"
    large = "x" * 200_000 + "ä&"
    sqs.send_message(QueueUrl=url, MessageBody=large)
    assert set(receive(sqs, url, 1)) == {large}
    sqs.purge_queue(QueueUrl=url)


def check_fifo(sqs, name):
    url = sqs.create_queue(QueueName=name + ".fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    sent = [
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=body)
        for body in ("1", "2", "1")
    ]
    assert sent[0]["SequenceNumber"] == sent[2]["SequenceNumber"] < sent[1]["SequenceNumber"]
    with refused("MissingParameter"):
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageDeduplicationId="x")
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["MessageGroupId"])
    assert [each["Body"] for each in answer["Messages"]] == ["1", "2"]
    assert answer["Messages"][0]["Attributes"] == {"MessageGroupId": "g"}
    sqs.delete_queue(QueueUrl=url)


def check_errors(sqs, url, name):
    with refused("AWS.SimpleQueueService.NonExistentQueue"):
        sqs.get_queue_url(QueueName="none")
    try:
        sqs.send_message(QueueUrl=url + "-none", MessageBody="x")
    except sqs.exceptions.QueueDoesNotExist as error:
        assert error.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    with refused("QueueAlreadyExists"):
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "31"})
    with refused("ReceiptHandleIsInvalid", 404):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="x")
    with refused("AWS.SimpleQueueService.EmptyBatchRequest"):
        sqs.send_message_batch(QueueUrl=url, Entries=[])
    twice = [{"Id": "a", "MessageBody": "x"}] * 2
    with refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct"):
        sqs.send_message_batch(QueueUrl=url, Entries=twice)
    with refused("InvalidMessageContents"):
        sqs.send_message(QueueUrl=url, MessageBody="\x0b")
    with refused("InvalidParameterValue"):
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=11)
    with refused("InvalidAttributeName"):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"None": "1"})
    config = Config(retries={"total_max_attempts": 1})
    for keys, code in ((("test", "wrong"), "SignatureDoesNotMatch"), (("AKIAUNKNOWN", "x"), "InvalidClientTokenId")):
        other = boto3.Session(*keys).client("sqs", config=config, endpoint_url=sqs.meta.endpoint_url)
        with refused(code, 403):
            other.list_queues()


def main():
    name = sys.argv[1]
    assert botocore.__version__.startswith("1.31."), botocore.__version__
    # boto3 of then reads no AWS_ENDPOINT_URL.
    sqs = boto3.client("sqs", endpoint_url=sys.argv[2], config=Config(retries={"total_max_attempts": 1}))
    assert sqs.meta.service_model.metadata["protocol"] == "query"
    url = check_queues(sqs, name)
    check_messages(sqs, url)
    check_fifo(sqs, name)
    check_errors(sqs, url, name)
    sqs.delete_queue(QueueUrl=url)


if __name__ == "__main__":
    main()
