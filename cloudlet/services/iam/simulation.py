"""The policy simulator, on the evaluator that decides real requests.

Each pair of action and resource is one result. Organisations and session policies play no part.
"""

import re
from dataclasses import dataclass
from typing import Any

from cloudlet.base.errors import aws_error
from cloudlet.kit import arn as arns
from cloudlet.kit import page
from cloudlet.kit.arn import arn
from cloudlet.kit.call import Call
from cloudlet.kit.policy import (
    Access,
    MalformedPolicy,
    NamedPolicy,
    Policies,
    Principal,
    Simulation,
    check,
    parse,
    simulate,
)
from cloudlet.services.iam import errors, managed_policies, rules
from cloudlet.services.iam.attachment import name_of
from cloudlet.services.iam.lookup import GROUP, ROLE, USER, find, find_by_id
from cloudlet.services.iam.records import Carrier, Policy, Role, User
from cloudlet.services.iam.service import iam
from cloudlet.services.iam.statement_position import statement_positions

_action_name = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*?_-]+")
_KINDS = {kind.in_arn: kind for kind in (USER, GROUP, ROLE)}
_SOURCE_TYPE = "IAM Policy"
_UNSUPPORTED = {
    "PolicyExclusionList": "attached policies always take part",
    "ResourceHandlingOption": "there is no EC2",
}


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a simulation is about."""

    principal: Principal
    policies: Policies
    resource_policy: NamedPolicy | None
    resource_account: str | None
    context: dict[str, tuple[str, ...]]


# ── whose policies ────────────────────────────────────────────────────────────────────────────────────────────────


def require_source(call: Call, source_arn: str) -> Carrier:
    parts = arns.parse(source_arn)
    kind = _KINDS.get(parts.resource_type) if parts is not None and parts.service == "iam" else None
    if parts is None or kind is None:
        raise errors.InvalidInput(f"Invalid Entity Arn: {source_arn} does not clearly define entity type and name.")
    entity = find(call.tx, call.keys, kind, parts.name) if parts.account == call.account else None
    if entity is None or entity.arn != source_arn:
        raise errors.NoSuchEntity(f"The {kind.in_arn} with name {parts.name} cannot be found.")
    return entity


def carried_policies(call: Call, entity: Carrier) -> list[NamedPolicy]:
    """What decides for an entity, named as the simulator names sources."""
    word = type(entity).__name__.lower()
    found = [NamedPolicy(f"{word}_{entity.name}_{name}", text) for name, text in entity.inline.items()]
    for policy_arn, policy_id in entity.attached.items():
        found.append(NamedPolicy(name_of(policy_arn), _managed_text(call, policy_arn, policy_id)))
    for group_id in entity.groups if isinstance(entity, User) else ():
        found += carried_policies(call, find_by_id(call.tx, call.keys, group_id))
    return found


def _managed_text(call: Call, policy_arn: str, policy_id: str) -> str:
    if not policy_id:
        return managed_policies.POLICIES[policy_arn].document
    policy: Policy = find_by_id(call.tx, call.keys, policy_id)
    return policy.document


def _given_policies(request: dict[str, Any], member: str) -> list[NamedPolicy]:
    documents = request.get(member) or []
    return [_checked(f"{member}.{number}", document) for number, document in enumerate(documents, 1)]


def _checked(name: str, document: str, kind: Any = "identity") -> NamedPolicy:
    try:
        check(document, kind)
    except MalformedPolicy as error:
        raise errors.InvalidInput(error.message) from error
    return NamedPolicy(name, document)


# ── the request ───────────────────────────────────────────────────────────────────────────────────────────────────


def _principal_of(call: Call, caller_arn: str | None, entity: Carrier | None) -> Principal:
    """The simulated caller: of CallerArn, else the entity whose policies are simulated, else nobody in particular."""
    if caller_arn is not None:
        parts = arns.parse(caller_arn)
        if parts is None or parts.service != "iam" or parts.resource_type not in ("user", "role"):
            raise errors.InvalidInput(f"Invalid CallerArn: {caller_arn}.")
        named = find(call.tx, call.service.keys(parts.account, ""), _KINDS[parts.resource_type], parts.name)
        if named is None:
            return Principal(caller_arn, parts.account, "User", name=parts.name)
        entity = named
    if isinstance(entity, User):
        return Principal(entity.arn, entity.account, "User", user_id=entity.id, name=entity.name, tags=entity.tags)
    if isinstance(entity, Role):
        session = arn("sts", "", entity.account, f"assumed-role/{entity.name}/simulation")
        user_id = f"{entity.id}:simulation"
        return Principal(session, entity.account, "AssumedRole", user_id, "simulation", entity.arn, tags=entity.tags)
    return Principal(entity.arn if entity else "", call.account, "User")


def _context(request: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    entries = request.get("ContextEntries") or []
    return {
        entry["ContextKeyName"]: tuple(entry.get("ContextKeyValues") or ())
        for entry in entries
        if "ContextKeyName" in entry
    }


def _account_named(owner: str | None) -> str | None:
    """ResourceOwner is an account or the ARN of one's root."""
    return arns.account_of(owner) or owner if owner else None


def _simulated(call: Call, request: dict[str, Any], entity: Carrier | None) -> Simulated:
    for name, reason in _UNSUPPORTED.items():
        if request.get(name):
            raise aws_error("NotImplemented", f"{name} is not supported: {reason}.", 501)
    for action in request["ActionNames"]:
        if not _action_name.fullmatch(action):
            raise errors.InvalidInput(f"Invalid Action Name: {action}")
    identity = carried_policies(call, entity) if entity else []
    boundaries = _given_policies(request, "PermissionsBoundaryPolicyInputList")
    if len(boundaries) > 1:
        raise errors.InvalidInput("Only one permissions boundary can be simulated.")
    own = getattr(entity, "boundary", "")
    if not boundaries and own:
        boundaries = [NamedPolicy(name_of(own), _managed_text(call, own, getattr(entity, "boundary_id", "")))]
    text = request.get("ResourcePolicy")
    return Simulated(
        principal=_principal_of(call, request.get("CallerArn"), entity),
        policies=Policies(
            identity=(*identity, *_given_policies(request, "PolicyInputList")),
            boundary=boundaries[0] if boundaries else None,
        ),
        resource_policy=_checked("ResourcePolicy", text, "resource") if text else None,
        resource_account=_account_named(request.get("ResourceOwner")),
        context=_context(request),
    )


# ── the answer ────────────────────────────────────────────────────────────────────────────────────────────────────


def _results(request: dict[str, Any], simulated: Simulated) -> dict[str, Any]:
    """One page of action × resource."""
    resources = request.get("ResourceArns") or ["*"]
    actions, wanted, start = request["ActionNames"], request.get("MaxItems", rules.LIST_DEFAULT), 0
    if request.get("Marker"):
        (start,) = page.decode_token(request["Marker"], errors.ValidationError("Invalid Marker."), int)
    total = len(actions) * len(resources)
    end = min(start + wanted, total)
    pairs = [(actions[at // len(resources)], resources[at % len(resources)]) for at in range(start, end)]
    answer: dict[str, Any] = {"EvaluationResults": [_result(simulated, *pair) for pair in pairs]}
    more = {"IsTruncated": True, "Marker": page.encode_token(end)} if end < total else {"IsTruncated": False}
    return answer | more


def _result(simulated: Simulated, action: str, resource: str) -> dict[str, Any]:
    access = Access(action, resource, simulated.resource_account, simulated.resource_policy)
    found = simulate(simulated.principal, simulated.policies, access, simulated.context)
    result: dict[str, Any] = {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": found.eval_decision,
        "MatchedStatements": _matched(simulated, found),
        "MissingContextValues": list(found.missing_context_values),
    }
    if found.allowed_by_boundary is not None:
        allowed = found.allowed_by_boundary
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
    return result


def _matched(simulated: Simulated, found: Simulation) -> list[dict[str, Any]]:
    """The statements that made the decision: of a denial those that deny."""
    is_denied = found.eval_decision == "explicitDeny"
    matched = []
    for each in found.matched:
        if each.deny is is_denied:
            shown: dict[str, Any] = {"SourcePolicyId": each.policy, "SourcePolicyType": _SOURCE_TYPE}
            matched.append(shown | _span(simulated, each.kind, each.policy, each.statement))
    return matched


def _span(simulated: Simulated, kind: str, name: str, statement: str | int) -> dict[str, Any]:
    policies = {
        "identity": simulated.policies.identity,
        "boundary": (simulated.policies.boundary,),
        "resource": (simulated.resource_policy,),
    }.get(kind, ())
    text = next((str(policy.text) for policy in policies if policy is not None and policy.name == name), "")
    index = _index_of(text, statement)
    positions = statement_positions(text)
    if index is None or index >= len(positions):
        return {}
    return {"StartPosition": positions[index][0], "EndPosition": positions[index][1]}


def _index_of(text: str, statement: str | int) -> int | None:
    if isinstance(statement, int):
        return statement
    labels = [each.label for each in parse(text).statements] if text else []
    return labels.index(statement) if statement in labels else None


# ── the operations ────────────────────────────────────────────────────────────────────────────────────────────────


@iam.operation("SimulatePrincipalPolicy")
def simulate_principal_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _results(request, _simulated(call, request, require_source(call, request["PolicySourceArn"])))


@iam.operation("SimulateCustomPolicy")
def simulate_custom_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _results(request, _simulated(call, request, None))


def _context_keys(policies: list[NamedPolicy]) -> dict[str, Any]:
    names: dict[str, str] = {}
    for policy in policies:
        for name in parse(policy.text).context_keys():
            names.setdefault(name.lower(), name)
    return {"ContextKeyNames": sorted(names.values())}


@iam.operation("GetContextKeysForCustomPolicy")
def get_context_keys_for_custom_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _context_keys(_given_policies(request, "PolicyInputList"))


@iam.operation("GetContextKeysForPrincipalPolicy")
def get_context_keys_for_principal_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    carried = carried_policies(call, require_source(call, request["PolicySourceArn"]))
    return _context_keys(carried + _given_policies(request, "PolicyInputList"))
