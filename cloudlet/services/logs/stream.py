"""Log streams: create, delete, list."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.logs import errors, rules
from cloudlet.services.logs.keys import Contents
from cloudlet.services.logs.lookup import find_stream, put_group, put_stream, require_group, require_stream
from cloudlet.services.logs.records import Group, Stream
from cloudlet.services.logs.service import logs
from cloudlet.store.keys import Subspace

INVALID_TOKEN = errors.InvalidParameter("The specified nextToken is invalid.")


@logs.operation("CreateLogStream")
def create_log_stream(call: Call, request: dict[str, Any]) -> None:
    group, name = require_group(call.tx, call.keys, request["logGroupName"]), request["logStreamName"]
    contents = call.keys.of(group.id)
    if find_stream(call.tx, contents, name) is not None:
        raise errors.StreamExists()
    group = replace(group, streams_made=group.streams_made + 1)
    put_group(call.tx, call.keys, group)
    stream = Stream(number=group.streams_made, name=name, created_ms=call.now_ms, indexed_ms=call.now_ms)
    put_stream(call.tx, contents, stream)
    call.tx.put(contents.by_time.key(stream.indexed_ms, name), b"")


@logs.operation("DeleteLogStream")
def delete_log_stream(call: Call, request: dict[str, Any]) -> None:
    group = require_group(call.tx, call.keys, request["logGroupName"])
    contents = call.keys.of(group.id)
    stream = require_stream(call.tx, contents, request["logStreamName"])
    call.tx.delete(contents.stream.key(stream.name))
    call.tx.delete(contents.by_time.key(stream.indexed_ms, stream.name))
    call.later("remove_stream", {"group_id": group.id, "number": stream.number})


def described(group: Group, stream: Stream) -> dict[str, Any]:
    """A stream as DescribeLogStreams shows it; storedBytes has been 0 since 2019."""
    shown = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "arn": f"{group.arn}:log-stream:{stream.name}",
        "storedBytes": 0,
    }
    if stream.ingested_ms:
        shown |= {
            "firstEventTimestamp": stream.first_ms,
            "lastEventTimestamp": stream.last_ms,
            "lastIngestionTime": stream.ingested_ms,
            "uploadSequenceToken": sequence_token(stream),
        }
    return shown


def sequence_token(stream: Stream) -> str:
    """56 digits that nobody reads any more."""
    return f"{stream.number:024d}{stream.batches:032d}"


@logs.operation("DescribeLogStreams")
def describe_log_streams(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    group = require_group(call.tx, call.keys, rules.group_name(request))
    contents, prefix = call.keys.of(group.id), request.get("logStreamNamePrefix")
    by_time = request.get("orderBy") == "LastEventTime"
    if by_time and prefix is not None:
        raise errors.InvalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
    space = contents.by_time if by_time else contents.stream
    bounds = space.range() if by_time else page.names_from(space, prefix or "")
    limit, descending = request.get("limit", rules.DESCRIBE_MAX), request.get("descending", False)
    keys, token = _page(call, space, bounds, limit, descending, request.get("nextToken"))
    streams = [_stream(call, contents, key[-1]) for key in keys]
    answer: dict[str, Any] = {"logStreams": [described(group, stream) for stream in streams]}
    return answer | ({"nextToken": token} if token else {})


def _stream(call: Call, contents: Contents, name: str) -> Stream:
    return require_stream(call.tx, contents, name)


def _page(
    call: Call, space: Subspace, bounds: tuple[bytes, bytes], limit: int, descending: bool, token: str | None
) -> tuple[list[tuple], str | None]:
    """The keys of one page, in either direction."""
    begin, end = bounds
    if token is not None:
        edge = space.key(*page.decode_token(token, INVALID_TOKEN))
        begin, end = (begin, min(end, edge)) if descending else (max(begin, edge + b"\x01"), end)
    if begin >= end:
        return [], None
    found = call.tx.scan(begin, end, limit=limit, reverse=descending)
    keys = [space.unpack(key) for key, _ in found.rows]
    return keys, page.encode_token(*keys[-1]) if found.resume is not None else None
