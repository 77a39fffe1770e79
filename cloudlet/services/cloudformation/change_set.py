"""Change sets: what a template would change, looked at before it is carried out."""

from dataclasses import dataclass
from typing import Any

from cloudlet.base import ids
from cloudlet.base.errors import AwsError
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import body, engine, errors, lookup, planning, plans, rules
from cloudlet.services.cloudformation.acting import acting_for
from cloudlet.services.cloudformation.changes import Foreseen
from cloudlet.services.cloudformation.prepared import PreparedPlan
from cloudlet.services.cloudformation.records import (
    Change,
    ChangePage,
    ChangeSet,
    ChangeSetPlace,
    Settings,
    Stack,
)
from cloudlet.services.cloudformation.requests import check_plan, previous_values, pseudo_of, settings_of
from cloudlet.services.cloudformation.service import cloudformation
from cloudlet.services.cloudformation.template.document import SERVERLESS
from cloudlet.store.transaction import Tx

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


def change_set_arn(call: Call, change_set: ChangeSet) -> str:
    return call.arn(f"changeSet/{change_set.name}/{change_set.id}")


def _change_sets_of(call: Call, stack: Stack) -> list[ChangeSet]:
    rows = call.tx.all(*call.keys.change_set.range(stack.id), rows_max=rules.CHANGE_SETS_MAX)
    return [ChangeSet.decode(stored) for _, stored in rows]


def discard_change_sets(call: Call, stack: Stack, *, but: str | None = None) -> None:
    for change_set in _change_sets_of(call, stack):
        if change_set.name != but:
            _discard(call, stack, change_set)


def _discard(call: Call, stack: Stack, change_set: ChangeSet) -> None:
    """It is gone at once; what it would have changed goes in the background."""
    tx, keys = call.tx, call.keys
    for key in (
        keys.named.key(change_set.id),
        keys.intended.key(change_set.id),
        keys.change_set.key(stack.id, change_set.name),
    ):
        tx.delete(key)
    lookup.clear_later(call, [keys.change.range(change_set.id)])
    if change_set.execution_status != "EXECUTE_COMPLETE" and change_set.revision != stack.revision:
        plans.drop_plan(call, stack.id, change_set.revision)


def _execution_status(stack: Stack, change_set: ChangeSet) -> str:
    """The stack may have gone another way since than this change set foresaw."""
    if change_set.execution_status == "AVAILABLE" and change_set.operations != stack.operations:
        return "OBSOLETE"
    return change_set.execution_status


@cloudformation.operation("CreateChangeSet")
async def create_change_set(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.check_supported(request, "change_set")
    kind = request.get("ChangeSetType", "UPDATE")
    if kind == "IMPORT" or request.get("ResourcesToImport") or request.get("ImportExistingResources"):
        raise errors.NotSupported(feature="cloudformation: importing resources", module="change_set")
    if request.get("IncludeNestedStacks"):
        raise errors.NotSupported(feature="cloudformation: IncludeNestedStacks", module="change_set")
    rules.check_change_set_name(request["ChangeSetName"])
    rules.checked_tags(request.get("Tags", []))
    stack, previous, values = call.transact(_stack_for, call, request, kind, ids.uuid4())
    text = await body.text_of(call, request, previous)
    settings = settings_of(request, present=stack.settings if kind == "UPDATE" else None)
    refusal: str | None = None
    plan: PreparedPlan | None = None
    try:
        plan = await body.plan_of(call, text, request, values, pseudo_of(stack, settings))
    except AwsError as error:
        if not error.message.startswith(f"Transform {SERVERLESS}"):
            raise
        refusal = error.message  # AWS runs transforms afterwards: the change set shows what went wrong
    foreseen: Foreseen | None = None
    if plan is not None:
        check_plan(plan, request, by_change_set=True)
        foreseen = await planning.foresee(call, replace(stack, settings=settings), plan, with_pages=True)
        is_same = settings.tags == stack.settings.tags and not foreseen.outputs_change
        refusal = NO_CHANGES if kind == "UPDATE" and not foreseen.count and is_same else None
    intention = _Intention(kind, stack, plan, text, foreseen, refusal)
    change_set = call.transact(_put_change_set, call, request, intention, ids.uuid4())
    return {"Id": change_set_arn(call, change_set), "StackId": stack.arn}


def _stack_for(
    tx: Tx, call: Call, request: dict[str, Any], kind: str, new_id: str
) -> tuple[Stack, str | None, dict[str, str] | None]:
    """The stack to change, its template and its parameters' values; a new one for CREATE."""
    name, change_set_name = request["StackName"], request["ChangeSetName"]
    stack = lookup.find_stack(tx, call.keys, name)
    if kind == "UPDATE":
        if stack is None or stack.deleted_ms is not None:
            raise errors.StackInBracketsDoesNotExist(name=name)
        if stack.status not in rules.UPDATABLE:
            raise errors.ValidationError(f"Stack:{stack.arn} is in {stack.status} state and can not be updated.")
        _check_name_free(call, stack, change_set_name)
        text = plans.template_text(tx, call.keys, stack.id, stack.revision, "Original")
        return stack, text, previous_values(call, stack)
    if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
        raise errors.ValidationError(
            f"Stack [{name}] already exists and cannot be created again with the changeSet [{change_set_name}]."
        )
    if stack is not None:
        _check_name_free(call, stack, change_set_name)
        return stack, None, None
    rules.check_stack_name(name)
    stack = Stack(new_id, name, call.account, call.region, "REVIEW_IN_PROGRESS", call.now_ms, Settings())
    return replace(stack, status_reason="User Initiated"), None, None


def _check_name_free(call: Call, stack: Stack, name: str) -> None:
    if lookup.find_change_set(call.tx, call.keys, stack.id, name) is not None:
        raise errors.ChangeSetExists(name=name)


@dataclass(frozen=True, slots=True)
class _Intention:
    """A change set before it is stored."""

    kind: str
    seen: Stack
    plan: PreparedPlan | None
    text: str
    foreseen: Foreseen | None
    refusal: str | None


def _put_change_set(tx: Tx, call: Call, request: dict[str, Any], intention: _Intention, new_id: str) -> ChangeSet:
    seen, plan, foreseen = intention.seen, intention.plan, intention.foreseen
    stack, _, _ = _stack_for(tx, call, request, intention.kind, seen.id)
    if not planning.is_as_seen(seen, stack):
        raise errors.ValidationError(f"Stack [{seen.name}] changed meanwhile")
    if lookup.find_stack(tx, call.keys, stack.id) is None:
        lookup.put_new_stack(tx, call.keys, stack)
        lookup.add_event(call, stack, stack.status, stack.status_reason, acting=acting_for(call, None))
    if len(_change_sets_of(call, stack)) >= rules.CHANGE_SETS_MAX:
        raise errors.ValidationError(f"ChangeSet limit of {rules.CHANGE_SETS_MAX} for stack {stack.name} exceeded")
    revision = stack.revisions + 1
    lookup.put_stack(tx, call.keys, replace(stack, revisions=revision))
    if plan is not None:
        plans.put_plan(call, stack.id, revision, plan, intention.text)
    else:
        plans.put_template(tx, call.keys, stack.id, revision, intention.text, None)
    change_set = ChangeSet(
        id=new_id,
        name=request["ChangeSetName"],
        stack_id=stack.id,
        stack_name=stack.name,
        kind=intention.kind,
        status="FAILED" if intention.refusal else "CREATE_COMPLETE",
        execution_status="UNAVAILABLE" if intention.refusal else "AVAILABLE",
        created_ms=call.now_ms,
        revision=revision,
        operations=stack.operations,
        description=request.get("Description"),
        status_reason=intention.refusal,
        on_stack_failure=request.get("OnStackFailure"),
    )
    lookup.put_change_set(tx, call.keys, change_set)
    head = plan.decoded_head() if plan is not None else None
    settings = settings_of(request, head, stack.settings if intention.kind == "UPDATE" else None)
    tx.put(call.keys.intended.key(new_id), settings.encode())
    tx.put(call.keys.named.key(new_id), ChangeSetPlace(stack.id, change_set.name).encode())
    for number, page_ in enumerate(foreseen.pages if foreseen else []):
        tx.put(call.keys.change.key(new_id, number), page_)
    return change_set


# ── finding ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _find(call: Call, request: dict[str, Any]) -> tuple[Stack, ChangeSet | None]:
    """By ARN alone, or by name within a stack."""
    name, stack_name = request["ChangeSetName"], request.get("StackName")
    place = lookup.find_change_set_place(call.tx, call.keys, name)
    if place is not None:
        stack = lookup.stack_by_id(call.tx, call.keys, place.stack_id)
        return stack, lookup.find_change_set(call.tx, call.keys, stack.id, place.name)
    if name.startswith("arn:"):
        raise errors.ChangeSetNotFound(name=name)
    if not stack_name:
        raise errors.ValidationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
    found = lookup.find_stack(call.tx, call.keys, stack_name)
    if found is None:
        raise errors.StackInBracketsDoesNotExist(name=stack_name)
    return found, lookup.find_change_set(call.tx, call.keys, found.id, name)


def _require(call: Call, request: dict[str, Any]) -> tuple[Stack, ChangeSet]:
    stack, change_set = _find(call, request)
    if change_set is None:
        raise errors.ChangeSetNotFound(name=request["ChangeSetName"])
    return stack, change_set


@cloudformation.operation("DescribeChangeSet")
def describe_change_set(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    stack, change_set = _require(call, request)
    settings = _intended(call, change_set)
    changes, token = _changes(call, change_set, request)
    result = {
        **_summary(call, stack, change_set),
        "Parameters": settings.parameters or None,
        "NotificationARNs": settings.notification_arns,
        "RollbackConfiguration": {},
        "Capabilities": settings.capabilities,
        "Tags": settings.tags or None,
        "OnStackFailure": change_set.on_stack_failure,
        "Changes": changes,
        "NextToken": token,
    }
    return {name: value for name, value in result.items() if value is not None}


def _intended(call: Call, change_set: ChangeSet) -> Settings:
    stored = call.tx.get(call.keys.intended.key(change_set.id))
    assert stored is not None, f"change set {change_set.id} lacks its settings"
    return Settings.decode(stored)


def _changes(call: Call, change_set: ChangeSet, request: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    """One page, as it was laid down."""
    number = 0
    if request.get("NextToken"):
        (number,) = page.decode_token(request["NextToken"], errors.ValidationError("NextToken is invalid"), int)
    stored = call.tx.get(call.keys.change.key(change_set.id, number))
    if stored is None:
        return [], None
    changes = [Change.decode(encoded) for encoded in ChangePage.decode(stored).changes]
    detailed = bool(request.get("IncludePropertyValues"))
    told = [{"Type": "Resource", "ResourceChange": c.detailed if detailed else c.plain} for c in changes]
    has_more = call.tx.get(call.keys.change.key(change_set.id, number + 1)) is not None
    return told, page.encode_token(number + 1) if has_more else None


def _summary(call: Call, stack: Stack, change_set: ChangeSet) -> dict[str, Any]:
    result = {
        "ChangeSetId": change_set_arn(call, change_set),
        "ChangeSetName": change_set.name,
        "StackId": stack.arn,
        "StackName": stack.name,
        "CreationTime": change_set.created_ms,
        "Description": change_set.description,
        "ExecutionStatus": _execution_status(stack, change_set),
        "Status": change_set.status,
        "StatusReason": change_set.status_reason,
        "IncludeNestedStacks": False,
    }
    return {name: value for name, value in result.items() if value is not None}


@cloudformation.operation("ListChangeSets")
def list_change_sets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    stack = lookup.find_stack(call.tx, call.keys, request["StackName"])
    if stack is None:
        raise errors.StackInBracketsDoesNotExist(name=request["StackName"])
    found = lookup.list_page(call, request, call.keys.change_set.range(stack.id), rules.CHANGE_SETS_MAX)
    change_sets = [ChangeSet.decode(stored) for _, stored in found.rows]
    return {
        "Summaries": [_summary(call, stack, change_set) for change_set in change_sets],
        "NextToken": found.next_token,
    }


# ── doing ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@cloudformation.operation("DeleteChangeSet")
def delete_change_set(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    stack, change_set = _find(call, request)
    if change_set is not None:
        _discard(call, stack, change_set)
    return {}


@cloudformation.operation("ExecuteChangeSet")
def execute_change_set(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The others of the stack are gone then: they were made for what it was."""
    before, change_set = _require(call, request)
    execution_status = _execution_status(before, change_set)
    if execution_status != "AVAILABLE":
        state = change_set.status if change_set.status == "FAILED" else execution_status
        raise errors.InvalidChangeSetStatus(arn=change_set_arn(call, change_set), state=state)
    allowed = ("REVIEW_IN_PROGRESS",) if change_set.kind == "CREATE" else rules.UPDATABLE
    if before.status not in allowed:
        raise errors.ValidationError(f"Stack:{before.arn} is in {before.status} state and can not be updated.")
    settings = _intended(call, change_set)
    if request.get("DisableRollback") is not None:
        settings = replace(settings, disable_rollback=request["DisableRollback"])
    discard_change_sets(call, before, but=change_set.name)
    done = replace(change_set, execution_status="EXECUTE_COMPLETE")
    lookup.put_change_set(call.tx, call.keys, done)
    stack = replace(before, settings=settings, change_set_id=change_set_arn(call, change_set), updated_ms=call.now_ms)
    if change_set.kind == "CREATE":
        stack = replace(stack, revision=change_set.revision)
    lookup.put_stack(call.tx, call.keys, stack)
    engine.begin(
        call,
        stack,
        change_set.kind,
        role_arn=settings.role_arn,
        before=before,
        revision=change_set.revision,
        token=request.get("ClientRequestToken"),
    )
    return {}
