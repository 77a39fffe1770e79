"""FilterLogEvents over streams, pages, deleted streams; metric filters."""

import json

import pytest

from cloudlet.base.errors import AwsError
from tests.client import TestNode


@pytest.fixture
def logged(node: TestNode) -> TestNode:
    node.aws("logs", "CreateLogGroup", logGroupName="g")
    now = node.clock.now_ms()
    for number, stream in enumerate(("a1", "a2", "b")):
        node.aws("logs", "CreateLogStream", logGroupName="g", logStreamName=stream)
        events = [{"timestamp": now + 10 * n + number, "message": f"{stream} {n}"} for n in range(5)]
        node.aws("logs", "PutLogEvents", logGroupName="g", logStreamName=stream, logEvents=events)
    return node


def messages(node: TestNode, **parameters) -> list[str]:
    answer = node.aws("logs", "FilterLogEvents", logGroupName="g", **parameters)
    assert "nextToken" not in answer
    return [event["message"] for event in answer["events"]]


EVERYTHING = [f"{stream} {n}" for n in range(5) for stream in ("a1", "a2", "b")]


def test_streams_are_interleaved_by_time(logged: TestNode) -> None:
    assert messages(logged) == EVERYTHING
    assert messages(logged, logStreamNamePrefix="a", filterPattern="?3 ?4") == ["a1 3", "a2 3", "a1 4", "a2 4"]
    assert messages(logged, logStreamNames=["b"], startTime=logged.clock.now_ms() + 30) == ["b 3", "b 4"]
    assert messages(logged, endTime=logged.clock.now_ms() + 1) == ["a1 0", "a2 0"]


@pytest.mark.parametrize("limit", [1, 4, 15])
def test_pages_show_everything_once(logged: TestNode, limit: int) -> None:
    seen, token = [], None
    while True:
        more = {"nextToken": token} if token else {}
        answer = logged.aws("logs", "FilterLogEvents", logGroupName="g", limit=limit, **more)
        seen += answer["events"]
        token = answer.get("nextToken")
        if token is None:
            break
    assert [event["message"] for event in seen] == EVERYTHING
    assert len({event["eventId"] for event in seen}) == 15
    assert {len(event["eventId"]) for event in seen} == {56}


def test_events_of_a_deleted_stream_are_not_found(logged: TestNode) -> None:
    logged.aws("logs", "DeleteLogStream", logGroupName="g", logStreamName="b")
    assert messages(logged, filterPattern="b") == []
    with pytest.raises(AwsError) as refused:
        messages(logged, logStreamNames=["b"])
    assert refused.value.message == "The specified log stream does not exist."


def test_a_metric_filter_publishes_what_it_finds(logged: TestNode) -> None:
    transformation = {
        "metricName": "Latency",
        "metricNamespace": "App",
        "metricValue": "$.ms",
        "dimensions": {"Path": "$.path"},
    }
    put = {"logGroupName": "g", "filterName": "f", "filterPattern": "{ $.ms > 0 && $.path = * }"}
    logged.aws("logs", "PutMetricFilter", **put, metricTransformations=[transformation])
    (described,) = logged.aws("logs", "DescribeMetricFilters", logGroupName="g")["metricFilters"]
    assert described["metricTransformations"] == [transformation]
    now = logged.clock.now_ms()
    lines = [{"ms": 10, "path": "/a"}, {"ms": 30, "path": "/a"}, {"ms": 5, "path": "/b"}, {"ms": 0, "path": "/a"}]
    events = [{"timestamp": now, "message": json.dumps(line)} for line in lines]
    logged.aws("logs", "PutLogEvents", logGroupName="g", logStreamName="b", logEvents=events)
    logged.settle()
    answer = logged.aws(
        "cloudwatch", "GetMetricStatistics", Namespace="App", MetricName="Latency", Period=60, Statistics=["Sum"],
        Dimensions=[{"Name": "Path", "Value": "/a"}], StartTime=now / 1000 - 60, EndTime=now / 1000 + 60,
    )  # fmt: skip
    assert [point["Sum"] for point in answer["Datapoints"]] == [40.0]
    assert logged.aws("logs", "DescribeLogGroups")["logGroups"][0]["metricFilterCount"] == 1
    logged.aws("logs", "DeleteMetricFilter", logGroupName="g", filterName="f")
    assert logged.aws("logs", "DescribeMetricFilters", logGroupName="g")["metricFilters"] == []


def test_more_matches_than_a_transaction_holds_are_all_counted(logged: TestNode) -> None:
    for number in range(60):
        logged.aws(
            "logs", "PutMetricFilter", logGroupName="g", filterName=f"f{number}", filterPattern="",
            metricTransformations=[{"metricName": f"m{number % 2}", "metricNamespace": "App", "metricValue": "1"}],
        )  # fmt: skip
    now = logged.clock.now_ms()
    events = [{"timestamp": now - 60 + at, "message": "one"} for at in range(60)]
    for _ in range(2):
        logged.aws("logs", "PutLogEvents", logGroupName="g", logStreamName="b", logEvents=events)
    logged.settle()
    answer = logged.aws(
        "cloudwatch", "GetMetricStatistics", Namespace="App", MetricName="m1", Period=86400, Statistics=["Sum"],
        StartTime=now / 1000 - 86_400, EndTime=now / 1000 + 86_400,
    )  # fmt: skip
    assert sum(point["Sum"] for point in answer["Datapoints"]) == 30 * 60 * 2


def test_a_filter_counts_nothing_that_came_before_it(logged: TestNode) -> None:
    now = logged.clock.now_ms()
    logged.aws("logs", "PutMetricFilter", logGroupName="g", filterName="f", filterPattern="", **_ones("before"))
    event = {"timestamp": now, "message": "one"}
    logged.aws("logs", "PutLogEvents", logGroupName="g", logStreamName="b", logEvents=[event])
    logged.clock.advance(1)
    logged.aws("logs", "PutMetricFilter", logGroupName="g", filterName="g", filterPattern="", **_ones("after"))
    logged.settle()
    found = logged.aws("cloudwatch", "ListMetrics", Namespace="App")["Metrics"]
    assert [metric["MetricName"] for metric in found] == ["before"]


def _ones(name: str) -> dict:
    return {"metricTransformations": [{"metricName": name, "metricNamespace": "App", "metricValue": "1"}]}
