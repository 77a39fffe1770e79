"""One operation performed in one transaction: authorised, checked against the model, handled."""

from typing import TYPE_CHECKING, Any

from cloudlet.kit.authority import authorise
from cloudlet.wire import constraints

if TYPE_CHECKING:
    from cloudlet.kit.call import Call


def prepare(call: "Call", operation: str, request: dict[str, Any]) -> None:
    """What must hold before a handler runs, in AWS's order: authority, then the model's constraints."""
    authorise(call, operation, request)
    if not call.is_checked:
        model = call.service.model
        constraints.check(model, model.operations[operation], request)


def perform(call: "Call", operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run a `def` handler inside `call.tx`. The gateway and `call.aws` both come through here."""
    at_once = call.service.require_operation(operation).at_once
    assert at_once is not None, f"{call.service.name}.{operation} waits: call.aws_apart, or call.later with a task"
    prepare(call, operation, request)
    return at_once(call, request) or {}
