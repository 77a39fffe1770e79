"""Buckets of samples: made, merged, and what percentiles can be read from them. Pure.

The samples themselves are kept while there are at most 150 different ones. Beyond, they are counted in classes whose
bounds grow by 2 %, so that a percentile is at most 1 % off (classes beyond 2048 fall together at the low end).
"""

import math

from cloudlet.services.cloudwatch.records import Bucket

EXACT_MAX = 150
CLASSES_MAX = 2048
_GROWTH = math.log(1.02)
_ZERO = -(1 << 30)  # the class of 0, below all others


def of_value(value: float) -> Bucket:
    return Bucket(1.0, value, value, value, [value], [1.0])


def of_values(values: list[float], counts: list[float]) -> Bucket:
    total = math.fsum(value * count for value, count in zip(values, counts))
    return _distributed(Bucket(sum(counts), total, min(values), max(values)), dict(zip(values, counts)), {})


def of_set(count: float, total: float, minimum: float, maximum: float) -> Bucket:
    """A statistic set: its samples are known only if they are all the same."""
    if minimum == maximum or count == 1:
        return Bucket(count, total, minimum, maximum, [minimum], [count])
    return Bucket(count, total, minimum, maximum, opaque=count)


def merge(one: Bucket, other: Bucket) -> Bucket:
    counts = dict(zip(one.values, one.counts))
    for value, count in zip(other.values, other.counts):
        counts[value] = counts.get(value, 0.0) + count
    classes = one.histogram
    if other.histogram:
        classes = dict(classes)
        for at, count in other.histogram.items():
            classes[at] = classes.get(at, 0.0) + count
    merged = Bucket(
        one.count + other.count,
        one.total + other.total,
        one.minimum if one.minimum <= other.minimum else other.minimum,
        one.maximum if one.maximum >= other.maximum else other.maximum,
        opaque=one.opaque + other.opaque,
    )
    return _distributed(merged, counts, classes)


def _distributed(bucket: Bucket, counts: dict[float, float], classes: dict[int, float]) -> Bucket:
    """`bucket` with its distribution: exact, or in classes once there are too many different values."""
    histogram: dict[int, float] = {}
    values: list[float] = list(counts)
    if classes or len(counts) > EXACT_MAX:
        histogram = dict(classes)
        for value, count in counts.items():
            at = _class_of(value)
            histogram[at] = histogram.get(at, 0.0) + count
        values = []
    if len(histogram) > CLASSES_MAX:
        ordered = sorted(histogram)
        low = ordered[: len(ordered) - CLASSES_MAX + 1]
        lowest = sum(histogram.pop(at) for at in low)
        histogram[low[-1]] = lowest
    return Bucket(
        bucket.count,
        bucket.total,
        bucket.minimum,
        bucket.maximum,
        values,
        [counts[value] for value in values],
        histogram,
        bucket.opaque,
    )


def _class_of(value: float) -> int:
    """Negative values are all one: percentiles of them are not to be had."""
    return math.ceil(math.log(value) / _GROWTH) if value > 0 else _ZERO


def _middle(at: int) -> float:
    return 0.0 if at == _ZERO else math.exp((at - 0.5) * _GROWTH)


def samples(bucket: Bucket) -> list[tuple[float, float]] | None:
    """(value, how often), by value; None where CloudWatch can't tell: statistic sets, negative values."""
    if bucket.minimum < 0 or bucket.opaque:
        return None
    pairs = list(zip(bucket.values, bucket.counts))
    pairs += [(min(max(_middle(at), bucket.minimum), bucket.maximum), n) for at, n in bucket.histogram.items()]
    return sorted(pairs)
