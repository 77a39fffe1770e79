"""A stack's operation goes on after a crash at any step, also within a resource that is made in pieces."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cloudlet.app import wiring
from cloudlet.base.config import Settings
from cloudlet.kit.call import Call, task_call
from cloudlet.services.cloudformation import background
from cloudlet.services.cloudformation.kinds.kind import Kind, Made, Stage
from cloudlet.services.cloudformation.kinds.registry import KINDS
from cloudlet.services.cloudformation.records import Resource
from cloudlet.services.cloudformation.service import cloudformation
from cloudlet.store.transaction import Tx
from tests.client import TestNode
from tests.services.cloudformation.conftest import Stacks

FIRST = {
    "Resources": {
        "A": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 1}},
        "B": {"Type": "AWS::SQS::Queue", "DependsOn": "A"},
        "Gone": {"Type": "AWS::SQS::Queue"},
    }
}
SECOND = {
    "Resources": {
        "A": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 2}},
        "B": {"Type": "AWS::SQS::Queue", "DependsOn": "A", "Properties": {"QueueName": "b"}},
        "New": {"Type": "AWS::SQS::Queue", "DependsOn": "B"},
    }
}
FAILING = {
    "Resources": {**SECOND["Resources"], "Bad": {"Type": "AWS::SQS::Queue", "DependsOn": "New", "Properties": {"X": 1}}}
}


def begin(node: TestNode, operation: str, template: Any) -> tuple[Call, dict[str, Any]]:
    """The operation accepted, nothing of it done: the call and payload with which it will be."""
    request = {} if template is None else {"TemplateBody": json.dumps(template)}
    node.aws("cloudformation", operation, StackName="s", **request)
    tx = node.node.database.begin()
    entry = node.node.outbox.peek(tx, "cloudformation.advance", node.node.clock.now_ms())
    tx.discard()
    assert entry is not None
    stack = node.aws("cloudformation", "DescribeStacks", StackName="s")["Stacks"][0]["StackId"].rpartition("/")[2]
    tx = node.node.database.begin()
    stored = tx.get(cloudformation.keys("000000000000", "us-east-1").operation.key(stack))
    tx.discard()
    assert stored is not None
    payload = {"stack": stack, "operation": json.loads(_operation_id(stored))}
    return task_call(node.node, entry), payload


def _operation_id(stored: bytes) -> str:
    from_record = background.lookup.Operation.decode(stored)
    return json.dumps(from_record.id)


def restarted(node: TestNode) -> TestNode:
    """Another process on what this one has stored."""
    node.house = wiring.build(Settings(), clock=node.clock, database=node.node.database)
    node.node = node.house.node
    return node


def steps(node: TestNode, call: Call, payload: dict[str, Any], count: int) -> bool:
    """Up to `count` steps; whether there is more to do."""

    async def run() -> bool:
        more = True
        for _ in range(count):
            more = more and await background._step(call, payload["stack"], payload["operation"])
        return more

    return node.run(run())


def queues(node: TestNode) -> list[str]:
    urls = node.aws("sqs", "ListQueues").get("QueueUrls", [])
    return sorted(url.rpartition("/")[2].split("-")[1] if "s-" in url else url.rpartition("/")[2] for url in urls)


@pytest.mark.parametrize("count", range(12))
def test_creation_goes_on_after_any_step(node: TestNode, count: int) -> None:
    steps(node, *begin(node, "CreateStack", FIRST), count)
    after = restarted(node)
    after.settle()
    assert Stacks(after, after).describe("s")["StackStatus"] == "CREATE_COMPLETE"
    assert queues(after) == ["A", "B", "Gone"]


@pytest.mark.parametrize("count", range(12))
@pytest.mark.parametrize(
    ("template", "status", "left"),
    [
        (SECOND, "UPDATE_COMPLETE", ["A", "New", "b"]),
        (FAILING, "UPDATE_ROLLBACK_COMPLETE", ["A", "B", "Gone"]),
    ],
)
def test_an_update_and_its_rollback_go_on_after_any_step(
    node: TestNode, stacks: Stacks, template: Any, status: str, left: list[str], count: int
) -> None:
    stacks.create("s", FIRST)
    steps(node, *begin(node, "UpdateStack", template), count)
    after = restarted(node)
    after.settle()
    assert Stacks(after, after).describe("s")["StackStatus"] == status
    assert queues(after) == left
    logical = [s["LogicalResourceId"] for s in _resources(after)]
    assert logical == [name for name in template["Resources"] if status == "UPDATE_COMPLETE"] or logical == left


def _resources(node: TestNode) -> list[dict[str, Any]]:
    return node.aws("cloudformation", "ListStackResources", StackName="s")["StackResourceSummaries"]


@pytest.mark.parametrize("count", range(5))
def test_deletion_goes_on_after_any_step(node: TestNode, stacks: Stacks, count: int) -> None:
    arn = stacks.create("s", FIRST)["StackId"]
    steps(node, *begin(node, "DeleteStack", None), count)
    after = restarted(node)
    after.settle()
    assert Stacks(after, after).describe(arn)["StackStatus"] == "DELETE_COMPLETE"
    assert queues(after) == []


def test_a_finished_operation_leaves_no_trace_of_its_working(node: TestNode, stacks: Stacks) -> None:
    stacks.create("s", FIRST)
    stacks.update("s", SECOND)
    keys = cloudformation.keys("000000000000", "us-east-1")
    tx = node.node.database.begin()
    try:
        for space in (keys.undo, keys.aside, keys.removal, keys.operation):
            assert tx.scan(*space.range()).rows == []
        assert len(tx.scan(*keys.plan.range()).rows) == 1
    finally:
        tx.discard()


def test_a_forgotten_stack_leaves_nothing_however_much_it_held(node: TestNode, stacks: Stacks) -> None:
    stack_id = stacks.create("s", FIRST)["StackId"].rpartition("/")[2]
    stacks.delete("s")
    keys = cloudformation.keys("000000000000", "us-east-1")

    def fill(tx: Tx) -> None:
        for position in range(100):
            tx.put(keys.planned.key(stack_id, 1, position), b"x" * 60_000)

    node.node.database.transact(fill)
    node.advance(days=91)
    for begin, end in keys.of_stack(stack_id):
        assert node.node.database.transact(lambda tx, begin=begin, end=end: tx.scan(begin, end).rows)[0] == []


# ── in pieces ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _create(stage: Stage, properties: dict[str, Any]) -> Made:
    await stage.aws("iam", "CreateGroup", GroupName=stage.name)
    await stage.aws("sqs", "ReceiveMessage", QueueUrl=PUMP, WaitTimeSeconds=0)  # an operation that waits
    if properties.get("Fails"):
        await stage.aws("sqs", "DeleteQueue", QueueUrl=PUMP + "nowhere")
    return Made(stage.name)


async def _delete(stage: Stage, resource: Resource) -> None:
    await stage.aws_unless_gone("iam", "DeleteGroup", frozenset(("NoSuchEntity",)), GroupName=resource.physical_id)


PUMP = "http://127.0.0.1/000000000000/pump"


def groups(node: TestNode) -> list[str]:
    return [group["GroupName"] for group in node.aws("iam", "ListGroups")["Groups"]]


@pytest.fixture
def waiting_kind(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    node.aws("sqs", "CreateQueue", QueueName="pump")
    properties = frozenset(("Fails", "Version", "Name"))
    kind = Kind("Custom::Waiting", properties, _create, _delete, name_max=80, name_property="Name")
    monkeypatch.setitem(KINDS, kind.type, kind)
    assert cloudformation in wiring.SERVICES
    yield kind.type


def test_a_resource_whose_service_waits_is_made_in_pieces(node: TestNode, stacks: Stacks, waiting_kind: str) -> None:
    template = {"Resources": {"W": {"Type": waiting_kind, "Properties": {"Version": 1}}}}
    assert stacks.create("s", template)["StackStatus"] == "CREATE_COMPLETE"
    template["Resources"]["W"]["Properties"] = {"Version": 2}
    assert stacks.update("s", template)["StackStatus"] == "UPDATE_COMPLETE"
    assert groups(node) == [stacks.physical("s", "W")]


@pytest.mark.parametrize("old", [None, {"Resources": {"W": {"Type": "Custom::Waiting", "Properties": {"Version": 0}}}}])
def test_one_that_fails_halfway_is_removed(node: TestNode, stacks: Stacks, waiting_kind: str, old: Any) -> None:
    template = {"Resources": {"W": {"Type": waiting_kind, "Properties": {"Version": 1, "Fails": True}}}}
    if old is None:
        assert stacks.create("s", template)["StackStatus"] == "ROLLBACK_COMPLETE"
        assert groups(node) == []
    else:
        stacks.create("s", old)
        name = stacks.physical("s", "W")
        assert stacks.update("s", template)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        assert groups(node) == [name] == [stacks.physical("s", "W")]


@pytest.mark.parametrize("old", [None, {"Resources": {"W": {"Type": "Custom::Waiting", "Properties": {"Version": 0}}}}])
def test_one_whose_name_is_taken_leaves_the_owner_alone(
    node: TestNode, stacks: Stacks, waiting_kind: str, old: Any
) -> None:
    node.aws("iam", "CreateGroup", GroupName="taken")
    template = {"Resources": {"W": {"Type": waiting_kind, "Properties": {"Version": 1, "Name": "taken"}}}}
    if old is None:
        assert stacks.create("s", template)["StackStatus"] == "ROLLBACK_COMPLETE"
        assert groups(node) == ["taken"]
    else:
        stacks.create("s", old)
        own = stacks.physical("s", "W")
        assert stacks.update("s", template)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        assert sorted(groups(node)) == sorted([own, "taken"])
        template["Resources"]["W"]["Properties"] = {"Version": 2}
        assert stacks.update("s", template)["StackStatus"] == "UPDATE_COMPLETE"
        assert sorted(groups(node)) == sorted([stacks.physical("s", "W"), "taken"])
    assert "already exists" in stacks.reason("s", "W")


@pytest.mark.parametrize("old", [None, {"Resources": {"W": {"Type": "Custom::Waiting", "Properties": {"Version": 0}}}}])
def test_one_interrupted_halfway_is_removed_and_made_again(
    node: TestNode, stacks: Stacks, waiting_kind: str, old: Any
) -> None:
    template = {"Resources": {"W": {"Type": waiting_kind, "Properties": {"Version": 1}}}}
    if old is not None:
        stacks.create("s", old)
    call, payload = begin(node, "UpdateStack" if old else "CreateStack", template)
    begun = call.transact(background._begin_piece, call, payload["stack"], payload["operation"])
    assert begun is not None
    node.aws("iam", "CreateGroup", GroupName=begun[1].name)  # as far as it came
    after = restarted(node)
    after.settle()
    stack = Stacks(after, after).describe("s")
    assert stack["StackStatus"] == ("UPDATE_COMPLETE" if old else "CREATE_COMPLETE")
    assert groups(after) == [begun[1].name] == [Stacks(after, after).physical("s", "W")]
