"""Who may: identity policies, bucket policies, Block Public Access, other accounts, nobody in particular."""

import json
from collections.abc import Callable

import pytest

from cloudlet.services.s3.public import is_public
from cloudlet.services.s3.service import s3 as service
from cloudlet.wire.message import HttpRequest, HttpResponse
from tests.client import TestNode
from tests.services.s3.conftest import S3

Users = Callable[..., S3]
ALL = "arn:aws:s3:::photos/*"


def allow(action: str | list[str], resource: str | list[str] = ALL, **more) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def unsigned(node: TestNode, method: str, path: str, query: str = "", body: bytes = b"") -> HttpResponse:
    headers = [("host", "127.0.0.1:4566"), ("content-length", str(len(body)))]
    return node.send(HttpRequest(method, path, query, headers, body))


# Everything a user without policies may try, with what it needs to be a request at all.
TRIED: dict[str, dict] = {
    "CopyObject": {"Key": "k", "CopySource": "photos/k"},
    "CompleteMultipartUpload": {"Key": "k", "UploadId": "u", "MultipartUpload": {"Parts": []}},
    "UploadPart": {"Key": "k", "UploadId": "u", "PartNumber": 1},
    "UploadPartCopy": {"Key": "k", "UploadId": "u", "PartNumber": 1, "CopySource": "photos/k"},
    "AbortMultipartUpload": {"Key": "k", "UploadId": "u"},
    "ListParts": {"Key": "k", "UploadId": "u"},
    "GetObjectAttributes": {"Key": "k", "ObjectAttributes": ["ETag"]},
    "PutObjectTagging": {"Key": "k", "Tagging": {"TagSet": []}},
    "PutBucketTagging": {"Tagging": {"TagSet": []}},
    "PutBucketVersioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "PutBucketEncryption": {"ServerSideEncryptionConfiguration": {"Rules": []}},
    "PutBucketPolicy": {"Policy": "{}"},
    "PutPublicAccessBlock": {"PublicAccessBlockConfiguration": {}},
    "PutBucketOwnershipControls": {"OwnershipControls": {"Rules": []}},
    "PutBucketNotificationConfiguration": {"NotificationConfiguration": {}},
    "PutBucketCors": {"CORSConfiguration": {"CORSRules": []}},
    "PutBucketLifecycleConfiguration": {"LifecycleConfiguration": {"Rules": []}},
}
REFUSED_PER_KEY = "DeleteObjects"  # its answer is 200, each key's denial in it


def test_a_user_without_policies_may_nothing(s3: S3, user: Users) -> None:
    s3.put("k")
    nobody = user()
    for operation in sorted(service.operations.keys() - {REFUSED_PER_KEY}):
        more = TRIED.get(operation, {})
        if "Key" in service.model.operations[operation].input.required and "Key" not in more:
            more = {"Key": "k"}
        bucket = None if operation == "ListBuckets" else "photos"
        error = nobody.error(operation, bucket, **more)
        assert error.status == 403, f"{operation}: {error.code} {error.message}"
    errors = nobody("DeleteObjects", Delete={"Objects": [{"Key": "k"}]})["Errors"]
    assert [(entry["Key"], entry["Code"]) for entry in errors] == [("k", "AccessDenied")]
    assert s3.read("k") == "body"


def test_a_bucket_that_is_nowhere_is_told_to_whoever_asks(node: TestNode, s3: S3, user: Users, stranger: S3) -> None:
    s3.put("k")
    needed = service.model.operations
    for caller in (user(), stranger):
        for operation in sorted(service.operations.keys() - {"CreateBucket", "ListBuckets"}):
            more = TRIED.get(operation, {"Key": "k"} if "Key" in needed[operation].input.required else {})
            if operation == REFUSED_PER_KEY:
                more = {"Delete": {"Objects": [{"Key": "k"}]}}
            error = caller.error(operation, "no-such-bucket", **more)
            assert error.status == 404, f"{operation}: {error.code} {error.message}"
            if not operation.startswith("Head"):
                assert (error.code, error.members["BucketName"]) == ("NoSuchBucket", "no-such-bucket"), operation
    assert user().refused("ListBuckets", None)[0] == user().refused("CreateBucket", "new-bucket")[0] == "AccessDenied"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/k"), ("PUT", "/k"), ("DELETE", "/k"), ("GET", ""), ("HEAD", "")]
)
def test_nobody_in_particular_is_told_of_a_bucket_that_is_nowhere(
    node: TestNode, s3: S3, method: str, path: str
) -> None:
    assert unsigned(node, method, f"/photos{path}").status == 403
    answer = unsigned(node, method, f"/no-such-bucket{path}")
    assert answer.status == 404
    if method != "HEAD":
        assert b"<Code>NoSuchBucket</Code>" in answer.body


def test_a_copy_between_buckets_names_the_one_that_is_nowhere(s3: S3, user: Users) -> None:
    s3.put("k")
    for bucket, source in (("photos", "no-such-bucket/k"), ("no-such-bucket", "photos/k")):
        error = user().error("CopyObject", bucket, Key="k", CopySource=source)
        assert (error.code, error.members["BucketName"]) == ("NoSuchBucket", "no-such-bucket")


def test_every_operation_that_is_written_has_an_access_rule() -> None:
    assert service.operations.keys() <= service.access_rules.keys()


def test_a_denial_names_who_what_and_why(s3: S3, user: Users) -> None:
    s3.put("k")
    assert user().refused("GetObject", Key="k") == (
        "AccessDenied",
        "User: arn:aws:iam::000000000000:user/user1 is not authorized to perform: s3:GetObject on resource:"
        " arn:aws:s3:::photos/k because no identity-based policy allows the s3:GetObject action",
    )


def test_reading_needs_get_object_and_a_version_its_own_action(s3: S3, user: Users) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put("k")["VersionId"]
    reader = user(allow("s3:GetObject"))
    assert reader.read("k") == "body"
    reader("HeadObject", Key="k")
    assert "s3:GetObjectVersion " in reader.refused("GetObject", Key="k", VersionId=version)[1]
    assert user(allow("s3:GetObjectVersion")).read("k", VersionId=version) == "body"


def test_who_may_not_list_is_not_told_what_is_missing(s3: S3, user: Users) -> None:
    reader = user(allow("s3:GetObject"))
    code, message = reader.refused("GetObject", Key="none")
    assert code == "AccessDenied" and "s3:ListBucket" in message
    lister = user(allow(["s3:GetObject", "s3:ListBucket"], [ALL, "arn:aws:s3:::photos"]))
    assert lister.refused("GetObject", Key="none")[0] == "NoSuchKey"


def test_writing_tags_or_acls_needs_their_actions_too(user: Users, s3: S3) -> None:
    writer = user(allow("s3:PutObject"))
    writer.put("k")
    assert "s3:PutObjectTagging" in writer.refused("PutObject", Key="k", Body=b"", Tagging="a=1")[1]
    assert "s3:PutObjectAcl" in writer.refused("PutObject", Key="k", Body=b"", ACL="private")[1]
    user(allow(["s3:PutObject", "s3:PutObjectTagging"])).put("k", Tagging="a=1")


def test_a_copy_reads_its_source_and_writes_its_target(user: Users, s3: S3) -> None:
    s3.put("a")
    assert "s3:GetObject " in user(allow("s3:PutObject")).refused("CopyObject", Key="b", CopySource="photos/a")[1]
    assert "s3:PutObject " in user(allow("s3:GetObject")).refused("CopyObject", Key="b", CopySource="photos/a")[1]
    user(allow(["s3:GetObject", "s3:PutObject"]))("CopyObject", Key="b", CopySource="photos/a")


def test_each_key_of_a_deletion_is_asked_for_alone(user: Users, s3: S3) -> None:
    for key in ("mine/a", "yours/a"):
        s3.put(key)
    half = user(allow("s3:DeleteObject", "arn:aws:s3:::photos/mine/*"))
    answer = half("DeleteObjects", Delete={"Objects": [{"Key": "mine/a"}, {"Key": "yours/a"}]})
    assert answer["Deleted"] == [{"Key": "mine/a"}]
    assert [(entry["Key"], entry["Code"]) for entry in answer["Errors"]] == [("yours/a", "AccessDenied")]
    assert s3.read("yours/a") == "body" and s3.error("HeadObject", Key="mine/a").status == 404


def test_lists_may_be_limited_to_a_prefix(user: Users, s3: S3) -> None:
    home = allow("s3:ListBucket", "arn:aws:s3:::photos", Condition={"StringLike": {"s3:prefix": "home/*"}})
    lister = user(home)
    lister("ListObjectsV2", Prefix="home/me")
    assert lister.error("ListObjectsV2").status == 403
    assert lister.error("ListObjectsV2", Prefix="other").status == 403


def test_tags_of_an_object_and_of_a_request_are_conditions(user: Users, s3: S3) -> None:
    s3.put("open", Tagging="secret=no")
    s3.put("closed", Tagging="secret=yes")
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*",
            "Condition": {"StringEquals": {"s3:ExistingObjectTag/secret": "yes"}}}  # fmt: skip
    reader = user(allow("s3:GetObject"), deny)
    assert reader.read("open") == "body"
    assert "explicit deny" in reader.refused("GetObject", Key="closed")[1]
    only = {"StringEquals": {"s3:RequestObjectTag/team": "a"}}
    tagger = user(allow(["s3:PutObject", "s3:PutObjectTagging"], Condition=only))
    tagger.put("k", Tagging="team=a")
    assert tagger.error("PutObject", Key="k", Body=b"", Tagging="team=b").status == 403


def test_a_bucket_policy_lets_a_user_of_the_account_in(node: TestNode, user: Users, s3: S3) -> None:
    s3.put("k")
    someone = user()
    principal = {"AWS": "arn:aws:iam::000000000000:user/user1"}
    s3("PutBucketPolicy", Policy=policy(allow("s3:GetObject", Principal=principal)))
    assert someone.read("k") == "body"
    assert someone.error("PutObject", Key="k", Body=b"").status == 403
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": ALL}
    s3("PutBucketPolicy", Policy=policy(deny))
    assert "explicit deny in a resource-based policy" in s3.refused("DeleteObject", Key="k")[1]


def test_another_account_needs_the_policy_and_its_own_permission(s3: S3, stranger: S3) -> None:
    s3.put("k")
    assert stranger.error("GetObject", Key="k").status == 403
    s3("PutBucketPolicy", Policy=policy(allow("s3:GetObject", Principal={"AWS": "111122223333"})))
    assert stranger.read("k") == "body"
    assert stranger.error("ListObjectsV2").status == 403


def test_nobody_in_particular_gets_what_a_public_policy_gives(node: TestNode, s3: S3) -> None:
    s3.put("k")
    assert unsigned(node, "GET", "/photos/k").status == 403
    public = policy(allow(["s3:GetObject", "s3:PutObject"], Principal="*"))
    code, message = s3.refused("PutBucketPolicy", Policy=public)
    assert code == "AccessDenied" and "BlockPublicPolicy" in message
    s3("DeletePublicAccessBlock")
    s3("PutBucketPolicy", Policy=public)
    assert s3("GetBucketPolicyStatus")["PolicyStatus"] == {"IsPublic": True}
    assert unsigned(node, "GET", "/photos/k").body == b"body"
    assert unsigned(node, "PUT", "/photos/new", body=b"theirs").status == 200
    assert s3.read("new") == "theirs"
    assert unsigned(node, "GET", "/photos").status == 403
    response = unsigned(node, "GET", "/photos/k", "response-content-type=text/html")
    assert response.status == 400
    s3("PutPublicAccessBlock", PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    assert unsigned(node, "GET", "/photos/k").status == 403
    assert s3.read("k") == "body"


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        (allow("s3:*", Principal="*"), True),
        (allow("s3:*", Principal={"AWS": ["111122223333", "*"]}), True),
        (allow("s3:*", Principal={"AWS": "111122223333"}), False),
        (allow("s3:*", Principal={"Service": "sns.amazonaws.com"}), False),
        ({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ALL}, False),
        (allow("s3:*", Principal="*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), False),
        (allow("s3:*", Principal="*", Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}), True),
        (allow("s3:*", Principal="*", Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}}), False),
        (allow("s3:*", Principal="*", Condition={"StringLike": {"aws:SourceVpc": "vpc-*"}}), True),
        (allow("s3:*", Principal="*", Condition={"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}), True),
        (allow("s3:*", Principal="*", Condition={"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}), True),
        (allow("s3:*", Principal="*", Condition={"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:111122223333:*"}}), False),
        (allow("s3:*", Principal="*", Condition={"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}), True),
        (allow("s3:*", Principal="*", Condition={"Bool": {"aws:SecureTransport": "true"}}), True),
    ],
)
def test_a_policy_is_public_unless_it_pins_its_callers(statement: dict, public: bool) -> None:
    assert is_public(policy(statement)) is public


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "Policies must be valid JSON and the first byte must be '{'"),
        ("{", "Policies must be valid JSON and the first byte must be '{'"),
        ("{}", "Missing required field Statement"),
        (policy(allow("s3:GetObject", "arn:aws:s3:::other/*", Principal="*")), "Policy has invalid resource"),
        (policy(allow("sqs:SendMessage", Principal="*")), "Policy has invalid action"),
        (policy({"Effect": "Allow", "Principal": "*", "Action": "s3:*"}), "Missing required field Resource"),
        (policy(allow("s3:GetObject")), "Missing required field Principal"),
    ],
)
def test_a_policy_that_is_none_is_refused(s3: S3, text: str, message: str) -> None:
    assert s3.refused("PutBucketPolicy", Policy=text) == ("MalformedPolicy", message)


def test_a_policy_comes_back_as_it_was_put(s3: S3) -> None:
    assert s3.refused("GetBucketPolicy") == ("NoSuchBucketPolicy", "The bucket policy does not exist")
    text = policy(allow("s3:GetObject", Principal={"AWS": "111122223333"}))
    s3("PutBucketPolicy", Policy=text)
    assert s3("GetBucketPolicy") == {"Policy": text}
    assert s3("GetBucketPolicyStatus")["PolicyStatus"] == {"IsPublic": False}
    s3("DeleteBucketPolicy")
    s3("DeleteBucketPolicy")
    assert s3.refused("GetBucketPolicy")[0] == "NoSuchBucketPolicy"


def test_public_access_is_blocked_until_it_is_not(s3: S3) -> None:
    settings = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    assert s3("GetPublicAccessBlock")["PublicAccessBlockConfiguration"] == dict.fromkeys(settings, True)
    s3("PutPublicAccessBlock", PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    now = s3("GetPublicAccessBlock")["PublicAccessBlockConfiguration"]
    assert now == dict.fromkeys(settings, False) | {"BlockPublicAcls": True}
    s3("DeletePublicAccessBlock")
    assert s3.refused("GetPublicAccessBlock")[0] == "NoSuchPublicAccessBlockConfiguration"


def test_ownership_of_objects_is_the_buckets(s3: S3) -> None:
    assert s3("GetBucketOwnershipControls")["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    s3("PutBucketOwnershipControls", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]})
    assert (
        s3("GetBucketOwnershipControls")["OwnershipControls"]["Rules"][0]["ObjectOwnership"] == "BucketOwnerPreferred"
    )
    s3("DeleteBucketOwnershipControls")
    assert s3.refused("GetBucketOwnershipControls")[0] == "OwnershipControlsNotFoundError"
    assert s3.refused("CreateBucket", "other", ObjectOwnership="RandomValue") == (
        "InvalidArgument",
        "Invalid x-amz-object-ownership header: RandomValue",
    )


def test_tags_of_objects(s3: S3) -> None:
    s3.put("k")
    assert s3("GetObjectTagging", Key="k") == {"TagSet": []}
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    s3("PutObjectTagging", Key="k", Tagging={"TagSet": tags})
    assert s3("GetObjectTagging", Key="k") == {"TagSet": tags}
    assert s3("HeadObject", Key="k")["TagCount"] == 2
    s3("DeleteObjectTagging", Key="k")
    assert "TagCount" not in s3("HeadObject", Key="k")
    assert s3.refused("GetObjectTagging", Key="none")[0] == "NoSuchKey"
    many = [{"Key": str(number), "Value": ""} for number in range(11)]
    for wrong, message in (
        ([{"Key": "aws:x", "Value": ""}], "Your TagKey cannot be prefixed with aws:"),
        ([{"Key": "a,b", "Value": ""}], "The TagKey you have provided is invalid"),
        ([{"Key": "a", "Value": "b,c"}], "The TagValue you have provided is invalid"),
        (many, "Object tags cannot be greater than 10"),
    ):
        assert s3.refused("PutObjectTagging", Key="k", Tagging={"TagSet": wrong})[1] == message
    for wrong_header in ("key1=val1&key1=val2", "key1=val1,key2=val2"):
        assert s3.refused("PutObject", Key="k", Body=b"", Tagging=wrong_header)[0] == "InvalidArgument"


def test_tags_belong_to_a_version(s3: S3) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put("k", Tagging="v=1")["VersionId"]
    second = s3.put("k", Tagging="v=2")["VersionId"]
    s3("PutObjectTagging", Key="k", VersionId=first, Tagging={"TagSet": [{"Key": "v", "Value": "one"}]})
    assert s3("GetObjectTagging", Key="k", VersionId=first) == {
        "TagSet": [{"Key": "v", "Value": "one"}],
        "VersionId": first,
    }
    assert s3("GetObjectTagging", Key="k") == {"TagSet": [{"Key": "v", "Value": "2"}], "VersionId": second}
    s3("DeleteObject", Key="k")
    error = s3.error("PutObjectTagging", Key="k", Tagging={"TagSet": []})
    assert (error.code, error.members["Method"]) == ("MethodNotAllowed", "PUT")
