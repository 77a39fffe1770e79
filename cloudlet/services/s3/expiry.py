"""Applying lifecycle rules, once a day: a walk through the bucket, some hundred rows a step.

The walk has three stretches: current objects, older versions and delete markers, unfinished uploads.
"""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.s3 import deletion
from cloudlet.services.s3.keys import Contents
from cloudlet.services.s3.lifecycle import DAY_MS, covers, expires, next_midnight, schedule
from cloudlet.services.s3.lookup import find_bucket, find_current
from cloudlet.services.s3.multipart import end_upload
from cloudlet.services.s3.records import Bucket, Upload, Version
from cloudlet.services.s3.service import s3
from cloudlet.store.transaction import Scan

ROWS_PER_STEP, ROWS_WITH_EVENTS_PER_STEP = 200, 25
RULES_PER_STEP = 20_000  # asked, of all rows together
STRETCHES = ("current", "older", "upload")


@s3.task("expire")
def expire(call: Call, payload: dict[str, Any]) -> None:
    bucket = find_bucket(call.tx, call.keys, payload["bucket"])
    if bucket is None or not bucket.lifecycle_id or bucket.lifecycle_id != payload["lifecycle_id"]:
        return  # another configuration, or none: it has a chain of its own
    contents = call.keys.of(bucket.id)
    stretch = payload.get("stretch", STRETCHES[0])
    space = getattr(contents, stretch)
    rows = ROWS_WITH_EVENTS_PER_STEP if bucket.notifications else ROWS_PER_STEP
    rows = max(1, min(rows, RULES_PER_STEP // max(1, len(bucket.lifecycle))))
    found = call.tx.scan(payload.get("from") or space.range()[0], space.range()[1], limit=rows)
    more = {
        "current": _expire_current,
        "older": _expire_older,
        "upload": _abort_uploads,
    }[stretch](call, bucket, contents, found, payload.get("more", {}))
    if found.resume is not None:
        _go_on(call, payload, stretch, found.resume, more)
    elif stretch != STRETCHES[-1]:
        _go_on(call, payload, STRETCHES[STRETCHES.index(stretch) + 1], None, {})
    else:
        schedule(call, bucket)


def _go_on(call: Call, payload: dict[str, Any], stretch: str, begin: bytes | None, more: dict[str, Any]) -> None:
    step = {"stretch": stretch, "from": begin, "more": more}
    call.later("expire", payload | step, age_max_ms=7 * DAY_MS)


def _expire_current(
    call: Call, bucket: Bucket, contents: Contents, found: Scan, more: dict[str, Any]
) -> dict[str, Any]:
    for row, stored in found.rows:
        (key,) = contents.current.unpack(row)
        due = expires(bucket, key, Version.decode(stored))
        if due is not None and due[0] <= call.now_ms:
            deletion.delete(call, bucket, key, {}, events="LifecycleExpiration")
    return {}


def _expire_older(call: Call, bucket: Bucket, contents: Contents, found: Scan, more: dict[str, Any]) -> dict[str, Any]:
    """`more` carries over from step to step what is known of the key under way: which, when its last version seen was
    made, and how many versions older than the newest came."""
    last_key, newer_ms, count = more.get("key"), more.get("newer_ms", 0), more.get("count", 0)
    for row, stored in found.rows:
        (key, _), version = contents.older.unpack(row), Version.decode(stored)
        if key != last_key:
            current = find_current(call.tx, contents, key)
            last_key, count = key, 0
            if current is None:  # a delete marker in front is the newest; nothing is newer
                newer_ms, count = version.modified_ms, 1
                _remove_lonely_marker(call, bucket, contents, key, version)
                continue
            newer_ms = current.modified_ms
        count += 1
        if _is_past(call, bucket, key, version, newer_ms, count):
            deletion.remove(call, bucket, key, version.id, {}, events="LifecycleExpiration")
        newer_ms = version.modified_ms
    return {"key": last_key, "newer_ms": newer_ms, "count": count}


def _is_past(call: Call, bucket: Bucket, key: str, version: Version, noncurrent_since_ms: int, count: int) -> bool:
    for rule in bucket.lifecycle:
        limit = rule.get("NoncurrentVersionExpiration")
        if limit is None or not covers(rule, key, version.size, version.tags):
            continue
        due_ms = next_midnight(noncurrent_since_ms + limit["NoncurrentDays"] * DAY_MS)
        if due_ms <= call.now_ms and count > limit.get("NewerNoncurrentVersions", 0):
            return True
    return False


def _remove_lonely_marker(call: Call, bucket: Bucket, contents: Contents, key: str, newest: Version) -> None:
    """A delete marker that has no version left to hide goes, where a rule says so."""
    if not newest.is_delete_marker or call.tx.scan(*contents.older.range(key), limit=1).resume is not None:
        return
    for rule in bucket.lifecycle:
        expiration = rule.get("Expiration", {})
        by_name = expiration.get("ExpiredObjectDeleteMarker", False)
        by_age = "Days" in expiration and next_midnight(newest.modified_ms + expiration["Days"] * DAY_MS) <= call.now_ms
        if (by_name or by_age) and covers(rule, key, 0, {}):
            deletion.remove(call, bucket, key, newest.id, {}, events="LifecycleExpiration")
            return


def _abort_uploads(call: Call, bucket: Bucket, contents: Contents, found: Scan, more: dict[str, Any]) -> dict[str, Any]:
    for _, stored in found.rows:
        upload = Upload.decode(stored)
        for rule in bucket.lifecycle:
            limit = rule.get("AbortIncompleteMultipartUpload")
            if limit is None or not covers(rule, upload.key, None, {}):
                continue
            if next_midnight(upload.initiated_ms + limit["DaysAfterInitiation"] * DAY_MS) <= call.now_ms:
                end_upload(call, contents, upload, kept=b"")
                break
    return {}
