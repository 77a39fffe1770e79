"""boto3 against a node on a socket: metrics, an alarm that reaches a queue, logs; kept over a restart."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudlet.base.config import Settings
from tests.sdk.serving import GUARD_S, ServingNode

MINUTE_S = 60


def eventually(look: Callable[[], Any]) -> Any:
    """What `look` finds, once it finds something."""
    until = time.monotonic() + GUARD_S
    while not (found := look()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)
    return found


def test_an_alarm_reaches_a_queue_and_a_restart_goes_on(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with ServingNode(settings) as node:
        cloudwatch, sns, sqs = node.client("cloudwatch"), node.client("sns"), node.client("sqs")
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        url = sqs.create_queue(QueueName="alarms")["QueueUrl"]
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        queue_arn = "arn:aws:sqs:us-east-1:000000000000:alarms"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
        cloudwatch.put_metric_alarm(
            AlarmName="too many", Namespace="App", MetricName="Errors", Statistic="Sum", Period=60,
            EvaluationPeriods=1, Threshold=3, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic],
        )  # fmt: skip
        cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "Errors", "Value": 5}])
        received = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
        notification = json.loads(json.loads(received[0]["Body"])["Message"])
        assert (notification["AlarmName"], notification["NewStateValue"]) == ("too many", "ALARM")
        waiter = cloudwatch.get_waiter("alarm_exists")
        waiter.wait(AlarmNames=["too many"], WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    with ServingNode(settings) as node:
        cloudwatch = node.client("cloudwatch")
        (alarm,) = cloudwatch.describe_alarms()["MetricAlarms"]
        assert alarm["StateValue"] == "ALARM"
        due = {backlog["Target"] for backlog in node.house.workers.backlogs()}
        assert "cloudwatch.evaluate" in due


def test_metrics_come_back_by_every_way_to_ask(tmp_path: Path) -> None:
    with ServingNode(Settings(data=tmp_path)) as node:
        cloudwatch = node.client("cloudwatch")
        now = time.time()
        dimensions = [{"Name": "Service", "Value": "shop"}]
        metric = {"Namespace": "App", "MetricName": "Latency", "Dimensions": dimensions}
        datum = {"MetricName": "Latency", "Dimensions": dimensions, "Unit": "Milliseconds", "Timestamp": now}
        cloudwatch.put_metric_data(Namespace="App", MetricData=[datum | {"Values": [1, 2, 3], "Counts": [1, 1, 2]}])
        window = {"StartTime": now - MINUTE_S, "EndTime": now + MINUTE_S}
        (point,) = cloudwatch.get_metric_statistics(
            **metric, **window, Period=60, Statistics=["Average", "SampleCount"], Unit="Milliseconds"
        )["Datapoints"]
        assert (point["Average"], point["SampleCount"], point["Unit"]) == (2.25, 4.0, "Milliseconds")
        queries = [
            {"Id": "p", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "p50"}},
            {"Id": "twice", "Expression": "p * 2", "Label": "twice"},
        ]
        paginator = cloudwatch.get_paginator("get_metric_data")
        pages = list(paginator.paginate(MetricDataQueries=queries, **window))
        assert [result["Values"] for page in pages for result in page["MetricDataResults"]] == [[2.0], [4.0]]
        listed = cloudwatch.get_paginator("list_metrics").paginate(Namespace="App").build_full_result()["Metrics"]
        assert listed == [metric]
        with pytest.raises(cloudwatch.exceptions.InvalidParameterValueException):
            cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=[datum | {"Value": 1}])
        with pytest.raises(cloudwatch.exceptions.ResourceNotFound):
            cloudwatch.set_alarm_state(AlarmName="none", StateValue="OK", StateReason="r")
        with pytest.raises(ClientError) as refused:
            cloudwatch.put_dashboard(DashboardName="d", DashboardBody="{}")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_logs_are_written_read_searched_and_followed(tmp_path: Path) -> None:
    with ServingNode(Settings(data=tmp_path)) as node:
        logs = node.client("logs")
        logs.create_log_group(logGroupName="/app")
        logs.create_log_stream(logGroupName="/app", logStreamName="one")
        now_ms = int(time.time() * 1000)
        events = [{"timestamp": now_ms + n, "message": json.dumps({"n": n})} for n in range(250)]
        logs.put_log_events(logGroupName="/app", logStreamName="one", logEvents=events)
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName="/app", filterPattern="{ $.n >= 240 }", PaginationConfig={"PageSize": 3}
        )
        found = [json.loads(event["message"])["n"] for page in pages for event in page["events"]]
        assert found == list(range(240, 250))
        answer = logs.get_log_events(logGroupName="/app", logStreamName="one", startFromHead=True)
        assert len(answer["events"]) == 250
        logs.put_log_events(
            logGroupName="/app", logStreamName="one", logEvents=[{"timestamp": now_ms + 300, "message": "later"}]
        )
        later = logs.get_log_events(
            logGroupName="/app", logStreamName="one", nextToken=answer["nextForwardToken"], startFromHead=True
        )
        assert [event["message"] for event in later["events"]] == ["later"]
        with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName="/app")
        with pytest.raises(logs.exceptions.ResourceNotFoundException):
            logs.get_log_events(logGroupName="/none", logStreamName="one")
