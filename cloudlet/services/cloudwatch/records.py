"""What CloudWatch stores."""

from typing import Any

from cloudlet.kit.record import Record


class Series(Record, frozen=True, array_like=True):
    """One metric with its dimensions."""

    dimensions: list[list[str]]  # [name, value], sorted by name
    units: list[str]
    last_ms: int  # its newest data; may lag by rules.SEEN_LAG_MS
    hour: int  # since 1970: the newest hour noted in `aging`
    is_watched: bool = False
    is_fine: bool = False  # has buckets of seconds


class Bucket(Record, frozen=True, array_like=True):
    """The samples of one span of time: a statistic set, and how they are distributed as far as is known."""

    count: float
    total: float
    minimum: float
    maximum: float
    values: list[float] = []  # with `counts`: the samples themselves, while they are few different ones
    counts: list[float] = []
    histogram: dict[int, float] = {}  # else: how many in each class of distribution.py
    opaque: float = 0  # how many came as a statistic set, so that nobody knows their values


class Alarm(Record, frozen=True):
    name: str
    arn: str
    kind: str  # MetricAlarm, CompositeAlarm
    settings: dict[str, Any]  # the request's own members, in AWS's form
    epoch: str  # which chain of "evaluate" tasks is the alarm's own
    configured_ms: int
    state: str = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    updated_ms: int = 0
    transitioned_ms: int = 0
    next_ms: int = 0  # when the chain's next task is due


class Tags(Record, frozen=True):
    tags: dict[str, str]


class HistoryItem(Record, frozen=True):
    alarm: str
    alarm_kind: str
    at_ms: int
    kind: str  # ConfigurationUpdate, StateUpdate, Action
    summary: str
    data: str
