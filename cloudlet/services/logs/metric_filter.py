"""Metric filters: what of the events a group takes becomes metrics, once the events are there.

A hundred filters may meet ten thousand events: they do so some hundred matches a transaction.
"""

from typing import Any

from cloudlet.base.errors import AwsError
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.logs import errors, patterns, rules
from cloudlet.services.logs.keys import Contents
from cloudlet.services.logs.lookup import find_group, put_group, require_group
from cloudlet.services.logs.patterns.conditions import as_number
from cloudlet.services.logs.records import Batch, Group, MetricFilter, Stream
from cloudlet.services.logs.service import logs

INVALID_TOKEN = errors.InvalidParameter("The specified nextToken is invalid.")
DIMENSIONS_MAX = 3
MATCHES_PER_STEP = 500  # each may become a datum of its own
MINUTE_MS = 60_000


@logs.operation("PutMetricFilter")
def put_metric_filter(call: Call, request: dict[str, Any]) -> None:
    rules.refuse(request, "applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFieldDimensions")
    group = require_group(call.tx, call.keys, request["logGroupName"])
    patterns.compiled(request["filterPattern"])
    (transformation,) = request["metricTransformations"]
    _check(transformation, request["filterPattern"])
    key = call.keys.of(group.id).filter.key(request["filterName"])
    if call.tx.get(key) is None:
        if group.filters >= rules.FILTERS_MAX:
            raise errors.TooManyFilters()
        put_group(call.tx, call.keys, replace(group, filters=group.filters + 1))
    made = MetricFilter(request["filterName"], request["filterPattern"], transformation, call.now_ms)
    call.tx.put(key, made.encode())


def _check(transformation: dict[str, Any], pattern: str) -> None:
    value, dimensions = transformation["metricValue"], transformation.get("dimensions") or {}
    if not value.startswith("$") and as_number(value) is None:
        raise errors.InvalidParameter(f"Invalid metric transformation: metricValue {value} is no number and no field.")
    if dimensions and "defaultValue" in transformation:
        raise errors.InvalidParameter(
            "Invalid metric transformation: dimensions and default value are mutually exclusive."
        )
    if len(dimensions) > DIMENSIONS_MAX:
        raise errors.InvalidParameter(f"Invalid metric transformation: {DIMENSIONS_MAX} dimensions are the most.")
    if dimensions and not pattern.strip().startswith(("{", "[")):
        raise errors.InvalidParameter(
            "Invalid metric transformation: dimensions need a JSON or space-delimited pattern."
        )


@logs.operation("DeleteMetricFilter")
def delete_metric_filter(call: Call, request: dict[str, Any]) -> None:
    group = require_group(call.tx, call.keys, request["logGroupName"])
    key = call.keys.of(group.id).filter.key(request["filterName"])
    if call.tx.get(key) is None:
        raise errors.NoSuchFilter()
    call.tx.delete(key)
    put_group(call.tx, call.keys, replace(group, filters=group.filters - 1))


@logs.operation("DescribeMetricFilters")
def describe_metric_filters(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if "logGroupName" not in request:
        rules.refuse({"a request without logGroupName": True}, "a request without logGroupName")
    group = require_group(call.tx, call.keys, request["logGroupName"])
    space = call.keys.of(group.id).filter
    found = page.scan_page(
        call.tx,
        page.names_from(space, request.get("filterNamePrefix", "")),
        limit=request.get("limit", rules.DESCRIBE_MAX),
        token=request.get("nextToken"),
        invalid=INVALID_TOKEN,
    )
    filters = [MetricFilter.decode(value) for _, value in found.rows]
    shown = [_shown(group, one) for one in filters if _publishes(one, request)]
    return {"metricFilters": shown} | ({"nextToken": found.next_token} if found.next_token else {})


def _publishes(one: MetricFilter, request: dict[str, Any]) -> bool:
    name, namespace = one.transformation["metricName"], one.transformation["metricNamespace"]
    return request.get("metricName", name) == name and request.get("metricNamespace", namespace) == namespace


def _shown(group: Group, one: MetricFilter) -> dict[str, Any]:
    return {
        "filterName": one.name,
        "filterPattern": one.pattern,
        "metricTransformations": [one.transformation],
        "creationTime": one.created_ms,
        "logGroupName": group.name,
        "applyOnTransformedLogs": False,
    }


@logs.operation("TestMetricFilter")
async def test_metric_filter(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    matches = patterns.compiled(request["filterPattern"])
    found = []
    for number, message in enumerate(request["logEventMessages"], 1):
        values = matches(message)
        if values is not None:
            found.append({"eventNumber": number, "eventMessage": message, "extractedValues": values})
        await call.pause()
    return {"matches": found}


def apply_later(call: Call, group: Group, stream: Stream, batches: list[tuple[int, int]]) -> None:
    """Have the group's filters look at these batches of a stream."""
    payload = {"group": group.name, "group_id": group.id, "number": stream.number, "batches": batches, "after": ""}
    call.later("filter_events", payload)


@logs.task("filter_events")
def filter_events(call: Call, payload: dict[str, Any]) -> None:
    """The filters behind the one named `after` look at some batches' events; the rest is left to further steps."""
    group = find_group(call.tx, call.keys, payload["group"])
    if group is None or group.id != payload["group_id"]:
        return
    contents, batches = call.keys.of(group.id), payload["batches"]
    stored = call.tx.all(*contents.filter.range(), rows_max=rules.FILTERS_MAX)
    filters = [one for one in (MetricFilter.decode(value) for _, value in stored) if one.name > payload["after"]]
    events, taken = _events(call, contents, payload["number"], batches, MATCHES_PER_STEP // max(1, len(filters)))
    filters_now = max(1, MATCHES_PER_STEP // max(1, len(events)))
    for one in filters[:filters_now]:
        _publish(call, group, one, [event for ingested_ms, *event in events if one.created_ms <= ingested_ms])
    if filters_now < len(filters):
        after = filters[filters_now - 1].name
        call.later("filter_events", payload | {"batches": batches[:taken], "after": after})
    if taken < len(batches):
        call.later("filter_events", payload | {"batches": batches[taken:]})


def _events(
    call: Call, contents: Contents, number: int, batches: list[list[int]], events_wanted: int
) -> tuple[list[tuple[int, int, str]], int]:
    """About so many events of the first batches (when each came, its time, its message), and how many batches these
    are. Retention may have taken some."""
    events: list[tuple[int, int, str]] = []
    for taken, (first_ms, sequence) in enumerate(batches, 1):
        stored = call.tx.get(contents.batch.key(first_ms, number, sequence))
        if stored is not None:
            batch = Batch.decode(stored)
            events += [(batch.ingested_ms, *event) for event in zip(batch.times_ms, batch.messages)]
        if len(events) >= events_wanted:
            return events, taken
    return events, len(batches)


def _publish(call: Call, group: Group, one: MetricFilter, events: list[list[Any]]) -> None:
    """What a filter makes of `events`: a value set per dimensions and minute. A filter that fails (a value out of
    range) loses its metric."""
    data = _data(one, events)
    if not data:
        return
    request = {"Namespace": one.transformation["metricNamespace"], "MetricData": data}
    try:
        call.aws("cloudwatch", "PutMetricData", request, as_service="logs.amazonaws.com", source_arn=group.arn)
    except AwsError:
        call.count("FilterErrors", LogGroupName=group.name, FilterName=one.name)


def _data(one: MetricFilter, events: list[list[Any]]) -> list[dict[str, Any]]:
    matches, transformation = patterns.compiled(one.pattern), one.transformation
    sets: dict[tuple[int, tuple[tuple[str, str], ...]], list[float]] = {}
    default: Any = transformation.get("defaultValue")
    for time_ms, message in events:
        values = matches(message)
        number, dimensions = default, _dimensions(transformation, values or {})
        if values is not None:
            number = _value(transformation, values)
        if number is not None and dimensions is not None:
            sets.setdefault((time_ms // MINUTE_MS * MINUTE_MS, dimensions), []).append(number)
    return [_datum(transformation, time_ms, dimensions, numbers) for (time_ms, dimensions), numbers in sets.items()]


def _value(transformation: dict[str, Any], values: dict[str, str]) -> float | None:
    text = transformation["metricValue"]
    return as_number(values.get(text) if text.startswith("$") else text)


def _dimensions(transformation: dict[str, Any], values: dict[str, str]) -> tuple[tuple[str, str], ...] | None:
    """None if an event lacks the field of a dimension: then it counts for nothing."""
    wanted: dict[str, str] = transformation.get("dimensions") or {}
    found = tuple((name, values[field]) for name, field in wanted.items() if values.get(field))
    return found if len(found) == len(wanted) else None


def _datum(
    transformation: dict[str, Any], time_ms: int, dimensions: tuple[tuple[str, str], ...], numbers: list[float]
) -> dict[str, Any]:
    counts: dict[float, int] = {}
    for number in numbers:
        counts[number] = counts.get(number, 0) + 1
    datum: dict[str, Any] = {
        "MetricName": transformation["metricName"],
        "Timestamp": time_ms,
        "Unit": transformation.get("unit", "None"),
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
    }
    if len(counts) <= 150:
        return datum | {"Values": list(counts), "Counts": list(counts.values())}
    statistics = {"SampleCount": len(numbers), "Sum": sum(numbers), "Minimum": min(numbers), "Maximum": max(numbers)}
    return datum | {"StatisticValues": statistics}
