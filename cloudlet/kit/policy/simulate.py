"""What SimulatePrincipalPolicy and SimulateCustomPolicy report of one action on one resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudlet.kit.policy.context import Context
from cloudlet.kit.policy.document import parse, statement_keys
from cloudlet.kit.policy.evaluate import Decision, decide
from cloudlet.kit.policy.principals import Named
from cloudlet.kit.policy.request import Access, NamedPolicy, Policies, Principal
from cloudlet.kit.policy.syntax import MalformedPolicy


@dataclass(frozen=True, slots=True)
class MatchedStatement:
    """A statement that applied, whatever its effect. `kind`: identity, boundary, session or resource."""

    kind: str
    policy: str
    statement: str | int
    deny: bool


@dataclass(frozen=True, slots=True)
class Simulation:
    """`eval_decision`: allowed, explicitDeny or implicitDeny. `allowed_by_boundary` is None without a boundary.
    `missing_context_values`: keys that statements about this action read, and that the request does not have."""

    eval_decision: str
    decision: Decision
    matched: tuple[MatchedStatement, ...]
    allowed_by_boundary: bool | None
    missing_context_values: tuple[str, ...]


def simulate(principal: Principal, policies: Policies, access: Access, context: Mapping[str, Any]) -> Simulation:
    """Decide, and say of each statement whether it applied."""
    decision = decide(principal, policies, access, context)
    keys = Context(principal, access, context)
    matched: list[MatchedStatement] = []
    missing: dict[str, str] = {}
    for kind, policy in _all(policies, access):
        try:
            statements = parse(policy.text).about(access.action)
        except MalformedPolicy:
            continue  # the decision says so
        for statement in statements:
            for name in statement_keys(statement):
                if keys.get(name.lower()) is None:
                    missing.setdefault(name.lower(), name)
            named = kind != "resource" or statement.named(principal) is not Named.NOT
            if named and statement.applies(access.resource, keys):
                matched.append(MatchedStatement(kind, policy.name, statement.label, statement.deny))
    if decision.allowed:
        eval_decision = "allowed"
    else:
        eval_decision = "explicitDeny" if decision.explicit else "implicitDeny"
    by_boundary = None
    if policies.boundary is not None:
        effects = {each.deny for each in matched if each.kind == "boundary"}
        by_boundary = effects == {False}
    return Simulation(eval_decision, decision, tuple(matched), by_boundary, tuple(missing.values()))


def _all(policies: Policies, access: Access) -> list[tuple[str, NamedPolicy]]:
    found = [("identity", policy) for policy in policies.identity]
    if policies.boundary is not None:
        found.append(("boundary", policies.boundary))
    found += [("session", policy) for policy in policies.session or ()]
    if access.resource_policy is not None:
        found.append(("resource", access.resource_policy))
    return found
