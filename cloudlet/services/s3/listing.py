"""Lists of objects and of versions.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ListingKeysUsingAPIs.html
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.s3 import errors, rules, walk
from cloudlet.services.s3.keys import Contents
from cloudlet.services.s3.lookup import check_version_id, find_current, find_older, locate, sequence_of
from cloudlet.services.s3.presenting import listed, owner_of, url_encoded
from cloudlet.services.s3.records import NULL, Bucket
from cloudlet.services.s3.service import s3
from cloudlet.services.s3.walk import Entry
from cloudlet.store.transaction import Tx

_MANY = 250  # an answer of more is rendered off the loop


def _limit(request: dict[str, Any]) -> int:
    limit = request.get("MaxKeys", rules.LISTED_MAX)
    if limit < 0:
        raise errors.invalid_argument("Argument maxKeys must be an integer between 0 and 2147483647", "maxKeys", limit)
    return min(limit, rules.LISTED_MAX)


def _encoder(request: dict[str, Any]) -> Callable[[str], str]:
    return url_encoded if request.get("EncodingType") == "url" else str


def _page(entries: Iterator[Entry], limit: int) -> tuple[list[Entry], bool]:
    """Up to `limit` entries, and whether there are more. Of none asked for, none are left."""
    if not limit:
        return [], False
    taken = list(islice(entries, limit + 1))
    return taken[:limit], len(taken) > limit


def _head(bucket: Bucket, request: dict[str, Any], limit: int, is_truncated: bool) -> dict[str, Any]:
    """What every list answers of its question."""
    encode = _encoder(request)
    answer: dict[str, Any] = {
        "Name": bucket.name,
        "Prefix": encode(request.get("Prefix", "")),
        "MaxKeys": limit,
        "IsTruncated": is_truncated,
    }
    if request.get("Delimiter"):
        answer["Delimiter"] = encode(request["Delimiter"])
    if "EncodingType" in request:
        answer["EncodingType"] = request["EncodingType"]
    return answer


def _objects(
    call: Call, bucket: Bucket, request: dict[str, Any], after: str | None, limit: int
) -> tuple[list[Entry], bool]:
    contents = call.keys.of(bucket.id)
    prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
    return _page(walk.objects(call.tx, contents, prefix, delimiter, after, limit + 1), limit)


def _with_entries(
    call: Call,
    answer: dict[str, Any],
    bucket: Bucket,
    entries: list[Entry],
    encode: Callable[[str], str],
    has_owner: bool,
) -> dict[str, Any]:
    call.answers_much = len(entries) > _MANY
    owner = {"Owner": owner_of(bucket)} if has_owner else {}
    found = [listed(encode(entry.name), entry.version) | owner for entry in entries if entry.version is not None]
    prefixes = [{"Prefix": encode(entry.name)} for entry in entries if entry.version is None]
    if found:
        answer["Contents"] = found
    if prefixes:
        answer["CommonPrefixes"] = prefixes
    return answer


@s3.operation("ListObjects")
def list_objects(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket, limit, encode = locate(call, request), _limit(request), _encoder(request)
    marker = request.get("Marker", "")
    entries, is_truncated = _objects(call, bucket, request, marker or None, limit)
    answer = _head(bucket, request, limit, is_truncated) | {"Marker": encode(marker)}
    if is_truncated and request.get("Delimiter"):
        answer["NextMarker"] = encode(entries[-1].name)
    return _with_entries(call, answer, bucket, entries, encode, has_owner=True)


@s3.operation("ListObjectsV2")
def list_objects_v2(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket, limit, encode = locate(call, request), _limit(request), _encoder(request)
    token, start = request.get("ContinuationToken"), request.get("StartAfter")
    after = start
    if token is not None:
        invalid = errors.invalid_argument("The continuation token provided is incorrect", "continuation-token")
        after = _text_of_token(token, invalid)
    entries, is_truncated = _objects(call, bucket, request, after, limit)
    answer = _head(bucket, request, limit, is_truncated) | {"KeyCount": len(entries)}
    if token is not None:
        answer["ContinuationToken"] = token
    if start is not None:
        answer["StartAfter"] = encode(start)
    if is_truncated:
        answer["NextContinuationToken"] = page.encode_token(entries[-1].name)
    return _with_entries(call, answer, bucket, entries, encode, has_owner=bool(request.get("FetchOwner")))


def _text_of_token(token: str, invalid: Exception) -> str:
    (text,) = page.decode_token(token, invalid, str)
    return text


@s3.operation("ListObjectVersions")
def list_object_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket, limit, encode = locate(call, request), _limit(request), _encoder(request)
    key_marker, version_marker = request.get("KeyMarker", ""), request.get("VersionIdMarker", "")
    if version_marker and not key_marker:
        message = "A version-id marker cannot be specified without a key marker."
        raise errors.invalid_argument(message, "version-id-marker", version_marker)
    contents = call.keys.of(bucket.id)
    sequence = _sequence_after(call.tx, contents, key_marker, version_marker) if version_marker else None
    entries, is_truncated = _page(
        walk.versions(
            call.tx, contents, request.get("Prefix", ""), request.get("Delimiter", ""), key_marker or None, sequence
        ),
        limit,
    )
    call.answers_much = len(entries) > _MANY
    answer = _head(bucket, request, limit, is_truncated)
    answer |= {"KeyMarker": encode(key_marker), "VersionIdMarker": version_marker}
    if is_truncated:
        last = entries[-1]
        answer["NextKeyMarker"] = encode(last.name)
        if last.version is not None:
            answer["NextVersionIdMarker"] = last.version.id
    return answer | _version_entries(bucket, entries, encode)


def _sequence_after(tx: Tx, contents: Contents, key: str, version_id: str) -> int:
    """Where the versions behind the marker begin: every older one, if the marker is the current version."""
    check_version_id(version_id)
    current = find_current(tx, contents, key)
    if version_id != NULL:
        sequence = sequence_of(version_id)
        assert sequence is not None
        return sequence
    older = find_older(tx, contents, key, NULL)
    found = older or current
    return found.sequence if found is not None else 0


def _version_entries(bucket: Bucket, entries: list[Entry], encode: Callable[[str], str]) -> dict[str, Any]:
    owner = owner_of(bucket)
    found: dict[str, list[dict[str, Any]]] = {"Versions": [], "DeleteMarkers": [], "CommonPrefixes": []}
    for entry in entries:
        name, version = encode(entry.name), entry.version
        if version is None:
            found["CommonPrefixes"].append({"Prefix": name})
            continue
        told = {"IsLatest": entry.is_latest, "VersionId": version.id, "Owner": owner}
        if version.is_delete_marker:
            found["DeleteMarkers"].append({"Key": name, "LastModified": version.modified_ms, **told})
        else:
            found["Versions"].append(listed(name, version) | told)
    return {name: group for name, group in found.items() if group}
