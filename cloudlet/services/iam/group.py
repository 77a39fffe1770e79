"""Groups and their members. A user's record lists its groups; an index lists a group's members."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.iam import errors, rules
from cloudlet.services.iam.lookup import (
    GROUP,
    USER,
    find_by_id,
    insert,
    list_kind,
    list_names,
    list_rows,
    new_id,
    put,
    remove,
    rename,
    require_of,
)
from cloudlet.services.iam.records import Group
from cloudlet.services.iam.service import iam
from cloudlet.services.iam.user import listed_user


def shown_group(group: Group) -> dict[str, Any]:
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": group.arn,
        "CreateDate": group.created_ms,
    }


@iam.operation("CreateGroup")
def create_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    group = Group(
        id=new_id(GROUP),
        name=request["GroupName"],
        path=request.get("Path", "/"),
        account=call.account,
        created_ms=rules.to_the_second(call.now_ms),
    )
    insert(call, GROUP, group)
    return {"Group": shown_group(group)}


@iam.operation("GetGroup")
def get_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    group = require_of(call, request, GROUP)
    members = call.keys.member[group.id]

    def make(key: bytes, _: bytes) -> dict[str, Any]:
        return listed_user(find_by_id(call.tx, call.keys, str(members.unpack(key)[0])))

    users, more = list_rows(call, request, members, make)
    return {"Group": shown_group(group), "Users": users} | more


@iam.operation("UpdateGroup")
def update_group(call: Call, request: dict[str, Any]) -> None:
    group = require_of(call, request, GROUP)
    changed = replace(group, name=request.get("NewGroupName", group.name), path=request.get("NewPath", group.path))
    rename(call, GROUP, group.name, changed.name, group.id)
    put(call.tx, call.keys, changed)


@iam.operation("DeleteGroup")
def delete_group(call: Call, request: dict[str, Any]) -> None:
    group = require_of(call, request, GROUP)
    if call.tx.scan(*call.keys.member.range(group.id), limit=1).rows:
        raise errors.DeleteConflict(remedy="remove users from group")
    if group.attached:
        raise errors.DeleteConflict(remedy="detach all policies")
    if group.inline:
        raise errors.DeleteConflict(remedy="delete policies")
    remove(call, GROUP, group)


@iam.operation("ListGroups")
def list_groups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    groups, more = list_kind(call, request, GROUP)
    return {"Groups": [shown_group(group) for group in groups]} | more


@iam.operation("AddUserToGroup")
def add_user_to_group(call: Call, request: dict[str, Any]) -> None:
    group, user = require_of(call, request, GROUP), require_of(call, request, USER)
    if group.id in user.groups:
        return
    if len(user.groups) >= rules.GROUPS_PER_USER_MAX:
        raise errors.LimitExceeded(quota="GroupsPerUser", limit=rules.GROUPS_PER_USER_MAX)
    put(call.tx, call.keys, replace(user, groups=[*user.groups, group.id]))
    call.tx.put(call.keys.member.key(group.id, user.id), b"")


@iam.operation("RemoveUserFromGroup")
def remove_user_from_group(call: Call, request: dict[str, Any]) -> None:
    group, user = require_of(call, request, GROUP), require_of(call, request, USER)
    if group.id not in user.groups:
        return  # AWS answers success
    put(call.tx, call.keys, replace(user, groups=[each for each in user.groups if each != group.id]))
    call.tx.delete(call.keys.member.key(group.id, user.id))


@iam.operation("ListGroupsForUser")
def list_groups_for_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    user = require_of(call, request, USER)
    groups = {group.name: group for group in (find_by_id(call.tx, call.keys, each) for each in user.groups)}
    names, more = list_names(request, list(groups))
    return {"Groups": [shown_group(groups[name]) for name in names]} | more
