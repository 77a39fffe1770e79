"""Which actions and resources each S3 operation asks IAM about, and the bucket policy that has a say.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

from collections.abc import Callable, Sequence
from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Access, NamedPolicy
from cloudlet.kit.service import AccessRule
from cloudlet.services.s3 import conditions, errors
from cloudlet.services.s3.copy_source import CopySource, parse_copy_source
from cloudlet.services.s3.lookup import find_bucket, find_current, find_older
from cloudlet.services.s3.records import Bucket, Version

_ACL_MEMBERS = frozenset(("ACL", "GrantFullControl", "GrantRead", "GrantReadACP", "GrantWriteACP"))


def access_to(
    call: Call, action: str, name: str, key: str | None = None, context: dict[str, Any] | None = None
) -> Access:
    """What is asked for: an action on a bucket, or on one of its objects.

    A bucket that isn't there has no owner to hide it: whoever asks is told so, before any decision.
    """
    bucket = find_bucket(call.tx, call.keys, name)
    if bucket is None and name:
        raise errors.NoSuchBucket(members={"BucketName": name})
    resource = f"arn:aws:s3:::{name}" if key is None else f"arn:aws:s3:::{name}/{key}"
    policy = bucket.policy if bucket is not None and _policy_counts(call, bucket) else ""
    own = conditions.of_request(call)
    if bucket is not None:
        own["s3:ResourceAccount"] = bucket.account
    return Access(
        action=f"s3:{action}",
        resource=resource,
        resource_account=bucket.account if bucket is not None else None,
        resource_policy=NamedPolicy("bucket policy", policy) if policy else None,
        context=own | context if context else own,
    )


def _policy_counts(call: Call, bucket: Bucket) -> bool:
    """RestrictPublicBuckets: a public policy speaks to the owner's account and to AWS services only."""
    if not bucket.policy_is_public or not bucket.blocks("RestrictPublicBuckets"):
        return True
    return call.principal.type == "Service" or call.principal.account == bucket.account


def _bucket(action: str, of_request: Callable[[dict[str, Any]], dict[str, Any]] | None = None) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        context = of_request(request) if of_request else None
        return (access_to(call, action, request.get("Bucket", ""), None, context),)

    return rule


def _object(action: str, version_action: str = "", *, existing_tags: bool = False) -> AccessRule:
    """An action on an object; another one where the request names a version."""

    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        name, key, version_id = request.get("Bucket", ""), request.get("Key", ""), request.get("VersionId")
        chosen, context = action, {}
        if version_id is not None:
            chosen, context = version_action or action, {"s3:VersionId": version_id}
        if existing_tags:
            context |= conditions.existing_tags(_existing(call, name, key, version_id))
        return (access_to(call, chosen, name, key, context),)

    return rule


def _existing(call: Call, name: str, key: str, version_id: str | None) -> Version | None:
    bucket = find_bucket(call.tx, call.keys, name)
    if bucket is None:
        return None
    contents = call.keys.of(bucket.id)
    current = find_current(call.tx, contents, key)
    if version_id is None or (current is not None and current.id == version_id):
        return current
    return find_older(call.tx, contents, key, version_id)


def _get_attributes(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return (
        *_object("GetObject", "GetObjectVersion", existing_tags=True)(call, request),
        *_object("GetObjectAttributes", "GetObjectVersionAttributes", existing_tags=True)(call, request),
    )


def _put_object(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    """Writing an object, its ACL and its tags, each where the request has it."""
    name, key = request.get("Bucket", ""), request.get("Key", "")
    context = conditions.of_write(request)
    accesses = [access_to(call, "PutObject", name, key, context)]
    if "Tagging" in request:
        accesses.append(access_to(call, "PutObjectTagging", name, key, context))
    if not _ACL_MEMBERS.isdisjoint(request):
        accesses.append(access_to(call, "PutObjectAcl", name, key, context))
    return accesses


def _copied(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    """Reading the source of a copy, with its tags where they come along."""
    source: CopySource = parse_copy_source(request.get("CopySource", ""))
    existing = conditions.existing_tags(_existing(call, source.bucket, source.key, source.version_id))
    version = {"s3:VersionId": source.version_id} if source.version_id else {}
    word = "Version" if source.version_id else ""
    accesses = [access_to(call, f"GetObject{word}", source.bucket, source.key, existing | version)]
    if existing and request.get("TaggingDirective", "COPY") == "COPY" and "PartNumber" not in request:
        accesses.append(access_to(call, f"GetObject{word}Tagging", source.bucket, source.key, existing | version))
    return accesses


def _copy_object(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    context = conditions.of_write(request) | conditions.of_copy(request)
    name, key = request.get("Bucket", ""), request.get("Key", "")
    accesses = [*_copied(call, request), *_put_object(call, request)]
    if len(accesses) > 2 and accesses[1].action.endswith("Tagging") and "Tagging" not in request:
        accesses.append(access_to(call, "PutObjectTagging", name, key, context))
    return [_with(access, context) for access in accesses]


def _with(access: Access, context: dict[str, Any]) -> Access:
    return Access(
        access.action, access.resource, access.resource_account, access.resource_policy, dict(access.context) | context
    )


def _upload_part_copy(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return (*_copied(call, request), *_object("PutObject")(call, request))


def _put_tagging(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    (access,) = _object("PutObjectTagging", "PutObjectVersionTagging", existing_tags=True)(call, request)
    tags = request.get("Tagging", {}).get("TagSet", ())
    return (_with(access, conditions.requested_tags({tag.get("Key", ""): tag.get("Value", "") for tag in tags})),)


def _create_bucket(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    """Of the caller's own account, whoever may have a bucket of that name already."""
    actions = ["CreateBucket"]
    if "ACL" in request or any(member in request for member in ("GrantFullControl", "GrantRead", "GrantWrite")):
        actions.append("PutBucketAcl")
    if "ObjectOwnership" in request:
        actions.append("PutBucketOwnershipControls")
    if request.get("CreateBucketConfiguration", {}).get("Tags"):
        actions.append("TagResource")
    resource, context = f"arn:aws:s3:::{request.get('Bucket', '')}", conditions.of_new_bucket(call, request)
    context |= conditions.of_request(call)
    return [Access(f"s3:{action}", resource, None, None, context) for action in actions]


def _list_buckets(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return (Access("s3:ListAllMyBuckets", "*", None, None, conditions.of_request(call)),)


def _delete_objects(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    """Asked for each key by the handler: a key that may not be deleted is an error of its own in the answer."""
    return ()


_OF_BUCKETS = {
    "DeleteBucket": "DeleteBucket",
    "GetBucketLocation": "GetBucketLocation",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "GetBucketVersioning": "GetBucketVersioning",
    "PutBucketVersioning": "PutBucketVersioning",
    "GetBucketTagging": "GetBucketTagging",
    "PutBucketTagging": "PutBucketTagging",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketPolicy": "GetBucketPolicy",
    "PutBucketPolicy": "PutBucketPolicy",
    "DeleteBucketPolicy": "DeleteBucketPolicy",
    "GetBucketPolicyStatus": "GetBucketPolicyStatus",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAcl": "GetBucketAcl",
    "PutBucketAcl": "PutBucketAcl",
    "GetBucketOwnershipControls": "GetBucketOwnershipControls",
    "PutBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetBucketRequestPayment": "GetBucketRequestPayment",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketLogging": "GetBucketLogging",
    "GetBucketWebsite": "GetBucketWebsite",
    "DeleteBucketWebsite": "DeleteBucketWebsite",
    "GetBucketReplication": "GetReplicationConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
}
_OF_LISTS = {
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
}

ACCESS: dict[str, AccessRule] = {
    **{operation: _bucket(action) for operation, action in _OF_BUCKETS.items()},
    **{operation: _bucket(action, conditions.of_list) for operation, action in _OF_LISTS.items()},
    "CreateBucket": _create_bucket,
    "ListBuckets": _list_buckets,
    "GetObject": _object("GetObject", "GetObjectVersion", existing_tags=True),
    "HeadObject": _object("GetObject", "GetObjectVersion", existing_tags=True),
    "GetObjectAttributes": _get_attributes,
    "GetObjectAcl": _object("GetObjectAcl", "GetObjectVersionAcl", existing_tags=True),
    "PutObjectAcl": _object("PutObjectAcl", "PutObjectVersionAcl", existing_tags=True),
    "PutObject": _put_object,
    "CopyObject": _copy_object,
    "DeleteObject": _object("DeleteObject", "DeleteObjectVersion"),
    "DeleteObjects": _delete_objects,
    "GetObjectTagging": _object("GetObjectTagging", "GetObjectVersionTagging", existing_tags=True),
    "PutObjectTagging": _put_tagging,
    "DeleteObjectTagging": _object("DeleteObjectTagging", "DeleteObjectVersionTagging", existing_tags=True),
    "CreateMultipartUpload": _put_object,
    "UploadPart": _object("PutObject"),
    "UploadPartCopy": _upload_part_copy,
    "CompleteMultipartUpload": _object("PutObject"),
    "AbortMultipartUpload": _object("AbortMultipartUpload"),
    "ListParts": _object("ListMultipartUploadParts"),
}
