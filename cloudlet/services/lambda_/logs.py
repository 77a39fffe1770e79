"""What a function printed, into its log group: as its role, so that a role that may not log doesn't, as on AWS.

A call that ends alone has its lines written before it is answered. While others run they are gathered by the stream,
for a tenth of a second or half a megabyte: a transaction for each call would cost as much as the call.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Principal
from cloudlet.kit.ports import Functions, Outcome
from cloudlet.services.lambda_.package import functions_of
from cloudlet.store.errors import StoreError
from cloudlet.store.transaction import Tx

EVENTS_MAX = 1_000  # in one PutLogEvents: each batch is a transaction
BATCH_BYTES_MAX = 512 << 10
EVENT_EXTRA_BYTES = 26  # counted by CloudWatch Logs for each event
GATHERED_MS = 100

log = logging.getLogger("cloudlet.lambda")

Event = tuple[int, bytes]  # when, and what


@dataclass(slots=True)
class Unwritten:
    """Events of one stream, in their order. `own` is Lambda's call that writes them, as `role`."""

    own: Call
    role: Principal
    group: str
    stream: str
    events: list[Event] = field(default_factory=list)
    size: int = 0

    def add(self, text: bytes, now_ms: int) -> None:
        self.events += [(now_ms, line) for line in _lines(text)]
        self.size += len(text)

    async def write(self) -> None:
        """In batches. Whoever else writes it meanwhile takes the next one, so the order stays."""
        while self.events:
            count = _fitting(self.events)
            batch, self.events = self.events[:count], self.events[count:]
            self.size -= sum(len(line) for _, line in batch)
            try:
                self.own.transact(_put, self, batch)
            except (AwsError, StoreError) as error:
                level = logging.DEBUG if isinstance(error, AwsError) else logging.WARNING
                log.log(level, "lines of the log of %s are not kept: %s", self.group, error)
                self.events, self.size = [], 0
            if self.events:
                await self.own.pause()


async def write(own: Call, role: Principal, group: str, outcome: Outcome) -> None:
    """Each line is an event. Not waited for until it is durable: a crash may lose the last lines, never a result."""
    if "logs" not in own.node.services or not outcome.log:
        return
    functions = functions_of(own)
    place = (own.account, own.region, role.arn, group, outcome.log_stream)
    unwritten = functions.unwritten.get(place)
    if unwritten is None:
        unwritten = functions.unwritten[place] = Unwritten(own, role, group, outcome.log_stream)
        if functions.running:
            functions.begin(_write_later(functions, place, unwritten))
    unwritten.add(outcome.log, own.node.clock.now_ms())
    if not functions.running:
        for there, one in list(functions.unwritten.items()):
            await _write(functions, there, one)
    elif unwritten.size >= BATCH_BYTES_MAX:
        await _write(functions, place, unwritten)


async def _write_later(functions: Functions, place: tuple, unwritten: Unwritten) -> None:
    try:
        own = unwritten.own
        await own.wait_for("lambda", "unwritten", *place, until_ms=own.node.clock.now_ms() + GATHERED_MS)
    finally:  # called off too: the node stops
        await _write(functions, place, unwritten)


async def _write(functions: Functions, place: tuple, unwritten: Unwritten) -> None:
    await unwritten.write()
    if functions.unwritten.get(place) is unwritten:
        del functions.unwritten[place]


def _fitting(events: Iterable[Event]) -> int:
    """How many of the first go into one batch: at least one."""
    count = size = 0
    for _, line in events:
        size += len(line) + EVENT_EXTRA_BYTES
        if count and (size > BATCH_BYTES_MAX or count == EVENTS_MAX):
            break
        count += 1
    return count


def _lines(text: bytes) -> list[bytes]:
    """Only a line feed ends an event."""
    parts = text.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _put(tx: Tx, unwritten: Unwritten, batch: list[Event]) -> None:
    own, role, group, stream = unwritten.own, unwritten.role, unwritten.group, unwritten.stream
    events = [{"timestamp": at_ms, "message": line.decode("utf-8", "replace")} for at_ms, line in batch]
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
