"""What a bucket does with versions: put, delete, remove, bring back. No wire types, no events.

A bucket that never had versioning has `current` only. Once it had, `older` holds every version that is not the
current object, delete markers always: so listing objects never walks over markers.
"""

from cloudlet.kit.call import Call
from cloudlet.services.s3 import bodies
from cloudlet.services.s3.keys import Contents
from cloudlet.services.s3.lookup import find_current, find_older, new_version_id, newest_older
from cloudlet.services.s3.records import NULL, Bucket, Version
from cloudlet.store.transaction import Tx


def next_sequence(tx: Tx, contents: Contents, bucket: Bucket, key: str) -> int:
    """The place of a change among its key's; 0 where nobody asks (no versions, no events)."""
    if not bucket.counts:
        return 0
    counter = contents.sequence_key(key)
    sequence = int(tx.get(counter) or 0) + 1
    tx.put(counter, b"%d" % sequence)
    return sequence


def new_id(bucket: Bucket, sequence: int) -> str:
    return new_version_id(sequence) if bucket.versioning == "Enabled" else NULL


def put(call: Call, bucket: Bucket, key: str, version: Version, inline_body: bytes | None) -> None:
    """Make `version` the current one. Its blobs or parts are held already."""
    contents = call.keys.of(bucket.id)
    _make_way(call, bucket, contents, key)
    call.tx.put(contents.current.key(key), version.encode())
    if inline_body is not None:
        call.tx.put(contents.body.key(key, version.sequence), inline_body)


def delete(call: Call, bucket: Bucket, key: str, sequence: int) -> Version | None:
    """Delete without naming a version; the delete marker, where versions are kept."""
    contents = call.keys.of(bucket.id)
    _make_way(call, bucket, contents, key)
    call.tx.delete(contents.current.key(key))
    if not bucket.keeps_versions:
        return None
    marker = Version(
        id=new_id(bucket, sequence), sequence=sequence, modified_ms=in_seconds(call.now_ms), is_delete_marker=True
    )
    _age(call.tx, contents, key, marker)
    return marker


def remove(call: Call, bucket: Bucket, key: str, version_id: str) -> Version | None:
    """Delete one version for good; what it was. The newest of the others takes its place."""
    tx, contents = call.tx, call.keys.of(bucket.id)
    current = find_current(tx, contents, key)
    if current is not None and current.id == version_id:
        removed = current
        tx.delete(contents.current.key(key))
    else:
        older = find_older(tx, contents, key, version_id)
        if older is None:
            return None
        removed = older
        _forget_older(tx, contents, key, older)
    bodies.drop(call, contents, key, removed)
    if bucket.keeps_versions and (current is None or removed is current):
        _bring_back(tx, contents, key)
    return removed


def rewrite(tx: Tx, contents: Contents, key: str, version: Version) -> None:
    """Store a changed version (its tags, say) where it is."""
    current = find_current(tx, contents, key)
    is_current = current is not None and current.id == version.id
    tx.put(contents.current.key(key) if is_current else contents.older_key(key, version.sequence), version.encode())


def in_seconds(now_ms: int) -> int:
    return now_ms // 1000 * 1000


def _make_way(call: Call, bucket: Bucket, contents: Contents, key: str) -> None:
    """The current version becomes an older one, or goes if the next takes its id."""
    current = find_current(call.tx, contents, key)
    if current is not None:
        if current.id == NULL and bucket.versioning != "Enabled":
            bodies.drop(call, contents, key, current)
            return
        _age(call.tx, contents, key, current)
    if bucket.versioning == "Suspended":
        older_null = find_older(call.tx, contents, key, NULL)
        if older_null is not None:
            _forget_older(call.tx, contents, key, older_null)
            bodies.drop(call, contents, key, older_null)


def _age(tx: Tx, contents: Contents, key: str, version: Version) -> None:
    tx.put(contents.older_key(key, version.sequence), version.encode())
    if version.id == NULL:
        tx.put(contents.null.key(key), b"%d" % version.sequence)


def _forget_older(tx: Tx, contents: Contents, key: str, version: Version) -> None:
    tx.delete(contents.older_key(key, version.sequence))
    if version.id == NULL:
        tx.delete(contents.null.key(key))


def _bring_back(tx: Tx, contents: Contents, key: str) -> None:
    newest = newest_older(tx, contents, key)
    if newest is not None and not newest.is_delete_marker:
        _forget_older(tx, contents, key, newest)
        tx.put(contents.current.key(key), newest.encode())
