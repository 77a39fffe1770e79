"""Reading and writing CloudFormation's records, one by one. Resources are inventory.py's, plans plans.py's."""

import json
from typing import Any

import msgspec

from cloudlet.base import ids
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import errors, rules
from cloudlet.services.cloudformation.keys import Keys
from cloudlet.services.cloudformation.records import (
    Acting,
    ChangeSet,
    ChangeSetPlace,
    Event,
    Operation,
    Resource,
    Stack,
)
from cloudlet.store.transaction import Tx

STACK_TYPE = "AWS::CloudFormation::Stack"
LATEST_MS = 1 << 50  # listings run from the newest: they count down from here


def find_stack(tx: Tx, keys: Keys, name: str) -> Stack | None:
    """By name (the living one), ARN or id (a deleted one too)."""
    parts = rules.stack_arn_parts(name)
    stack_id = parts[1] if parts else name
    stored = tx.get(keys.stack.key(stack_id))
    if stored is None and parts is None:
        named = tx.get(keys.name.key(name))
        stored = tx.get(keys.stack.key(named.decode())) if named else None
    return Stack.decode(stored) if stored else None


def require_stack(tx: Tx, keys: Keys, name: str) -> Stack:
    stack = find_stack(tx, keys, name)
    if stack is None:
        raise errors.StackDoesNotExist(name=name)
    return stack


def stack_by_id(tx: Tx, keys: Keys, stack_id: str) -> Stack:
    """One that something of ours points to."""
    stored = tx.get(keys.stack.key(stack_id))
    assert stored is not None, f"stack {stack_id} is pointed to but not stored"
    return Stack.decode(stored)


def put_stack(tx: Tx, keys: Keys, stack: Stack) -> None:
    tx.put(keys.stack.key(stack.id), stack.encode())


def put_new_stack(tx: Tx, keys: Keys, stack: Stack) -> None:
    put_stack(tx, keys, stack)
    tx.put(keys.name.key(stack.name), stack.id.encode())
    tx.put(keys.listed.key(LATEST_MS - stack.created_ms, stack.id), b"")


def find_operation(tx: Tx, keys: Keys, stack_id: str) -> Operation | None:
    stored = tx.get(keys.operation.key(stack_id))
    return Operation.decode(stored) if stored else None


def put_operation(tx: Tx, keys: Keys, stack_id: str, operation: Operation) -> None:
    tx.put(keys.operation.key(stack_id), operation.encode())


def clear_later(call: Call, ranges: list[tuple[bytes, bytes]]) -> None:
    """Ranges that nothing speaks of any more are emptied in the background, in as many steps as it takes."""
    call.later("clear", {"ranges": ranges})


def find_change_set_place(tx: Tx, keys: Keys, arn: str) -> ChangeSetPlace | None:
    stored = tx.get(keys.named.key(arn.rpartition("/")[2])) if ":changeSet/" in arn else None
    return ChangeSetPlace.decode(stored) if stored else None


def find_change_set(tx: Tx, keys: Keys, stack_id: str, name: str) -> ChangeSet | None:
    stored = tx.get(keys.change_set.key(stack_id, name))
    return ChangeSet.decode(stored) if stored else None


def put_change_set(tx: Tx, keys: Keys, change_set: ChangeSet) -> None:
    tx.put(keys.change_set.key(change_set.stack_id, change_set.name), change_set.encode())


def add_event(
    call: Call,
    stack: Stack,
    status: str,
    reason: str | None = None,
    *,
    resource: Resource | None = None,
    properties: str | None = None,
    token: str | None = None,
    acting: Acting,
) -> None:
    """One line of DescribeStackEvents: of a resource, or of the stack itself. Its topics hear of it from who acts."""
    key = call.keys.sequence.key(stack.id)
    sequence = int(call.tx.get(key) or b"0") + 1
    call.tx.put(key, b"%d" % sequence)
    event = Event(
        id=f"{resource.logical_id}-{status}-{ids.hexadecimal(12)}" if resource else ids.uuid4(),
        at_ms=call.now_ms,
        logical_id=resource.logical_id if resource else stack.name,
        physical_id=(resource.physical_id or "") if resource else stack.arn,
        type=resource.type if resource else STACK_TYPE,
        status=status,
        reason=reason,
        properties=properties,
        token=token,
    )
    call.tx.put(call.keys.event.key(stack.id, sequence), event.encode())
    if stack.settings.notification_arns:
        told = {"stack": stack.id, "sequence": sequence, "acting": msgspec.to_builtins(acting)}
        call.later("tell_topics", told | {"topics": stack.settings.notification_arns}, lane=f"tell {stack.id}")


def list_page(call: Call, request: dict[str, Any], bounds: tuple[bytes, bytes], limit: int) -> page.Page:
    """What a List operation shows of these rows, from its NextToken on."""
    invalid = errors.ValidationError("NextToken is invalid")
    return page.scan_page(call.tx, bounds, limit=limit, token=request.get("NextToken"), invalid=invalid)


def as_json(value: Any) -> str:
    return json.dumps(value)
