"""Users and their access keys."""

import json
from urllib.parse import unquote

import pytest

from cloudlet.services.iam import rules
from tests.client import TestNode
from tests.services.iam.failures import failure

ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def test_a_user_is_told_back_as_it_was_made(node: TestNode) -> None:
    made = node.aws("iam", "CreateUser", UserName="ann", Path="/staff/", Tags=[{"Key": "team", "Value": "a"}])["User"]
    assert made["Arn"] == "arn:aws:iam::000000000000:user/staff/ann"
    assert made["UserId"].startswith("AIDA") and len(made["UserId"]) == 21
    assert made["Tags"] == [{"Key": "team", "Value": "a"}]
    assert node.aws("iam", "GetUser", UserName="ann")["User"] == made


def test_a_list_of_users_tells_no_tags(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="ann", Tags=[{"Key": "team", "Value": "a"}])
    (user,) = node.aws("iam", "ListUsers")["Users"]
    assert set(user) == {"Path", "UserName", "UserId", "Arn", "CreateDate"}


def test_names_are_unique_whatever_their_case(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="Ann")
    assert failure(node.aws, "iam", "CreateUser", UserName="ann") == (
        "EntityAlreadyExists", 409, "User with name ann already exists.",
    )  # fmt: skip
    assert failure(node.aws, "iam", "GetUser", UserName="ann") == (
        "NoSuchEntity", 404, "The user with name ann cannot be found.",
    )  # fmt: skip


def test_users_of_one_account_are_not_those_of_another(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="ann")
    other = node.caller("111111111111", "test")
    assert other.aws("iam", "ListUsers")["Users"] == []
    assert other.aws("iam", "CreateUser", UserName="ann")["User"]["Arn"] == "arn:aws:iam::111111111111:user/ann"


def test_get_user_without_a_name_tells_the_caller(node: TestNode) -> None:
    ann = node.as_user({"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"}, name="ann")
    assert ann.aws("iam", "GetUser")["User"]["UserName"] == "ann"
    assert node.aws("iam", "GetUser")["User"]["Arn"] == "arn:aws:iam::000000000000:root"


def test_a_renamed_user_keeps_key_policies_and_id(node: TestNode) -> None:
    ann = node.as_user(ALLOW_ALL, name="ann")
    before = ann.aws("sts", "GetCallerIdentity")
    node.aws("iam", "UpdateUser", UserName="ann", NewUserName="anna", NewPath="/x/")
    after = ann.aws("sts", "GetCallerIdentity")
    assert after["UserId"] == before["UserId"] and after["Arn"].endswith(":user/x/anna")
    assert ann.aws("iam", "ListUserPolicies", UserName="anna")["PolicyNames"] == ["p0"]
    assert failure(node.aws, "iam", "GetUser", UserName="ann")[0] == "NoSuchEntity"


def test_a_user_can_be_renamed_in_case_only_but_not_onto_another(node: TestNode) -> None:
    for name in ("ann", "bob"):
        node.aws("iam", "CreateUser", UserName=name)
    node.aws("iam", "UpdateUser", UserName="ann", NewUserName="Ann")
    assert failure(node.aws, "iam", "UpdateUser", UserName="Ann", NewUserName="BOB")[0] == "EntityAlreadyExists"
    assert [user["UserName"] for user in node.aws("iam", "ListUsers")["Users"]] == ["Ann", "bob"]


def test_a_user_is_deleted_last(node: TestNode) -> None:
    node.as_user(ALLOW_ALL, name="ann")
    node.aws("iam", "CreateGroup", GroupName="g")
    node.aws("iam", "AddUserToGroup", GroupName="g", UserName="ann")
    node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")

    def remedy() -> str:
        code, status, message = failure(node.aws, "iam", "DeleteUser", UserName="ann")
        assert (code, status) == ("DeleteConflict", 409)
        return message

    assert remedy() == "Cannot delete entity, must remove users from group first."
    node.aws("iam", "RemoveUserFromGroup", GroupName="g", UserName="ann")
    assert remedy() == "Cannot delete entity, must delete access keys first."
    (key,) = node.aws("iam", "ListAccessKeys", UserName="ann")["AccessKeyMetadata"]
    node.aws("iam", "DeleteAccessKey", UserName="ann", AccessKeyId=key["AccessKeyId"])
    assert remedy() == "Cannot delete entity, must detach all policies first."
    node.aws("iam", "DetachUserPolicy", UserName="ann", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    assert remedy() == "Cannot delete entity, must delete policies first."
    node.aws("iam", "DeleteUserPolicy", UserName="ann", PolicyName="p0")
    node.aws("iam", "DeleteUser", UserName="ann")
    assert failure(node.aws, "iam", "DeleteUser", UserName="ann")[0] == "NoSuchEntity"


def test_users_are_listed_in_pages_and_by_path(node: TestNode) -> None:
    for number in range(7):
        node.aws("iam", "CreateUser", UserName=f"u{number}", Path="/even/" if number % 2 == 0 else "/odd/")
    seen, marker = [], {}
    while True:
        answer = node.aws("iam", "ListUsers", PathPrefix="/even/", MaxItems=2, **marker)
        seen += [user["UserName"] for user in answer["Users"]]
        if not answer["IsTruncated"]:
            break
        marker = {"Marker": answer["Marker"]}
    assert seen == ["u0", "u2", "u4", "u6"]
    assert failure(node.aws, "iam", "ListUsers", Marker="nonsense!")[:2] == ("ValidationError", 400)


def test_a_name_of_other_characters_is_refused(node: TestNode) -> None:
    assert failure(node.aws, "iam", "CreateUser", UserName="a b")[:2] == ("ValidationError", 400)


def test_no_more_than_the_quota_of_users(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.PER_ACCOUNT_MAX, "user", ("UsersPerAccount", 1))
    node.aws("iam", "CreateUser", UserName="a")
    assert failure(node.aws, "iam", "CreateUser", UserName="b") == (
        "LimitExceeded", 409, "Cannot exceed quota for UsersPerAccount: 1",
    )  # fmt: skip
    node.aws("iam", "DeleteUser", UserName="a")
    node.aws("iam", "CreateUser", UserName="b")


# ── access keys ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_works_until_it_is_inactive_or_deleted(node: TestNode) -> None:
    ann = node.as_user(name="ann")
    assert ann.aws("sts", "GetCallerIdentity")["Arn"].endswith("user/ann")
    node.aws("iam", "UpdateAccessKey", UserName="ann", AccessKeyId=ann.key_id, Status="Inactive")
    assert failure(ann.aws, "sts", "GetCallerIdentity")[:2] == ("InvalidClientTokenId", 403)
    node.aws("iam", "UpdateAccessKey", UserName="ann", AccessKeyId=ann.key_id, Status="Active")
    ann.aws("sts", "GetCallerIdentity")
    node.aws("iam", "DeleteAccessKey", UserName="ann", AccessKeyId=ann.key_id)
    assert failure(ann.aws, "sts", "GetCallerIdentity")[:2] == ("InvalidClientTokenId", 403)


def test_a_key_with_another_secret_is_refused(node: TestNode) -> None:
    ann = node.as_user(name="ann")
    forger = node.caller(ann.key_id, "x" * 40)
    assert failure(forger.aws, "sts", "GetCallerIdentity")[:2] == ("SignatureDoesNotMatch", 403)


def test_the_secret_is_told_once_and_stored_sealed(node: TestNode) -> None:
    ann = node.as_user(name="ann")
    (key,) = node.aws("iam", "ListAccessKeys", UserName="ann")["AccessKeyMetadata"]
    assert set(key) == {"UserName", "AccessKeyId", "Status", "CreateDate"} and key["Status"] == "Active"
    tx = node.node.database.begin()
    stored = b"".join(key + value for key, value in tx.scan(b"\x01", b"\xff").rows)
    tx.discard()
    assert ann.key_id.encode() in stored
    assert ann.secret.encode() not in stored


def test_a_user_has_two_keys_at_most(node: TestNode) -> None:
    node.as_user(name="ann")
    node.aws("iam", "CreateAccessKey", UserName="ann")
    assert failure(node.aws, "iam", "CreateAccessKey", UserName="ann") == (
        "LimitExceeded", 409, "Cannot exceed quota for AccessKeysPerUser: 2",
    )  # fmt: skip


def test_a_user_manages_its_own_keys_without_naming_itself(node: TestNode) -> None:
    own = {"Effect": "Allow", "Action": "iam:*AccessKey*", "Resource": "arn:aws:iam::*:user/${aws:username}"}
    ann = node.as_user(own, name="ann")
    node.aws("iam", "CreateUser", UserName="bob")
    second = ann.aws("iam", "CreateAccessKey")["AccessKey"]
    assert second["UserName"] == "ann" and len(second["AccessKeyId"]) == 20
    assert len(ann.aws("iam", "ListAccessKeys")["AccessKeyMetadata"]) == 2
    ann.aws("iam", "DeleteAccessKey", AccessKeyId=second["AccessKeyId"])
    assert failure(ann.aws, "iam", "CreateAccessKey", UserName="bob")[0] == "AccessDenied"


def test_a_key_of_another_user_cannot_be_found(node: TestNode) -> None:
    ann = node.as_user(name="ann")
    node.aws("iam", "CreateUser", UserName="bob")
    assert failure(node.aws, "iam", "DeleteAccessKey", UserName="bob", AccessKeyId=ann.key_id) == (
        "NoSuchEntity", 404, f"The Access Key with id {ann.key_id} cannot be found.",
    )  # fmt: skip


def test_the_last_use_of_a_key_is_told_to_the_hour(node: TestNode) -> None:
    ann = node.as_user({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}, name="ann")

    def last_used() -> dict:
        return node.aws("iam", "GetAccessKeyLastUsed", AccessKeyId=ann.key_id)

    assert last_used() == {"UserName": "ann", "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
    ann.region = "eu-west-1"
    ann.aws("sqs", "CreateQueue", QueueName="q")
    first = last_used()["AccessKeyLastUsed"]
    assert (first["ServiceName"], first["Region"]) == ("sqs", "eu-west-1")
    node.advance(minutes=1)
    ann.aws("sts", "GetCallerIdentity")
    assert last_used()["AccessKeyLastUsed"] == first
    node.advance(hours=1)
    ann.aws("sts", "GetCallerIdentity")
    assert last_used()["AccessKeyLastUsed"]["ServiceName"] == "sts"


def test_the_hours_second_request_writes_nothing(node: TestNode) -> None:
    ann = node.as_user(name="ann")
    ann.aws("sts", "GetCallerIdentity")
    applied = node.node.database.journal.applied
    ann.aws("sts", "GetCallerIdentity")
    assert node.node.database.journal.applied == applied


def test_roots_own_keys_are_not_iams(node: TestNode) -> None:
    assert failure(node.aws, "iam", "CreateAccessKey")[:2] == ("NotImplemented", 501)


# ── inline policies ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_document_comes_back_as_it_was_given(node: TestNode) -> None:
    text = (
        '{\n "Version": "2012-10-17", "Statement": {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::%3Aé"}}'
    )
    node.aws("iam", "CreateUser", UserName="ann")
    node.aws("iam", "PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=text)
    answer = node.aws("iam", "GetUserPolicy", UserName="ann", PolicyName="p")
    assert (answer["UserName"], answer["PolicyName"]) == ("ann", "p")
    assert unquote(answer["PolicyDocument"]) == text
    assert failure(node.aws, "iam", "GetUserPolicy", UserName="ann", PolicyName="q") == (
        "NoSuchEntity", 404, "The user policy with name q cannot be found.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("no json", "Syntax errors in policy."),
        ('{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3","Resource":"*"}}',
         "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        ('{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}}',
         'Resource bucket must be in ARN format or "*".'),
        ('{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}}',
         "Policy document should not specify a principal."),
    ],
)  # fmt: skip
def test_a_malformed_document_is_refused_in_iams_words(node: TestNode, document: str, message: str) -> None:
    node.aws("iam", "CreateUser", UserName="ann")
    answer = failure(node.aws, "iam", "PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=document)
    assert answer == ("MalformedPolicyDocument", 400, message)


@pytest.mark.parametrize(("kind", "limit"), [("User", 2048), ("Group", 5120), ("Role", 10_240)])
def test_inline_policies_together_have_a_limit_that_white_space_does_not_count_for(
    node: TestNode, kind: str, limit: int
) -> None:
    trust = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}
    more = {"AssumeRolePolicyDocument": json.dumps(trust)} if kind == "Role" else {}
    name = {f"{kind}Name": "x"}
    node.aws("iam", f"Create{kind}", **name, **more)
    half = json.dumps(
        {"Version": "2012-10-17", "Statement": [{**ALLOW_ALL, "Sid": "s" * (limit // 2 - 120)}]}, indent=9
    )
    for policy in ("a", "b"):
        node.aws("iam", f"Put{kind}Policy", **name, PolicyName=policy, PolicyDocument=half)
    code, status, message = failure(node.aws, "iam", f"Put{kind}Policy", **name, PolicyName="c", PolicyDocument=half)
    assert (code, status) == ("LimitExceeded", 409)
    assert message == f"Maximum policy size of {limit} bytes exceeded for {kind.lower()} x"
    assert node.aws("iam", f"List{kind}Policies", **name)["PolicyNames"] == ["a", "b"]


# ── tags ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tags_are_merged_and_taken_away_whatever_their_case(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="ann", Tags=[{"Key": "Team", "Value": "a"}])
    node.aws("iam", "TagUser", UserName="ann", Tags=[{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}])
    assert node.aws("iam", "ListUserTags", UserName="ann") == {
        "Tags": [{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}],
        "IsTruncated": False,
    }
    node.aws("iam", "UntagUser", UserName="ann", TagKeys=["TEAM", "absent"])
    assert node.aws("iam", "ListUserTags", UserName="ann")["Tags"] == [{"Key": "x", "Value": ""}]


def test_a_tag_key_twice_is_refused(node: TestNode) -> None:
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert failure(node.aws, "iam", "CreateUser", UserName="ann", Tags=twice) == (
        "InvalidInput", 400, "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )  # fmt: skip


def test_fifty_tags_are_the_most(node: TestNode) -> None:
    fifty = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    node.aws("iam", "CreateUser", UserName="ann", Tags=fifty)
    assert (
        failure(node.aws, "iam", "TagUser", UserName="ann", Tags=[{"Key": "more", "Value": ""}])[0] == "LimitExceeded"
    )


def test_a_page_reads_one_user_more_than_it_shows_however_many_there_are(node: TestNode) -> None:
    node.node.database.run_twice = False
    for number in range(30):
        node.aws("iam", "CreateUser", UserName=f"u{number}")
    before = node.node.database.stats().rows_scanned
    page = node.aws("iam", "ListUsers", MaxItems=3)
    assert (len(page["Users"]), page["IsTruncated"]) == (3, True)
    assert node.node.database.stats().rows_scanned - before == 4
