"""Who may reach a bucket: its policy, Block Public Access, ownership, and what is left of ACLs."""

import json
from typing import Any

from cloudlet.base.errors import AccessDenied
from cloudlet.kit.call import Call
from cloudlet.kit.policy.document import Document, check
from cloudlet.kit.policy.syntax import MalformedPolicy
from cloudlet.kit.record import replace
from cloudlet.services.s3 import errors, integrity, rules
from cloudlet.services.s3.bucket import BLOCK_SETTINGS
from cloudlet.services.s3.lookup import locate, put_bucket
from cloudlet.services.s3.object import require_object
from cloudlet.services.s3.presenting import owner_of
from cloudlet.services.s3.public import is_public
from cloudlet.services.s3.records import Bucket
from cloudlet.services.s3.service import s3

POLICY_BYTES_MAX = 20 << 10


@s3.operation("GetBucketPolicy")
def get_bucket_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    if not bucket.policy:
        raise errors.NoSuchBucketPolicy(members={"BucketName": bucket.name})
    return {"Policy": bucket.policy}


@s3.operation("PutBucketPolicy")
def put_bucket_policy(call: Call, request: dict[str, Any]) -> None:
    bucket, text = locate(call, request), request["Policy"]
    integrity.check_document(call, request)
    _check_policy(bucket, text)
    public = is_public(text)
    if public and bucket.blocks("BlockPublicPolicy"):
        raise AccessDenied(
            f"User: {call.principal.arn} is not authorized to perform: s3:PutBucketPolicy on resource: {bucket.arn}"
            " because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access."
        )
    put_bucket(call.tx, call.keys, replace(bucket, policy=text, policy_is_public=public))


def _check_policy(bucket: Bucket, text: str) -> None:
    if not text.lstrip().startswith("{"):
        raise errors.MalformedPolicy()
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise errors.MalformedPolicy("Policy exceeds the maximum allowed document size.")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise errors.MalformedPolicy() from error
    if "Statement" not in parsed:
        raise errors.MalformedPolicy("Missing required field Statement")
    try:
        document = check(text, "resource")
    except MalformedPolicy as error:
        raise errors.MalformedPolicy(_POLICY_PROBLEMS.get(error.reason, "Policy has invalid syntax")) from error
    _check_resources(bucket, document)


_POLICY_PROBLEMS = {
    "json": "This policy contains invalid Json",
    "version": "The policy must contain a valid version string",
    "action": "Policy has invalid action",
    "resource": "Policy has invalid resource",
    "resource-missing": "Missing required field Resource",
    "principal": "Invalid principal in policy",
    "principal-missing": "Missing required field Principal",
    "condition": "Policy has an invalid condition key",
    "sid": "Policy has an invalid Sid",
}


def _check_resources(bucket: Bucket, document: Document) -> None:
    """Every statement speaks of this bucket, and of S3's actions only."""
    for statement in document.statements:
        for resource in statement.raw.resources or statement.raw.not_resources or ():
            if resource == "*":
                continue
            name = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
            if not resource.startswith("arn:aws:s3:::") or (name != bucket.name and not (set("*?") & set(name))):
                raise errors.MalformedPolicy("Policy has invalid resource")
        for action in statement.raw.actions or statement.raw.not_actions or ():
            if action != "*" and not action.lower().startswith("s3:"):
                raise errors.MalformedPolicy("Policy has invalid action")
        if not (statement.raw.resources or statement.raw.not_resources):
            raise errors.MalformedPolicy("Missing required field Resource")


@s3.operation("DeleteBucketPolicy")
def delete_bucket_policy(call: Call, request: dict[str, Any]) -> None:
    put_bucket(call.tx, call.keys, replace(locate(call, request), policy="", policy_is_public=False))


@s3.operation("GetBucketPolicyStatus")
def get_bucket_policy_status(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    if not bucket.policy:
        raise errors.NoSuchBucketPolicy(members={"BucketName": bucket.name})
    return {"PolicyStatus": {"IsPublic": bucket.policy_is_public}}


@s3.operation("GetPublicAccessBlock")
def get_public_access_block(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    if bucket.public_access is None:
        raise errors.NoSuchPublicAccessBlock(members={"BucketName": bucket.name})
    return {"PublicAccessBlockConfiguration": bucket.public_access}


@s3.operation("PutPublicAccessBlock")
def put_public_access_block(call: Call, request: dict[str, Any]) -> None:
    bucket, given = locate(call, request), request["PublicAccessBlockConfiguration"]
    integrity.check_document(call, request)
    settings = {name: given.get(name, False) for name in BLOCK_SETTINGS}
    put_bucket(call.tx, call.keys, replace(bucket, public_access=settings))


@s3.operation("DeletePublicAccessBlock")
def delete_public_access_block(call: Call, request: dict[str, Any]) -> None:
    put_bucket(call.tx, call.keys, replace(locate(call, request), public_access=None))


@s3.operation("GetBucketOwnershipControls")
def get_bucket_ownership_controls(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    if not bucket.ownership:
        raise errors.OwnershipControlsNotFound(members={"BucketName": bucket.name})
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": bucket.ownership}]}}


@s3.operation("PutBucketOwnershipControls")
def put_bucket_ownership_controls(call: Call, request: dict[str, Any]) -> None:
    bucket, given = locate(call, request), request["OwnershipControls"]["Rules"]
    integrity.check_document(call, request)
    if len(given) != 1:
        raise errors.malformed_xml()
    put_bucket(call.tx, call.keys, replace(bucket, ownership=given[0]["ObjectOwnership"]))


@s3.operation("DeleteBucketOwnershipControls")
def delete_bucket_ownership_controls(call: Call, request: dict[str, Any]) -> None:
    put_bucket(call.tx, call.keys, replace(locate(call, request), ownership=""))


@s3.operation("GetBucketAcl")
def get_bucket_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _owners_acl(locate(call, request))


@s3.operation("PutBucketAcl")
def put_bucket_acl(call: Call, request: dict[str, Any]) -> None:
    _check_acl(locate(call, request), request)


@s3.operation("GetObjectAcl")
def get_object_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _owners_acl(require_object(call, request).bucket)


@s3.operation("PutObjectAcl")
def put_object_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    _check_acl(require_object(call, request, "PUT").bucket, request)
    return {}


def _owners_acl(bucket: Bucket) -> dict[str, Any]:
    """The one ACL there is: the owner may do everything."""
    owner = owner_of(bucket)
    grantee = {"Type": "CanonicalUser", **owner}
    return {"Owner": owner, "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]}


def _check_acl(bucket: Bucket, request: dict[str, Any]) -> None:
    """An ACL that says what holds anyway may be put; any other needs ACLs, which are off or not part of this S3."""
    policy = request.get("AccessControlPolicy")
    if policy is not None and policy.get("Grants") != _owners_acl(bucket)["Grants"]:
        request = request | {"ACL": "other"}
    rules.check_acl(bucket, request)
