"""What CreateStack, UpdateStack and CreateChangeSet have in common: a stack's settings out of a request, and a plan
checked against what the caller allows."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import errors, plans, rules
from cloudlet.services.cloudformation.kinds.registry import require_kind
from cloudlet.services.cloudformation.prepared import PreparedPlan
from cloudlet.services.cloudformation.records import PlanHead, Settings, Stack
from cloudlet.services.cloudformation.template.prepare import Pseudo
from cloudlet.services.cloudformation.values import HIDDEN


def settings_of(request: dict[str, Any], head: PlanHead | None = None, present: Settings | None = None) -> Settings:
    """An update that doesn't speak of tags, role or notifications leaves them as they are."""
    old = present or Settings()
    disable = request.get("DisableRollback")
    return Settings(
        parameters=shown_parameters(head) if head else [],
        tags=rules.checked_tags(request["Tags"]) if "Tags" in request else old.tags,
        capabilities=sorted(request.get("Capabilities", [])),
        notification_arns=request.get("NotificationARNs", old.notification_arns),
        role_arn=request.get("RoleARN", old.role_arn),
        description=head.description if head else old.description,
        disable_rollback=bool(disable) if disable is not None else old.disable_rollback and present is not None,
        on_failure=request.get("OnFailure") or request.get("OnStackFailure") or "ROLLBACK",
        timeout_minutes=request.get("TimeoutInMinutes", old.timeout_minutes),
    )


def shown_parameters(head: PlanHead) -> list[dict[str, str]]:
    return [
        {"ParameterKey": name, "ParameterValue": HIDDEN if name in head.hidden else value}
        for name, value in head.values.items()
    ]


def pseudo_of(stack: Stack, settings: Settings) -> Pseudo:
    return Pseudo(stack.account, stack.region, stack.name, stack.arn, tuple(settings.notification_arns))


def previous_values(call: Call, stack: Stack) -> dict[str, str]:
    if not stack.revision:
        return {}
    return plans.require_head(call, stack.id, stack.revision).values


def check_plan(plan: PreparedPlan, request: dict[str, Any], *, by_change_set: bool = False) -> None:
    """Capabilities acknowledged, types allowed, and known here."""
    head = plan.decoded_head()
    needed = [capability for capability in head.capabilities if capability != "CAPABILITY_AUTO_EXPAND"]
    if head.transforms and not by_change_set:
        needed.append("CAPABILITY_AUTO_EXPAND")  # a change set shows what was made of it; here nobody looks first
    rules.check_capabilities(needed, request.get("Capabilities", []))
    check_allowed_types(plan.types, request.get("ResourceTypes"))
    for type_ in plan.types:
        require_kind(type_)


def check_allowed_types(types: list[str], allowed: list[str] | None) -> None:
    if allowed is None:
        return
    for type_ in types:
        if not any(_matches(type_, pattern) for pattern in allowed):
            listed = ", ".join(allowed)
            raise errors.ValidationError(f"Resource type {type_} is not allowed by parameter ResourceTypes [{listed}]")


def _matches(type_: str, pattern: str) -> bool:
    return type_.startswith(pattern[:-1]) if pattern.endswith("*") else type_ == pattern
