"""The state machine of a stack: begin an operation, decide its next step, record what came of it.

An operation is stored with its phase and position, and each step is a transaction together with what it does to other
services, so a crash anywhere leaves a stack that goes on. Phases:

    make    each resource of the plan in order: create, update, replace, or leave as it is
    undo    what was done, taken back in reverse (an update that failed)
    clean   what is left over, deleted: replaced and removed resources, everything of a deleted stack

Where a step can't be one transaction (an operation that waits), it is announced in one and recorded in another; a
resource found begun by the same operation was interrupted, and is removed before it is made again.
"""

from collections.abc import Iterable
from typing import Any

from cloudlet.base import ids
from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import export, lookup, making, rules
from cloudlet.services.cloudformation.acting import acting_for
from cloudlet.services.cloudformation.kinds.kind import Made
from cloudlet.services.cloudformation.records import Doomed, Operation, Resource, Stack, Undo
from cloudlet.services.cloudformation.template.graph import creation_order
from cloudlet.services.cloudformation.work import Act, Work

ROLLBACK_ENDS = {"CREATE": "ROLLBACK", "UPDATE": "UPDATE_ROLLBACK"}


# ── beginning ────────────────────────────────────────────────────────────────────────────────────────────────────────


def begin(call: Call, stack: Stack, kind: str, *, role_arn: str | None, before: Stack, **members: Any) -> None:
    """Start an operation on the stack as it is now stored; the rest happens in the background."""
    operation = Operation(
        id=ids.uuid4(),
        kind=kind,
        phase="clean" if kind == "DELETE" else "make",
        acting=acting_for(call, role_arn),
        before=before,
        **members,
    )
    work = Work(call, stack, operation)
    work.change()
    work.enter(f"{kind}_IN_PROGRESS", "User Initiated")
    if kind == "DELETE" and not _begin_deletion(work):
        return
    call.later("advance", {"stack": stack.id, "operation": operation.id})


def _begin_deletion(work: Work) -> bool:
    """False if others still use what the stack exports."""
    try:
        export.check_deletable(work.call, work.stack)
    except AwsError as error:
        _end(work, "DELETE_FAILED", error.message)
        return False
    present = {name: resource for name, resource in work.resources().items() if resource.status != "DELETE_SKIPPED"}
    _doom(work, [(resource, "DeletionPolicy") for resource in reversed(in_order(present))])
    return True


def in_order(resources: dict[str, Resource]) -> list[Resource]:
    """Each after those it needs."""
    edges = {name: {n for n in resource.needs if n in resources} for name, resource in resources.items()}
    return [resources[name] for name in creation_order(edges)]


def _doom(work: Work, resources: Iterable[tuple[Resource, str]]) -> None:
    """Lay down what the clean phase deletes, in order; which policy decides whether each is kept."""
    keys = work.call.keys
    for key, _ in lookup.all_rows(work.call.tx, keys.doomed.range(work.stack.id)):
        work.call.tx.delete(key)
    for position, (resource, member) in enumerate(resources):
        policy = resource.deletion_policy if member == "DeletionPolicy" else resource.update_replace_policy
        keeps = policy == "Retain" or (policy == "RetainExceptOnCreate" and work.operation.kind != "CREATE")
        keeps = keeps or resource.logical_id in work.operation.retained
        work.call.tx.put(keys.doomed.key(work.stack.id, position), Doomed(resource, keeps).encode())
    work.change(phase="clean", position=0)


# ── the next step ────────────────────────────────────────────────────────────────────────────────────────────────────


def next_act(work: Work) -> Act | None:
    """What to do next; None if nothing is: the operation went on by itself, or is over."""
    phase = work.operation.phase
    if phase == "make":
        return _next_to_make(work)
    return _next_to_undo(work) if phase == "undo" else _next_to_clean(work)


def is_open(work: Work) -> bool:
    operation = lookup.find_operation(work.call.tx, work.call.keys, work.stack.id)
    return operation is not None and operation.phase != "stopped"


def _next_to_make(work: Work) -> Act | None:
    operation, plan = work.operation, work.plan()
    if operation.is_cancelled:
        _fail(work, "")
        return None
    if operation.deadline_ms is not None and work.call.now_ms > operation.deadline_ms:
        _fail(work, "Stack creation time exceeded the specified timeout. ")
        return None
    if operation.position >= plan.count:
        _made_everything(work)
        return None
    planned = lookup.require_planned(
        work.call.tx, work.call.keys, work.stack.id, operation.revision, operation.position
    )
    act = making.decide(work, plan, planned)
    if act is None:
        work.change(position=operation.position + 1)
    return act


def _next_to_undo(work: Work) -> Act | None:
    """Take back the last thing done. A new resource is only set aside for the clean phase."""
    operation, keys = work.operation, work.call.keys
    if operation.done == 0:
        _undid_everything(work)
        return None
    key = keys.undo.key(work.stack.id, operation.done - 1)
    stored = work.call.tx.get(key)
    assert stored is not None, f"undo record {operation.done - 1} of stack {work.stack.id} is missing"
    undo = Undo.decode(stored)
    present = work.find(undo.logical_id)
    if undo.kind == "changed" and undo.before is not None and present is not None:
        return Act("update", work.opened(undo.before), before=present, name=present.physical_id or "")
    _set_aside(work, undo, present)
    work.change(done=operation.done - 1)
    return None


def _set_aside(work: Work, undo: Undo, present: Resource | None) -> None:
    """Something new goes to the doomed; what it replaced takes its place again."""
    keys = work.call.keys
    if present is not None:
        position = len(lookup.all_rows(work.call.tx, keys.doomed.range(work.stack.id)))
        work.call.tx.put(
            keys.doomed.key(work.stack.id, position),
            Doomed(work.closed(present), keeps=present.deletion_policy == "Retain").encode(),
        )
    if undo.before is not None:
        work.put(undo.before)
    elif present is not None:
        work.forget(undo.logical_id)


def _next_to_clean(work: Work) -> Act | None:
    operation, keys = work.operation, work.call.keys
    stored = work.call.tx.get(keys.doomed.key(work.stack.id, operation.position))
    if stored is None:
        _cleaned_everything(work)
        return None
    doomed = Doomed.decode(stored)
    resource = work.opened(doomed.resource)
    needed_by_failed = any(
        resource.logical_id in failed.needs for name in operation.failed if (failed := work.find(name)) is not None
    )
    if needed_by_failed or (doomed.keeps and _skip(work, resource)):
        work.change(position=operation.position + 1)
        return None
    return Act("delete", resource, before=resource, name=resource.physical_id or "")


def _skip(work: Work, resource: Resource) -> bool:
    lookup.add_event(work.call, work.stack, "DELETE_SKIPPED", resource=resource, token=work.operation.token)
    if work.operation.kind == "DELETE":
        work.put(replace(resource, status="DELETE_SKIPPED", updated_ms=work.call.now_ms))
    else:
        _forget_if_same(work, resource)
    return True


# ── what came of a step ──────────────────────────────────────────────────────────────────────────────────────────────


def record(work: Work, act: Act, outcome: Made | AwsError) -> None:
    if act.kind == "delete":
        _record_deletion(work, act.resource, outcome)
        return
    if isinstance(outcome, AwsError):
        making.record_failure(work, act, outcome)
        verb = "create" if act.kind == "create" else "update"
        reason = f"The following resource(s) failed to {verb}: [{act.resource.logical_id}]. "
        if work.operation.phase == "undo":
            work.enter("UPDATE_ROLLBACK_FAILED", reason)
            work.change(phase="stopped")
            return
        if act.kind == "update" or act.in_pieces:
            _note_undo(work, act)
        _fail(work, reason)
        return
    making.record_success(work, act, outcome)
    if work.operation.phase == "undo":
        work.change(done=work.operation.done - 1)
        return
    _note_undo(work, act)
    work.change(position=work.operation.position + 1)


def _note_undo(work: Work, act: Act) -> None:
    kind = {"create": "created", "update": "changed", "replace": "replaced"}[act.kind]
    key = work.call.keys.undo.key(work.stack.id, work.operation.done)
    before = None if act.before is None else work.closed(act.before)
    work.call.tx.put(key, Undo(act.resource.logical_id, kind, before).encode())
    work.change(done=work.operation.done + 1)


def _record_deletion(work: Work, resource: Resource, outcome: Made | AwsError) -> None:
    operation = work.operation
    if isinstance(outcome, AwsError):
        failed = replace(resource, status="DELETE_FAILED", reason=outcome.message, updated_ms=work.call.now_ms)
        lookup.add_event(
            work.call, work.stack, "DELETE_FAILED", outcome.message, resource=failed, token=operation.token
        )
        if operation.kind != "UPDATE":
            work.put(failed)
        work.change(position=operation.position + 1, failed=[*operation.failed, resource.logical_id])
        return
    lookup.add_event(work.call, work.stack, "DELETE_COMPLETE", resource=resource, token=operation.token)
    _forget_if_same(work, resource)
    work.change(position=operation.position + 1)


def _forget_if_same(work: Work, resource: Resource) -> None:
    """Its successor may bear its logical id by now."""
    present = work.find(resource.logical_id)
    if present is not None and present.physical_id == resource.physical_id:
        work.forget(resource.logical_id)


# ── turning points ───────────────────────────────────────────────────────────────────────────────────────────────────


def _made_everything(work: Work) -> None:
    """Outputs and exports; then the clean phase, or the end."""
    tx = work.call.tx
    try:
        with tx.savepoint():
            outputs, imports = making.outputs(work)
            export.replace_exports(work.call, work.stack, outputs)
            export.replace_imports(work.call, work.stack, imports)
    except AwsError as error:
        _fail(work, f"{error.message.rstrip('.')}. ")
        return
    old = work.operation.before
    work.change_stack(outputs=outputs, imports=imports, revision=work.operation.revision)
    if old.revision and old.revision != work.operation.revision:
        lookup.drop_plan(tx, work.call.keys, work.stack.id, old.revision)
    if work.operation.kind == "CREATE":
        _end(work, "CREATE_COMPLETE")
        return
    replaced = [undo.before for undo in reversed(_undos(work)) if undo.kind == "replaced" and undo.before]
    wanted = {p.logical_id for p in lookup.planned_of(tx, work.call.keys, work.stack.id, work.operation.revision)}
    removed = [resource for resource in reversed(in_order(work.resources())) if resource.logical_id not in wanted]
    work.enter("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    _doom(work, [(r, "UpdateReplacePolicy") for r in replaced] + [(r, "DeletionPolicy") for r in removed])


def _undos(work: Work) -> list[Undo]:
    rows = lookup.all_rows(work.call.tx, work.call.keys.undo.range(work.stack.id))
    return [Undo.decode(stored) for _, stored in rows]


def _fail(work: Work, reason: str) -> None:
    """Making failed: roll back, unless the caller didn't want that."""
    settings, kind = work.stack.settings, work.operation.kind
    if settings.disable_rollback or (kind == "CREATE" and settings.on_failure == "DO_NOTHING"):
        if kind == "UPDATE":
            lookup.drop_plan(work.call.tx, work.call.keys, work.stack.id, work.operation.revision)
        _end(work, f"{kind}_FAILED", reason)
        return
    work.change(is_rolling_back=True, failed=[])
    if kind == "CREATE" and settings.on_failure == "DELETE":
        work.enter("DELETE_IN_PROGRESS", f"{reason}Delete requested by user.")
    else:
        work.enter(f"{ROLLBACK_ENDS[kind]}_IN_PROGRESS", f"{reason}Rollback requested by user.")
    if kind == "CREATE":
        _doom(work, [(resource, "DeletionPolicy") for resource in reversed(in_order(work.resources()))])
    else:
        _doom(work, [])
        work.change(phase="undo")


def _undid_everything(work: Work) -> None:
    """The stack is as it was; what was new still has to go."""
    before = work.operation.before
    lookup.drop_plan(work.call.tx, work.call.keys, work.stack.id, work.operation.revision)
    work.change_stack(settings=before.settings, revision=before.revision, outputs=before.outputs)
    work.enter("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    work.change(phase="clean", position=0)


def _cleaned_everything(work: Work) -> None:
    operation, settings = work.operation, work.stack.settings
    if operation.kind == "UPDATE":
        _end(work, "UPDATE_ROLLBACK_COMPLETE" if operation.is_rolling_back else "UPDATE_COMPLETE")
        return
    deletes = operation.kind == "DELETE" or settings.on_failure == "DELETE"
    if operation.failed:
        reason = f"The following resource(s) failed to delete: [{', '.join(operation.failed)}]. "
        _end(work, "DELETE_FAILED" if deletes else "ROLLBACK_FAILED", reason)
    elif deletes:
        _deleted(work)
    else:
        _end(work, "ROLLBACK_COMPLETE")


def _deleted(work: Work) -> None:
    """Its name is free; the stack itself stays to be seen for 90 days."""
    call, stack = work.call, work.stack
    try:
        export.replace_exports(call, stack, [])
    except AwsError as error:  # somebody began to use them meanwhile
        _end(work, "DELETE_FAILED", error.message)
        return
    export.replace_imports(call, stack, [])
    call.tx.delete(call.keys.name.key(stack.name))
    work.change_stack(deleted_ms=call.now_ms)
    _end(work, "DELETE_COMPLETE")
    due_ms = call.now_ms + rules.FORGOTTEN_AFTER_MS
    call.later("forget", {"stack": stack.id}, due_ms=due_ms, age_max_ms=2 * rules.FORGOTTEN_AFTER_MS)


def _end(work: Work, status: str, reason: str | None = None) -> None:
    """The operation is over, and leaves nothing behind."""
    tx, keys = work.call.tx, work.call.keys
    for space in (keys.undo, keys.doomed):
        for key, _ in lookup.all_rows(tx, space.range(work.stack.id)):
            tx.delete(key)
    tx.delete(keys.operation.key(work.stack.id))
    if work.operation.kind == "UPDATE":
        work.change_stack(updated_ms=work.call.now_ms)
    work.enter(status, reason)
