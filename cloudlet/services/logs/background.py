"""What CloudWatch Logs does unasked: forget events past retention, remove what deleted streams and groups leave."""

from typing import Any

from cloudlet.base import ids
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.kit.service import TASK_AGE_MAX_MS
from cloudlet.services.logs.lookup import find_group, put_group
from cloudlet.services.logs.records import Group
from cloudlet.services.logs.service import logs

REMOVED_PER_STEP = 1000
EXPIRE_EVERY_MS = 3_600_000  # events are gone from answers at once; their room is free within the hour


def begin_expiry(call: Call, group: Group, days: int) -> Group:
    """The group with another retention, and a chain of "expire" tasks that is its own."""
    group = replace(group, retention_days=days, expiry=ids.hexadecimal(16))
    call.later("expire", {"name": group.name, "expiry": group.expiry})
    return group


@logs.task("expire")
def expire(call: Call, payload: dict[str, Any]) -> None:
    """Delete batches whose last event is past the retention, oldest first; come back when the next one is."""
    group = find_group(call.tx, call.keys, payload["name"])
    if group is None or group.expiry != payload["expiry"]:
        return
    contents = call.keys.of(group.id)
    cutoff_ms = group.kept_from_ms(call.now_ms) - group.span_ms
    begin = contents.batch.key(group.trimmed_ms)
    next_ms, trimmed_ms = call.now_ms + EXPIRE_EVERY_MS, max(group.trimmed_ms, cutoff_ms)
    end = contents.batch.key(max(cutoff_ms, group.trimmed_ms))
    found = call.tx.scan(begin, end, limit=REMOVED_PER_STEP) if begin < end else None
    for key, _ in found.rows if found else ():
        first_ms, number, sequence = contents.batch.unpack(key)
        call.tx.delete(key)
        call.tx.delete(contents.position.key(number, first_ms, sequence))
        trimmed_ms = first_ms
    if found and found.resume is not None:
        next_ms = call.now_ms
    else:
        trimmed_ms = max(group.trimmed_ms, cutoff_ms)
    if trimmed_ms != group.trimmed_ms:
        put_group(call.tx, call.keys, replace(group, trimmed_ms=trimmed_ms))
    age_max_ms = next_ms - call.now_ms + TASK_AGE_MAX_MS
    call.later("expire", payload, due_ms=next_ms, age_max_ms=age_max_ms)


@logs.task("remove_stream")
def remove_stream(call: Call, payload: dict[str, Any]) -> None:
    contents, number = call.keys.of(payload["group_id"]), payload["number"]
    positions = contents.position[number]
    begin, end = positions.range()
    found = call.tx.scan(payload.get("from", begin), end, limit=REMOVED_PER_STEP)
    for key, _ in found.rows:
        first_ms, sequence = positions.unpack(key)
        call.tx.delete(key)
        call.tx.delete(contents.batch.key(first_ms, number, sequence))
    if found.resume is not None:
        call.later("remove_stream", payload | {"from": found.resume})


@logs.task("remove_contents")
def remove_contents(call: Call, payload: dict[str, Any]) -> None:
    """Delete everything below a group's id, a thousand keys a step."""
    begin, end = call.keys.of(payload["group_id"]).space.range()
    resume = page.delete_first(call.tx, payload.get("from", begin), end, REMOVED_PER_STEP)
    if resume is not None:
        call.later("remove_contents", payload | {"from": resume})
