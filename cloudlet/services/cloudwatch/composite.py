"""Composite alarms: a rule over other alarms' states, looked at whenever one of them changes."""

import json
from datetime import UTC, datetime
from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.cloudwatch import alarm_rule, errors
from cloudlet.services.cloudwatch.keys import Keys
from cloudlet.services.cloudwatch.lookup import find_alarm
from cloudlet.services.cloudwatch.reason import stamp
from cloudlet.services.cloudwatch.records import Alarm
from cloudlet.store.transaction import Tx

PARENTS_MAX = 150
LEVELS_MAX = 10  # of composite alarms over composite alarms


def parents(tx: Tx, keys: Keys, name: str) -> list[str]:
    """The composite alarms whose rule names `name`."""
    rows = tx.all(*keys.parent.range(name), rows_max=PARENTS_MAX)
    return [keys.parent.unpack(key)[1] for key, _ in rows]


def join(tx: Tx, keys: Keys, alarm: Alarm) -> None:
    """Have the alarm told of its children's changes."""
    for child in alarm_rule.parse(alarm.settings["AlarmRule"]).children:
        if len(parents(tx, keys, child)) == PARENTS_MAX:
            raise errors.TooManyParents(child=child, count=PARENTS_MAX)
        tx.put(keys.parent.key(child, alarm.name), b"")


def leave(tx: Tx, keys: Keys, alarm: Alarm) -> None:
    for child in alarm_rule.parse(alarm.settings["AlarmRule"]).children:
        tx.delete(keys.parent.key(child, alarm.name))


def check_children(call: Call, name: str, rule: alarm_rule.Rule) -> None:
    """All are there, and none rests on `name` itself."""
    missing = [child for child in rule.children if find_alarm(call.tx, call.keys, child) is None]
    if missing and missing != [name]:
        raise errors.ValidationError(
            f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not exist"
        )
    level, seen = set(rule.children), set(rule.children)
    for _ in range(LEVELS_MAX):
        found = [find_alarm(call.tx, call.keys, child) for child in sorted(level)]
        rules = [one.settings["AlarmRule"] for one in found if one is not None and one.kind == "CompositeAlarm"]
        level = {child for text in rules for child in alarm_rule.parse(text).children} - seen
        seen |= level
        if not level:
            break
    if name in seen or level:
        raise errors.ValidationError("The alarm rule refers to the alarm itself, or over more than 10 levels.")


def judge(call: Call, alarm: Alarm) -> tuple[str, str, str]:
    """State, reason and reason data that follow from the children's states now."""
    rule = alarm_rule.parse(alarm.settings["AlarmRule"])
    children = [child for name in rule.children if (child := find_alarm(call.tx, call.keys, name)) is not None]
    state = "ALARM" if rule.is_met({child.name: child.state for child in children}) else "OK"
    latest = max(children, key=lambda child: child.transitioned_ms, default=None)
    if latest is None:
        return state, f"The alarm rule evaluates to {state}", ""
    at = datetime.fromtimestamp(latest.transitioned_ms / 1000, UTC).strftime("%A %d %B, %Y %H:%M:%S UTC")
    reason = f"{latest.arn} transitioned to {latest.state} at {at}"
    return state, reason, json.dumps({"triggeringAlarms": [_triggering(latest)]}, separators=(",", ":"))


def _triggering(child: Alarm) -> dict[str, Any]:
    return {"arn": child.arn, "state": {"value": child.state, "timestamp": stamp(child.transitioned_ms)}}
