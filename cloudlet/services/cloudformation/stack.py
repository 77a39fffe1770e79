"""Stacks: create, update, delete, describe, list. What happens afterwards is engine.py's."""

from typing import Any

from cloudlet.base import ids
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import body, engine, errors, lookup, planning, plans, rules
from cloudlet.services.cloudformation.acting import acting_for
from cloudlet.services.cloudformation.change_set import discard_change_sets
from cloudlet.services.cloudformation.prepared import PreparedPlan
from cloudlet.services.cloudformation.records import Settings, Stack
from cloudlet.services.cloudformation.requests import (
    check_plan,
    previous_values,
    pseudo_of,
    settings_of,
)
from cloudlet.services.cloudformation.service import cloudformation
from cloudlet.store.transaction import Tx


@cloudformation.operation("CreateStack")
async def create_stack(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    name = request["StackName"]
    rules.check_stack_name(name)
    rules.check_supported(request, "stack")
    if request.get("DisableRollback") and request.get("OnFailure"):
        raise errors.ValidationError("Either DisableRollback or OnFailure can be specified, not both.")
    rules.checked_tags(request.get("Tags", []))
    text = await body.text_of(call, request)
    stack = call.transact(_stack_to_create, call, name, ids.uuid4())
    settings = settings_of(request)
    plan = await body.plan_of(call, text, request, None, pseudo_of(stack, settings))
    check_plan(plan, request)
    stack = call.transact(_create, call, request, stack, plan, text)
    return {"StackId": stack.arn}


def _stack_to_create(tx: Tx, call: Call, name: str, new_id: str) -> Stack:
    """A new one, or the one that a change set brought to REVIEW_IN_PROGRESS."""
    found = lookup.find_stack(tx, call.keys, name)
    if found is not None:
        if found.status != "REVIEW_IN_PROGRESS":
            raise errors.AlreadyExists(name=name)
        return found
    return Stack(new_id, name, call.account, call.region, "CREATE_IN_PROGRESS", call.now_ms, Settings())


def _create(tx: Tx, call: Call, request: dict[str, Any], stack: Stack, plan: PreparedPlan, text: str) -> Stack:
    present = _stack_to_create(tx, call, stack.name, stack.id)
    if present.id != stack.id:
        raise errors.AlreadyExists(name=stack.name)
    revision = present.revisions + 1
    stack = replace(
        present,
        settings=settings_of(request, plan.decoded_head()),
        revision=revision,
        revisions=revision,
        is_protected=bool(request.get("EnableTerminationProtection")),
    )
    lookup.put_new_stack(tx, call.keys, stack)
    plans.put_plan(call, stack.id, revision, plan, text)
    minutes = stack.settings.timeout_minutes
    engine.begin(
        call,
        stack,
        "CREATE",
        role_arn=stack.settings.role_arn,
        before=present,
        revision=revision,
        token=request.get("ClientRequestToken"),
        deadline_ms=call.now_ms + minutes * 60_000 if minutes else None,
    )
    return stack


@cloudformation.operation("UpdateStack")
async def update_stack(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.check_supported(request, "stack")
    rules.checked_tags(request.get("Tags", []))
    name = request["StackName"]
    stack, previous_text, values = call.transact(_stack_to_update, call, name)
    text = await body.text_of(call, request, previous_text)
    settings = settings_of(request, present=stack.settings)
    plan = await body.plan_of(call, text, request, values, pseudo_of(stack, settings))
    check_plan(plan, request)
    foreseen = await planning.foresee(call, replace(stack, settings=settings), plan)
    call.transact(_update, call, request, plan, text, stack, foreseen.count > 0 or foreseen.outputs_change)
    return {"StackId": stack.arn}


def _stack_to_update(tx: Tx, call: Call, name: str) -> tuple[Stack, str | None, dict[str, str]]:
    stack = lookup.find_stack(tx, call.keys, name)
    if stack is None or stack.deleted_ms is not None:
        raise errors.StackInBracketsDoesNotExist(name=name)
    check_updatable(stack)
    text = plans.template_text(tx, call.keys, stack.id, stack.revision, "Original")
    return stack, text, previous_values(call, stack)


def check_updatable(stack: Stack) -> None:
    if stack.status not in rules.UPDATABLE:
        raise errors.ValidationError(f"Stack:{stack.arn} is in {stack.status} state and can not be updated.")


def _update(
    tx: Tx, call: Call, request: dict[str, Any], plan: PreparedPlan, text: str, seen: Stack, is_changed: bool
) -> None:
    before, _, _ = _stack_to_update(tx, call, request["StackName"])
    if not planning.is_as_seen(seen, before):
        raise errors.ValidationError(f"Stack:{before.arn} was changed meanwhile and can not be updated.")
    settings = settings_of(request, plan.decoded_head(), before.settings)
    is_same = settings.tags == before.settings.tags and settings.role_arn == before.settings.role_arn
    if is_same and not is_changed:
        raise errors.ValidationError("No updates are to be performed.")
    revision = before.revisions + 1
    before = replace(before, revisions=revision)
    stack = replace(before, settings=settings, updated_ms=call.now_ms)
    plans.put_plan(call, stack.id, revision, plan, text)
    engine.begin(
        call,
        stack,
        "UPDATE",
        role_arn=settings.role_arn,
        before=before,
        revision=revision,
        token=request.get("ClientRequestToken"),
    )


@cloudformation.operation("DeleteStack")
def delete_stack(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A stack that isn't there, or is gone already, is no error."""
    stack = lookup.find_stack(call.tx, call.keys, request["StackName"])
    if stack is None or stack.deleted_ms is not None or stack.status == "DELETE_IN_PROGRESS":
        return {}
    if stack.is_protected:
        raise errors.ValidationError(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
    if request.get("DeletionMode") == "FORCE_DELETE_STACK":
        raise errors.NotSupported(feature="cloudformation: FORCE_DELETE_STACK", module="stack")
    retained = request.get("RetainResources", [])
    if retained and stack.status != "DELETE_FAILED":
        raise errors.ValidationError(
            f"Invalid operation on stack [{stack.arn}]. Specify which resources to retain only when the stack is in "
            "the DELETE_FAILED state."
        )
    if stack.status.endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS":
        stopped = lookup.find_operation(call.tx, call.keys, stack.id)
        if stopped is not None and stopped.kind != "CREATE":
            raise errors.ValidationError(f"Stack:{stack.arn} is in {stack.status} state and can not be updated.")
    discard_change_sets(call, stack)
    engine.begin(
        call,
        stack,
        "DELETE",
        role_arn=request.get("RoleARN") or stack.settings.role_arn,
        before=stack,
        retained=retained,
        token=request.get("ClientRequestToken"),
    )
    return {}


@cloudformation.operation("UpdateTerminationProtection")
def update_termination_protection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    stack = lookup.find_stack(call.tx, call.keys, request["StackName"])
    if stack is None or stack.deleted_ms is not None:
        raise errors.StackInBracketsDoesNotExist(name=request["StackName"])
    lookup.put_stack(call.tx, call.keys, replace(stack, is_protected=request["EnableTerminationProtection"]))
    return {"StackId": stack.arn}


@cloudformation.operation("CancelUpdateStack")
def cancel_update_stack(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    stack = lookup.require_stack(call.tx, call.keys, request["StackName"])
    operation = lookup.find_operation(call.tx, call.keys, stack.id)
    if stack.status != "UPDATE_IN_PROGRESS" or operation is None:
        raise errors.ValidationError("CancelUpdateStack cannot be called from current stack status")
    lookup.put_operation(call.tx, call.keys, stack.id, replace(operation, is_cancelled=True))
    return {}


@cloudformation.operation("ContinueUpdateRollback")
def continue_update_rollback(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    stack = lookup.require_stack(call.tx, call.keys, request["StackName"])
    operation = lookup.find_operation(call.tx, call.keys, stack.id)
    if stack.status != "UPDATE_ROLLBACK_FAILED" or operation is None:
        raise errors.ValidationError(
            f"Stack:{stack.arn} is in {stack.status} state and can not continue update rollback."
        )
    if request.get("ResourcesToSkip"):
        raise errors.NotSupported(feature="cloudformation: ResourcesToSkip", module="stack")
    acting = acting_for(call, request.get("RoleARN") or stack.settings.role_arn)
    operation = replace(operation, phase="undo", acting=acting, token=request.get("ClientRequestToken"))
    lookup.put_operation(call.tx, call.keys, stack.id, operation)
    stack = replace(stack, status="UPDATE_ROLLBACK_IN_PROGRESS", status_reason="User Initiated")
    lookup.put_stack(call.tx, call.keys, stack)
    lookup.add_event(call, stack, stack.status, stack.status_reason, token=operation.token, acting=acting)
    call.later("advance", {"stack": stack.id, "operation": operation.id})
    return {}


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@cloudformation.operation("DescribeStacks")
def describe_stacks(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("StackName"):
        stack = lookup.require_stack(call.tx, call.keys, request["StackName"])
        return {"Stacks": [_described(stack)]}
    stacks, token = _listed(call, request, lambda stack: stack.deleted_ms is None)
    return {"Stacks": [_described(stack) for stack in stacks], "NextToken": token}


def _described(stack: Stack) -> dict[str, Any]:
    settings = stack.settings
    result: dict[str, Any] = {
        "StackId": stack.arn,
        "StackName": stack.name,
        "Description": settings.description,
        "Parameters": settings.parameters or None,
        "CreationTime": stack.created_ms,
        "LastUpdatedTime": stack.updated_ms,
        "DeletionTime": stack.deleted_ms,
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason,
        "DisableRollback": settings.disable_rollback,
        "NotificationARNs": settings.notification_arns,
        "TimeoutInMinutes": settings.timeout_minutes,
        "Capabilities": settings.capabilities or None,
        "Outputs": stack.outputs or None,
        "RoleARN": settings.role_arn,
        "Tags": settings.tags,
        "EnableTerminationProtection": stack.is_protected if stack.deleted_ms is None else None,
        "ChangeSetId": stack.change_set_id,
        "RollbackConfiguration": {},
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    return {name: value for name, value in result.items() if value is not None}


@cloudformation.operation("ListStacks")
def list_stacks(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Deleted ones too, for 90 days."""
    wanted = request.get("StackStatusFilter")
    stacks, token = _listed(call, request, lambda stack: not wanted or stack.status in wanted)
    return {"StackSummaries": [_summarised(stack) for stack in stacks], "NextToken": token}


def _summarised(stack: Stack) -> dict[str, Any]:
    result = {
        "StackId": stack.arn,
        "StackName": stack.name,
        "TemplateDescription": stack.settings.description,
        "CreationTime": stack.created_ms,
        "LastUpdatedTime": stack.updated_ms,
        "DeletionTime": stack.deleted_ms,
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    return {name: value for name, value in result.items() if value is not None}


def _listed(call: Call, request: dict[str, Any], wants: Any) -> tuple[list[Stack], str | None]:
    """One page of stacks, the newest first; a page may be short where many are left out."""
    begin, end = call.keys.listed.range()
    if request.get("NextToken"):
        invalid = errors.ValidationError("NextToken is invalid")
        begin = call.keys.listed.key(*page.decode_token(request["NextToken"], invalid)) + b"\x00"
    found = call.tx.scan(begin, end, limit=rules.STACKS_PER_PAGE)
    places = [call.keys.listed.unpack(key) for key, _ in found.rows]
    stacks = [lookup.stack_by_id(call.tx, call.keys, str(place[1])) for place in places]
    token = page.encode_token(*places[-1]) if found.resume is not None else None
    return [stack for stack in stacks if wants(stack)], token
