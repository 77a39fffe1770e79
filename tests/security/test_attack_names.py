"""Names made to be read as something else: wildcards, variables, look-alikes, paths; and policies that say more, or
less, than they seem to."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloudlet.wire.message import HttpRequest, HttpResponse
from tests.client import Caller, TestNode
from tests.security.attackers import IAM, allow, code_of, denial, role, session
from tests.services.s3.conftest import S3

ARN = "arn:aws:s3:::photos"


@pytest.fixture
def s3(node: TestNode) -> S3:
    root = S3(node)
    root("CreateBucket")
    return root


# ── variables ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name", ["*", "?", "a*", "${aws:username}", "../bob", "bob/", "b\u043eb", "bob\u200b", "\uff42ob"]
)
def test_a_user_who_would_be_everybody_cannot_be_made(node: TestNode, name: str) -> None:
    """`${aws:username}` puts the name into patterns and paths: IAM lets none of these be one."""
    assert code_of(node, "iam", "CreateUser", UserName=name) in ("ValidationError", "ValidationException")
    assert code_of(node, "iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument="{}") == "ValidationError"


@pytest.mark.parametrize("tag", ["*", "?", "${*}", "${aws:username}", "bob/../ann", "ann*"])
def test_a_tag_is_text_wherever_it_is_put(node: TestNode, s3: S3, tag: str) -> None:
    """Session tags are chosen by who assumes the role; in a pattern they are what they are, once."""
    if tag.isascii() and not set(tag) & set("*?${}"):
        s3.put(f"home/{tag}/k")
    s3.put("home/ann/k")
    own = allow("s3:GetObject", f"{ARN}/home/${{aws:PrincipalTag/home}}/*")
    arn = role(node, "guest", {"AWS": "000000000000"}, own)
    mallory = node.as_user(allow(["sts:AssumeRole", "sts:TagSession"]))
    tags = [{"Key": "home", "Value": tag}]
    if set(tag) & set("*?${}"):
        assert code_of(mallory, "sts", "AssumeRole", RoleArn=arn, RoleSessionName="s1", Tags=tags) == "ValidationError"
        return
    guest = S3(session(mallory, node, arn, Tags=tags))
    assert guest.error("GetObject", Key="home/ann/k").code == "AccessDenied"


def test_a_role_that_tags_cannot_be_given_tags_it_does_not_take(node: TestNode) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}
    text = json.dumps({"Version": "2012-10-17", "Statement": trust})
    node.aws("iam", "CreateRole", RoleName="plain", AssumeRolePolicyDocument=text)
    mallory = node.as_user(allow(["sts:AssumeRole", "sts:TagSession"]))
    tags = [{"Key": "team", "Value": "admins"}]
    given = {"RoleArn": f"{IAM}:role/plain", "RoleSessionName": "s1", "Tags": tags}
    assert "sts:TagSession" in denial(mallory, "sts", "AssumeRole", **given)


# ── S3 keys ───────────────────────────────────────────────────────────────────────────────────────────────────────


def raw_s3(node: TestNode, caller: Caller, method: str, path: str) -> HttpResponse:
    """A request whose path goes as it is written here, rightly signed."""
    moment = datetime.fromtimestamp(node.clock.wall_ms() / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    request = AWSRequest(method, f"http://127.0.0.1:4566{path}", headers={"Host": "127.0.0.1:4566"})
    request.headers["X-Amz-Date"] = request.context["timestamp"] = moment
    request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(b"").hexdigest()
    signer = S3SigV4Auth(Credentials(caller.key_id, caller.secret), "s3", "us-east-1")
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(to_sign, request))
    headers = [(name.lower(), value) for name, value in request.headers.items()]
    return node.send(HttpRequest(method, path, "", headers, b""))


PATHS = {
    "secret/k": ["/photos/secret/k", "/photos/secret%2Fk", "/photos/%73ecret/k", "/photos/s%65cret%2fk"],
    "public/../secret/k": [f"/photos/public{up}secret/k" for up in ("/../", "/%2E%2E/", "%2f..%2f")],
    "/secret/k": ["/photos//secret/k", "/photos/%2Fsecret/k"],
    "secret//k": ["/photos/secret//k", "/photos/secret/%2Fk"],
    "./secret/k": ["/photos/./secret/k", "/photos/%2E/secret/k"],
}


@pytest.mark.parametrize(("key", "path"), [(key, path) for key, paths in PATHS.items() for path in paths])
def test_what_is_asked_for_is_the_key_that_is_read(node: TestNode, s3: S3, key: str, path: str) -> None:
    """IAM sees the decoded key, nothing taken out or put together; and what it sees is what is touched."""
    ann = node.as_user(allow("s3:*"))
    assert raw_s3(node, ann, "PUT", path).status == 200
    assert [entry["Key"] for entry in s3("ListObjectsV2")["Contents"]] == [key]
    assert {d.resource for d in node.decisions if d.action == "s3:PutObject"} == {f"{ARN}/{key}"}
    barred = node.as_user(allow("s3:*"), {"Effect": "Deny", "Action": "s3:*", "Resource": f"{ARN}/{key}"})
    assert raw_s3(node, barred, "GET", path).status == 403
    assert raw_s3(node, ann, "GET", path).status == 200


@pytest.mark.parametrize(
    "alike", ["secre\u0442/k", "s\u0435cret/k", "secret\u200b/k", "\uff53ecret/k", "SECRET/k", "secret\u2044k"]
)
def test_keys_that_look_alike_are_different_keys(node: TestNode, s3: S3, alike: str) -> None:
    """Nothing is normalised, on neither side: a denial doesn't reach the look-alike, nor the look-alike the object."""
    s3.put("secret/k", b"the real one")
    ann = S3(node.as_user(allow("s3:*"), {"Effect": "Deny", "Action": "*", "Resource": f"{ARN}/secret/*"}))
    assert ann.error("GetObject", Key="secret/k").code == "AccessDenied"
    assert ann.error("GetObject", Key=alike).code in ("NoSuchKey", "AccessDenied")
    ann.put(alike, b"another")
    assert s3.read("secret/k") == "the real one"


def test_composed_and_decomposed_letters_are_two_keys(node: TestNode, s3: S3) -> None:
    s3.put("caf\u00e9", b"1")
    ann = S3(node.as_user(allow("s3:GetObject", f"{ARN}/cafe\u0301")))
    assert ann.error("GetObject", Key="caf\u00e9").code == "AccessDenied"


def test_a_bucket_named_in_the_host_is_the_one_asked_for(node: TestNode, s3: S3) -> None:
    """Not one that the path seems to name."""
    node.aws("s3", "CreateBucket", Bucket="secret-bucket")
    node.aws("s3", "PutObject", Bucket="secret-bucket", Key="k", Body=b"x")
    headers = [("host", "photos.s3.localhost.localstack.cloud:4566")]
    answer = node.send(HttpRequest("GET", "/secret-bucket/k", "", headers, b""))
    assert answer.status == 403
    assert [d.resource for d in node.decisions][-1:] in ([f"{ARN}/secret-bucket/k"], [])


# ── policies that are not what they seem ──────────────────────────────────────────────────────────────────────────

POLICIES: dict[str, tuple[dict[str, Any], dict[str, bool]]] = {
    "NotAction allows all the rest, of every service": (
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
        {"sqs:ListQueues": True, "s3:ListBuckets": True, "iam:ListUsers": False},
    ),
    "NotAction in a denial spares only what it names": (
        {"Effect": "Deny", "NotAction": "sqs:*", "Resource": "*"},
        {"sqs:ListQueues": True, "s3:ListBuckets": False, "iam:ListUsers": False},
    ),
    "NotResource in a denial reaches actions without a resource": (
        {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:sqs:*:*:*"},
        {"sqs:ListQueues": True, "s3:ListBuckets": False, "iam:ListUsers": False},
    ),
    "NotAction with NotResource is not the opposite of Action with Resource": (
        {"Effect": "Deny", "NotAction": "sqs:*", "NotResource": "arn:aws:iam::*:user/*"},
        {"sqs:ListQueues": True, "s3:ListBuckets": False, "iam:ListUsers": True},
    ),
    "a service's prefix is not a word within another": (
        {"Effect": "Deny", "Action": "s:*", "Resource": "*"},
        {"sqs:ListQueues": True, "s3:ListBuckets": True, "iam:ListUsers": True},
    ),
    "actions have no case": (
        {"Effect": "Deny", "Action": "SQS:LISTqueues", "Resource": "*"},
        {"sqs:ListQueues": False, "s3:ListBuckets": True, "iam:ListUsers": True},
    ),
    "condition keys have no case": (
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"AWS:UserName": "user1"}}},
        {"sqs:ListQueues": False, "s3:ListBuckets": False, "iam:ListUsers": False},
    ),
    "a denial on a key that is not there does not hold": (
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}},
        {"sqs:ListQueues": True, "s3:ListBuckets": True, "iam:ListUsers": True},
    ),
    "a negated condition holds where the key is not there": (
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:SourceVpc": "v"}}},
        {"sqs:ListQueues": False, "s3:ListBuckets": False, "iam:ListUsers": False},
    ),
    "ForAllValues holds where there are no values": (
        {"Effect": "Deny", "Action": "*", "Resource": "*",
         "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": "x"}}},
        {"sqs:ListQueues": False, "s3:ListBuckets": False, "iam:ListUsers": False},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", POLICIES)
def test_traps_of_the_policy_language_are_awss(node: TestNode, name: str) -> None:
    statement, expected = POLICIES[name]
    everything = () if statement["Effect"] == "Allow" else (allow("*"),)
    ann = node.as_user(*everything, statement)
    found = {}
    for action in expected:
        service, _, operation = action.partition(":")
        try:
            ann.aws(service, operation)
            found[action] = True
        except Exception:
            found[action] = False
    assert found == expected


def test_a_star_that_ends_a_part_runs_over_colons_as_awss_does(node: TestNode) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html"""
    ann = node.as_user(allow("sqs:CreateQueue", "arn:aws:sqs:us-east-1:*"))
    ann.aws("sqs", "CreateQueue", QueueName="q1")
    denial(node.caller(ann.key_id, ann.secret, region="eu-west-1"), "sqs", "CreateQueue", QueueName="q1")


def test_a_name_that_ends_like_another_is_another(node: TestNode) -> None:
    node.aws("sqs", "CreateQueue", QueueName="jobs-admin")
    ann = node.as_user(allow("sqs:*", "arn:aws:sqs:us-east-1:000000000000:jobs"))
    for name in ("jobs-admin", "Jobs"):
        denial(ann, "sqs", "GetQueueUrl", QueueName=name)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4566/111122223333/theirs",
        "http://evil.example/111122223333/theirs",
        "https://sqs.us-east-1.amazonaws.com/111122223333/theirs",
        "http://127.0.0.1:4566/000000000000/../111122223333/theirs",
        "http://127.0.0.1:4566/000000000000/%2e%2e/111122223333/theirs",
        "/111122223333/theirs",
    ],
)
def test_another_accounts_queue_is_its_own_however_its_url_is_written(node: TestNode, url: str) -> None:
    stranger = node.caller("111122223333", "test")
    stranger.aws("sqs", "CreateQueue", QueueName="theirs")
    ann = node.as_user(allow("sqs:*"))
    refused = code_of(ann, "sqs", "SendMessage", QueueUrl=url, MessageBody="m")
    assert "AccessDenied" in refused or "NonExistentQueue" in refused or "QueueDoesNotExist" in refused
    there = "http://127.0.0.1:4566/111122223333/theirs"
    assert "Messages" not in stranger.aws("sqs", "ReceiveMessage", QueueUrl=there)


def test_quoting_is_undone_once(node: TestNode, s3: S3) -> None:
    """`%252F` is the key `%2F`, and never a slash."""
    ann = node.as_user(allow("s3:*"), {"Effect": "Deny", "Action": "s3:*", "Resource": f"{ARN}/secret/*"})
    s3.put("secret/k")
    assert raw_s3(node, ann, "GET", f"/photos/{quote(quote('secret/k', safe=''), safe='')}").status == 404
    assert raw_s3(node, ann, "GET", f"/photos/{quote('secret/k', safe='')}").status == 403
