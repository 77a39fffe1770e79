"""What belongs to a stack besides its template: tags that its resources bear, topics that hear of it, metadata."""

import json
from typing import Any

import pytest

from tests.client import ACCOUNT, TestNode
from tests.services.cloudformation.conftest import Stacks

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALARM = {
    "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "MetricName": "m", "Namespace": "n",
    "Period": 60, "Statistic": "Sum", "Threshold": 1,
}  # fmt: skip
KEY = {"AttributeName": "id", "KeyType": "HASH"}
TABLE = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [KEY],
}
OWN = {"Tags": [{"Key": "own", "Value": "o"}]}
TAGGED: dict[str, tuple[str, dict[str, Any]]] = {
    "Queue": ("AWS::SQS::Queue", OWN),
    "Topic": ("AWS::SNS::Topic", OWN),
    "Bucket": ("AWS::S3::Bucket", OWN),
    "Table": ("AWS::DynamoDB::Table", TABLE | OWN),
    "Group": ("AWS::Logs::LogGroup", OWN),
    "Alarm": ("AWS::CloudWatch::Alarm", ALARM | OWN),
    "Role": ("AWS::IAM::Role", {"AssumeRolePolicyDocument": TRUST} | OWN),
    "User": ("AWS::IAM::User", OWN),
}
TEMPLATE = {"Resources": {name: {"Type": t, "Properties": p} for name, (t, p) in TAGGED.items()}}


def tags(**pairs: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def borne(node: TestNode, stacks: Stacks) -> dict[str, dict[str, str]]:
    def pairs(found: list[dict[str, str]]) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in found}

    ids = {name: stacks.physical("s", name) for name in TAGGED}
    here = f"us-east-1:{ACCOUNT}"
    alarm, table = f"arn:aws:cloudwatch:{here}:alarm:{ids['Alarm']}", f"arn:aws:dynamodb:{here}:table/{ids['Table']}"
    group = f"arn:aws:logs:{here}:log-group:{ids['Group']}"
    return {
        "Queue": node.aws("sqs", "ListQueueTags", QueueUrl=ids["Queue"])["Tags"],
        "Topic": pairs(node.aws("sns", "ListTagsForResource", ResourceArn=ids["Topic"])["Tags"]),
        "Bucket": pairs(node.aws("s3", "GetBucketTagging", Bucket=ids["Bucket"])["TagSet"]),
        "Table": pairs(node.aws("dynamodb", "ListTagsOfResource", ResourceArn=table)["Tags"]),
        "Group": node.aws("logs", "ListTagsForResource", resourceArn=group)["tags"],
        "Alarm": pairs(node.aws("cloudwatch", "ListTagsForResource", ResourceARN=alarm)["Tags"]),
        "Role": pairs(node.aws("iam", "ListRoleTags", RoleName=ids["Role"])["Tags"]),
        "User": pairs(node.aws("iam", "ListUserTags", UserName=ids["User"])["Tags"]),
    }


def test_resources_bear_the_stacks_tags_and_follow_them(node: TestNode, stacks: Stacks) -> None:
    stacks.create("s", TEMPLATE, Tags=tags(team="red", gone="g"))
    assert borne(node, stacks) == {name: {"team": "red", "gone": "g", "own": "o"} for name in TAGGED}
    stack = stacks.update("s", TEMPLATE, Tags=tags(team="blue", new="n", own="theirs"))
    assert (stack["StackStatus"], stack["Tags"]) == ("UPDATE_COMPLETE", tags(team="blue", new="n", own="theirs"))
    after = {"team": "blue", "new": "n", "own": "o"}
    assert borne(node, stacks) == dict.fromkeys(TAGGED, after)
    failing = {"Resources": TEMPLATE["Resources"] | {"Bad": {"Type": "AWS::SQS::Queue", "Properties": {"X": 1}}}}
    failing["Resources"]["Bad"]["DependsOn"] = list(TAGGED)
    assert stacks.update("s", failing, Tags=tags(team="x"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert borne(node, stacks) == dict.fromkeys(TAGGED, after)


def test_a_change_set_shows_that_tags_change(stacks: Stacks) -> None:
    template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}, "P": {"Type": "AWS::CDK::Metadata"}}}
    stacks.create("s", template)
    stacks.call("CreateChangeSet", StackName="s", ChangeSetName="c", UsePreviousTemplate=True, Tags=tags(a="b"))
    (change,) = stacks.call("DescribeChangeSet", StackName="s", ChangeSetName="c")["Changes"]
    told = change["ResourceChange"]
    assert (told["LogicalResourceId"], told["Action"], told["Scope"], told["Replacement"]) == (
        "Q",
        "Modify",
        ["Tags"],
        "False",
    )


def test_a_change_that_comes_from_a_parameter_names_it(stacks: Stacks) -> None:
    template = {
        "Parameters": {"Delay": {"Type": "Number"}, "Same": {"Type": "String", "Default": "s"}},
        "Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Fn::Sub": "${Delay}"}}}},
    }
    stacks.create("s", template, Parameters=[{"ParameterKey": "Delay", "ParameterValue": "1"}])
    given = [{"ParameterKey": "Delay", "ParameterValue": "2"}]
    stacks.call("CreateChangeSet", StackName="s", ChangeSetName="c", UsePreviousTemplate=True, Parameters=given)
    (change,) = stacks.call("DescribeChangeSet", StackName="s", ChangeSetName="c")["Changes"]
    details = change["ResourceChange"]["Details"]
    assert [(d["ChangeSource"], d["Evaluation"], d.get("CausingEntity")) for d in details] == [
        ("ParameterReference", "Static", "Delay"),
        ("DirectModification", "Dynamic", None),
    ]


def test_metadata_is_told_with_its_functions_resolved(stacks: Stacks) -> None:
    other = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "other"}}
    metadata = {"Region": {"Ref": "AWS::Region"}, "Other": {"Fn::GetAtt": ["Other", "QueueName"]}}
    template = {"Resources": {"A": {"Type": "AWS::SQS::Queue", "Metadata": metadata}, "Other": other}}
    assert stacks.create("s", template)["StackStatus"] == "CREATE_COMPLETE"
    detail = stacks.call("DescribeStackResource", StackName="s", LogicalResourceId="A")["StackResourceDetail"]
    assert json.loads(detail["Metadata"]) == {"Region": "us-east-1", "Other": "other"}
    metadata["Nope"] = {"Ref": "Nope"}
    refusal = stacks.refusal("UpdateStack", StackName="s", TemplateBody=template)
    assert "Unresolved resource dependencies [Nope] in the Resources block of the template" in refusal.message


# ── topics ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def heard(node: TestNode) -> str:
    """The URL of a queue behind the topic `t`."""
    url = node.aws("sqs", "CreateQueue", QueueName="heard")["QueueUrl"]
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:heard"
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    node.aws("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})
    topic = node.aws("sns", "CreateTopic", Name="t")["TopicArn"]
    node.aws("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=queue)
    return url


def messages(node: TestNode, url: str) -> list[dict[str, str]]:
    found = []
    while received := node.aws("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        found += [json.loads(message["Body"])["Message"] for message in received]
        for message in received:
            node.aws("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [dict(line.removesuffix("'").split("='", 1) for line in text.splitlines()) for text in found]


TOPICS = {"NotificationARNs": [f"arn:aws:sns:us-east-1:{ACCOUNT}:t", f"arn:aws:sns:us-east-1:{ACCOUNT}:nowhere"]}
ONE = {"Resources": {"A": {"Type": "AWS::CDK::Metadata"}}}


def test_topics_hear_of_each_event_and_one_that_is_nowhere_holds_up_nothing(
    node: TestNode, stacks: Stacks, heard: str
) -> None:
    arn = stacks.create("s", ONE, **TOPICS)["StackId"]
    told = messages(node, heard)
    assert sorted((m["LogicalResourceId"], m["ResourceStatus"]) for m in told) == sorted(
        (logical, status) for logical, status, _ in stacks.events("s")
    )
    first = next(m for m in told if m["ResourceStatus"] == "CREATE_IN_PROGRESS" and m["LogicalResourceId"] == "s")
    assert (first["StackId"], first["StackName"], first["ResourceStatusReason"]) == (arn, "s", "User Initiated")
    assert (first["Namespace"], first["ResourceType"], first["ClientRequestToken"]) == (
        ACCOUNT,
        "AWS::CloudFormation::Stack",
        "null",
    )


def test_a_topic_hears_nothing_from_one_who_may_not_publish(node: TestNode, stacks: Stacks, heard: str) -> None:
    user = stacks.as_user({"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"},
                          {"Effect": "Deny", "Action": "sns:Publish", "Resource": "*"})  # fmt: skip
    assert user.create("s", ONE, **TOPICS)["StackStatus"] == "CREATE_COMPLETE"
    assert messages(node, heard) == []
