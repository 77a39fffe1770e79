"""Work: one stack's running operation as a step of it sees things, within one transaction."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from cloudlet.base import ids
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import inventory, lookup, plans, sealing
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.export import imported_value
from cloudlet.services.cloudformation.kinds.kind import Kind, Properties
from cloudlet.services.cloudformation.records import Operation, PlanHead, Resource, ResourceLine, Stack, Undo
from cloudlet.services.cloudformation.template.intrinsics import Scope
from cloudlet.services.cloudformation.template.parameters import references_of
from cloudlet.services.cloudformation.template.prepare import Pseudo
from cloudlet.services.cloudformation.values import attribute_of, masked


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
    is_bare: bool = False  # told without its properties, which may be too large


def bare(act: Act) -> Act:
    """The same, without what may be too large to be told."""
    return dataclasses.replace(act, resource=replace(act.resource, properties={}, stated={}), is_bare=True)


@dataclass(slots=True)
class Work:
    call: Call
    stack: Stack
    operation: Operation
    _plan: PlanHead | None = None
    _found: dict[str, Resource | None] = field(default_factory=dict)  # of this transaction

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
        self.tell(status, reason)

    def tell(
        self, status: str, reason: str | None = None, *, resource: Resource | None = None, properties: str | None = None
    ) -> None:
        """An event of the stack, or of a resource."""
        lookup.add_event(
            self.call, self.stack, status, reason, resource=resource, properties=properties,
            token=self.operation.token, acting=self.operation.acting,
        )  # fmt: skip

    def find(self, logical_id: str) -> Resource | None:
        if logical_id not in self._found:
            stored = inventory.find_resource(self.call.tx, self.call.keys, self.stack.id, logical_id)
            self._found[logical_id] = None if stored is None else sealing.opened(self.call, self.stack, stored)
        return self._found[logical_id]

    def put(self, resource: Resource) -> None:
        inventory.put_resource(self.call.tx, self.call.keys, self.stack, self.closed(resource))
        self._found[resource.logical_id] = resource

    def opened(self, resource: Resource) -> Resource:
        return sealing.opened(self.call, self.stack, resource)

    def closed(self, resource: Resource) -> Resource:
        return sealing.closed(self.call, self.stack, resource)

    def forget(self, logical_id: str) -> None:
        inventory.forget_resource(self.call.tx, self.call.keys, self.stack.id, logical_id)
        self._found[logical_id] = None

    def lines(self) -> dict[str, ResourceLine]:
        return inventory.lines_of(self.call.tx, self.call.keys, self.stack.id)

    def find_undo(self, position: int) -> Undo:
        stored = self.call.tx.get(self.call.keys.undo.key(self.operation.records_id, position))
        assert stored is not None, f"undo record {position} of stack {self.stack.id} is missing"
        return Undo.decode(stored)

    def imports(self) -> list[str]:
        """Names of exports that the stack may be using by now."""
        revision = self.operation.revision or self.stack.revision
        planned = plans.require_head(self.call, self.stack.id, revision).imports if revision else []
        return sorted({*self.stack.imports, *planned})

    def plan(self) -> PlanHead:
        if self._plan is None:
            self._plan = plans.require_head(self.call, self.stack.id, self.operation.revision)
        return self._plan

    def scope(self, plan: PlanHead) -> Scope:
        """What names in the plan mean now: resources that are there, exports of other stacks."""
        return Scope(
            parameters={**references_of(plan.values, plan.lists), **self._pseudo()},
            conditions=plan.conditions,
            reference=self._reference,
            attribute=self._attribute,
            imported=lambda name: imported_value(self.call, self.stack, name),
            extended=plan.extended,
        )

    def shown(self, properties: Properties) -> str:
        """Properties as an event tells them."""
        return json.dumps(masked(properties, self.plan().secrets()))

    def _pseudo(self) -> dict[str, Any]:
        stack = self.stack
        arns = tuple(stack.settings.notification_arns)
        return Pseudo(stack.account, stack.region, stack.name, stack.arn, arns).values()

    def _reference(self, logical_id: str) -> str:
        resource = self.find(logical_id)
        if resource is None or resource.physical_id is None:
            raise ValidationError(f"Resource {logical_id} does not exist")
        return resource.physical_id

    def _attribute(self, logical_id: str, attribute: str) -> Any:
        resource = self.find(logical_id)
        if resource is None:
            raise ValidationError(f"Resource {logical_id} does not exist")
        return attribute_of(resource, attribute, sealing.secrets_of(self.call, self.stack, resource))


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
