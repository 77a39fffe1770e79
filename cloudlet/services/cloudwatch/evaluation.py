"""What state an alarm should be in, by its data. (alarm, what its metrics' data are, now_ms) to a verdict; pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html

More periods are read than asked for (the evaluation range), so that late data count; missing ones are filled in only
as far as needed. Windows slide: they end at the last whole minute (ten seconds for shorter periods).
"""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from cloudlet.services.cloudwatch import engine, reason, statistic
from cloudlet.services.cloudwatch.engine import Collector
from cloudlet.services.cloudwatch.keys import Keys
from cloudlet.services.cloudwatch.lookup import metric_stats
from cloudlet.services.cloudwatch.metric_math.evaluator import Evaluator
from cloudlet.services.cloudwatch.metric_math.values import Grid, TimeSeries
from cloudlet.services.cloudwatch.reason import Point
from cloudlet.services.cloudwatch.records import Alarm, Bucket
from cloudlet.store.transaction import Tx

FURTHER_PERIODS = 2  # of the evaluation range
_breaches = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
FEW_SAMPLES = 10  # a percentile of p needs so many samples beyond it to mean something
# (a MetricStat, from when, until when) -> its data by period
Read = Callable[[dict[str, Any], int, int], dict[int, Bucket]]


class Verdict(NamedTuple):
    state: str
    reason: str
    data: str


def tick_ms(settings: dict[str, Any]) -> int:
    """How often an alarm is evaluated."""
    return 10_000 if period_of(settings) < 60 else 60_000


def period_of(settings: dict[str, Any]) -> int:
    """In seconds."""
    periods = [stat["Period"] for stat in metric_stats(settings)]
    periods += [query["Period"] for query in settings.get("Metrics", ()) if "Period" in query]
    return max(periods, default=60)


def ends_ms(settings: dict[str, Any], now_ms: int) -> list[int]:
    """Up to when an alarm may look: first of all the running period's end, where that can't fall back under the
    threshold once it is over it."""
    tick = tick_ms(settings)
    end_ms = now_ms // tick * tick
    return [end_ms + tick, end_ms] if _only_grows(settings) else [end_ms]


def evaluate(read: Read, alarm: Alarm, now_ms: int) -> Verdict | None:
    """The state to be in; None says stay as you are."""
    *running_ms, end_ms = ends_ms(alarm.settings, now_ms)
    for at_ms in running_ms:
        verdict = _judge(read, alarm, at_ms, now_ms, is_running=True)
        if verdict is not None and verdict.state == "ALARM":
            return verdict
    return _judge(read, alarm, end_ms, now_ms)


def _only_grows(settings: dict[str, Any]) -> bool:
    comparison, stat = settings["ComparisonOperator"], settings.get("Statistic")
    if comparison.startswith("Greater"):
        return stat in ("Sum", "SampleCount", "Maximum")
    return stat == "Minimum"


def span_ms(settings: dict[str, Any], end_ms: int) -> tuple[int, int]:
    """From when until when data are needed, the evaluation range."""
    periods = settings["EvaluationPeriods"] + FURTHER_PERIODS
    return max(0, end_ms - periods * period_of(settings) * 1000), end_ms


def periods_read(settings: dict[str, Any]) -> int:
    """How much an evaluation may read."""
    return (settings["EvaluationPeriods"] + FURTHER_PERIODS) * len(metric_stats(settings))


def _judge(read: Read, alarm: Alarm, end_ms: int, now_ms: int, *, is_running: bool = False) -> Verdict | None:
    """The verdict by the periods up to `end_ms`; of a running one only if that is over the threshold."""
    settings = alarm.settings
    wanted = settings["EvaluationPeriods"]
    slots = _points(read, settings, end_ms, wanted + FURTHER_PERIODS)
    newest = slots[0]
    if is_running and not (newest and _breaches[settings["ComparisonOperator"]](newest.value, settings["Threshold"])):
        return None
    points = [point for point in slots if point is not None]
    missing = 0 if len(points) >= wanted else wanted - len(points)
    considered = points[:wanted]
    stats = metric_stats(settings)
    data = reason.data(settings, stats[0] if "MetricName" in settings else None, considered, now_ms)
    return _verdict(settings, slots, considered, missing, data)


def _verdict(
    settings: dict[str, Any], slots: list[Point | None], considered: list[Point], missing: int, data: str
) -> Verdict | None:
    wanted = settings["EvaluationPeriods"]
    needed = settings.get("DatapointsToAlarm", wanted)
    treatment = _treatment(settings)
    breaches = _breaches[settings["ComparisonOperator"]]
    over = [point for point in considered if breaches(point.value, settings["Threshold"])]
    under = [point for point in considered if point not in over]
    filled = missing if treatment in ("breaching", "notBreaching") else 0
    if len(over) + (missing if treatment == "breaching" else 0) >= needed:
        return Verdict("ALARM", reason.crossed(settings, over, wanted, filled, alarms=True), data)
    if under or treatment == "notBreaching":
        return Verdict("OK", reason.crossed(settings, under, wanted, filled, alarms=False), data)
    if treatment == "ignore":
        return None
    if not over:
        return Verdict("INSUFFICIENT_DATA", reason.insufficient(missing), data)
    # Breaching or missing all of them: ALARM once the oldest is as old as that many datapoints.
    oldest = max(at for at, point in enumerate(slots) if point is not None)
    if oldest >= needed - 1:
        return Verdict("ALARM", reason.crossed(settings, over, wanted, 0, alarms=True), data)
    return None


def _treatment(settings: dict[str, Any]) -> str:
    if any(stat["Metric"]["Namespace"] == "AWS/DynamoDB" for stat in metric_stats(settings)):
        return "ignore"
    return settings.get("TreatMissingData", "missing")


def _points(read: Read, settings: dict[str, Any], end_ms: int, periods: int) -> list[Point | None]:
    """The last `periods` periods up to `end_ms`, newest first; None where there are no data."""
    period_ms = period_of(settings) * 1000
    start_ms, _ = span_ms(settings, end_ms)
    starts = [end_ms - number * period_ms for number in range(1, periods + 1)]
    if "MetricName" in settings:
        (stat,) = metric_stats(settings)
        buckets = read(stat, start_ms, end_ms)
        return [_point(at_ms, buckets.get(at_ms), stat["Stat"], settings) for at_ms in starts]
    given: dict[str, TimeSeries] = {}
    for query in settings["Metrics"]:
        if "MetricStat" in query:
            found = read(query["MetricStat"], start_ms, end_ms)
            compute = statistic.require(query["MetricStat"]["Stat"])
            points = {at: value for at, bucket in found.items() if (value := compute(bucket)) is not None}
            given[query["Id"]] = TimeSeries("", points)
    expressions = {query["Id"]: query["Expression"] for query in settings["Metrics"] if "Expression" in query}
    watched = next(query["Id"] for query in settings["Metrics"] if query.get("ReturnData", True))
    evaluator = Evaluator(expressions, given, Grid(start_ms, end_ms, period_ms))
    values = evaluator.series_of(watched)[0].points
    return [Point(at_ms, values[at_ms], None) if at_ms in values else None for at_ms in starts]


def collector_of(tx: Tx, keys: Keys, stat: dict[str, Any], start_ms: int, end_ms: int, now_ms: int) -> Collector | None:
    """What gathers the data of a MetricStat by period; without a unit, of the first of those there are."""
    metric = stat["Metric"]
    namespace, name = metric["Namespace"], metric["MetricName"]
    dimensions = engine.dimensions_of(metric.get("Dimensions"))
    series = engine.find_series(tx, keys, namespace, name, dimensions)
    if series is None:
        return None
    unit = stat.get("Unit") or series.units[0]
    identity = engine.series_id(namespace, name, dimensions)
    return Collector(keys, identity, unit, stat["Period"] * 1000, start_ms, end_ms, now_ms)


def _point(at_ms: int, bucket: Bucket | None, stat: str, settings: dict[str, Any]) -> Point | None:
    if bucket is None:
        return None
    if settings.get("EvaluateLowSampleCountPercentile") == "ignore" and stat.startswith("p"):
        share = float(stat[1:]) / 100
        if bucket.count < FEW_SAMPLES / max(min(share, 1 - share), 1e-9):
            return None
    value = statistic.require(stat)(bucket)
    return None if value is None else Point(at_ms, value, bucket.count)
