"""Tags of log groups, by both APIs: by ARN, and the older one by name."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.logs import errors, rules
from cloudlet.services.logs.lookup import find_group, put_group, require_group
from cloudlet.services.logs.records import Group
from cloudlet.services.logs.service import logs


def _by_arn(call: Call, arn: str) -> Group:
    if not arn.startswith("arn:") or ":log-group:" not in arn:
        raise errors.InvalidParameter(f"The provided resource ARN is not valid: {arn}")
    group = find_group(call.tx, call.keys, rules.name_of(arn))
    if group is None or group.arn != arn.removesuffix(":*"):
        raise errors.NoSuchResource()
    return group


def _add(call: Call, group: Group, tags: dict[str, str]) -> None:
    merged = group.tags | tags
    if len(merged) > rules.TAGS_MAX:
        raise errors.TooManyTags(arn=group.arn, limit=rules.TAGS_MAX)
    put_group(call.tx, call.keys, replace(group, tags=merged))


def _remove(call: Call, group: Group, names: list[str]) -> None:
    kept = {name: value for name, value in group.tags.items() if name not in names}
    put_group(call.tx, call.keys, replace(group, tags=kept))


@logs.operation("TagResource")
def tag_resource(call: Call, request: dict[str, Any]) -> None:
    _add(call, _by_arn(call, request["resourceArn"]), request["tags"])


@logs.operation("UntagResource")
def untag_resource(call: Call, request: dict[str, Any]) -> None:
    _remove(call, _by_arn(call, request["resourceArn"]), request["tagKeys"])


@logs.operation("ListTagsForResource")
def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {"tags": _by_arn(call, request["resourceArn"]).tags}


@logs.operation("TagLogGroup")
def tag_log_group(call: Call, request: dict[str, Any]) -> None:
    _add(call, require_group(call.tx, call.keys, request["logGroupName"]), request["tags"])


@logs.operation("UntagLogGroup")
def untag_log_group(call: Call, request: dict[str, Any]) -> None:
    _remove(call, require_group(call.tx, call.keys, request["logGroupName"]), request["tags"])


@logs.operation("ListTagsLogGroup")
def list_tags_log_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {"tags": require_group(call.tx, call.keys, request["logGroupName"]).tags}
