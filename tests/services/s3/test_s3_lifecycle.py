"""Lifecycle rules: stored, told with each object, and applied at midnight."""

import json

import pytest

from tests.client import TestNode
from tests.services.s3.conftest import S3, blob_count


def rules(s3: S3, *given: dict) -> None:
    filled = [{"ID": f"rule{number}", "Status": "Enabled", "Filter": {}} | rule for number, rule in enumerate(given)]
    s3("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": filled})


def keys(s3: S3) -> list[str]:
    return [entry["Key"] for entry in s3("ListObjectsV2").get("Contents", ())]


def versions(s3: S3) -> int:
    answer = s3("ListObjectVersions")
    return len(answer.get("Versions", ())) + len(answer.get("DeleteMarkers", ()))


def test_rules_come_back_as_they_were_put(s3: S3) -> None:
    assert s3.refused("GetBucketLifecycleConfiguration")[0] == "NoSuchLifecycleConfiguration"
    rule = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 7}}
    s3("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": [rule]})
    assert s3("GetBucketLifecycleConfiguration") == {
        "Rules": [rule],
        "TransitionDefaultMinimumObjectSize": "all_storage_classes_128K",
    }
    s3("DeleteBucketLifecycle")
    assert s3.refused("GetBucketLifecycleConfiguration")[0] == "NoSuchLifecycleConfiguration"


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({}, 400, "MalformedXML"),
        ({"Expiration": {"Days": 0}}, 400, "InvalidArgument"),
        ({"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}, 400, "MalformedXML"),
        ({"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}, 501, "NotImplemented"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(s3: S3, rule: dict, status: int, code: str) -> None:
    given = {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {}} | rule]}
    error = s3.error("PutBucketLifecycleConfiguration", LifecycleConfiguration=given)
    assert (error.status, error.code) == (status, code)


def test_an_object_tells_when_it_expires(node: TestNode, s3: S3) -> None:
    node.advance(hours=5)
    rules(s3, {"Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 2}}, {"Expiration": {"Days": 9}})
    told = 'expiry-date="Sun, 04 Jan 2026 00:00:00 GMT", rule-id="rule0"'
    assert s3.put("tmp/a")["Expiration"] == told
    assert s3("HeadObject", Key="tmp/a")["Expiration"] == s3("GetObject", Key="tmp/a")["Expiration"] == told
    assert "rule1" in s3.put("other")["Expiration"]


def test_objects_go_at_the_midnight_after_their_days(node: TestNode, s3: S3) -> None:
    rules(s3, {"Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 2}})
    node.advance(hours=5)
    for number in range(450):
        s3.put(f"tmp/{number}")
    s3.put("kept")
    node.advance(hours=60)  # 65 hours after the start: the third midnight comes in seven
    assert len(keys(s3)) == 451
    node.advance(hours=8)
    assert keys(s3) == ["kept"]
    s3.put("tmp/new")
    node.advance(days=4)
    assert keys(s3) == ["kept"]


def test_filters_by_size_and_tags(node: TestNode, s3: S3) -> None:
    rules(
        s3,
        {"Filter": {"ObjectSizeGreaterThan": 20}, "Expiration": {"Days": 1}},
        {"Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "x", "Value": "1"}, {"Key": "y", "Value": "2"}]}},
         "Expiration": {"Days": 1}},
    )  # fmt: skip
    s3.put("large", b"x" * 21)
    s3.put("small", b"x" * 20)
    s3.put("a-both", Tagging="x=1&y=2")
    s3.put("a-one", Tagging="x=1")
    s3.put("b-both", Tagging="x=1&y=2")
    node.advance(days=3)
    assert keys(s3) == ["a-one", "b-both", "small"]


def test_a_rule_that_is_disabled_or_gone_does_nothing(node: TestNode, s3: S3) -> None:
    rules(s3, {"Status": "Disabled", "Expiration": {"Days": 1}})
    s3.put("a")
    node.advance(days=3)
    rules(s3, {"Expiration": {"Days": 1}})
    s3("DeleteBucketLifecycle")
    node.advance(days=3)
    assert keys(s3) == ["a"]


def test_with_versions_expiry_leaves_a_marker_and_old_versions_go_later(node: TestNode, s3: S3) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    rules(
        s3,
        {"Expiration": {"Days": 1}},
        {"NoncurrentVersionExpiration": {"NoncurrentDays": 3}},
        {"Expiration": {"ExpiredObjectDeleteMarker": True}},
    )
    s3.put("k", b"x" * 20_000)
    s3.put("k", b"y" * 20_000)
    node.advance(days=2.5)
    assert keys(s3) == [] and versions(s3) == 3
    node.advance(days=7)
    assert versions(s3) == 0 and blob_count(node) == 0


def test_the_newest_old_versions_may_be_kept(node: TestNode, s3: S3) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    rules(s3, {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}})
    for number in range(6):
        s3.put("k", str(number).encode())
    node.advance(days=3)
    assert versions(s3) == 3 and s3.read("k") == "5"


def test_unfinished_uploads_are_given_up(node: TestNode, s3: S3) -> None:
    rules(s3, {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}})
    upload = s3("CreateMultipartUpload", Key="k")["UploadId"]
    s3("UploadPart", Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    node.advance(days=2)
    assert len(s3("ListMultipartUploads")["Uploads"]) == 1
    node.advance(days=2)
    assert "Uploads" not in s3("ListMultipartUploads") and blob_count(node) == 0


def test_expiry_is_an_event_of_its_own(node: TestNode, s3: S3) -> None:
    url = node.aws("sqs", "CreateQueue", QueueName="events", Attributes={"Policy": json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
         "Action": "sqs:SendMessage", "Resource": "*"}]})})["QueueUrl"]  # fmt: skip
    arn = "arn:aws:sqs:us-east-1:000000000000:events"
    queue = {"QueueArn": arn, "Events": ["s3:LifecycleExpiration:*"]}
    s3("PutBucketNotificationConfiguration", NotificationConfiguration={"QueueConfigurations": [queue]})
    rules(s3, {"Expiration": {"Days": 1}})
    s3.put("k")
    node.advance(days=3)
    bodies = [
        json.loads(message["Body"])
        for message in node.aws("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    ]
    (record,) = [body["Records"][0] for body in bodies if "Records" in body]
    assert (record["eventName"], record["eventVersion"]) == ("LifecycleExpiration:Delete", "2.3")
    assert record["s3"]["object"]["key"] == "k"
