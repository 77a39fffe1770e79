"""Metric math."""

from collections.abc import Callable
from typing import Any, NamedTuple

Fetch = Callable[[dict[str, Any]], dict[int, float]]


class Grid(NamedTuple):
    """The periods an expression is computed for."""

    start_ms: int
    end_ms: int
    period_ms: int


def evaluate_one(queries: list[dict[str, Any]], wanted: str, fetch: Fetch, grid: Grid) -> dict[int, float]:
    """The values of the query called `wanted`."""
    query = next(query for query in queries if query["Id"] == wanted)
    return fetch(query["MetricStat"])
