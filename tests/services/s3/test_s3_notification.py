"""Events: who gets which, what they say, and that a change and its events are one."""

import json

import pytest

from cloudlet.base.errors import AwsError
from tests.client import TestNode
from tests.services.s3.conftest import S3

PREFIX = "arn:aws:sqs:us-east-1:000000000000:"


def make_queue(node: TestNode, name: str = "events", allowed: bool = True, **condition) -> str:
    """A queue that S3 may send to; its URL."""
    statement = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage",
                 "Resource": "*"} | ({"Condition": condition} if condition else {})  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    attributes = {"Policy": policy} if allowed else {}
    return node.aws("sqs", "CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]


def notify(s3: S3, *queues: dict, **more) -> None:
    """Each a queue's name and what it is to get."""
    given = [{"QueueArn": PREFIX + queue.pop("name", "events"), **queue} for queue in map(dict, queues)]
    s3("PutBucketNotificationConfiguration", NotificationConfiguration={"QueueConfigurations": given}, **more)


def received(node: TestNode, url: str) -> list[dict]:
    bodies = []
    while messages := node.aws("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [json.loads(message["Body"]) for message in messages]
    return bodies


def records(node: TestNode, url: str) -> list[dict]:
    return [record for body in received(node, url) for record in body.get("Records", ())]


def filtered(**rules: str) -> dict:
    return {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in rules.items()]}}


def test_a_queue_gets_a_test_message_and_then_the_events(node: TestNode, s3: S3) -> None:
    url = make_queue(node)
    notify(s3, {"Id": "config", "Events": ["s3:ObjectCreated:*"]})
    (test,) = received(node, url)
    assert test.pop("RequestId") and test.pop("HostId")
    assert test == {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-01-01T00:00:00.000Z",
        "Bucket": "photos",
    }
    s3.put("a b/ü", b"test")
    (record,) = records(node, url)
    ids = record.pop("responseElements")
    assert set(ids) == {"x-amz-request-id", "x-amz-id-2"}
    sequencer = record["s3"]["object"].pop("sequencer")
    assert len(sequencer) == 18 and int(sequencer, 16) > 0
    assert record == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:000000000000"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "config",
            "bucket": {
                "name": "photos",
                "ownerIdentity": {"principalId": record["s3"]["bucket"]["ownerIdentity"]["principalId"]},
                "arn": "arn:aws:s3:::photos",
            },
            "object": {"key": "a+b/%C3%BC", "size": 4, "eTag": "098f6bcd4621d373cade4e832627b4f6"},
        },
    }
    assert len(record["s3"]["bucket"]["ownerIdentity"]["principalId"]) == 14


def test_each_kind_of_change_has_its_event(node: TestNode, s3: S3) -> None:
    url = make_queue(node)
    notify(s3, {"Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]})
    s3.put("a", b"12345")
    s3("CopyObject", Key="b", CopySource="photos/a")
    upload = s3("CreateMultipartUpload", Key="c")["UploadId"]
    etag = s3("UploadPart", Key="c", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    s3(
        "CompleteMultipartUpload",
        Key="c",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
    )
    s3("PutObjectTagging", Key="a", Tagging={"TagSet": []})
    s3("DeleteObjectTagging", Key="a")
    s3("DeleteObject", Key="a")
    s3("DeleteObject", Key="never")
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put("b")["VersionId"]
    s3("DeleteObjects", Delete={"Objects": [{"Key": "b"}, {"Key": "b", "VersionId": version}]})
    found = records(node, url)
    assert [record["eventName"] for record in found] == [
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectTagging:Put",
        "ObjectTagging:Delete",
        "ObjectRemoved:Delete",
        "ObjectCreated:Put",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectRemoved:Delete",
    ]
    objects = [record["s3"]["object"] for record in found]
    assert set(objects[5]) == {"key", "sequencer"}
    assert objects[6]["versionId"] == version == objects[8]["versionId"]
    assert objects[7]["eTag"] == "d41d8cd98f00b204e9800998ecf8427e"
    assert found[3]["eventVersion"] == "2.3" and set(objects[3]) == {"key", "eTag"}
    of_b = [described["sequencer"] for described in objects if described["key"] == "b"]
    assert of_b == sorted(set(of_b))


def test_filters_choose_by_prefix_and_suffix(node: TestNode, s3: S3) -> None:
    images, others = make_queue(node, "images"), make_queue(node, "others")
    notify(
        s3,
        {"name": "images", "Events": ["s3:ObjectCreated:Put"], "Filter": filtered(Prefix="in/", Suffix=".jpg")},
        {"name": "others", "Events": ["s3:ObjectCreated:*"], "Filter": filtered(prefix="in/", suffix=".txt")},
    )
    for key in ("in/a.jpg", "in/a.txt", "out/a.jpg", "in/jpg"):
        s3.put(key)
    s3("CopyObject", Key="in/b.jpg", CopySource="photos/in/a.jpg")
    assert [record["s3"]["object"]["key"] for record in records(node, images)] == ["in/a.jpg"]
    assert [record["s3"]["object"]["key"] for record in records(node, others)] == ["in/a.txt"]


def test_a_configuration_comes_back_and_can_be_emptied(node: TestNode, s3: S3) -> None:
    assert s3("GetBucketNotificationConfiguration") == {}
    url = make_queue(node)
    notify(s3, {"Id": "one", "Events": ["s3:ObjectCreated:*"], "Filter": filtered(prefix="a")})
    (queue,) = s3("GetBucketNotificationConfiguration")["QueueConfigurations"]
    assert queue == {
        "Id": "one",
        "QueueArn": PREFIX + "events",
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "a"}]}},
    }
    notify(s3)
    assert s3("GetBucketNotificationConfiguration") == {}
    s3.put("a")
    assert records(node, url) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Events": ["s3:ObjectCreated:*"]}, {"Events": ["s3:ObjectCreated:Put"]}),
        ({"Events": ["s3:ObjectCreated:*"], "Filter": filtered(prefix="a")},
         {"Events": ["s3:ObjectCreated:*"], "Filter": filtered(prefix="ab")}),
        ({"Events": ["s3:ObjectCreated:*"], "Filter": filtered(suffix="jpg")},
         {"Events": ["s3:ObjectCreated:*"], "Filter": filtered(prefix="x")}),
    ],
)  # fmt: skip
def test_one_event_has_one_destination(node: TestNode, s3: S3, one: dict, other: dict) -> None:
    make_queue(node)
    with pytest.raises(AwsError) as refused:
        notify(s3, one, other)
    assert refused.value.code == "InvalidArgument"


def test_filters_that_cannot_meet_may_share_an_event(node: TestNode, s3: S3) -> None:
    make_queue(node)
    event = ["s3:ObjectCreated:*"]
    notify(s3, {"Events": event, "Filter": filtered(prefix="a", suffix=".jpg")},
           {"Events": event, "Filter": filtered(prefix="a", suffix=".png")},
           {"Events": ["s3:ObjectRemoved:*"]})  # fmt: skip


def test_destinations_are_tried_before_they_are_stored(node: TestNode, s3: S3) -> None:
    def refused(*queues: dict) -> AwsError:
        with pytest.raises(AwsError) as error:
            notify(s3, *queues)
        return error.value

    first = refused(
        {"name": "no-1", "Events": ["s3:ObjectCreated:*"]}, {"name": "no-2", "Events": ["s3:ObjectRemoved:*"]}
    )
    assert first.message == "Unable to validate the following destination configurations"
    assert first.members["ArgumentName2"] == PREFIX + "no-2"
    assert first.members["ArgumentValue1"] == "The destination queue does not exist"
    make_queue(node, "closed", allowed=False)
    closed = refused({"name": "closed", "Events": ["s3:ObjectCreated:*"]})
    assert closed.members["ArgumentValue"].startswith("Permissions on the destination queue do not allow S3")
    assert s3("GetBucketNotificationConfiguration") == {}
    notify(s3, {"name": "no-1", "Events": ["s3:ObjectCreated:*"]}, SkipDestinationValidation=True)
    s3.put("k")  # the destination is not there: the event is lost, the object is not
    assert s3.read("k") == "body"


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        ({"QueueArn": "invalid"}, "The ARN could not be parsed"),
        ({"QueueArn": "arn:aws:sns:us-east-1:000000000000:topic"}, "The ARN is not well formed"),
        ({"QueueArn": "arn:aws:sqs:eu-west-1:000000000000:q"},
         "The notification destination service region is not valid for the bucket location constraint"),
        ({"Events": ["s3:Nonsense"]}, "The event 's3:Nonsense' is not supported for notifications"),
        ({"Filter": filtered(infix="a")}, "filter rule name must be either prefix or suffix"),
    ],
)  # fmt: skip
def test_a_configuration_that_makes_no_sense_is_refused(s3: S3, queue: dict, message: str) -> None:
    given = {"QueueArn": PREFIX + "events", "Events": ["s3:ObjectCreated:*"]} | queue
    configuration = {"QueueConfigurations": [given]}
    assert s3.refused("PutBucketNotificationConfiguration", NotificationConfiguration=configuration)[1] == message


def test_eventbridge_is_not_part_of_it(s3: S3) -> None:
    error = s3.error("PutBucketNotificationConfiguration", NotificationConfiguration={"EventBridgeConfiguration": {}})
    assert error.status == 501 and "EventBridge" in error.message


def test_a_policy_may_ask_for_the_bucket_and_its_owner(node: TestNode, s3: S3, stranger: S3) -> None:
    url = make_queue(
        node, StringEquals={"aws:SourceAccount": "000000000000"}, ArnLike={"aws:SourceArn": "arn:aws:s3:*:*:photos"}
    )
    notify(s3, {"Events": ["s3:ObjectCreated:*"]})
    policy = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:PutObject",
              "Resource": "arn:aws:s3:::photos/*"}  # fmt: skip
    s3("PutBucketPolicy", Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]}))
    stranger.put("theirs")
    assert [record["userIdentity"]["principalId"] for record in records(node, url)] == ["AWS:111122223333"]
    s3("CreateBucket", "other")
    with pytest.raises(AwsError):
        s3("PutBucketNotificationConfiguration", "other", NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": PREFIX + "events", "Events": ["s3:ObjectCreated:*"]}]})  # fmt: skip


def test_a_change_that_fails_has_no_event(node: TestNode, s3: S3) -> None:
    url = make_queue(node)
    s3.put("k")
    notify(s3, {"Events": ["s3:ObjectCreated:*"]})
    received(node, url)
    s3.refused("PutObject", Key="k", Body=b"x", IfNoneMatch="*")
    assert received(node, url) == []
