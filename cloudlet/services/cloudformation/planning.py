"""What a plan would change in a stack: what the node knows of it is gathered, a worker process compares."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import body, errors, export, inventory, plans, sealing
from cloudlet.services.cloudformation.changes import Foreseen, Known
from cloudlet.services.cloudformation.kinds.registry import require_kind
from cloudlet.services.cloudformation.prepared import PreparedPlan
from cloudlet.services.cloudformation.records import Resource, ResourceLine, Stack
from cloudlet.services.cloudformation.requests import pseudo_of
from cloudlet.store.transaction import Tx

RESOURCES_PER_STEP = 25
KNOWN_BYTES_MAX = 32 << 20  # of a stack's resources; what a worker can hold a few times over


async def foresee(call: Call, stack: Stack, plan: PreparedPlan, *, with_pages: bool = False) -> Foreseen:
    """`stack` with the settings that it will have. Whoever acts on the answer looks whether it `is_as_seen`."""
    known, lines = call.transact(_known, call, stack, plan)
    begin: bytes | None = b""
    while begin is not None:
        stored, secrets, begin = call.transact(_resources, call, stack, lines, begin)
        known.resources += stored
        known.attributes |= secrets
        if sum(map(len, known.resources)) > KNOWN_BYTES_MAX:
            raise errors.ValidationError("The stack's resources are too large to be compared with a template")
        await call.pause()
    return await body.in_turn(body.templates.foresee, plan, known, with_pages=with_pages)


def is_as_seen(seen: Stack, present: Stack) -> bool:
    return (seen.id, seen.operations, seen.revision) == (present.id, present.operations, present.revision)


def _known(tx: Tx, call: Call, stack: Stack, plan: PreparedPlan) -> tuple[Known, dict[str, ResourceLine]]:
    present = plans.require_head(call, stack.id, stack.revision) if stack.revision else None
    found = {name: export.find_export(call, name) for name in plan.decoded_head().imports}
    exports = {name: value.value for name, value in found.items() if value is not None}
    pseudo = pseudo_of(stack, stack.settings).values()
    known = Known(
        pseudo=pseudo,
        tags=stack.settings.tags,
        tagged=[type_ for type_ in plan.types if "Tags" in require_kind(type_).properties],
        resources=[],
        attributes={},
        outputs=stack.outputs,
        values=present.values if present is not None else {},
        secrets=present.secrets() if present is not None else [],
        exports=exports,
    )
    return known, inventory.lines_of(tx, call.keys, stack.id)


def _resources(
    tx: Tx, call: Call, stack: Stack, lines: dict[str, ResourceLine], begin: bytes
) -> tuple[list[bytes], dict[str, dict[str, Any]], bytes | None]:
    """Some of them, their secret attributes, and where to go on. Only what is sealed is decoded, to be opened."""
    first, end = call.keys.resource.range(stack.id)
    found = tx.scan(max(first, begin), end, limit=RESOURCES_PER_STEP)
    resources, secrets = [], {}
    for key, stored in found.rows:
        name = str(call.keys.resource.unpack(key)[1])
        if name in lines and lines[name].is_sealed:
            resource = Resource.decode(stored)
            secrets[name] = sealing.secrets_of(call, stack, resource)
            stored = sealing.opened(call, stack, resource).encode()
        resources.append(stored)
    return resources, secrets, found.resume
