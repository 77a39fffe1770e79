"""FilterLogEvents: a group's events, all streams together, by time, pattern and stream."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.due import FOREVER_MS
from cloudlet.services.logs import errors, patterns, rules
from cloudlet.services.logs.engine import Event, Fetched, Gap, Reader
from cloudlet.services.logs.event import shown
from cloudlet.services.logs.keys import Contents
from cloudlet.services.logs.lookup import find_stream, require_group
from cloudlet.services.logs.patterns.conditions import Matcher
from cloudlet.services.logs.records import Group, Stream
from cloudlet.services.logs.service import logs
from cloudlet.store.transaction import Tx

LOOKED_AT_MAX = 50_000  # events a request looks at before it answers what it has, and where to go on
INVALID_TOKEN = errors.InvalidParameter("The specified nextToken is invalid.")


class Search:
    """One request's criteria, and the streams met so far."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._names = request.get("logStreamNames")
        self._prefix = request.get("logStreamNamePrefix", "")
        self._matches: Matcher = patterns.compiled(request.get("filterPattern", ""))
        self._numbers: dict[str, int] = {}  # of streams that are there

    def learn(self, tx: Tx, contents: Contents, fetched: Fetched) -> None:
        """Which of the streams met are still there."""
        for _, _, _, batch in fetched.batches:
            if batch.stream not in self._numbers:
                stream = find_stream(tx, contents, batch.stream)
                self._numbers[batch.stream] = stream.number if stream else 0

    def wants(self, event: Event) -> bool:
        name = event.stream_name
        if (self._names is not None and name not in self._names) or not name.startswith(self._prefix):
            return False
        return self._numbers[name] == event.stream_number and self._matches(event.message) is not None


@logs.operation("FilterLogEvents")
async def filter_log_events(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.refuse(request, "unmask")
    if request.get("logStreamNames") is not None and request.get("logStreamNamePrefix") is not None:
        raise errors.InvalidParameter("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
    search = Search(request)
    contents, group, stream = call.transact(lambda tx: _require(call, request))
    limit, backwards = request.get("limit", rules.EVENTS_PAGE_MAX), request.get("startFromHead") is False
    begin = Gap(max(request.get("startTime", 0), group.kept_from_ms(call.now_ms)), 0, 0, 0)
    end = Gap(request.get("endTime", FOREVER_MS - 1) + 1, 0, 0, 0)  # here endTime is included
    token = request.get("nextToken")
    if token is not None:
        gap = _place(token)
        begin, end = (begin, min(end, gap)) if backwards else (max(begin, gap), end)
    reader = Reader(contents, group, stream, begin, end, backwards=backwards)
    events, following = await _page(call, search, contents, reader, limit)
    call.answers_much = len(events) > rules.EVENTS_MANY
    answer: dict[str, Any] = {"events": [_shown(event) for event in events], "searchedLogStreams": []}
    return answer | ({"nextToken": page.encode_token(*following)} if following is not None else {})


def _place(token: str) -> Gap:
    return Gap._make(page.decode_token(token, INVALID_TOKEN, int, int, int, int))


def _require(call: Call, request: dict[str, Any]) -> tuple[Contents, Group, Stream | None]:
    """The group; and the stream, if it is only one: its events are apart."""
    group = require_group(call.tx, call.keys, rules.group_name(request))
    contents, names = call.keys.of(group.id), list(request.get("logStreamNames") or ())
    for name in names:
        if find_stream(call.tx, contents, name) is None:
            raise errors.NoSuchStream()
    return contents, group, find_stream(call.tx, contents, names[0]) if len(names) == 1 else None


async def _page(
    call: Call, search: Search, contents: Contents, reader: Reader, limit: int
) -> tuple[list[Event], Gap | None]:
    """Wanted events, up to `limit` or a megabyte, and where to go on; None: that is all."""
    taken: list[Event] = []
    size, looked_at = 0, 0

    def fetch(tx: Tx) -> Fetched:
        fetched = reader.fetch(tx)
        search.learn(tx, contents, fetched)
        return fetched

    while not reader.finished:
        read = reader.feed(call.transact(fetch))
        looked_at += len(read)
        for event in filter(search.wants, read):
            size += len(event.message) + rules.EVENT_OVERHEAD_BYTES
            if len(taken) == limit or (taken and size > rules.PAGE_BYTES_MAX):
                return taken, reader.behind(taken[-1])
            taken.append(event)
        if looked_at >= LOOKED_AT_MAX and read and not reader.finished:
            return taken, reader.behind(read[-1])
        await call.pause()
    return taken, None


def _shown(event: Event) -> dict[str, Any]:
    time_ms, _, sequence, nth = event.place
    event_id = f"{time_ms:014d}{event.stream_number:012d}{sequence:020d}{nth:010d}"
    return {"logStreamName": event.stream_name, **shown(event), "eventId": event_id}
