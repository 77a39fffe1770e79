"""How versions and owners look in answers."""

import email.utils
import hashlib
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

from cloudlet.services.s3 import integrity
from cloudlet.services.s3.records import Bucket, Version


@lru_cache(maxsize=1024)
def canonical_id(account: str) -> str:
    """The 64 digits by which S3 knows an account."""
    return hashlib.sha256(f"canonical user of {account}".encode()).hexdigest()


def owner_of(bucket: Bucket) -> dict[str, Any]:
    return {"ID": canonical_id(bucket.account)}


@lru_cache(maxsize=4096)
def http_date(ms: int) -> str:
    return email.utils.formatdate(ms // 1000, usegmt=True)


def version_id(bucket: Bucket, version: Version) -> dict[str, str]:
    """The member that names a version, where the bucket has, or had, several."""
    return {"VersionId": version.id} if bucket.keeps_versions else {}


def described(bucket: Bucket, version: Version) -> dict[str, Any]:
    """What GetObject and HeadObject tell alike."""
    answer: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "LastModified": version.modified_ms,
        "ETag": f'"{version.etag}"',
        "ContentType": "binary/octet-stream",
        "ServerSideEncryption": "AES256",
        "Metadata": version.metadata,
        **version.headers,
        **version_id(bucket, version),
    }
    if version.storage_class != "STANDARD":
        answer["StorageClass"] = version.storage_class
    if version.tags:
        answer["TagCount"] = len(version.tags)
    return answer


def listed(key: str, version: Version) -> dict[str, Any]:
    """An object in a listing."""
    entry: dict[str, Any] = {
        "Key": key,
        "LastModified": version.modified_ms,
        "ETag": f'"{version.etag}"',
        "Size": version.size,
        "StorageClass": version.storage_class,
    }
    if version.checksum_algorithm:
        entry["ChecksumAlgorithm"] = [version.checksum_algorithm]
        entry["ChecksumType"] = version.checksum_type
    return entry


def checksum_of(version: Version) -> dict[str, Any]:
    return integrity.shown(version.checksum_algorithm, version.checksum, version.checksum_type)


def url_encoded(text: str) -> str:
    """A key as encoding-type=url and events have it."""
    return quote_plus(text, safe="/*", errors="surrogatepass")
