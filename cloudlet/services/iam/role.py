"""Roles."""

from typing import Any

from cloudlet.base.errors import aws_error
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.kit.tags import to_list
from cloudlet.services.iam import errors, rules
from cloudlet.services.iam.attachment import find_boundary, shown_boundary, track_boundary
from cloudlet.services.iam.documents import sent
from cloudlet.services.iam.lookup import ROLE, insert, list_kind, new_id, put, remove, require_of
from cloudlet.services.iam.records import LastUse, Role
from cloudlet.services.iam.service import iam
from cloudlet.services.iam.trust import checked_trust, shown_trust, with_trust


def listed_role(call: Call, role: Role) -> dict[str, Any]:
    """A role as lists tell it: without tags, boundary and last use."""
    described = {} if role.description is None else {"Description": role.description}
    return created_role(call, role) | described | {"MaxSessionDuration": role.max_session_s}


def created_role(call: Call, role: Role) -> dict[str, Any]:
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.created_ms,
        "AssumeRolePolicyDocument": sent(shown_trust(call, role)),
    }


def shown_role(call: Call, role: Role) -> dict[str, Any]:
    stored = call.tx.get(call.keys.used.key(role.id))
    use = LastUse.decode(stored) if stored else None
    last_used = {"LastUsedDate": use.at_ms, "Region": use.region} if use else {}
    return listed_role(call, role) | shown_boundary(role) | _shown_tags(role) | {"RoleLastUsed": last_used}


def _shown_tags(role: Role) -> dict[str, Any]:
    return {"Tags": to_list(role.tags)} if role.tags else {}


def _check_supported(request: dict[str, Any]) -> None:
    for name in ("MaxSigninSessionDuration", "ResetMaxSigninSessionDuration"):
        if request.get(name):
            raise aws_error("NotImplemented", f"{name} is not supported: there is no console sign-in.", 501)


@iam.operation("CreateRole")
def create_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    _check_supported(request)
    boundary, boundary_id = find_boundary(call, request)
    role = Role(
        id=new_id(ROLE),
        name=request["RoleName"],
        path=request.get("Path", "/"),
        account=call.account,
        created_ms=rules.to_the_second(call.now_ms),
        trust=request["AssumeRolePolicyDocument"],
        trusted_ids=checked_trust(call, request["AssumeRolePolicyDocument"]),
        description=request.get("Description"),
        max_session_s=request.get("MaxSessionDuration", 3600),
        tags=rules.tags_of(request.get("Tags")),
        boundary=boundary,
        boundary_id=boundary_id,
    )
    insert(call, ROLE, role)
    track_boundary(call, role, "")
    # AWS's answer shows a description and a duration only where they were given.
    given = {name: request[name] for name in ("Description", "MaxSessionDuration") if name in request}
    return {"Role": created_role(call, role) | given | shown_boundary(role) | _shown_tags(role)}


@iam.operation("GetRole")
def get_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {"Role": shown_role(call, require_of(call, request, ROLE))}


@iam.operation("UpdateRole")
def update_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Without MaxSessionDuration it is an hour again, as AWS documents."""
    _check_supported(request)
    role = require_of(call, request, ROLE)
    changed = replace(
        role,
        description=request.get("Description", role.description),
        max_session_s=request.get("MaxSessionDuration", 3600),
    )
    put(call.tx, call.keys, changed)
    return {}


@iam.operation("UpdateRoleDescription")
def update_role_description(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    role = replace(require_of(call, request, ROLE), description=request["Description"])
    put(call.tx, call.keys, role)
    return {"Role": listed_role(call, role)}


@iam.operation("UpdateAssumeRolePolicy")
def update_assume_role_policy(call: Call, request: dict[str, Any]) -> None:
    role = require_of(call, request, ROLE)
    put(call.tx, call.keys, with_trust(call, role, request["PolicyDocument"]))


@iam.operation("DeleteRole")
def delete_role(call: Call, request: dict[str, Any]) -> None:
    role = require_of(call, request, ROLE)
    if call.tx.scan(*call.keys.holder.range(role.id), limit=1).rows:
        raise errors.DeleteConflict(remedy="remove roles from instance profile")
    if role.attached:
        raise errors.DeleteConflict(remedy="detach all policies")
    if role.inline:
        raise errors.DeleteConflict(remedy="delete policies")
    track_boundary(call, replace(role, boundary=""), role.boundary)
    remove(call, ROLE, role)


@iam.operation("ListRoles")
def list_roles(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    roles, more = list_kind(call, request, ROLE)
    return {"Roles": [listed_role(call, role) for role in roles]} | more
