"""Reading and writing CloudFormation's records, one by one."""

import json
from typing import Any

from cloudlet.base import ids
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import errors, rules
from cloudlet.services.cloudformation.keys import Keys
from cloudlet.services.cloudformation.records import (
    ChangeSet,
    ChangeSetPlace,
    Event,
    Operation,
    PlanHead,
    PlannedResource,
    Resource,
    Stack,
    plan_head,
    planned_resource,
)
from cloudlet.services.cloudformation.template.prepare import Plan
from cloudlet.store.transaction import BYTES_WRITTEN_MAX, Tx

STACK_TYPE = "AWS::CloudFormation::Stack"
SEALED_FOR = "cloudformation secret"
ROWS_MAX = 1000  # of one kind, of one stack: two templates' worth of resources
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


def find_resource(tx: Tx, keys: Keys, stack_id: str, logical_id: str) -> Resource | None:
    stored = tx.get(keys.resource.key(stack_id, logical_id))
    return Resource.decode(stored) if stored else None


def put_resource(tx: Tx, keys: Keys, stack_id: str, resource: Resource) -> None:
    tx.put(keys.resource.key(stack_id, resource.logical_id), resource.encode())


def all_rows(tx: Tx, bounds: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """All that a stack or change set has of one kind, never a part of it. It fits: one transaction writes a plan, and
    nothing here outgrows two of them."""
    found = tx.scan(*bounds, limit=ROWS_MAX, bytes_max=2 * BYTES_WRITTEN_MAX)
    assert found.resume is None, "a stack has more of one kind than two transactions may write"
    return found.rows


def resources_of(tx: Tx, keys: Keys, stack_id: str) -> dict[str, Resource]:
    """All of a stack's resources, at most 1,000 (two templates' worth)."""
    rows = all_rows(tx, keys.resource.range(stack_id))
    return {resource.logical_id: resource for resource in (Resource.decode(stored) for _, stored in rows)}


def put_plan(call: Call, stack_id: str, revision: int, plan: Plan, text: str) -> None:
    tx, keys, head = call.tx, call.keys, plan_head(plan)
    if head.hidden:
        secrets = {name: head.values[name] for name in head.hidden if name in head.values}
        shown = {name: value for name, value in head.values.items() if name not in secrets}
        head = replace(head, values=shown, sealed=seal(call, stack_id, secrets))
    tx.put(keys.plan.key(stack_id, revision), head.encode())
    for position, planned in enumerate(plan.resources):
        tx.put(keys.planned.key(stack_id, revision, position), planned_resource(planned).encode())
    put_template(tx, keys, stack_id, revision, text, plan.processed if plan.transforms else None)


def put_template(tx: Tx, keys: Keys, stack_id: str, revision: int, text: str, processed: str | None) -> None:
    tx.put(keys.template.key(stack_id, revision, "Original"), text.encode())
    if processed is not None:
        tx.put(keys.template.key(stack_id, revision, "Processed"), processed.encode())


def template_text(tx: Tx, keys: Keys, stack_id: str, revision: int, stage: str) -> str | None:
    """A template without transforms is its own processed form."""
    stored = tx.get(keys.template.key(stack_id, revision, stage))
    if stored is None and stage == "Processed":
        stored = tx.get(keys.template.key(stack_id, revision, "Original"))
    return stored.decode() if stored is not None else None


def require_plan(call: Call, stack_id: str, revision: int) -> PlanHead:
    """With the values of its hidden parameters."""
    stored = call.tx.get(call.keys.plan.key(stack_id, revision))
    assert stored is not None, f"stack {stack_id} has no plan {revision}"
    head = PlanHead.decode(stored)
    return replace(head, values=head.values | unseal(call, stack_id, head.sealed), sealed=b"")


def closed(call: Call, stack: Stack, resource: Resource) -> Resource:
    """As it is stored: properties that came from hidden parameters are sealed."""
    if not resource.is_hidden or not resource.properties:
        return resource
    sealed = seal(call, sealed_context(stack, resource.logical_id), resource.properties)
    return replace(resource, properties={}, sealed_properties=sealed)


def opened(call: Call, stack: Stack, resource: Resource) -> Resource:
    """As it is worked with."""
    if not resource.sealed_properties:
        return resource
    properties = unseal(call, sealed_context(stack, resource.logical_id), resource.sealed_properties)
    return replace(resource, properties=properties, sealed_properties=b"")


def sealed_context(stack: Stack, logical_id: str) -> str:
    return f"{stack.id}/{logical_id}"


def seal(call: Call, context: str, secrets: dict[str, Any]) -> bytes:
    return call.node.sealer.seal(json.dumps(secrets).encode(), SEALED_FOR, context.encode()) if secrets else b""


def unseal(call: Call, context: str, sealed: bytes) -> dict[str, Any]:
    return json.loads(call.node.sealer.unseal(sealed, SEALED_FOR, context.encode())) if sealed else {}


def require_planned(tx: Tx, keys: Keys, stack_id: str, revision: int, position: int) -> PlannedResource:
    stored = tx.get(keys.planned.key(stack_id, revision, position))
    assert stored is not None, f"plan {revision} of stack {stack_id} lacks resource {position}"
    return PlannedResource.decode(stored)


def planned_of(tx: Tx, keys: Keys, stack_id: str, revision: int) -> list[PlannedResource]:
    rows = all_rows(tx, keys.planned.range(stack_id, revision))
    return [PlannedResource.decode(stored) for _, stored in rows]


def drop_plan(tx: Tx, keys: Keys, stack_id: str, revision: int) -> None:
    for space in (keys.planned, keys.template):
        for key, _ in all_rows(tx, space.range(stack_id, revision)):
            tx.delete(key)
    tx.delete(keys.plan.key(stack_id, revision))


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
) -> None:
    """One line of DescribeStackEvents: of a resource, or of the stack itself."""
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


def as_json(value: Any) -> str:
    return json.dumps(value)
