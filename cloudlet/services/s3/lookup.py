"""Finding buckets, objects and versions: reading and writing S3's records one by one."""

import base64
import binascii
import re
from typing import Any

from cloudlet.base import ids
from cloudlet.kit.call import Call
from cloudlet.kit.record import decoded_once
from cloudlet.services.s3 import errors
from cloudlet.services.s3.keys import Contents, Keys
from cloudlet.services.s3.records import NULL, Bucket, Version
from cloudlet.store.transaction import Tx

_VERSION_ID_CHARACTERS = 32
_SEQUENCE_BYTES = 8
_account_id = re.compile(r"\d{12}", re.ASCII)


_bucket_of = decoded_once(Bucket, 2048, 64 << 10)


def find_bucket(tx: Tx, keys: Keys, name: str) -> Bucket | None:
    stored = tx.get(keys.bucket.key(name))
    return _bucket_of(stored) if stored else None


def require_bucket(tx: Tx, keys: Keys, name: str) -> Bucket:
    bucket = find_bucket(tx, keys, name)
    if bucket is None:
        raise errors.NoSuchBucket(members={"BucketName": name})
    return bucket


def put_bucket(tx: Tx, keys: Keys, bucket: Bucket) -> None:
    tx.put(keys.bucket.key(bucket.name), bucket.encode())


def locate(call: Call, request: dict[str, Any]) -> Bucket:
    """The bucket a request names, if it is where and whose the caller says."""
    bucket = require_bucket(call.tx, call.keys, request["Bucket"])
    check_region(call, bucket)
    check_owner(bucket, request.get("ExpectedBucketOwner"))
    return bucket


def check_owner(bucket: Bucket, expected: str | None) -> None:
    if expected is None or expected == bucket.account:
        return
    if not _account_id.fullmatch(expected):
        raise errors.InvalidBucketOwner(account=expected)
    raise errors.AccessDenied()


def check_region(call: Call, bucket: Bucket) -> None:
    """A signature's region is where the caller thinks the bucket is; unsigned and version 2 requests name none."""
    if bucket.region != call.region and names_region(call):
        raise errors.PermanentRedirect(
            members={"Endpoint": f"{bucket.name}.s3.{bucket.region}.amazonaws.com", "Bucket": bucket.name},
            headers=[("x-amz-bucket-region", bucket.region)],
        )


def names_region(call: Call) -> bool:
    request = call.source.request
    is_version_2 = not call.depth and request is not None and "AWSAccessKeyId=" in request.query
    return call.principal.type != "Anonymous" and not is_version_2


def find_current(tx: Tx, contents: Contents, key: str) -> Version | None:
    """The newest version, unless it is a delete marker."""
    stored = tx.get(contents.current.key(key))
    return Version.decode(stored) if stored else None


def find_latest(tx: Tx, contents: Contents, bucket: Bucket, key: str) -> Version | None:
    """The newest version, a delete marker too."""
    current = find_current(tx, contents, key)
    return current if current is not None or not bucket.keeps_versions else newest_older(tx, contents, key)


def newest_older(tx: Tx, contents: Contents, key: str) -> Version | None:
    rows = tx.scan(*contents.older.range(key), limit=1).rows
    return Version.decode(rows[0][1]) if rows else None


def find_older(tx: Tx, contents: Contents, key: str, version_id: str) -> Version | None:
    """A version that is not the current one, by its id."""
    if version_id == NULL:
        sequence_text = tx.get(contents.null.key(key))
        sequence = int(sequence_text) if sequence_text else None
    else:
        sequence = sequence_of(version_id)
    stored = tx.get(contents.older_key(key, sequence)) if sequence is not None else None
    version = Version.decode(stored) if stored else None
    return version if version is not None and version.id == version_id else None


def find_version(tx: Tx, contents: Contents, key: str, version_id: str) -> Version | None:
    check_version_id(version_id)
    current = find_current(tx, contents, key)
    if current is not None and current.id == version_id:
        return current
    return find_older(tx, contents, key, version_id)


def new_version_id(sequence: int) -> str:
    """Opaque to clients; it carries the place of the version among its key's."""
    chance = bytes.fromhex(ids.hexadecimal(32))
    return base64.b64encode(chance + sequence.to_bytes(_SEQUENCE_BYTES, "big"), b"._").decode()


def sequence_of(version_id: str) -> int | None:
    if len(version_id) != _VERSION_ID_CHARACTERS:
        return None
    try:
        raw = base64.b64decode(version_id, b"._", validate=True)
    except (binascii.Error, ValueError):
        return None
    return int.from_bytes(raw[-_SEQUENCE_BYTES:], "big") & ((1 << 62) - 1)


def check_version_id(version_id: str) -> None:
    if version_id == "":
        raise errors.invalid_argument("Version id cannot be the empty string", "versionId", "")
    if version_id != NULL and sequence_of(version_id) is None:
        raise errors.invalid_argument("Invalid version id specified", "versionId", version_id)
