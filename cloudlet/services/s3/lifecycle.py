"""Lifecycle rules: what they say, and when an object, an older version or an unfinished upload has had its time.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
Transitions to other storage classes are not part of this S3. Applying the rules is expiry.py's.
"""

from typing import Any

from cloudlet.base import ids
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.s3 import errors, integrity
from cloudlet.services.s3.lookup import locate, put_bucket
from cloudlet.services.s3.presenting import http_date
from cloudlet.services.s3.records import Bucket, Version
from cloudlet.services.s3.service import s3

DAY_MS = 86_400_000
RULES_MAX = 1000
_ACTIONS = (
    "Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload", "Transitions",
    "NoncurrentVersionTransitions",
)  # fmt: skip
_DEFAULT_MINIMUM_SIZE = "all_storage_classes_128K"


@s3.operation("GetBucketLifecycleConfiguration")
def get_bucket_lifecycle_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    if not bucket.lifecycle:
        raise errors.NoSuchLifecycle(members={"BucketName": bucket.name})
    return {
        "Rules": bucket.lifecycle,
        "TransitionDefaultMinimumObjectSize": bucket.minimum_size or _DEFAULT_MINIMUM_SIZE,
    }


@s3.operation("PutBucketLifecycleConfiguration")
def put_bucket_lifecycle_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    integrity.check_document(call, request, required=True)
    rules = [_checked(rule) for rule in request.get("LifecycleConfiguration", {}).get("Rules", [])]
    if not 1 <= len(rules) <= RULES_MAX:
        raise errors.malformed_xml()
    if len({rule["ID"] for rule in rules}) < len(rules):
        raise errors.invalid_argument("Rule ID must be unique. Found same ID for more than one rule", "ID")
    size = request.get("TransitionDefaultMinimumObjectSize", _DEFAULT_MINIMUM_SIZE)
    changed = replace(bucket, lifecycle=rules, lifecycle_id=ids.hexadecimal(16), minimum_size=size)
    put_bucket(call.tx, call.keys, changed)
    schedule(call, changed)
    return {"TransitionDefaultMinimumObjectSize": size}


@s3.operation("DeleteBucketLifecycle")
def delete_bucket_lifecycle(call: Call, request: dict[str, Any]) -> None:
    put_bucket(call.tx, call.keys, replace(locate(call, request), lifecycle=[], lifecycle_id="", minimum_size=""))


def schedule(call: Call, bucket: Bucket) -> None:
    """Apply the rules at the next midnight (UTC), which is when S3 lets things expire."""
    payload = {"bucket": bucket.name, "lifecycle_id": bucket.lifecycle_id}
    call.later("expire", payload, due_ms=next_midnight(call.now_ms), age_max_ms=7 * DAY_MS)


def next_midnight(ms: int) -> int:
    return (ms // DAY_MS + 1) * DAY_MS


def _checked(rule: dict[str, Any]) -> dict[str, Any]:
    if "Transitions" in rule or "NoncurrentVersionTransitions" in rule:
        raise errors.not_implemented("moving objects to another storage class (Transition)")
    if not any(action in rule for action in _ACTIONS) or ("Filter" in rule) == ("Prefix" in rule):
        raise errors.malformed_xml()
    expiration = rule.get("Expiration", {})
    if "Expiration" in rule and len(expiration.keys() & {"Days", "Date", "ExpiredObjectDeleteMarker"}) != 1:
        raise errors.malformed_xml()
    if expiration.get("Date", 0) % DAY_MS:
        raise errors.invalid_argument("'Date' must be at midnight GMT", "Date")
    for days, name in (
        (expiration.get("Days", 1), "Expiration"),
        (rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays", 1), "NoncurrentVersionExpiration"),
        (
            rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation", 1),
            "AbortIncompleteMultipartUpload",
        ),
    ):
        if days < 1:
            raise errors.invalid_argument(f"'Days' for {name} action must be a positive integer", "Days", days)
    if len(rule.get("ID", "")) > 255:
        raise errors.invalid_argument("ID length should not exceed allowed limit of 255", "ID")
    return {"ID": rule.get("ID") or ids.lower_alnum(48)} | {key: value for key, value in rule.items() if key != "ID"}


def covers(rule: dict[str, Any], key: str, size: int | None, tags: dict[str, str]) -> bool:
    """Whether a rule is in force and speaks of this object. `size` None: an upload, which has neither size nor tags."""
    if rule["Status"] != "Enabled":
        return False
    terms = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    terms = terms.get("And", terms)
    if not key.startswith(terms.get("Prefix", "")):
        return False
    wanted = [*terms.get("Tags", ()), *([terms["Tag"]] if "Tag" in terms else ())]
    if size is None:
        return not wanted and "ObjectSizeGreaterThan" not in terms and "ObjectSizeLessThan" not in terms
    if "ObjectSizeGreaterThan" in terms and size <= terms["ObjectSizeGreaterThan"]:
        return False
    if "ObjectSizeLessThan" in terms and size >= terms["ObjectSizeLessThan"]:
        return False
    return all(tags.get(tag["Key"]) == tag["Value"] for tag in wanted)


def expires(bucket: Bucket, key: str, version: Version) -> tuple[int, str] | None:
    """When the current version expires, and by which rule; the earliest of several."""
    moments = []
    for rule in bucket.lifecycle:
        expiration = rule.get("Expiration", {})
        if not ("Days" in expiration or "Date" in expiration) or not covers(rule, key, version.size, version.tags):
            continue
        moment = expiration.get("Date") or next_midnight(version.modified_ms + expiration["Days"] * DAY_MS)
        moments.append((moment, rule["ID"]))
    return min(moments, default=None)


def expiration_of(bucket: Bucket, key: str, version: Version) -> str:
    """The header that tells of it: expiry-date="…", rule-id="…"; empty where nothing expires."""
    if not bucket.lifecycle:
        return ""
    found = expires(bucket, key, version)
    return f'expiry-date="{http_date(found[0])}", rule-id="{found[1]}"' if found else ""
