"""The clean phase: what is left over is deleted, one resource a step.

a deleted stack, a creation taken back    its resources, as laid down in a Removal
an update                                 what was replaced, from the undo records; then removed resources, as above
an update taken back                      what was set aside
a stack deleted whose update had stopped  all of these
"""

from cloudlet.base.errors import AwsError
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import export, inventory
from cloudlet.services.cloudformation.ending import end, end_deleted
from cloudlet.services.cloudformation.kinds.kind import Made
from cloudlet.services.cloudformation.records import Removal, Resource
from cloudlet.services.cloudformation.work import Act, Work


def begin_deletion(work: Work) -> bool:
    """False if others still use what the stack exports."""
    try:
        export.check_deletable(work.call, work.stack)
    except AwsError as error:
        end(work, "DELETE_FAILED", error.message)
        return False
    begin_cleaning(work)
    return True


def begin_cleaning(work: Work, *, but: set[str] | None = None) -> None:
    """Lay down which of the stack's resources go: all `but` these, each before those it needs."""
    lines = work.lines()
    kept = but or set()
    names = [
        name
        for name in reversed(inventory.in_order(lines))
        if name not in kept and lines[name].status != "DELETE_SKIPPED"
    ]
    work.call.tx.put(work.call.keys.removal.key(work.operation.id), Removal(names).encode())
    work.change(phase="clean", position=0)


def _source(work: Work) -> str:
    """Where the next one comes from: the member of the operation that counts there."""
    operation = work.operation
    is_update = operation.kind == "UPDATE" and not operation.is_rolling_back
    if not is_update and work.call.tx.get(work.call.keys.aside.key(operation.records_id, operation.aside)) is not None:
        return "aside"
    return "done" if operation.done and (is_update or operation.kind == "DELETE") else "position"


def next_to_clean(work: Work) -> Act | None:
    operation, tx, keys = work.operation, work.call.tx, work.call.keys
    source = _source(work)
    if source == "aside":
        resource = Resource.decode(tx.get(keys.aside.key(operation.records_id, operation.aside)) or b"")
        return _decide(work, work.opened(resource), resource.deletion_policy)
    if source == "done":
        undo = work.find_undo(operation.done - 1)
        if undo.kind == "replaced" and undo.before is not None:
            return _decide(work, work.opened(undo.before), undo.before.update_replace_policy)
        _go_on(work)
        return None
    removal = tx.get(keys.removal.key(operation.id))
    names = Removal.decode(removal).names if removal else []
    if operation.position >= len(names):
        _cleaned_everything(work)
        return None
    found = work.find(names[operation.position])
    if found is not None:
        return _decide(work, found, found.deletion_policy)
    _go_on(work)
    return None


def _decide(work: Work, resource: Resource, policy: str) -> Act | None:
    """Delete it, unless it is to stay, or what needs it could not be deleted."""
    operation = work.operation
    if resource.logical_id in operation.kept:
        _go_on(work, kept=[*operation.kept, *resource.needs])
        return None
    takes_back = operation.kind == "CREATE" or operation.is_rolling_back
    stays = policy == "Retain" or (policy == "RetainExceptOnCreate" and not takes_back)
    if stays or resource.logical_id in operation.retained:
        _skip(work, resource)
        _go_on(work)
        return None
    if resource.physical_id is None and resource.begun is not None:  # interrupted: there may be something of that name
        resource = replace(resource, physical_id=resource.begun_name)
    return Act("delete", resource, before=resource, name=resource.physical_id or "")


def _go_on(work: Work, **members: list[str]) -> None:
    source = _source(work)
    step = -1 if source == "done" else 1
    work.change(**{source: getattr(work.operation, source) + step}, **members)


def _skip(work: Work, resource: Resource) -> None:
    work.tell("DELETE_SKIPPED", resource=resource)
    if work.operation.kind == "DELETE":
        work.put(replace(resource, status="DELETE_SKIPPED", updated_ms=work.call.now_ms, holds=[]))
    else:
        _forget_if_same(work, resource)


def record_deletion(work: Work, resource: Resource, outcome: Made | AwsError) -> None:
    operation = work.operation
    if not isinstance(outcome, AwsError):
        work.tell("DELETE_COMPLETE", resource=resource)
        _forget_if_same(work, resource)
        _go_on(work)
        return
    failed = replace(resource, status="DELETE_FAILED", reason=outcome.message, updated_ms=work.call.now_ms)
    work.tell("DELETE_FAILED", outcome.message, resource=failed)
    present = work.find(resource.logical_id)
    if operation.kind != "UPDATE" and (present is None or present.physical_id in (None, resource.physical_id)):
        work.put(failed)
    _go_on(work, failed=[*operation.failed, resource.logical_id], kept=[*operation.kept, *resource.needs])


def _forget_if_same(work: Work, resource: Resource) -> None:
    """Its successor may bear its logical id by now."""
    present = work.find(resource.logical_id)
    if present is not None and (present.physical_id or present.begun_name) == (resource.physical_id or ""):
        work.forget(resource.logical_id)


def _cleaned_everything(work: Work) -> None:
    operation, settings = work.operation, work.stack.settings
    if operation.kind == "UPDATE":
        end(work, "UPDATE_ROLLBACK_COMPLETE" if operation.is_rolling_back else "UPDATE_COMPLETE")
        return
    deletes = operation.kind == "DELETE" or settings.on_failure == "DELETE"
    if operation.failed:
        reason = f"The following resource(s) failed to delete: [{', '.join(operation.failed)}]. "
        end(work, "DELETE_FAILED" if deletes else "ROLLBACK_FAILED", reason)
    elif deletes:
        end_deleted(work)
    else:
        export.release_imports(work.call, work.stack, work.imports())
        end(work, "ROLLBACK_COMPLETE")
