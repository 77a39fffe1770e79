"""What GetMetricData calls its results: what tells them apart, or the label asked for, its ${…} filled in.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from cloudlet.base.errors import aws_error

_dynamic = re.compile(r"\$\{\s*([A-Z_]+)(?:\(\s*['\"]?([\w.:/ -]+)['\"]?\s*\))?\s*\}")
_statistics: dict[str, Callable[[Sequence[float]], float]] = {
    "AVG": lambda values: sum(values) / len(values),
    "DATAPOINT_COUNT": len,
    "FIRST": lambda values: values[0],
    "LAST": lambda values: values[-1],
    "MAX": max,
    "MIN": min,
    "SUM": sum,
    "RANGE": lambda values: max(values) - min(values),
}


def defaults(stats: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Labels of the MetricStats by query id: the metric's name, and the statistic and period where they differ."""
    different = {member: len({str(stat[member]) for stat in stats.values()}) > 1 for member in ("Stat", "Period")}
    names = {stat["Metric"]["MetricName"] for stat in stats.values()}
    dimensions = {query_id: _dimensions(stat) for query_id, stat in stats.items()}
    are_apart = len(names) == 1 and len(set(dimensions.values())) > 1
    labels = {}
    for query_id, stat in stats.items():
        words = [dimensions[query_id]] if are_apart and dimensions[query_id] else []
        words.append(stat["Metric"]["MetricName"])
        words += [str(stat[member]) for member in ("Stat", "Period") if different[member]]
        labels[query_id] = " ".join(words)
    return labels


def _dimensions(stat: dict[str, Any]) -> str:
    return " ".join(dimension["Value"] for dimension in stat["Metric"].get("Dimensions") or ())


def filled(label: str, default: str, stat: dict[str, Any] | None, values: Sequence[float], region: str) -> str:
    """`label` with its dynamic parts; `values` in order of time."""

    def part(match: re.Match[str]) -> str:
        name, argument = match.groups()
        if name == "LABEL":
            return default
        if name == "PROP" and argument is not None:
            return _property(argument, stat, region)
        if name in _statistics:
            return f"{_statistics[name](values):.6g}" if values else "--"
        raise aws_error("NotImplemented", f"cloudwatch: the dynamic label {match[0]} is not implemented", 501)

    return _dynamic.sub(part, label)


def _property(name: str, stat: dict[str, Any] | None, region: str) -> str:
    if name == "Region":
        return region
    if stat is None:
        return ""
    if name.startswith("Dim."):
        wanted = name.removeprefix("Dim.")
        return next((d["Value"] for d in stat["Metric"].get("Dimensions") or () if d["Name"] == wanted), "")
    return str({**stat["Metric"], **stat}.get(name, ""))
