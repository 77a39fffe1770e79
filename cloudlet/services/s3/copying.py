"""What copies have in common: the source, and reading it where its digests must be made anew."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from cloudlet.kit.bodies import AnswerBody
from cloudlet.kit.call import Call
from cloudlet.services.s3 import bodies, errors, preconditions, rules
from cloudlet.services.s3.copy_source import CopySource, parse_copy_source
from cloudlet.services.s3.intake import Hasher
from cloudlet.services.s3.keys import Contents
from cloudlet.services.s3.lookup import check_owner
from cloudlet.services.s3.object import require_object
from cloudlet.services.s3.records import Bucket, Version

TRIES = 3  # a source may change while it is read


class Source(NamedTuple):
    named: CopySource
    bucket: Bucket
    contents: Contents
    version: Version


@dataclass(frozen=True, slots=True)
class Digests:
    """Of a source that was read, as it was then."""

    version: Version
    etag: str
    checksums: dict[str, str]


def require_source(call: Call, request: dict[str, Any]) -> Source:
    named = parse_copy_source(request["CopySource"])
    wanted: dict[str, Any] = {"Bucket": named.bucket, "Key": named.key}
    if named.version_id is not None:
        wanted["VersionId"] = named.version_id
    bucket, contents, version = require_object(call, wanted)
    check_owner(bucket, request.get("ExpectedSourceBucketOwner"))
    preconditions.check_copied(request, version)
    if version.size > rules.COPY_SOURCE_BYTES_MAX and "CopySourceRange" not in request:
        raise errors.invalid_request(
            "The specified copy source is larger than the maximum allowable size for a copy source:"
            f" {rules.COPY_SOURCE_BYTES_MAX}"
        )
    return Source(named, bucket, contents, version)


def version_id_of(source: Source) -> dict[str, str]:
    return {"CopySourceVersionId": source.version.id} if source.bucket.keeps_versions else {}


async def digest(version: Version, body: AnswerBody, algorithm: str) -> Digests:
    hasher = Hasher(algorithm)
    async for data in bodies.read(body):
        await hasher.take(data)
    return Digests(version, hasher.md5.hexdigest(), hasher.results())
