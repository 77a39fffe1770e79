"""How operations end: as they should, or given up because nothing else can be done about them."""

from cloudlet.base.errors import AwsError
from cloudlet.services.cloudformation import export, lookup, rules
from cloudlet.services.cloudformation.work import Work


def end(work: Work, status: str, reason: str | None = None) -> None:
    """The operation is over, and leaves nothing behind."""
    call, operation = work.call, work.operation
    lookup.clear_later(call, call.keys.of_operation(operation.id) + call.keys.of_operation(operation.records_id))
    call.tx.delete(call.keys.removal.key(operation.id))
    call.tx.delete(call.keys.operation.key(work.stack.id))
    if operation.kind == "UPDATE":
        work.change_stack(updated_ms=call.now_ms)
    work.enter(status, reason)


def end_deleted(work: Work) -> None:
    """Its name is free; the stack itself stays to be seen for 90 days."""
    call, stack = work.call, work.stack
    try:
        export.replace_exports(call, stack, [])
    except AwsError as error:  # somebody began to use them meanwhile
        end(work, "DELETE_FAILED", error.message)
        return
    export.release_imports(call, stack, work.imports())
    call.tx.delete(call.keys.name.key(stack.name))
    work.change_stack(deleted_ms=call.now_ms)
    end(work, "DELETE_COMPLETE")
    due_ms = call.now_ms + rules.FORGOTTEN_AFTER_MS
    call.later("forget", {"stack": stack.id}, due_ms=due_ms, age_max_ms=2 * rules.FORGOTTEN_AFTER_MS)


# Where an operation stands when a phase of it can't go on, whatever is tried.
_GIVEN_UP = {
    ("CREATE", False): "CREATE_FAILED",
    ("CREATE", True): "ROLLBACK_FAILED",
    ("UPDATE", False): "UPDATE_FAILED",
    ("DELETE", False): "DELETE_FAILED",
}


def give_up(work: Work, reason: str) -> None:
    """The last resort: a stack that says what happened is better than one that is busy for ever. It can be deleted; an
    update's rollback can be continued."""
    operation = work.operation
    if operation.kind == "UPDATE" and operation.is_rolling_back:
        work.enter("UPDATE_ROLLBACK_FAILED", reason)
        work.change(phase="stopped")
        return
    end(work, _GIVEN_UP[operation.kind, operation.is_rolling_back], reason)
