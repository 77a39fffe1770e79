"""Work: one stack's running operation as a step of it sees things, within one transaction."""

import json
from dataclasses import dataclass
from typing import Any

from cloudlet.base import ids
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import lookup
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.export import imported_value
from cloudlet.services.cloudformation.kinds.kind import Kind, Properties
from cloudlet.services.cloudformation.records import Operation, PlanHead, Resource, Stack
from cloudlet.services.cloudformation.template.intrinsics import Scope
from cloudlet.services.cloudformation.template.parameters import split_list
from cloudlet.services.cloudformation.template.prepare import Pseudo

HIDDEN = "****"


@dataclass(slots=True)
class Act:
    """One thing to do to one resource. `resource` is how it will be; `before` how it is, where it is there."""

    kind: str  # create, update, replace, delete
    resource: Resource
    before: Resource | None = None
    name: str = ""
    reason: str | None = None  # why it can't even be tried
    in_pieces: bool = False  # not one transaction: a failure may leave something behind
    is_repeated: bool = False  # begun before, in pieces, and then interrupted


@dataclass(slots=True)
class Work:
    call: Call
    stack: Stack
    operation: Operation

    @staticmethod
    def open(call: Call, stack_id: str, operation_id: str) -> "Work | None":
        """None if the operation is over, or another has taken its place."""
        operation = lookup.find_operation(call.tx, call.keys, stack_id)
        if operation is None or operation.id != operation_id or operation.phase == "stopped":
            return None
        return Work(call, lookup.stack_by_id(call.tx, call.keys, stack_id), operation)

    def change(self, **members: Any) -> None:
        """Change the operation, and store it."""
        self.operation = replace(self.operation, **members)
        lookup.put_operation(self.call.tx, self.call.keys, self.stack.id, self.operation)

    def change_stack(self, **members: Any) -> None:
        self.stack = replace(self.stack, **members)
        lookup.put_stack(self.call.tx, self.call.keys, self.stack)

    def enter(self, status: str, reason: str | None = None) -> None:
        """Another status of the stack, with its event."""
        self.change_stack(status=status, status_reason=reason)
        lookup.add_event(self.call, self.stack, status, reason, token=self.operation.token)

    def find(self, logical_id: str) -> Resource | None:
        stored = lookup.find_resource(self.call.tx, self.call.keys, self.stack.id, logical_id)
        return None if stored is None else self.opened(stored)

    def put(self, resource: Resource) -> None:
        lookup.put_resource(self.call.tx, self.call.keys, self.stack.id, self.closed(resource))

    def opened(self, resource: Resource) -> Resource:
        return lookup.opened(self.call, self.stack, resource)

    def closed(self, resource: Resource) -> Resource:
        return lookup.closed(self.call, self.stack, resource)

    def forget(self, logical_id: str) -> None:
        self.call.tx.delete(self.call.keys.resource.key(self.stack.id, logical_id))

    def resources(self) -> dict[str, Resource]:
        """All of them, as they are stored."""
        return lookup.resources_of(self.call.tx, self.call.keys, self.stack.id)

    def plan(self) -> PlanHead:
        return lookup.require_plan(self.call, self.stack.id, self.operation.revision)

    def scope(self, plan: PlanHead) -> Scope:
        """What names in the plan mean now: resources that are there, exports of other stacks."""
        return Scope(
            parameters=parameters_of(self.stack, plan),
            mappings=plan.mappings,
            conditions=plan.conditions,
            reference=self._reference,
            attribute=self._attribute,
            imported=lambda name: imported_value(self.call, self.stack, name),
            extended=plan.extended,
        )

    def shown(self, properties: Properties) -> str:
        """Properties as an event tells them."""
        return json.dumps(masked(properties, self.plan().secrets()))

    def _reference(self, logical_id: str) -> str:
        resource = self.find(logical_id)
        if resource is None or resource.physical_id is None:
            raise ValidationError(f"Resource {logical_id} does not exist")
        return resource.physical_id

    def _attribute(self, logical_id: str, attribute: str) -> Any:
        resource = self.find(logical_id)
        if resource is None:
            raise ValidationError(f"Resource {logical_id} does not exist")
        secrets = lookup.unseal(self.call, lookup.sealed_context(self.stack, logical_id), resource.sealed)
        return attribute_of(resource, attribute, secrets)


def attribute_of(resource: Resource, attribute: str, secrets: dict[str, str]) -> Any:
    """What Fn::GetAtt gives; a dotted name may go into an object's members."""
    value: Any = resource.attributes | secrets
    if attribute in value:
        return value[attribute]
    for part in attribute.split("."):
        if not isinstance(value, dict) or part not in value:
            raise ValidationError(f"Resource type {resource.type} does not support attribute {{{attribute}}}")
        value = value[part]
    return value


def parameters_of(stack: Stack, plan: PlanHead) -> dict[str, Any]:
    pseudo = Pseudo(
        stack.account, stack.region, stack.name, stack.arn, tuple(stack.settings.notification_arns)
    ).values()
    values = {name: split_list(text) if name in plan.lists else text for name, text in plan.values.items()}
    return {**values, **pseudo}


def physical_name(stack: Stack, kind: Kind, logical_id: str, properties: Properties) -> str:
    """The template's name, or stack-resource-random within what the service allows."""
    if kind.name_property is not None and kind.name_property in properties:
        return str(properties[kind.name_property])
    suffix = kind.name_suffix(properties)
    tail = f"-{ids.text(_LETTERS, 12)}{suffix}"
    room = kind.name_max - len(tail)
    share = (room - 1) // 2
    head = stack.name[: room - 1 - min(len(logical_id), share)]
    own = logical_id[: room - 1 - len(head)]
    name = f"{head}-{own}{tail}"
    return name.lower() if kind.name_is_lower else name


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def masked(value: Any, secrets: list[str]) -> Any:
    """`value` with every secret in its texts starred out, for what is shown: events, change sets."""
    if not secrets:
        return value
    if isinstance(value, dict):
        return {name: masked(member, secrets) for name, member in value.items()}
    if isinstance(value, list):
        return [masked(member, secrets) for member in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
    return value
