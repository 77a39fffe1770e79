"""What bears the name already that a template gives is somebody else's: not taken over, not changed, not removed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cloudlet.services.cloudformation import background
from tests.client import TestNode
from tests.services.cloudformation.conftest import Stacks
from tests.services.cloudformation.test_stack_crash import begin, restarted

ACCOUNT = "000000000000"
URL = f"http://127.0.0.1/{ACCOUNT}/taken"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:taken"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::taken",
        }
    ],
}
ALARM = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}
ALARM |= {"MetricName": "m", "Namespace": "n", "Period": 60, "Statistic": "Sum", "Threshold": 1}


def queue(node: TestNode) -> None:
    node.aws("sqs", "CreateQueue", QueueName="taken")
    node.aws("sqs", "SendMessage", QueueUrl=URL, MessageBody="kept")


def queue_content(node: TestNode) -> Any:
    return node.aws("sqs", "GetQueueAttributes", QueueUrl=URL, AttributeNames=["All"])["Attributes"]


def topic(node: TestNode) -> None:
    node.aws("sns", "CreateTopic", Name="taken")
    node.aws("sns", "Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:q")


def topic_content(node: TestNode) -> Any:
    attributes = node.aws("sns", "GetTopicAttributes", TopicArn=TOPIC)["Attributes"]
    return attributes, node.aws("sns", "ListSubscriptionsByTopic", TopicArn=TOPIC)["Subscriptions"]


def bucket(node: TestNode) -> None:
    node.aws("s3", "CreateBucket", Bucket="taken")


def bucket_content(node: TestNode) -> Any:
    return node.aws("s3", "ListObjectsV2", Bucket="taken")["KeyCount"], node.aws("s3", "ListBuckets")["Buckets"]


def full_bucket(node: TestNode) -> None:
    bucket(node)
    node.aws("s3", "PutObject", Bucket="taken", Key="kept", Body=b"kept")
    node.aws("s3", "PutBucketPolicy", Bucket="taken", Policy=json.dumps(POLICY))


def full_bucket_content(node: TestNode) -> Any:
    policy = node.aws("s3", "GetBucketPolicy", Bucket="taken")["Policy"]
    return bucket_content(node), policy


def alarm(node: TestNode) -> None:
    node.aws("cloudwatch", "PutMetricAlarm", AlarmName="taken", AlarmDescription="kept", **ALARM)


def alarm_content(node: TestNode) -> Any:
    return node.aws("cloudwatch", "DescribeAlarms")["MetricAlarms"]


Case = tuple[str, dict[str, Any], Callable[[TestNode], None], Callable[[TestNode], Any]]
CASES: list[Case] = [
    ("AWS::SQS::Queue", {"QueueName": "taken"}, queue, queue_content),
    ("AWS::SNS::Topic", {"TopicName": "taken"}, topic, topic_content),
    ("AWS::S3::Bucket", {"BucketName": "taken"}, bucket, bucket_content),
    (
        "AWS::S3::Bucket",
        {"BucketName": "taken", "Tags": [{"Key": "a", "Value": "b"}]},
        full_bucket,
        full_bucket_content,
    ),
    ("AWS::S3::BucketPolicy", {"Bucket": "taken", "PolicyDocument": POLICY}, full_bucket, full_bucket_content),
    ("AWS::CloudWatch::Alarm", {"AlarmName": "taken", **ALARM}, alarm, alarm_content),
]
cases = pytest.mark.parametrize(("type_", "properties", "make", "content"), CASES)


def check_reason(reason: str, type_: str) -> None:
    begin_ = (
        f"Resource handler returned message: \"Resource of type '{type_}' with identifier 'taken' already exists.\""
    )
    assert reason.startswith(begin_ + " (RequestToken: ")
    assert reason.endswith(", HandlerErrorCode: AlreadyExists)")


@cases
@pytest.mark.parametrize("on_failure", ["ROLLBACK", "DO_NOTHING", "DELETE"])
def test_creation_fails_and_neither_rollback_nor_deletion_touches_it(
    node: TestNode, stacks: Stacks, type_: str, properties: dict[str, Any], make: Any, content: Any, on_failure: str
) -> None:
    make(node)
    before = content(node)
    template = {"Resources": {"R": {"Type": type_, "Properties": properties}}}
    arn = stacks.call("CreateStack", StackName="s", TemplateBody=template, OnFailure=on_failure)["StackId"]
    ends = {"ROLLBACK": "ROLLBACK_COMPLETE", "DO_NOTHING": "CREATE_FAILED", "DELETE": "DELETE_COMPLETE"}
    assert stacks.describe(arn)["StackStatus"] == ends[on_failure]
    assert ("R", "CREATE_FAILED") in [event[:2] for event in stacks.events(arn)]
    check_reason(stacks.reason(arn, "R"), type_)
    assert content(node) == before
    stacks.delete(arn)
    assert stacks.describe(arn)["StackStatus"] == "DELETE_COMPLETE"
    assert content(node) == before


@cases
def test_an_update_that_wants_it_is_taken_back_and_leaves_it(
    node: TestNode, stacks: Stacks, type_: str, properties: dict[str, Any], make: Any, content: Any
) -> None:
    make(node)
    stacks.create("s", {"Resources": {"Other": {"Type": "AWS::Logs::LogGroup"}}})
    before = content(node)
    resources = {"Other": {"Type": "AWS::Logs::LogGroup"}, "R": {"Type": type_, "Properties": properties}}
    assert stacks.update("s", {"Resources": resources})["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    check_reason(stacks.reason("s", "R"), type_)
    stacks.delete("s")
    assert content(node) == before


def test_a_replacement_that_wants_a_taken_name_is_taken_back(node: TestNode, stacks: Stacks) -> None:
    queue(node)
    stacks.create("s", {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    own, before = stacks.physical("s", "Q"), queue_content(node)
    template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "taken"}}}}
    assert stacks.update("s", template)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.physical("s", "Q") == own
    stacks.delete("s")
    assert queue_content(node) == before
    assert [url.rpartition("/")[2] for url in node.aws("sqs", "ListQueues")["QueueUrls"]] == ["taken"]


def test_one_who_may_not_ask_whether_it_exists_does_not_get_it(node: TestNode, stacks: Stacks) -> None:
    queue(node)
    before = queue_content(node)
    actions = ["cloudformation:*", "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:TagQueue"]
    user = stacks.as_user({"Effect": "Allow", "Action": actions, "Resource": "*"})
    template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "taken"}}}}
    assert user.create("s", template)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert queue_content(node) == before


def test_a_function_that_is_made_in_pieces_is_never_begun_under_a_taken_name(node: TestNode, stacks: Stacks) -> None:
    """Were it begun, a crash would have it removed, so that it can be made again."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    properties = {"Runtime": "python3.12", "Handler": "index.f", "Role": role, "Code": {"ZipFile": "f = print"}}
    function = {"Type": "AWS::Lambda::Function", "Properties": properties}
    stacks.create("owner", {"Resources": {"F": {**function, "Properties": {**properties, "FunctionName": "taken"}}}})
    before = node.aws("lambda", "GetFunctionConfiguration", FunctionName="taken")
    template = {"Resources": {"F": {**function, "Properties": {**properties, "FunctionName": "taken"}}}}
    call, payload = begin(node, "CreateStack", template)
    assert call.transact(background._begin_piece, call, payload["stack"], payload["operation"]) is None
    after = restarted(node)
    after.settle()
    again = Stacks(after, after)
    assert again.describe("s")["StackStatus"] == "ROLLBACK_COMPLETE"
    check_reason(again.reason("s", "F"), "AWS::Lambda::Function")
    again.delete("s")
    assert after.aws("lambda", "GetFunctionConfiguration", FunctionName="taken") == before
