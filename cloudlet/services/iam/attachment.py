"""Managed policies on users, groups and roles: as permissions and as permissions boundaries."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.iam import errors, managed_policies, rules
from cloudlet.services.iam.lookup import CARRIERS, POLICY, ROLE, USER, Kind, find, list_names, put, require_of
from cloudlet.services.iam.records import Carrier, Policy, Role, User
from cloudlet.services.iam.service import iam

PERMISSIONS, BOUNDARY = "permissions", "boundary"  # what a policy is to who uses it


def check_policy_arn(policy_arn: str) -> None:
    if not policy_arn.startswith("arn:aws:iam::") or ":policy/" not in policy_arn:
        raise errors.InvalidInput(f"ARN {policy_arn} is not valid.")


def find_policy(call: Call, policy_arn: str) -> Policy | None:
    """One of the account's own policies."""
    check_policy_arn(policy_arn)
    policy: Policy | None = find(call.tx, call.keys, POLICY, policy_arn.rpartition("/")[2])
    return policy if policy is not None and policy.arn == policy_arn else None


def _require_attachable(call: Call, policy_arn: str, what: str = "Policy") -> str:
    """The id of a policy; "" for AWS's own."""
    policy = find_policy(call, policy_arn)
    if policy is not None:
        return policy.id
    if policy_arn not in managed_policies.NAMED:
        raise errors.NoSuchEntity(f"{what} {policy_arn} does not exist or is not attachable.")
    return ""


def attach(call: Call, request: dict[str, Any], kind: Kind) -> None:
    entity, policy_arn = require_of(call, request, kind), request["PolicyArn"]
    policy_id = _require_attachable(call, policy_arn)
    if policy_arn in entity.attached:
        return
    if len(entity.attached) >= rules.ATTACHED_MAX:
        raise errors.LimitExceeded(quota=f"PoliciesPer{kind.word}", limit=rules.ATTACHED_MAX)
    put(call.tx, call.keys, replace(entity, attached=entity.attached | {policy_arn: policy_id}))
    call.tx.put(call.keys.user_of.key(policy_arn, PERMISSIONS, entity.id), b"")
    call.keys.usage(policy_arn).add(call.tx, call.now_ms, 1, 0)


def detach(call: Call, request: dict[str, Any], kind: Kind) -> None:
    entity, policy_arn = require_of(call, request, kind), request["PolicyArn"]
    check_policy_arn(policy_arn)
    if policy_arn not in entity.attached:
        raise errors.NoSuchEntity(f"Policy {policy_arn} was not found.")
    attached = {arn: policy_id for arn, policy_id in entity.attached.items() if arn != policy_arn}
    put(call.tx, call.keys, replace(entity, attached=attached))
    call.tx.delete(call.keys.user_of.key(policy_arn, PERMISSIONS, entity.id))
    call.keys.usage(policy_arn).add(call.tx, call.now_ms, -1, 0)


def list_attached(call: Call, request: dict[str, Any], kind: Kind) -> dict[str, Any]:
    prefix = request.get("PathPrefix", "/")
    arns = [arn for arn in require_of(call, request, kind).attached if path_of(arn).startswith(prefix)]
    arns, more = list_names(request, arns)
    return {"AttachedPolicies": [{"PolicyName": name_of(arn), "PolicyArn": arn} for arn in arns]} | more


def path_of(policy_arn: str) -> str:
    """The path within arn:…:policy/path/name, with its slashes."""
    return "/" + policy_arn.partition(":policy/")[2].removesuffix(name_of(policy_arn))


def name_of(policy_arn: str) -> str:
    return policy_arn.rpartition("/")[2]


# ── permissions boundaries ────────────────────────────────────────────────────────────────────────────────────────


def find_boundary(call: Call, request: dict[str, Any]) -> tuple[str, str]:
    """ARN and id of the boundary that a request names; two empty texts without one."""
    policy_arn = request.get("PermissionsBoundary", "")
    return (policy_arn, _require_attachable(call, policy_arn, "Scope ARN:")) if policy_arn else ("", "")


def shown_boundary(entity: User | Role) -> dict[str, Any]:
    if not entity.boundary:
        return {}
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": entity.boundary}
    return {"PermissionsBoundary": boundary}


def track_boundary(call: Call, entity: Carrier, old: str) -> None:
    """Keep the index of who has which boundary, once it is no longer `old`."""
    new = getattr(entity, "boundary", "")
    if old == new:
        return
    if old:
        call.tx.delete(call.keys.user_of.key(old, BOUNDARY, entity.id))
        call.keys.usage(old).add(call.tx, call.now_ms, 0, -1)
    if new:
        call.tx.put(call.keys.user_of.key(new, BOUNDARY, entity.id), b"")
        call.keys.usage(new).add(call.tx, call.now_ms, 0, 1)


def set_boundary(call: Call, request: dict[str, Any], kind: Kind) -> None:
    """Without PermissionsBoundary in the request: take it away."""
    entity = require_of(call, request, kind)
    boundary, boundary_id = find_boundary(call, request)
    changed = replace(entity, boundary=boundary, boundary_id=boundary_id)
    put(call.tx, call.keys, changed)
    track_boundary(call, changed, entity.boundary)


# ── the operations, e.g. AttachUserPolicy ─────────────────────────────────────────────────────────────────────────


def _register(kind: Kind) -> None:
    @iam.operation(f"Attach{kind.word}Policy")
    def attach_(call: Call, request: dict[str, Any]) -> None:
        attach(call, request, kind)

    @iam.operation(f"Detach{kind.word}Policy")
    def detach_(call: Call, request: dict[str, Any]) -> None:
        detach(call, request, kind)

    @iam.operation(f"ListAttached{kind.word}Policies")
    def list_(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        return list_attached(call, request, kind)


def _register_boundary(kind: Kind) -> None:
    @iam.operation(f"Put{kind.word}PermissionsBoundary")
    def put_(call: Call, request: dict[str, Any]) -> None:
        set_boundary(call, request, kind)

    @iam.operation(f"Delete{kind.word}PermissionsBoundary")
    def delete_(call: Call, request: dict[str, Any]) -> None:
        set_boundary(call, request, kind)


for _kind in CARRIERS:
    _register(_kind)
for _kind in (USER, ROLE):
    _register_boundary(_kind)
