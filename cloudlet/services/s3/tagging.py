"""Tags of objects and buckets."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.s3 import engine, errors, integrity, rules
from cloudlet.services.s3.events import announce
from cloudlet.services.s3.lookup import find_latest, locate, put_bucket
from cloudlet.services.s3.object import Found, marker_refused, require_object
from cloudlet.services.s3.presenting import version_id
from cloudlet.services.s3.service import s3


def _require(call: Call, request: dict[str, Any], method: str) -> Found:
    """Unlike a read, this says of a delete marker in front that it is one."""
    if "VersionId" not in request:
        bucket = locate(call, request)
        latest = find_latest(call.tx, call.keys.of(bucket.id), bucket, request["Key"])
        if latest is not None and latest.is_delete_marker:
            raise marker_refused(latest, method)
    return require_object(call, request, method)


@s3.operation("GetObjectTagging")
def get_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket, _, version = _require(call, request, "GET")
    return {"TagSet": rules.tag_set(version.tags), **version_id(bucket, version)}


@s3.operation("PutObjectTagging")
def put_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    found = _require(call, request, "PUT")
    integrity.check_document(call, request)
    return _set_tags(call, request, found, rules.tags_of(request["Tagging"]["TagSet"]), "ObjectTagging:Put")


@s3.operation("DeleteObjectTagging")
def delete_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _set_tags(call, request, _require(call, request, "DELETE"), {}, "ObjectTagging:Delete")


def _set_tags(call: Call, request: dict[str, Any], found: Found, tags: dict[str, str], event: str) -> dict[str, Any]:
    bucket, contents, version = found
    changed = replace(version, tags=tags)
    engine.rewrite(call.tx, contents, request["Key"], changed)
    announce(call, bucket, request["Key"], changed, event)
    return version_id(bucket, version)


@s3.operation("GetBucketTagging")
def get_bucket_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    if not bucket.tags:
        raise errors.NoSuchTagSet(members={"BucketName": bucket.name})
    return {"TagSet": rules.tag_set(bucket.tags)}


@s3.operation("PutBucketTagging")
def put_bucket_tagging(call: Call, request: dict[str, Any]) -> None:
    bucket = locate(call, request)
    integrity.check_document(call, request)
    tags = rules.tags_of(request["Tagging"]["TagSet"], of_bucket=True)
    put_bucket(call.tx, call.keys, replace(bucket, tags=tags))


@s3.operation("DeleteBucketTagging")
def delete_bucket_tagging(call: Call, request: dict[str, Any]) -> None:
    put_bucket(call.tx, call.keys, replace(locate(call, request), tags={}))
