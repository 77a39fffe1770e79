"""The make phase: what a planned resource needs, and what came of it. The order of things is engine.py's."""

import dataclasses
import logging
from typing import Any

from cloudlet.base.errors import AwsError, InternalFailure
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import sealing
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.kinds.kind import Kind, Made
from cloudlet.services.cloudformation.kinds.registry import require_kind
from cloudlet.services.cloudformation.records import PlanHead, PlannedResource, Resource
from cloudlet.services.cloudformation.template.diff import modification
from cloudlet.services.cloudformation.template.intrinsics import Budget, Scope, resolve
from cloudlet.services.cloudformation.template.parameters import scalar_text
from cloudlet.services.cloudformation.values import state_of
from cloudlet.services.cloudformation.work import Act, Work, physical_name
from cloudlet.store.errors import StoreError, TransactionTooLarge

OUTPUT_CHARACTERS_MAX = 1 << 20  # of one step's outputs: they become part of the stack's own record
log = logging.getLogger("cloudlet.cloudformation")

REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."


def decide(work: Work, plan: PlanHead, planned: PlannedResource) -> Act | None:
    """Create, update or replace; None if the resource stays as it is."""
    present = work.find(planned.logical_id)
    wanted = _wanted(work, plan, planned)
    try:
        kind, wanted = _resolved(work, plan, planned, wanted)
    except StoreError:
        raise
    except Exception as error:
        reason = told(planned.logical_id, error).message
        return Act("update" if present else "create", wanted, before=present, reason=reason)
    has_failed = present is not None and present.status == "CREATE_FAILED"  # in a stack that wasn't rolled back
    if present is None or (has_failed and present.physical_id is None):
        return _to_create(work, kind, wanted, None)
    if present.begun == work.operation.id and present.status == "CREATE_IN_PROGRESS":
        return _to_create(work, kind, wanted, present)
    if has_failed:
        return _to_replace(work, kind, wanted, present)
    change = modification(planned.logical_id, state_of(present), state_of(wanted))
    kept = replace(wanted, physical_id=present.physical_id, attributes=present.attributes, sealed=present.sealed)
    if change is None or not {"Properties", "Tags"} & set(change.scope):
        unchanged = replace(kept, status=present.status, reason=present.reason, updated_ms=present.updated_ms)
        if unchanged != present:
            work.put(unchanged)
        return None
    if change.replacement != "False" or kind.update is None:
        return _to_replace(work, kind, wanted, present)
    return Act("update", kept, before=present, name=present.physical_id or "")


def _resolved(work: Work, plan: PlanHead, planned: PlannedResource, wanted: Resource) -> tuple[Kind, Resource]:
    properties = resolve(planned.properties, work.scope(plan))
    kind = require_kind(planned.type)
    check_properties(planned.logical_id, kind, properties)
    metadata = resolve(planned.metadata, work.scope(plan))
    tags = work.stack.settings.tags if "Tags" in kind.properties else []
    return kind, replace(wanted, properties=properties, holds=kind.holds(properties), tags=tags, metadata=metadata)


def told(logical_id: str, error: Exception) -> AwsError:
    """The error as the stack tells it: what nobody foresaw is in the node's log."""
    if isinstance(error, AwsError):
        return error
    if isinstance(error, TransactionTooLarge):
        return InternalFailure(f"{logical_id} is too large to be made in one step: {error}")
    log.error("a step of %s failed", logical_id, exc_info=error)
    return InternalFailure("Internal Failure")


def _wanted(work: Work, plan: PlanHead, planned: PlannedResource) -> Resource:
    return Resource(
        planned.logical_id,
        planned.type,
        "CREATE_IN_PROGRESS",
        work.call.now_ms,
        stated=planned.properties,
        deletion_policy=planned.deletion_policy,
        update_replace_policy=planned.update_replace_policy,
        metadata=planned.metadata,
        needs=planned.needs,
        is_hidden=bool(plan.hidden),
    )


def check_properties(logical_id: str, kind: Kind, properties: dict[str, Any]) -> None:
    """What is required is there, and nothing is that would be ignored."""
    missing = [f"#: required key [{name}] not found" for name in sorted(kind.required) if name not in properties]
    if missing:
        listed = "\n".join(missing)
        raise ValidationError(f"Properties validation failed for resource {logical_id} with message:\n{listed}")
    unknown = [name for name in properties if name not in kind.properties]
    if unknown:
        raise ValidationError(
            f"Properties validation failed for resource {logical_id} with message:\n"
            + "\n".join(
                f"#: extraneous key [{name}] is not permitted ({kind.type} has no handler for it)" for name in unknown
            )
        )


def _to_create(work: Work, kind: Kind, wanted: Resource, present: Resource | None) -> Act:
    if present is not None:  # an interrupted try: it keeps its name
        return Act("create", wanted, name=present.begun_name, is_repeated=True)
    name = physical_name(work.stack, kind, wanted.logical_id, wanted.properties)
    return Act("create", wanted, name=name)


def _to_replace(work: Work, kind: Kind, wanted: Resource, present: Resource) -> Act:
    """A name given by the template can't be had twice at a time."""
    if present.begun == work.operation.id:
        return Act("replace", wanted, before=present, name=present.begun_name, is_repeated=True)
    name = physical_name(work.stack, kind, wanted.logical_id, wanted.properties)
    own = kind.name_property
    act = Act("replace", wanted, before=present, name=name)
    if own in wanted.properties and wanted.properties.get(own) == present.properties.get(own):
        act.reason = (
            f"CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename {name} and "
            "update the stack again."
        )
    return act


def announce(work: Work, act: Act) -> None:
    """The events that come before a resource is touched; told once, also if it is begun twice."""
    if act.is_repeated or act.reason is not None:
        return
    if act.kind == "delete":
        work.tell("DELETE_IN_PROGRESS", resource=act.resource)
        return
    properties = None if act.is_bare else work.shown(act.resource.properties)
    verb = "CREATE" if act.kind == "create" else "UPDATE"
    reason = REPLACING if act.kind == "replace" else None
    before = replace(act.resource, physical_id=act.before.physical_id if act.before else None)
    work.tell(f"{verb}_IN_PROGRESS", reason, resource=before, properties=properties)


def record_success(work: Work, act: Act, made: Made) -> None:
    verb = "CREATE" if act.kind == "create" else "UPDATE"
    resource = replace(
        act.resource,
        physical_id=made.physical_id,
        attributes=made.attributes,
        sealed=_sealed(work, act, made),
        status=f"{verb}_COMPLETE",
        reason=None,
        updated_ms=work.call.now_ms,
        begun=None,
    )
    work.put(resource)
    properties = work.shown(resource.properties)
    if act.kind != "update":
        work.tell(f"{verb}_IN_PROGRESS", "Resource creation Initiated", resource=resource, properties=properties)
    work.tell(f"{verb}_COMPLETE", resource=resource, properties=properties)


def _sealed(work: Work, act: Act, made: Made) -> bytes:
    if made.secrets is None:
        return act.before.sealed if act.before is not None and act.kind == "update" else b""
    return sealing.seal(work.call, sealing.context_of(work.stack, act.resource.logical_id), made.secrets)


def mark_begun(work: Work, act: Act) -> None:
    """Before something is made in pieces: after a crash its name is known, so that it can be removed."""
    act.in_pieces = True
    if act.kind == "create":
        work.put(replace(act.resource, begun=work.operation.id, begun_name=act.name))
    elif act.kind == "replace" and act.before is not None:
        work.put(replace(act.before, begun=work.operation.id, begun_name=act.name))


def unmark_begun(work: Work, act: Act) -> None:
    """Nothing was made after all: what bears that name, if anything does, is somebody else's and isn't touched."""
    if act.kind == "create":
        work.forget(act.resource.logical_id)
    elif act.kind == "replace" and act.before is not None:
        work.put(act.before)


def record_failure(work: Work, act: Act, error: AwsError) -> None:
    """What never came to be leaves only its event; made in pieces, there may be something: it is kept to be deleted."""
    verb = "CREATE" if act.kind == "create" else "UPDATE"
    is_new = act.kind in ("create", "replace")
    physical_id = (act.name if act.in_pieces else None) if is_new else act.before and act.before.physical_id
    failed = replace(
        act.resource,
        status=f"{verb}_FAILED",
        reason=error.message,
        physical_id=physical_id,
        updated_ms=work.call.now_ms,
    )
    properties = None if act.is_bare else work.shown(act.resource.properties)
    work.tell(failed.status, error.message, resource=failed, properties=properties)
    if (act.in_pieces and is_new) or (act.kind == "create" and work.stack.settings.disable_rollback):
        work.put(failed)
    elif act.kind == "update" and act.before is not None:
        work.put(replace(act.before, status=failed.status, reason=error.message, updated_ms=work.call.now_ms))


def outputs(work: Work, stated: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These outputs in AWS's form."""
    scope = dataclasses.replace(work.scope(work.plan()), budget=Budget(OUTPUT_CHARACTERS_MAX))
    return [_output(output, scope) for output in stated]


def _output(output: dict[str, Any], scope: Scope) -> dict[str, Any]:
    try:
        value = resolve(output["value"], scope)
    except AwsError as error:
        name = next(iter(output["value"]), "") if isinstance(output["value"], dict) else ""
        raise ValidationError(f"[Error] /Outputs/{output['name']}/Value/{name}: {error.message}") from None
    if isinstance(value, dict | list):
        raise ValidationError(
            f"Template format error: Output {output['name']} is malformed. The Value field of every Outputs member "
            "must evaluate to a String."
        )
    result = {"OutputKey": output["name"], "OutputValue": scalar_text(value)}
    if output["description"] is not None:
        result["Description"] = str(output["description"])
    if output["export"] is not None:
        result["ExportName"] = scalar_text(resolve(output["export"], scope))
    return result
