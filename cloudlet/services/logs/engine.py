"""What groups and streams do: append events, read them in order. No wire types, no clock, no waiting.

Events are stored as they came, a request's in batches of a minute at most, under their first event's time. So batches
overlap; reading merges them: an event is next when no batch still unread can hold an earlier one. How far a batch may
reach (`span_ms`) is noted per stream and group, so that a read in the middle starts early enough.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from cloudlet.kit.due import FOREVER_MS
from cloudlet.kit.record import replace
from cloudlet.services.logs.keys import Contents
from cloudlet.services.logs.records import Batch, Group, Stream
from cloudlet.store.transaction import Tx

BATCH_EVENTS_MAX = 256
BATCH_BYTES_MAX = 60_000
BATCH_SPAN_MS, BATCH_SPAN_MAX_MS = 1_000, 60_000  # the longer, the more thinly a request's events are spread
SPREAD_BATCHES = 64
INDEX_LAG_MS = 1_000  # `by_time` may lag so much: else every request would move its stream
ROWS_PER_SCAN = 4  # of 256 events each: some milliseconds to make events of


class Gap(NamedTuple):
    """A place between events; as a key, the event right behind it. Of one stream, `stream` is always 0."""

    time_ms: int
    stream: int
    sequence: int
    nth: int  # within its batch


class Event(NamedTuple):
    place: Gap
    stream_name: str
    stream_number: int
    ingested_ms: int
    message: str


START, END = Gap(0, 0, 0, 0), Gap(FOREVER_MS, 0, 0, 0)


def append(
    tx: Tx, contents: Contents, group: Group, stream: Stream, events: list[tuple[int, str]], now_ms: int
) -> tuple[Group, Stream, list[tuple[int, int]]]:
    """Store events (chronological, accepted); returns both records as they are now, not yet written, and the first
    time and the sequence of each batch."""
    sequence, span_ms, batches = stream.batches, stream.span_ms, []
    for start, end in _pieces(events):
        sequence += 1
        first_ms, last_ms = events[start][0], events[end - 1][0]
        span_ms = max(span_ms, last_ms - first_ms)
        times, messages = zip(*events[start:end])
        batch = Batch(stream.name, now_ms, list(times), list(messages))
        tx.put(contents.batch.key(first_ms, stream.number, sequence), batch.encode())
        tx.put(contents.position.key(stream.number, first_ms, sequence), b"")
        batches.append((first_ms, sequence))
    first_ms, last_ms = events[0][0], events[-1][0]
    stream = replace(
        stream,
        batches=sequence,
        span_ms=span_ms,
        first_ms=min(stream.first_ms, first_ms) if stream.ingested_ms else first_ms,
        last_ms=max(stream.last_ms, last_ms),
        ingested_ms=now_ms,
    )
    if stream.last_ms >= stream.indexed_ms + INDEX_LAG_MS:
        tx.delete(contents.by_time.key(stream.indexed_ms, stream.name))
        tx.put(contents.by_time.key(stream.last_ms, stream.name), b"")
        stream = replace(stream, indexed_ms=stream.last_ms)
    if span_ms > group.span_ms or first_ms < group.trimmed_ms:
        group = replace(group, span_ms=max(span_ms, group.span_ms), trimmed_ms=min(first_ms, group.trimmed_ms))
    return group, stream, batches


def _pieces(events: list[tuple[int, str]]) -> Iterator[tuple[int, int]]:
    start, size = 0, 0
    span_max_ms = min(max((events[-1][0] - events[0][0]) // SPREAD_BATCHES, BATCH_SPAN_MS), BATCH_SPAN_MAX_MS)
    for at, (time_ms, message) in enumerate(events):
        is_full = at - start >= BATCH_EVENTS_MAX or time_ms - events[start][0] > span_max_ms
        if at > start and (is_full or size + len(message) > BATCH_BYTES_MAX):
            yield start, at
            start, size = at, 0
        size += len(message)
    yield start, len(events)


class Fetched(NamedTuple):
    batches: list[tuple[int, int, int, Batch]]  # first event's time, stream number, sequence
    resume: bytes | None


class Reader:
    """Reads events from `begin` (inclusive) to `end` (exclusive), onwards or, `backwards`, from the end.

    `fetch` reads some batches in a transaction, `feed` makes events of them. `stream` None: all of the group.
    """

    def __init__(
        self, contents: Contents, group: Group, stream: Stream | None, begin: Gap, end: Gap, *, backwards: bool = False
    ) -> None:
        self._contents, self._stream = contents, stream
        self._span_ms = stream.span_ms if stream is not None else group.span_ms
        self._begin, self._end, self._backwards = begin, end, backwards
        space = contents.batch if stream is None else contents.position[stream.number]
        self._space = space
        self._low = space.key(max(group.trimmed_ms, begin.time_ms - self._span_ms))
        self._high = space.key(end.time_ms + 1)
        self._waiting: list[Event] = []  # read, but an unread batch may hold earlier ones
        self.finished = self._low >= self._high

    def fetch(self, tx: Tx, rows: int = ROWS_PER_SCAN) -> Fetched:
        """The next batches; changes nothing. What it returns goes to `feed`, outside of the transaction."""
        found = tx.scan(self._low, self._high, limit=rows, reverse=self._backwards)
        batches = []
        for key, value in found.rows:
            first_ms, number, sequence = self._address(key)
            stored = value if self._stream is None else tx.get(self._contents.batch.key(first_ms, number, sequence))
            if stored is not None:
                batches.append((first_ms, number, sequence, Batch.decode(stored)))
        return Fetched(batches, found.resume)

    def feed(self, fetched: "Fetched") -> list[Event]:
        """The next events in order, perhaps none; `finished` tells whether there may be more."""
        ready: list[Event] = []
        for first_ms, number, sequence, batch in fetched.batches:
            if self._backwards:
                self._release(ready, Gap(first_ms + self._span_ms + 1, 0, 0, 0))
            else:
                self._release(ready, Gap(first_ms, 0 if self._stream is not None else number, sequence, 0))
            self._hold(batch, number, sequence)
        if fetched.resume is None:
            self.finished = True
            self._release(ready, None)
        elif self._backwards:
            self._high = fetched.resume
        else:
            self._low = fetched.resume
        return ready

    def behind(self, event: Event) -> Gap:
        """Where reading goes on after `event`."""
        return event.place if self._backwards else event.place._replace(nth=event.place.nth + 1)

    def _address(self, key: bytes) -> tuple[int, int, int]:
        """First event's time, stream number, sequence of a row's batch."""
        if self._stream is None:
            first_ms, number, sequence = self._space.unpack(key)
            return first_ms, number, sequence
        first_ms, sequence = self._space.unpack(key)
        return first_ms, self._stream.number, sequence

    def _hold(self, batch: Batch, number: int, sequence: int) -> None:
        key_number, begin, end = 0 if self._stream is not None else number, self._begin, self._end
        for nth, (time_ms, message) in enumerate(zip(batch.times_ms, batch.messages)):
            place = Gap(time_ms, key_number, sequence, nth)
            if begin <= place < end:
                self._waiting.append(Event(place, batch.stream, number, batch.ingested_ms, message))

    def _release(self, ready: list[Event], bound: Gap | None) -> None:
        """Move what no unread batch can precede: onwards what is before `bound`, backwards what is not."""
        waiting = self._waiting
        if not waiting:
            return
        waiting.sort()  # runs in order: cheap
        at = len(waiting) if bound is None else bisect_left(waiting, bound, key=_place)
        if self._backwards:
            at = at if bound is not None else 0
            ready += waiting[at:][::-1]
            del waiting[at:]
        else:
            ready += waiting[:at]
            del waiting[:at]


def _place(event: Event) -> Gap:
    return event.place
