"""Users."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.kit.tags import to_list
from cloudlet.services.iam import errors, rules
from cloudlet.services.iam.attachment import find_boundary, shown_boundary, track_boundary
from cloudlet.services.iam.lookup import USER, insert, list_kind, new_id, put, remove, rename, require, require_of
from cloudlet.services.iam.records import User
from cloudlet.services.iam.service import iam


def shown_user(user: User) -> dict[str, Any]:
    """A user as Get tells it; lists leave out tags and boundary."""
    return listed_user(user) | shown_boundary(user) | ({"Tags": to_list(user.tags)} if user.tags else {})


def listed_user(user: User) -> dict[str, Any]:
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": user.created_ms,
    }


def named_or_caller(call: Call, request: dict[str, Any]) -> User:
    """The user of UserName; without it, the calling user."""
    name = request.get("UserName")
    if name is None and call.principal.type != "User":
        raise errors.ValidationError("Must specify userName when calling with non-User credentials")
    return require(call.tx, call.keys, USER, name or call.principal.name)


@iam.operation("CreateUser")
def create_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    boundary, boundary_id = find_boundary(call, request)
    user = User(
        id=new_id(USER),
        name=request["UserName"],
        path=request.get("Path", "/"),
        account=call.account,
        created_ms=rules.to_the_second(call.now_ms),
        tags=rules.tags_of(request.get("Tags")),
        boundary=boundary,
        boundary_id=boundary_id,
    )
    insert(call, USER, user)
    track_boundary(call, user, "")
    return {"User": shown_user(user)}


@iam.operation("GetUser")
def get_user(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("UserName") is None and call.principal.type == "Root":
        # Since when an account is there, nobody knows: it begins with its first use.
        return {"User": {"Path": "/", "UserId": call.account, "Arn": call.principal.arn, "CreateDate": 0}}
    return {"User": shown_user(named_or_caller(call, request))}


@iam.operation("UpdateUser")
def update_user(call: Call, request: dict[str, Any]) -> None:
    user = require_of(call, request, USER)
    changed = replace(user, name=request.get("NewUserName", user.name), path=request.get("NewPath", user.path))
    rename(call, USER, user.name, changed.name, user.id)
    put(call.tx, call.keys, changed)


@iam.operation("DeleteUser")
def delete_user(call: Call, request: dict[str, Any]) -> None:
    user = require_of(call, request, USER)
    if user.groups:
        raise errors.DeleteConflict(remedy="remove users from group")
    if call.tx.scan(*call.keys.key.range(user.id), limit=1).rows:
        raise errors.DeleteConflict(remedy="delete access keys")
    if user.attached:
        raise errors.DeleteConflict(remedy="detach all policies")
    if user.inline:
        raise errors.DeleteConflict(remedy="delete policies")
    track_boundary(call, replace(user, boundary=""), user.boundary)
    remove(call, USER, user)


@iam.operation("ListUsers")
def list_users(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    users, more = list_kind(call, request, USER)
    return {"Users": [listed_user(user) for user in users]} | more
