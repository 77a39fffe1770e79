"""Log events of one stream: put, get."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.due import FOREVER_MS
from cloudlet.services.logs import engine, errors, metric_filter, rules
from cloudlet.services.logs.engine import Event, Gap, Reader
from cloudlet.services.logs.keys import Contents
from cloudlet.services.logs.lookup import put_group, put_stream, require_group, require_stream
from cloudlet.services.logs.records import Group, Stream
from cloudlet.services.logs.service import logs
from cloudlet.services.logs.stream import sequence_token


@logs.operation("PutLogEvents")
def put_log_events(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    events = request["logEvents"]
    size = rules.check_events(events)
    group = require_group(call.tx, call.keys, request["logGroupName"])
    contents = call.keys.of(group.id)
    stream = require_stream(call.tx, contents, request["logStreamName"])
    accepted, rejected = _sorted_out(group, events, call.now_ms)
    rules.check_span([time_ms for time_ms, _ in accepted])
    if accepted:
        changed, stream, batches = engine.append(call.tx, contents, group, stream, accepted, call.now_ms)
        if changed is not group:
            put_group(call.tx, call.keys, changed)
        put_stream(call.tx, contents, stream)
        contents.size.add(call.tx, stream.number, size)
        if group.filters:
            metric_filter.apply_later(call, group, stream, batches)
    call.count("IncomingLogEvents", len(accepted), "None", LogGroupName=group.name)
    call.count("IncomingBytes", size, "Bytes", LogGroupName=group.name)
    call.notify("logs", group.id)
    answer: dict[str, Any] = {"nextSequenceToken": sequence_token(stream)}
    return answer | ({"rejectedLogEventsInfo": rejected} if rejected else {})


def _sorted_out(
    group: Group, events: list[dict[str, Any]], now_ms: int
) -> tuple[list[tuple[int, str]], dict[str, int]]:
    """The events that are taken, and what rejectedLogEventsInfo says of the others."""
    too_old_ms, too_new_ms = now_ms - rules.TOO_OLD_MS, now_ms + rules.TOO_NEW_MS
    expired_ms = group.kept_from_ms(now_ms)
    if events[0]["timestamp"] >= max(too_old_ms, expired_ms) and events[-1]["timestamp"] <= too_new_ms:
        return [(event["timestamp"], event["message"]) for event in events], {}
    times = [event["timestamp"] for event in events]
    too_old = sum(time_ms < too_old_ms for time_ms in times)
    expired = sum(time_ms < expired_ms for time_ms in times)
    too_new = sum(time_ms > too_new_ms for time_ms in times)
    rejected: dict[str, int] = {}
    if too_new:
        rejected["tooNewLogEventStartIndex"] = len(events) - too_new
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired > too_old:
        rejected["expiredLogEventEndIndex"] = expired
    kept = events[max(too_old, expired) : len(events) - too_new]
    return [(event["timestamp"], event["message"]) for event in kept], rejected


@logs.operation("GetLogEvents")
async def get_log_events(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.refuse(request, "unmask")
    contents, group, stream = call.transact(lambda tx: _require(call, request))
    if request.get("startTime", 0) > request.get("endTime", FOREVER_MS):
        raise errors.InvalidParameter("startTime must be less than or equal to endTime.")
    begin = Gap(max(request.get("startTime", 0), group.kept_from_ms(call.now_ms)), 0, 0, 0)
    end = Gap(request.get("endTime", FOREVER_MS), 0, 0, 0)
    token, backwards = request.get("nextToken"), not request.get("startFromHead", False)
    if token is not None:
        direction, (time_ms, sequence, nth) = rules.read_token(token)
        gap, backwards = Gap(time_ms, 0, sequence, nth), direction == "b"
        begin, end = (begin, min(end, gap)) if backwards else (max(begin, gap), end)
    reader = Reader(contents, group, stream, begin, end, backwards=backwards)
    events = await _page(call, reader, request.get("limit", rules.EVENTS_PAGE_MAX))
    call.answers_much = len(events) > rules.EVENTS_MANY
    if backwards:
        events.reverse()
    if events:
        before, after = events[0].place, events[-1].place._replace(nth=events[-1].place.nth + 1)
    else:
        before = after = end if backwards and token is not None else begin
    return {
        "events": [shown(event) for event in events],
        "nextForwardToken": rules.write_token("f", (after.time_ms, after.sequence, after.nth)),
        "nextBackwardToken": rules.write_token("b", (before.time_ms, before.sequence, before.nth)),
    }


def _require(call: Call, request: dict[str, Any]) -> tuple[Contents, Group, Stream]:
    group = require_group(call.tx, call.keys, rules.group_name(request))
    contents = call.keys.of(group.id)
    return contents, group, require_stream(call.tx, contents, request["logStreamName"])


async def _page(call: Call, reader: Reader, limit: int) -> list[Event]:
    """Up to `limit` events or a megabyte, in the order of reading."""
    taken: list[Event] = []
    size = 0
    while not reader.finished:
        for event in reader.feed(call.transact(reader.fetch)):
            size += len(event.message) + rules.EVENT_OVERHEAD_BYTES
            if len(taken) == limit or (taken and size > rules.PAGE_BYTES_MAX):
                return taken
            taken.append(event)
        if len(taken) == limit:
            return taken
        await call.pause()
    return taken


def shown(event: Event) -> dict[str, Any]:
    return {"timestamp": event.place.time_ms, "message": event.message, "ingestionTime": event.ingested_ms}
