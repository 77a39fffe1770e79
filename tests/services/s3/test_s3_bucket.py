"""Buckets: names, regions, ownership, lists, deletion; every operation under its module."""

import pytest

from cloudlet.services.s3.service import s3 as service
from cloudlet.wire.message import HttpRequest
from tests.client import TestNode
from tests.services.s3.conftest import S3, blob_count


def test_the_table_of_contents_is_the_model() -> None:
    assert sorted(service.module_of) == sorted(service.model.operations)


def test_a_bucket_is_where_it_was_made(node: TestNode, s3: S3) -> None:
    assert s3("CreateBucket", "other") == {"Location": "/other", "BucketArn": "arn:aws:s3:::other"}
    assert s3("GetBucketLocation") == {}
    head = s3("HeadBucket")
    assert (head["BucketRegion"], head["AccessPointAlias"]) == ("us-east-1", False)
    ireland = S3(node.caller("test", "test", region="eu-west-1"))
    made = ireland("CreateBucket", "irish", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert made["Location"] == "http://irish.s3.amazonaws.com/"
    request = node.caller("test", "test", region="eu-west-1").request("s3", "GetBucketLocation", {"Bucket": "irish"})
    answer = node.send(request).body  # botocore reads this one answer in a handler of its own
    assert isinstance(answer, bytes) and answer.endswith(b">eu-west-1</LocationConstraint>")


def test_a_request_to_the_wrong_region_is_told_the_right_one(node: TestNode, s3: S3) -> None:
    ireland = node.caller("test", "test", region="eu-west-1")
    response = node.send(ireland.request("s3", "HeadBucket", {"Bucket": "photos"}))
    assert response.status == 301 and ("x-amz-bucket-region", "us-east-1") in response.headers
    error = S3(ireland).error("ListObjects")
    assert (error.code, error.members["Endpoint"]) == ("PermanentRedirect", "photos.s3.us-east-1.amazonaws.com")


@pytest.mark.parametrize(
    ("region", "constraint", "code"),
    [
        ("us-east-1", "us-east-1", "InvalidLocationConstraint"),
        ("us-east-1", "foo", "InvalidLocationConstraint"),
        ("us-east-1", "eu-west-1", "IllegalLocationConstraintException"),
        ("eu-west-1", None, "IllegalLocationConstraintException"),
        ("eu-west-1", "us-east-2", "IllegalLocationConstraintException"),
    ],
)
def test_a_location_constraint_must_be_the_region_asked(
    node: TestNode, region: str, constraint: str | None, code: str
) -> None:
    given = {"CreateBucketConfiguration": {"LocationConstraint": constraint}} if constraint else {}
    assert S3(node.caller("test", "test", region=region)).refused("CreateBucket", "b12", **given)[0] == code


@pytest.mark.parametrize(
    "name",
    ["ab", "a" * 64, "Upper", "under_score", "-dash", "dash-", "two..dots", "192.168.1.1", "xn--b", "b-s3alias", "a b"],
)
def test_a_name_against_the_rules_is_refused(node: TestNode, name: str) -> None:
    assert S3(node).refused("CreateBucket", name) == ("InvalidBucketName", "The specified bucket is not valid.")


def test_a_name_belongs_to_one_account_in_all_the_world(node: TestNode, s3: S3, stranger: S3) -> None:
    assert stranger.refused("CreateBucket")[0] == "BucketAlreadyExists"
    s3("CreateBucket")  # again: us-east-1 alone takes it
    frankfurt = S3(node.caller("test", "test", region="eu-central-1"))
    given = {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}
    frankfurt("CreateBucket", "mine", **given)
    assert frankfurt.refused("CreateBucket", "mine", **given)[0] == "BucketAlreadyOwnedByYou"


def test_a_bucket_with_anything_in_it_stays(s3: S3) -> None:
    s3.put("k")
    assert s3.refused("DeleteBucket") == ("BucketNotEmpty", "The bucket you tried to delete is not empty")
    s3("DeleteObject", Key="k")
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    marker = s3("DeleteObject", Key="k")["VersionId"]
    assert "delete all versions" in s3.refused("DeleteBucket")[1]
    s3("DeleteObject", Key="k", VersionId=marker)
    s3("DeleteBucket")
    error = s3.error("HeadBucket")
    assert error.status == 404
    assert s3.error("ListObjects").members["BucketName"] == "photos"


def test_a_deleted_bucket_leaves_nothing(node: TestNode, s3: S3) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    upload = s3("CreateMultipartUpload", Key="k")["UploadId"]
    s3("UploadPart", Key="k", UploadId=upload, PartNumber=1, Body=b"x" * 100)
    version = s3.put("k")["VersionId"]
    s3("DeleteObject", Key="k", VersionId=version)
    s3("DeleteBucket")
    assert blob_count(node) == 0
    keys = node.node.services["s3"].keys("000000000000", "us-east-1")
    rows, _ = node.node.database.transact(lambda tx: tx.scan(*keys.contents.range(), limit=10).rows)
    assert rows == []


def test_buckets_are_listed_by_account_prefix_region_and_page(node: TestNode, s3: S3, stranger: S3) -> None:
    for name in ("logs-1", "logs-2", "logs-3"):
        s3("CreateBucket", name)
    stranger("CreateBucket", "logs-9")
    listed = s3("ListBuckets", None)
    assert [bucket["Name"] for bucket in listed["Buckets"]] == ["logs-1", "logs-2", "logs-3", "photos"]
    assert "BucketRegion" not in listed["Buckets"][0] and len(listed["Owner"]["ID"]) == 64
    page = s3("ListBuckets", None, Prefix="logs-", MaxBuckets=2)
    assert [bucket["Name"] for bucket in page["Buckets"]] == ["logs-1", "logs-2"]
    assert page["Buckets"][0]["BucketRegion"] == "us-east-1" and page["Prefix"] == "logs-"
    rest = s3("ListBuckets", None, Prefix="logs-", MaxBuckets=2, ContinuationToken=page["ContinuationToken"])
    assert [bucket["Name"] for bucket in rest["Buckets"]] == ["logs-3"] and "ContinuationToken" not in rest
    assert s3("ListBuckets", None, BucketRegion="eu-west-1")["Buckets"] == []


def test_the_expected_owner_must_own_the_bucket(s3: S3) -> None:
    s3("ListObjects", ExpectedBucketOwner="000000000000")
    assert s3.refused("ListObjects", ExpectedBucketOwner="111122223333") == ("AccessDenied", "Access Denied")
    code, message = s3.refused("ListObjects", ExpectedBucketOwner="invalid")
    assert code == "InvalidBucketOwnerAWSAccountID"
    assert message == "The value of the expected bucket owner parameter must be an AWS Account ID... [invalid]"


def test_what_is_not_part_of_it_says_so(s3: S3) -> None:
    error = s3.error("PutBucketWebsite", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    assert (error.status, error.code) == (501, "NotImplemented")
    assert s3.error("CreateBucket", "locked", ObjectLockEnabledForBucket=True).status == 501


def test_a_browsers_form_is_not_part_of_it(node: TestNode, s3: S3) -> None:
    headers = [("host", "localhost"), ("content-type", "multipart/form-data; boundary=x")]
    assert node.send(HttpRequest("POST", "/photos", "", headers, b"--x--")).status == 501
    assert node.send(HttpRequest("POST", "/photos", "", headers[:1])).status == 405


def test_what_cannot_be_set_is_told_as_unset(s3: S3) -> None:
    assert s3("GetBucketRequestPayment") == {"Payer": "BucketOwner"}
    assert s3("GetBucketAccelerateConfiguration") == {}
    assert s3("GetBucketLogging") == {}
    assert s3.refused("GetBucketWebsite")[0] == "NoSuchWebsiteConfiguration"
    assert s3.refused("GetBucketReplication")[0] == "ReplicationConfigurationNotFoundError"
    assert s3.refused("GetObjectLockConfiguration")[0] == "ObjectLockConfigurationNotFoundError"


def test_buckets_encrypt_with_s3s_own_keys_and_no_others(s3: S3) -> None:
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    assert s3("GetBucketEncryption") == {"ServerSideEncryptionConfiguration": {"Rules": [default]}}
    s3("PutBucketEncryption", ServerSideEncryptionConfiguration={"Rules": [default | {"BucketKeyEnabled": True}]})
    (rule,) = s3("GetBucketEncryption")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["BucketKeyEnabled"] is True
    s3("DeleteBucketEncryption")
    kms = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": False}]}
    s3("PutBucketEncryption", ServerSideEncryptionConfiguration=kms)
    assert s3("GetBucketEncryption")["ServerSideEncryptionConfiguration"] == kms
    assert s3("PutObject", Key="k", Body=b"x")["ServerSideEncryption"] == "AES256"  # AWS's own key is a wish here
    kms["Rules"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] = "mine"
    error = s3.error("PutBucketEncryption", ServerSideEncryptionConfiguration=kms)
    assert error.status == 501 and "KMS" in error.message


def test_tags_of_a_bucket(s3: S3) -> None:
    assert s3.refused("GetBucketTagging") == ("NoSuchTagSet", "The TagSet does not exist")
    tags = [{"Key": "team", "Value": "a"}, {"Key": "stage", "Value": "test"}]
    s3("PutBucketTagging", Tagging={"TagSet": tags})
    assert s3("GetBucketTagging") == {"TagSet": tags}
    twice = {"TagSet": [tags[0], tags[0]]}
    assert s3.refused("PutBucketTagging", Tagging=twice) == (
        "InvalidTag",
        "Cannot provide multiple Tags with the same key",
    )
    s3("DeleteBucketTagging")
    assert s3.refused("GetBucketTagging")[0] == "NoSuchTagSet"
    made_with = {"CreateBucketConfiguration": {"Tags": tags}}
    s3("CreateBucket", "tagged", **made_with)
    assert s3("GetBucketTagging", "tagged") == {"TagSet": tags}


def test_a_body_other_than_its_digest_is_refused(s3: S3) -> None:
    code, _ = s3.refused(
        "PutBucketTagging", Tagging={"TagSet": []}, ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg=="
    )  # the digest of nothing
    assert code == "BadDigest"
