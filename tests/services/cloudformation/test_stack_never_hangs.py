"""Whatever goes wrong with a step, its stack comes to an end that says so."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from cloudlet.services.cloudformation.kinds.kind import Kind, Made, Stage
from cloudlet.services.cloudformation.kinds.registry import KINDS
from cloudlet.services.cloudformation.records import Resource
from cloudlet.services.cloudformation.service import cloudformation
from cloudlet.store.errors import TransactionTooLarge
from tests.client import ACCOUNT, REGION, TestNode
from tests.services.cloudformation.conftest import Stacks
from tests.services.cloudformation.test_stack_crash import begin, restarted, steps

KEYS = cloudformation.keys(ACCOUNT, REGION)
QUEUE = {"Type": "AWS::SQS::Queue"}


def _raise_what(properties: dict[str, Any], when: str) -> None:
    if properties.get(when) == "bug":
        raise KeyError("nobody foresaw this")
    if properties.get(when) == "large":
        raise TransactionTooLarge("a transaction writes at most 8388608 bytes")


async def _create(stage: Stage, properties: dict[str, Any]) -> Made:
    if properties.get("Waits"):
        await stage.aws("sqs", "ReceiveMessage", QueueUrl=f"http://127.0.0.1/{ACCOUNT}/pump", WaitTimeSeconds=0)
    _raise_what(properties, "Create")
    return Made(stage.name)


async def _update(stage: Stage, before: Resource, properties: dict[str, Any]) -> Made:
    _raise_what(properties, "Update")
    return Made(before.physical_id or "")


async def _delete(stage: Stage, resource: Resource) -> None:
    _raise_what(resource.properties, "Delete")


@pytest.fixture(autouse=True)
def odd_kind(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    node.aws("sqs", "CreateQueue", QueueName="pump")
    properties = frozenset(("Create", "Update", "Delete", "Waits", "Version"))
    kind = Kind("Custom::Odd", properties, _create, _delete, _update)
    monkeypatch.setitem(KINDS, kind.type, kind)
    yield


def odd(**properties: Any) -> dict[str, Any]:
    return {"Resources": {"Q": QUEUE, "R": {"Type": "Custom::Odd", "DependsOn": "Q", "Properties": properties}}}


REASONS = {"bug": "Internal Failure", "large": "R is too large to be made in one step: a transaction writes at most"}


@pytest.mark.parametrize("what", REASONS)
@pytest.mark.parametrize("waits", [False, True])
def test_a_creation_fails_with_its_reason_and_is_taken_back(
    node: TestNode, stacks: Stacks, caplog: pytest.LogCaptureFixture, what: str, waits: bool
) -> None:
    with caplog.at_level(logging.ERROR, "cloudlet.cloudformation"):
        assert stacks.create("s", odd(Create=what, Waits=waits))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert stacks.reason("s", "R").startswith(REASONS[what])
    assert ("nobody foresaw this" in caplog.text) == (what == "bug")
    assert [url.rpartition("/")[2] for url in node.aws("sqs", "ListQueues")["QueueUrls"]] == ["pump"]


@pytest.mark.parametrize("what", REASONS)
def test_an_update_fails_with_its_reason_and_is_taken_back(stacks: Stacks, what: str) -> None:
    stacks.create("s", odd(Version=1))
    assert stacks.update("s", odd(Version=2, Update=what))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.reason("s", "R").startswith(REASONS[what])


@pytest.mark.parametrize("what", REASONS)
def test_a_rollback_that_fails_can_be_continued(stacks: Stacks, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    stacks.create("s", odd(Version=1, Update=what))  # the way back is barred
    again = odd(Version=2)
    again["Resources"]["Bad"] = {"Type": "AWS::SQS::Queue", "DependsOn": "R", "Properties": {"VisibilityTimeout": -1}}
    assert stacks.update("s", again)["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    assert stacks.reason("s", "R").startswith(REASONS[what])

    async def fine(stage: Stage, before: Resource, properties: dict[str, Any]) -> Made:
        return Made(before.physical_id or "")

    kind = Kind("Custom::Odd", KINDS["Custom::Odd"].properties, _create, _delete, fine)
    monkeypatch.setitem(KINDS, "Custom::Odd", kind)
    stacks.call("ContinueUpdateRollback", StackName="s")
    assert stacks.describe("s")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


@pytest.mark.parametrize("what", REASONS)
def test_a_deletion_fails_with_its_reason_and_keeps_what_is_needed(node: TestNode, stacks: Stacks, what: str) -> None:
    arn = stacks.create("s", odd(Delete=what))["StackId"]
    stacks.delete("s")
    assert stacks.describe(arn)["StackStatus"] == "DELETE_FAILED"
    assert stacks.reason("s", "R").startswith(REASONS[what])
    assert len(node.aws("sqs", "ListQueues")["QueueUrls"]) == 2
    stacks.delete("s", RetainResources=["R"])
    assert stacks.describe(arn)["StackStatus"] == "DELETE_COMPLETE"
    assert len(node.aws("sqs", "ListQueues")["QueueUrls"]) == 1


def test_what_a_failed_deletion_keeps_keeps_what_it_needs_in_turn(node: TestNode, stacks: Stacks) -> None:
    template = odd(Delete="bug")
    template["Resources"]["First"] = QUEUE
    template["Resources"]["Q"] = {**QUEUE, "DependsOn": "First"}
    stacks.create("s", template)
    stacks.delete("s")
    shown = stacks.call("DescribeStackResources", StackName="s")["StackResources"]
    assert {line["LogicalResourceId"]: line["ResourceStatus"] for line in shown} == {
        "First": "CREATE_COMPLETE",
        "Q": "CREATE_COMPLETE",
        "R": "DELETE_FAILED",
    }
    assert len(node.aws("sqs", "ListQueues")["QueueUrls"]) == 3


def test_properties_that_become_too_large_for_a_transaction_fail_their_resource(stacks: Stacks) -> None:
    """Not when they are resolved (that is bounded), but in what is told of them: six bytes a character."""
    long = {"Fn::FindInMap": ["Long", "a", "b"]}
    tags = [{"Key": "k", "Value": {"Fn::Join": ["", [long] * 70]}}]
    template = {
        "Mappings": {"Long": {"a": {"b": "é" * 20_000}}},
        "Resources": {"Q": QUEUE, "L": {**QUEUE, "DependsOn": "Q", "Properties": {"Tags": tags}}},
    }
    text = json.dumps(template, ensure_ascii=False)
    assert stacks.create("s", text)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert stacks.reason("s", "L").startswith("L is too large to be made in one step")


# ── what should never be ─────────────────────────────────────────────────────────────────────────────────────────────


def delete_rows(node: TestNode, bounds: tuple[bytes, bytes]) -> None:
    def run(tx: Any) -> None:
        for key, _ in tx.scan(*bounds).rows:
            tx.delete(key)

    node.node.database.transact(run)


TEMPLATE = {"Resources": {"A": QUEUE, "B": {**QUEUE, "DependsOn": "A"}}}


def test_a_plan_that_cannot_be_read_rolls_the_stack_back(node: TestNode, stacks: Stacks) -> None:
    call, payload = begin(node, "CreateStack", TEMPLATE)
    steps(node, call, payload, 1)
    delete_rows(node, KEYS.planned.range(payload["stack"]))
    node.settle()
    assert ("s", "ROLLBACK_IN_PROGRESS", "Internal Failure. Rollback requested by user.") in stacks.events("s")
    assert stacks.describe("s")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert len(node.aws("sqs", "ListQueues")["QueueUrls"]) == 1


@pytest.mark.parametrize(
    ("operation", "status"), [("CreateStack", "ROLLBACK_FAILED"), ("UpdateStack", "UPDATE_ROLLBACK_FAILED")]
)
def test_a_rollback_that_cannot_be_read_ends(node: TestNode, stacks: Stacks, operation: str, status: str) -> None:
    if operation == "UpdateStack":
        stacks.create("s", {"Resources": {"A": {**QUEUE, "Properties": {"DelaySeconds": 1}}}})
    failing = {"Resources": {**TEMPLATE["Resources"], "Bad": {**QUEUE, "DependsOn": "B", "Properties": {"X": 1}}}}
    call, payload = begin(node, operation, failing)
    while not stacks.describe("s")["StackStatus"].endswith("ROLLBACK_IN_PROGRESS"):
        steps(node, call, payload, 1)
    delete_rows(node, KEYS.undo.range())

    def spoil(tx: Any) -> None:
        if operation == "CreateStack":
            tx.put(KEYS.removal.key(payload["operation"]), b"\x01nonsense")

    node.node.database.transact(spoil)
    node.settle()
    stack = stacks.describe("s")
    assert (stack["StackStatus"], stack["StackStatusReason"]) == (status, "Internal Failure")


def test_a_deletion_that_cannot_be_read_ends_and_can_be_tried_again(node: TestNode, stacks: Stacks) -> None:
    stacks.create("s", TEMPLATE)
    _, payload = begin(node, "DeleteStack", None)
    node.node.database.transact(lambda tx: tx.put(KEYS.removal.key(payload["operation"]), b"\x01nonsense"))
    node.settle()
    assert stacks.describe("s")["StackStatus"] == "DELETE_FAILED"
    stacks.delete("s")
    assert stacks.describe(f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/s/{payload['stack']}")["StackStatus"] == (
        "DELETE_COMPLETE"
    )


def test_a_node_away_for_days_goes_on_even_if_the_first_try_fails(
    node: TestNode, stacks: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries age; what they are about doesn't."""
    begin(node, "CreateStack", TEMPLATE)
    node.clock.advance(3 * 24 * 3600 * 1000)

    def refused(*_: Any) -> None:
        raise RuntimeError("not now")

    with monkeypatch.context() as patch:
        patch.setattr("cloudlet.services.cloudformation.background._step", refused)
        node.run(_one_turn(node))
    after = restarted(node)
    after.settle()
    assert Stacks(after, after).describe("s")["StackStatus"] == "CREATE_COMPLETE"


async def _one_turn(node: TestNode) -> None:
    workers = node.house.workers
    workers.turn()
    while running := workers._all_running():
        for task in running:
            await task


def test_a_failed_update_leaves_exports_that_it_used_free(stacks: Stacks) -> None:
    exporting = {"Resources": {"A": QUEUE}, "Outputs": {"O": {"Value": "x", "Export": {"Name": "x"}}}}
    stacks.create("one", exporting)
    stacks.create("two", {"Resources": {"B": QUEUE}})
    tags = [{"Key": "k", "Value": {"Fn::ImportValue": "x"}}]
    bad = {"Type": "AWS::SQS::Queue", "DependsOn": "B", "Properties": {"X": 1}}
    failing = {"Resources": {"B": {**QUEUE, "Properties": {"Tags": tags}}, "Bad": bad}}
    assert stacks.update("two", failing)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.create("three", failing)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert stacks.refusal("ListImports", ExportName="x").message == "Export 'x' is not imported by any stack."
    stacks.delete("one")
    assert stacks.call("ListExports")["Exports"] == []


def test_deleting_a_stack_whose_rollback_stopped_leaves_nothing_of_either_side(node: TestNode, stacks: Stacks) -> None:
    def named(name: str) -> dict[str, Any]:
        return {**QUEUE, "Properties": {"QueueName": name}}

    first = odd(Version=1, Update="bug")
    first["Resources"]["N"] = named("old")
    stacks.create("s", first)
    second = odd(Version=2)
    second["Resources"] |= {
        "N": named("new"),
        "New": {**named("fresh"), "DependsOn": ["R", "N"]},
        "Bad": {"Type": "AWS::SQS::Queue", "DependsOn": "New", "Properties": {"X": 1}},
    }
    arn = stacks.update("s", second)["StackId"]
    assert stacks.describe("s")["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    stacks.delete("s")
    assert stacks.describe(arn)["StackStatus"] == "DELETE_COMPLETE"
    assert [url.rpartition("/")[2] for url in node.aws("sqs", "ListQueues")["QueueUrls"]] == ["pump"]
    for bounds in (KEYS.undo.range(), KEYS.aside.range(), KEYS.removal.range(), KEYS.physical.range()):
        assert node.node.database.transact(lambda tx, bounds=bounds: tx.scan(*bounds).rows)[0] == []
