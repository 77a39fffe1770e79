"""AWS's own metrics (AWS/SQS NumberOfMessagesSent …), aggregated outside the request's transaction.

Counted in memory after commit, flushed by app/upkeep.py: a crash loses at most the last seconds of these.
"""

from typing import NamedTuple

SERIES_MAX = 10_000  # more distinct series between two flushes are dropped, and counted in `dropped`


class Series(NamedTuple):
    account: str
    region: str
    namespace: str
    metric: str
    unit: str
    dimensions: tuple[tuple[str, str], ...]
    minute: int  # of the service clock, since 1970


class Statistics:
    """What CloudWatch calls a statistic set, plus the values themselves while they are few."""

    __slots__ = ("count", "maximum", "minimum", "total")

    def __init__(self, value: float, times: int = 1) -> None:
        self.count, self.total, self.minimum, self.maximum = times, value * times, value, value

    def add(self, value: float, times: int = 1) -> None:
        self.count += times
        self.total += value * times
        if value < self.minimum:
            self.minimum = value
        elif value > self.maximum:
            self.maximum = value


class Meter:
    def __init__(self) -> None:
        self._series: dict[Series, Statistics] = {}
        self.dropped = 0

    def add(self, series: Series, value: float, times: int = 1) -> None:
        statistics = self._series.get(series)
        if statistics is not None:
            statistics.add(value, times)
        elif len(self._series) < SERIES_MAX:
            self._series[series] = Statistics(value, times)
        else:
            self.dropped += 1

    def take(self) -> dict[Series, Statistics]:
        """All that was counted since the last call."""
        taken, self._series = self._series, {}
        return taken
