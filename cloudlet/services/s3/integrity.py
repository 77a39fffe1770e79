"""Checksums and digests: what a request declares, and whether what came is that.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from cloudlet.base.checksums import FULL_OBJECT_ALGORITHMS, digest_base64, is_digest_base64
from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.services.s3 import errors

DEFAULT = "CRC64NVME"  # what S3 computes where the client names nothing
MEMBERS = {
    algorithm: f"Checksum{algorithm}"
    for algorithm in (
        "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128",
    )
}  # fmt: skip
_GIVEN = frozenset(MEMBERS.values())
_HEADERS = {f"x-amz-checksum-{algorithm.lower()}": algorithm for algorithm in MEMBERS}


class Declared(NamedTuple):
    """What the client says of a body. Without a value it comes in a trailer (or, for parts, not at all)."""

    algorithm: str  # "" = nothing
    value: str = ""
    in_trailer: bool = False
    md5: str = ""  # Content-MD5


def declared(call: Call, request: dict[str, Any]) -> Declared:
    """Raises for what contradicts itself or has not the form of a checksum."""
    md5 = request.get("ContentMD5", "")
    if md5 and not is_digest_base64("MD5", md5):
        raise errors.InvalidDigest(members={"Content-MD5": md5})
    asked = request.get("ChecksumAlgorithm", "").upper()
    given: dict[str, str] = {}
    if not _GIVEN.isdisjoint(request):
        given = {algorithm: request[member] for algorithm, member in MEMBERS.items() if request.get(member)}
    trailers = _trailer_algorithms(call)
    if len(given) + len(trailers) > 1:
        raise errors.invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    for algorithm, value in given.items():
        if not is_digest_base64(algorithm, value):
            raise errors.invalid_request(f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.")
        _check_asked(asked, algorithm)
        return Declared(algorithm, value, md5=md5)
    for algorithm in trailers:
        _check_asked(asked, algorithm)
        return Declared(algorithm, in_trailer=True, md5=md5)
    if asked:
        raise errors.invalid_request(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers"
            " were found."
        )
    return Declared("", md5=md5)


def _check_asked(asked: str, algorithm: str) -> None:
    if asked and asked != algorithm:
        raise errors.invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid.")


def _trailer_algorithms(call: Call) -> list[str]:
    request = call.source.request if not call.depth else None
    names = (request.header("x-amz-trailer") or "") if request is not None else ""
    if not names:
        return []
    return [_HEADERS[name.strip().lower()] for name in names.split(",") if name.strip().lower() in _HEADERS]


def check_md5(wanted: Declared, md5: bytes) -> None:
    if wanted.md5 and base64.b64decode(wanted.md5) != md5:
        members = {"ExpectedDigest": wanted.md5, "CalculatedDigest": base64.b64encode(md5).decode()}
        raise errors.BadDigest(name="Content-MD5", whose="what we received", members=members)


def check_checksum(wanted: Declared, trailers: Mapping[str, str], calculated: str) -> None:
    value = wanted.value
    if wanted.in_trailer:
        value = trailers.get(f"x-amz-checksum-{wanted.algorithm.lower()}", "")
        if not is_digest_base64(wanted.algorithm, value):
            name = wanted.algorithm.lower()
            raise errors.invalid_request(f"Value for x-amz-checksum-{name} trailing header is invalid.")
    if value and value != calculated:
        raise bad_checksum(wanted.algorithm)


def bad_checksum(algorithm: str) -> AwsError:
    return errors.BadDigest(name=algorithm, whose="the calculated checksum")


def check_document(call: Call, request: dict[str, Any], required: bool = False) -> None:
    """The Content-MD5 or checksum of a request's XML or JSON body, as it was sent."""
    sent = call.source.request
    if call.depth or sent is None:
        return
    wanted = declared(call, request | {"ContentMD5": sent.header("content-md5") or ""} | _checksum_headers(call))
    if wanted.md5:
        check_md5(wanted, hashlib.md5(sent.body, usedforsecurity=False).digest())
    if wanted.value and digest_base64(wanted.algorithm, sent.body) != wanted.value:
        raise bad_checksum(wanted.algorithm)
    if required and not (wanted.md5 or wanted.value):
        raise errors.invalid_request("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")


def _checksum_headers(call: Call) -> dict[str, str]:
    sent = call.source.request
    assert sent is not None
    values = {MEMBERS[algorithm]: sent.header(name) for name, algorithm in _HEADERS.items()}
    return {member: value for member, value in values.items() if value is not None}


def check_type(algorithm: str, kind: str) -> None:
    """Whether an upload's checksum can be of type COMPOSITE or FULL_OBJECT."""
    if kind == "FULL_OBJECT" and algorithm not in FULL_OBJECT_ALGORITHMS:
        name = algorithm.lower()
        raise errors.invalid_request(
            f"The FULL_OBJECT checksum type cannot be used with the {name} checksum algorithm."
        )
    if kind == "COMPOSITE" and algorithm == "CRC64NVME":
        raise errors.invalid_request(
            "The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm."
        )


def shown(algorithm: str, value: str, kind: str | None = None) -> dict[str, Any]:
    """The members of an answer that tell a checksum."""
    if not algorithm:
        return {}
    return {MEMBERS[algorithm]: value} | ({"ChecksumType": kind} if kind else {})
