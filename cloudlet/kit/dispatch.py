"""One operation performed in one transaction: authorised, checked against the model, handled."""

from typing import TYPE_CHECKING, Any

from cloudlet.kit.authority import authorise
from cloudlet.wire import constraints

if TYPE_CHECKING:
    from cloudlet.kit.call import Call


def prepare(call: "Call", operation: str, request: dict[str, Any]) -> None:
    """What must hold before a handler runs, in AWS's order: authority, then the model's constraints."""
    authorise(call, operation, request)
    model = call.service.model
    constraints.check(model, model.operations[operation], request)


def perform(call: "Call", operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run a `def` handler inside `call.tx`. The gateway and `call.aws` both come through here."""
    handler = call.service.require_operation(operation)
    assert not handler.waits, f"{call.service.name}.{operation} waits (async def): use call.later with a task"
    prepare(call, operation, request)
    return handler.handler(call, request) or {}
