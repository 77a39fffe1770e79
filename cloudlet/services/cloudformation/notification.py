"""Stack events as messages to the stack's topics (NotificationARNs), in their order.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stack-options.html
"""

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import lookup
from cloudlet.services.cloudformation.acting import become
from cloudlet.services.cloudformation.records import Acting, Event, Stack

SUBJECT = "AWS CloudFormation Notification"
PROPERTIES_CHARACTERS_MAX = 50_000  # of four bytes each: a message has room for 256 KB

log = logging.getLogger("cloudlet.cloudformation")


def tell_topics(call: Call, payload: dict[str, Any]) -> None:
    """One event to all topics, as whoever acts; one that refuses does not hold up the stack, nor the others."""
    stack = lookup.find_stack(call.tx, call.keys, payload["stack"])
    stored = call.tx.get(call.keys.event.key(payload["stack"], payload["sequence"]))
    if stack is None or stored is None:
        return
    acting = msgspec.convert(payload["acting"], Acting)
    become(call, acting)
    message = _message(stack, Event.decode(stored), acting)
    for arn in payload["topics"]:
        try:
            request = {"TopicArn": arn, "Subject": SUBJECT, "Message": message}
            call.aws("sns", "Publish", request, region=_region_of(arn) or stack.region)
        except AwsError as error:
            log.info("an event of stack %s did not reach %s: %s", stack.name, arn, error.message)


def _region_of(arn: str) -> str | None:
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 else None


def _message(stack: Stack, event: Event, acting: Acting) -> str:
    at = datetime.fromtimestamp(event.at_ms / 1000, UTC)
    properties = (event.properties or "null")[:PROPERTIES_CHARACTERS_MAX]
    lines = {
        "StackId": stack.arn,
        "Timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{event.at_ms % 1000:03}Z",
        "EventId": event.id,
        "LogicalResourceId": event.logical_id,
        "Namespace": stack.account,
        "PhysicalResourceId": event.physical_id or "",
        "PrincipalId": acting.user_id or acting.account,
        "ResourceProperties": properties,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason or "",
        "ResourceType": event.type,
        "StackName": stack.name,
        "ClientRequestToken": event.token or "null",
    }
    return "".join(f"{name}='{value}'\n" for name, value in lines.items())
