"""S3 against lists of versions: versioning on and off, delete markers, conditional writes, copies, uploads in parts,
listings page by page; over power cuts, at rest and within an answer.
"""

import copy
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.s3 import complete_multipart_upload
from tests.simulation.crashing_node import CrashingNode
from tests.simulation.driver import Tell, simulate

BUCKET = "photos"
KEYS = ("a", "a/b", "a/b/c", "a b+c", "a/ü", "b/", "b/x", "b0", "é", "z~")
SIZES = (0, 1, 50, 3000, 16_384, 16_385, 30_000)  # from 16,385 on a body is a file
PART_BYTES_MIN = 100

Versions = list[tuple[str, bytes | None, str]]  # newest first: id, body (None: a delete marker), ETag
Shown = tuple[str, str, bool, str]  # key, version id, is it the latest, ETag


def etag_of(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def etag_of_parts(parts: list[bytes]) -> str:
    whole = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
    return f'"{whole}-{len(parts)}"'


class ModelBucket:
    def __init__(self) -> None:
        self.versioning = ""
        self.keys: dict[str, Versions] = {key: [] for key in KEYS}

    def add(self, key: str, version_id: str, body: bytes | None, etag: str = "") -> None:
        """The version "null" is there once at most; without versioning a deletion leaves nothing."""
        if version_id == "null":
            self.remove(key, "null")
        if body is not None or self.versioning:
            self.keys[key].insert(0, (version_id, body, etag))

    def remove(self, key: str, version_id: str) -> None:
        self.keys[key] = [version for version in self.keys[key] if version[0] != version_id]

    def current(self, key: str) -> tuple[bytes, str] | None:
        versions = self.keys[key]
        if not versions or versions[0][1] is None:
            return None
        return versions[0][1], versions[0][2]

    def listed(self, prefix: str, delimiter: str) -> list[str]:
        """Keys, and common prefixes, in the order of their UTF-8 bytes."""
        entries: list[str] = []
        for key in sorted(KEYS, key=str.encode):
            if key.startswith(prefix) and self.current(key) is not None:
                head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
                entry = prefix + head + delimiter if found else key
                if entry not in entries:
                    entries.append(entry)
        return entries


class Simulation:
    def __init__(self, chance: Random, tell: Tell) -> None:
        self.tell, self.model = tell, ModelBucket()
        self.uploads: dict[str, tuple[str, dict[int, bytes]]] = {}  # id → key, parts
        self.directory = Path(tempfile.mkdtemp())
        self.world = CrashingNode("s3", blobs=self.directory, signed_every=1)
        self("CreateBucket")

    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.world.aws("s3", operation, Bucket=BUCKET, **parameters)

    def step(self, chance: Random) -> None:
        writes = (self.put, self.put_on_condition, self.delete, self.remove, self.delete_several, self.copy)
        uploads = (self.begin_upload, self.upload_part, self.complete, self.abort)
        others = (self.change_versioning, self.list_pages, self.check, self.cut, self.cut_putting, self.cut_deleting)
        action = chance.choices((*writes, *uploads, *others), (10, 4, 4, 6, 1, 4, 2, 6, 2, 1, 1, 5, 1, 1, 1, 1))[0]
        action(chance)

    def _body(self, chance: Random) -> bytes:
        return chance.choice(b"xyz").to_bytes() * chance.choice(SIZES)

    # ── objects ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _put(self, key: str, body: bytes, **conditions: str) -> None:
        answer = self("PutObject", Key=key, Body=body, **conditions)
        assert answer["ETag"] == etag_of(body)
        self.model.add(key, answer.get("VersionId", "null"), body, etag_of(body))

    def put(self, chance: Random) -> None:
        key, body = chance.choice(KEYS), self._body(chance)
        self.tell(f"put {key}, {len(body)} bytes")
        self._put(key, body)

    def put_on_condition(self, chance: Random) -> None:
        key, body = chance.choice(KEYS), self._body(chance)
        current = self.model.current(key)
        if chance.random() < 0.5:
            self.tell(f"put {key} if it is not there")
            conditions, may, code = {"IfNoneMatch": "*"}, current is None, "PreconditionFailed"
        else:
            etag = current[1] if current and chance.random() < 0.7 else etag_of(b"another")
            self.tell(f"put {key} if it is {etag}")
            conditions, may = {"IfMatch": etag}, current is not None and current[1] == etag
            code = "PreconditionFailed" if current else "NoSuchKey"
        try:
            self._put(key, body, **conditions)
            assert may, "written against the condition"
        except AwsError as error:
            assert not may and error.code == code, error

    def copy(self, chance: Random) -> None:
        source, key = chance.sample(KEYS, 2)
        self.tell(f"copy {source} to {key}")
        current = self.model.current(source)
        try:
            answer = self("CopyObject", Key=key, CopySource=f"{BUCKET}/{quote(source)}")
        except AwsError as error:
            assert error.code == "NoSuchKey" and current is None, error
            return
        assert current is not None
        self.model.add(key, answer.get("VersionId", "null"), current[0], etag_of(current[0]))

    def delete(self, chance: Random) -> None:
        key = chance.choice(KEYS)
        self.tell(f"delete {key}")
        answer = self("DeleteObject", Key=key)
        assert bool(answer.get("DeleteMarker")) == bool(self.model.versioning)
        self.model.add(key, answer.get("VersionId", "null"), None)

    def remove(self, chance: Random) -> None:
        """A version, for good."""
        key = chance.choice(KEYS)
        version_id = chance.choice([*(version[0] for version in self.model.keys[key]), "null"])
        self.tell(f"remove {version_id} of {key}")
        self("DeleteObject", Key=key, VersionId=version_id)
        self.model.remove(key, version_id)

    def delete_several(self, chance: Random) -> None:
        keys = chance.sample(KEYS, 3)
        self.tell(f"delete {keys}")
        answer = self("DeleteObjects", Delete={"Objects": [{"Key": key} for key in keys]})
        assert sorted(done["Key"] for done in answer["Deleted"]) == sorted(keys)
        for done in answer["Deleted"]:
            self.model.add(done["Key"], done.get("DeleteMarkerVersionId", "null"), None)

    # ── uploads in parts ──────────────────────────────────────────────────────────────────────────────────────────

    def begin_upload(self, chance: Random) -> None:
        key = chance.choice(KEYS)
        self.tell(f"begin an upload of {key}")
        self.uploads[self("CreateMultipartUpload", Key=key)["UploadId"]] = key, {}

    def _upload(self, chance: Random) -> tuple[str, str, dict[int, bytes]] | None:
        if not self.uploads:
            return None
        upload_id = chance.choice(sorted(self.uploads))
        return upload_id, *self.uploads[upload_id]

    def upload_part(self, chance: Random) -> None:
        if (found := self._upload(chance)) is not None:
            upload_id, key, parts = found
            number, body = chance.choice((1, 2, 3, 7)), self._body(chance)
            self.tell(f"part {number} of {key}, {len(body)} bytes")
            answer = self("UploadPart", Key=key, UploadId=upload_id, PartNumber=number, Body=body)
            assert answer["ETag"] == etag_of(body)
            parts[number] = body
            told = self("ListParts", Key=key, UploadId=upload_id).get("Parts", [])
            assert [(each["PartNumber"], each["Size"]) for each in told] == [(n, len(parts[n])) for n in sorted(parts)]

    def complete(self, chance: Random) -> None:
        """With all of its parts, or some."""
        found = self._upload(chance)
        if found is None or not found[2]:
            return
        upload_id, key, parts = found
        numbers = sorted(chance.sample(sorted(parts), chance.randint(1, len(parts))))
        self.tell(f"complete {key} of parts {numbers}")
        given = [{"PartNumber": number, "ETag": etag_of(parts[number])} for number in numbers]
        request = {"Key": key, "UploadId": upload_id, "MultipartUpload": {"Parts": given}}
        too_small = any(len(parts[number]) < PART_BYTES_MIN for number in numbers[:-1])
        try:
            answer = self("CompleteMultipartUpload", **request)
        except AwsError as error:
            assert error.code == "EntityTooSmall" and too_small, error
            return
        assert not too_small
        bodies = [parts[number] for number in numbers]
        assert answer["ETag"] == etag_of_parts(bodies)
        self.model.add(key, answer.get("VersionId", "null"), b"".join(bodies), etag_of_parts(bodies))
        del self.uploads[upload_id]

    def abort(self, chance: Random) -> None:
        if (found := self._upload(chance)) is not None:
            self.tell(f"abort {found[1]}")
            self("AbortMultipartUpload", Key=found[1], UploadId=found[0])
            del self.uploads[found[0]]

    # ── what happens to it ────────────────────────────────────────────────────────────────────────────────────────

    def change_versioning(self, chance: Random) -> None:
        self.model.versioning = chance.choice(("Enabled", "Suspended"))
        self.tell(f"versioning {self.model.versioning}")
        self("PutBucketVersioning", VersioningConfiguration={"Status": self.model.versioning})

    def cut(self, chance: Random) -> None:
        self.tell("power cut")
        self.world.power_cut(chance)
        self.check(chance)

    def cut_putting(self, chance: Random) -> None:
        key, body = chance.choice(KEYS), self._body(chance)
        self.tell(f"power cut while putting {key}")
        self._cut(chance, "PutObject", {"Key": key, "Body": body},
                  lambda model, version_id: model.add(key, version_id, body, etag_of(body)), key)  # fmt: skip

    def cut_deleting(self, chance: Random) -> None:
        key = chance.choice(KEYS)
        self.tell(f"power cut while deleting {key}")
        self._cut(chance, "DeleteObject", {"Key": key}, lambda model, version_id: model.add(key, version_id, None), key)

    def _cut(
        self,
        chance: Random,
        operation: str,
        request: dict[str, Any],
        happen: Callable[[ModelBucket, str], None],
        key: str,
    ) -> None:
        """It happened, or it didn't: what the bucket holds now tells which. A new version's id is read there."""
        self.world.cut_while_answering(chance, "s3", operation, Bucket=BUCKET, **request)
        told = [each for each in self._told_versions() if each[0] == key]
        if sorted(told) != sorted(_versions(self.model, key)):
            changed = copy.deepcopy(self.model)
            happen(changed, told[0][1] if told and self.model.versioning == "Enabled" else "null")
            self.model = changed
        self.check(chance)

    # ── what must hold ────────────────────────────────────────────────────────────────────────────────────────────

    def list_pages(self, chance: Random) -> None:
        prefix, delimiter = chance.choice(("", "a", "a/", "b", "é")), chance.choice(("", "/"))
        entries, request = [], {"Prefix": prefix} | ({"Delimiter": delimiter} if delimiter else {})
        token: dict[str, str] = {}
        while True:
            limit = chance.randint(1, 4)
            answer = self("ListObjectsV2", MaxKeys=limit, **request, **token)
            page = [each["Key"] for each in answer.get("Contents", [])]
            page += [each["Prefix"] for each in answer.get("CommonPrefixes", [])]
            assert answer["KeyCount"] == len(page) <= limit
            entries += sorted(page, key=str.encode)
            if not answer["IsTruncated"]:
                break
            token = {"ContinuationToken": answer["NextContinuationToken"]}
        assert entries == self.model.listed(prefix, delimiter)

    def _told_versions(self) -> list[Shown]:
        found = self("ListObjectVersions")
        told = [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]
        shown = [(each["Key"], each["VersionId"], each["IsLatest"], each.get("ETag", "")) for each in told]
        return sorted(shown, key=lambda each: not each[2])  # the latest first

    def check(self, chance: Random) -> None:
        wanted = [version for key in KEYS for version in _versions(self.model, key)]
        assert sorted(self._told_versions()) == sorted(wanted)
        for key in chance.sample(KEYS, 3):
            for version_id, body, etag in self.model.keys[key]:
                if body is not None:
                    answer = self("GetObject", Key=key, VersionId=version_id)
                    assert answer["Body"].encode() == body and answer["ETag"] == etag
        uploads = self("ListMultipartUploads").get("Uploads", [])
        assert sorted(each["UploadId"] for each in uploads) == sorted(self.uploads)

    def end(self) -> None:
        """Once every version is gone no body is left, in a file or otherwise."""
        self.check(Random(0))
        for upload_id, (key, _) in self.uploads.items():
            self("AbortMultipartUpload", Key=key, UploadId=upload_id)
        for key, versions in self.model.keys.items():
            for version_id, _, _ in versions:
                self("DeleteObject", Key=key, VersionId=version_id)
        self.world.advance(2 * 86_400)
        self("DeleteBucket")
        blobs = self.world.node.node.database.blobs
        blobs.wait_quiet()
        assert list(blobs.ids()) == []

    def close(self) -> None:
        self.world.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def _versions(model: ModelBucket, key: str) -> list[Shown]:
    return [(key, version_id, at == 0, etag) for at, (version_id, _, etag) in enumerate(model.keys[key])]


def test_a_bucket_does_what_its_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complete_multipart_upload, "PART_BYTES_MIN", PART_BYTES_MIN)
    simulate(Simulation, steps=600, run_steps=150)
