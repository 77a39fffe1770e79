"""What a function printed, into its log group: as its role, so that a role that may not log doesn't, as on AWS."""

import logging

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Principal
from cloudlet.kit.ports import Outcome
from cloudlet.store.transaction import Tx

EVENTS_MAX = 1_000  # in one PutLogEvents: each batch is a transaction
BATCH_BYTES_MAX = 512 << 10
EVENT_EXTRA_BYTES = 26  # counted by CloudWatch Logs for each event

log = logging.getLogger("cloudlet.lambda")


async def write(own: Call, role: Principal, group: str, outcome: Outcome) -> None:
    """Each line is an event. Not waited for until it is durable: a crash may lose the last lines, never a result."""
    if "logs" not in own.node.services:
        return
    stream = outcome.log_stream
    for lines in _batches(outcome.log):
        try:
            own.transact(_put, own, role, group, stream, lines)
        except AwsError as error:
            log.debug("the log of %s is not kept: %s", group, error.message)
            return
        await own.pause()


def _batches(text: bytes) -> list[list[str]]:
    batches: list[list[str]] = [[]]
    size = 0
    for line in _lines(text):
        bytes_more = len(line) + EVENT_EXTRA_BYTES
        if batches[-1] and (size + bytes_more > BATCH_BYTES_MAX or len(batches[-1]) == EVENTS_MAX):
            batches.append([])
            size = 0
        batches[-1].append(line.decode("utf-8", "replace"))
        size += bytes_more
    return [batch for batch in batches if batch]


def _lines(text: bytes) -> list[bytes]:
    """Only a line feed ends an event."""
    parts = text.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _put(tx: Tx, own: Call, role: Principal, group: str, stream: str, lines: list[str]) -> None:
    events = [{"timestamp": own.now_ms, "message": line} for line in lines]
    request = {"logGroupName": group, "logStreamName": stream, "logEvents": events}
    try:
        own.aws("logs", "PutLogEvents", request, principal=role)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        _create_stream(own, role, group, stream)
        own.aws("logs", "PutLogEvents", request, principal=role)


def _create_stream(own: Call, role: Principal, group: str, stream: str) -> None:
    """And its group, if that isn't there either."""
    request = {"logGroupName": group, "logStreamName": stream}
    try:
        own.aws("logs", "CreateLogStream", request, principal=role)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        own.aws("logs", "CreateLogGroup", {"logGroupName": group}, principal=role)
        own.aws("logs", "CreateLogStream", request, principal=role)
