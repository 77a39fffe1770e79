"""Composite alarms: a rule over other alarms' states."""

from cloudlet.kit.call import Call
from cloudlet.services.cloudwatch.records import Alarm


def parents(call: Call, name: str) -> list[str]:
    """The composite alarms whose rule names `name`."""
    rows = call.tx.scan(*call.keys.parent.range(name), limit=100).rows
    return [call.keys.parent.unpack(key)[1] for key, _ in rows]


def judge(call: Call, alarm: Alarm) -> tuple[str, str, str]:
    """State, reason and reason data that follow from the children's states now."""
    raise AssertionError("no composite alarm is stored yet")
