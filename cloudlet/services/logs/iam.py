"""Which action and resource each CloudWatch Logs operation asks IAM about.

What concerns a group is asked with an empty stream at the end, as AWS does: policies name it `log-group:NAME:*`. Tags
are asked by the group's plain ARN.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
"""

from collections.abc import Sequence
from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Access
from cloudlet.kit.service import AccessRule
from cloudlet.services.logs import rules
from cloudlet.services.logs.lookup import find_group

Context = dict[str, str | tuple[str, ...]]


def _access(call: Call, action: str, group: str, suffix: str, request: dict[str, Any]) -> Sequence[Access]:
    if call.principal.type == "Service":
        return ()  # the node's own services write for their users
    context: Context = {}
    found = find_group(call.tx, call.keys, group) if group and group != "*" else None
    if found is not None:
        context |= {f"aws:ResourceTag/{name}": value for name, value in found.tags.items()}
    tags = request.get("tags")
    if isinstance(tags, dict):
        context["aws:TagKeys"] = tuple(tags)
        context |= {f"aws:RequestTag/{name}": str(value) for name, value in tags.items()}
    elif tags or request.get("tagKeys"):
        context["aws:TagKeys"] = tuple(tags or request["tagKeys"])
    return (Access(f"logs:{action}", call.arn(f"log-group:{group}{suffix}"), call.account, None, context),)


def _group_of(request: dict[str, Any]) -> str:
    name = request.get("logGroupName") or request.get("logGroupIdentifier")
    return rules.name_of(name) if name else ""


def _on_group(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return _access(call, action, _group_of(request), ":log-stream:", request)

    return rule


def _on_stream(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        stream = request.get("logStreamName", "")
        return _access(call, action, _group_of(request), f":log-stream:{stream}", request)

    return rule


def _on_arn(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return _access(call, action, rules.name_of(request.get("resourceArn", "")), "", request)

    return rule


def _on_name(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return _access(call, action, _group_of(request), "", request)

    return rule


def _on_all(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return _access(call, action, request.get("logGroupName", ""), ":log-stream:", request)

    return rule


def _anything(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    if call.principal.type == "Service":
        return ()
    return (Access(f"logs:{call.operation}", "*", call.account, None, {}),)


ACCESS: dict[str, AccessRule] = {
    **{
        operation: _on_group(operation)
        for operation in (
            "CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy PutLogGroupDeletionProtection"
            " CreateLogStream DescribeLogStreams FilterLogEvents PutMetricFilter DeleteMetricFilter"
        ).split()
    },
    **{operation: _on_stream(operation) for operation in ("DeleteLogStream", "PutLogEvents", "GetLogEvents")},
    **{operation: _on_arn(operation) for operation in ("TagResource", "UntagResource", "ListTagsForResource")},
    **{operation: _on_name(operation) for operation in ("TagLogGroup", "UntagLogGroup", "ListTagsLogGroup")},
    **{operation: _on_all(operation) for operation in ("DescribeLogGroups", "ListLogGroups", "DescribeMetricFilters")},
    "TestMetricFilter": _anything,
}
