"""What S3 does unasked: give up the bodies nobody holds, and what a deleted bucket leaves.

The daily walk of lifecycle rules: expiry.py."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.s3 import expiry  # noqa: F401 - its task
from cloudlet.services.s3.bodies import PARTS_DROPPED_PER_STEP, drop
from cloudlet.services.s3.multipart import drop_part
from cloudlet.services.s3.records import Part, PartList, Version
from cloudlet.services.s3.service import s3
from cloudlet.store.keys import Subspace

KEYS_PER_STEP = 500


@s3.task("drop_parts")
def drop_parts(call: Call, payload: dict[str, Any]) -> None:
    """The blobs of a body made of parts, some hundred a step; the list goes last."""
    key = call.keys.parts.key(payload["parts_id"])
    stored = call.tx.get(key)
    if stored is None:
        return
    begin = payload.get("from", 0)
    parts = PartList.decode(stored).parts
    for part in parts[begin : begin + PARTS_DROPPED_PER_STEP]:
        drop_part(call.tx, part)
    if begin + PARTS_DROPPED_PER_STEP < len(parts):
        call.later("drop_parts", payload | {"from": begin + PARTS_DROPPED_PER_STEP})
    else:
        call.tx.delete(key)


@s3.task("remove_parts")
def remove_parts(call: Call, payload: dict[str, Any]) -> None:
    """The parts of an upload that ended; those that an object took over keep their blobs."""
    kept: bytes = payload["kept"]
    begin, end = Subspace(prefix=payload["space"]).range()
    found = call.tx.scan(payload.get("from", begin), end, limit=KEYS_PER_STEP)
    for key, stored in found.rows:
        part = Part.decode(stored)
        call.tx.delete(key)
        if not kept or not kept[part.number >> 3] >> (part.number & 7) & 1:
            drop_part(call.tx, part)
    if found.resume is not None:
        call.later("remove_parts", payload | {"from": found.resume})


@s3.task("forget_completed")
def forget_completed(call: Call, payload: dict[str, Any]) -> None:
    """Of a bucket that is gone there is nothing left to forget."""
    call.tx.delete(payload["row"])


@s3.task("remove_contents")
def remove_contents(call: Call, payload: dict[str, Any]) -> None:
    """Everything below a bucket that was deleted: parts of uploads, counters. Objects there are none."""
    contents = call.keys.of(payload["bucket_id"])
    begin, end = contents.space.range()
    found = call.tx.scan(payload.get("from", begin), end, limit=KEYS_PER_STEP)
    for key, stored in found.rows:
        if key in contents.part:
            drop_part(call.tx, Part.decode(stored))
        elif key in contents.current:  # none by rule; nothing may be left behind all the same
            drop(call, contents, contents.current.unpack(key)[0], Version.decode(stored))
        call.tx.delete(key)
    if found.resume is not None:
        call.later("remove_contents", payload | {"from": found.resume})
