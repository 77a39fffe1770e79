"""Composite alarms: rules, told of changes, refused where they make no sense."""

import json

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.cloudwatch import alarm_rule
from cloudlet.services.cloudwatch.composite import PARENTS_MAX
from tests.client import TestNode


@pytest.fixture
def children(node: TestNode) -> TestNode:
    for name in ("a", "b"):
        node.aws(
            "cloudwatch", "PutMetricAlarm", AlarmName=name, Namespace="n", MetricName="m", Statistic="Sum", Period=60,
            EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
    return node


def set_state(node: TestNode, name: str, state: str) -> None:
    node.advance(1)
    node.aws("cloudwatch", "SetAlarmState", AlarmName=name, StateValue=state, StateReason="r")


def composite(node: TestNode, name: str = "c") -> dict:
    answer = node.aws("cloudwatch", "DescribeAlarms", AlarmNames=[name], AlarmTypes=["CompositeAlarm"])
    (found,) = answer["CompositeAlarms"]
    return found


def test_a_composite_alarm_follows_its_children(children: TestNode) -> None:
    arn = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:a"
    rule = f'ALARM("{arn}") OR ALARM(b)'
    children.aws("cloudwatch", "PutCompositeAlarm", AlarmName="c", AlarmRule=rule)
    assert composite(children)["StateValue"] == "OK"
    set_state(children, "a", "ALARM")
    shown = composite(children)
    assert (shown["StateValue"], shown["AlarmRule"]) == ("ALARM", rule)
    assert shown["StateReason"] == f"{arn} transitioned to ALARM at Thursday 01 January, 2026 00:00:01 UTC"
    assert json.loads(shown["StateReasonData"]) == {
        "triggeringAlarms": [{"arn": arn, "state": {"value": "ALARM", "timestamp": "2026-01-01T00:00:01.000+0000"}}]
    }
    set_state(children, "b", "ALARM")
    set_state(children, "a", "OK")
    assert composite(children)["StateValue"] == "ALARM"
    set_state(children, "b", "OK")
    assert composite(children)["StateValue"] == "OK"
    assert children.aws("cloudwatch", "DescribeAlarms")["CompositeAlarms"] == []


def test_composites_over_composites_are_told_too(children: TestNode) -> None:
    children.aws("cloudwatch", "PutCompositeAlarm", AlarmName="c", AlarmRule="ALARM(a)")
    children.aws("cloudwatch", "PutCompositeAlarm", AlarmName="d", AlarmRule="NOT ALARM(c)")
    assert composite(children, "d")["StateValue"] == "ALARM"
    set_state(children, "a", "ALARM")
    assert composite(children, "d")["StateValue"] == "OK"
    with pytest.raises(AwsError) as refused:
        children.aws("cloudwatch", "PutCompositeAlarm", AlarmName="c", AlarmRule="ALARM(d)")
    assert refused.value.code == "ValidationError"


@pytest.mark.parametrize(
    ("rule", "is_met"),
    [
        ("ALARM(a)", True),
        ("OK(a)", False),
        ("ALARM(a) AND OK(b)", True),
        ("FALSE OR TRUE AND FALSE", False),
        ("(FALSE OR TRUE) AND NOT INSUFFICIENT_DATA(b)", True),
        ("NOT (ALARM(a) AND OK(b))", False),
        ("NOT NOT TRUE", True),
    ],
)
def test_rules_are_answered(rule: str, is_met: bool) -> None:
    assert alarm_rule.parse(rule).is_met({"a": "ALARM", "b": "OK"}) is is_met


@pytest.mark.parametrize("rule", ["", "a", "ALARM(a", "ALARM(a) AND", "ALARM(a) ALARM(b)", "(" * 100, "ALARM()"])
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(AwsError) as refused:
        alarm_rule.parse(rule)
    assert refused.value.code == "ValidationError"


def test_children_must_be_there(node: TestNode) -> None:
    with pytest.raises(AwsError) as refused:
        node.aws("cloudwatch", "PutCompositeAlarm", AlarmName="c", AlarmRule="ALARM(x)")
    assert refused.value.message == ("Could not save the composite alarm as alarms [x] in the alarm rule do not exist")


def test_every_composite_alarm_over_a_child_is_told(children: TestNode) -> None:
    for number in range(8):
        children.aws("cloudwatch", "PutCompositeAlarm", AlarmName=f"c{number}", AlarmRule="ALARM(a)")
    set_state(children, "a", "ALARM")
    children.settle()
    assert {composite(children, f"c{number}")["StateValue"] for number in range(8)} == {"ALARM"}


def test_an_alarm_is_part_of_so_many_composite_alarms_and_no_more(children: TestNode) -> None:
    for number in range(PARENTS_MAX):
        children.aws("cloudwatch", "PutCompositeAlarm", AlarmName=f"c{number}", AlarmRule="ALARM(a)")
    with pytest.raises(AwsError) as refused:
        children.aws("cloudwatch", "PutCompositeAlarm", AlarmName="one more", AlarmRule="ALARM(a)")
    assert refused.value.code == "LimitExceeded"
    children.aws("cloudwatch", "PutCompositeAlarm", AlarmName="c0", AlarmRule="ALARM(a) OR ALARM(b)")
