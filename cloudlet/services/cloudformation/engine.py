"""The state machine of a stack: begin an operation, decide its next step, record what came of it.

An operation is stored with its phase and position, and each step is a transaction together with what it does to other
services, so a crash anywhere leaves a stack that goes on. No step looks at more than one resource's contents. Phases:

    make    each resource of the plan in order: create, update, replace, or leave as it is
    tell    the outputs, some at a time; then exports
    undo    what was done, taken back in reverse (an update that failed)
    clean   what is left over, deleted: replaced and removed resources, everything of a deleted stack (cleaning.py)

Where a step can't be one transaction (an operation that waits), it is announced in one and recorded in another; a
resource found begun by the same operation was interrupted, and is removed before it is made again.
"""

from typing import Any

from cloudlet.base import ids
from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import cleaning, export, lookup, making, plans
from cloudlet.services.cloudformation.acting import acting_for
from cloudlet.services.cloudformation.ending import end
from cloudlet.services.cloudformation.kinds.kind import Made
from cloudlet.services.cloudformation.records import Operation, Resource, Stack, Undo
from cloudlet.services.cloudformation.work import Act, Work

ROLLBACK_ENDS = {"CREATE": "ROLLBACK", "UPDATE": "UPDATE_ROLLBACK"}
OUTPUTS_PER_STEP = 20


# ── beginning ────────────────────────────────────────────────────────────────────────────────────────────────────────


def begin(call: Call, stack: Stack, kind: str, *, role_arn: str | None, before: Stack, **members: Any) -> None:
    """Start an operation on the stack; the rest happens in the background."""
    operation = Operation(
        id=ids.uuid4(),
        kind=kind,
        phase="clean" if kind == "DELETE" else "make",
        acting=acting_for(call, role_arn),
        before=before,
        **members,
    )
    interrupted = lookup.find_operation(call.tx, call.keys, stack.id)
    if interrupted is not None:  # only a deletion comes upon one; what it replaced and set aside is the stack's, too
        operation = replace(operation, inherited=interrupted.id, done=interrupted.done)
    work = Work(call, stack, operation)
    work.change()
    work.change_stack(operations=stack.operations + 1)
    work.enter(f"{kind}_IN_PROGRESS", "User Initiated")
    if kind == "DELETE" and not cleaning.begin_deletion(work):
        return
    call.later("advance", {"stack": stack.id, "operation": operation.id})


# ── the next step ────────────────────────────────────────────────────────────────────────────────────────────────────


def next_act(work: Work) -> Act | None:
    """What to do next; None if nothing is: the operation went on by itself, or is over."""
    phase = work.operation.phase
    if phase == "make":
        return _next_to_make(work)
    if phase == "tell":
        _tell_some(work)
        return None
    return _next_to_undo(work) if phase == "undo" else cleaning.next_to_clean(work)


def is_open(work: Work) -> bool:
    operation = lookup.find_operation(work.call.tx, work.call.keys, work.stack.id)
    return operation is not None and operation.phase != "stopped"


def _next_to_make(work: Work) -> Act | None:
    operation, plan = work.operation, work.plan()
    if operation.is_cancelled:
        fail(work, "")
        return None
    if operation.deadline_ms is not None and work.call.now_ms > operation.deadline_ms:
        fail(work, "Stack creation time exceeded the specified timeout. ")
        return None
    if operation.position >= len(plan.names):
        work.change(phase="tell", position=0)
        return None
    planned = plans.require_planned(work.call.tx, work.call.keys, work.stack.id, operation.revision, operation.position)
    act = making.decide(work, plan, planned)
    if act is None:
        work.change(position=operation.position + 1)
    return act


def _next_to_undo(work: Work) -> Act | None:
    """Take back the last thing done. A new resource is only set aside for the clean phase."""
    operation = work.operation
    if operation.done == 0:
        _undid_everything(work)
        return None
    undo = work.find_undo(operation.done - 1)
    present = work.find(undo.logical_id)
    if undo.kind == "changed" and undo.before is not None and present is not None:
        return Act("update", work.opened(undo.before), before=present, name=present.physical_id or "")
    _set_aside(work, undo, present)
    work.change(done=operation.done - 1)
    return None


def _set_aside(work: Work, undo: Undo, present: Resource | None) -> None:
    """Something new goes to what has to be deleted; what it replaced takes its place again."""
    if present is not None:
        key = work.call.keys.aside.key(work.operation.id, work.operation.aside)
        work.call.tx.put(key, work.closed(present).encode())
        work.change(aside=work.operation.aside + 1)
    if undo.before is not None:
        work.put(work.opened(undo.before))
    elif present is not None:
        work.forget(undo.logical_id)


# ── what came of a step ──────────────────────────────────────────────────────────────────────────────────────────────


def record(work: Work, act: Act, outcome: Made | AwsError) -> None:
    if act.kind == "delete":
        cleaning.record_deletion(work, act.resource, outcome)
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
        fail(work, reason)
        return
    making.record_success(work, act, outcome)
    if work.operation.phase == "undo":
        work.change(done=work.operation.done - 1)
        return
    _note_undo(work, act)
    work.change(position=work.operation.position + 1)


def _note_undo(work: Work, act: Act) -> None:
    kind = {"create": "created", "update": "changed", "replace": "replaced"}[act.kind]
    key = work.call.keys.undo.key(work.operation.id, work.operation.done)
    before = None if act.before is None else work.closed(act.before)
    work.call.tx.put(key, Undo(act.resource.logical_id, kind, before).encode())
    work.change(done=work.operation.done + 1)


# ── turning points ───────────────────────────────────────────────────────────────────────────────────────────────────


def _tell_some(work: Work) -> None:
    """Some outputs; after the last, the exports, and the clean phase or the end."""
    operation, tx = work.operation, work.call.tx
    stated = plans.outputs_of(tx, work.call.keys, work.stack.id, operation.revision)
    some = stated[operation.position : operation.position + OUTPUTS_PER_STEP]
    try:
        with tx.savepoint():
            outputs = [*operation.outputs, *making.outputs(work, some)]
            if some:
                work.change(position=operation.position + len(some), outputs=outputs)
                return
            export.replace_exports(work.call, work.stack, outputs)
            export.replace_imports(work.call, work.stack, work.plan().imports)
    except AwsError as error:
        fail(work, f"{error.message.rstrip('.')}. ")
        return
    _made_everything(work, outputs)


def _made_everything(work: Work, outputs: list[dict[str, str]]) -> None:
    old, plan = work.operation.before, work.plan()
    work.change_stack(outputs=outputs, imports=plan.imports, revision=work.operation.revision)
    if old.revision and old.revision != work.operation.revision:
        plans.drop_plan(work.call, work.stack.id, old.revision)
    if work.operation.kind == "CREATE":
        end(work, "CREATE_COMPLETE")
        return
    work.enter("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    cleaning.begin_cleaning(work, but=set(plan.names))


def fail(work: Work, reason: str) -> None:
    """Making failed: roll back, unless the caller didn't want that."""
    settings, kind = work.stack.settings, work.operation.kind
    if settings.disable_rollback or (kind == "CREATE" and settings.on_failure == "DO_NOTHING"):
        if kind == "UPDATE":
            work.change_stack(imports=work.imports())
            plans.drop_plan(work.call, work.stack.id, work.operation.revision)
        end(work, f"{kind}_FAILED", reason)
        return
    work.change(is_rolling_back=True, failed=[])
    if kind == "CREATE" and settings.on_failure == "DELETE":
        work.enter("DELETE_IN_PROGRESS", f"{reason}Delete requested by user.")
    else:
        work.enter(f"{ROLLBACK_ENDS[kind]}_IN_PROGRESS", f"{reason}Rollback requested by user.")
    if kind == "CREATE":
        cleaning.begin_cleaning(work)
    else:
        work.change(phase="undo", aside=0)


def _undid_everything(work: Work) -> None:
    """The stack is as it was; what was new still has to go."""
    before = work.operation.before
    export.release_imports(work.call, work.stack, set(work.plan().imports) - set(before.imports))
    plans.drop_plan(work.call, work.stack.id, work.operation.revision)
    work.change_stack(settings=before.settings, revision=before.revision, outputs=before.outputs)
    work.enter("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    work.change(phase="clean", position=0, aside=0)
