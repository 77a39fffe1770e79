"""Stack resources: describe, list."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import errors, lookup, rules
from cloudlet.services.cloudformation.records import Resource, Stack
from cloudlet.services.cloudformation.service import cloudformation

_DRIFT = {"StackResourceDriftStatus": "NOT_CHECKED"}


def _shown(stack: Stack, resource: Resource, time_member: str) -> dict[str, Any]:
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
    resource = lookup.find_resource(call.tx, call.keys, stack.id, request["LogicalResourceId"])
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
    return {
        "StackResources": [
            _shown(stack, resource, "Timestamp")
            for resource in lookup.resources_of(call.tx, call.keys, stack.id).values()
            if not wanted or resource.logical_id == wanted
        ]
    }


def _owner(call: Call, physical_id: str) -> Stack:
    """The stack that a resource belongs to: looked for in all that are there."""
    begin, end = call.keys.resource.range()
    while begin is not None:
        found = call.tx.scan(begin, end)
        for key, stored in found.rows:
            if Resource.decode(stored).physical_id == physical_id:
                stack_id, _ = call.keys.resource.unpack(key)
                return lookup.stack_by_id(call.tx, call.keys, str(stack_id))
        begin = found.resume
    raise errors.ValidationError(f"Stack for {physical_id} does not exist")


@cloudformation.operation("ListStackResources")
def list_stack_resources(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    stack = lookup.require_stack(call.tx, call.keys, request["StackName"])
    begin, end = call.keys.resource.range(stack.id)
    if request.get("NextToken"):
        (after,) = page.decode_token(request["NextToken"], errors.ValidationError("NextToken is invalid"), str)
        begin = call.keys.resource.key(stack.id, after) + b"\x00"
    found = call.tx.scan(begin, end, limit=rules.STACKS_PER_PAGE)
    resources = [Resource.decode(stored) for _, stored in found.rows]
    hidden = ("StackName", "StackId")
    summaries = [
        {name: value for name, value in _shown(stack, r, "LastUpdatedTimestamp").items() if name not in hidden}
        for r in resources
    ]
    token = page.encode_token(resources[-1].logical_id) if found.resume is not None else None
    return {"StackResourceSummaries": summaries, "NextToken": token}
