"""Random puts, deletes, removals and changes of versioning against a small model; a failure names its seed."""

import random
from urllib.parse import quote

import pytest

from cloudlet.base.errors import AwsError
from tests.client import TestNode
from tests.services.s3.conftest import S3, blob_count

KEYS = ("a", "a/b", "b", "ü")
SIZES = (0, 1, 3000, 16_384, 16_385, 40_000)
STEPS = 120


class Model:
    """Each key's versions, newest first: (id, body), the body None for a delete marker."""

    def __init__(self) -> None:
        self.versioning = ""
        self.versions: dict[str, list[tuple[str, str | None]]] = {key: [] for key in KEYS}

    def add(self, key: str, version_id: str, body: str | None) -> None:
        if version_id == "null":
            self.versions[key] = [entry for entry in self.versions[key] if entry[0] != "null"]
        if body is not None or self.versioning:
            self.versions[key].insert(0, (version_id, body))

    def remove(self, key: str, version_id: str) -> None:
        self.versions[key] = [entry for entry in self.versions[key] if entry[0] != version_id]

    def current(self, key: str) -> str | None:
        return self.versions[key][0][1] if self.versions[key] else None


class Run:
    def __init__(self, s3: S3, seed: int) -> None:
        self.s3, self.random, self.model = s3, random.Random(seed), Model()

    def step(self) -> None:
        choices = (
            [self.put] * 5 + [self.delete] * 2 + [self.remove] * 3 + [self.copy] * 2 + [self.version] + [self.upload]
        )
        self.random.choice(choices)(self.random.choice(KEYS))

    def put(self, key: str) -> None:
        body = self.random.choice("xyz") * self.random.choice(SIZES)
        answer = self.s3.put(key, body.encode())
        self.model.add(key, answer.get("VersionId", "null"), body)

    def copy(self, key: str) -> None:
        source = self.random.choice([name for name in KEYS if name != key])
        body = self.model.current(source)
        try:
            answer = self.s3("CopyObject", Key=key, CopySource=f"photos/{quote(source)}")
        except AwsError as error:
            assert error.code == "NoSuchKey" and body is None
            return
        self.model.add(key, answer.get("VersionId", "null"), body)

    def upload(self, key: str) -> None:
        upload = self.s3("CreateMultipartUpload", Key=key)["UploadId"]
        body = "p" * self.random.choice(SIZES)
        etag = self.s3("UploadPart", Key=key, UploadId=upload, PartNumber=3, Body=body.encode())["ETag"]
        if self.random.random() < 0.3:
            self.s3("AbortMultipartUpload", Key=key, UploadId=upload)
            return
        parts = {"Parts": [{"PartNumber": 3, "ETag": etag}]}
        answer = self.s3("CompleteMultipartUpload", Key=key, UploadId=upload, MultipartUpload=parts)
        self.model.add(key, answer.get("VersionId", "null"), body)

    def delete(self, key: str) -> None:
        answer = self.s3("DeleteObject", Key=key)
        self.model.add(key, answer.get("VersionId", "null"), None)

    def remove(self, key: str) -> None:
        known = [version_id for version_id, _ in self.model.versions[key]]
        version_id = self.random.choice([*known, "null"])
        self.s3("DeleteObject", Key=key, VersionId=version_id)
        self.model.remove(key, version_id)

    def version(self, key: str) -> None:
        self.model.versioning = self.random.choice(("Enabled", "Suspended"))
        self.s3("PutBucketVersioning", VersioningConfiguration={"Status": self.model.versioning})

    def check(self) -> None:
        found = self.s3("ListObjectVersions")
        listed = [(v["Key"], v["VersionId"], v["IsLatest"]) for v in found.get("Versions", ())]
        listed += [(m["Key"], m["VersionId"], m["IsLatest"]) for m in found.get("DeleteMarkers", ())]
        wanted = [
            (key, version_id, number == 0)
            for key in KEYS
            for number, (version_id, _) in enumerate(self.model.versions[key])
        ]
        assert sorted(listed) == sorted(wanted)
        current = [key for key in sorted(KEYS, key=str.encode) if self.model.current(key) is not None]
        assert [entry["Key"] for entry in self.s3("ListObjectsV2").get("Contents", ())] == current
        for key in KEYS:
            for version_id, body in self.model.versions[key]:
                if body is not None:
                    assert self.s3.read(key, VersionId=version_id) == body
            if self.model.current(key) is not None:
                assert self.s3.read(key) == self.model.current(key)


@pytest.mark.parametrize("seed", range(6))
def test_a_bucket_is_what_its_history_says(node: TestNode, s3: S3, seed: int) -> None:
    run = Run(s3, seed)
    for step in range(STEPS):
        run.step()
        if step % 10 == 9:
            run.check()
    run.check()
    for key in KEYS:
        for version_id, _ in list(run.model.versions[key]):
            s3("DeleteObject", Key=key, VersionId=version_id)
    assert blob_count(node) == 0, "bodies were left behind"
    s3("DeleteBucket")
