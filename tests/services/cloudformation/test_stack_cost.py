"""What a step costs doesn't grow with the stack: counted in rows, not by a clock."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cloudlet.services.cloudformation import background, planning
from cloudlet.services.cloudformation.plans import RESOURCES_PER_PART
from cloudlet.services.cloudformation.service import cloudformation
from cloudlet.store.database import Database
from tests.client import ACCOUNT, REGION, TestNode
from tests.services.cloudformation.conftest import Stacks

KEYS = cloudformation.keys(ACCOUNT, REGION)
CONTENTS = KEYS.resource.range()
LARGE = 64  # resources


class Cost:
    """The most that one transaction did while it was looked at."""

    def __init__(self) -> None:
        self.rows = self.contents = self.written = 0
        self._rows = self._contents = 0

    def begun(self) -> None:
        self._rows = self._contents = 0

    def read(self, keys: list[bytes]) -> None:
        self._rows += len(keys)
        self._contents += sum(CONTENTS[0] <= key < CONTENTS[1] for key in keys)
        self.rows, self.contents = max(self.rows, self._rows), max(self.contents, self._contents)


class CountingEngine:
    def __init__(self, engine: Any, cost: Cost) -> None:
        self._engine, self._cost = engine, cost

    def get(self, key: bytes) -> bytes | None:
        self._cost.read([key])
        return self._engine.get(key)

    def scan(self, *of: Any) -> Any:
        rows, more = self._engine.scan(*of)
        self._cost.read([key for key, _ in rows])
        return rows, more

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


@contextmanager
def counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cost]:
    cost, begin, apply, engine = Cost(), database.begin, database.apply, database.engine

    def begun() -> Any:
        cost.begun()
        return begin()

    def applied(overlay: Any) -> int:
        cost.written = max(cost.written, len(overlay))
        return apply(overlay)

    with monkeypatch.context() as patch:
        patch.setattr(database, "begin", begun)
        patch.setattr(database, "apply", applied)
        patch.setattr(database, "engine", CountingEngine(engine, cost))
        yield cost


def template(count: int, delay: int, *, fails: bool = False) -> str:
    """Queues in a row, each behind the one before."""
    resources: dict[str, Any] = {}
    for number in range(count):
        properties: dict[str, Any] = {"DelaySeconds": delay}
        if number:
            redrive = {"deadLetterTargetArn": {"Fn::GetAtt": [f"Q{number - 1}", "Arn"]}, "maxReceiveCount": 3}
            properties["RedrivePolicy"] = redrive
        resources[f"Q{number}"] = {"Type": "AWS::SQS::Queue", "Properties": properties}
    if fails:
        resources["Bad"] = {"Type": "AWS::SQS::Queue", "DependsOn": f"Q{count - 1}", "Properties": {"Nope": 1}}
    outputs = {
        f"O{number}": {"Value": {"Fn::GetAtt": [f"Q{number}", "Arn"]}, "Export": {"Name": f"o{number}"}}
        for number in range(0, count, 3)
    }
    return json.dumps({"Resources": resources, "Outputs": outputs})


def test_no_transaction_of_a_large_stacks_life_looks_at_many_resources(
    node: TestNode, stacks: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.node.database.run_twice = False
    with counted(node.node.database, monkeypatch) as cost:
        assert stacks.create("s", template(LARGE, 1))["StackStatus"] == "CREATE_COMPLETE"
        assert stacks.update("s", template(LARGE, 2))["StackStatus"] == "UPDATE_COMPLETE"
        assert stacks.update("s", template(LARGE, 3, fails=True))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        stacks.call("CreateChangeSet", StackName="s", ChangeSetName="c", TemplateBody=template(LARGE, 4))
        stacks.call("DeleteChangeSet", StackName="s", ChangeSetName="c")
        stacks.delete("s")
    # Planning reads them by parts; a step of the outputs reads those that its 20 outputs name.
    assert cost.contents == max(planning.RESOURCES_PER_STEP, 20)
    # Lines are read at once (they are short); and emptying goes by a thousand rows.
    assert cost.rows < 3 * LARGE


def test_what_one_transaction_writes_does_not_grow_with_the_stack(
    node: TestNode, stacks: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "CLEARED_PER_STEP", 20)
    most = {}
    for count in (LARGE // 4, LARGE):
        with counted(node.node.database, monkeypatch) as cost:
            stacks.call("CreateStack", StackName=f"s{count}", TemplateBody=_without_outputs(count, 1))
            stacks.call("UpdateStack", StackName=f"s{count}", TemplateBody=_without_outputs(count, 2))
            most[count] = cost.written
            stacks.call("DeleteStack", StackName=f"s{count}")
    parts = (LARGE - LARGE // 4) / RESOURCES_PER_PART
    assert most[LARGE] <= most[LARGE // 4] + parts + 5


def _without_outputs(count: int, delay: int) -> str:
    return json.dumps({"Resources": json.loads(template(count, delay))["Resources"]})


def test_whose_a_resource_is_costs_the_same_among_few_stacks_and_many(
    node: TestNode, stacks: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows() -> int:
        with counted(node.node.database, monkeypatch) as cost:
            url = stacks.physical("s0", "Q")
            shown = stacks.call("DescribeStackResources", PhysicalResourceId=url)["StackResources"]
            assert [(line["StackName"], line["PhysicalResourceId"]) for line in shown] == [("s0", url)]
        return cost.rows

    one = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}
    stacks.create("s0", one)
    among_few = rows()
    for number in range(1, 12):
        stacks.create(f"s{number}", one)
    assert rows() == among_few


def test_a_resource_that_is_gone_or_renamed_has_no_owner(node: TestNode, stacks: Stacks) -> None:
    def named(name: str) -> dict[str, Any]:
        return {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}}}

    def owner(url: str) -> str | None:
        try:
            found = stacks.call("DescribeStackResources", PhysicalResourceId=url)["StackResources"]
        except Exception as error:
            assert str(error) == f"Stack for {url} does not exist"
            return None
        return found[0]["StackName"]

    stacks.create("s", named("old"))
    old = stacks.physical("s", "Q")
    stacks.update("s", named("new"))
    new = stacks.physical("s", "Q")
    assert (owner(old), owner(new)) == (None, "s")
    stacks.delete("s")
    assert owner(new) is None
    node.advance(days=91)
    assert node.node.database.transact(lambda tx: tx.scan(*KEYS.physical.range()).rows)[0] == []


def test_describing_shows_a_hundred_resources_listing_all(stacks: Stacks) -> None:
    stacks.call("CreateStack", StackName="s", TemplateBody=_without_outputs(101, 1))
    assert len(stacks.call("DescribeStackResources", StackName="s")["StackResources"]) == 100
    first = stacks.call("ListStackResources", StackName="s")
    second = stacks.call("ListStackResources", StackName="s", NextToken=first["NextToken"])
    listed = first["StackResourceSummaries"] + second["StackResourceSummaries"]
    assert (len(listed), "NextToken" in second) == (101, False)
