"""Stack events, the newest first."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import errors, lookup, rules
from cloudlet.services.cloudformation.records import Event, Stack
from cloudlet.services.cloudformation.service import cloudformation


@cloudformation.operation("DescribeStackEvents")
def describe_stack_events(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    stack = lookup.find_stack(call.tx, call.keys, request["StackName"])
    if stack is None:
        raise errors.StackInBracketsDoesNotExist(name=request["StackName"])
    begin, end = call.keys.event.range(stack.id)
    if request.get("NextToken"):
        (before,) = page.decode_token(request["NextToken"], errors.ValidationError("NextToken is invalid"), int)
        end = call.keys.event.key(stack.id, before)
    found = call.tx.scan(begin, end, limit=rules.EVENTS_PER_PAGE, reverse=True)
    events = [_shown(stack, Event.decode(stored)) for _, stored in found.rows]
    token = None
    if found.resume is not None:
        _, last = call.keys.event.unpack(found.rows[-1][0])
        token = page.encode_token(last)
    return {"StackEvents": events, "NextToken": token}


def _shown(stack: Stack, event: Event) -> dict[str, Any]:
    result = {
        "StackId": stack.arn,
        "EventId": event.id,
        "StackName": stack.name,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": event.at_ms,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "ResourceProperties": event.properties,
        "ClientRequestToken": event.token,
    }
    return {name: value for name, value in result.items() if value is not None}
