"""Change sets: what they show, when they can be carried out, and what becomes of them."""

import json
from typing import Any

import pytest

from cloudlet.store.keys import Subspace
from tests.client import TestNode
from tests.services.cloudformation.conftest import ALL, Stacks


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def create(stacks: Stacks, template: Any, kind: str = "CREATE", name: str = "cs", **request: Any) -> dict[str, Any]:
    """The change set as it is shown."""
    answer = stacks.call(
        "CreateChangeSet",
        StackName="s",
        ChangeSetName=name,
        ChangeSetType=kind,
        TemplateBody=template,
        Capabilities=ALL,
        **request,
    )
    return stacks.call("DescribeChangeSet", ChangeSetName=answer["Id"])


def test_a_new_stack_is_looked_at_before_it_is_made(node: TestNode, stacks: Stacks) -> None:
    shown = create(stacks, {"Resources": {"B": queue(), "A": queue()}}, Description="first")
    assert (shown["Status"], shown["ExecutionStatus"], shown["Description"]) == (
        "CREATE_COMPLETE",
        "AVAILABLE",
        "first",
    )
    assert [change["ResourceChange"] for change in shown["Changes"]] == [
        {"Action": "Add", "LogicalResourceId": n, "ResourceType": "AWS::SQS::Queue", "Scope": [], "Details": []}
        for n in "AB"
    ]
    assert stacks.describe("s")["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert node.aws("sqs", "ListQueues").get("QueueUrls", []) == []
    stacks.call("ExecuteChangeSet", ChangeSetName="cs", StackName="s")
    stack = stacks.describe("s")
    assert (stack["StackStatus"], stack["ChangeSetId"]) == ("CREATE_COMPLETE", shown["ChangeSetId"])
    assert [status for logical, status, _ in stacks.events("s") if logical == "s"] == [
        "REVIEW_IN_PROGRESS",
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
    ]


def test_an_update_makes_all_change_sets_obsolete_however_much_they_hold(stacks: Stacks) -> None:
    stacks.create("s", {"Resources": {"A": queue()}})
    names = [f"P{number}" for number in range(100)]
    template = {"Parameters": {name: {"Type": "String"} for name in names}, "Resources": {"B": queue()}}
    parameters = [{"ParameterKey": name, "ParameterValue": "x" * 4_000} for name in names]
    for number in range(4):
        create(stacks, template, "UPDATE", f"cs{number}", Parameters=parameters)
    stacks.update("s", {"Resources": {"C": queue()}})
    listed = stacks.call("ListChangeSets", StackName="s")["Summaries"]
    assert [(line["ChangeSetName"], line["ExecutionStatus"]) for line in listed] == [
        (f"cs{number}", "OBSOLETE") for number in range(4)
    ]


def test_an_update_shows_each_change_and_whether_it_replaces(stacks: Stacks) -> None:
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Named", "Arn"]}, "maxReceiveCount": 1}
    stacks.create(
        "s",
        {
            "Resources": {
                "Gone": queue(),
                "Named": queue(QueueName="a"),
                "Plain": queue(DelaySeconds=1),
                "User": queue(RedrivePolicy=redrive),
            }
        },
    )
    template = {
        "Resources": {
            "Named": queue(QueueName="b"),
            "New": queue(),
            "Plain": queue(DelaySeconds=2),
            "User": queue(RedrivePolicy=redrive),
        }
    }
    shown = create(stacks, template, "UPDATE")
    changes = {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"] for c in shown["Changes"]}
    assert list(changes) == ["Gone", "Named", "New", "Plain", "User"]
    told = {name: (c["Action"], c.get("Replacement"), c.get("PolicyAction")) for name, c in changes.items()}
    assert told == {
        "Gone": ("Remove", None, "Delete"),
        "Named": ("Modify", "True", "ReplaceAndDelete"),
        "New": ("Add", None, None),
        "Plain": ("Modify", "False", None),
        "User": ("Modify", "False", None),
    }
    assert changes["Plain"]["Details"] == [
        {
            "ChangeSource": "DirectModification",
            "Evaluation": "Static",
            "Target": {"Attribute": "Properties", "Name": "DelaySeconds", "RequiresRecreation": "Never"},
        }
    ]
    assert changes["User"]["Details"][0] == {
        "CausingEntity": "Named.Arn",
        "ChangeSource": "ResourceAttribute",
        "Evaluation": "Dynamic",
        "Target": {"Attribute": "Properties", "Name": "RedrivePolicy", "RequiresRecreation": "Never"},
    }
    detailed = stacks.call("DescribeChangeSet", ChangeSetName="cs", StackName="s", IncludePropertyValues=True)
    plain = next(
        c["ResourceChange"] for c in detailed["Changes"] if c["ResourceChange"]["LogicalResourceId"] == "Plain"
    )
    assert json.loads(plain["BeforeContext"]) == {"Properties": {"DelaySeconds": 1}}
    target = plain["Details"][0]["Target"]
    assert (target["BeforeValue"], target["AfterValue"], target["Path"]) == ("1", "2", "/Properties/DelaySeconds")
    stacks.call("ExecuteChangeSet", ChangeSetName="cs", StackName="s")
    assert stacks.describe("s")["StackStatus"] == "UPDATE_COMPLETE"


def test_a_change_set_without_changes_fails_as_the_cli_expects(stacks: Stacks) -> None:
    template = {"Resources": {"A": queue()}}
    stacks.create("s", template)
    shown = create(stacks, template, "UPDATE")
    assert (shown["Status"], shown["ExecutionStatus"], shown["Changes"]) == ("FAILED", "UNAVAILABLE", [])
    assert shown["StatusReason"] == (
        "The submitted information didn't contain changes. Submit different information to create a change set."
    )
    refusal = stacks.refusal("ExecuteChangeSet", ChangeSetName="cs", StackName="s")
    assert refusal.code == "InvalidChangeSetStatus"
    assert refusal.message.endswith("cannot be executed in its current status of [FAILED]")


def test_what_sam_refuses_is_the_change_sets_failure(stacks: Stacks) -> None:
    bad = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "x", "Runtime": "y"}}},
    }
    shown = create(stacks, bad)
    assert shown["Status"] == "FAILED"
    assert shown["StatusReason"].startswith(
        "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. "
        "Number of errors found: 1. Resource with id [F] is invalid."
    )


def test_executing_one_discards_the_others(stacks: Stacks) -> None:
    stacks.create("s", {"Resources": {"A": queue()}})
    create(stacks, {"Resources": {"A": queue(DelaySeconds=1)}}, "UPDATE", "one")
    create(stacks, {"Resources": {"A": queue(DelaySeconds=2)}}, "UPDATE", "two")
    assert [s["ChangeSetName"] for s in stacks.call("ListChangeSets", StackName="s")["Summaries"]] == ["one", "two"]
    stacks.call("ExecuteChangeSet", ChangeSetName="two", StackName="s")
    (left,) = stacks.call("ListChangeSets", StackName="s")["Summaries"]
    assert (left["ChangeSetName"], left["ExecutionStatus"]) == ("two", "EXECUTE_COMPLETE")


def test_another_update_makes_it_obsolete(stacks: Stacks) -> None:
    stacks.create("s", {"Resources": {"A": queue()}})
    create(stacks, {"Resources": {"A": queue(DelaySeconds=1)}}, "UPDATE")
    stacks.update("s", {"Resources": {"A": queue(DelaySeconds=2)}})
    assert stacks.refusal("ExecuteChangeSet", ChangeSetName="cs", StackName="s").code == "InvalidChangeSetStatus"


def test_a_stack_in_review_can_be_created_instead(stacks: Stacks) -> None:
    shown = create(stacks, {"Resources": {"A": queue()}})
    assert stacks.create("s", {"Resources": {"B": queue()}})["StackStatus"] == "CREATE_COMPLETE"
    assert stacks.describe("s")["StackId"] == shown["StackId"]
    left = stacks.call("DescribeChangeSet", ChangeSetName="cs", StackName="s")
    assert left["ExecutionStatus"] == "OBSOLETE"


def test_a_stack_in_review_can_be_deleted(stacks: Stacks) -> None:
    arn = create(stacks, {"Resources": {"A": queue()}})["StackId"]
    stacks.delete("s")
    assert stacks.describe(arn)["StackStatus"] == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("operation", "request_", "code", "message"),
    [
        ("DescribeChangeSet", {"ChangeSetName": "cs"}, "ValidationError", "StackName must be specified if"),
        (
            "DescribeChangeSet",
            {"ChangeSetName": "cs", "StackName": "no"},
            "ValidationError",
            "Stack [no] does not exist",
        ),
        (
            "DescribeChangeSet",
            {"ChangeSetName": "no", "StackName": "s"},
            "ChangeSetNotFound",
            "ChangeSet [no] does not",
        ),
        (
            "CreateChangeSet",
            {"ChangeSetName": "x", "StackName": "s", "ChangeSetType": "CREATE"},
            "ValidationError",
            "Stack [s] already exists and cannot be created again with the changeSet [x].",
        ),
        (
            "CreateChangeSet",
            {"ChangeSetName": "x", "StackName": "no", "ChangeSetType": "UPDATE"},
            "ValidationError",
            "Stack [no] does not exist",
        ),
        (
            "CreateChangeSet",
            {"ChangeSetName": "x", "StackName": "no", "ChangeSetType": "IMPORT"},
            "NotImplemented",
            "cloudformation: importing resources",
        ),
        (
            "CreateChangeSet",
            {"ChangeSetName": "1", "StackName": "no"},
            "ValidationError",
            "1 validation error detected",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    stacks: Stacks, operation: str, request_: dict[str, Any], code: str, message: str
) -> None:
    stacks.create("s", {"Resources": {"A": queue()}})
    if operation == "CreateChangeSet":
        request_ = {**request_, "TemplateBody": {"Resources": {"A": queue()}}}
    refusal = stacks.refusal(operation, **request_)
    assert (refusal.code, refusal.message[: len(message)]) == (code, message)


def test_a_deleted_change_set_leaves_nothing(node: TestNode, stacks: Stacks) -> None:
    stacks.create("s", {"Resources": {"A": queue()}})
    database = node.node.database

    def keys() -> int:
        tx = database.begin()
        rows = tx.scan(*Subspace("cloudformation").range()).rows
        tx.discard()
        return len(rows)

    before = keys()
    create(stacks, {"Resources": {"A": queue(DelaySeconds=1), "B": queue()}}, "UPDATE")
    assert keys() > before
    stacks.call("DeleteChangeSet", ChangeSetName="cs", StackName="s")
    assert keys() == before
