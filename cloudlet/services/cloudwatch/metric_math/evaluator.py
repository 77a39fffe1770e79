"""Computes queries that name each other: MetricStats are given, expressions are worked out. Pure."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from cloudlet.base.errors import aws_error
from cloudlet.services.cloudwatch.metric_math import functions
from cloudlet.services.cloudwatch.metric_math.parser import (
    FunctionCall,
    Listing,
    Name,
    Node,
    Number,
    Operation,
    Text,
    parse,
)
from cloudlet.services.cloudwatch.metric_math.values import Grid, TimeSeries, Value, all_series, failed

_WORDS = frozenset(("REPEAT", "LINEAR", "ASC", "DESC", *functions._STATISTICS))
_operators: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "<": lambda one, other: float(one < other),
    "<=": lambda one, other: float(one <= other),
    ">": lambda one, other: float(one > other),
    ">=": lambda one, other: float(one >= other),
    "==": lambda one, other: float(one == other),
    "!=": lambda one, other: float(one != other),
    "&&": lambda one, other: float(bool(one) and bool(other)),
    "||": lambda one, other: float(bool(one) or bool(other)),
}


class Evaluator:
    """Answers queries by id. `given` holds the MetricStats' series, `searched` what each SEARCH call found."""

    def __init__(
        self,
        expressions: Mapping[str, str],
        given: Mapping[str, TimeSeries],
        grid: Grid,
        searched: Mapping[FunctionCall, list[TimeSeries]] | None = None,
    ) -> None:
        self._expressions, self._given, self._grid, self._searched = expressions, given, grid, searched or {}
        self._done: dict[str, Value] = {}
        self._within: list[str] = []  # expressions being worked out: one that needs itself is refused

    def value_of(self, query_id: str) -> Value:
        if query_id in self._given:
            return self._given[query_id]
        if query_id in self._done:
            return self._done[query_id]
        text = self._expressions.get(query_id)
        if text is None:
            raise failed(f"no query has the id {query_id}")
        if query_id in self._within or len(self._within) > 50:
            raise failed(f"{query_id} needs itself")
        self._within.append(query_id)
        self._done[query_id] = value = self._compute(parse(text))
        self._within.pop()
        return value

    def series_of(self, query_id: str) -> list[TimeSeries]:
        value = self.value_of(query_id)
        if isinstance(value, int | float | str):
            raise failed(f"{query_id} must return time series, not a {'text' if isinstance(value, str) else 'number'}")
        return all_series(value, query_id)

    def _compute(self, node: Node) -> Value:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Text):
            return node.value
        if isinstance(node, Name):
            is_query = node.id in self._given or node.id in self._expressions
            return node.id if node.id in _WORDS and not is_query else self.value_of(node.id)
        if isinstance(node, Listing):
            return [one for item in node.items for one in all_series(self._compute(item), "a list")]
        if isinstance(node, Operation):
            return self._operate(node.sign, self._compute(node.left), self._compute(node.right))
        return self._call(node)

    def _call(self, node: FunctionCall) -> Value:
        if node.name == "METRICS":
            wanted = node.arguments[0].value if node.arguments and isinstance(node.arguments[0], Text) else ""
            return [one for query_id, one in self._given.items() if wanted in query_id]
        if node.name == "SEARCH":
            return self._searched[node]
        if node.name in functions.UNKNOWN:
            raise aws_error("NotImplemented", f"cloudwatch: the function {node.name} is not implemented", 501)
        function = functions.FUNCTIONS.get(node.name)
        if function is None:
            raise failed(f"there is no function {node.name}")
        return function(self._grid, [self._compute(argument) for argument in node.arguments])

    def _operate(self, sign: str, left: Value, right: Value) -> Value:
        if isinstance(left, str) or isinstance(right, str):
            raise failed(f"{sign} takes numbers and time series")
        if isinstance(left, list):
            if isinstance(right, list):
                raise failed(f"{sign} does not take two lists of time series")
            return [_points(sign, one, right) for one in left]
        if isinstance(right, list):
            return [_points(sign, left, one) for one in right]
        if isinstance(left, TimeSeries) or isinstance(right, TimeSeries):
            return _points(sign, left, right)
        result = _apply(sign, left, right)
        return float("nan") if result is None else result


def _points(sign: str, left: float | TimeSeries, right: float | TimeSeries) -> TimeSeries:
    """Point by point; what only one side has is left out."""
    if isinstance(left, TimeSeries) and isinstance(right, TimeSeries):
        pairs = {at: (x, right.points[at]) for at, x in left.points.items() if at in right.points}
    elif isinstance(left, TimeSeries):
        assert not isinstance(right, TimeSeries)
        pairs = {at: (x, right) for at, x in left.points.items()}
    else:
        assert isinstance(right, TimeSeries)
        pairs = {at: (left, x) for at, x in right.points.items()}
    label = left.label if isinstance(left, TimeSeries) else right.label if isinstance(right, TimeSeries) else ""
    results = {at: _apply(sign, *pair) for at, pair in pairs.items()}
    return TimeSeries(label, {at: result for at, result in results.items() if result is not None})


def _apply(sign: str, one: float, other: float) -> float | None:
    try:
        result = _operators[sign](one, other)
    except (ZeroDivisionError, OverflowError):
        return None
    return None if isinstance(result, complex) else result


def searches(expression: str) -> list[FunctionCall]:
    """The SEARCH calls in an expression: their answers are needed before it can be computed."""
    found: list[FunctionCall] = []
    waiting: list[Any] = [parse(expression)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, FunctionCall):
            if node.name == "SEARCH":
                found.append(node)
            waiting += node.arguments
        elif isinstance(node, Listing):
            waiting += node.items
        elif isinstance(node, Operation):
            waiting += (node.left, node.right)
    return found
