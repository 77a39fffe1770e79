"""The functions of metric math. Each takes the grid and its arguments' values.

Of one series a statistic is a number; of several it is a series, period by period.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

from cloudlet.services.cloudwatch.metric_math.values import (
    Grid,
    TimeSeries,
    Value,
    all_series,
    failed,
    one_number,
)

Function = Callable[[Grid, list[Value]], Value]
FUNCTIONS: dict[str, Function] = {}
# Known to AWS, not to us.
UNKNOWN = frozenset(
    "ANOMALY_DETECTION_BAND DB_PERF_INSIGHTS INSIGHT_RULE_METRIC LAMBDA SERVICE_QUOTA TIME_SERIES_LAMBDA".split()
)


def function(name: str, least: int, most: int) -> Callable[[Function], Function]:
    def register(of: Function) -> Function:
        def checked(grid: Grid, arguments: list[Value]) -> Value:
            if not least <= len(arguments) <= most:
                raise failed(f"{name} takes {least if least == most else f'{least} to {most}'} arguments")
            return of(grid, arguments)

        FUNCTIONS[name] = checked
        return of

    return register


def _map(name: str, value: Value, of: Callable[[float], float | None]) -> Value:
    """`of` over a number, or every point; a point without a result is left out."""
    if isinstance(value, int | float):
        result = _safely(of, value)
        return math.nan if result is None else result
    series = [
        TimeSeries(one.label, {at: r for at, x in one.points.items() if (r := _safely(of, x)) is not None})
        for one in all_series(value, name)
    ]
    return series if isinstance(value, list) else series[0]


def _safely(of: Callable[[float], float | None], value: float) -> float | None:
    try:
        return of(value)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None


for _name, _of in {
    "ABS": abs,
    "CEIL": lambda x: float(math.ceil(x)),
    "FLOOR": lambda x: float(math.floor(x)),
    "LOG": math.log,
    "LOG10": math.log10,
}.items():
    function(_name, 1, 1)(lambda grid, arguments, name=_name, of=_of: _map(name, arguments[0], of))  # type: ignore[misc]


def _deviation(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "AVG": lambda values: math.fsum(values) / len(values),
    "MAX": max,
    "MIN": min,
    "SUM": math.fsum,
    "STDDEV": _deviation,
}


def _statistic(name: str, value: Value) -> Value:
    of = _STATISTICS[name]
    if isinstance(value, TimeSeries):
        return of(list(value.points.values())) if value.points else math.nan
    by_time: dict[int, list[float]] = {}
    for one in all_series(value, name):
        for at, x in one.points.items():
            by_time.setdefault(at, []).append(x)
    return TimeSeries("", {at: of(values) for at, values in by_time.items()})


for _name in _STATISTICS:
    function(_name, 1, 1)(lambda grid, arguments, name=_name: _statistic(name, arguments[0]))  # type: ignore[misc]


@function("DATAPOINT_COUNT", 1, 1)
def _datapoint_count(grid: Grid, arguments: list[Value]) -> Value:
    if isinstance(arguments[0], TimeSeries):
        return float(len(arguments[0].points))
    counts: dict[int, float] = {}
    for one in all_series(arguments[0], "DATAPOINT_COUNT"):
        for at in one.points:
            counts[at] = counts.get(at, 0.0) + 1
    return TimeSeries("", counts)


@function("METRIC_COUNT", 1, 1)
def _metric_count(grid: Grid, arguments: list[Value]) -> Value:
    return float(len(all_series(arguments[0], "METRIC_COUNT")))


def _each(name: str, value: Value, of: Callable[[TimeSeries], dict[int, float]]) -> Value:
    series = [TimeSeries(one.label, of(one)) for one in all_series(value, name)]
    return series if isinstance(value, list) else series[0]


def _pairs(one: TimeSeries) -> list[tuple[tuple[int, float], tuple[int, float]]]:
    points = sorted(one.points.items())
    return list(pairwise(points))


@function("DIFF", 1, 1)
def _diff(grid: Grid, arguments: list[Value]) -> Value:
    return _each("DIFF", arguments[0], lambda one: {at: x - before for (_, before), (at, x) in _pairs(one)})


@function("DIFF_TIME", 1, 1)
def _diff_time(grid: Grid, arguments: list[Value]) -> Value:
    return _each("DIFF_TIME", arguments[0], lambda one: {at: (at - was) / 1000 for (was, _), (at, _x) in _pairs(one)})


@function("RATE", 1, 1)
def _rate(grid: Grid, arguments: list[Value]) -> Value:
    return _each(
        "RATE",
        arguments[0],
        lambda one: {at: (x - before) * 1000 / (at - was) for (was, before), (at, x) in _pairs(one)},
    )


@function("RUNNING_SUM", 1, 1)
def _running_sum(grid: Grid, arguments: list[Value]) -> Value:
    def of(one: TimeSeries) -> dict[int, float]:
        total, sums = 0.0, {}
        for at, x in sorted(one.points.items()):
            total += x
            sums[at] = total
        return sums

    return _each("RUNNING_SUM", arguments[0], of)


@function("FILL", 2, 2)
def _fill(grid: Grid, arguments: list[Value]) -> Value:
    filler = arguments[1]
    if isinstance(filler, TimeSeries):
        with_points = filler.points
        return _each("FILL", arguments[0], lambda one: with_points | one.points)
    if filler == "REPEAT":
        return _each("FILL", arguments[0], lambda one: _repeated(grid, one.points))
    if filler == "LINEAR":
        return _each("FILL", arguments[0], lambda one: _linear(grid, one.points))
    number = one_number(filler, "FILL")
    return _each("FILL", arguments[0], lambda one: dict.fromkeys(grid.times(), number) | one.points)


def _repeated(grid: Grid, points: dict[int, float]) -> dict[int, float]:
    filled: dict[int, float] = {}
    last: float | None = None
    for at in grid.times():
        last = points.get(at, last)
        if last is not None:
            filled[at] = last
    return filled


def _linear(grid: Grid, points: dict[int, float]) -> dict[int, float]:
    filled = dict(points)
    known = sorted(points)
    for before, after in pairwise(known):
        slope = (points[after] - points[before]) / (after - before)
        for at in range(before + grid.period_ms, after, grid.period_ms):
            filled[at] = points[before] + slope * (at - before)
    return filled


@function("IF", 2, 3)
def _if(grid: Grid, arguments: list[Value]) -> Value:
    condition, then = arguments[0], arguments[1]
    otherwise = arguments[2] if len(arguments) == 3 else None
    if isinstance(condition, int | float):
        chosen = then if condition else otherwise
        return TimeSeries("", {}) if chosen is None else chosen
    if not isinstance(condition, TimeSeries):
        raise failed("IF takes a time series or a number as its condition")
    points: dict[int, float] = {}
    for at, x in condition.points.items():
        chosen = then if x else otherwise
        value = chosen.points.get(at) if isinstance(chosen, TimeSeries) else chosen
        if isinstance(value, int | float):
            points[at] = float(value)
        elif value is not None:
            raise failed("IF chooses between time series and numbers")
    return TimeSeries("", points)


@function("FIRST", 1, 1)
def _first(grid: Grid, arguments: list[Value]) -> Value:
    return all_series(arguments[0], "FIRST")[0]


@function("LAST", 1, 1)
def _last(grid: Grid, arguments: list[Value]) -> Value:
    return all_series(arguments[0], "LAST")[-1]


@function("SLICE", 2, 3)
def _slice(grid: Grid, arguments: list[Value]) -> Value:
    bounds = [int(one_number(bound, "SLICE")) for bound in arguments[1:]]
    series = all_series(arguments[0], "SLICE")
    if len(bounds) == 1:
        return series[bounds[0] : bounds[0] + 1]
    return series[bounds[0] : bounds[1]]


@function("REMOVE_EMPTY", 1, 1)
def _remove_empty(grid: Grid, arguments: list[Value]) -> Value:
    return [one for one in all_series(arguments[0], "REMOVE_EMPTY") if one.points]


@function("SORT", 3, 4)
def _sort(grid: Grid, arguments: list[Value]) -> Value:
    name, direction = str(arguments[1]), arguments[2]
    if name not in _STATISTICS or direction not in ("ASC", "DESC"):
        raise failed("SORT takes a statistic (AVG, MIN, MAX, SUM) and ASC or DESC")
    with_points = [one for one in all_series(arguments[0], "SORT") if one.points]
    ordered = sorted(
        with_points, key=lambda one: _STATISTICS[name](list(one.points.values())), reverse=direction == "DESC"
    )
    return ordered[: int(one_number(arguments[3], "SORT"))] if len(arguments) == 4 else ordered


@function("TIME_SERIES", 1, 1)
def _time_series(grid: Grid, arguments: list[Value]) -> Value:
    return TimeSeries("", dict.fromkeys(grid.times(), one_number(arguments[0], "TIME_SERIES")))


@function("PERIOD", 1, 1)
def _period(grid: Grid, arguments: list[Value]) -> Value:
    return grid.period_ms / 1000


_YEAR_9999_MS = 253_370_764_800_000
_CALENDAR: dict[str, Callable[[datetime], float]] = {
    "MINUTE": lambda moment: moment.minute,
    "HOUR": lambda moment: moment.hour,
    "DAY": lambda moment: moment.isoweekday(),
    "DATE": lambda moment: moment.day,
    "MONTH": lambda moment: moment.month,
    "YEAR": lambda moment: moment.year,
    "EPOCH": lambda moment: moment.timestamp(),
}


def _calendar(name: str, value: Value) -> Value:
    of = _CALENDAR[name]

    def moments(one: TimeSeries) -> dict[int, float]:
        known = [at for at in one.points if 0 <= at < _YEAR_9999_MS]
        return {at: float(of(datetime.fromtimestamp(at / 1000, UTC))) for at in known}

    return _each(name, value, moments)


for _name in _CALENDAR:
    function(_name, 1, 1)(lambda grid, arguments, name=_name: _calendar(name, arguments[0]))  # type: ignore[misc]
