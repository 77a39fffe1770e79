"""Plans as they are stored: a head, the outputs, and the resources in parts, so that no step reads all of them.

A plan comes out of the template's worker process encoded (`PreparedPlan`): the node stores what it never decodes.
"""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import lookup
from cloudlet.services.cloudformation.keys import Keys
from cloudlet.services.cloudformation.prepared import RESOURCES_PER_PART, PreparedPlan
from cloudlet.services.cloudformation.records import (
    PlanHead,
    PlannedResource,
    PlanOutputs,
    PlanPart,
)
from cloudlet.services.cloudformation.sealing import seal, unseal
from cloudlet.store.transaction import Tx


def put_plan(call: Call, stack_id: str, revision: int, plan: PreparedPlan, text: str) -> None:
    tx, keys, head = call.tx, call.keys, plan.decoded_head()
    if head.hidden:
        secrets = {name: head.values[name] for name in head.hidden if name in head.values}
        shown = {name: value for name, value in head.values.items() if name not in secrets}
        head = replace(head, values=shown, sealed=seal(call, stack_id, secrets))
    tx.put(keys.plan.key(stack_id, revision), head.encode())
    tx.put(keys.outputs.key(stack_id, revision), plan.outputs)
    for number, part in enumerate(plan.parts):
        tx.put(keys.planned.key(stack_id, revision, number), part)
    put_template(tx, keys, stack_id, revision, text, plan.processed)


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


def require_head(call: Call, stack_id: str, revision: int) -> PlanHead:
    """With the values of its hidden parameters."""
    stored = call.tx.get(call.keys.plan.key(stack_id, revision))
    assert stored is not None, f"stack {stack_id} has no plan {revision}"
    head = PlanHead.decode(stored)
    return replace(head, values=head.values | unseal(call, stack_id, head.sealed), sealed=b"") if head.sealed else head


def require_planned(tx: Tx, keys: Keys, stack_id: str, revision: int, position: int) -> PlannedResource:
    part, within = divmod(position, RESOURCES_PER_PART)
    stored = tx.get(keys.planned.key(stack_id, revision, part))
    assert stored is not None, f"plan {revision} of stack {stack_id} lacks resource {position}"
    return PlannedResource.decode(PlanPart.decode(stored).planned[within])


def outputs_of(tx: Tx, keys: Keys, stack_id: str, revision: int) -> list[dict[str, Any]]:
    stored = tx.get(keys.outputs.key(stack_id, revision))
    assert stored is not None, f"plan {revision} of stack {stack_id} has no outputs"
    return PlanOutputs.decode(stored).outputs


def drop_plan(call: Call, stack_id: str, revision: int) -> None:
    """No longer there at once; its rows go in the background."""
    call.tx.delete(call.keys.plan.key(stack_id, revision))
    call.tx.delete(call.keys.outputs.key(stack_id, revision))
    lookup.clear_later(call, call.keys.of_plan(stack_id, revision))
