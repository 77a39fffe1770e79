"""Statistics by name: Sum, Average …, and those that need the distribution: p99, TM(10%:90%), PR(:300), IQM …

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

import math
import re
from collections.abc import Callable
from functools import lru_cache

from cloudlet.services.cloudwatch import distribution
from cloudlet.services.cloudwatch.records import Bucket

Statistic = Callable[[Bucket], float | None]
Samples = list[tuple[float, float]]

PLAIN: dict[str, Statistic] = {
    "SampleCount": lambda bucket: bucket.count,
    "Sum": lambda bucket: bucket.total,
    "Average": lambda bucket: bucket.total / bucket.count if bucket.count else 0.0,
    "Minimum": lambda bucket: bucket.minimum,
    "Maximum": lambda bucket: bucket.maximum,
}
_short = re.compile(r"(p|tm|tc|ts|wm)(\d{1,3}(?:\.\d{1,10})?)")
_range = re.compile(r"(TM|TC|TS|WM|PR)\((-?[\d.]+%?)?:(-?[\d.]+%?)?\)", re.IGNORECASE)


@lru_cache(maxsize=1024)
def find(name: str) -> Statistic | None:
    """The statistic called `name`; None if there is none."""
    if name in PLAIN:
        return PLAIN[name]
    if name.upper() == "IQM":
        return _over_samples(_trimmed("TM", "25%", "75%"))
    match = _short.fullmatch(name)
    if match is not None and float(match[2]) <= 100:
        share = float(match[2]) / 100
        if match[1] == "p":
            return _over_samples(lambda samples, bucket: percentile(samples, bucket, share))
        return _over_samples(_trimmed(match[1].upper(), None, f"{match[2]}%"))
    match = _range.fullmatch(name)
    if match is None or not (match[2] or match[3]):
        return None
    kind, bounds = match[1].upper(), [bound for bound in match.groups()[1:] if bound]
    try:
        shares = [float(bound.rstrip("%")) for bound in bounds]
    except ValueError:
        return None
    are_percents = {bound.endswith("%") for bound in bounds}
    if len(are_percents) == 2 or (True in are_percents and (kind == "PR" or not all(0 <= s <= 100 for s in shares))):
        return None
    return _over_samples(_trimmed(kind, match[2], match[3]))


def _over_samples(of: Callable[[Samples, Bucket], float | None]) -> Statistic:
    def statistic(bucket: Bucket) -> float | None:
        samples = distribution.samples(bucket)
        return of(samples, bucket) if samples else None

    return statistic


def percentile(samples: Samples, bucket: Bucket, share: float) -> float:
    """The smallest value that at least this share of the samples does not exceed."""
    wanted, seen = share * bucket.count, 0.0
    for value, count in samples:
        seen += count
        if seen >= wanted - 1e-9:
            return value
    return samples[-1][0]


def _trimmed(kind: str, low: str | None, high: str | None) -> Callable[[Samples, Bucket], float | None]:
    """TM the mean, TC the count, TS the sum of what lies within the bounds, PR its share; WM the mean with what lies
    outside set to the bounds. Bounds in percent count samples, others are values."""

    def of(samples: Samples, bucket: Bucket) -> float | None:
        kept, least, most = _within(samples, bucket, low, high)
        count = math.fsum(n for _, n in kept)
        total = math.fsum(value * n for value, n in kept)
        if kind == "TC":
            return count
        if kind == "TS":
            return total
        if kind == "PR":
            return 100 * count / bucket.count if bucket.count else None
        if kind == "WM":
            below = math.fsum(n for value, n in samples if value < least)
            total += least * below + most * (bucket.count - count - below)
            count = bucket.count
        return total / count if count else None

    return of


def _within(samples: Samples, bucket: Bucket, low: str | None, high: str | None) -> tuple[Samples, float, float]:
    """What is left within the bounds, and the bounds as values."""
    if not (low or high or "%").endswith("%"):
        least = float(low) if low else -math.inf
        most = float(high) if high else math.inf
        return [(value, n) for value, n in samples if least < value <= most], least, most
    first = float(low.rstrip("%")) / 100 * bucket.count if low else 0.0
    last = float(high.rstrip("%")) / 100 * bucket.count if high else bucket.count
    kept: Samples = []
    seen = 0.0
    for value, n in samples:
        inside = min(seen + n, last) - max(seen, first)
        if inside > 1e-9:
            kept.append((value, inside))
        seen += n
    return (kept, kept[0][0], kept[-1][0]) if kept else ([], 0.0, 0.0)


def require(name: str) -> Statistic:
    """A statistic whose name was checked before."""
    found = find(name)
    assert found is not None, f"no statistic {name}"
    return found
