"""A node that has CloudFormation, and a way to wait for its stacks."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cloudlet.app import wiring
from cloudlet.base.errors import AwsError
from cloudlet.services.cloudformation import body
from cloudlet.services.cloudformation.service import cloudformation
from tests.client import Caller, TestNode

ALL = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class Stacks:
    """CloudFormation as one caller sees it; every operation is waited for."""

    def __init__(self, node: TestNode, caller: Caller | TestNode) -> None:
        self.node, self.caller = node, caller

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        if isinstance(request.get("TemplateBody"), dict):
            request["TemplateBody"] = json.dumps(request["TemplateBody"])
        answer = self.caller.aws("cloudformation", operation, **request)
        self.node.settle()
        return answer

    def create(self, name: str, template: Any, **request: Any) -> dict[str, Any]:
        """The stack as it ended up."""
        self.call("CreateStack", StackName=name, TemplateBody=template, Capabilities=ALL, **request)
        return self.describe(name)

    def update(self, name: str, template: Any, **request: Any) -> dict[str, Any]:
        self.call("UpdateStack", StackName=name, TemplateBody=template, Capabilities=ALL, **request)
        return self.describe(name)

    def delete(self, name: str, **request: Any) -> None:
        self.call("DeleteStack", StackName=name, **request)

    def describe(self, name: str) -> dict[str, Any]:
        (stack,) = self.node.aws("cloudformation", "DescribeStacks", StackName=name)["Stacks"]
        return stack

    def events(self, name: str) -> list[tuple[str, str, str]]:
        """(logical id, status, reason), the oldest first."""
        events = self.node.aws("cloudformation", "DescribeStackEvents", StackName=name)["StackEvents"]
        return [
            (e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", "")) for e in reversed(events)
        ]

    def reason(self, name: str, logical_id: str) -> str:
        """Why a resource failed."""
        return next(
            r for logical, status, r in self.events(name) if logical == logical_id and status.endswith("FAILED")
        )

    def physical(self, name: str, logical_id: str) -> str:
        answer = self.node.aws("cloudformation", "DescribeStackResource", StackName=name, LogicalResourceId=logical_id)
        return answer["StackResourceDetail"]["PhysicalResourceId"]

    def refusal(self, operation: str, **request: Any) -> AwsError:
        with pytest.raises(AwsError) as caught:
            self.call(operation, **request)
        return caught.value

    def as_user(self, *policies: dict[str, Any]) -> "Stacks":
        return Stacks(self.node, self.node.as_user(*policies))


@pytest.fixture(scope="session", autouse=True)
def _template_worker() -> Iterator[None]:
    yield
    body.templates.close()


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestNode]:
    if cloudformation not in wiring.SERVICES:
        monkeypatch.setattr(wiring, "SERVICES", (*wiring.SERVICES, cloudformation))
    with TestNode() as running:
        yield running


@pytest.fixture
def stacks(node: TestNode) -> Stacks:
    return Stacks(node, node)
