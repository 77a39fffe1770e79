"""Multipart uploads and copies: bodies that are lists of parts, never copied."""

import hashlib

import pytest

from cloudlet.base import checksums
from cloudlet.services.s3 import complete_multipart_upload
from cloudlet.services.s3.records import Part, PartList
from cloudlet.services.s3.service import s3 as service
from cloudlet.store.transaction import BYTES_WRITTEN_MAX
from tests.client import TestNode
from tests.services.s3.conftest import S3, blob_count

MIB = 1 << 20
FIVE = b"5" * (5 * MIB)


def begin(s3: S3, key: str = "k", **parameters) -> str:
    return s3("CreateMultipartUpload", Key=key, **parameters)["UploadId"]


def upload(s3: S3, upload_id: str, *bodies: bytes, key: str = "k") -> list[dict]:
    parts = []
    for number, body in enumerate(bodies, 1):
        answer = s3("UploadPart", Key=key, UploadId=upload_id, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    return parts


def complete(s3: S3, upload_id: str, parts: list[dict], key: str = "k", **parameters) -> dict:
    return s3("CompleteMultipartUpload", Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}, **parameters)


def test_parts_become_one_object(node: TestNode, s3: S3) -> None:
    upload_id = begin(s3, ContentType="text/plain", Metadata={"m": "1"}, Tagging="t=1")
    parts = upload(s3, upload_id, FIVE, b"tail")
    answer = complete(s3, upload_id, parts)
    digests = hashlib.md5(FIVE).digest() + hashlib.md5(b"tail").digest()
    assert answer["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    assert answer["ChecksumCRC64NVME"] == checksums.digest_base64("CRC64NVME", FIVE + b"tail")
    assert (answer["Bucket"], answer["Key"], answer["ChecksumType"]) == ("photos", "k", "FULL_OBJECT")
    got = s3("GetObject", Key="k")
    assert got["Body"] == (FIVE + b"tail").decode() and got["ContentType"] == "text/plain"
    assert (got["Metadata"], got["TagCount"], got["ContentLength"]) == ({"m": "1"}, 1, len(FIVE) + 4)
    assert s3.read("k", Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}") == "55ta"
    assert blob_count(node) == 2
    s3("DeleteObject", Key="k")
    assert blob_count(node) == 0


def test_a_part_can_be_read_alone(s3: S3) -> None:
    complete(s3, upload_id := begin(s3), upload(s3, upload_id, FIVE, b"tail"))
    got = s3("GetObject", Key="k", PartNumber=2)
    assert (got["Body"], got["PartsCount"]) == ("tail", 2)
    assert got["ContentRange"] == f"bytes {5 * MIB}-{5 * MIB + 3}/{5 * MIB + 4}"
    assert s3.error("GetObject", Key="k", PartNumber=10).members["ActualPartCount"] == "2"
    attributes = s3("GetObjectAttributes", Key="k", ObjectAttributes=["ObjectParts", "ObjectSize"])
    assert attributes["ObjectParts"] == {"TotalPartsCount": 2}


def test_parts_may_be_replaced_and_left_out(node: TestNode, s3: S3) -> None:
    upload_id = begin(s3)
    first = upload(s3, upload_id, b"old")
    parts = upload(s3, upload_id, b"new", b"never", b"used")
    assert first[0]["ETag"] != parts[0]["ETag"]
    complete(s3, upload_id, [parts[0]])
    assert s3.read("k") == "new" and blob_count(node) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda parts: parts[::-1], "InvalidPartOrder"),
        (lambda parts: [], "InvalidRequest"),
        (lambda parts: [parts[0] | {"ETag": '"other"'}], "InvalidPart"),
        (lambda parts: [*parts, {"PartNumber": 9, "ETag": '"x"'}], "InvalidPart"),
        (lambda parts: parts[1:], "EntityTooSmall"),
    ],
)  # fmt: skip
def test_a_list_of_parts_that_is_wrong_completes_nothing(s3: S3, change, code: str) -> None:
    upload_id = begin(s3)
    parts = upload(s3, upload_id, FIVE, b"small", b"tail")
    error = s3.error("CompleteMultipartUpload", Key="k", UploadId=upload_id, MultipartUpload={"Parts": change(parts)})
    assert error.code == code
    assert s3.error("HeadObject", Key="k").status == 404
    assert len(s3("ListParts", Key="k", UploadId=upload_id)["Parts"]) == 3


def test_the_longest_list_of_parts_fits_a_transaction() -> None:
    longest = Part(10_000, "f" * 32, 5 << 30, 1 << 45, "local:" + "f" * 32, "XXHASH128", "f" * 88)
    assert len(PartList([longest] * 10_000).encode()) < BYTES_WRITTEN_MAX / 2


def test_an_aborted_upload_leaves_nothing(node: TestNode, s3: S3) -> None:
    upload_id = begin(s3)
    upload(s3, upload_id, b"a", b"b")
    s3("AbortMultipartUpload", Key="k", UploadId=upload_id)
    assert blob_count(node) == 0
    for operation, more in (
        ("AbortMultipartUpload", {}),
        ("ListParts", {}),
        ("UploadPart", {"PartNumber": 1, "Body": b"x"}),
        ("CompleteMultipartUpload", {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "x"}]}}),
    ):
        error = s3.error(operation, Key="k", UploadId=upload_id, **more)
        assert (error.code, error.members["UploadId"]) == ("NoSuchUpload", upload_id)
    assert "Uploads" not in s3("ListMultipartUploads")


def test_a_client_that_lost_the_answer_gets_it_again(s3: S3) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    parts = upload(s3, upload_id := begin(s3), b"a", b"never", b"c")[:1]
    first = complete(s3, upload_id, parts, IfNoneMatch="*")
    assert first["VersionId"] and first["ETag"]
    assert complete(s3, upload_id, [{"PartNumber": 1, "ETag": parts[0]["ETag"].strip('"')}]) == first
    assert complete(s3, upload_id, parts, IfNoneMatch="*") == first
    assert [version["VersionId"] for version in s3("ListObjectVersions")["Versions"]] == [first["VersionId"]]
    assert "Uploads" not in s3("ListMultipartUploads")


def test_a_completed_upload_is_over_for_all_else(s3: S3) -> None:
    parts = upload(s3, upload_id := begin(s3), b"a", b"b")
    complete(s3, upload_id, parts[:1])
    for operation, more in (
        ("ListParts", {}),
        ("UploadPart", {"PartNumber": 1, "Body": b"x"}),
        ("CompleteMultipartUpload", {"MultipartUpload": {"Parts": parts}}),
        ("CompleteMultipartUpload", {"MultipartUpload": {"Parts": parts[1:]}}),
        ("CompleteMultipartUpload", {"Key": "other", "MultipartUpload": {"Parts": parts[:1]}}),
        ("AbortMultipartUpload", {"Key": "other"}),
    ):
        assert s3.refused(operation, **{"Key": "k", "UploadId": upload_id} | more)[0] == "NoSuchUpload", operation


def test_aborting_a_completed_upload_says_nothing_and_leaves_the_object(node: TestNode, s3: S3) -> None:
    complete(s3, upload_id := begin(s3), upload(s3, upload_id, b"body"))
    given = {"Bucket": "photos", "Key": "k", "UploadId": upload_id}
    assert node.send(node.caller("test", "test").request("s3", "AbortMultipartUpload", given)).status == 204
    assert s3.read("k") == "body" and blob_count(node) == 1


def completed_count(node: TestNode) -> int:
    keys = service.keys("000000000000", "us-east-1")
    tx = node.node.database.begin()
    try:
        rows = tx.scan(*keys.contents.range(), limit=1000).rows
        return sum(b"uc" in key for key, _ in rows)
    finally:
        tx.discard()


def test_a_completed_upload_is_forgotten_after_a_day(node: TestNode, s3: S3) -> None:
    parts = upload(s3, upload_id := begin(s3), b"a")
    complete(s3, upload_id, parts)
    node.advance(hours=23)
    complete(s3, upload_id, parts)
    assert completed_count(node) == 1
    node.advance(hours=2)
    given = {"Key": "k", "UploadId": upload_id}
    assert s3.refused("CompleteMultipartUpload", **given, MultipartUpload={"Parts": parts})[0] == "NoSuchUpload"
    assert s3.refused("AbortMultipartUpload", **given)[0] == "NoSuchUpload"
    assert completed_count(node) == 0


def test_a_bucket_takes_its_completed_uploads_along(node: TestNode, s3: S3) -> None:
    parts = upload(s3, upload_id := begin(s3), b"a")
    complete(s3, upload_id, parts)
    s3("DeleteObject", Key="k")
    s3("DeleteBucket")
    node.settle()
    assert completed_count(node) == 0
    s3("CreateBucket")
    error = s3.error("CompleteMultipartUpload", Key="k", UploadId=upload_id, MultipartUpload={"Parts": parts})
    assert error.code == "NoSuchUpload"
    node.advance(days=2)  # what was to forget it finds nothing


def test_part_numbers_have_limits(s3: S3) -> None:
    upload_id = begin(s3)
    for number in (0, -1, 10_001):
        error = s3.error("UploadPart", Key="k", UploadId=upload_id, PartNumber=number, Body=b"")
        assert (error.code, error.message) == (
            "InvalidArgument",
            "Part number must be an integer between 1 and 10000, inclusive",
        )


def test_parts_are_listed_page_by_page(s3: S3) -> None:
    upload_id = begin(s3)
    empty = s3("ListParts", Key="k", UploadId=upload_id)
    assert "Parts" not in empty and (empty["NextPartNumberMarker"], empty["MaxParts"]) == (0, 1000)
    upload(s3, upload_id, b"1", b"22", b"333")
    page = s3("ListParts", Key="k", UploadId=upload_id, MaxParts=2)
    assert [(part["PartNumber"], part["Size"]) for part in page["Parts"]] == [(1, 1), (2, 2)]
    assert page["IsTruncated"] is True and page["NextPartNumberMarker"] == 2
    rest = s3("ListParts", Key="k", UploadId=upload_id, PartNumberMarker=2)
    assert [part["PartNumber"] for part in rest["Parts"]] == [3] and rest["IsTruncated"] is False


def test_uploads_are_listed_by_key_and_time(node: TestNode, s3: S3) -> None:
    first = begin(s3, "b/1")
    node.advance(1)
    second = begin(s3, "b/1")
    begin(s3, "a")
    everything = s3("ListMultipartUploads")
    assert [(upload["Key"], upload["UploadId"]) for upload in everything["Uploads"]][1:] == [
        ("b/1", first),
        ("b/1", second),
    ]
    page = s3("ListMultipartUploads", MaxUploads=2)
    assert page["IsTruncated"] and (page["NextKeyMarker"], page["NextUploadIdMarker"]) == ("b/1", first)
    rest = s3("ListMultipartUploads", KeyMarker="b/1", UploadIdMarker=first)
    assert [upload["UploadId"] for upload in rest["Uploads"]] == [second]
    rolled = s3("ListMultipartUploads", Delimiter="/")
    assert [entry["Prefix"] for entry in rolled["CommonPrefixes"]] == ["b/"] and len(rolled["Uploads"]) == 1


def test_a_composite_checksum_is_of_the_parts_checksums(s3: S3) -> None:
    upload_id = begin(s3, ChecksumAlgorithm="CRC32")
    sums = [checksums.digest_base64("CRC32", body) for body in (FIVE, b"tail")]
    parts = []
    for number, (body, checksum) in enumerate(zip((FIVE, b"tail"), sums, strict=True), 1):
        answer = s3("UploadPart", Key="k", UploadId=upload_id, PartNumber=number, Body=body, ChecksumCRC32=checksum)
        assert answer["ChecksumCRC32"] == checksum
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    message = s3.refused("CompleteMultipartUpload", Key="k", UploadId=upload_id, MultipartUpload={"Parts": parts})[1]
    assert message.endswith("It was missing for part 1 in the request.")
    full = [part | {"ChecksumCRC32": checksum} for part, checksum in zip(parts, sums, strict=True)]
    answer = complete(s3, upload_id, full)
    assert answer["ChecksumCRC32"] == checksums.combine_composite("CRC32", sums)
    assert answer["ChecksumType"] == "COMPOSITE"
    attributes = s3("GetObjectAttributes", Key="k", ObjectAttributes=["Checksum", "ObjectParts"])
    assert attributes["Checksum"]["ChecksumCRC32"] == answer["ChecksumCRC32"].partition("-")[0]
    assert [part["ChecksumCRC32"] for part in attributes["ObjectParts"]["Parts"]] == sums


def test_a_part_must_bring_the_uploads_checksum(s3: S3) -> None:
    upload_id = begin(s3, ChecksumAlgorithm="SHA256")
    code, message = s3.refused(
        "UploadPart", Key="k", UploadId=upload_id, PartNumber=1, Body=b"x", ChecksumCRC32="AAAAAA=="
    )
    assert code == "InvalidRequest" and "expected checksum Type: sha256, actual checksum Type: crc32" in message
    assert s3.refused("CreateMultipartUpload", Key="k", ChecksumAlgorithm="SHA1", ChecksumType="FULL_OBJECT")[1] == (
        "The FULL_OBJECT checksum type cannot be used with the sha1 checksum algorithm."
    )


def test_a_completed_upload_obeys_conditions(s3: S3) -> None:
    s3.put("k")
    parts = upload(s3, upload_id := begin(s3), b"x")
    error = s3.error(
        "CompleteMultipartUpload", Key="k", UploadId=upload_id, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
    )
    assert error.code == "PreconditionFailed"
    complete(s3, upload_id, parts, IfMatch=s3("HeadObject", Key="k")["ETag"])


def test_a_copy_shares_the_body(node: TestNode, s3: S3) -> None:
    put = s3.put("a", b"x" * 50_000, ContentType="text/plain", Metadata={"m": "1"}, Tagging="t=1")
    copied = s3("CopyObject", Key="b", CopySource="photos/a")["CopyObjectResult"]
    assert copied["ETag"] == put["ETag"] and copied["ChecksumCRC64NVME"] == put["ChecksumCRC64NVME"]
    assert blob_count(node) == 1
    s3("DeleteObject", Key="a")
    got = s3("GetObject", Key="b")
    assert got["Body"] == "x" * 50_000 and got["ContentType"] == "text/plain"
    assert (got["Metadata"], got["TagCount"]) == ({"m": "1"}, 1)
    s3("DeleteObject", Key="b")
    assert blob_count(node) == 0


def test_a_copy_may_replace_metadata_and_tags(s3: S3) -> None:
    s3.put("a", Metadata={"m": "1"}, Tagging="t=1", ContentType="text/plain")
    s3("CopyObject", Key="b", CopySource="photos/a", MetadataDirective="REPLACE", Metadata={"n": "2"},
       TaggingDirective="REPLACE", Tagging="u=2&v=3", StorageClass="STANDARD_IA")  # fmt: skip
    got = s3("HeadObject", Key="b")
    assert (got["Metadata"], got["TagCount"], got["StorageClass"]) == ({"n": "2"}, 2, "STANDARD_IA")
    assert got["ContentType"] == "binary/octet-stream"


def test_a_copy_of_an_object_in_parts_is_one_in_one_piece(node: TestNode, s3: S3) -> None:
    complete(s3, upload_id := begin(s3), upload(s3, upload_id, FIVE, b"tail"))
    copied = s3("CopyObject", Key="copy", CopySource="photos/k")["CopyObjectResult"]
    assert copied["ETag"] == f'"{hashlib.md5(FIVE + b"tail").hexdigest()}"'
    assert blob_count(node) == 2
    s3("DeleteObject", Key="k")
    assert s3.read("copy") == (FIVE + b"tail").decode() and blob_count(node) == 2
    s3("DeleteObject", Key="copy")
    assert blob_count(node) == 0


def test_a_copy_may_have_another_checksum(s3: S3) -> None:
    s3.put("a", b"text")
    copied = s3("CopyObject", Key="b", CopySource="photos/a", ChecksumAlgorithm="SHA256")["CopyObjectResult"]
    assert copied["ChecksumSHA256"] == checksums.digest_base64("SHA256", b"text")
    s3("CopyObject", Key="a", CopySource="photos/a", ChecksumAlgorithm="SHA1")  # in place: it changes something
    assert s3("HeadObject", Key="a", ChecksumMode="ENABLED")["ChecksumSHA1"] == checksums.digest_base64("SHA1", b"text")


def test_a_copy_onto_itself_must_change_something(s3: S3) -> None:
    s3.put("a", b"x" * 20_000)
    code, message = s3.refused("CopyObject", Key="a", CopySource="photos/a")
    assert code == "InvalidRequest" and message.startswith("This copy request is illegal")
    s3("CopyObject", Key="a", CopySource="photos/a", MetadataDirective="REPLACE", Metadata={"new": "1"})
    assert s3.read("a") == "x" * 20_000 and s3("HeadObject", Key="a")["Metadata"] == {"new": "1"}


def test_a_copy_of_a_version(s3: S3) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put("a ü", b"1")["VersionId"]
    s3.put("a ü", b"2")
    answer = s3("CopyObject", Key="b", CopySource=f"photos/a%20%C3%BC?versionId={first}")
    assert answer["CopySourceVersionId"] == first and answer["VersionId"] != first
    assert s3.read("b") == "1"
    s3("CopyObject", Key="a ü", CopySource=f"photos/a%20%C3%BC?versionId={first}")
    assert s3.read("a ü") == "1"


def test_conditions_of_a_copys_source(s3: S3) -> None:
    etag = s3.put("a")["ETag"]
    s3("CopyObject", Key="b", CopySource="photos/a", CopySourceIfMatch=etag.strip('"'))
    for condition in (
        {"CopySourceIfMatch": '"x"'},
        {"CopySourceIfNoneMatch": etag},
        {"CopySourceIfModifiedSince": "Thu, 01 Jan 2026 00:00:01 GMT"},
        {"CopySourceIfUnmodifiedSince": "Wed, 31 Dec 2025 00:00:00 GMT"},
    ):
        error = s3.error("CopyObject", Key="b", CopySource="photos/a", **condition)
        assert (error.code, error.status) == ("PreconditionFailed", 412)
    assert s3.refused("CopyObject", Key="b", CopySource="photos/none")[0] == "NoSuchKey"
    assert s3.refused("CopyObject", Key="b", CopySource="nothing")[0] == "InvalidArgument"


def test_a_part_may_be_copied_from_an_object_or_a_range_of_it(node: TestNode, s3: S3) -> None:
    s3.put("big", FIVE)
    upload_id = begin(s3)
    whole = s3("UploadPartCopy", Key="k", UploadId=upload_id, PartNumber=1, CopySource="photos/big")["CopyPartResult"]
    assert whole["ETag"] == f'"{hashlib.md5(FIVE).hexdigest()}"' and blob_count(node) == 1
    part = s3("UploadPartCopy", Key="k", UploadId=upload_id, PartNumber=2, CopySource="photos/big",
              CopySourceRange="bytes=0-3")["CopyPartResult"]  # fmt: skip
    complete(s3, upload_id, [{"PartNumber": 1, "ETag": whole["ETag"]}, {"PartNumber": 2, "ETag": part["ETag"]}])
    s3("DeleteObject", Key="big")
    assert s3("HeadObject", Key="k")["ContentLength"] == 5 * MIB + 4
    assert s3.read("k", PartNumber=2) == "5555"
    error = s3.error("UploadPartCopy", Key="k", UploadId=begin(s3), PartNumber=2, CopySource="photos/k",
                     CopySourceRange="bytes=0-99999999")  # fmt: skip
    assert error.code == "InvalidArgument"


def test_a_part_replaced_while_the_upload_completes_is_not_lost(
    node: TestNode, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts are read before the transaction that makes the object; here one comes in between."""
    root, read, times = node.caller("test", "test"), complete_multipart_upload._stored_parts, 0
    upload_id = begin(s3)
    parts = upload(s3, upload_id, b"the part")

    async def read_and_replaced(*of):
        nonlocal times
        times += 1
        found = await read(*of)
        if times == 1:
            await root.aws_async(
                "s3", "UploadPart", Bucket="photos", Key="k", UploadId=upload_id, PartNumber=1, Body=b"the part"
            )
        return found

    monkeypatch.setattr(complete_multipart_upload, "_stored_parts", read_and_replaced)
    complete(s3, upload_id, parts)
    node.settle()
    assert s3.read("k") == "the part" and blob_count(node) == 1
    assert times == 2
