"""GetMetricData: labels, order, pages, units, expressions, searches."""

import pytest

from cloudlet.base.errors import AwsError
from tests.client import TestNode

MINUTE_S = 60


@pytest.fixture
def start(node: TestNode) -> float:
    """Three minutes of m (1, 2, 3) and two of k (10, -, 30); returns when they begin."""
    node.advance(minutes=10)
    begin = node.clock.now_ms() / 1000 - 5 * MINUTE_S
    data = [{"MetricName": "m", "Value": n + 1, "Timestamp": begin + n * MINUTE_S} for n in range(3)]
    data += [{"MetricName": "k", "Value": 10 * n + 10, "Timestamp": begin + n * MINUTE_S} for n in (0, 2)]
    node.aws("cloudwatch", "PutMetricData", Namespace="n", MetricData=data)
    return begin


def stat(query_id: str, name: str, statistic: str = "Sum", period: int = 60, **more) -> dict:
    metric = {"Namespace": "n", "MetricName": name}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}, **more}


HIDDEN = [stat("m1", "m", ReturnData=False), stat("k1", "k", ReturnData=False)]


def get(node: TestNode, start: float, *queries: dict, **more) -> dict:
    more = {"ScanBy": "TimestampAscending"} | more
    return node.aws(
        "cloudwatch", "GetMetricData", MetricDataQueries=list(queries), StartTime=start, EndTime=start + 180, **more
    )


def computed(node: TestNode, start: float, expression: str) -> list[float]:
    answer = get(node, start, *HIDDEN, {"Id": "e", "Expression": expression})
    (result,) = answer["MetricDataResults"]
    assert result["Label"] == "e"
    return result["Values"]


def test_one_metric_is_answered_as_aws_does(node: TestNode, start: float) -> None:
    answer = get(node, start, stat("r", "m"), ScanBy="TimestampDescending")
    (result,) = answer["MetricDataResults"]
    moments = [moment.timestamp() for moment in result.pop("Timestamps")]
    assert moments == [start + 120, start + 60, start]
    assert result == {"Id": "r", "Label": "m", "StatusCode": "Complete", "Values": [3.0, 2.0, 1.0]}
    assert answer["Messages"] == []


@pytest.mark.parametrize(
    ("protocol", "values"),
    [("json", '"Values":[3.0,2.0,1.0]'), ("query", "<member>3.0</member><member>2.0</member><member>1.0</member>")],
)
def test_protocols_agree(node: TestNode, start: float, protocol: str, values: str) -> None:
    answer = node.caller("test", "test").aws(
        "cloudwatch", "GetMetricData", protocol=protocol, MetricDataQueries=[stat("r", "m")], StartTime=start,
        EndTime=start + 180,
    )  # fmt: skip
    assert values in answer["text"]


def test_labels_say_what_differs(node: TestNode, start: float) -> None:
    def names(*queries: dict) -> list[str]:
        return [result["Label"] for result in get(node, start, *queries)["MetricDataResults"]]

    assert names(stat("a", "m"), stat("b", "m", "Minimum")) == ["m Sum", "m Minimum"]
    assert names(stat("a", "m"), stat("b", "m", "Minimum", 30)) == ["m Sum 60", "m Minimum 30"]
    assert names(stat("a", "m"), stat("b", "k")) == ["m", "k"]
    assert names(stat("a", "m", Label="max ${MAX} of ${PROP('MetricName')}")) == ["max 3 of m"]


def test_units_are_named_where_there_are_several(node: TestNode) -> None:
    for unit, value in (("Seconds", 1), ("Count", 5)):
        data = [{"MetricName": "u", "Value": value, "Unit": unit}]
        node.aws("cloudwatch", "PutMetricData", Namespace="n", MetricData=data)
    (result,) = get(node, node.clock.now_ms() / 1000 - 60, stat("r", "u"))["MetricDataResults"]
    assert result["Messages"] == [{"Code": "MultipleUnits", "Value": "Multiple units returned: '[Count, Seconds]'"}]
    assert result["Values"] == [5.0]


def test_pages_go_on_where_the_last_one_ended(node: TestNode, start: float) -> None:
    queries = (stat("m1", "m"), stat("k1", "k"))
    page = get(node, start, *queries, MaxDatapoints=2)
    assert [(result["Values"], result["StatusCode"]) for result in page["MetricDataResults"]] == [
        ([1.0], "PartialData"),
        ([10.0], "PartialData"),
    ]
    rest: list[list[float]] = [[], []]
    while "NextToken" in page:
        page = get(node, start, *queries, MaxDatapoints=2, NextToken=page["NextToken"])
        for values, result in zip(rest, page["MetricDataResults"]):
            values += result["Values"]
    assert rest == [[2.0, 3.0], [30.0]]
    with pytest.raises(AwsError) as refused:
        get(node, start, *queries, NextToken="x")
    assert refused.value.code == "InvalidNextToken"


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("m1 * 2 + 1", [3.0, 5.0, 7.0]),
        ("-m1 ^ 2", [-1.0, -4.0, -9.0]),
        ("m1 + k1", [11.0, 33.0]),
        ("m1 / (k1 - 10)", [3.0 / 20]),
        ("SUM([m1, k1])", [11.0, 2.0, 33.0]),
        ("SUM(METRICS())", [11.0, 2.0, 33.0]),
        ('AVG(METRICS("m"))', [1.0, 2.0, 3.0]),
        ("m1 / SUM(m1)", [1 / 6, 2 / 6, 3 / 6]),
        ("MAX([m1, FILL(k1, 0)])", [10.0, 2.0, 30.0]),
        ("FILL(k1, REPEAT)", [10.0, 10.0, 30.0]),
        ("FILL(k1, LINEAR)", [10.0, 20.0, 30.0]),
        ("RATE(m1)", [1 / 60, 1 / 60]),
        ("DIFF(k1)", [20.0]),
        ("RUNNING_SUM(m1)", [1.0, 3.0, 6.0]),
        ("IF(m1 > 1, m1, 0)", [0.0, 2.0, 3.0]),
        ("IF(m1 > 1 && m1 < 3, 7)", [7.0]),
        ("IF(m1 > 2 OR m1 == 1, 1, 0)", [1.0, 0.0, 1.0]),
        ("ABS(m1 - 2)", [1.0, 0.0, 1.0]),
        ("m1 * 0 + PERIOD(m1)", [60.0, 60.0, 60.0]),
        ("m1 * 0 + DATAPOINT_COUNT(k1)", [2.0, 2.0, 2.0]),
    ],
)
def test_expressions_are_computed(node: TestNode, start: float, expression: str, values: list[float]) -> None:
    assert computed(node, start, expression) == pytest.approx(values)


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("m1 +", "ValidationError"),
        ("SUM(m1)", "ValidationError"),
        ("nothing + 1", "ValidationError"),
        ("e + 1", "ValidationError"),
        ("NOSUCH(m1)", "ValidationError"),
        ("(" * 100 + "m1" + ")" * 100, "ValidationError"),
        ("[m1] + [k1]", "ValidationError"),
        ("ANOMALY_DETECTION_BAND(m1)", "NotImplemented"),
    ],
)
def test_expressions_that_make_no_sense_are_refused(node: TestNode, start: float, expression: str, code: str) -> None:
    with pytest.raises(AwsError) as refused:
        computed(node, start, expression)
    assert refused.value.code == code


def test_a_search_finds_series_by_schema_and_words(node: TestNode) -> None:
    for function in ("orders", "payments"):
        data = [{"MetricName": "Errors", "Value": 1, "Dimensions": [{"Name": "FunctionName", "Value": function}]}]
        node.aws("cloudwatch", "PutMetricData", Namespace="App", MetricData=data)
    node.aws("cloudwatch", "PutMetricData", Namespace="App", MetricData=[{"MetricName": "Errors", "Value": 5}])

    def found(expression: str) -> list[str]:
        begin = node.clock.now_ms() / 1000 - 60
        answer = get(node, begin, {"Id": "e", "Expression": expression})
        return [result["Label"] for result in answer["MetricDataResults"]]

    by_schema = """SEARCH('{App,FunctionName} MetricName="Errors"', 'Sum', 60)"""
    assert sorted(found(by_schema)) == ["orders Errors", "payments Errors"]
    assert found("""SEARCH('{App,FunctionName} FunctionName=pay', 'Sum', 60)""") == ["payments Errors"]
    assert found("""SEARCH('{App} Errors', 'Sum', 60)""") == ["Errors"]
    assert len(found(f"SUM({by_schema})")) == 1


@pytest.mark.parametrize(
    "queries",
    [
        [stat("A", "m")],
        [stat("a", "m"), stat("a", "m")],
        [stat("a", "m", "p101")],
        [stat("a", "m", period=7)],
        [{"Id": "a"}],
        [stat("a", "m", Expression="1")],
    ],
)
def test_bad_queries_are_refused(node: TestNode, start: float, queries: list[dict]) -> None:
    with pytest.raises(AwsError) as refused:
        get(node, start, *queries)
    assert refused.value.code == "ValidationError"


def test_an_alarm_may_watch_an_expression(node: TestNode) -> None:
    queries = [*HIDDEN, {"Id": "e", "Expression": "100 * m1 / k1", "Label": "rate"}]
    node.aws(
        "cloudwatch", "PutMetricAlarm", AlarmName="a", Metrics=queries, EvaluationPeriods=1, Threshold=5.0,
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    for name, value in (("m", 10), ("k", 100)):
        node.aws("cloudwatch", "PutMetricData", Namespace="n", MetricData=[{"MetricName": name, "Value": value}])
    node.advance(66)
    (shown,) = node.aws("cloudwatch", "DescribeAlarms", AlarmNames=["a"])["MetricAlarms"]
    assert shown["StateValue"] == "ALARM"
    assert "[10.0 (01/01/26 00:00:00)] was greater than the threshold (5.0)" in shown["StateReason"]
    assert "MetricName" not in shown
    with pytest.raises(AwsError) as refused:
        node.aws(
            "cloudwatch", "PutMetricAlarm", AlarmName="b", Metrics=[*HIDDEN, {"Id": "e", "Expression": "SUM(m1)"}],
            EvaluationPeriods=1, Threshold=5.0, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
    assert refused.value.code == "ValidationError"
