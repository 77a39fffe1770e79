"""What expressions compute with: numbers, time series, lists of them."""

from typing import NamedTuple

from cloudlet.services.cloudwatch import errors


class Grid(NamedTuple):
    """The periods an expression is computed for."""

    start_ms: int
    end_ms: int
    period_ms: int

    def times(self) -> range:
        return range(self.start_ms, self.end_ms, self.period_ms)


class TimeSeries(NamedTuple):
    label: str
    points: dict[int, float]  # by the period's start


Value = float | str | TimeSeries | list[TimeSeries]


def failed(text: str) -> errors.ValidationError:
    return errors.ValidationError(f"Error in expression: {text}")


def all_series(value: Value, where: str) -> list[TimeSeries]:
    """A series, or a list of them, as a list."""
    if isinstance(value, TimeSeries):
        return [value]
    if isinstance(value, list):
        return value
    raise failed(f"{where} takes time series")


def one_number(value: Value, where: str) -> float:
    if isinstance(value, int | float):
        return float(value)
    raise failed(f"{where} takes a number")
