"""A plan as it comes out of the template's worker process: encoded as it will be stored, so that the node need not."""

import msgspec

from cloudlet.services.cloudformation.records import PlanHead, PlannedResource, PlanOutputs, PlanPart
from cloudlet.services.cloudformation.template.prepare import Plan, Planned

RESOURCES_PER_PART = 16


class PreparedPlan(msgspec.Struct):
    head: bytes  # PlanHead
    outputs: bytes  # PlanOutputs
    parts: list[bytes]  # PlanPart
    types: list[str]  # of its resources, each once
    processed: str | None  # the text after its transforms, if it has any

    def decoded_head(self) -> PlanHead:
        return PlanHead.decode(self.head)

    def decoded_resources(self) -> list[PlannedResource]:
        """All of them: for the worker, not for the node."""
        parts = (PlanPart.decode(part).planned for part in self.parts)
        return [PlannedResource.decode(encoded) for part in parts for encoded in part]


def prepared(plan: Plan) -> PreparedPlan:
    """In the worker: a plan as it will be stored."""
    encoded = [_encoded(resource) for resource in plan.resources]
    parts = [encoded[at : at + RESOURCES_PER_PART] for at in range(0, len(encoded), RESOURCES_PER_PART)]
    return PreparedPlan(
        _head(plan).encode(),
        PlanOutputs(plan.outputs).encode(),
        [PlanPart(part).encode() for part in parts],
        list(dict.fromkeys(resource.type for resource in plan.resources)),
        plan.processed or None,
    )


def _head(plan: Plan) -> PlanHead:
    return PlanHead(
        description=plan.description,
        values=plan.values,
        hidden=plan.hidden,
        lists=plan.lists,
        conditions=plan.conditions,
        capabilities=plan.capabilities,
        transforms=plan.transforms,
        extended=plan.extended,
        names=[resource.logical_id for resource in plan.resources],
        imports=plan.imports,
    )


def _encoded(planned: Planned) -> bytes:
    return PlannedResource(
        planned.logical_id,
        planned.type,
        planned.properties,
        planned.needs,
        planned.deletion_policy,
        planned.update_replace_policy,
        planned.metadata,
    ).encode()
