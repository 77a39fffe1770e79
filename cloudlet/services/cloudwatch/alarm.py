"""Metric alarms: put, describe, delete, enable, set by hand."""

import json
from typing import Any

from cloudlet.base import ids
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudwatch import (
    alarm_rule,
    alarm_rules,
    background,
    composite,
    engine,
    errors,
    history,
    lookup,
    rules,
    tag,
    transition,
)
from cloudlet.services.cloudwatch.lookup import find_alarm, put_alarm, require_alarm
from cloudlet.services.cloudwatch.records import Alarm
from cloudlet.services.cloudwatch.service import cloudwatch
from cloudlet.store.transaction import Tx

DESCRIBED_MAX = 100


@cloudwatch.operation("PutMetricAlarm")
def put_metric_alarm(call: Call, request: dict[str, Any]) -> None:
    settings = alarm_rules.check(request, call.account, call.region)
    alarm = configure(call, request, "MetricAlarm", settings)
    lookup.watch(call.tx, call.keys, alarm)
    put_alarm(call.tx, call.keys, background.begin_chain(call, alarm))


@cloudwatch.operation("PutCompositeAlarm")
def put_composite_alarm(call: Call, request: dict[str, Any]) -> None:
    rules.refuse(
        request, "ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod",
        "ActionConfiguration",
    )  # fmt: skip
    alarm_rules.check_actions(request, call.region)
    composite.check_children(call, request["AlarmName"], alarm_rule.parse(request["AlarmRule"]))
    settings = {name: request[name] for name in alarm_rules.COMPOSITE_SETTINGS if request.get(name) is not None}
    alarm = configure(call, request, "CompositeAlarm", settings)
    composite.join(call.tx, call.keys, alarm)
    put_alarm(call.tx, call.keys, alarm)
    transition.tell(call, alarm.name)


def configure(call: Call, request: dict[str, Any], kind: str, settings: dict[str, Any]) -> Alarm:
    """The new or changed alarm, noted in its history; an existing one keeps its state, and its tags."""
    name = request["AlarmName"]
    existing = find_alarm(call.tx, call.keys, name)
    if existing is not None and existing.kind != kind:
        raise errors.ValidationError(f"An alarm of another type is called {name} already.")
    epoch = ids.hexadecimal(16)
    if existing is not None:
        _unlink(call, existing)
        alarm = replace(existing, settings=settings, epoch=epoch, configured_ms=call.now_ms)
    else:
        arn, now_ms = call.arn(f"alarm:{name}"), call.now_ms
        alarm = Alarm(name, arn, kind, settings, epoch, now_ms, updated_ms=now_ms, transitioned_ms=now_ms)
        tag.replace_tags(call, name, request.get("Tags"))
    change = "updated" if existing else "created"
    history.note(call, alarm, "ConfigurationUpdate", f'Alarm "{name}" {change}', _configuration(alarm, change))
    return alarm


def _unlink(call: Call, alarm: Alarm) -> None:
    """Nothing tells the alarm of changes any more."""
    if alarm.kind == "CompositeAlarm":
        composite.leave(call.tx, call.keys, alarm)
    else:
        lookup.unwatch(call.tx, call.keys, alarm)


def _configuration(alarm: Alarm, change: str) -> dict[str, Any]:
    kind = {"created": "Create", "updated": "Update", "deleted": "Delete"}[change]
    configured = {"alarmName": alarm.name, "alarmArn": alarm.arn}
    configured |= {name[:1].lower() + name[1:]: value for name, value in alarm.settings.items()}
    return {"version": "1.0", "type": kind, f"{change}Alarm": configured}


@cloudwatch.operation("DeleteAlarms")
def delete_alarms(call: Call, request: dict[str, Any]) -> None:
    names = list(dict.fromkeys(request["AlarmNames"]))
    alarms = [alarm for name in names if (alarm := find_alarm(call.tx, call.keys, name)) is not None]
    if len(alarms) < len(names):
        found = {alarm.name for alarm in alarms}
        raise errors.NoSuchAlarm(
            f"Could not find alarm(s) with name(s): {', '.join(n for n in names if n not in found)}"
        )
    for alarm in alarms:
        _unlink(call, alarm)
        call.tx.delete(call.keys.alarm.key(alarm.name))
        call.tx.delete(call.keys.tags.key(alarm.name))
        call.tx.delete(call.keys.look.key(alarm.name))
        summary = f'Alarm "{alarm.name}" deleted'
        history.note(call, alarm, "ConfigurationUpdate", summary, _configuration(alarm, "deleted"))


def described(alarm: Alarm) -> dict[str, Any]:
    """An alarm as DescribeAlarms shows it."""
    shown = {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn,
        "AlarmConfigurationUpdatedTimestamp": alarm.configured_ms,
        "ActionsEnabled": True,
        "OKActions": [],
        "AlarmActions": [],
        "InsufficientDataActions": [],
        "StateValue": alarm.state,
        "StateReason": alarm.reason,
        "StateUpdatedTimestamp": alarm.updated_ms,
        "StateTransitionedTimestamp": alarm.transitioned_ms,
    }
    if alarm.reason_data:
        shown["StateReasonData"] = alarm.reason_data
    if alarm.kind == "MetricAlarm" and "MetricName" in alarm.settings:
        shown["Dimensions"] = []
    return shown | alarm.settings


@cloudwatch.operation("DescribeAlarms")
def describe_alarms(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    kinds = request.get("AlarmTypes") or ["MetricAlarm"]
    if request.get("AlarmNames"):
        if request.get("AlarmNamePrefix"):
            raise errors.Exclusive(one="AlarmNames", other="AlarmNamePrefix")
        names = sorted(set(request["AlarmNames"]))
        alarms = [alarm for name in names if (alarm := find_alarm(call.tx, call.keys, name)) is not None]
        token = None
    else:
        alarms, token = _page(call, request)
    wanted = [alarm for alarm in alarms if alarm.kind in kinds and _is_wanted(alarm, request)]
    answer = {
        "CompositeAlarms": [described(alarm) for alarm in wanted if alarm.kind == "CompositeAlarm"],
        "MetricAlarms": [described(alarm) for alarm in wanted if alarm.kind == "MetricAlarm"],
    }
    return answer | ({"NextToken": token} if token else {})


def _page(call: Call, request: dict[str, Any]) -> tuple[list[Alarm], str | None]:
    rules.refuse(request, "ChildrenOfAlarmName", "ParentsOfAlarmName")
    found = page.scan_page(
        call.tx,
        page.names_from(call.keys.alarm, request.get("AlarmNamePrefix", "")),
        limit=request.get("MaxRecords", DESCRIBED_MAX),
        token=request.get("NextToken"),
        invalid=errors.InvalidToken(),
    )
    return [Alarm.decode(value) for _, value in found.rows], found.next_token


def _is_wanted(alarm: Alarm, request: dict[str, Any]) -> bool:
    prefix = request.get("ActionPrefix")
    actions = [arn for member in alarm_rules.ACTION_MEMBERS for arn in alarm.settings.get(member, ())]
    return request.get("StateValue", alarm.state) == alarm.state and (
        prefix is None or any(arn.startswith(prefix) for arn in actions)
    )


@cloudwatch.operation("DescribeAlarmsForMetric")
async def describe_alarms_for_metric(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """All there are: its API has no pages."""
    dimensions = engine.dimensions_of(request.get("Dimensions"))
    begin, end = call.keys.watch.range(engine.series_id(request["Namespace"], request["MetricName"], dimensions))
    members = [name for name in ("Statistic", "ExtendedStatistic", "Period", "Unit") if name in request]
    resume: bytes | None = begin
    shown: list[dict[str, Any]] = []
    while resume is not None:
        alarms, resume = call.transact(_watchers, call, resume, end)
        shown += [
            described(alarm)
            for alarm in alarms
            if "MetricName" in alarm.settings and all(alarm.settings.get(name) == request[name] for name in members)
        ]
        await call.pause()
    return {"MetricAlarms": shown}


def _watchers(tx: Tx, call: Call, begin: bytes, end: bytes) -> tuple[list[Alarm], bytes | None]:
    """Some of the alarms that watch a series, and where the next ones begin."""
    found = tx.scan(begin, end, limit=DESCRIBED_MAX)
    names = [call.keys.watch.unpack(key)[1] for key, _ in found.rows]
    return [require_alarm(tx, call.keys, name) for name in names], found.resume


@cloudwatch.operation("SetAlarmState")
def set_alarm_state(call: Call, request: dict[str, Any]) -> None:
    alarm = require_alarm(call.tx, call.keys, request["AlarmName"])
    data = request.get("StateReasonData", "")
    if data:
        try:
            json.loads(data)
        except (ValueError, RecursionError) as error:
            raise errors.InvalidFormat() from error
    transition.change(call, alarm, request["StateValue"], request["StateReason"], data)


@cloudwatch.operation("EnableAlarmActions")
def enable_alarm_actions(call: Call, request: dict[str, Any]) -> None:
    _set_actions(call, request["AlarmNames"], True)


@cloudwatch.operation("DisableAlarmActions")
def disable_alarm_actions(call: Call, request: dict[str, Any]) -> None:
    _set_actions(call, request["AlarmNames"], False)


def _set_actions(call: Call, names: list[str], enabled: bool) -> None:
    for name in names:
        alarm = find_alarm(call.tx, call.keys, name)
        if alarm is not None:
            put_alarm(call.tx, call.keys, replace(alarm, settings=alarm.settings | {"ActionsEnabled": enabled}))
