"""Stacks from creation to deletion, with queues as their resources."""

import json
from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.cloudformation.records import Resource
from cloudlet.services.cloudformation.service import cloudformation
from tests.client import ACCOUNT, REGION, TestNode
from tests.services.cloudformation.conftest import Stacks

QUEUE = "AWS::SQS::Queue"


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": QUEUE, "Properties": properties}


def test_a_stack_makes_its_resources_and_tells_its_outputs(node: TestNode, stacks: Stacks) -> None:
    template = {
        "Description": "two queues",
        "Parameters": {"Delay": {"Type": "Number", "Default": "7"}},
        "Resources": {
            "Main": queue(
                DelaySeconds={"Ref": "Delay"},
                RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3},
            ),
            "Dead": queue(QueueName="dead"),
        },
        "Outputs": {"Url": {"Value": {"Ref": "Main"}, "Description": "the queue"}},
    }
    stack = stacks.create("s", template, Tags=[{"Key": "team", "Value": "a"}])
    assert (stack["StackStatus"], stack["Description"]) == ("CREATE_COMPLETE", "two queues")
    assert stack["Parameters"] == [{"ParameterKey": "Delay", "ParameterValue": "7"}]
    url = stacks.physical("s", "Main")
    assert stack["Outputs"] == [{"OutputKey": "Url", "OutputValue": url, "Description": "the queue"}]
    attributes = node.aws("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (attributes["DelaySeconds"], '"maxReceiveCount": 3' in attributes["RedrivePolicy"]) == ("7", True)
    assert node.aws("sqs", "ListQueueTags", QueueUrl=url)["Tags"] == {"team": "a"}
    assert url.rpartition("/")[2].startswith("s-Main-")


def test_events_tell_the_story_in_order(stacks: Stacks) -> None:
    stacks.create("s", {"Resources": {"B": {**queue(), "DependsOn": "A"}, "A": queue()}}, ClientRequestToken="t-1")
    assert stacks.events("s") == [
        ("s", "CREATE_IN_PROGRESS", "User Initiated"),
        ("A", "CREATE_IN_PROGRESS", ""),
        ("A", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("A", "CREATE_COMPLETE", ""),
        ("B", "CREATE_IN_PROGRESS", ""),
        ("B", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("B", "CREATE_COMPLETE", ""),
        ("s", "CREATE_COMPLETE", ""),
    ]


def test_a_resource_that_fails_takes_the_others_with_it(node: TestNode, stacks: Stacks) -> None:
    bad = queue(VisibilityTimeout=100_000)
    stack = stacks.create("s", {"Resources": {"Good": queue(QueueName="good"), "Bad": {**bad, "DependsOn": "Good"}}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "VisibilityTimeout" in stacks.reason("s", "Bad")
    statuses = [(logical, status) for logical, status, _ in stacks.events("s")][-5:]
    assert statuses == [
        ("Bad", "CREATE_FAILED"),
        ("s", "ROLLBACK_IN_PROGRESS"),
        ("Good", "DELETE_IN_PROGRESS"),
        ("Good", "DELETE_COMPLETE"),
        ("s", "ROLLBACK_COMPLETE"),
    ]
    assert node.aws("sqs", "ListQueues").get("QueueUrls", []) == []
    assert stacks.refusal("DescribeStackResource", StackName="s", LogicalResourceId="Bad").message == (
        "Resource Bad does not exist for stack s"
    )


@pytest.mark.parametrize(
    ("wish", "status", "queues"),
    [
        ({"OnFailure": "DO_NOTHING"}, "CREATE_FAILED", 1),
        ({"DisableRollback": True}, "CREATE_FAILED", 1),
        ({"OnFailure": "DELETE"}, "DELETE_COMPLETE", 0),
    ],
)
def test_what_happens_on_failure_can_be_chosen(
    node: TestNode, stacks: Stacks, wish: dict[str, Any], status: str, queues: int
) -> None:
    template = {"Resources": {"A": queue(), "Bad": {**queue(VisibilityTimeout=-1), "DependsOn": "A"}}}
    answer = stacks.call("CreateStack", StackName="s", TemplateBody=template, **wish)
    assert stacks.describe(answer["StackId"])["StackStatus"] == status
    assert len(node.aws("sqs", "ListQueues").get("QueueUrls", [])) == queues


def test_deleting_goes_backwards_and_frees_the_name(node: TestNode, stacks: Stacks) -> None:
    template = {"Resources": {"A": queue(), "B": {**queue(), "DependsOn": "A"}}}
    arn = stacks.create("s", template)["StackId"]
    stacks.delete("s")
    assert stacks.describe(arn)["StackStatus"] == "DELETE_COMPLETE"
    gone = [logical for logical, status, _ in stacks.events(arn) if status == "DELETE_COMPLETE"]
    assert gone == ["B", "A", "s"]
    assert stacks.refusal("DescribeStacks", StackName="s").message == "Stack with id s does not exist"
    assert node.aws("sqs", "ListQueues").get("QueueUrls", []) == []
    assert stacks.create("s", template)["StackId"] != arn
    stacks.delete("never-was")


def test_retained_resources_stay(node: TestNode, stacks: Stacks) -> None:
    arn = stacks.create("s", {"Resources": {"A": {**queue(QueueName="kept"), "DeletionPolicy": "Retain"}}})["StackId"]
    stacks.delete("s")
    assert ("A", "DELETE_SKIPPED", "") in stacks.events(arn)
    assert len(node.aws("sqs", "ListQueues")["QueueUrls"]) == 1


def test_a_protected_stack_is_not_deleted(stacks: Stacks) -> None:
    stacks.create("s", {"Resources": {"A": queue()}}, EnableTerminationProtection=True)
    refusal = stacks.refusal("DeleteStack", StackName="s")
    assert refusal.message == "Stack [s] cannot be deleted while TerminationProtection is enabled"
    stacks.call("UpdateTerminationProtection", StackName="s", EnableTerminationProtection=False)
    stacks.delete("s")


def test_an_update_changes_adds_and_removes(node: TestNode, stacks: Stacks) -> None:
    stacks.create("s", {"Resources": {"A": queue(DelaySeconds=1), "B": queue(), "C": queue()}})
    before = {name: stacks.physical("s", name) for name in "AB"}
    stack = stacks.update("s", {"Resources": {"A": queue(DelaySeconds=2), "B": queue(), "D": queue()}})
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert {name: stacks.physical("s", name) for name in "AB"} == before
    told = [(logical, status) for logical, status, _ in stacks.events("s")]
    told = told[told.index(("s", "UPDATE_IN_PROGRESS")) :]
    assert told == [
        ("s", "UPDATE_IN_PROGRESS"),
        ("A", "UPDATE_IN_PROGRESS"),
        ("A", "UPDATE_COMPLETE"),
        ("D", "CREATE_IN_PROGRESS"),
        ("D", "CREATE_IN_PROGRESS"),
        ("D", "CREATE_COMPLETE"),
        ("s", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("C", "DELETE_IN_PROGRESS"),
        ("C", "DELETE_COMPLETE"),
        ("s", "UPDATE_COMPLETE"),
    ]
    delay = node.aws("sqs", "GetQueueAttributes", QueueUrl=before["A"], AttributeNames=["DelaySeconds"])
    assert delay["Attributes"] == {"DelaySeconds": "2"}


def test_a_property_that_cannot_change_makes_a_new_resource_first_and_removes_the_old_one_last(
    node: TestNode, stacks: Stacks
) -> None:
    user = queue(RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": ["A", "Arn"]}, "maxReceiveCount": 1})
    stacks.create("s", {"Resources": {"A": queue(QueueName="old"), "User": user}})
    stacks.update("s", {"Resources": {"A": queue(QueueName="new"), "User": user}})
    names = sorted(url.rpartition("/")[2] for url in node.aws("sqs", "ListQueues")["QueueUrls"])
    assert [name for name in names if not name.startswith("s-")] == ["new"]
    redrive = node.aws(
        "sqs", "GetQueueAttributes", QueueUrl=stacks.physical("s", "User"), AttributeNames=["RedrivePolicy"]
    )
    assert ":new" in redrive["Attributes"]["RedrivePolicy"]
    reason = "Requested update requires the creation of a new physical resource; hence creating one."
    assert ("A", "UPDATE_IN_PROGRESS", reason) in stacks.events("s")


def test_a_failed_update_puts_everything_back(node: TestNode, stacks: Stacks) -> None:
    stacks.create("s", {"Resources": {"A": queue(DelaySeconds=1), "B": queue(QueueName="b-old"), "Z": queue()}})
    urls = {name: stacks.physical("s", name) for name in "ABZ"}
    failing = {
        "A": queue(DelaySeconds=9),
        "B": {**queue(QueueName="b-new"), "DependsOn": "A"},
        "New": {**queue(QueueName="fresh"), "DependsOn": "B"},
        "Z": {**queue(VisibilityTimeout=-1), "DependsOn": "New"},
    }
    stack = stacks.update("s", {"Resources": failing})
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert {name: stacks.physical("s", name) for name in "ABZ"} == urls
    assert set(node.aws("sqs", "ListQueues")["QueueUrls"]) == set(urls.values())
    delay = node.aws("sqs", "GetQueueAttributes", QueueUrl=urls["A"], AttributeNames=["DelaySeconds"])
    assert delay["Attributes"] == {"DelaySeconds": "1"}
    assert stacks.refusal("DescribeStackResource", StackName="s", LogicalResourceId="New").status == 400
    assert stacks.update("s", {"Resources": {"A": queue(DelaySeconds=3)}})["StackStatus"] == "UPDATE_COMPLETE"


def test_an_update_without_changes_is_refused(stacks: Stacks) -> None:
    template = {"Resources": {"A": queue(DelaySeconds="1")}}
    stacks.create("s", template)
    same = {"Resources": {"A": queue(DelaySeconds=1)}}
    refusal = stacks.refusal("UpdateStack", StackName="s", TemplateBody=same)
    assert (refusal.code, refusal.message) == ("ValidationError", "No updates are to be performed.")


def test_previous_template_and_values_can_be_used(stacks: Stacks) -> None:
    template = {
        "Parameters": {"X": {"Type": "String"}, "Y": {"Type": "String"}},
        "Resources": {"A": queue(DelaySeconds={"Ref": "X"}, VisibilityTimeout={"Ref": "Y"})},
    }
    given = [{"ParameterKey": "X", "ParameterValue": "1"}, {"ParameterKey": "Y", "ParameterValue": "2"}]
    stacks.create("s", template, Parameters=given)
    given = [{"ParameterKey": "X", "UsePreviousValue": True}, {"ParameterKey": "Y", "ParameterValue": "3"}]
    stacks.call("UpdateStack", StackName="s", UsePreviousTemplate=True, Parameters=given)
    shown = stacks.describe("s")["Parameters"]
    assert [p["ParameterValue"] for p in shown] == ["1", "3"]


def test_a_hidden_parameter_is_neither_shown_nor_stored_as_it_is(node: TestNode, stacks: Stacks) -> None:
    parameters = {"P": {"Type": "String", "NoEcho": True}}
    template = {"Parameters": parameters, "Resources": {"A": queue(QueueName={"Fn::Sub": "${P}-q"})}}
    given = [{"ParameterKey": "P", "ParameterValue": "topsecret"}]
    stack = stacks.create("s", template, Parameters=given)
    assert (stack["StackStatus"], stack["Parameters"]) == (
        "CREATE_COMPLETE",
        [{"ParameterKey": "P", "ParameterValue": "****"}],
    )
    template["Resources"]["A"] = queue(QueueName={"Fn::Sub": "${P}-r"})
    same = [{"ParameterKey": "P", "UsePreviousValue": True}]
    text = json.dumps(template)
    stacks.call("CreateChangeSet", StackName="s", ChangeSetName="c", TemplateBody=text, Parameters=same)
    shown = [
        stacks.call("DescribeStackEvents", StackName="s"),
        stacks.call("DescribeChangeSet", StackName="s", ChangeSetName="c", IncludePropertyValues=True),
    ]
    assert "topsecret" not in str(shown).replace(stacks.physical("s", "A"), "")
    assert "****-q" in str(shown[0]) and "****-r" in str(shown[1])
    tx = node.node.database.begin()
    rows = [
        Resource.decode(stored) for _, stored in tx.scan(*cloudformation.keys(ACCOUNT, REGION).resource.range()).rows
    ]
    tx.discard()
    assert [(row.properties, b"topsecret" in row.sealed_properties) for row in rows] == [({}, False)]
    stacks.call("ExecuteChangeSet", StackName="s", ChangeSetName="c")
    assert stacks.physical("s", "A").endswith("/topsecret-r")
    stacks.delete("s")
    assert node.aws("sqs", "ListQueues").get("QueueUrls", []) == []


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ({"StackName": "s"}, "AlreadyExistsException", "Stack [s] already exists"),
        ({"StackName": "1s"}, "ValidationError", "1 validation error detected: Value '1s' at 'stackName'"),
        ({"StackName": "t", "TemplateBody": "{"}, "ValidationError", "Template format error: JSON not well-formed."),
        (
            {"StackName": "t", "TemplateBody": {"Resources": {"R": {"Type": "AWS::IAM::User"}}}},
            "InsufficientCapabilitiesException",
            "Requires capabilities : [CAPABILITY_IAM]",
        ),
        (
            {"StackName": "t", "TemplateBody": {"Resources": {"R": {"Type": "AWS::EC2::VPC"}}}},
            "NotImplemented",
            "cloudformation: the resource type AWS::EC2::VPC has no handler yet",
        ),
        (
            {"StackName": "t", "TemplateBody": {"Resources": {"R": {"Type": "AWS::Foo::Bar"}}}},
            "ValidationError",
            "Template format error: Unrecognized resource types: [AWS::Foo::Bar]",
        ),
        (
            {"StackName": "t", "TemplateBody": {"Resources": {"R": {"Type": "AWS::EC2"}}}},
            "ValidationError",
            "Template format error: Unrecognized resource types: [AWS::EC2]",
        ),
        (
            {"StackName": "t", "TemplateBody": {"Resources": {"R": {"Type": "Custom::Thing"}}}},
            "NotImplemented",
            "cloudformation: the resource type Custom::Thing has no handler yet",
        ),
        (
            {"StackName": "t", "TemplateBody": {"Resources": {"R": {"Type": "Nonsense"}}}},
            "ValidationError",
            "Template format error: Unrecognized resource types: [Nonsense]",
        ),
        (
            {"StackName": "t", "ResourceTypes": ["AWS::EC2::*"]},
            "ValidationError",
            f"Resource type {QUEUE} is not allowed by parameter ResourceTypes [AWS::EC2::*]",
        ),
        ({"StackName": "t", "StackPolicyBody": "{}"}, "NotImplemented", "cloudformation: StackPolicyBody"),
        ({"StackName": "t", "TemplateBody": None}, "ValidationError", "Either Template URL or Template Body must be"),
    ],
)
def test_what_cannot_be_created_is_refused(stacks: Stacks, request_: dict[str, Any], code: str, message: str) -> None:
    stacks.create("s", {"Resources": {"A": queue()}})
    request_ = {"TemplateBody": {"Resources": {"A": queue()}}, **request_}
    if request_["TemplateBody"] is None:
        del request_["TemplateBody"]
    refusal = stacks.refusal("CreateStack", **request_)
    assert refusal.code == code
    assert refusal.message.startswith(message)


def test_a_property_that_nothing_acts_on_is_refused_not_ignored(stacks: Stacks) -> None:
    stack = stacks.create("s", {"Resources": {"A": queue(Colour="red")}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "extraneous key [Colour] is not permitted" in stacks.reason("s", "A")


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"Type": "AWS::Foo::Bar"}, "Template format error: Unrecognized resource types: [AWS::Foo::Bar]"),
        ({**queue(), "DependsOn": "A"}, "Circular dependency between resources: [A]"),
        ({**queue(), "DeletionPolicy": "Snapshot"}, "Template format error: DeletionPolicy Snapshot is not supported"),
        (queue(QueueName={"Fn::Foo": "x"}), "Template error: Encountered unsupported function: Fn::Foo Supported"),
        (
            queue(QueueName={"Fn::FindInMap": ["M", "a", "b"]}),
            "Template error: Mapping named 'M' is not present in the 'Mappings' section of template.",
        ),
    ],
)
def test_validation_tells_what_creation_would(stacks: Stacks, resource: dict[str, Any], message: str) -> None:
    template = {"Resources": {"A": resource}}
    for request in ({}, {"StackName": "s"}):
        operation = "CreateStack" if request else "ValidateTemplate"
        refusal = stacks.refusal(operation, TemplateBody=template, **request)
        assert (refusal.code, refusal.message[: len(message)]) == ("ValidationError", message)


@pytest.mark.parametrize(
    ("value", "status", "message"),
    [
        ({"Fn::ImportValue": {"Ref": "B"}}, 400, "Template error: the attribute in Fn::ImportValue must not depend on"),
        ("{{resolve:ssm:/name:1}}", 501, "cloudformation: dynamic references ({{resolve:ssm:"),
    ],
)
def test_what_cannot_be_resolved_is_refused_before_anything_is_made(
    stacks: Stacks, value: Any, status: int, message: str
) -> None:
    template = {"Resources": {"A": queue(QueueName=value), "B": queue()}}
    refusal = stacks.refusal("CreateStack", StackName="s", TemplateBody=template)
    assert (refusal.status, refusal.message[: len(message)]) == (status, message)


def test_what_failed_in_a_stack_that_was_not_rolled_back_is_made_by_the_next_update(
    node: TestNode, stacks: Stacks
) -> None:
    bad, good = queue(VisibilityTimeout=-1), queue(VisibilityTimeout=1)
    failed = stacks.create("s", {"Resources": {"A": queue(), "B": {**bad, "DependsOn": "A"}}}, DisableRollback=True)
    assert failed["StackStatus"] == "CREATE_FAILED"
    stack = stacks.update("s", {"Resources": {"A": queue(), "B": {**good, "DependsOn": "A"}}})
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert sorted(node.aws("sqs", "ListQueues")["QueueUrls"]) == sorted(stacks.physical("s", name) for name in "AB")


def test_exports_are_imported_and_kept_while_in_use(stacks: Stacks) -> None:
    exporting = {
        "Resources": {"A": queue()},
        "Outputs": {"O": {"Value": {"Fn::GetAtt": ["A", "Arn"]}, "Export": {"Name": "the-queue"}}},
    }
    redrive = {"deadLetterTargetArn": {"Fn::ImportValue": "the-queue"}, "maxReceiveCount": 1}
    importing = {"Resources": {"B": queue(RedrivePolicy=redrive)}}
    assert stacks.create("early", importing)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert stacks.reason("early", "B") == "No export named the-queue found."
    stacks.create("one", exporting)
    assert stacks.create("two", importing)["StackStatus"] == "CREATE_COMPLETE"
    (export,) = stacks.call("ListExports")["Exports"]
    assert (export["Name"], export["Value"].startswith("arn:aws:sqs:")) == ("the-queue", True)
    assert stacks.call("ListImports", ExportName="the-queue")["Imports"] == ["two"]
    assert stacks.create("thief", exporting)["StackStatus"] == "ROLLBACK_COMPLETE"
    without = {"Resources": {"A": queue()}, "Outputs": {"O": {"Value": "x"}}}
    assert stacks.update("one", without)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    stacks.delete("one")
    assert "Export the-queue cannot be deleted as it is in use by two" in stacks.describe("one")["StackStatusReason"]
    stacks.delete("two")
    stacks.delete("one")
    assert stacks.call("ListExports")["Exports"] == []


def test_an_output_that_cannot_be_told_fails_the_stack(stacks: Stacks) -> None:
    template = {"Resources": {"A": queue()}, "Outputs": {"O": {"Value": {"Fn::GetAtt": ["A", "Nope"]}}}}
    assert stacks.create("s", template)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert (
        "s",
        "ROLLBACK_IN_PROGRESS",
        "[Error] /Outputs/O/Value/Fn::GetAtt: Resource type AWS::SQS::Queue does not support attribute {Nope}. "
        "Rollback requested by user.",
    ) in stacks.events("s")


def test_a_stack_acts_as_its_caller(node: TestNode, stacks: Stacks) -> None:
    only_stacks = {"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"}
    queues = {"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:*:*:allowed"}
    template = {"Resources": {"A": queue(QueueName="allowed")}}
    stacks.as_user(only_stacks).create("s", template)
    assert stacks.describe("s")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "is not authorized to perform: sqs:getqueueurl" in stacks.reason("s", "A").lower()
    stacks.as_user(only_stacks, queues).create("t", template)
    assert stacks.describe("t")["StackStatus"] == "CREATE_COMPLETE"


def test_a_stack_acts_as_its_role_if_the_caller_may_pass_it(node: TestNode, stacks: Stacks) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    stated = '{"Version": "2012-10-17", "Statement": [%s]}'
    role = node.aws(
        "iam", "CreateRole", RoleName="maker", AssumeRolePolicyDocument=stated % str(trust).replace("'", '"')
    )["Role"]["Arn"]
    allow = '{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}'
    node.aws("iam", "PutRolePolicy", RoleName="maker", PolicyName="p", PolicyDocument=stated % allow)
    only_stacks = {"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"}
    template = {"Resources": {"A": queue()}}
    refusal = stacks.as_user(only_stacks).refusal("CreateStack", StackName="s", TemplateBody=template, RoleARN=role)
    assert "iam:PassRole" in refusal.message
    passes = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": role}
    stack = stacks.as_user(only_stacks, passes).create("s", template, RoleARN=role)
    assert (stack["StackStatus"], stack["RoleARN"]) == ("CREATE_COMPLETE", role)


def test_events_and_stacks_come_in_pages(node: TestNode, stacks: Stacks) -> None:
    stacks.create("s", {"Resources": {f"Q{n}": queue() for n in range(40)}})
    first = stacks.call("DescribeStackEvents", StackName="s")
    second = stacks.call("DescribeStackEvents", StackName="s", NextToken=first["NextToken"])
    ids = [event["EventId"] for event in first["StackEvents"] + second["StackEvents"]]
    assert (len(first["StackEvents"]), len(ids), len(set(ids)), "NextToken" in second) == (100, 122, 122, False)


def test_a_deleted_stack_is_forgotten_after_90_days(node: TestNode, stacks: Stacks) -> None:
    arn = stacks.create("s", {"Resources": {"A": queue()}})["StackId"]
    stacks.delete("s")
    (listed,) = stacks.call("ListStacks", StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert listed["StackId"] == arn
    node.advance(days=91)
    assert stacks.call("ListStacks")["StackSummaries"] == []
    with pytest.raises(AwsError):
        stacks.describe(arn)


def test_the_template_is_kept_as_it_came(stacks: Stacks) -> None:
    text = "Resources:\n  A: {Type: 'AWS::SQS::Queue'}  # mine\n"
    stacks.create("s", text)
    answer = stacks.call("GetTemplate", StackName="s")
    assert (answer["TemplateBody"], answer["StagesAvailable"]) == (text, ["Original", "Processed"])
