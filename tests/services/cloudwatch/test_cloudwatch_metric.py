"""Metrics: data in, statistics out, listed, refused, aged."""

import pytest

from cloudlet.base.errors import AwsError
from tests.client import TestNode

PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "query")


def put(node: TestNode, *data: dict) -> None:
    node.aws("cloudwatch", "PutMetricData", Namespace="n", MetricData=list(data))


def points(node: TestNode, *statistics: str, period: int = 60, minutes: int = 60, **more) -> list[dict]:
    now_s = node.clock.now_ms() / 1000
    kind = (
        "ExtendedStatistics" if statistics[0] not in ("Sum", "Average", "Minimum", "Maximum", "SampleCount") else None
    )
    answer = node.aws(
        "cloudwatch", "GetMetricStatistics", Namespace="n", MetricName="m", Period=period,
        StartTime=now_s - 60 * minutes, EndTime=now_s + 60, **{kind or "Statistics": list(statistics)}, **more,
    )  # fmt: skip
    assert answer["Label"] == "m"
    return answer["Datapoints"]


def test_values_of_a_minute_are_one_datapoint(node: TestNode) -> None:
    put(node, *({"MetricName": "m", "Value": value} for value in range(10)))
    (point,) = points(node, "Average", "Maximum", "Minimum", "SampleCount", "Sum")
    del point["Timestamp"]
    assert point == {
        "Average": 4.5,
        "Maximum": 9.0,
        "Minimum": 0.0,
        "SampleCount": 10.0,
        "Sum": 45.0,
        "Unit": "None",
    }


def test_counts_and_statistic_sets_add_up(node: TestNode) -> None:
    put(node, {"MetricName": "m", "Values": [1.0, 10.0], "Counts": [2, 4]})
    put(node, {"MetricName": "m", "StatisticValues": {"SampleCount": 2, "Sum": 30, "Minimum": 5, "Maximum": 25}})
    (point,) = points(node, "Maximum", "SampleCount", "Sum")
    assert (point["Maximum"], point["SampleCount"], point["Sum"]) == (25.0, 8.0, 72.0)
    assert "p50" not in points(node, "p50")[0].get("ExtendedStatistics", {})


def test_units_and_dimensions_are_apart(node: TestNode) -> None:
    put(
        node,
        {"MetricName": "m", "Value": 1, "Unit": "Seconds"},
        {"MetricName": "m", "Value": 2, "Unit": "Count"},
        {"MetricName": "m", "Value": 4, "Dimensions": [{"Name": "a", "Value": "b"}]},
    )
    assert {(point["Unit"], point["Sum"]) for point in points(node, "Sum")} == {("Seconds", 1.0), ("Count", 2.0)}
    assert [point["Sum"] for point in points(node, "Sum", Unit="Count")] == [2.0]
    assert [point["Sum"] for point in points(node, "Sum", Dimensions=[{"Name": "a", "Value": "b"}])] == [4.0]
    assert points(node, "Sum", Dimensions=[{"Name": "a", "Value": "c"}]) == []


def test_percentiles_are_exact_for_few_values_and_one_percent_off_for_many(node: TestNode) -> None:
    put(node, {"MetricName": "m", "Values": [float(n) for n in range(1, 101)]})
    (point,) = points(node, "p50", "p99", "p100", "TM(10%:90%)", "PR(:50)", "TC(:50)")
    assert point["ExtendedStatistics"] == {
        "p50": 50.0,
        "p99": 99.0,
        "p100": 100.0,
        "TM(10%:90%)": 50.5,
        "PR(:50)": 50.0,
        "TC(:50)": 50.0,
    }
    for start in range(0, 3000, 100):
        put(node, {"MetricName": "m", "Values": [float(n) for n in range(start + 1, start + 101)]})
    (point,) = points(node, "p50", "p90")
    assert point["ExtendedStatistics"]["p90"] == pytest.approx(2690, rel=0.011)


def test_seconds_are_kept_where_asked_for(node: TestNode) -> None:
    begin = node.clock.now_ms() // 1000
    for second in range(3):
        put(node, {"MetricName": "m", "Value": second, "StorageResolution": 1, "Timestamp": begin + second})
    fine = points(node, "Sum", period=1, minutes=1)
    assert sorted(point["Sum"] for point in fine) == [0.0, 1.0, 2.0]
    assert [point["Sum"] for point in points(node, "Sum")] == [3.0]


def test_data_become_coarser_and_go(node: TestNode) -> None:
    put(node, {"MetricName": "m", "Value": 1, "StorageResolution": 1})
    node.advance(minutes=1)
    put(node, {"MetricName": "m", "Value": 2})

    def spans() -> set[int]:
        space = node.node.services["cloudwatch"].keys("000000000000", "us-east-1").bucket
        rows = node.node.database.transact(lambda tx: tx.scan(*space.range()).rows)[0]
        return {space.unpack(key)[1] for key, _ in rows}

    assert spans() == {1, 60}
    node.advance(hours=6)
    assert spans() == {60}
    node.advance(days=17)
    assert spans() == {300}
    day_points = points(node, "Sum", period=86400, minutes=60 * 24 * 20)
    assert [point["Sum"] for point in day_points] == [3.0]
    node.advance(days=50)
    assert spans() == {3600}
    node.advance(days=400)
    assert spans() == set()
    rows = node.node.database.transact(lambda tx: tx.scan(b"\x01", b"\xff").rows)[0]
    assert not [key for key, _ in rows if b"cloudwatch" in key and b"mark" not in key]


def test_every_second_of_an_hour_becomes_coarser_however_many_values_it_has(node: TestNode) -> None:
    begin = node.clock.now_ms() // 3_600_000 * 3600
    values = [float(value) for value in range(100)]
    each = {"MetricName": "m", "Values": values, "StorageResolution": 1}
    for first in range(0, 2400, 200):
        put(node, *({**each, "Timestamp": begin + second} for second in range(first, first + 200)))
    keys = node.node.services["cloudwatch"].keys("000000000000", "us-east-1")

    def buckets() -> dict[int, int]:
        counted: dict[int, int] = {}
        resume, end = keys.bucket.range()
        while resume is not None:
            rows, resume = node.node.database.transact(lambda tx, begin=resume: tx.scan(begin, end))[0]
            for key, _ in rows:
                seconds = keys.bucket.unpack(key)[1]
                counted[seconds] = counted.get(seconds, 0) + 1
        return counted

    assert buckets() == {1: 2400, 60: 40}
    node.advance(hours=6)
    assert buckets() == {60: 40}


def test_metrics_are_listed_by_namespace_name_and_dimension(node: TestNode) -> None:
    put(
        node,
        {"MetricName": "m", "Value": 1, "Dimensions": [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]},
        {"MetricName": "m", "Value": 1},
        {"MetricName": "k", "Value": 1},
    )
    listed = node.aws("cloudwatch", "ListMetrics", Namespace="n", MetricName="m", Dimensions=[{"Name": "a"}])["Metrics"]
    dimensions = [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}]
    assert listed == [{"Namespace": "n", "MetricName": "m", "Dimensions": dimensions}]
    assert len(node.aws("cloudwatch", "ListMetrics", Namespace="n")["Metrics"]) == 3
    assert len(node.aws("cloudwatch", "ListMetrics", MetricName="m")["Metrics"]) == 2
    node.advance(hours=4)
    assert node.aws("cloudwatch", "ListMetrics", RecentlyActive="PT3H")["Metrics"] == []
    node.advance(days=15)
    assert node.aws("cloudwatch", "ListMetrics")["Metrics"] == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_contradictions_are_refused_in_the_words_of_aws(node: TestNode, protocol: str) -> None:
    caller = node.caller("test", "test")
    both = {"MetricName": "m", "Value": 1, "Values": [1.0]}
    with pytest.raises(AwsError) as refused:
        caller.aws("cloudwatch", "PutMetricData", protocol=protocol, Namespace="n", MetricData=[both])
    assert refused.value.message == (
        "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have"
        " specified both."
    )
    assert (refused.value.code, refused.value.status) == ("InvalidParameterCombination", 400)
    with pytest.raises(AwsError) as refused:
        sizes = {"MetricName": "m", "Values": [1.0], "Counts": [1.0, 2.0]}
        caller.aws("cloudwatch", "PutMetricData", protocol=protocol, Namespace="n", MetricData=[sizes])
    assert refused.value.message == (
        "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size."
    )


def test_what_cannot_be_taken_is_refused(node: TestNode) -> None:
    now_s = node.clock.now_ms() / 1000
    for datum, code in (
        ({"Value": float("nan")}, "InvalidParameterValue"),
        ({"Value": 2.0**361}, "InvalidParameterValue"),
        ({"Value": 1, "Timestamp": now_s - 15 * 86400}, "InvalidParameterValue"),
        ({"Value": 1, "Timestamp": now_s + 3 * 3600}, "InvalidParameterValue"),
        ({"Value": 1, "StorageResolution": 5}, "InvalidParameterValue"),
        ({"Values": [1.0] * 151}, "InvalidParameterValue"),
        ({}, "MissingParameter"),
    ):
        with pytest.raises(AwsError) as refused:
            put(node, {"MetricName": "m"} | datum)
        assert refused.value.code == code, datum
    with pytest.raises(AwsError) as refused:
        node.aws("cloudwatch", "PutMetricData", Namespace="AWS/SQS", MetricData=[{"MetricName": "m", "Value": 1}])
    assert refused.value.message == "The value AWS/SQS for parameter Namespace is invalid."


def test_too_many_datapoints_are_refused(node: TestNode) -> None:
    with pytest.raises(AwsError) as refused:
        points(node, "Sum", minutes=1440)
    assert refused.value.message == (
        "You have requested up to 1,441 datapoints, which exceeds the limit of 1,440. You may reduce the datapoints"
        " requested by increasing Period, or decreasing the time range."
    )


def test_the_namespace_is_a_condition(node: TestNode) -> None:
    user = node.as_user(
        {
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": "mine"}},
        }
    )
    data = [{"MetricName": "m", "Value": 1}]
    user.aws("cloudwatch", "PutMetricData", Namespace="mine", MetricData=data)
    with pytest.raises(AwsError) as refused:
        user.aws("cloudwatch", "PutMetricData", Namespace="other", MetricData=data)
    assert refused.value.code.startswith("AccessDenied")


def test_the_node_s_own_metrics_arrive(node: TestNode) -> None:
    node.aws("sqs", "CreateQueue", QueueName="q")
    url = node.aws("sqs", "GetQueueUrl", QueueName="q")["QueueUrl"]
    node.aws("sqs", "SendMessage", QueueUrl=url, MessageBody="hello")
    node.flush_metrics()
    now_s = node.clock.now_ms() / 1000
    answer = node.aws(
        "cloudwatch", "GetMetricStatistics", Namespace="AWS/SQS", MetricName="NumberOfMessagesSent", Period=60,
        StartTime=now_s - 60, EndTime=now_s + 60, Statistics=["Sum"], Dimensions=[{"Name": "QueueName", "Value": "q"}],
    )  # fmt: skip
    assert [(point["Sum"], point["Unit"]) for point in answer["Datapoints"]] == [(1.0, "Count")]


@pytest.mark.slow
def test_more_seconds_become_coarser_than_a_transaction_may_write(node: TestNode) -> None:
    begin = node.clock.now_ms() // 3_600_000 * 3600
    for name in ("a", "b", "c"):
        for first in range(0, 3600, 600):
            each = {"MetricName": name, "Value": 1, "StorageResolution": 1}
            put(node, *({**each, "Timestamp": begin + second} for second in range(first, first + 600)))
    node.advance(hours=6)
    keys = node.node.services["cloudwatch"].keys("000000000000", "us-east-1")
    rows = node.node.database.transact(lambda tx: tx.scan(*keys.bucket.range()).rows)[0]
    assert {keys.bucket.unpack(key)[1] for key, _ in rows} == {60}
