"""Queues: names, attributes, listing, deletion, purging, tags and permissions."""

import json

import pytest

from cloudlet.base.errors import AwsError
from tests.client import TestNode


def create(node: TestNode, name: str, **attributes: str) -> str:
    return node.aws("sqs", "CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]


def refusal(node: TestNode, operation: str, **parameters) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        node.aws("sqs", operation, **parameters)
    return refused.value.code, refused.value.message


def test_a_new_queue_has_the_defaults_of_aws(node: TestNode) -> None:
    url = create(node, "q")
    assert url == "http://127.0.0.1:4566/000000000000/q"
    attributes = node.aws("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes == {
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "CreatedTimestamp": "1767225600",
        "DelaySeconds": "0",
        "LastModifiedTimestamp": "1767225600",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "QueueArn": "arn:aws:sqs:us-east-1:000000000000:q",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "30",
    }


def test_creating_it_again_answers_the_same_queue_unless_attributes_differ(node: TestNode) -> None:
    url = create(node, "q", VisibilityTimeout="5")
    assert create(node, "q", VisibilityTimeout="5") == create(node, "q") == url
    code, text = refusal(node, "CreateQueue", QueueName="q", Attributes={"VisibilityTimeout": "6"})
    assert code == "QueueAlreadyExists"
    assert text == "A queue already exists with the same name and a different value for attribute VisibilityTimeout"


@pytest.mark.parametrize("name", ["", "with space", "x" * 81, "a.fifo"])
def test_bad_names_are_refused(node: TestNode, name: str) -> None:
    assert refusal(node, "CreateQueue", QueueName=name)[0] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
        ({"VisibilityTimeout": "-1"}, "InvalidAttributeValue"),
        ({"DelaySeconds": "x"}, "InvalidAttributeValue"),
        ({"Nonsense": "1"}, "InvalidAttributeName"),
        ({"ContentBasedDeduplication": "true"}, "InvalidAttributeName"),
        ({"Policy": "{"}, "InvalidAttributeValue"),
        ({"RedrivePolicy": "[]"}, "InvalidParameterValue"),
        ({"RedrivePolicy": '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:no","maxReceiveCount":1}'},
         "InvalidParameterValue"),
    ],
)  # fmt: skip
def test_bad_attributes_are_refused(node: TestNode, attributes: dict, code: str) -> None:
    assert refusal(node, "CreateQueue", QueueName="q", Attributes=attributes)[0] == code


def test_a_deleted_queue_is_gone_and_its_name_blocked_for_a_minute(node: TestNode) -> None:
    url = create(node, "q")
    node.aws("sqs", "SendMessage", QueueUrl=url, MessageBody="x")
    node.aws("sqs", "DeleteQueue", QueueUrl=url)
    assert refusal(node, "GetQueueUrl", QueueName="q")[0] == "AWS.SimpleQueueService.NonExistentQueue"
    assert refusal(node, "CreateQueue", QueueName="q")[0] == "AWS.SimpleQueueService.QueueDeletedRecently"
    node.advance(60)
    create(node, "q")
    assert node.aws("sqs", "ReceiveMessage", QueueUrl=url) == {}


def test_deleting_a_queue_leaves_nothing_of_its_messages(node: TestNode) -> None:
    url = create(node, "q")
    for number in range(30):
        node.aws("sqs", "SendMessage", QueueUrl=url, MessageBody=str(number))
    node.aws("sqs", "DeleteQueue", QueueUrl=url)
    node.settle()
    contents = node.node.services["sqs"].keys("000000000000", "us-east-1").contents
    rows, _ = node.node.database.transact(lambda tx: tx.scan(*contents.range(), limit=10).rows)
    assert rows == []


def test_a_purged_queue_is_empty_and_may_be_purged_again_after_a_minute(node: TestNode) -> None:
    url = create(node, "q")
    node.aws("sqs", "SendMessage", QueueUrl=url, MessageBody="x")
    node.aws("sqs", "PurgeQueue", QueueUrl=url)
    assert node.aws("sqs", "ReceiveMessage", QueueUrl=url) == {}
    assert refusal(node, "PurgeQueue", QueueUrl=url)[0] == "AWS.SimpleQueueService.PurgeQueueInProgress"
    node.advance(60)
    node.aws("sqs", "PurgeQueue", QueueUrl=url)


def test_queues_are_listed_by_prefix_and_page_by_page(node: TestNode) -> None:
    urls = [create(node, f"a{number}") for number in range(5)]
    create(node, "b")
    assert node.aws("sqs", "ListQueues", QueueNamePrefix="a")["QueueUrls"] == urls
    found: list[str] = []
    token: dict = {}
    while True:
        page = node.aws("sqs", "ListQueues", QueueNamePrefix="a", MaxResults=2, **token)
        found += page["QueueUrls"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == urls
    assert refusal(node, "ListQueues", MaxResults=2, NextToken="nonsense")[0] == "InvalidParameterValue"


def test_regions_and_accounts_have_queues_of_their_own(node: TestNode) -> None:
    create(node, "q")
    elsewhere = node.caller("test", "test", region="eu-west-1")
    other = node.caller("111111111111", "test")
    assert elsewhere.aws("sqs", "ListQueues").get("QueueUrls", []) == []
    assert other.aws("sqs", "ListQueues").get("QueueUrls", []) == []


def test_tags_are_kept_and_removed(node: TestNode) -> None:
    url = create(node, "q")
    node.aws("sqs", "TagQueue", QueueUrl=url, Tags={"a": "1", "b": "2"})
    node.aws("sqs", "UntagQueue", QueueUrl=url, TagKeys=["a"])
    assert node.aws("sqs", "ListQueueTags", QueueUrl=url)["Tags"] == {"b": "2"}


def test_a_permission_is_a_statement_of_the_policy(node: TestNode) -> None:
    url = create(node, "q")
    node.aws(
        "sqs", "AddPermission", QueueUrl=url, Label="other", AWSAccountIds=["111111111111"], Actions=["SendMessage"]
    )
    other = node.caller("111111111111", "test")
    other.aws("sqs", "SendMessage", QueueUrl=url, MessageBody="from outside")
    with pytest.raises(AwsError) as refused:
        other.aws("sqs", "ReceiveMessage", QueueUrl=url)
    assert refused.value.code in ("AccessDenied", "AccessDeniedException")
    policy = node.aws("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Action"] == "SQS:SendMessage"
    node.aws("sqs", "RemovePermission", QueueUrl=url, Label="other")
    assert node.aws("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["Policy"]) == {}
