"""What services let be taken over, as on AWS: who says the same has it from then on, and who deletes it removes it."""

import json
from typing import Any

import pytest

from tests.client import ACCOUNT, TestNode
from tests.services.cloudformation.conftest import Stacks

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
URL = f"http://127.0.0.1/{ACCOUNT}/q"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:t"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
LAMBDA = "python3.12"
FAILS = {"Type": "AWS::SQS::Queue", "DependsOn": "R", "Properties": {"VisibilityTimeout": -1}}


def policy(action: str, resource: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": action, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def document(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def one(type_: str, more: bool = False, **properties: Any) -> dict[str, Any]:
    return {"Resources": {"R": {"Type": type_, "Properties": properties}} | ({"Fails": FAILS} if more else {})}


def test_a_subscription_that_says_the_same_is_taken_over_and_goes_with_the_stack(
    node: TestNode, stacks: Stacks
) -> None:
    node.aws("sns", "CreateTopic", Name="t")
    theirs = node.aws("sns", "Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)["SubscriptionArn"]
    stack = stacks.create("s", one("AWS::SNS::Subscription", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE))
    assert (stack["StackStatus"], stacks.physical("s", "R")) == ("CREATE_COMPLETE", theirs)
    stacks.delete("s")
    assert node.aws("sns", "ListSubscriptions")["Subscriptions"] == []


def test_a_subscription_that_says_something_else_is_refused_and_theirs_stays(node: TestNode, stacks: Stacks) -> None:
    node.aws("sns", "CreateTopic", Name="t")
    theirs = node.aws("sns", "Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)["SubscriptionArn"]
    stated = {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE, "RawMessageDelivery": True}
    assert stacks.create("s", one("AWS::SNS::Subscription", **stated))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "Subscription already exists with different attributes" in stacks.reason("s", "R")
    stacks.delete("s")
    assert [s["SubscriptionArn"] for s in node.aws("sns", "ListSubscriptions")["Subscriptions"]] == [theirs]


def test_a_queues_policy_is_overwritten_and_a_rollback_leaves_none(node: TestNode, stacks: Stacks) -> None:
    node.aws("sqs", "CreateQueue", QueueName="q", Attributes={"Policy": json.dumps(policy("sqs:*", QUEUE))})

    def present() -> Any:
        answer = node.aws("sqs", "GetQueueAttributes", QueueUrl=URL, AttributeNames=["Policy"])
        return json.loads(answer.get("Attributes", {}).get("Policy", "null"))

    ours = policy("sqs:SendMessage", QUEUE)
    stacks.create("s", one("AWS::SQS::QueuePolicy", Queues=[URL], PolicyDocument=ours))
    assert present() == ours
    other = policy("sqs:ReceiveMessage", QUEUE)
    stack = stacks.create("t", one("AWS::SQS::QueuePolicy", more=True, Queues=[URL], PolicyDocument=other))
    assert (stack["StackStatus"], present()) == ("ROLLBACK_COMPLETE", None)


def test_a_topics_policy_is_overwritten_and_a_rollback_leaves_the_default(node: TestNode, stacks: Stacks) -> None:
    node.aws("sns", "CreateTopic", Name="t")

    def present(arn: str = TOPIC) -> Any:
        return json.loads(node.aws("sns", "GetTopicAttributes", TopicArn=arn)["Attributes"]["Policy"])

    default, ours = present(), policy("sns:Publish", TOPIC)
    node.aws("sns", "SetTopicAttributes", TopicArn=TOPIC, AttributeName="Policy", AttributeValue=json.dumps(ours))
    other = policy("sns:Subscribe", TOPIC)
    stack = stacks.create("s", one("AWS::SNS::TopicPolicy", more=True, Topics=[TOPIC], PolicyDocument=other))
    assert (stack["StackStatus"], present()) == ("ROLLBACK_COMPLETE", default)


def test_a_topic_that_its_policy_no_longer_names_has_the_default_again(node: TestNode, stacks: Stacks) -> None:
    arns = [node.aws("sns", "CreateTopic", Name=name)["TopicArn"] for name in ("t", "u")]

    def actions() -> list[int]:
        found = (node.aws("sns", "GetTopicAttributes", TopicArn=arn)["Attributes"]["Policy"] for arn in arns)
        return [len(json.loads(policy)["Statement"][0]["Action"]) for policy in found]

    assert actions() == [8, 8]
    stated = {"PolicyDocument": policy("sns:Publish", "*")}
    stacks.create("s", one("AWS::SNS::TopicPolicy", Topics=arns, **stated))
    assert actions() == [len("sns:Publish")] * 2
    stacks.update("s", one("AWS::SNS::TopicPolicy", Topics=arns[:1], **stated))
    assert actions() == [len("sns:Publish"), 8]


def test_a_user_already_in_a_group_is_taken_over_and_leaves_it_with_the_stack(node: TestNode, stacks: Stacks) -> None:
    node.aws("iam", "CreateGroup", GroupName="g")
    node.aws("iam", "CreateUser", UserName="u")
    node.aws("iam", "AddUserToGroup", GroupName="g", UserName="u")
    stack = stacks.create("s", one("AWS::IAM::UserToGroupAddition", GroupName="g", Users=["u"]))
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    stacks.delete("s")
    assert node.aws("iam", "GetGroup", GroupName="g")["Users"] == []


# ── inline policies: one owner among stacks ──────────────────────────────────────────────────────────────────────────


def inline(action: str, *roles: str, name: str = "p") -> dict[str, Any]:
    return one("AWS::IAM::Policy", PolicyName=name, PolicyDocument=document(action), Roles=list(roles))


@pytest.fixture
def roles(node: TestNode) -> list[str]:
    for name in ("a", "b"):
        node.aws("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    return ["a", "b"]


def inline_of(node: TestNode, role: str) -> dict[str, str]:
    names = node.aws("iam", "ListRolePolicies", RoleName=role)["PolicyNames"]
    found = {name: node.aws("iam", "GetRolePolicy", RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
    return {name: "sqs" if "sqs" in text else "sns" for name, text in found.items()}


def told(stack: str) -> str:
    return (
        "Policy resource was already managed by another stack or another resource in the current stack. "
        f"Found stacks: [{stack}|R]"
    )


def test_one_that_nobody_manages_is_overwritten(node: TestNode, stacks: Stacks, roles: list[str]) -> None:
    node.aws("iam", "PutRolePolicy", RoleName="a", PolicyName="p", PolicyDocument=json.dumps(document("sns:*")))
    assert stacks.create("s", inline("sqs:*", "a"))["StackStatus"] == "CREATE_COMPLETE"
    assert inline_of(node, "a") == {"p": "sqs"}


def test_one_of_another_stack_is_neither_overwritten_nor_removed(
    node: TestNode, stacks: Stacks, roles: list[str]
) -> None:
    stacks.create("first", inline("sqs:*", "a"))
    assert stacks.create("second", inline("sns:*", "a", "b"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert stacks.reason("second", "R") == told("first")
    stacks.delete("second")
    assert (inline_of(node, "a"), inline_of(node, "b")) == ({"p": "sqs"}, {})


def test_an_update_does_not_take_it_either(node: TestNode, stacks: Stacks, roles: list[str]) -> None:
    stacks.create("first", inline("sqs:*", "a"))
    stacks.create("second", inline("sns:*", "b"))
    assert stacks.update("second", inline("sns:*", "a", "b"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert (inline_of(node, "a"), inline_of(node, "b")) == ({"p": "sqs"}, {"p": "sns"})


def test_a_place_is_free_again_once_its_owner_left_it(node: TestNode, stacks: Stacks, roles: list[str]) -> None:
    stacks.create("first", inline("sqs:*", "a"))
    stacks.update("first", inline("sqs:*", "b"))
    assert stacks.create("second", inline("sns:*", "a"))["StackStatus"] == "CREATE_COMPLETE"
    stacks.delete("second")
    assert stacks.create("third", inline("sns:*", "a", name="q"))["StackStatus"] == "CREATE_COMPLETE"
    stacks.delete("first")
    assert stacks.update("third", inline("sns:*", "a", "b", name="q"))["StackStatus"] == "UPDATE_COMPLETE"


def test_a_retained_one_has_no_owner(node: TestNode, stacks: Stacks, roles: list[str]) -> None:
    kept = inline("sqs:*", "a")
    kept["Resources"]["R"]["DeletionPolicy"] = "Retain"
    stacks.create("first", kept)
    stacks.delete("first")
    assert stacks.create("second", inline("sns:*", "a"))["StackStatus"] == "CREATE_COMPLETE"


# ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def function(code: str, *versions: str) -> dict[str, Any]:
    properties = {"FunctionName": "f", "Runtime": LAMBDA, "Handler": "index.f", "Code": {"ZipFile": code}}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
    made = {"Type": "AWS::Lambda::Function", "Properties": {**properties, "Role": {"Fn::GetAtt": ["Role", "Arn"]}}}
    version = {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "F"}}}
    return {"Resources": {"Role": role, "F": made} | dict.fromkeys(versions, version)}


def test_a_version_that_is_there_is_not_published_again_nor_removed(node: TestNode, stacks: Stacks) -> None:
    assert stacks.create("s", function("f = print", "V1"))["StackStatus"] == "CREATE_COMPLETE"
    assert stacks.update("s", function("f = print", "V1", "V2"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.reason("s", "V2").startswith(
        'Resource handler returned message: "A version for this Lambda function exists ( 1 ). Modify the function to '
        'create a new version." (RequestToken: '
    )

    def versions() -> list[str]:
        return [v["Version"] for v in node.aws("lambda", "ListVersionsByFunction", FunctionName="f")["Versions"]]

    assert versions() == ["$LATEST", "1"]
    assert stacks.update("s", function("f = repr", "V1", "V2"))["StackStatus"] == "UPDATE_COMPLETE"
    assert versions() == ["$LATEST", "1", "2"]
