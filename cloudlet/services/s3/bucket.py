"""Buckets: create, delete, list, where they are."""

from typing import Any

from cloudlet.base import ids
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.s3 import errors, integrity, rules
from cloudlet.services.s3.lookup import find_bucket, locate, put_bucket
from cloudlet.services.s3.presenting import canonical_id
from cloudlet.services.s3.records import Bucket, Owned
from cloudlet.services.s3.service import s3

_DEFAULT_REGION = "us-east-1"
_EU = "EU"  # what eu-west-1 was called
BLOCK_SETTINGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_OWNERSHIPS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")
_REGION_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@s3.operation("CreateBucket")
def create_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    name, configuration = request["Bucket"], request.get("CreateBucketConfiguration", {})
    if name.endswith("--x-s3") or "Location" in configuration or "Bucket" in configuration:
        raise errors.not_implemented("directory buckets (S3 Express One Zone)")
    rules.check_bucket_name(name)
    integrity.check_document(call, request)
    location = _checked_location(call, configuration.get("LocationConstraint"))
    ownership = request.get("ObjectOwnership", "BucketOwnerEnforced")
    if ownership not in _OWNERSHIPS:
        raise errors.invalid_argument(f"Invalid x-amz-object-ownership header: {ownership}", "x-amz-object-ownership")
    if request.get("ObjectLockEnabledForBucket"):
        raise errors.not_implemented("Object Lock (x-amz-bucket-object-lock-enabled)")
    existing = find_bucket(call.tx, call.keys, name)
    if existing is None:
        bucket = _new_bucket(call, name, location, ownership, _checked_tags(configuration))
        rules.check_acl(bucket, request)
        put_bucket(call.tx, call.keys, bucket)
        call.tx.put(call.keys.owned.key(name), Owned(bucket.created_ms, bucket.region).encode())
    elif existing.account != call.account:
        raise errors.BucketAlreadyExists(members={"BucketName": name})
    elif call.region != _DEFAULT_REGION or existing.region != _DEFAULT_REGION:
        raise errors.BucketAlreadyOwnedByYou(members={"BucketName": name})
    is_default = call.region == _DEFAULT_REGION
    return {
        "Location": f"/{name}" if is_default else f"http://{name}.s3.amazonaws.com/",
        "BucketArn": f"arn:aws:s3:::{name}",
    }


def _new_bucket(call: Call, name: str, location: str, ownership: str, tags: dict[str, str]) -> Bucket:
    return Bucket(
        id=ids.hexadecimal(16),
        name=name,
        account=call.account,
        region=call.region,
        created_ms=call.now_ms // 1000 * 1000,
        location=location,
        ownership=ownership,
        tags=tags,
        public_access=dict.fromkeys(BLOCK_SETTINGS, True),
    )


def _checked_location(call: Call, constraint: str | None) -> str:
    """A bucket is made where the request goes to; the constraint only says so again."""
    if call.region == _DEFAULT_REGION:
        if constraint is None:
            return ""
        if constraint == _DEFAULT_REGION or not _is_region(constraint):
            raise errors.InvalidLocationConstraint(members={"LocationConstraint": constraint})
        raise errors.IllegalLocationConstraint(constraint=constraint)
    if constraint == call.region or (constraint == _EU and call.region == "eu-west-1"):
        return constraint
    raise errors.IllegalLocationConstraint(constraint=constraint or "unspecified")


def _is_region(text: str) -> bool:
    return text.count("-") >= 2 and set(text) <= _REGION_CHARACTERS


def _checked_tags(configuration: dict[str, Any]) -> dict[str, str]:
    for tag in configuration.get("Tags", ()):
        if tag["Key"].startswith("aws:"):
            raise errors.InvalidTag(
                'User-defined tag keys can\'t start with "aws:". This prefix is reserved for system tags. Remove "aws:"'
                " from your tag keys and try again."
            )
    return rules.tags_of(configuration.get("Tags", []), of_bucket=True)


@s3.operation("DeleteBucket")
def delete_bucket(call: Call, request: dict[str, Any]) -> None:
    bucket = locate(call, request)
    contents = call.keys.of(bucket.id)
    if call.tx.scan(*contents.current.range(), limit=1).rows:
        raise errors.BucketNotEmpty(members={"BucketName": bucket.name})
    if bucket.keeps_versions and call.tx.scan(*contents.older.range(), limit=1).rows:
        text = "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        raise errors.BucketNotEmpty(text, members={"BucketName": bucket.name})
    call.tx.delete(call.keys.bucket.key(bucket.name))
    call.tx.delete(call.keys.owners.key(bucket.account, bucket.name))
    call.later("remove_contents", {"bucket_id": bucket.id})


@s3.operation("HeadBucket")
def head_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    return {"BucketRegion": bucket.region, "BucketArn": bucket.arn, "AccessPointAlias": False}


@s3.operation("GetBucketLocation")
def get_bucket_location(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    return {"LocationConstraint": bucket.location} if bucket.location else {}


@s3.operation("ListBuckets")
def list_buckets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    prefix, wanted_region = request.get("Prefix", ""), request.get("BucketRegion")
    limit = request.get("MaxBuckets", rules.BUCKETS_MAX)
    if not 1 <= limit <= rules.BUCKETS_MAX:
        message = f"Argument max-buckets must be an integer between 1 and {rules.BUCKETS_MAX}"
        raise errors.invalid_argument(message, "max-buckets", limit)
    begin, end = page.names_from(call.keys.owned, prefix)
    if "ContinuationToken" in request:
        invalid = errors.invalid_argument("The continuation token provided is incorrect", "continuation-token")
        (last,) = page.decode_token(request["ContinuationToken"], invalid, str)
        begin = max(begin, call.keys.owned.key(last) + b"\x00")
    found: list[dict[str, Any]] = []
    resume: bytes | None = begin
    while resume is not None and len(found) < limit:
        scanned = call.tx.scan(resume, end, limit=min(limit - len(found), 1000))
        for key, stored in scanned.rows:
            owned = Owned.decode(stored)
            if wanted_region in (None, owned.region):
                found.append(_listed(call.keys.owned.unpack(key)[0], owned, is_asked=bool(request)))
        resume = scanned.resume
    answer: dict[str, Any] = {"Buckets": found, "Owner": {"ID": canonical_id(call.account)}}
    if prefix:
        answer["Prefix"] = prefix
    if resume is not None:
        answer["ContinuationToken"] = page.encode_token(found[-1]["Name"])
    return answer


def _listed(name: str, owned: Owned, is_asked: bool) -> dict[str, Any]:
    """Regions and ARNs are told to whoever asks with any parameter."""
    entry: dict[str, Any] = {"Name": name, "CreationDate": owned.created_ms}
    return entry | ({"BucketRegion": owned.region, "BucketArn": f"arn:aws:s3:::{name}"} if is_asked else {})
