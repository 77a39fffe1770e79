"""What series do: take data, age, give them back by period. (tx, keys, …, now_ms) to values; no clock, no waiting.

Data are kept per series, unit and minute (and second, where StorageResolution=1 asks for it). Minutes become five
minutes after 15 days, hours after 63, and go after 455, as on AWS.
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from cloudlet.kit.record import replace
from cloudlet.services.cloudwatch import distribution, rules
from cloudlet.services.cloudwatch.keys import Keys
from cloudlet.services.cloudwatch.records import Bucket, Series
from cloudlet.store.keys import pack, unpack
from cloudlet.store.transaction import Scan, Tx

HOUR_MS = 3_600_000
ROWS_PER_SCAN = 500
Dimensions = tuple[tuple[str, str], ...]


def dimensions_of(listed: Iterable[dict[str, str]] | None) -> Dimensions:
    return tuple(sorted((dimension["Name"], dimension["Value"]) for dimension in listed or ()))


@lru_cache(maxsize=10_000)
def series_id(namespace: str, name: str, dimensions: Dimensions) -> bytes:
    flat = (namespace, name, *(text for pair in dimensions for text in pair))
    return hashlib.blake2b(pack(flat), digest_size=16).digest()


def find_series(tx: Tx, keys: Keys, namespace: str, name: str, dimensions: Dimensions) -> Series | None:
    stored = tx.get(keys.series.key(namespace, name, series_id(namespace, name, dimensions)))
    return Series.decode(stored) if stored else None


def put_datum(tx: Tx, keys: Keys, namespace: str, datum: dict[str, Any], now_ms: int) -> bytes:
    """Store one MetricDatum; returns the series' id if an alarm watches it, else nothing."""
    name, dimensions = datum["MetricName"], dimensions_of(datum.get("Dimensions"))
    identity, unit = series_id(namespace, name, dimensions), datum.get("Unit", "None")
    time_ms = datum.get("Timestamp", now_ms)
    is_fine = datum.get("StorageResolution") == 1
    key = keys.series.key(namespace, name, identity)
    stored = tx.get(key)
    old = Series.decode(stored) if stored else None
    series = _seen(tx, keys, old, identity, dimensions, unit, time_ms, is_fine)
    if series is not old:
        tx.put(key, series.encode())
    hour = time_ms // HOUR_MS
    if old is None or hour != old.hour or is_fine:
        _note_aging(tx, keys, (namespace, name, identity), hour, is_fine)
    bucket = _bucket_of(datum)
    _add(tx, keys.bucket.key(identity, 60, unit, time_ms // 60_000 * 60_000), bucket)
    if is_fine:
        _add(tx, keys.bucket.key(identity, 1, unit, time_ms // 1000 * 1000), bucket)
    return identity if series.is_watched else b""


def _seen(
    tx: Tx, keys: Keys, old: Series | None, identity: bytes, dimensions: Dimensions, unit: str, at_ms: int, fine: bool
) -> Series:
    """The series' record as it should be; the very same where nothing of note changed."""
    if old is None:
        is_watched = bool(tx.scan(*keys.watch.range(identity), limit=1).rows)
        listed = [list(pair) for pair in dimensions]
        return Series(listed, [unit], at_ms, at_ms // HOUR_MS, is_watched, fine)
    is_current = at_ms < old.last_ms + rules.SEEN_LAG_MS and at_ms // HOUR_MS <= old.hour
    if is_current and unit in old.units and (not fine or old.is_fine):
        return old
    return replace(
        old,
        units=old.units if unit in old.units else sorted([*old.units, unit]),
        last_ms=max(old.last_ms, at_ms),
        hour=max(old.hour, at_ms // HOUR_MS),
        is_fine=old.is_fine or fine,
    )


def _note_aging(tx: Tx, keys: Keys, address: tuple[str, str, bytes], hour: int, is_fine: bool) -> None:
    """An hour's data leave their resolution at a known time."""
    ends_ms = (hour + 1) * HOUR_MS
    for seconds in (1, 60) if is_fine else (60,):
        keys.aging.put(tx, ends_ms + rules.KEPT_MS[seconds], (address[2], hour, seconds), pack(address))


def _bucket_of(datum: dict[str, Any]) -> Bucket:
    value = datum.get("Value")
    if value is not None:
        return distribution.of_value(float(value))
    values = datum.get("Values")
    if values:
        counts = datum.get("Counts") or [1.0] * len(values)
        return distribution.of_values([float(value) for value in values], [float(count) for count in counts])
    statistics = datum["StatisticValues"]
    return distribution.of_set(*(float(statistics[member]) for member in ("SampleCount", "Sum", "Minimum", "Maximum")))


def _add(tx: Tx, key: bytes, bucket: Bucket) -> None:
    stored = tx.get(key)
    tx.put(key, (distribution.merge(Bucket.decode(stored), bucket) if stored else bucket).encode())


def age(tx: Tx, keys: Keys, now_ms: int, buckets_max: int) -> bool:
    """Move what has left its resolution to the next one, up to `buckets_max` of it; True if there may be more to do."""
    while buckets_max > 0:
        due = keys.aging.claim(tx, now_ms, 1)
        if not due:
            return False
        (entry,) = due
        _, hour, seconds = entry.tie
        moved, is_whole = _leave(tx, keys, unpack(entry.value), hour, seconds, buckets_max)
        if not is_whole:
            keys.aging.put(tx, *entry)
        buckets_max -= max(1, moved)
    return True


def _leave(tx: Tx, keys: Keys, address: tuple[Any, ...], hour: int, seconds: int, buckets_max: int) -> tuple[int, bool]:
    """One series' hour leaves the resolution of `seconds`: into the coarser one, if there is one. How many buckets
    went, and whether that was all of them."""
    key, identity = keys.series.key(*address), address[2]
    stored = tx.get(key)
    series = Series.decode(stored) if stored else None
    coarser = rules.COARSER.get(seconds)
    moved = 0
    for unit in series.units if series else ():
        space = keys.bucket[identity, seconds, unit]
        found = tx.scan(space.key(hour * HOUR_MS), space.key((hour + 1) * HOUR_MS), limit=buckets_max - moved)
        moved += len(found.rows)
        for row_key, value in found.rows:
            tx.delete(row_key)
            if coarser is not None:
                (start,) = space.unpack(row_key)
                span = coarser * 1000
                _add(tx, keys.bucket.key(identity, coarser, unit, start // span * span), Bucket.decode(value))
        if found.resume is not None or moved == buckets_max:
            return moved, False
    if coarser is not None:
        ends_ms = (hour + 1) * HOUR_MS + rules.KEPT_MS[coarser]
        keys.aging.put(tx, ends_ms, (identity, hour, coarser), pack(address))
    elif seconds == 3600 and series is not None and series.hour <= hour:
        tx.delete(key)  # its last data are gone
    return moved, True


class Collector:
    """Gathers a series' data from `start_ms` (inclusive) to `end_ms` (exclusive) into periods that begin at `start_ms`.

    `fetch` reads some rows in a transaction, `feed` adds them up.
    """

    def __init__(
        self, keys: Keys, identity: bytes, unit: str, period_ms: int, start_ms: int, end_ms: int, now_ms: int
    ) -> None:
        self.start_ms, self._period_ms = start_ms, period_ms
        self.periods: dict[int, Bucket] = {}
        self._scans: list[tuple[Any, bytes, bytes]] = []
        for seconds in (1,) if period_ms < 60_000 else (60, 300, 3600):
            kept_ms = now_ms - rules.KEPT_MS[seconds] - HOUR_MS
            finer = {300: 60, 3600: 300}.get(seconds)
            last_ms = end_ms if finer is None else min(end_ms, now_ms - rules.KEPT_MS[finer])
            first_ms = max(start_ms, kept_ms, 0)
            if first_ms < last_ms:
                space = keys.bucket[identity, seconds, unit]
                self._scans.append((space, space.key(first_ms), space.key(last_ms)))
        self.finished = not self._scans

    def fetch(self, tx: Tx, rows: int = ROWS_PER_SCAN) -> Scan:
        """The next rows; changes nothing. What it returns goes to `feed`, outside of the transaction."""
        _, begin, end = self._scans[-1]
        return tx.scan(begin, end, limit=rows)

    def feed(self, found: Scan) -> None:
        space, _, end = self._scans[-1]
        for key, value in found.rows:
            (at_ms,) = space.unpack(key)
            period = self.start_ms + (at_ms - self.start_ms) // self._period_ms * self._period_ms
            bucket, before = Bucket.decode(value), self.periods.get(period)
            self.periods[period] = bucket if before is None else distribution.merge(before, bucket)
        if found.resume is not None:
            self._scans[-1] = (space, found.resume, end)
        else:
            self._scans.pop()
            self.finished = not self._scans

    def run(self, tx: Tx) -> dict[int, Bucket]:
        while not self.finished:
            self.feed(self.fetch(tx))
        return self.periods
