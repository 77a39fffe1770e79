"""Metrics: put data, list, statistics of one."""

from collections.abc import Iterator
from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.cloudwatch import background, engine, errors, rules, statistic
from cloudlet.services.cloudwatch.engine import Collector
from cloudlet.services.cloudwatch.records import Bucket, Series
from cloudlet.services.cloudwatch.service import cloudwatch

DIMENSIONS_MANY = 2_000  # a list of more is rendered off the loop
WORK_PER_PIECE = 100.0  # a datum is 1, its values and dimensions more


def put_within(call: Call, request: dict[str, Any]) -> None:
    """PutMetricData of another service, in its transaction."""
    for first, piece in _checked_for(call, request):
        rules.check_data(piece, first, call.now_ms, is_aws=call.principal.type == "Service")
    _put(call, request["Namespace"], request["MetricData"])


@cloudwatch.operation("PutMetricData", within=put_within)
async def put_metric_data(call: Call, request: dict[str, Any]) -> None:
    """All data are checked before the first is put. AWS doesn't promise that they come together: some a transaction."""
    for first, piece in _checked_for(call, request):
        rules.check_data(piece, first, call.now_ms, is_aws=call.principal.type == "Service")
        await call.pause()
    for _, piece in _pieces(request["MetricData"]):
        call.transact(lambda tx, piece=piece: _put(call, request["Namespace"], piece))
        await call.pause()


def _checked_for(call: Call, request: dict[str, Any]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The pieces of a request whose frame is right."""
    rules.refuse(request, "EntityMetricData")
    rules.check_namespace(request["Namespace"], is_aws=call.principal.type == "Service")
    rules.check_size(request.get("MetricData") or [])
    return _pieces(request["MetricData"])


def _pieces(data: list[dict[str, Any]]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Pieces of about WORK_PER_PIECE, each with its first datum's number."""
    start, work = 0, 0.0
    for at, datum in enumerate(data, 1):
        work += 1 + len(datum.get("Values") or ()) / 50 + len(datum.get("Dimensions") or ()) / 30
        if work >= WORK_PER_PIECE:
            yield start + 1, data[start:at]
            start, work = at, 0.0
    if start < len(data):
        yield start + 1, data[start:]


def _put(call: Call, namespace: str, data: list[dict[str, Any]]) -> None:
    watched = {engine.put_datum(call.tx, call.keys, namespace, datum, call.now_ms) for datum in data}
    for identity in sorted(watched - {b""}):
        background.look_soon(call, identity)
    background.begin_aging(call)


@cloudwatch.operation("ListMetrics")
def list_metrics(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.refuse(request, "IncludeLinkedAccounts", "OwningAccount")
    namespace, name = request.get("Namespace"), request.get("MetricName")
    space = call.keys.series
    bounds = space.range() if namespace is None else space.range(namespace, *([name] if name is not None else ()))
    found = page.scan_page(
        call.tx,
        bounds,
        limit=rules.LIST_METRICS_MAX,
        token=request.get("NextToken"),
        invalid=errors.InvalidValue("Invalid NextToken"),
    )
    since_ms = call.now_ms - (rules.ACTIVE_MS if "RecentlyActive" in request else rules.LISTED_MS)
    listed = []
    for key, value in found.rows:
        series, (in_namespace, called, _) = Series.decode(value), space.unpack(key)
        if series.last_ms + rules.SEEN_LAG_MS >= since_ms and name in (None, called) and _has(series, request):
            shown = [{"Name": pair[0], "Value": pair[1]} for pair in series.dimensions]
            listed.append({"Namespace": in_namespace, "MetricName": called, "Dimensions": shown})
    call.answers_much = sum(len(one["Dimensions"]) for one in listed) > DIMENSIONS_MANY
    return {"Metrics": listed} | ({"NextToken": found.next_token} if found.next_token else {})


def _has(series: Series, request: dict[str, Any]) -> bool:
    """Whether a series has every dimension that the request's filters name."""
    values = {pair[0]: pair[1] for pair in series.dimensions}
    return all(
        wanted["Name"] in values and wanted.get("Value", values[wanted["Name"]]) == values[wanted["Name"]]
        for wanted in request.get("Dimensions") or ()
    )


@cloudwatch.operation("GetMetricStatistics")
async def get_metric_statistics(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    names = _statistics(request)
    period_ms, end_ms = request["Period"] * 1000, request["EndTime"]
    start_ms = rounded_start(request["StartTime"], period_ms, call.now_ms)
    _check_range(request, -(-(end_ms - start_ms) // period_ms))
    namespace, name = request["Namespace"], request["MetricName"]
    dimensions = engine.dimensions_of(request.get("Dimensions"))
    series = call.transact(lambda tx: engine.find_series(tx, call.keys, namespace, name, dimensions))
    identity = engine.series_id(namespace, name, dimensions)
    points: list[dict[str, Any]] = []
    for unit in series.units if series else ():
        if request.get("Unit", unit) != unit:
            continue
        collector = Collector(call.keys, identity, unit, period_ms, start_ms, end_ms, call.now_ms)
        while not collector.finished:
            collector.feed(call.transact(collector.fetch))
            await call.pause()
        for at_ms, bucket in collector.periods.items():
            points.append(_point(at_ms, bucket, unit, names, "ExtendedStatistics" in request))
    return {"Label": name, "Datapoints": points}


def _check_range(request: dict[str, Any], points: int) -> None:
    if not rules.is_period(request["Period"]):
        raise errors.InvalidValue(value=request["Period"], name="Period")
    if request["StartTime"] >= request["EndTime"]:
        raise errors.InvalidValue("The parameter StartTime must be less than the parameter EndTime.")
    if points > rules.STATISTICS_POINTS_MAX:
        raise errors.InvalidCombination(
            f"You have requested up to {points:,} datapoints, which exceeds the limit of"
            f" {rules.STATISTICS_POINTS_MAX:,}. You may reduce the datapoints requested by increasing Period, or"
            " decreasing the time range."
        )


def _statistics(request: dict[str, Any]) -> list[str]:
    plain, extended = request.get("Statistics"), request.get("ExtendedStatistics")
    if plain and extended:
        raise errors.Exclusive(one="Statistics", other="ExtendedStatistics")
    if not plain and not extended:
        raise errors.InvalidCombination("Must specify either Statistics or ExtendedStatistics")
    for name in extended or ():
        if statistic.find(name) is None or name in statistic.PLAIN:
            raise errors.InvalidValue(f"The value {name} for parameter ExtendedStatistics is not supported.")
    return plain or extended or []


def _point(at_ms: int, bucket: Bucket, unit: str, names: list[str], is_extended: bool) -> dict[str, Any]:
    values = {name: value for name in names if (value := (statistic.find(name) or _nothing)(bucket)) is not None}
    point: dict[str, Any] = {"Timestamp": at_ms, "Unit": unit}
    return point | ({"ExtendedStatistics": values} if is_extended else values)


def _nothing(bucket: Bucket) -> None:
    return None


def rounded_start(start_ms: int, period_ms: int, now_ms: int) -> int:
    """Where the first period begins: rounded down to the finest data that are kept of that time.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html (StartTime)
    """
    age_ms = now_ms - start_ms
    if period_ms < 60_000:
        step = period_ms
    elif age_ms <= rules.KEPT_MS[60]:
        step = 60_000
    else:
        step = 300_000 if age_ms <= rules.KEPT_MS[300] else 3_600_000
    return start_ms // step * step
