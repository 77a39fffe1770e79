"""What CloudWatch Logs stores."""

from cloudlet.kit.record import Record


class Group(Record, frozen=True):
    id: str
    name: str
    account: str
    region: str
    created_ms: int
    group_class: str = "STANDARD"
    retention_days: int = 0  # 0: for ever
    expiry: str = ""  # which chain of "expire" tasks is the group's own
    trimmed_ms: int = 0  # no batch begins before this
    span_ms: int = 0  # the longest time between two events of one batch
    streams_made: int = 0
    filters: int = 0
    is_protected: bool = False
    kms_key: str = ""
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        """Without the ":*" that DescribeLogGroups' `arn` has."""
        return f"arn:aws:logs:{self.region}:{self.account}:log-group:{self.name}"

    def kept_from_ms(self, now_ms: int) -> int:
        """What is older is past the group's retention, deleted already or not."""
        return max(0, now_ms - self.retention_days * 86_400_000) if self.retention_days else 0


class Stream(Record, frozen=True):
    number: int
    name: str
    created_ms: int
    batches: int = 0  # the sequence of the last one
    span_ms: int = 0
    first_ms: int = 0
    last_ms: int = 0
    ingested_ms: int = 0  # 0: nothing yet
    indexed_ms: int = 0  # where it stands in `by_time`


class Batch(Record, frozen=True, array_like=True):
    """Events that one request brought, in chronological order."""

    stream: str
    ingested_ms: int
    times_ms: list[int]
    messages: list[str]


class MetricFilter(Record, frozen=True):
    name: str
    pattern: str
    transformation: dict[str, object]  # the request's metricTransformations[0]
    created_ms: int
