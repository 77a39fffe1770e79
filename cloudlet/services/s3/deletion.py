"""Deleting objects and versions, one or many."""

from typing import Any

from cloudlet.base.errors import AwsError
from cloudlet.kit.authority import decision_on
from cloudlet.kit.call import Call
from cloudlet.services.s3 import engine, errors, integrity, preconditions, rules
from cloudlet.services.s3.events import announce
from cloudlet.services.s3.iam import access_to
from cloudlet.services.s3.lookup import check_version_id, find_current, find_version, locate
from cloudlet.services.s3.records import Bucket, Version
from cloudlet.services.s3.service import s3
from cloudlet.store.transaction import Tx

KEYS_PER_TRANSACTION = 25  # each may have an event, and so a target in the same transaction


@s3.operation("DeleteObject")
def delete_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.check_supported(request)
    bucket, key, version_id = locate(call, request), request["Key"], request.get("VersionId")
    if version_id is not None:
        check_version_id(version_id)
        return _answer_to_removal(version_id, remove(call, bucket, key, version_id, request))
    marker = delete(call, bucket, key, request)
    return {"DeleteMarker": True, "VersionId": marker.id} if marker is not None else {}


def _answer_to_removal(version_id: str, removed: Version | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"VersionId": version_id}
    if removed is not None and removed.is_delete_marker:
        answer["DeleteMarker"] = True
    return answer


def delete(
    call: Call, bucket: Bucket, key: str, conditions: dict[str, Any], events: str = "ObjectRemoved"
) -> Version | None:
    """Delete without naming a version; the delete marker, where versions are kept."""
    contents = call.keys.of(bucket.id)
    current = find_current(call.tx, contents, key)
    preconditions.check_delete(conditions, key, current)
    if current is None and not bucket.keeps_versions:
        return None
    sequence = engine.next_sequence(call.tx, contents, bucket, key)
    marker = engine.delete(call, bucket, key, sequence)
    if marker is not None:
        announce(call, bucket, key, marker, f"{events}:DeleteMarkerCreated")
    elif current is not None:
        announce(call, bucket, key, _at(current, sequence), f"{events}:Delete")
    return marker


def remove(
    call: Call, bucket: Bucket, key: str, version_id: str, conditions: dict[str, Any], events: str = "ObjectRemoved"
) -> Version | None:
    """Delete one version for good; None if there was none."""
    contents = call.keys.of(bucket.id)
    if "IfMatch" in conditions or "IfMatchSize" in conditions or "IfMatchLastModifiedTime" in conditions:
        preconditions.check_delete(conditions, key, find_version(call.tx, contents, key, version_id))
    removed = engine.remove(call, bucket, key, version_id)
    if removed is not None:
        sequence = engine.next_sequence(call.tx, contents, bucket, key)
        announce(call, bucket, key, _at(removed, sequence), f"{events}:Delete")
    return removed


def _at(version: Version, sequence: int) -> Version:
    """An event of a deletion bears the deletion's own place in the order."""
    return Version(version.id, sequence, version.modified_ms)


@s3.operation("DeleteObjects")
async def delete_objects(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Key by key, some in a transaction: what fails or is denied is told in the answer."""
    if "MFA" in request:
        rules.check_supported(request)
    objects = request["Delete"]["Objects"]
    if not 1 <= len(objects) <= rules.DELETED_MAX:
        raise errors.malformed_xml()
    integrity.check_document(call, request, required=True)
    call.transact(lambda tx: locate(call, request))
    deleted: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for start in range(0, len(objects), KEYS_PER_TRANSACTION):
        chunk = objects[start : start + KEYS_PER_TRANSACTION]
        for is_deleted, entry in call.transact(lambda tx, chunk=chunk: _delete_chunk(tx, call, request, chunk)):
            (deleted if is_deleted else failed).append(entry)
        await call.pause()
    answer: dict[str, Any] = {} if request["Delete"].get("Quiet") else {"Deleted": deleted}
    return answer | ({"Errors": failed} if failed else {})


def _delete_chunk(
    tx: Tx, call: Call, request: dict[str, Any], objects: list[dict[str, Any]]
) -> list[tuple[bool, dict[str, Any]]]:
    bucket = locate(call, request)
    return [_delete_one(tx, call, bucket, entry) for entry in objects]


def _delete_one(tx: Tx, call: Call, bucket: Bucket, entry: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    key, version_id = entry["Key"], entry.get("VersionId")
    named = {"Key": key} | ({"VersionId": version_id} if version_id is not None else {})
    conditions = {"IfMatch": entry["ETag"]} if "ETag" in entry else {}
    try:
        with tx.savepoint():
            _check_entry(call, bucket, entry)
            if version_id is None:
                marker = delete(call, bucket, key, conditions)
                made = {"DeleteMarker": True, "DeleteMarkerVersionId": marker.id} if marker is not None else {}
                return True, named | made
            removed = remove(call, bucket, key, version_id, conditions)
            if removed is not None and removed.is_delete_marker:
                return True, named | {"DeleteMarker": True, "DeleteMarkerVersionId": version_id}
            return True, named
    except AwsError as error:
        return False, named | {"Code": error.code, "Message": error.message}


def _check_entry(call: Call, bucket: Bucket, entry: dict[str, Any]) -> None:
    key, version_id = entry["Key"], entry.get("VersionId")
    if "LastModifiedTime" in entry or "Size" in entry:
        raise errors.not_implemented("deleting by size or time (of directory buckets only)")
    action, context = "DeleteObject", {}
    if version_id is not None:
        action, context = "DeleteObjectVersion", {"s3:VersionId": version_id}
    decision = decision_on(call, access_to(call, action, bucket.name, key, context))
    if not decision.allowed:
        raise errors.AccessDenied(decision.message)
    if version_id is not None:
        try:
            check_version_id(version_id)
        except AwsError:
            raise errors.NoSuchVersion() from None
