"""Which action and stack each CloudFormation operation asks IAM about.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
"""

from collections.abc import Callable, Sequence
from typing import Any

from cloudlet.kit.arn import account_of
from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Access
from cloudlet.kit.service import AccessRule
from cloudlet.services.cloudformation import rules
from cloudlet.services.cloudformation.lookup import find_change_set_place, find_stack

Context = dict[str, str | tuple[str, ...]]


def _on_stack(call: Call, action: str, name: str, request: dict[str, Any]) -> list[Access]:
    """The stack's ARN; one not yet there has no id, so a policy must say stack/name/*."""
    parts = rules.stack_arn_parts(name)
    stack = find_stack(call.tx, call.keys, name) if name else None
    context: Context = {}
    if stack is not None:
        resource = stack.arn
        context |= {f"aws:ResourceTag/{tag['Key']}": tag["Value"] for tag in stack.settings.tags}
    else:
        shown = f"{parts[0]}/{parts[1]}" if parts else f"{name or '*'}/*"
        resource = call.arn(f"stack/{shown}")
    context |= _request_keys(request)
    return [Access(f"cloudformation:{action}", resource, call.account, None, context)]


def _request_keys(request: dict[str, Any]) -> Context:
    context: Context = {}
    for member, key in (("TemplateURL", "TemplateUrl"), ("RoleARN", "RoleArn"), ("ChangeSetName", "ChangeSetName")):
        if request.get(member):
            context[f"cloudformation:{key}"] = request[member]
    if request.get("ResourceTypes"):
        context["cloudformation:ResourceTypes"] = tuple(request["ResourceTypes"])
    if request.get("Tags"):
        context["aws:TagKeys"] = tuple(tag.get("Key", "") for tag in request["Tags"])
        context |= {f"aws:RequestTag/{tag.get('Key', '')}": tag.get("Value", "") for tag in request["Tags"]}
    return context


def _pass_role(call: Call, request: dict[str, Any]) -> list[Access]:
    role = request.get("RoleARN")
    if not role:
        return []
    context: Context = {"iam:PassedToService": "cloudformation.amazonaws.com"}
    return [Access("iam:PassRole", role, account_of(role) or call.account, None, context)]


def _stack(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return _on_stack(call, action, request.get("StackName", ""), request)

    return rule


def _stack_and_role(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return _on_stack(call, action, request.get("StackName", ""), request) + _pass_role(call, request)

    return rule


def _change_set(action: str) -> AccessRule:
    """By the change set's ARN, which handlers go by whatever stack is named beside it; else by the stack's name."""

    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        place = find_change_set_place(call.tx, call.keys, request.get("ChangeSetName", ""))
        name = place.stack_id if place is not None else request.get("StackName", "")
        return _on_stack(call, action, name, request)

    return rule


def _anything(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return (Access(f"cloudformation:{action}", "*", call.account, None, _request_keys(request)),)

    return rule


def _template_of_stack(action: str) -> AccessRule:
    """The stack's template where a stack is named, else a template that belongs to none."""

    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        if request.get("StackName"):
            return _on_stack(call, action, request["StackName"], request)
        return _anything(action)(call, request)

    return rule


_ON_STACK = (
    "CancelUpdateStack DescribeStacks DescribeStackEvents DescribeStackResource DescribeStackResources ListChangeSets"
    " ListStackResources UpdateTerminationProtection"
).split()
_ON_STACK_WITH_ROLE = "ContinueUpdateRollback CreateChangeSet CreateStack DeleteStack UpdateStack".split()

ACCESS: dict[str, Callable[[Any, dict[str, Any]], Sequence[Access]]] = {
    **{operation: _stack(operation) for operation in _ON_STACK},
    **{operation: _stack_and_role(operation) for operation in _ON_STACK_WITH_ROLE},
    **{operation: _change_set(operation) for operation in ("DeleteChangeSet", "DescribeChangeSet", "ExecuteChangeSet")},
    **{
        operation: _anything(operation)
        for operation in ("ListExports", "ListImports", "ListStacks", "ValidateTemplate")
    },
    "GetTemplate": _change_set("GetTemplate"),
    "GetTemplateSummary": _template_of_stack("GetTemplateSummary"),
}
