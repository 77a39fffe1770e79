"""The confused deputy: a service is let in, and somebody else makes it come.

aws:SourceArn and aws:SourceAccount name on whose behalf a service acts; the node says them, never the request.
https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
"""

import json
from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from tests.client import Caller, TestNode
from tests.security.attackers import ADMIN, IAM, OTHER, allow, denial, document, role, session
from tests.services.cloudformation.conftest import ALL, Stacks
from tests.services.lambda_.lambda_functions import Lambda

OURS = "000000000000"
QUEUE, TOPIC = f"arn:aws:sqs:us-east-1:{OURS}:q", f"arn:aws:sns:us-east-1:{OURS}:t"
URL = f"http://127.0.0.1:4566/{OURS}/q"


def lets(service: str, action: str, arn: str, **condition: Any) -> str:
    """A resource's policy that lets a service in under a condition."""
    statement = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": action,
                 "Resource": arn, "Condition": condition}  # fmt: skip
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def queue(node: TestNode, policy: str) -> None:
    node.aws("sqs", "CreateQueue", QueueName="q")
    node.aws("sqs", "SetQueueAttributes", QueueUrl=URL, Attributes={"Policy": policy})


def received(node: TestNode) -> list[str]:
    node.settle()
    return [m["Body"] for m in node.aws("sqs", "ReceiveMessage", QueueUrl=URL).get("Messages", [])]


def notify_queue(caller: Caller | TestNode, bucket: str) -> None:
    caller.aws("s3", "PutBucketNotificationConfiguration", Bucket=bucket, NotificationConfiguration={
        "QueueConfigurations": [{"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]}]})  # fmt: skip


@pytest.mark.parametrize(
    "condition",
    [
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::ours"}},
        {"StringEquals": {"aws:SourceAccount": OURS}},
        {"StringEquals": {"AWS:sourceaccount": OURS}},  # keys have no case
    ],
)
def test_a_strangers_bucket_brings_s3_to_no_queue_of_ours(node: TestNode, condition: dict[str, Any]) -> None:
    queue(node, lets("s3", "sqs:SendMessage", QUEUE, **condition))
    stranger = node.caller(OTHER, "test")
    stranger.aws("s3", "CreateBucket", Bucket="theirs")
    node.aws("s3", "CreateBucket", Bucket="ours")
    with pytest.raises(AwsError) as refused:
        notify_queue(stranger, "theirs")
    assert refused.value.message == "Unable to validate the following destination configurations"
    notify_queue(node, "ours")
    assert len(received(node)) == 1  # S3's test event


def test_a_bucket_that_a_stranger_made_again_under_our_name_brings_nothing(node: TestNode) -> None:
    """The ARN of a bucket names no account: that is what aws:SourceAccount is for."""
    arn, account = {"aws:SourceArn": "arn:aws:s3:::ours"}, {"aws:SourceAccount": OURS}
    queue(node, lets("s3", "sqs:SendMessage", QUEUE, ArnEquals=arn, StringEquals=account))
    node.aws("s3", "CreateBucket", Bucket="ours")
    notify_queue(node, "ours")
    node.aws("s3", "DeleteBucket", Bucket="ours")
    stranger = node.caller(OTHER, "test")
    stranger.aws("s3", "CreateBucket", Bucket="ours")
    with pytest.raises(AwsError):
        notify_queue(stranger, "ours")
    received(node)
    stranger.aws("s3", "PutObject", Bucket="ours", Key="k", Body=b"")
    assert received(node) == []


def test_what_the_policy_lost_is_not_delivered(node: TestNode) -> None:
    """Asked again for each event, not only when the notification is set."""
    queue(node, lets("s3", "sqs:SendMessage", QUEUE, ArnEquals={"aws:SourceArn": "arn:aws:s3:::ours"}))
    node.aws("s3", "CreateBucket", Bucket="ours")
    notify_queue(node, "ours")
    received(node)
    node.aws("sqs", "SetQueueAttributes", QueueUrl=URL, Attributes={"Policy": ""})
    node.aws("s3", "PutObject", Bucket="ours", Key="k", Body=b"")
    assert received(node) == []


def test_another_topic_brings_sns_to_no_queue_of_ours(node: TestNode) -> None:
    queue(node, lets("sns", "sqs:SendMessage", QUEUE, ArnEquals={"aws:SourceArn": TOPIC}))
    for name in ("t", "other"):
        topic = node.aws("sns", "CreateTopic", Name=name)["TopicArn"]
        node.aws("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=QUEUE)
        node.aws("sns", "Publish", TopicArn=topic, Message=name)
    assert [json.loads(body)["Message"] for body in received(node)] == ["t"]


def test_a_strangers_topic_of_the_same_name_is_another(node: TestNode) -> None:
    queue(node, lets("sns", "sqs:SendMessage", QUEUE, ArnLike={"aws:SourceArn": f"arn:aws:sns:*:{OURS}:*"}))
    stranger = node.caller(OTHER, "test")
    topic = stranger.aws("sns", "CreateTopic", Name="t")["TopicArn"]
    try:
        stranger.aws("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=QUEUE)
    except AwsError:
        pass
    stranger.aws("sns", "Publish", TopicArn=topic, Message="mine")
    assert all(json.loads(body).get("Message") != "mine" for body in received(node))


@pytest.mark.parametrize(
    ("service", "source", "invoked"),
    [("sns", TOPIC, True), ("sns", f"{TOPIC}2", False), ("s3", TOPIC, False)],
)
def test_a_function_is_invoked_for_the_source_it_names_only(
    node: TestNode, service: str, source: str, invoked: bool
) -> None:
    fn = Lambda(node)
    fn.make_role()
    fn.create()
    node.aws("lambda", "AddPermission", FunctionName="echo", StatementId="s", Action="lambda:InvokeFunction",
             Principal=f"{service}.amazonaws.com", SourceArn=source, SourceAccount=OURS)  # fmt: skip
    node.aws("sns", "CreateTopic", Name="t")
    endpoint = f"arn:aws:lambda:us-east-1:{OURS}:function:echo"
    node.aws("sns", "Subscribe", TopicArn=TOPIC, Protocol="lambda", Endpoint=endpoint)
    node.aws("sns", "Publish", TopicArn=TOPIC, Message="m")
    asked = [d for d in node.decisions if d.action == "lambda:InvokeFunction"]
    assert {d.allowed for d in asked} == {invoked}
    node.run(node.house.functions.close())


ALARM = f"arn:aws:cloudwatch:us-east-1:{OURS}:alarm:high"


@pytest.mark.parametrize(
    ("condition", "sent"),
    [
        ({"ArnEquals": {"aws:SourceArn": ALARM}}, True),
        ({"ArnEquals": {"aws:SourceArn": f"{ALARM}er"}}, False),
        ({"StringEquals": {"aws:SourceAccount": OURS}}, True),
        ({"StringEquals": {"aws:SourceAccount": OTHER}}, False),
    ],
)
def test_an_alarm_publishes_where_the_topic_means_it(node: TestNode, condition: dict[str, Any], sent: bool) -> None:
    node.aws("sns", "CreateTopic", Name="t")
    policy = lets("cloudwatch", "sns:Publish", TOPIC, **condition)
    node.aws("sns", "SetTopicAttributes", TopicArn=TOPIC, AttributeName="Policy", AttributeValue=policy)
    node.aws("cloudwatch", "PutMetricAlarm", AlarmName="high", Namespace="n", MetricName="m", Statistic="Sum",
             Period=60, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
             AlarmActions=[TOPIC])  # fmt: skip
    node.aws("cloudwatch", "SetAlarmState", AlarmName="high", StateValue="ALARM", StateReason="test")
    node.settle()
    assert {d.allowed for d in node.decisions if d.action == "SNS:Publish"} == {sent}


@pytest.mark.parametrize(
    "name", ["aws:SourceArn", "aws:SourceAccount", "aws:PrincipalIsAWSService", "aws:ViaAWSService"]
)
def test_a_caller_cannot_say_himself_what_a_service_says(node: TestNode, name: str) -> None:
    """Neither by header nor by parameter: a user's request has no source."""
    values = {"aws:SourceArn": TOPIC, "aws:SourceAccount": OURS}
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": QUEUE,
                 "Condition": {"StringEquals": {name: values.get(name, "true")}}}  # fmt: skip
    queue(node, json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    mallory = node.as_user()
    request = mallory.request("sqs", "SendMessage", {"QueueUrl": URL, "MessageBody": "m"})
    for header in ("x-amz-source-arn", "x-amz-source-account", "aws-source-arn"):
        with_header = mallory.request("sqs", "SendMessage", {"QueueUrl": URL, "MessageBody": "m"})
        with_header.headers.append((header, values.get(name, "true")))
        assert node.send(with_header).status in (400, 403)
    assert node.send(request).status == 403


# ── CloudFormation ────────────────────────────────────────────────────────────────────────────────────────────────

STACKS = allow("cloudformation:*")
ROLE_FOR_ANYBODY = {
    "Resources": {
        "Admin": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "made",
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": {"Effect": "Allow", "Principal": {"AWS": OURS}, "Action": "sts:AssumeRole"},
                },
                "Policies": [{"PolicyName": "all", "PolicyDocument": json.loads(ADMIN)}],
            },
        }
    }
}
QUEUES = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "made"}}}}


def test_a_stack_makes_no_role_that_its_maker_may_not_make(node: TestNode) -> None:
    mallory = Stacks(node, node.as_user(STACKS, allow("sqs:*")))
    assert mallory.create("s", ROLE_FOR_ANYBODY)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "iam:CreateRole" in mallory.reason("s", "Admin")
    assert [r["RoleName"] for r in node.aws("iam", "ListRoles")["Roles"]] == []


def test_a_stack_of_a_limited_session_does_no_more_than_the_session(node: TestNode) -> None:
    arn = role(node, "deployer", {"AWS": OURS}, allow("*"))
    limit = document(STACKS, allow("sqs:*", "arn:aws:sqs:*:*:other"))
    limited = session(node.as_user(allow("sts:AssumeRole")), node, arn, Policy=limit)
    mallory = Stacks(node, limited)
    assert mallory.create("s", QUEUES)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "no session policy allows" in mallory.reason("s", "Q")


def test_who_deletes_a_stack_deletes_what_he_may(node: TestNode) -> None:
    Stacks(node, node).create("s", QUEUES)
    Stacks(node, node.as_user(STACKS)).delete("s")
    assert Stacks(node, node).describe("s")["StackStatus"] == "DELETE_FAILED"
    assert len(node.aws("sqs", "ListQueues")["QueueUrls"]) == 1


def test_who_executes_a_change_set_makes_what_he_may(node: TestNode) -> None:
    """Whoever wrote it: to see through a change set of somebody stronger is not to be stronger."""
    given = {"StackName": "s", "ChangeSetName": "c", "ChangeSetType": "CREATE", "Capabilities": ALL}
    admin = Stacks(node, node)
    admin.call("CreateChangeSet", TemplateBody=QUEUES, **given)
    mallory = Stacks(node, node.as_user(STACKS))
    mallory.call("ExecuteChangeSet", StackName="s", ChangeSetName="c")
    assert admin.describe("s")["StackStatus"] == "ROLLBACK_COMPLETE"


def test_a_role_that_trusts_another_service_is_not_cloudformations(node: TestNode) -> None:
    arn = role(node, "runner", {"Service": "lambda.amazonaws.com"}, allow("*"))
    mallory = Stacks(node, node.as_user(STACKS, allow("iam:PassRole")))
    with pytest.raises(AwsError, match="is invalid or cannot be assumed"):
        mallory.call("CreateStack", StackName="s", TemplateBody=QUEUES, RoleARN=arn)


def test_a_role_passed_to_one_service_is_not_passed_to_another(node: TestNode) -> None:
    trusted = {"Service": ["lambda.amazonaws.com", "cloudformation.amazonaws.com"]}
    arn = role(node, "both", trusted, allow("*"))
    only_lambda = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    mallory = node.as_user(STACKS, allow("iam:PassRole", f"{IAM}:role/both", Condition=only_lambda))
    message = denial(
        mallory, "cloudformation", "CreateStack", StackName="s", TemplateBody=json.dumps(QUEUES), RoleARN=arn
    )
    assert "iam:PassRole" in message
