"""Instance profiles: a role in the form that EC2 takes. There is no EC2 here; templates make them all the same."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.kit.tags import to_list
from cloudlet.services.iam import errors, rules
from cloudlet.services.iam.lookup import (
    PROFILE,
    ROLE,
    find_by_id,
    insert,
    list_kind,
    list_rows,
    new_id,
    put,
    remove,
    require_of,
)
from cloudlet.services.iam.records import InstanceProfile
from cloudlet.services.iam.role import listed_role
from cloudlet.services.iam.service import iam


def shown_profile(call: Call, profile: InstanceProfile) -> dict[str, Any]:
    role = find_by_id(call.tx, call.keys, profile.role_id) if profile.role_id else None
    return {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": profile.created_ms,
        "Roles": [listed_role(call, role)] if role else [],
    }


def _with_tags(profile: InstanceProfile) -> dict[str, Any]:
    return {"Tags": to_list(profile.tags)} if profile.tags else {}


@iam.operation("CreateInstanceProfile")
def create_instance_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    profile = InstanceProfile(
        id=new_id(PROFILE),
        name=request["InstanceProfileName"],
        path=request.get("Path", "/"),
        account=call.account,
        created_ms=rules.to_the_second(call.now_ms),
        tags=rules.tags_of(request.get("Tags")),
    )
    insert(call, PROFILE, profile)
    return {"InstanceProfile": shown_profile(call, profile) | _with_tags(profile)}


@iam.operation("GetInstanceProfile")
def get_instance_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    profile = require_of(call, request, PROFILE)
    return {"InstanceProfile": shown_profile(call, profile) | _with_tags(profile)}


@iam.operation("DeleteInstanceProfile")
def delete_instance_profile(call: Call, request: dict[str, Any]) -> None:
    profile = require_of(call, request, PROFILE)
    if profile.role_id:
        raise errors.DeleteConflict(remedy="remove roles from instance profile")
    remove(call, PROFILE, profile)


@iam.operation("ListInstanceProfiles")
def list_instance_profiles(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    profiles, more = list_kind(call, request, PROFILE)
    return {"InstanceProfiles": [shown_profile(call, profile) for profile in profiles]} | more


@iam.operation("ListInstanceProfilesForRole")
def list_instance_profiles_for_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    role = require_of(call, request, ROLE)
    holders = call.keys.holder[role.id]

    def make(key: bytes, _: bytes) -> dict[str, Any]:
        return shown_profile(call, find_by_id(call.tx, call.keys, str(holders.unpack(key)[0])))

    profiles, more = list_rows(call, request, holders, make)
    return {"InstanceProfiles": profiles} | more


@iam.operation("AddRoleToInstanceProfile")
def add_role_to_instance_profile(call: Call, request: dict[str, Any]) -> None:
    profile, role = require_of(call, request, PROFILE), require_of(call, request, ROLE)
    if profile.role_id:
        raise errors.LimitExceeded(quota="InstanceSessionsPerInstanceProfile", limit=1)
    put(call.tx, call.keys, replace(profile, role_id=role.id))
    call.tx.put(call.keys.holder.key(role.id, profile.id), b"")


@iam.operation("RemoveRoleFromInstanceProfile")
def remove_role_from_instance_profile(call: Call, request: dict[str, Any]) -> None:
    profile, role = require_of(call, request, PROFILE), require_of(call, request, ROLE)
    if profile.role_id != role.id:
        raise errors.NoSuchEntity(kind="role", name=role.name)
    put(call.tx, call.keys, replace(profile, role_id=""))
    call.tx.delete(call.keys.holder.key(role.id, profile.id))
