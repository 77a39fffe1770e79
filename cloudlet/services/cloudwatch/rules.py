"""Limits and checks that the CloudWatch model does not state.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
"""

import math
import re
from collections.abc import Iterable
from typing import Any

from cloudlet.base.errors import aws_error
from cloudlet.services.cloudwatch import errors

METRICS_PER_PUT = 1000
VALUES_MAX = 150
VALUE_MAX = 2.0**360
PAST_MAX_MS = 14 * 86_400_000
FUTURE_MAX_MS = 2 * 3_600_000
LIST_METRICS_MAX = 500
LISTED_MS = 14 * 86_400_000
ACTIVE_MS = 3 * 3_600_000
SEEN_LAG_MS = 600_000  # a series' last_ms is written when it lags this much
STATISTICS_POINTS_MAX = 1440
QUERIES_MAX = 500
POINTS_MAX = 100_800
# How long each resolution is kept, and what it becomes then.
KEPT_MS = {1: 3 * 3_600_000, 60: 15 * 86_400_000, 300: 63 * 86_400_000, 3600: 455 * 86_400_000}
COARSER = {60: 300, 300: 3600}
TAGS_MAX = 50
EVALUATION_MAX_S = 7 * 86_400
EVALUATION_SHORT_MAX_S = 86_400
HISTORY_KEPT_MS = 30 * 86_400_000

_printable = re.compile(r"[\x20-\x7e]+")


def is_period(seconds: int) -> bool:
    return seconds in (1, 5, 10, 20, 30) or seconds % 60 == 0


def refuse(request: dict[str, Any], *members: str) -> None:
    """Parameters that would change what happens, and that nothing here does yet."""
    for member in members:
        if request.get(member):
            raise aws_error("NotImplemented", f"cloudwatch: the parameter {member} is not implemented", 501)


def check_namespace(namespace: str, *, is_aws: bool) -> None:
    if not _printable.fullmatch(namespace) or (namespace.startswith("AWS/") and not is_aws):
        raise errors.InvalidValue(value=namespace, name="Namespace")


def check_size(data: list[dict[str, Any]]) -> None:
    if not data:
        raise errors.Missing(name="MetricData")
    if len(data) > METRICS_PER_PUT:
        raise errors.InvalidValue(f"The collection MetricData must not have a size greater than {METRICS_PER_PUT}.")


def check_data(data: list[dict[str, Any]], first: int, now_ms: int, *, is_aws: bool) -> None:
    """Check some data, the first of which is the request's `first`. `is_aws`: of the node's own metrics no time is too
    old, as its clock may leap."""
    for number, datum in enumerate(data, first):
        _check_datum(datum, f"MetricData.member.{number}", now_ms, is_aws)


def _check_datum(datum: dict[str, Any], path: str, now_ms: int, is_aws: bool) -> None:
    value, values, statistics = datum.get("Value"), datum.get("Values"), datum.get("StatisticValues")
    if value is not None and values:
        raise errors.Exclusive(one=f"{path}.Value", other=f"{path}.Values")
    if value is not None and statistics is not None:
        raise errors.Exclusive(one=f"{path}.Value", other=f"{path}.StatisticValues")
    if values and statistics is not None:
        raise errors.Exclusive(one=f"{path}.Values", other=f"{path}.StatisticValues")
    if value is not None:
        _check_numbers((value,), f"{path}.Value")
    elif values:
        _check_values(values, datum.get("Counts"), path)
    elif statistics is not None:
        for member, number in statistics.items():
            _check_numbers((number,), f"{path}.StatisticValues.{member}")
    else:
        raise errors.NothingGiven()
    time_ms = datum.get("Timestamp")
    if time_ms is not None and time_ms < now_ms - PAST_MAX_MS and not is_aws:
        raise errors.InvalidValue(f"The parameter {path}.Timestamp must specify a time within the past two weeks.")
    if time_ms is not None and time_ms > now_ms + FUTURE_MAX_MS:
        raise errors.InvalidValue(
            f"The parameter {path}.Timestamp must specify a time no more than two hours in the future."
        )
    if datum.get("StorageResolution", 60) not in (1, 60):
        raise errors.InvalidValue(value=datum["StorageResolution"], name=f"{path}.StorageResolution")
    if datum.get("Dimensions"):
        _check_dimensions(datum["Dimensions"], path)


def _check_dimensions(dimensions: list[dict[str, str]], path: str) -> None:
    for number, dimension in enumerate(dimensions, 1):
        for member, text in dimension.items():
            if not _printable.fullmatch(text) or not text.strip() or (member == "Name" and text[0] == ":"):
                raise errors.InvalidValue(value=text, name=f"{path}.Dimensions.member.{number}.{member}")
    if len({dimension["Name"] for dimension in dimensions}) < len(dimensions):
        raise errors.InvalidValue(f"The parameter {path}.Dimensions must not name a dimension more than once.")


def _check_values(values: list[float], counts: list[float] | None, path: str) -> None:
    if counts is not None and len(counts) != len(values):
        raise errors.InvalidValue(f"The parameters {path}.Values and {path}.Counts must be of the same size.")
    if len(values) > VALUES_MAX:
        raise errors.InvalidValue(f"The collection {path}.Values must not have a size greater than {VALUES_MAX}.")
    _check_numbers(values, f"{path}.Values")
    _check_numbers(counts or (), f"{path}.Counts")
    if any(count <= 0 for count in counts or ()):
        raise errors.InvalidValue(value=min(counts or (0,)), name=f"{path}.Counts")


def _check_numbers(numbers: Iterable[float], name: str) -> None:
    for number in numbers:
        if not math.isfinite(number) or abs(number) > VALUE_MAX:
            raise errors.InvalidValue(value=number, name=name)
