"""Alarms: evaluated on the service clock, soon after data arrive, missing data, actions, history."""

import io
import json
import zipfile

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.kit.record import replace
from cloudlet.services.cloudwatch import background, notification
from cloudlet.services.cloudwatch.lookup import find_alarm
from tests.client import TestNode

SIMPLE = {
    "AlarmName": "a",
    "Namespace": "n",
    "MetricName": "m",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
}


def put(node: TestNode, value: float, name: str = "m", **more) -> None:
    node.aws("cloudwatch", "PutMetricData", Namespace="n", MetricData=[{"MetricName": name, "Value": value, **more}])


def make(node: TestNode, **more) -> None:
    node.aws("cloudwatch", "PutMetricAlarm", **(SIMPLE | more))


def alarm(node: TestNode, name: str = "a") -> dict:
    (found,) = node.aws("cloudwatch", "DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    return found


def state(node: TestNode) -> str:
    return alarm(node)["StateValue"]


def test_a_new_alarm_is_described_as_aws_does(node: TestNode) -> None:
    make(node)
    shown = alarm(node)
    for moment in ("AlarmConfigurationUpdatedTimestamp", "StateUpdatedTimestamp", "StateTransitionedTimestamp"):
        del shown[moment]
    assert shown == {
        "ActionsEnabled": True,
        "AlarmActions": [],
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:a",
        "AlarmName": "a",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Dimensions": [],
        "EvaluationPeriods": 1,
        "InsufficientDataActions": [],
        "MetricName": "m",
        "Namespace": "n",
        "OKActions": [],
        "Period": 60,
        "StateReason": "Unchecked: Initial alarm creation",
        "StateValue": "INSUFFICIENT_DATA",
        "Statistic": "Sum",
        "Threshold": 1.0,
    }


def test_data_over_the_threshold_alarm_at_once_and_the_reason_says_it(node: TestNode) -> None:
    make(node, TreatMissingData="notBreaching")
    node.advance(70)
    assert state(node) == "OK"
    assert alarm(node)["StateReason"] == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as"
        " [NonBreaching]."
    )
    put(node, 5)
    node.settle()
    assert state(node) == "ALARM"
    assert alarm(node)["StateReason"] == (
        "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (01/01/26 00:01:00)] was greater than or equal to the"
        " threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )


def test_an_alarm_ends_when_its_data_are_past(node: TestNode) -> None:
    make(node, TreatMissingData="notBreaching")
    put(node, 5)
    node.settle()
    assert state(node) == "ALARM"
    node.advance(minutes=5)
    assert state(node) == "OK"


def test_late_data_alarm_too(node: TestNode) -> None:
    make(node, TreatMissingData="notBreaching")
    node.advance(minutes=10)
    put(node, 5, Timestamp=node.clock.now_ms() / 1000 - 100)
    node.settle()
    assert state(node) == "ALARM"


def test_below_the_threshold_is_ok_once_the_minute_is_whole(node: TestNode) -> None:
    make(node, Threshold=10.0)
    put(node, 5)
    node.settle()
    assert state(node) == "INSUFFICIENT_DATA"
    node.advance(66)
    assert state(node) == "OK"
    assert alarm(node)["StateReason"] == (
        "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (01/01/26 00:00:00)] was not greater than or equal to"
        " the threshold (10.0) (minimum 1 datapoint for ALARM -> OK transition)."
    )


def test_a_minimum_waits_for_the_whole_minute(node: TestNode) -> None:
    make(node, Statistic="Average", ComparisonOperator="LessThanThreshold", Threshold=3.0)
    put(node, 1)
    node.settle()
    put(node, 9)
    node.advance(66)
    assert state(node) == "OK"


@pytest.mark.parametrize(
    ("periods", "needed", "minutes", "expected"),
    [  # minutes: oldest first; X breaches, 0 doesn't, - is missing; expected: missing, ignore, breaching, notBreaching
        (3, 3, "0-X-X", ("OK", "OK", "OK", "OK")),
        (3, 3, "----0", ("OK", "OK", "OK", "OK")),
        (3, 3, "-----", ("INSUFFICIENT_DATA", "INSUFFICIENT_DATA", "ALARM", "OK")),
        (3, 3, "0XX-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (3, 3, "--X--", ("ALARM", "INSUFFICIENT_DATA", "ALARM", "OK")),
        (3, 2, "0-X-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (3, 2, "00X0X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (3, 2, "0-X--", ("OK", "OK", "ALARM", "OK")),
        (3, 2, "----0", ("OK", "OK", "ALARM", "OK")),
        (3, 2, "---X-", ("ALARM", "INSUFFICIENT_DATA", "ALARM", "OK")),
    ],
)
def test_missing_data_are_treated_as_in_the_tables_of_aws(
    node: TestNode, periods: int, needed: int, minutes: str, expected: tuple[str, ...]
) -> None:
    node.advance(minutes=10)
    now_s = node.clock.now_ms() // 60_000 * 60
    for back, value in enumerate(reversed(minutes), 1):
        if value != "-":
            put(node, 1 if value == "X" else 0, Timestamp=now_s - 60 * back)
    treatments = ("missing", "ignore", "breaching", "notBreaching")
    for treatment in treatments:
        make(node, AlarmName=treatment, EvaluationPeriods=periods, DatapointsToAlarm=needed, TreatMissingData=treatment)
    node.advance(6)
    assert tuple(alarm(node, treatment)["StateValue"] for treatment in treatments) == expected


def test_short_periods_are_evaluated_every_ten_seconds(node: TestNode) -> None:
    make(node, Period=10, Statistic="Average")
    put(node, 5, StorageResolution=1)
    node.advance(16)
    assert state(node) == "ALARM"
    node.advance(50)
    assert state(node) == "INSUFFICIENT_DATA"
    assert alarm(node)["StateReason"] == "Insufficient Data: 1 datapoint was unknown."


def test_a_deleted_alarm_leaves_no_work_behind(node: TestNode) -> None:
    make(node)
    node.aws("cloudwatch", "DeleteAlarms", AlarmNames=["a"])
    assert node.aws("cloudwatch", "DescribeAlarms")["MetricAlarms"] == []
    node.advance(minutes=2)
    assert node.house.workers.next_due_ms() is None


def test_a_changed_alarm_keeps_its_state_and_one_chain(node: TestNode) -> None:
    make(node)
    put(node, 5)
    node.settle()
    make(node, Threshold=100.0)
    assert (state(node), alarm(node)["Threshold"]) == ("ALARM", 100.0)
    node.advance(66)
    assert state(node) == "OK"
    tx = node.node.database.begin()
    ready = node.node.outbox._ready["cloudwatch.evaluate"].due(tx, node.clock.now_ms() + 120_000, 10)
    tx.discard()
    assert len(ready) == 1


def test_history_tells_what_happened(node: TestNode) -> None:
    make(node)
    node.advance(1)
    node.aws("cloudwatch", "SetAlarmState", AlarmName="a", StateValue="ALARM", StateReason="by hand")
    items = node.aws("cloudwatch", "DescribeAlarmHistory", AlarmName="a")["AlarmHistoryItems"]
    assert [(item["HistoryItemType"], item["HistorySummary"]) for item in items] == [
        ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM"),
        ("ConfigurationUpdate", 'Alarm "a" created'),
    ]
    assert json.loads(items[0]["HistoryData"])["newState"]["stateReason"] == "by hand"
    page = node.aws("cloudwatch", "DescribeAlarmHistory", MaxRecords=1)
    following = node.aws("cloudwatch", "DescribeAlarmHistory", MaxRecords=1, NextToken=page["NextToken"])
    assert page["AlarmHistoryItems"] + following["AlarmHistoryItems"] == items


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"Period": 61}, "ValidationError"),
        ({"EvaluationPeriods": 1441}, "ValidationError"),
        ({"TreatMissingData": "x"}, "ValidationError"),
        ({"DatapointsToAlarm": 2}, "ValidationError"),
        ({"AlarmActions": ["x"]}, "ValidationError"),
        ({"AlarmActions": ["arn:aws:sns:us-west-2:000000000000:t"]}, "ValidationError"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "NotImplemented"),
        ({"ThresholdMetricId": "t"}, "NotImplemented"),
        ({"ExtendedStatistic": "p90"}, "InvalidParameterCombination"),
        ({"Threshold": None}, "MissingParameter"),
    ],
)
def test_what_does_not_fit_is_refused(node: TestNode, more: dict, code: str) -> None:
    with pytest.raises(AwsError) as refused:
        node.aws("cloudwatch", "PutMetricAlarm", **{k: v for k, v in (SIMPLE | more).items() if v is not None})
    assert refused.value.code == code


def test_what_is_not_there_cannot_be_deleted_or_set(node: TestNode) -> None:
    for operation, parameters in (
        ("DeleteAlarms", {"AlarmNames": ["x"]}),
        ("SetAlarmState", {"AlarmName": "x", "StateValue": "OK", "StateReason": "r"}),
    ):
        with pytest.raises(AwsError) as refused:
            node.aws("cloudwatch", operation, **parameters)
        assert (refused.value.code, refused.value.status) == ("ResourceNotFound", 404)


def test_tags_are_the_first_alarm_s(node: TestNode) -> None:
    make(node, Tags=[{"Key": "a", "Value": "1"}])
    make(node, Tags=[{"Key": "b", "Value": "1"}])
    arn = alarm(node)["AlarmArn"]
    node.aws("cloudwatch", "TagResource", ResourceARN=arn, Tags=[{"Key": "c", "Value": "3"}])
    assert node.aws("cloudwatch", "ListTagsForResource", ResourceARN=arn)["Tags"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "c", "Value": "3"},
    ]
    node.aws("cloudwatch", "UntagResource", ResourceARN=arn, TagKeys=["a", "c"])
    assert node.aws("cloudwatch", "ListTagsForResource", ResourceARN=arn)["Tags"] == []


def watched_topic(node: TestNode) -> tuple[str, str]:
    """A topic, and the queue that gets what it sends."""
    topic = node.aws("sns", "CreateTopic", Name="t")["TopicArn"]
    url = node.aws("sqs", "CreateQueue", QueueName="q")["QueueUrl"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}],
    }
    node.aws("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    node.aws("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:q")
    return topic, url


def test_an_alarm_publishes_what_aws_publishes(node: TestNode) -> None:
    topic, url = watched_topic(node)
    dimensions = [{"Name": "FunctionName", "Value": "f"}]
    make(
        node, AlarmActions=[topic], AlarmDescription="it fails", Dimensions=dimensions, TreatMissingData="notBreaching"
    )
    node.advance(66)
    put(node, 5, Dimensions=dimensions)
    node.settle()
    (received,) = node.aws("sqs", "ReceiveMessage", QueueUrl=url)["Messages"]
    notification = json.loads(received["Body"])
    assert notification["Subject"] == 'ALARM: "a" in US East (N. Virginia)'
    assert json.loads(notification["Message"]) == {
        "AlarmName": "a",
        "AlarmDescription": "it fails",
        "AWSAccountId": "000000000000",
        "AlarmConfigurationUpdatedTimestamp": "2026-01-01T00:00:00.000+0000",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (01/01/26 00:01:00)] was greater than"
        " or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).",
        "StateChangeTime": "2026-01-01T00:01:06.000+0000",
        "Region": "US East (N. Virginia)",
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:a",
        "OldStateValue": "OK",
        "OKActions": [],
        "AlarmActions": [topic],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "m",
            "Namespace": "n",
            "StatisticType": "Statistic",
            "Statistic": "SUM",
            "Unit": None,
            "Dimensions": [{"value": "f", "name": "FunctionName"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Threshold": 1.0,
            "TreatMissingData": "notBreaching",
            "EvaluateLowSampleCountPercentile": "",
        },
    }
    kinds = [
        item["HistorySummary"]
        for item in node.aws("cloudwatch", "DescribeAlarmHistory", AlarmName="a", HistoryItemType="Action")[
            "AlarmHistoryItems"
        ]
    ]
    assert kinds == [f"Successfully executed action {topic}"]


def test_an_action_that_fails_is_noted_and_the_state_stays_changed(node: TestNode) -> None:
    topic, url = watched_topic(node)
    gone = topic + "x"
    make(node, AlarmActions=[gone, topic])
    node.aws("cloudwatch", "SetAlarmState", AlarmName="a", StateValue="ALARM", StateReason="r")
    node.settle()
    assert state(node) == "ALARM"
    assert len(node.aws("sqs", "ReceiveMessage", QueueUrl=url)["Messages"]) == 1
    items = node.aws("cloudwatch", "DescribeAlarmHistory", HistoryItemType="Action")["AlarmHistoryItems"]
    assert [item["HistorySummary"].split()[0] for item in items] == ["Successfully", "Failed"]
    assert "Received error" in items[1]["HistorySummary"]


def test_disabled_actions_are_not_done(node: TestNode) -> None:
    topic, url = watched_topic(node)
    make(node, AlarmActions=[topic])
    node.aws("cloudwatch", "DisableAlarmActions", AlarmNames=["a"])
    node.aws("cloudwatch", "SetAlarmState", AlarmName="a", StateValue="ALARM", StateReason="r")
    node.settle()
    assert "Messages" not in node.aws("sqs", "ReceiveMessage", QueueUrl=url)
    node.aws("cloudwatch", "EnableAlarmActions", AlarmNames=["a"])
    assert alarm(node)["ActionsEnabled"] is True


def test_the_node_s_own_metrics_alarm_at_their_own_time_while_the_clock_is_moved(node: TestNode) -> None:
    url = node.aws("sqs", "CreateQueue", QueueName="q")["QueueUrl"]
    dimensions = [{"Name": "QueueName", "Value": "q"}]
    make(node, Namespace="AWS/SQS", MetricName="NumberOfMessagesSent", Dimensions=dimensions)
    node.aws("sqs", "SendMessage", QueueUrl=url, MessageBody="hello")
    node.advance(hours=1)
    items = node.aws("cloudwatch", "DescribeAlarmHistory", AlarmName="a", HistoryItemType="StateUpdate")
    assert [item["HistorySummary"] for item in items["AlarmHistoryItems"]] == [
        "Alarm updated from ALARM to INSUFFICIENT_DATA",
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
    ]


def test_an_alarm_invokes_a_function_that_lets_it(node: TestNode) -> None:
    """Queued in the alarm's own transaction; the function itself need not run here."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): pass")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    arn = node.aws(
        "lambda", "CreateFunction", FunctionName="f", Runtime="python3.11", Role=role, Handler="app.handler",
        Code={"ZipFile": package.getvalue()},
    )["FunctionArn"]  # fmt: skip
    make(node, AlarmActions=[arn], AlarmDescription="testing")

    def outcome() -> str:
        for to in ("OK", "ALARM"):
            node.aws("cloudwatch", "SetAlarmState", AlarmName="a", StateValue=to, StateReason="r")
        items = node.aws("cloudwatch", "DescribeAlarmHistory", HistoryItemType="Action", MaxRecords=1)
        return items["AlarmHistoryItems"][0]["HistorySummary"]

    assert outcome().startswith(f"Failed to execute action {arn}")
    node.aws(
        "lambda", "AddPermission", FunctionName="f", StatementId="s", Action="lambda:InvokeFunction",
        Principal="lambda.alarms.cloudwatch.amazonaws.com", SourceArn=alarm(node)["AlarmArn"],
    )  # fmt: skip
    assert outcome() == f"Successfully executed action {arn}"
    node.run(node.house.functions.close())


def test_a_function_is_told_in_the_form_of_aws(node: TestNode) -> None:
    make(node, AlarmDescription="testing", Period=10, Statistic="Average")
    tx = node.node.database.begin()
    before = find_alarm(tx, node.node.services["cloudwatch"].keys("000000000000", "us-east-1"), "a")
    tx.discard()
    assert before is not None
    after = replace(before, state="ALARM", reason="testing alarm")
    event = json.loads(notification.lambda_event("000000000000", "us-east-1", before, after))
    moment = "2026-01-01T00:00:00.000+0000"
    ((metric),) = event["alarmData"]["configuration"].pop("metrics")
    assert len(metric.pop("id")) == 36
    assert metric == {
        "metricStat": {
            "metric": {"namespace": "n", "name": "m", "dimensions": {}},
            "period": 10,
            "stat": "Average",
        },
        "returnData": True,
    }
    assert event == {
        "source": "aws.cloudwatch",
        "alarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:a",
        "accountId": "000000000000",
        "time": moment,
        "region": "us-east-1",
        "alarmData": {
            "alarmName": "a",
            "state": {"value": "ALARM", "reason": "testing alarm", "timestamp": moment},
            "previousState": {
                "value": "INSUFFICIENT_DATA",
                "reason": "Unchecked: Initial alarm creation",
                "timestamp": moment,
            },
            "configuration": {"description": "testing"},
        },
    }


def test_new_data_make_an_alarm_look_once_a_second_however_many_there_are(node: TestNode) -> None:
    make(node, Threshold=40.0, ComparisonOperator="GreaterThanThreshold")
    put(node, 1)
    node.settle()
    looks: list[str] = []
    task = node.node.services["cloudwatch"].tasks["look"]
    looked = object.__getattribute__(task, "handler")
    object.__setattr__(task, "handler", lambda call, payload: (looks.append(call.rehearses), looked(call, payload))[1])
    try:
        for _ in range(50):
            put(node, 1)
            node.settle()
        assert state(node) == "INSUFFICIENT_DATA"
        node.advance(50)
    finally:
        object.__setattr__(task, "handler", looked)
    assert looks.count(False) == 1
    assert state(node) == "ALARM"


def test_more_watchers_than_one_step_takes_all_look_at_new_data(node: TestNode) -> None:
    for number in range(120):
        make(node, AlarmName=f"a{number}")
    put(node, 5.0)
    node.settle()
    alarms = node.aws("cloudwatch", "DescribeAlarmsForMetric", Namespace="n", MetricName="m")["MetricAlarms"]
    assert [found["StateValue"] for found in alarms] == ["ALARM"] * 120


def test_the_reason_of_an_alarm_over_many_periods_stays_json(node: TestNode) -> None:
    make(node, EvaluationPeriods=1440, DatapointsToAlarm=900)
    now = node.clock.now_ms() / 1000
    data = [{"MetricName": "m", "Value": 1000.0 + at, "Timestamp": now - 60 * at} for at in range(1000)]
    node.aws("cloudwatch", "PutMetricData", Namespace="n", MetricData=data)
    node.advance(minutes=2)
    found = json.loads(alarm(node)["StateReasonData"])
    assert found["recentDatapoints"][-1] == 1000.0 and len(alarm(node)["StateReasonData"]) <= 4000


@pytest.mark.parametrize("periods_at_once", [100, 0])
def test_an_alarm_that_reads_much_is_judged_as_one_that_reads_little(
    node: TestNode, monkeypatch: pytest.MonkeyPatch, periods_at_once: int
) -> None:
    monkeypatch.setattr(background, "PERIODS_AT_ONCE_MAX", periods_at_once)
    make(node, EvaluationPeriods=3, DatapointsToAlarm=1, TreatMissingData="notBreaching")
    stat = {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    metrics = [{"Id": "m", "MetricStat": stat, "ReturnData": False}, {"Id": "e", "Expression": "m * 2"}]
    threshold = {"Threshold": 9.0, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}
    node.aws("cloudwatch", "PutMetricAlarm", AlarmName="of-an-expression", Metrics=metrics, **threshold)
    put(node, 5.0)
    node.settle()
    assert state(node) == "ALARM"
    node.advance(minutes=2)
    assert alarm(node, "of-an-expression")["StateValue"] == "ALARM"
    node.advance(minutes=8)
    assert state(node) == "OK"
