"""Which action and resource each CloudWatch operation asks IAM about. Metrics know no resource: "*".

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
"""

from collections.abc import Sequence
from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Access
from cloudlet.kit.service import AccessRule
from cloudlet.services.cloudwatch.lookup import tags_of

Context = dict[str, str | tuple[str, ...]]


def _anything(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    if call.principal.type == "Service":
        return ()  # the node's own services publish for their users
    context: Context = {}
    if call.operation == "PutMetricData" and request.get("Namespace"):
        context["cloudwatch:namespace"] = request["Namespace"]
    return (Access(f"cloudwatch:{call.operation}", "*", call.account, None, context),)


def _on_alarm(call: Call, name: str, request: dict[str, Any]) -> Access:
    context: Context = {}
    if name and name != "*":
        context |= {f"aws:ResourceTag/{key}": value for key, value in tags_of(call.tx, call.keys, name).items()}
    tags = [tag for tag in request.get("Tags") or () if "Key" in tag]
    if tags or request.get("TagKeys"):
        context["aws:TagKeys"] = tuple(request.get("TagKeys") or (tag["Key"] for tag in tags))
        context |= {f"aws:RequestTag/{tag['Key']}": tag.get("Value", "") for tag in tags}
    actions = [
        arn for member in ("OKActions", "AlarmActions", "InsufficientDataActions") for arn in request.get(member) or ()
    ]
    if actions:
        context["cloudwatch:AlarmActions"] = tuple(actions)
    return Access(f"cloudwatch:{call.operation}", call.arn(f"alarm:{name}"), call.account, None, context)


def _by_name(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return (_on_alarm(call, request.get("AlarmName") or "*", request),)


def _by_names(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return [_on_alarm(call, name, request) for name in request.get("AlarmNames") or ("*",)]


def _all_alarms(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return (_on_alarm(call, "*", request),)


def _by_arn(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return (_on_alarm(call, str(request.get("ResourceARN", "")).rpartition(":alarm:")[2], request),)


ACCESS: dict[str, AccessRule] = {
    **dict.fromkeys("PutMetricData ListMetrics GetMetricData GetMetricStatistics".split(), _anything),
    "DescribeAlarmsForMetric": _anything,
    **dict.fromkeys("PutMetricAlarm PutCompositeAlarm SetAlarmState DescribeAlarmHistory".split(), _by_name),
    **dict.fromkeys("DeleteAlarms EnableAlarmActions DisableAlarmActions".split(), _by_names),
    **dict.fromkeys("TagResource UntagResource ListTagsForResource".split(), _by_arn),
    "DescribeAlarms": _all_alarms,
}
