"""Limits and checks that the CloudWatch Logs model does not state.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
"""

import re
from typing import Any

from cloudlet.base.errors import aws_error
from cloudlet.services.logs import errors

BATCH_BYTES_MAX = 1_048_576
EVENT_OVERHEAD_BYTES = 26
EVENT_BYTES_MAX = 1_048_576
BATCH_SPAN_MAX_MS = 24 * 3_600_000
TOO_OLD_MS = 14 * 86_400_000
TOO_NEW_MS = 2 * 3_600_000
EVENTS_PAGE_MAX = 10_000
EVENTS_MANY = 1_000  # an answer of more is rendered off the loop
PAGE_BYTES_MAX = 1 << 20
DESCRIBE_MAX = 50
LIST_MAX = 1000
FILTERS_MAX = 100
TAGS_MAX = 50
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip

_token = re.compile(r"([fb])/(\d{20})(\d{20})(\d{16})/s")


def group_name(request: dict[str, Any]) -> str:
    """The group that logGroupName or logGroupIdentifier (a name or an ARN) names."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if name is not None and identifier is not None:
        raise errors.InvalidParameter("LogGroup name and LogGroup identifier are mutually exclusive parameters.")
    if name is None and identifier is None:
        raise errors.InvalidParameter("LogGroup name or LogGroup identifier must be provided.")
    return name if name is not None else name_of(str(identifier))


def name_of(identifier: str) -> str:
    """The group's name in a name, an ARN, or an ARN that ends in ":*"."""
    if not identifier.startswith("arn:"):
        return identifier
    resource = identifier.split(":", 5)[-1]
    return resource.removeprefix("log-group:").partition(":")[0]


def check_retention(days: int) -> None:
    if days not in RETENTION_DAYS:
        raise errors.InvalidParameter(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member"
            f" must satisfy enum value set: [{', '.join(map(str, RETENTION_DAYS))}]"
        )


def check_events(events: list[dict[str, Any]]) -> int:
    """What a PutLogEvents request must hold; returns the bytes it counts for."""
    size, previous_ms = 0, 0
    for event in events:
        message, time_ms = event["message"], event["timestamp"]
        if time_ms < previous_ms:
            raise errors.InvalidParameter("Log events in a single PutLogEvents request must be in chronological order.")
        previous_ms = time_ms
        event_bytes = (len(message) if message.isascii() else len(message.encode())) + EVENT_OVERHEAD_BYTES
        if event_bytes - EVENT_OVERHEAD_BYTES > EVENT_BYTES_MAX:
            raise errors.InvalidParameter(
                f"Log event too large: {event_bytes} bytes exceeds limit of {EVENT_BYTES_MAX}"
            )
        size += event_bytes
    if size > BATCH_BYTES_MAX:
        raise errors.InvalidParameter(f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES_MAX}")
    return size


def check_span(times_ms: list[int]) -> None:
    if times_ms and times_ms[-1] - times_ms[0] > BATCH_SPAN_MAX_MS:
        raise errors.InvalidParameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )


def read_token(token: str) -> tuple[str, tuple[int, int, int]]:
    """The direction of a GetLogEvents token, and the gap between two events it stands for."""
    match = _token.fullmatch(token)
    if match is None:
        raise errors.InvalidParameter("The specified nextToken is invalid.")
    return match[1], (int(match[2]), int(match[3]), int(match[4]))


def write_token(direction: str, gap: tuple[int, int, int]) -> str:
    return f"{direction}/{gap[0]:020d}{gap[1]:020d}{gap[2]:016d}/s"


def refuse(request: dict[str, Any], *members: str) -> None:
    """Parameters that would change what happens, and that nothing here does yet."""
    for member in members:
        if request.get(member):
            raise aws_error("NotImplemented", f"logs: the parameter {member} is not implemented", 501)
