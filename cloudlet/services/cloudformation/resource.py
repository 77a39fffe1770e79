"""Stack resources: describe, list."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import errors, inventory, lookup, rules
from cloudlet.services.cloudformation.records import Resource, ResourceLine, Stack
from cloudlet.services.cloudformation.service import cloudformation

_DRIFT = {"StackResourceDriftStatus": "NOT_CHECKED"}


def _shown(stack: Stack, resource: Resource | ResourceLine, time_member: str) -> dict[str, Any]:
    result = {
        "StackName": stack.name,
        "StackId": stack.arn,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.type,
        time_member: resource.updated_ms,
        "ResourceStatus": resource.status,
        "ResourceStatusReason": resource.reason,
        "DriftInformation": _DRIFT,
    }
    return {name: value for name, value in result.items() if value is not None}


@cloudformation.operation("DescribeStackResource")
def describe_stack_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    stack = _require(call, request["StackName"])
    resource = inventory.find_resource(call.tx, call.keys, stack.id, request["LogicalResourceId"])
    if resource is None:
        raise errors.ValidationError(
            f"Resource {request['LogicalResourceId']} does not exist for stack {request['StackName']}"
        )
    detail = _shown(stack, resource, "LastUpdatedTimestamp")
    if resource.metadata is not None:
        detail["Metadata"] = lookup.as_json(resource.metadata)
    return {"StackResourceDetail": detail}


def _require(call: Call, name: str) -> Stack:
    stack = lookup.find_stack(call.tx, call.keys, name)
    if stack is None:
        raise errors.ValidationError(f"Stack '{name}' does not exist")
    return stack


@cloudformation.operation("DescribeStackResources")
def describe_stack_resources(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    physical_id = request.get("PhysicalResourceId")
    if not request.get("StackName") and not physical_id:
        raise errors.ValidationError("Either StackName or PhysicalResourceId must be specified.")
    stack = _require(call, request["StackName"]) if request.get("StackName") else _owner(call, str(physical_id))
    wanted = request.get("LogicalResourceId")
    if wanted:
        resource = inventory.find_resource(call.tx, call.keys, stack.id, wanted)
        return {"StackResources": [_shown(stack, resource, "Timestamp")] if resource is not None else []}
    begin, end = call.keys.line.range(stack.id)
    found = page.first(call.tx, begin, end, rules.RESOURCES_DESCRIBED_MAX)
    lines = [ResourceLine.decode(stored) for _, stored in found]
    return {"StackResources": [_shown(stack, line, "Timestamp") for line in lines]}


def _owner(call: Call, physical_id: str) -> Stack:
    """The stack that a resource belongs to."""
    stack_id = inventory.find_owner(call.tx, call.keys, physical_id)
    if stack_id is None:
        raise errors.ValidationError(f"Stack for {physical_id} does not exist")
    return lookup.stack_by_id(call.tx, call.keys, stack_id)


@cloudformation.operation("ListStackResources")
def list_stack_resources(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    stack = lookup.require_stack(call.tx, call.keys, request["StackName"])
    found = lookup.list_page(call, request, call.keys.line.range(stack.id), rules.RESOURCES_PER_PAGE)
    lines = [ResourceLine.decode(stored) for _, stored in found.rows]
    hidden = ("StackName", "StackId")
    summaries = [
        {name: value for name, value in _shown(stack, line, "LastUpdatedTimestamp").items() if name not in hidden}
        for line in lines
    ]
    return {"StackResourceSummaries": summaries, "NextToken": found.next_token}
