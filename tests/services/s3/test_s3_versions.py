"""Versioning: versions, delete markers, the version "null", and what comes back when the newest goes."""

from cloudlet.services.s3.keys import Contents
from cloudlet.wire.message import HttpRequest
from tests.client import TestNode
from tests.services.s3.conftest import S3, blob_count


def versioning(s3: S3, status: str) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": status})


def listed(s3: S3) -> list[tuple[str, str, bool]]:
    """(key, version id or "marker", is latest), as ListObjectVersions has them."""
    found = s3("ListObjectVersions")
    entries = [(v["Key"], v["VersionId"], v["IsLatest"]) for v in found.get("Versions", ())]
    return entries + [(m["Key"], "marker", m["IsLatest"]) for m in found.get("DeleteMarkers", ())]


def test_versioning_is_off_until_it_is_enabled_and_then_only_suspended(s3: S3) -> None:
    assert s3("GetBucketVersioning") == {}
    assert "VersionId" not in s3.put("k")
    assert s3.refused("PutBucketVersioning", VersioningConfiguration={}) == (
        "IllegalVersioningConfigurationException",
        "The Versioning element must be specified",
    )
    assert s3.refused("PutBucketVersioning", VersioningConfiguration={"Status": "enabled"})[0] == "MalformedXML"
    for status in ("Enabled", "Suspended"):
        versioning(s3, status)
        assert s3("GetBucketVersioning") == {"Status": status}


def test_every_put_is_a_version_that_stays(s3: S3) -> None:
    versioning(s3, "Enabled")
    ids = [s3.put("k", body)["VersionId"] for body in (b"1", b"2" * 20_000, b"3")]
    assert len(set(ids)) == 3 and all(len(version) == 32 for version in ids)
    assert s3.read("k") == "3"
    assert [s3.read("k", VersionId=version)[0] for version in ids] == ["1", "2", "3"]
    assert listed(s3) == [("k", ids[2], True), ("k", ids[1], False), ("k", ids[0], False)]


def test_a_delete_leaves_a_marker_and_the_versions(s3: S3) -> None:
    versioning(s3, "Enabled")
    first = s3.put("k", b"1")["VersionId"]
    deleted = s3("DeleteObject", Key="k")
    assert deleted["DeleteMarker"] is True
    assert s3.refused("GetObject", Key="k")[0] == "NoSuchKey"
    assert "Contents" not in s3("ListObjectsV2")
    assert s3.read("k", VersionId=first) == "1"
    error = s3.error("GetObject", Key="k", VersionId=deleted["VersionId"])
    assert (error.code, error.status, error.members["ResourceType"]) == ("MethodNotAllowed", 405, "DeleteMarker")
    again = s3("DeleteObject", Key="k")
    assert again["DeleteMarker"] is True and again["VersionId"] != deleted["VersionId"]
    assert s3("DeleteObject", Key="never")["DeleteMarker"] is True


def test_a_missing_object_says_that_a_marker_hides_it(node: TestNode, s3: S3) -> None:
    versioning(s3, "Enabled")
    s3.put("k")
    marker = s3("DeleteObject", Key="k")["VersionId"]
    response = node.send(node.caller("test", "test").request("s3", "HeadObject", {"Bucket": "photos", "Key": "k"}))
    assert response.status == 404
    assert ("x-amz-delete-marker", "true") in response.headers and ("x-amz-version-id", marker) in response.headers


def test_removing_the_marker_brings_the_object_back(s3: S3) -> None:
    versioning(s3, "Enabled")
    version = s3.put("k", b"1")["VersionId"]
    marker = s3("DeleteObject", Key="k")["VersionId"]
    assert s3("DeleteObject", Key="k", VersionId=marker) == {"DeleteMarker": True, "VersionId": marker}
    assert s3.read("k") == "1"
    assert listed(s3) == [("k", version, True)]


def test_removing_the_newest_version_uncovers_the_one_before(node: TestNode, s3: S3) -> None:
    versioning(s3, "Enabled")
    first = s3.put("k", b"1" * 20_000)["VersionId"]
    marker = s3("DeleteObject", Key="k")["VersionId"]
    second = s3.put("k", b"2" * 20_000)["VersionId"]
    assert s3("DeleteObject", Key="k", VersionId=second) == {"VersionId": second}
    assert s3.refused("GetObject", Key="k")[0] == "NoSuchKey"
    assert listed(s3) == [("k", first, False), ("k", "marker", True)]
    s3("DeleteObject", Key="k", VersionId=marker)
    assert s3.read("k") == "1" * 20_000
    s3("DeleteObject", Key="k", VersionId=first)
    assert listed(s3) == [] and blob_count(node) == 0


def test_removing_a_version_in_the_middle_changes_nothing_else(s3: S3) -> None:
    versioning(s3, "Enabled")
    ids = [s3.put("k", body)["VersionId"] for body in (b"1", b"2", b"3")]
    s3("DeleteObject", Key="k", VersionId=ids[1])
    assert listed(s3) == [("k", ids[2], True), ("k", ids[0], False)]
    error = s3.error("GetObject", Key="k", VersionId=ids[1])
    assert (error.code, error.members["VersionId"]) == ("NoSuchVersion", ids[1])
    assert s3("DeleteObject", Key="k", VersionId=ids[1]) == {"VersionId": ids[1]}


def test_what_was_there_before_versioning_is_the_version_null(s3: S3) -> None:
    s3.put("k", b"old")
    versioning(s3, "Enabled")
    assert s3("HeadObject", Key="k")["VersionId"] == "null"
    new = s3.put("k", b"new")["VersionId"]
    assert s3.read("k", VersionId="null") == "old"
    assert listed(s3) == [("k", new, True), ("k", "null", False)]
    s3("DeleteObject", Key="k", VersionId="null")
    assert listed(s3) == [("k", new, True)]


def test_suspended_there_is_one_version_null_at_most(node: TestNode, s3: S3) -> None:
    versioning(s3, "Enabled")
    first = s3.put("k", b"1")["VersionId"]
    versioning(s3, "Suspended")
    assert "VersionId" not in s3.put("k", b"2" * 20_000)
    s3.put("k", b"3" * 20_000)
    assert listed(s3) == [("k", "null", True), ("k", first, False)]
    versioning(s3, "Enabled")
    second = s3.put("k", b"4")["VersionId"]
    versioning(s3, "Suspended")
    s3.put("k", b"5")
    assert listed(s3) == [("k", "null", True), ("k", second, False), ("k", first, False)]
    assert s3.read("k", VersionId="null") == "5"
    assert s3("DeleteObject", Key="k") == {"DeleteMarker": True, "VersionId": "null"}
    assert s3("DeleteObject", Key="k") == {"DeleteMarker": True, "VersionId": "null"}
    assert listed(s3) == [("k", second, False), ("k", first, False), ("k", "marker", True)]
    assert blob_count(node) == 0


def test_a_bad_version_id_is_told_from_a_missing_one(s3: S3) -> None:
    versioning(s3, "Enabled")
    s3.put("k")
    assert s3.refused("DeleteObject", Key="k", VersionId="bad") == ("InvalidArgument", "Invalid version id specified")
    assert s3.refused("GetObject", Key="k", VersionId="bad")[0] == "InvalidArgument"
    assert s3.refused("GetObject", Key="k", VersionId="A" * 32)[0] == "NoSuchVersion"
    assert s3.refused("GetObject", Key="k", VersionId="null")[0] == "NoSuchVersion"


def test_many_deleted_at_once_with_and_without_versions(s3: S3) -> None:
    versioning(s3, "Enabled")
    first = s3.put("a")["VersionId"]
    s3.put("b")
    objects = [{"Key": "a"}, {"Key": "never"}]
    deleted = _delete(s3, objects)["Deleted"]
    assert [(entry["Key"], entry["DeleteMarker"]) for entry in deleted] == [("a", True), ("never", True)]
    marker = deleted[0]["DeleteMarkerVersionId"]
    answer = _delete(s3, [{"Key": "a", "VersionId": marker}, {"Key": "a", "VersionId": first}])
    assert answer["Deleted"] == [
        {"Key": "a", "VersionId": marker, "DeleteMarker": True, "DeleteMarkerVersionId": marker},
        {"Key": "a", "VersionId": first},
    ]
    wrong = _delete(s3, [{"Key": "b", "VersionId": "wrong"}])
    assert wrong["Errors"] == [
        {"Key": "b", "VersionId": "wrong", "Code": "NoSuchVersion", "Message": "The specified version does not exist."}
    ]


def test_a_quiet_deletion_tells_errors_only(s3: S3) -> None:
    s3.put("a")
    assert _delete(s3, [{"Key": "a"}], quiet=True) == {}
    assert "Contents" not in s3("ListObjectsV2")


def test_a_deletion_of_many_must_have_a_digest_and_a_thousand_keys_at_most(node: TestNode, s3: S3) -> None:
    body = b"<Delete><Object><Key>a</Key></Object></Delete>"
    answer = node.send(HttpRequest("POST", "/photos", "delete", [("host", "localhost")], body)).body
    assert isinstance(answer, bytes) and b"Content-MD5 OR x-amz-checksum-*" in answer
    keys = [{"Key": str(number)} for number in range(1001)]
    assert s3.refused("DeleteObjects", Delete={"Objects": keys})[0] == "MalformedXML"


def test_a_thousand_keys_are_deleted_in_transactions_of_some(node: TestNode, s3: S3) -> None:
    for number in range(120):
        s3.put(f"k{number:03d}")
    before = node.node.database.journal.applied
    deleted = _delete(s3, [{"Key": f"k{number:03d}"} for number in range(120)])["Deleted"]
    assert len(deleted) == 120 and "Contents" not in s3("ListObjectsV2")
    contents: Contents = node.node.services["s3"].keys("000000000000", "us-east-1").contents
    rows, _ = node.node.database.transact(lambda tx: tx.scan(*contents.range(), limit=10).rows)
    assert rows == [] and node.node.database.journal.applied > before


def _delete(s3: S3, objects: list[dict], quiet: bool = False) -> dict:
    return s3("DeleteObjects", Delete={"Objects": objects, "Quiet": quiet})
