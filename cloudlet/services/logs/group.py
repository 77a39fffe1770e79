"""Log groups: create, delete, list, retention, protection."""

import re
from typing import Any

from cloudlet.base import ids
from cloudlet.base.errors import aws_error
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.logs import background, errors, rules
from cloudlet.services.logs.lookup import find_group, put_group, require_group
from cloudlet.services.logs.records import Group
from cloudlet.services.logs.service import logs

INVALID_TOKEN = errors.InvalidParameter("The specified nextToken is invalid.")


@logs.operation("CreateLogGroup")
def create_log_group(call: Call, request: dict[str, Any]) -> None:
    name, group_class = request["logGroupName"], request.get("logGroupClass", "STANDARD")
    if group_class not in ("STANDARD", "INFREQUENT_ACCESS"):
        raise aws_error("NotImplemented", f"logs: logGroupClass {group_class} is not implemented", 501)
    if name.startswith("aws/"):
        raise errors.InvalidParameter("Log groups starting with AWS/ are reserved for AWS.")
    if find_group(call.tx, call.keys, name) is not None:
        raise errors.GroupExists()
    group = Group(
        id=ids.hexadecimal(16),
        name=name,
        account=call.account,
        region=call.region,
        created_ms=call.now_ms,
        group_class=group_class,
        is_protected=request.get("deletionProtectionEnabled", False),
        kms_key=request.get("kmsKeyId", ""),
        tags=request.get("tags", {}),
    )
    put_group(call.tx, call.keys, group)


@logs.operation("DeleteLogGroup")
def delete_log_group(call: Call, request: dict[str, Any]) -> None:
    group = require_group(call.tx, call.keys, request["logGroupName"])
    if group.is_protected:
        raise errors.GroupProtected()
    call.tx.delete(call.keys.group.key(group.name))
    call.later("remove_contents", {"group_id": group.id})


def described(call: Call, group: Group) -> dict[str, Any]:
    """A group as DescribeLogGroups shows it."""
    (stored_bytes,) = call.keys.of(group.id).size.values(call.tx)
    shown = {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": group.filters,
        "arn": f"{group.arn}:*",
        "storedBytes": stored_bytes,
        "logGroupClass": group.group_class,
        "logGroupArn": group.arn,
        "deletionProtectionEnabled": group.is_protected,
    }
    if group.retention_days:
        shown["retentionInDays"] = group.retention_days
    if group.kms_key:
        shown["kmsKeyId"] = group.kms_key
    return shown


@logs.operation("DescribeLogGroups")
def describe_log_groups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.refuse(request, "includeLinkedAccounts")
    prefix, pattern = request.get("logGroupNamePrefix"), request.get("logGroupNamePattern")
    if prefix is not None and pattern is not None:
        raise errors.InvalidParameter(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    if "logGroupIdentifiers" in request:
        names = [rules.name_of(identifier) for identifier in request["logGroupIdentifiers"]]
        named = [find_group(call.tx, call.keys, name) for name in names]
        return {"logGroups": [described(call, group) for group in named if group is not None]}

    def is_wanted(group: Group) -> bool:
        wanted_class = request.get("logGroupClass", group.group_class)
        return group.group_class == wanted_class and (pattern or "").lower() in group.name.lower()

    groups, token = _page(call, prefix or "", request.get("limit", rules.DESCRIBE_MAX), request, is_wanted)
    answer: dict[str, Any] = {"logGroups": [described(call, group) for group in groups]}
    return answer | ({"nextToken": token} if token else {})


@logs.operation("ListLogGroups")
def list_log_groups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.refuse(request, "includeLinkedAccounts", "dataSources", "fieldIndexNames")
    pattern = re.compile(request.get("logGroupNamePattern", ""))

    def is_wanted(group: Group) -> bool:
        wanted_class = request.get("logGroupClass", group.group_class)
        has_tags = all(_has_tag(group, wanted) for wanted in request.get("logGroupTags", ()))
        return group.group_class == wanted_class and has_tags and pattern.search(group.name) is not None

    groups, token = _page(call, "", request.get("limit", rules.DESCRIBE_MAX), request, is_wanted)
    listed = [
        {"logGroupName": group.name, "logGroupArn": group.arn, "logGroupClass": group.group_class} for group in groups
    ]
    return {"logGroups": listed} | ({"nextToken": token} if token else {})


def _has_tag(group: Group, wanted: dict[str, Any]) -> bool:
    value = group.tags.get(wanted["key"])
    return value is not None and (not wanted.get("values") or value in wanted["values"])


def _page(
    call: Call, prefix: str, limit: int, request: dict[str, Any], is_wanted: Any
) -> tuple[list[Group], str | None]:
    """Up to `limit` wanted groups in order of their names; a page in which few are wanted may be short."""
    found = page.scan_page(
        call.tx,
        page.names_from(call.keys.group, prefix),
        limit=limit,
        token=request.get("nextToken"),
        invalid=INVALID_TOKEN,
    )
    groups = [group for _, value in found.rows if is_wanted(group := Group.decode(value))]
    return groups, found.next_token


@logs.operation("PutRetentionPolicy")
def put_retention_policy(call: Call, request: dict[str, Any]) -> None:
    group = require_group(call.tx, call.keys, request["logGroupName"])
    rules.check_retention(request["retentionInDays"])
    put_group(call.tx, call.keys, background.begin_expiry(call, group, request["retentionInDays"]))


@logs.operation("DeleteRetentionPolicy")
def delete_retention_policy(call: Call, request: dict[str, Any]) -> None:
    group = require_group(call.tx, call.keys, request["logGroupName"])
    put_group(call.tx, call.keys, replace(group, retention_days=0, expiry=""))


@logs.operation("PutLogGroupDeletionProtection")
def put_log_group_deletion_protection(call: Call, request: dict[str, Any]) -> None:
    group = require_group(call.tx, call.keys, rules.name_of(request["logGroupIdentifier"]))
    put_group(call.tx, call.keys, replace(group, is_protected=request["deletionProtectionEnabled"]))
