"""Keys and signatures that were right once, or for somebody else."""

import json

import pytest

from tests.client import TestNode
from tests.security.attackers import allow, code_of, denial, role, session, user_session
from tests.services.s3.conftest import S3

UNKNOWN = {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}


def test_a_request_may_be_repeated_for_fifteen_minutes_and_no_longer(node: TestNode) -> None:
    """As on AWS, which keeps no list of requests it has seen: who can listen in can repeat. TLS is what helps."""
    caller = node.as_user(allow("sqs:*"))
    node.aws("sqs", "CreateQueue", QueueName="q")
    url = "http://127.0.0.1:4566/000000000000/q"
    heard = caller.request("sqs", "SendMessage", {"QueueUrl": url, "MessageBody": "pay 1"})
    assert [node.send(heard).status, node.send(heard).status] == [200, 200]
    node.advance(minutes=15, seconds=1)
    late = node.send(heard)
    assert late.status == 400 and b"InvalidSignatureException" in late.body and b"Signature expired: " in late.body


def test_a_key_ends_with_the_next_request_that_follows_its_end(node: TestNode) -> None:
    """Nothing remembers that it was good: neither the secret nor the signing key nor the decision."""
    ann = node.as_user(allow("sqs:*"), name="ann")
    ann.aws("sqs", "ListQueues")
    key = {"UserName": "ann", "AccessKeyId": ann.key_id}
    for status, works in (("Inactive", False), ("Active", True), ("Inactive", False)):
        node.aws("iam", "UpdateAccessKey", Status=status, **key)
        if works:
            ann.aws("sqs", "ListQueues")
        else:
            assert code_of(ann, "sqs", "ListQueues") in UNKNOWN
    node.aws("iam", "UpdateAccessKey", Status="Active", **key)
    node.aws("iam", "DeleteUserPolicy", UserName="ann", PolicyName="p0")
    denial(ann, "sqs", "ListQueues")
    node.aws("iam", "DeleteAccessKey", **key)
    assert code_of(ann, "sqs", "ListQueues") in UNKNOWN


def test_a_presigned_url_dies_with_its_key(node: TestNode) -> None:
    node.aws("s3", "CreateBucket", Bucket="photos")
    ann = node.as_user(allow("s3:*"), name="ann")
    request = ann.request("s3", "GetObject", {"Bucket": "photos", "Key": "k"})
    node.aws("s3", "PutObject", Bucket="photos", Key="k", Body=b"x")
    assert node.send(request).status == 200
    node.aws("iam", "UpdateAccessKey", UserName="ann", AccessKeyId=ann.key_id, Status="Inactive")
    assert node.send(request).status == 403


GRANTS = {"by its ARN": "arn", "by its role's ARN": "role", "to its account": "account"}


@pytest.mark.parametrize("named", GRANTS.values(), ids=GRANTS)
def test_a_deleted_roles_session_is_let_in_by_no_bucket_policy(node: TestNode, named: str) -> None:
    """Nor once the role is made again under its name: AWS knows it by its unique id."""
    arn = role(node, "worker", {"AWS": "000000000000"}, allow("s3:*"))
    worker = session(node.as_user(allow("sts:AssumeRole")), node, arn)
    names = {"arn": "arn:aws:sts::000000000000:assumed-role/worker/s1", "role": arn, "account": "000000000000"}
    bucket = S3(node)
    bucket("CreateBucket")
    bucket.put("k")
    statement = {"Effect": "Allow", "Principal": {"AWS": names[named]}, "Action": "s3:*",
                 "Resource": "arn:aws:s3:::photos/*"}  # fmt: skip
    bucket("PutBucketPolicy", Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    assert S3(worker).read("k") == "body"
    node.aws("iam", "DeleteRolePolicy", RoleName="worker", PolicyName="p")
    node.aws("iam", "DeleteRole", RoleName="worker")
    denial(worker, "s3", "GetObject", Bucket="photos", Key="k")
    role(node, "worker", {"AWS": "000000000000"}, allow("s3:*"))
    denial(worker, "s3", "GetObject", Bucket="photos", Key="k")


def test_a_deleted_users_session_is_let_in_by_no_bucket_policy(node: TestNode) -> None:
    ann = node.as_user(allow("s3:*"), name="ann")
    temporary = user_session(ann, node)
    bucket = S3(node)
    bucket("CreateBucket")
    bucket.put("k")
    statement = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:user/ann"}, "Action": "s3:*",
                 "Resource": "arn:aws:s3:::photos/*"}  # fmt: skip
    bucket("PutBucketPolicy", Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    assert S3(temporary).read("k") == "body"
    node.aws("iam", "DeleteUserPolicy", UserName="ann", PolicyName="p0")
    node.aws("iam", "DeleteAccessKey", UserName="ann", AccessKeyId=ann.key_id)
    node.aws("iam", "DeleteUser", UserName="ann")
    denial(temporary, "s3", "GetObject", Bucket="photos", Key="k")
    node.as_user(allow("s3:*"), name="ann")
    denial(temporary, "s3", "GetObject", Bucket="photos", Key="k")


def test_a_session_that_is_open_is_limited_by_what_was_taken_from_its_role(node: TestNode) -> None:
    """AWS's way to revoke sessions: a denial on aws:TokenIssueTime, and any other change, counts at once."""
    arn = role(node, "worker", {"AWS": "000000000000"}, allow("sqs:*"))
    worker = session(node.as_user(allow("sts:AssumeRole")), node, arn)
    worker.aws("sqs", "ListQueues")
    older = {"DateLessThan": {"aws:TokenIssueTime": "2999-01-01T00:00:00Z"}}
    revoked = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": older}]})  # fmt: skip
    node.aws("iam", "PutRolePolicy", RoleName="worker", PolicyName="AWSRevokeOlderSessions", PolicyDocument=revoked)
    denial(worker, "sqs", "ListQueues")


def test_whose_key_it_is_does_not_matter_to_a_signature_of_another(node: TestNode) -> None:
    ann, bob = node.as_user(allow("sqs:*")), node.as_user(allow("*"))
    swapped = node.caller(bob.key_id, ann.secret)
    assert code_of(swapped, "sqs", "ListQueues") in ("InvalidSignatureException", "SignatureDoesNotMatch")
    arn = role(node, "worker", {"AWS": "000000000000"}, allow("*"))
    first = session(node.as_user(allow("sts:AssumeRole")), node, arn)
    for key_id, secret, token in ((ann.key_id, ann.secret, first.token), (first.key_id, first.secret, None)):
        mixed = node.caller(key_id, secret, token)
        assert code_of(mixed, "sqs", "ListQueues") in UNKNOWN | {"InvalidToken", "InvalidClientTokenId"}


def test_no_access_is_ever_without_a_decision(node: TestNode) -> None:
    """Every request of a user leaves its decision in the trace: what it asked for, and which statement decided."""
    ann = node.as_user(allow("sqs:ListQueues"))
    ann.aws("sqs", "ListQueues")
    denial(ann, "sqs", "CreateQueue", QueueName="q")
    last = [(d.action, d.allowed, d.policy) for d in node.decisions[-2:]]
    assert last == [("sqs:ListQueues", True, "p0"), ("sqs:CreateQueue", False, None)]
