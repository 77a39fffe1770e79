"""GetMetricData: many metrics and expressions over them at once."""

import asyncio
import re
from collections import Counter
from typing import Any, NamedTuple

from cloudlet.base.errors import aws_error
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.cloudwatch import engine, errors, labels, rules, statistic
from cloudlet.services.cloudwatch.engine import Collector
from cloudlet.services.cloudwatch.metric import rounded_start
from cloudlet.services.cloudwatch.metric_math import search
from cloudlet.services.cloudwatch.metric_math.evaluator import Evaluator, searches
from cloudlet.services.cloudwatch.metric_math.parser import FunctionCall
from cloudlet.services.cloudwatch.metric_math.values import Grid, TimeSeries
from cloudlet.services.cloudwatch.records import Series
from cloudlet.services.cloudwatch.service import cloudwatch

POINTS_READ_MAX = 1_000_000
COMPUTED_AT_ONCE_MAX = 3_000  # points; more are computed in a thread
FOUND_MAX = 500  # series of one SEARCH
SERIES_PER_SCAN = 500
_query_id = re.compile(r"[a-z][A-Za-z0-9_]*")


class Result(NamedTuple):
    query_id: str
    label: str
    points: dict[int, float]
    messages: list[dict[str, str]]


@cloudwatch.operation("GetMetricData")
async def get_metric_data(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    queries = request["MetricDataQueries"]
    check_queries(queries, call.account)
    if request["StartTime"] >= request["EndTime"]:
        raise errors.ValidationError("The parameter StartTime must be less than the parameter EndTime.")
    limit = request.get("MaxDatapoints", rules.POINTS_MAX)
    if not 1 <= limit <= rules.POINTS_MAX:
        raise errors.ValidationError(f"The parameter MaxDatapoints must be between 1 and {rules.POINTS_MAX}.")
    gathering = _Gathering(call, request)
    results = await gathering.results()
    has_expression = any("Expression" in query for query in queries)
    wanted = None if has_expression else limit
    if not gathering.is_large:
        return _answer(request, results, wanted)
    call.answers_much = True
    return await asyncio.to_thread(_answer, request, results, wanted)


def check_queries(queries: list[dict[str, Any]], account: str) -> None:
    if not queries:
        raise errors.ValidationError("The collection MetricDataQueries must not be empty.")
    if len(queries) > rules.QUERIES_MAX:
        raise errors.ValidationError(
            f"The collection MetricDataQueries must not have a size greater than {rules.QUERIES_MAX}."
        )
    seen: set[str] = set()
    for number, query in enumerate(queries, 1):
        path, query_id = f"MetricDataQueries.member.{number}", query["Id"]
        if not _query_id.fullmatch(query_id):
            raise errors.ValidationError(f"The value {query_id} for parameter {path}.Id is not matching the expected"
                                         " pattern ^[a-z][a-zA-Z0-9_]*$.")  # fmt: skip
        if query_id in seen:
            raise errors.ValidationError(f"The values for parameter {path}.Id are not unique: {query_id}.")
        seen.add(query_id)
        if ("Expression" in query) == ("MetricStat" in query):
            raise errors.ValidationError(f"Exactly one of {path}.Expression and {path}.MetricStat must be specified.")
        if query.get("AccountId", account) != account:
            raise aws_error("NotImplemented", "cloudwatch: metrics of other accounts are not implemented", 501)
        if "MetricStat" in query:
            _check_stat(query["MetricStat"], f"{path}.MetricStat")
        else:
            searches(query["Expression"])


def _check_stat(stat: dict[str, Any], path: str) -> None:
    for member in ("Namespace", "MetricName"):
        if not stat["Metric"].get(member):
            raise errors.ValidationError(f"The parameter {path}.Metric.{member} is required.")
    if statistic.find(stat["Stat"]) is None:
        raise errors.ValidationError(f"The value {stat['Stat']} for parameter {path}.Stat is not supported.")
    if not rules.is_period(stat["Period"]):
        raise errors.ValidationError(f"The value {stat['Period']} for parameter {path}.Period is invalid.")


class _Gathering:
    """Reads all that a request's queries need, piece by piece, then computes."""

    def __init__(self, call: Call, request: dict[str, Any]) -> None:
        self._call, self._request = call, request
        self._queries: list[dict[str, Any]] = request["MetricDataQueries"]
        self._points = 0

    @property
    def is_large(self) -> bool:
        return self._points > COMPUTED_AT_ONCE_MAX

    async def results(self) -> list[Result]:
        stats = {query["Id"]: query["MetricStat"] for query in self._queries if "MetricStat" in query}
        given: dict[str, TimeSeries] = {}
        messages: dict[str, list[dict[str, str]]] = {}
        names = labels.defaults(stats)
        for query_id, stat in stats.items():
            points, units = await self._read(stat)
            given[query_id] = TimeSeries(names[query_id], points)
            if len(units) > 1 and "Unit" not in stat:
                text = f"Multiple units returned: '[{', '.join(units)}]'"
                messages[query_id] = [{"Code": "MultipleUnits", "Value": text}]
        expressions = {query["Id"]: query["Expression"] for query in self._queries if "Expression" in query}
        searched = {found: await self._search(found) for text in expressions.values() for found in searches(text)}
        evaluator = Evaluator(expressions, given, self._grid(stats), searched)
        if self.is_large:
            return await asyncio.to_thread(self._computed, evaluator, messages, bool(searched))
        return self._computed(evaluator, messages, bool(searched))

    def _computed(
        self, evaluator: Evaluator, messages: dict[str, list[dict[str, str]]], has_searched: bool
    ) -> list[Result]:
        """What the queries that return data return. Pure: big ones are computed in a thread."""
        results = []
        for query in self._queries:
            if not query.get("ReturnData", True):
                continue
            query_id = query["Id"]
            for one in evaluator.series_of(query_id):
                is_named = "MetricStat" in query or has_searched
                default = (one.label if is_named else "") or query_id
                label = self._label(query, default, one)
                results.append(Result(query_id, label, one.points, messages.get(query_id, [])))
        return results

    def _label(self, query: dict[str, Any], default: str, one: TimeSeries) -> str:
        if "Label" not in query:
            return default
        values = [value for _, value in sorted(one.points.items())]
        return labels.filled(query["Label"], default, query.get("MetricStat"), values, self._call.region)

    def _grid(self, stats: dict[str, dict[str, Any]]) -> Grid:
        """The periods expressions fill: the longest there is."""
        periods = [stat["Period"] for stat in stats.values()]
        periods += [query["Period"] for query in self._queries if "Period" in query]
        period_ms = max(periods, default=60) * 1000
        start_ms = rounded_start(self._request["StartTime"], period_ms, self._call.now_ms)
        expressions = sum("Expression" in query for query in self._queries)
        self._points += expressions * (self._request["EndTime"] - start_ms) // period_ms
        if self._points > POINTS_READ_MAX:
            raise _too_many()
        return Grid(start_ms, self._request["EndTime"], period_ms)

    async def _read(self, stat: dict[str, Any]) -> tuple[dict[int, float], list[str]]:
        """A MetricStat's points, and the units its series has."""
        metric = stat["Metric"]
        dimensions = engine.dimensions_of(metric.get("Dimensions"))
        address = (metric["Namespace"], metric["MetricName"], dimensions)
        call = self._call
        series = call.transact(lambda tx: engine.find_series(tx, call.keys, *address))
        if series is None:
            return {}, []
        unit = stat.get("Unit") or series.units[0]
        points = await self._collect(engine.series_id(*address), unit, stat["Stat"], stat["Period"])
        return points, series.units

    async def _collect(self, identity: bytes, unit: str, stat: str, period_s: int) -> dict[int, float]:
        call, request, period_ms = self._call, self._request, period_s * 1000
        start_ms = rounded_start(request["StartTime"], period_ms, call.now_ms)
        collector = Collector(call.keys, identity, unit, period_ms, start_ms, request["EndTime"], call.now_ms)
        while not collector.finished:
            collector.feed(call.transact(collector.fetch))
            await call.pause()
        compute = statistic.require(stat)
        self._points += len(collector.periods)
        if self._points > POINTS_READ_MAX:
            raise _too_many()
        return {at: value for at, bucket in collector.periods.items() if (value := compute(bucket)) is not None}

    async def _search(self, called: FunctionCall) -> list[TimeSeries]:
        """The series that a SEARCH means, the first 500 by name."""
        wanted, call = search.query_of(called), self._call
        if statistic.find(wanted.stat) is None:
            raise errors.ValidationError(f"Error in expression: {wanted.stat} is no statistic")
        space = call.keys.series
        begin, end = space.range(wanted.namespace) if wanted.namespace is not None else space.range()
        found: list[TimeSeries] = []
        while begin is not None and begin < end and len(found) < FOUND_MAX:
            rows, resume = call.transact(lambda tx, begin=begin: tx.scan(begin, end, limit=SERIES_PER_SCAN))
            for key, value in rows:
                (namespace, name, identity), series = space.unpack(key), Series.decode(value)
                if wanted.wants(namespace, name, series.dimensions) and len(found) < FOUND_MAX:
                    period_s = wanted.period_s or 300
                    points = await self._collect(identity, series.units[0], wanted.stat, period_s)
                    label = " ".join([*(pair[1] for pair in series.dimensions), name])
                    found.append(TimeSeries(label, points))
            if resume is None:
                break
            begin = resume
        return found


def _too_many() -> errors.ValidationError:
    return errors.ValidationError(
        f"You have requested more than {POINTS_READ_MAX:,} datapoints at once. You may reduce the datapoints requested"
        " by increasing Period, or decreasing the time range."
    )


def _answer(request: dict[str, Any], results: list[Result], limit: int | None) -> dict[str, Any]:
    """The results in the order asked for; beyond `limit` points, those of the first moments and a token."""
    ascending = request.get("ScanBy") == "TimestampAscending"
    moments = sorted({at for result in results for at in result.points}, reverse=not ascending)
    token = request.get("NextToken")
    if token is not None:
        (since,) = page.decode_token(token, errors.InvalidToken(), int)
        moments = [at for at in moments if (at >= since if ascending else at <= since)]
    shown, following = moments, None
    if limit is not None and sum(len(result.points) for result in results) > limit:
        shown, following = _first(moments, results, limit)
    answers = [_result(result, shown, following is not None) for result in results]
    answer: dict[str, Any] = {"MetricDataResults": answers, "Messages": []}
    return answer | ({"NextToken": page.encode_token(following)} if following is not None else {})


def _first(moments: list[int], results: list[Result], limit: int) -> tuple[list[int], int | None]:
    """As many moments as have `limit` points together, one at least; and the moment after them."""
    points, points_at = 0, Counter(at for result in results for at in result.points)
    for number, at in enumerate(moments):
        points += points_at[at]
        if points > limit and number:
            return moments[:number], at
    return moments, None


def _result(result: Result, moments: list[int], is_partial: bool) -> dict[str, Any]:
    at = [moment for moment in moments if moment in result.points]
    shown: dict[str, Any] = {
        "Id": result.query_id,
        "Label": result.label,
        "Timestamps": at,
        "Values": [result.points[moment] for moment in at],
        "StatusCode": "PartialData" if is_partial else "Complete",
    }
    return shown | ({"Messages": result.messages} if result.messages else {})
