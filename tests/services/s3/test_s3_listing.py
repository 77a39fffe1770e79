"""Lists: order, pages, prefixes and delimiters, encodings; and how little of a bucket they read."""

import itertools

import pytest

from tests.client import TestNode
from tests.services.s3.conftest import S3


def keys_of(answer: dict) -> list[str]:
    return [entry["Key"] for entry in answer.get("Contents", ())]


def prefixes_of(answer: dict) -> list[str]:
    return [entry["Prefix"] for entry in answer.get("CommonPrefixes", ())]


def fill(s3: S3, *keys: str) -> None:
    for key in keys:
        s3.put(key)


def test_keys_come_in_the_order_of_their_utf_8_bytes(s3: S3) -> None:
    keys = ["b", "a", "ä", "Z", "a/b", "a!", "\U0001f600", "\uffee", "10", "9"]
    fill(s3, *keys)
    wanted = sorted(keys, key=str.encode)
    assert keys_of(s3("ListObjectsV2")) == wanted == keys_of(s3("ListObjects"))
    assert [version["Key"] for version in s3("ListObjectVersions")["Versions"]] == wanted


def test_an_answer_has_the_members_that_aws_sends(s3: S3) -> None:
    s3.put("k", b"test")
    answer = s3("ListObjectsV2")
    (entry,) = answer.pop("Contents")
    assert entry.pop("LastModified").isoformat() == "2026-01-01T00:00:00+00:00"
    assert entry == {
        "Key": "k",
        "ETag": '"098f6bcd4621d373cade4e832627b4f6"',
        "Size": 4,
        "StorageClass": "STANDARD",
        "ChecksumAlgorithm": ["CRC64NVME"],
        "ChecksumType": "FULL_OBJECT",
    }
    assert answer == {"Name": "photos", "Prefix": "", "MaxKeys": 1000, "IsTruncated": False, "KeyCount": 1}
    old = s3("ListObjects", Delimiter="/")
    assert old["Marker"] == "" and old["Delimiter"] == "/" and len(old["Contents"][0]["Owner"]["ID"]) == 64
    assert "Owner" in s3("ListObjectsV2", FetchOwner=True)["Contents"][0]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("delimiter", ["", "/"])
def test_pages_put_together_are_the_whole_list(s3: S3, size: int, delimiter: str) -> None:
    fill(s3, "a", "a/1", "a/2", "b/1/x", "b/2", "c", "c0", "d/", "d/e")
    whole = s3("ListObjectsV2", Delimiter=delimiter)
    found: list[str] = []
    token: dict = {}
    for _ in range(20):
        answer = s3("ListObjectsV2", MaxKeys=size, Delimiter=delimiter, **token)
        assert answer["KeyCount"] <= size
        found += sorted(keys_of(answer) + prefixes_of(answer))
        if not answer["IsTruncated"]:
            break
        token = {"ContinuationToken": answer["NextContinuationToken"]}
    assert found == sorted(keys_of(whole) + prefixes_of(whole))
    marker: dict = {}
    found = []
    for _ in range(20):
        answer = s3("ListObjects", MaxKeys=size, Delimiter=delimiter, **marker)
        found += sorted(keys_of(answer) + prefixes_of(answer))
        if not answer["IsTruncated"]:
            break
        assert ("NextMarker" in answer) == bool(delimiter)
        marker = {"Marker": answer.get("NextMarker") or keys_of(answer)[-1]}
    assert found == sorted(keys_of(whole) + prefixes_of(whole))


def test_a_delimiter_rolls_up_what_is_behind_the_prefix(s3: S3) -> None:
    fill(s3, "test/bar/1", "test/bar/2", "test/foo/bar/1", "test/x", "other")
    answer = s3("ListObjectsV2", Prefix="test/", Delimiter="/")
    assert (prefixes_of(answer), keys_of(answer), answer["KeyCount"]) == (["test/bar/", "test/foo/"], ["test/x"], 3)
    assert prefixes_of(s3("ListObjectsV2", Prefix="test/f", Delimiter="/")) == ["test/foo/"]
    assert prefixes_of(s3("ListObjectsV2", Prefix="test", Delimiter="ar/")) == ["test/bar/", "test/foo/bar/"]
    assert keys_of(s3("ListObjectsV2", Prefix="test/x")) == ["test/x"]
    assert keys_of(s3("ListObjectsV2", Prefix="none")) == []


def test_a_list_begins_after_a_key_that_need_not_be_there(s3: S3) -> None:
    fill(s3, "a", "b", "c")
    assert keys_of(s3("ListObjectsV2", StartAfter="a")) == ["b", "c"]
    assert keys_of(s3("ListObjectsV2", StartAfter="aa")) == ["b", "c"]
    assert keys_of(s3("ListObjects", Marker="b")) == ["c"]
    fill(s3, "d/1", "d/2")
    assert prefixes_of(s3("ListObjectsV2", StartAfter="d/1", Delimiter="/")) == []


def test_no_keys_asked_for_are_none_answered(s3: S3) -> None:
    s3.put("k")
    answer = s3("ListObjectsV2", MaxKeys=0)
    assert (answer["KeyCount"], answer["IsTruncated"]) == (0, False) and "Contents" not in answer
    assert s3.refused("ListObjectsV2", MaxKeys=-1)[0] == "InvalidArgument"
    assert s3.refused("ListObjectsV2", ContinuationToken="nonsense") == (
        "InvalidArgument",
        "The continuation token provided is incorrect",
    )


def test_keys_are_encoded_for_urls_when_asked(s3: S3) -> None:
    s3.put("a b+c/ü")
    answer = s3("ListObjectsV2", EncodingType="url", Prefix="a b", Delimiter="+")
    assert (answer["Prefix"], answer["Delimiter"], answer["EncodingType"]) == ("a+b", "%2B", "url")
    assert prefixes_of(answer) == ["a+b%2B"]
    assert keys_of(s3("ListObjects", EncodingType="url")) == ["a+b%2Bc/%C3%BC"]


def test_a_folder_of_a_thousand_keys_costs_a_few_rows(node: TestNode, s3: S3) -> None:
    node.node.database.run_twice = False
    for number in range(1000):
        s3.put(f"folder/{number:04d}")
    fill(s3, "a/1", "z/1", "top")
    before = node.node.database.stats().rows_scanned
    answer = s3("ListObjectsV2", Delimiter="/")
    assert (prefixes_of(answer), keys_of(answer)) == (["a/", "folder/", "z/"], ["top"])
    assert node.node.database.stats().rows_scanned - before < 100


def test_a_page_reads_no_more_than_it_shows(node: TestNode, s3: S3) -> None:
    node.node.database.run_twice = False
    for number in range(200):
        s3.put(f"{number:04d}")
    before = node.node.database.stats().rows_scanned
    s3("ListObjectsV2", MaxKeys=10, StartAfter="0100")
    assert node.node.database.stats().rows_scanned - before <= 12


@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_of_versions_put_together_are_all_versions(s3: S3, size: int) -> None:
    fill(s3, "old", "k/1")
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    fill(s3, "k", "k", "k", "k/1", "z")
    s3("DeleteObject", Key="k")
    s3("DeleteObject", Key="old")
    fill(s3, "k")

    def entries(answer: dict) -> list[tuple]:
        both = itertools.chain(answer.get("Versions", ()), answer.get("DeleteMarkers", ()))
        return [(entry["Key"], entry["VersionId"], entry["IsLatest"]) for entry in both]

    whole = sorted(entries(s3("ListObjectVersions")))
    assert len(whole) == 10 and sum(latest for *_, latest in whole) == 4
    found: list[tuple] = []
    markers: dict = {}
    for _ in range(20):
        answer = s3("ListObjectVersions", MaxKeys=size, **markers)
        found += entries(answer)
        if not answer["IsTruncated"]:
            break
        markers = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer["NextVersionIdMarker"]}
    assert sorted(found) == whole


def test_versions_behind_a_key_marker_alone_are_of_later_keys(s3: S3) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    fill(s3, "a", "a", "b", "b")
    s3("DeleteObject", Key="a")
    answer = s3("ListObjectVersions", KeyMarker="a")
    assert {entry["Key"] for entry in answer["Versions"]} == {"b"} and "DeleteMarkers" not in answer
    assert s3.refused("ListObjectVersions", VersionIdMarker="x") == (
        "InvalidArgument",
        "A version-id marker cannot be specified without a key marker.",
    )


def test_versions_roll_up_too(s3: S3) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    fill(s3, "f/sub/1", "f/sub/2", "f/file1", "f/file2")
    s3("DeleteObject", Key="f/sub/1")
    first = s3("ListObjectVersions", Prefix="f/", Delimiter="/", MaxKeys=2)
    assert [version["Key"] for version in first["Versions"]] == ["f/file1", "f/file2"] and first["IsTruncated"]
    rest = s3("ListObjectVersions", Prefix="f/", Delimiter="/", KeyMarker=first["NextKeyMarker"])
    assert prefixes_of(rest) == ["f/sub/"] and "Versions" not in rest
    assert prefixes_of(s3("ListObjectVersions", Prefix="f/", Delimiter="/", KeyMarker="f/sub/1")) == []


def test_deleted_objects_cost_a_list_nothing(node: TestNode, s3: S3) -> None:
    node.node.database.run_twice = False
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    for number in range(100):
        s3.put(f"{number:03d}")
        s3("DeleteObject", Key=f"{number:03d}")
    fill(s3, "zzz")
    before = node.node.database.stats().rows_scanned
    assert keys_of(s3("ListObjectsV2")) == ["zzz"]
    assert node.node.database.stats().rows_scanned - before < 5
