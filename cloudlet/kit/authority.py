"""May this call be made? Asks IAM, keeps the decision, raises AccessDenied with AWS's text.

Handlers never check IAM: a service's iam.py says what an operation touches, this asks whether the caller may.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from cloudlet.base.errors import AccessDenied
from cloudlet.kit.policy.context import Keys, as_texts
from cloudlet.kit.policy.evaluate import Access, Decision, Policies
from cloudlet.kit.policy.request import Principal

if TYPE_CHECKING:
    from cloudlet.kit.call import Call

DECISIONS_KEPT = 10_000


class RecordedDecision(NamedTuple):
    """One line of the node's decision trace."""

    at_ms: int
    request_id: str
    service: str
    operation: str
    decision: Decision


def everyone(call: "Call", request: dict[str, Any]) -> Sequence[Access]:
    """The rule of an operation that any signed caller may use, e.g. GetCallerIdentity."""
    return ()


def authorise(call: "Call", operation: str, request: dict[str, Any]) -> None:
    """Raise AccessDenied unless IAM allows everything `operation` touches. No mapping = refused."""
    rule = call.service.access_rules.get(operation)
    if rule is None:
        raise AccessDenied(
            f"{call.service.name}.{operation} has no IAM mapping, so nobody may call it;"
            f" it belongs in services/{call.service.folder}/iam.py"
        )
    accesses = rule(call, request)
    if not accesses:
        return
    policies = call.node.identities.policies_of(call.tx, call.principal, call.session_policies)
    for access in accesses:
        decision = _decide(call, operation, policies, access)
        if not decision.allowed:
            raise AccessDenied(decision.message)


def decision_on(call: "Call", access: Access) -> Decision:
    """On something a handler only learns of on its way; recorded like all others."""
    policies = call.node.identities.policies_of(call.tx, call.principal, call.session_policies)
    return _decide(call, call.operation, policies, access)


def _decide(call: "Call", operation: str, policies: Policies, access: Access) -> Decision:
    node = call.node
    decision = node.decided.decide(call.principal, policies, access, partial(_condition_values, call))
    if not call.rehearses:
        node.decisions.append(RecordedDecision(call.now_ms, call.request_id, call.service.name, operation, decision))
    return decision


class ConditionValues(NamedTuple):
    """A call's condition keys, and what they hold for: they are asked for at each of its targets."""

    second: int
    principal: Principal
    keys: Keys


def _condition_values(call: "Call") -> Keys:
    second, kept = call.now_ms // 1000, call.condition_values
    if kept is None or kept.second != second or kept.principal is not call.principal:
        keys = Keys((name.lower(), as_texts(value)) for name, value in condition_context(call).items())
        kept = call.condition_values = ConditionValues(second, call.principal, keys)
    return kept.keys


def _is_loopback(address: str) -> bool:
    """What never leaves the machine can't be listened to on its way: it counts as secure transport, so that policies
    which refuse plain HTTP (SAM's own bucket has one) work as they are. docs/adr/0004-loopback-is-secure.md"""
    return address == "::1" or address.startswith("127.")


def condition_context(call: "Call") -> Mapping[str, str | tuple[str, ...]]:
    """The global condition keys of a call.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    principal, source = call.principal, call.source
    context: dict[str, str | tuple[str, ...]] = {
        "aws:CurrentTime": _current_time(call.now_ms // 1000),
        "aws:EpochTime": str(call.now_ms // 1000),
        "aws:SecureTransport": "true" if source.secure or _is_loopback(source.ip) else "false",
        "aws:RequestedRegion": call.region,
        "aws:ViaAWSService": "true" if call.depth and call.principal.type != "Service" else "false",
    }
    if not call.depth:
        context["aws:SourceIp"] = source.ip
        context["aws:UserAgent"] = source.user_agent
    if principal.type == "Service":
        context["aws:PrincipalIsAWSService"] = "true"
        context["aws:PrincipalServiceName"] = principal.service or ""
        if call.source_arn:
            context["aws:SourceArn"] = call.source_arn
        if call.source_account:
            context["aws:SourceAccount"] = call.source_account
    elif principal.type != "Anonymous":
        context["aws:PrincipalIsAWSService"] = "false"
        context["aws:PrincipalArn"] = principal.role_arn or principal.arn
        context["aws:PrincipalAccount"] = principal.account
        context["aws:PrincipalType"] = "Account" if principal.type == "Root" else principal.type
        context["aws:userid"] = principal.user_id
        if principal.type == "User":
            context["aws:username"] = principal.name
        for key, value in principal.tags.items():
            context[f"aws:PrincipalTag/{key}"] = value
    context.update(call.session_context)
    return context


@lru_cache(maxsize=16)
def _current_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class DecisionTrace(deque):
    """The last decisions, newest at the right; the demo, tests and the console read it."""

    def __init__(self) -> None:
        super().__init__(maxlen=DECISIONS_KEPT)
