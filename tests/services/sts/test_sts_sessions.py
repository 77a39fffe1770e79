"""GetSessionToken, GetFederationToken, GetCallerIdentity, GetAccessKeyInfo."""

import json
from typing import Any

from cloudlet.services.sts.service import sts
from tests.client import Caller, TestNode
from tests.services.iam.failures import failure

SQS = {"Effect": "Allow", "Action": ["sqs:*", "sts:GetFederationToken", "sts:TagSession", "iam:*"], "Resource": "*"}


def session_of(caller: Any, operation: str, **parameters: Any) -> Caller:
    keys = caller.aws("sts", operation, **parameters)["Credentials"]
    node = caller if isinstance(caller, TestNode) else caller.node
    return node.caller(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


def policy(action: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}})


def test_root_and_users_are_told_who_they_are(node: TestNode) -> None:
    assert node.aws("sts", "GetCallerIdentity") == {
        "UserId": "000000000000", "Account": "000000000000", "Arn": "arn:aws:iam::000000000000:root",
    }  # fmt: skip
    ann = node.as_user({"Effect": "Deny", "Action": "*", "Resource": "*"}, name="ann").aws("sts", "GetCallerIdentity")
    assert ann["UserId"].startswith("AIDA") and ann["Arn"] == "arn:aws:iam::000000000000:user/ann"


def test_a_session_of_a_user_is_the_user(node: TestNode) -> None:
    ann = node.as_user(SQS, name="ann")
    session = session_of(ann, "GetSessionToken")
    assert session.aws("sts", "GetCallerIdentity") == ann.aws("sts", "GetCallerIdentity")
    session.aws("sqs", "ListQueues")
    node.aws("iam", "DeleteUserPolicy", UserName="ann", PolicyName="p0")
    assert failure(session.aws, "sqs", "ListQueues")[0] == "AccessDenied"


def test_a_session_of_a_user_calls_neither_iam_nor_makes_sessions(node: TestNode) -> None:
    session = session_of(node.as_user(SQS, name="ann"), "GetSessionToken")
    assert failure(session.aws, "iam", "ListUsers") == (
        "InvalidClientTokenId", 403, "The security token included in the request is invalid",
    )  # fmt: skip
    for operation, more in (("GetSessionToken", {}), ("GetFederationToken", {"Name": "bob"})):
        assert failure(session.aws, "sts", operation, **more) == (
            "AccessDenied", 403, f"Cannot call {operation} with session credentials",
        )  # fmt: skip


def test_a_session_of_root_is_root_for_an_hour(node: TestNode) -> None:
    session = session_of(node, "GetSessionToken", DurationSeconds=7200)
    session.aws("sqs", "ListQueues")
    node.advance(3601)
    assert failure(session.aws, "sqs", "ListQueues")[0].startswith("ExpiredToken")


def test_a_session_of_a_user_lasts_twelve_hours(node: TestNode) -> None:
    session = session_of(node.as_user(SQS, name="ann"), "GetSessionToken")
    node.advance(hours=11.9)
    session.aws("sqs", "ListQueues")
    node.advance(hours=0.2)
    assert failure(session.aws, "sqs", "ListQueues")[0].startswith("ExpiredToken")


def test_a_federated_user_may_what_user_and_session_policy_allow(node: TestNode) -> None:
    ann = node.as_user(SQS, name="ann")
    answer = ann.aws("sts", "GetFederationToken", Name="guest", Policy=policy("sqs:ListQueues"))
    assert answer["FederatedUser"] == {
        "FederatedUserId": "000000000000:guest", "Arn": "arn:aws:sts::000000000000:federated-user/guest",
    }  # fmt: skip
    assert answer["PackedPolicySize"] > 0
    guest = session_of(ann, "GetFederationToken", Name="guest", Policy=policy("sqs:ListQueues"))
    assert guest.aws("sts", "GetCallerIdentity")["Arn"] == "arn:aws:sts::000000000000:federated-user/guest"
    guest.aws("sqs", "ListQueues")
    assert failure(guest.aws, "sqs", "CreateQueue", QueueName="q")[0] == "AccessDenied"
    wide = session_of(ann, "GetFederationToken", Name="wide", Policy=policy("*"))
    wide.aws("sqs", "CreateQueue", QueueName="q")
    assert failure(wide.aws, "iam", "ListUsers")[0] == "InvalidClientTokenId"


def test_a_federated_user_is_of_one_user_and_not_of_the_next_with_that_name(node: TestNode) -> None:
    ann = node.as_user(SQS, name="ann")
    guest = session_of(ann, "GetFederationToken", Name="guest", Policy=policy("*"))
    node.aws("iam", "UpdateUser", UserName="ann", NewUserName="anna", NewPath="/team/")
    guest.aws("sqs", "ListQueues")  # she has another name, and is who she was
    node.as_user(SQS, name="ann")
    for name in ("PutUserPolicy", "DeleteUserPolicy"):
        more = {"PolicyDocument": policy("s3:ListAllMyBuckets")} if name == "PutUserPolicy" else {}
        node.aws("iam", name, UserName="ann", PolicyName="p0", **more)
    guest.aws("sqs", "ListQueues")
    node.aws("iam", "DeleteUserPolicy", UserName="anna", PolicyName="p0")
    node.aws("iam", "PutUserPolicy", UserName="ann", PolicyName="p0", PolicyDocument=policy("sqs:*"))
    assert failure(guest.aws, "sqs", "ListQueues")[0] == "AccessDenied"


def test_a_federated_user_without_session_policy_may_nothing(node: TestNode) -> None:
    guest = session_of(node.as_user(SQS, name="ann"), "GetFederationToken", Name="guest")
    assert failure(guest.aws, "sqs", "ListQueues")[0] == "AccessDenied"


def test_roots_federated_user_may_what_the_session_policy_allows(node: TestNode) -> None:
    guest = session_of(node, "GetFederationToken", Name="guest", Policy=policy("sqs:ListQueues"))
    guest.aws("sqs", "ListQueues")
    assert failure(guest.aws, "sqs", "CreateQueue", QueueName="q")[0] == "AccessDenied"


def test_a_federated_users_managed_session_policy_must_be_there(node: TestNode) -> None:
    ann = node.as_user(SQS, name="ann")
    gone = [{"arn": "arn:aws:iam::000000000000:policy/gone"}]
    assert failure(ann.aws, "sts", "GetFederationToken", Name="guest", PolicyArns=gone)[:2] == (
        "InvalidParameterValue", 400,
    )  # fmt: skip
    managed = [{"arn": "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"}]
    guest = session_of(ann, "GetFederationToken", Name="guest", PolicyArns=managed)
    guest.aws("sqs", "ListQueues")
    assert failure(guest.aws, "sqs", "CreateQueue", QueueName="q")[0] == "AccessDenied"


def test_federation_needs_permission(node: TestNode) -> None:
    nobody = node.as_user(name="nobody")
    code, _, message = failure(nobody.aws, "sts", "GetFederationToken", Name="guest")
    assert code == "AccessDenied" and "arn:aws:sts::000000000000:federated-user/guest" in message


def test_a_keys_account_is_told_whose_ever_it_is(node: TestNode) -> None:
    other = node.caller("123456789012", "test")
    other.aws("iam", "CreateUser", UserName="ann")
    key = other.aws("iam", "CreateAccessKey", UserName="ann")["AccessKey"]["AccessKeyId"]
    assert node.aws("sts", "GetAccessKeyInfo", AccessKeyId=key) == {"Account": "123456789012"}
    assert failure(node.aws, "sts", "GetAccessKeyInfo", AccessKeyId="AKIA0123456789012345")[0] == "ValidationError"
    nobody = node.as_user(name="nobody")
    assert failure(nobody.aws, "sts", "GetAccessKeyInfo", AccessKeyId=key)[0] == "AccessDenied"


def test_a_token_belongs_to_its_key(node: TestNode) -> None:
    ann = node.as_user(SQS, name="ann")
    first, second = session_of(ann, "GetSessionToken"), session_of(ann, "GetSessionToken")
    mixed = node.caller(first.key_id, first.secret, second.token)
    assert failure(mixed.aws, "sts", "GetCallerIdentity")[:2] == ("InvalidClientTokenId", 403)
    bare = node.caller(first.key_id, first.secret)
    assert failure(bare.aws, "sts", "GetCallerIdentity")[:2] == ("InvalidClientTokenId", 403)


def test_every_operation_has_its_rule_and_its_place() -> None:
    assert set(sts.load().access_rules) == set(sts.operations)
    assert set(sts.module_of) == set(sts.model.operations)


def test_what_is_not_written_says_so(node: TestNode) -> None:
    assert failure(node.aws, "sts", "DecodeAuthorizationMessage", EncodedMessage="x")[:2] == ("NotImplemented", 501)
