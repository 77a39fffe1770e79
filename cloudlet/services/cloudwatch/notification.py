"""What alarms send: the message to an SNS topic, the event to a function.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions.html
"""

import hashlib
import json
import uuid
from typing import Any

from cloudlet.services.cloudwatch.lookup import metric_stats
from cloudlet.services.cloudwatch.reason import stamp
from cloudlet.services.cloudwatch.records import Alarm

SUBJECT_MAX = 100
REGION_NAMES = {
    "af-south-1": "Africa (Cape Town)",
    "ap-east-1": "Asia Pacific (Hong Kong)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-northeast-2": "Asia Pacific (Seoul)",
    "ap-northeast-3": "Asia Pacific (Osaka)",
    "ap-south-1": "Asia Pacific (Mumbai)",
    "ap-south-2": "Asia Pacific (Hyderabad)",
    "ap-southeast-1": "Asia Pacific (Singapore)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "ap-southeast-3": "Asia Pacific (Jakarta)",
    "ap-southeast-4": "Asia Pacific (Melbourne)",
    "ca-central-1": "Canada (Central)",
    "ca-west-1": "Canada West (Calgary)",
    "eu-central-1": "EU (Frankfurt)",
    "eu-central-2": "Europe (Zurich)",
    "eu-north-1": "EU (Stockholm)",
    "eu-south-1": "EU (Milan)",
    "eu-south-2": "Europe (Spain)",
    "eu-west-1": "EU (Ireland)",
    "eu-west-2": "EU (London)",
    "eu-west-3": "EU (Paris)",
    "il-central-1": "Israel (Tel Aviv)",
    "me-central-1": "Middle East (UAE)",
    "me-south-1": "Middle East (Bahrain)",
    "sa-east-1": "South America (Sao Paulo)",
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)",
}
STATISTICS = {
    "Average": "AVERAGE",
    "Sum": "SUM",
    "Minimum": "MINIMUM",
    "Maximum": "MAXIMUM",
    "SampleCount": "SAMPLE_COUNT",
}


def _region(alarm: Alarm) -> str:
    region = alarm.arn.split(":")[3]
    return REGION_NAMES.get(region, region)


def subject(alarm: Alarm) -> str:
    text = f'{alarm.state}: "{alarm.name}" in {_region(alarm)}'
    return text if len(text) <= SUBJECT_MAX else text[: SUBJECT_MAX - 3] + "..."


def message(account: str, before: Alarm, after: Alarm) -> str:
    settings = after.settings
    body = {
        "AlarmName": after.name,
        "AlarmDescription": settings.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": stamp(after.configured_ms),
        "NewStateValue": after.state,
        "NewStateReason": after.reason,
        "StateChangeTime": stamp(after.updated_ms),
        "Region": _region(after),
        "AlarmArn": after.arn,
        "OldStateValue": before.state,
        "OKActions": settings.get("OKActions", []),
        "AlarmActions": settings.get("AlarmActions", []),
        "InsufficientDataActions": settings.get("InsufficientDataActions", []),
    }
    if after.kind == "CompositeAlarm":
        del body["AlarmConfigurationUpdatedTimestamp"]
        body["AlarmRule"] = settings["AlarmRule"]
        body["TriggeringChildren"] = _children(after)
    else:
        body["Trigger"] = _trigger(settings)
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def _children(alarm: Alarm) -> list[dict[str, Any]]:
    data = json.loads(alarm.reason_data) if alarm.reason_data else {}
    try:
        return [
            {"Arn": child["arn"], "State": {"Value": child["state"]["value"], "Timestamp": child["state"]["timestamp"]}}
            for child in data["triggeringAlarms"]
        ]
    except (KeyError, TypeError):  # set by hand, with data of the caller's own
        return []


def _trigger(settings: dict[str, Any]) -> dict[str, Any]:
    rest = {
        "EvaluationPeriods": settings["EvaluationPeriods"],
        **({"DatapointsToAlarm": settings["DatapointsToAlarm"]} if "DatapointsToAlarm" in settings else {}),
        "ComparisonOperator": settings["ComparisonOperator"],
        "Threshold": settings["Threshold"],
        "TreatMissingData": settings.get("TreatMissingData", "missing"),
        "EvaluateLowSampleCountPercentile": settings.get("EvaluateLowSampleCountPercentile", ""),
    }
    if "MetricName" not in settings:
        periods = [stat["Period"] for stat in metric_stats(settings)]
        return {"Period": max(periods, default=60), **rest, "Metrics": [_query(query) for query in settings["Metrics"]]}
    trigger = {"MetricName": settings["MetricName"], "Namespace": settings["Namespace"]}
    if "Statistic" in settings:
        trigger |= {"StatisticType": "Statistic", "Statistic": STATISTICS[settings["Statistic"]]}
    else:
        trigger |= {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": settings["ExtendedStatistic"]}
    return {
        **trigger,
        "Unit": settings.get("Unit"),
        "Dimensions": _dimensions(settings.get("Dimensions")),
        "Period": settings["Period"],
        **rest,
    }


def _dimensions(listed: list[dict[str, str]] | None) -> list[dict[str, str]]:
    return [{"value": dimension["Value"], "name": dimension["Name"]} for dimension in listed or ()]


def _query(query: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {member: query[member] for member in ("Expression", "Id", "Label") if member in query}
    if "MetricStat" in query:
        stat = query["MetricStat"]
        metric = stat["Metric"] | {"Dimensions": _dimensions(stat["Metric"].get("Dimensions"))}
        shown["MetricStat"] = stat | {"Metric": metric}
    return shown | {"ReturnData": query.get("ReturnData", True)}


def lambda_event(account: str, region: str, before: Alarm, after: Alarm) -> bytes:
    configuration: dict[str, Any] = {}
    if after.settings.get("AlarmDescription"):
        configuration["description"] = after.settings["AlarmDescription"]
    if after.kind == "CompositeAlarm":
        configuration["alarmRule"] = after.settings["AlarmRule"]
    else:
        configuration["metrics"] = _event_metrics(after)
    event = {
        "source": "aws.cloudwatch",
        "alarmArn": after.arn,
        "accountId": account,
        "time": stamp(after.updated_ms),
        "region": region,
        "alarmData": {
            "alarmName": after.name,
            "state": _event_state(after),
            "previousState": _event_state(before),
            "configuration": configuration,
        },
    }
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def _event_state(alarm: Alarm) -> dict[str, Any]:
    data = {"reasonData": alarm.reason_data} if alarm.reason_data else {}
    return {"value": alarm.state, "reason": alarm.reason, **data, "timestamp": stamp(alarm.updated_ms)}


def _event_metrics(alarm: Alarm) -> list[dict[str, Any]]:
    settings = alarm.settings
    if "MetricName" in settings:
        identity = str(uuid.UUID(bytes=hashlib.blake2b(alarm.arn.encode(), digest_size=16).digest()))
        return [{"id": identity, "metricStat": _event_stat(metric_stats(settings)[0]), "returnData": True}]
    return [
        {
            "id": query["Id"],
            **({"expression": query["Expression"]} if "Expression" in query else {}),
            **({"label": query["Label"]} if "Label" in query else {}),
            **({"metricStat": _event_stat(query["MetricStat"])} if "MetricStat" in query else {}),
            "returnData": query.get("ReturnData", True),
        }
        for query in settings["Metrics"]
    ]


def _event_stat(stat: dict[str, Any]) -> dict[str, Any]:
    metric = stat["Metric"]
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions") or ()}
    unit = {"unit": stat["Unit"]} if "Unit" in stat else {}
    named = {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": dimensions}
    return {"metric": named, "period": stat["Period"], "stat": stat["Stat"], **unit}
