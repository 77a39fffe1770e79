"""Limits and checks that the S3 model does not state.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

import ipaddress
import re
from typing import Any
from urllib.parse import unquote_plus

from cloudlet.base.errors import AwsError, aws_error
from cloudlet.services.s3 import errors
from cloudlet.services.s3.records import Bucket

KEY_BYTES_MAX = 1024
METADATA_BYTES_MAX = 2048
BUCKETS_MAX = 10_000  # of one account
OBJECT_TAGS_MAX, BUCKET_TAGS_MAX = 10, 50
COPY_SOURCE_BYTES_MAX = 5 << 30
LISTED_MAX = 1000
DELETED_MAX = 1000  # keys of one DeleteObjects

STORED_HEADERS = (
    "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires",
    "WebsiteRedirectLocation",
)  # fmt: skip
STORAGE_CLASSES = frozenset(
    ("STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR")
)
ARCHIVES = frozenset(("GLACIER", "DEEP_ARCHIVE"))  # their objects have to be restored before they can be read
CUSTOMER_KEY = "server-side encryption with customer keys (SSE-C)"
_UNSUPPORTED = {
    "SSECustomerAlgorithm": CUSTOMER_KEY,
    "SSECustomerKey": CUSTOMER_KEY,
    "SSECustomerKeyMD5": CUSTOMER_KEY,
    "CopySourceSSECustomerAlgorithm": CUSTOMER_KEY,
    "CopySourceSSECustomerKey": CUSTOMER_KEY,
    "SSEKMSKeyId": "server-side encryption with KMS keys",
    "SSEKMSEncryptionContext": "server-side encryption with KMS keys",
    "ObjectLockMode": "Object Lock (x-amz-object-lock-mode)",
    "ObjectLockRetainUntilDate": "Object Lock (x-amz-object-lock-retain-until-date)",
    "ObjectLockLegalHoldStatus": "Object Lock (x-amz-object-lock-legal-hold)",
    "ObjectLockEventHold": "Object Lock (x-amz-object-lock-event-hold)",
    "ObjectLockEventHoldDurationDays": "Object Lock (x-amz-object-lock-event-hold-duration-days)",
    "ObjectLockEventHoldDurationYears": "Object Lock (x-amz-object-lock-event-hold-duration-years)",
    "WriteOffsetBytes": "appending (x-amz-write-offset-bytes)",
    "MFA": "MFA delete (x-amz-mfa)",
}
GRANTS = frozenset(("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP"))

_bucket_name = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_reserved_prefixes = ("xn--", "sthree-", "amzn-s3-demo-")
_reserved_suffixes = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an")
_tag_text = re.compile(r"[\w\s+\-=._:/@]*", re.UNICODE)


def check_bucket_name(name: str) -> None:
    ok = _bucket_name.fullmatch(name) and ".." not in name and not _is_address(name)
    if not ok or name.startswith(_reserved_prefixes) or name.endswith(_reserved_suffixes):
        raise errors.InvalidBucketName(members={"BucketName": name})


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def check_key(key: str) -> None:
    size = len(key.encode("utf-8", "surrogatepass"))
    if size > KEY_BYTES_MAX:
        raise errors.KeyTooLong(members={"Size": size, "MaxSizeAllowed": KEY_BYTES_MAX})


def check_supported(request: dict[str, Any]) -> None:
    """501 for what would change how an object is kept, and is not part of this S3."""
    if not _UNSUPPORTED.keys().isdisjoint(request):
        raise errors.not_implemented(next(what for member, what in _UNSUPPORTED.items() if member in request))
    encryption = request.get("ServerSideEncryption")
    if encryption is not None and encryption != "AES256":
        raise errors.not_implemented(
            f"server-side encryption with KMS keys (x-amz-server-side-encryption: {encryption})"
        )


def check_writable(bucket: Bucket, request: dict[str, Any]) -> None:
    """What every operation that makes an object checks of its headers."""
    check_key(request["Key"])
    check_supported(request)
    check_acl(bucket, request)
    size = sum(len(name) + len(value.encode()) for name, value in request.get("Metadata", {}).items())
    if size > METADATA_BYTES_MAX:
        raise errors.MetadataTooLarge(members={"Size": size, "MaxSizeAllowed": METADATA_BYTES_MAX})
    check_storage_class(request.get("StorageClass", "STANDARD"))


def check_storage_class(name: str) -> None:
    if name in ARCHIVES:
        raise errors.not_implemented(f"the storage class {name}")
    if name not in STORAGE_CLASSES:
        raise errors.InvalidStorageClass(members={"StorageClassRequested": name})


def check_acl(bucket: Bucket, request: dict[str, Any]) -> None:
    """ACLs are off unless the bucket's ownership controls say otherwise; then only the owner's own is known here."""
    granted = not GRANTS.isdisjoint(request)
    acl = request.get("ACL")
    if not granted and acl in (None, "private", "bucket-owner-full-control"):
        return
    if bucket.ownership == "BucketOwnerEnforced":
        raise errors.AccessControlListNotSupported()
    raise errors.not_implemented(f"granting access by ACL ({'x-amz-grant-*' if granted else acl})")


def headers_of(request: dict[str, Any]) -> dict[str, Any]:
    """The headers that are stored with an object, without what belonged to the transport."""
    headers = {name: request[name] for name in STORED_HEADERS if name in request}
    encoding = headers.get("ContentEncoding")
    if encoding is not None and "aws-chunked" in encoding:
        codings = [coding.strip() for coding in encoding.split(",")]
        kept = ",".join(coding for coding in codings if coding and coding != "aws-chunked")
        headers.pop("ContentEncoding")
        if kept:
            headers["ContentEncoding"] = kept
    return headers


def tags_of_header(text: str) -> dict[str, str]:
    """The tags in x-amz-tagging: key1=value1&key2=value2."""
    tags: dict[str, str] = {}
    if not text:
        return tags
    wrong = errors.invalid_argument(
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name"
        " duplicates.",
        "x-amz-tagging",
        text,
    )
    for pair in text.split("&"):
        name, equals, value = pair.partition("=")
        if "=" in value:
            raise wrong
        key = unquote_plus(name)
        if not key or key in tags:
            raise wrong
        tags[key] = unquote_plus(value) if equals else ""
    check_object_tags(tags)
    return tags


def tags_of(tag_set: list[dict[str, str]], *, of_bucket: bool = False) -> dict[str, str]:
    """A TagSet as a dict, checked."""
    tags: dict[str, str] = {}
    for tag in tag_set:
        if tag["Key"] in tags:
            members = {"TagKey": tag["Key"]}
            raise errors.InvalidTag("Cannot provide multiple Tags with the same key", members=members)
        tags[tag["Key"]] = tag["Value"]
    if of_bucket:
        _check_tags(tags, "System tags cannot be added/updated by requester")
        if len(tags) > BUCKET_TAGS_MAX:
            raise errors.InvalidTag(f"The TagSet cannot have more than {BUCKET_TAGS_MAX} tags")
    else:
        check_object_tags(tags)
    return tags


def check_object_tags(tags: dict[str, str]) -> None:
    if len(tags) > OBJECT_TAGS_MAX:
        raise too_many_tags()
    _check_tags(tags, "Your TagKey cannot be prefixed with aws:")


def too_many_tags() -> AwsError:
    return aws_error("BadRequest", f"Object tags cannot be greater than {OBJECT_TAGS_MAX}", 400)


def _check_tags(tags: dict[str, str], reserved: str) -> None:
    for key, value in tags.items():
        if key.startswith("aws:"):
            raise errors.InvalidTag(reserved, members={"TagKey": key})
        if not 1 <= len(key) <= 128 or not _tag_text.fullmatch(key):
            raise errors.InvalidTag(members={"TagKey": key})
        if len(value) > 256 or not _tag_text.fullmatch(value):
            members = {"TagKey": key, "TagValue": value}
            raise errors.InvalidTag("The TagValue you have provided is invalid", members=members)


def tag_set(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
