"""AssumeRole: who may, for how long, with what."""

import json
from random import Random
from typing import Any

import pytest

from tests.client import Caller, TestNode
from tests.services.iam.failures import failure

ANYONE = {"AWS": "000000000000"}
ALL_TRUST_ACTIONS = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def make_role(node: TestNode, name: str = "r", *, trust: dict | None = None, may: Any = "sqs:*", **more: Any) -> str:
    statement = {"Principal": ANYONE, "Action": ALL_TRUST_ACTIONS} | (trust or {})
    role = node.aws("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=document(**statement), **more)["Role"]
    node.aws("iam", "PutRolePolicy", RoleName=name, PolicyName="p", PolicyDocument=document(Action=may, Resource="*"))
    return role["Arn"]


def assume(caller: Any, role: str, name: str = "s1", **more: Any) -> Caller:
    keys = caller.aws("sts", "AssumeRole", RoleArn=role, RoleSessionName=name, **more)["Credentials"]
    node = caller if isinstance(caller, TestNode) else caller.node
    return node.caller(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


def a_user(node: TestNode, name: str = "ann") -> Caller:
    return node.as_user({"Effect": "Allow", "Action": "sts:*", "Resource": "*"}, name=name)


def test_a_session_is_told_and_acts_as_the_role(node: TestNode) -> None:
    role = make_role(node)
    answer = a_user(node).aws("sts", "AssumeRole", RoleArn=role, RoleSessionName="job-1")
    assert set(answer) == {"Credentials", "AssumedRoleUser"}
    user = answer["AssumedRoleUser"]
    assert user["Arn"] == "arn:aws:sts::000000000000:assumed-role/r/job-1"
    assert user["AssumedRoleId"].startswith("AROA") and user["AssumedRoleId"].endswith(":job-1")
    keys = answer["Credentials"]
    session = node.caller(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert session.aws("sts", "GetCallerIdentity") == {
        "UserId": user["AssumedRoleId"], "Account": "000000000000", "Arn": user["Arn"],
    }  # fmt: skip
    session.aws("sqs", "CreateQueue", QueueName="q")
    assert failure(session.aws, "iam", "ListUsers")[0] == "AccessDenied"


def test_a_role_that_is_not_there_is_refused_like_one_that_does_not_trust(node: TestNode) -> None:
    ann = a_user(node)
    closed = make_role(node, trust={"Principal": {"Service": "lambda.amazonaws.com"}})
    for role in ("arn:aws:iam::000000000000:role/nowhere", closed):
        assert failure(ann.aws, "sts", "AssumeRole", RoleArn=role, RoleSessionName="s1") == (
            "AccessDenied", 403,
            "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: sts:AssumeRole on resource:"
            f" {role} because no role trust policy allows the sts:AssumeRole action",
        )  # fmt: skip


def test_trust_in_an_account_leaves_it_to_the_users_own_policies(node: TestNode) -> None:
    role = make_role(node)
    nobody = node.as_user(name="nobody")
    assert failure(assume, nobody, role)[2].endswith(
        "because no identity-based policy allows the sts:AssumeRole action"
    )


def test_trust_in_the_user_itself_is_enough(node: TestNode) -> None:
    nobody = node.as_user(name="nobody")
    role = make_role(node, trust={"Principal": {"AWS": "arn:aws:iam::000000000000:user/nobody"}})
    assume(nobody, role)


def test_another_accounts_role_needs_both_sides(node: TestNode) -> None:
    other = node.caller("111111111111", "test")
    trust = document(Principal={"AWS": "arn:aws:iam::000000000000:root"}, Action="sts:AssumeRole")
    role = other.aws("iam", "CreateRole", RoleName="shared", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    nobody = node.as_user(name="nobody")
    assert failure(assume, nobody, role)[0] == "AccessDenied"
    session = assume(a_user(node), role)
    assert session.aws("sts", "GetCallerIdentity")["Account"] == "111111111111"


def test_an_external_id_must_be_the_one_agreed_on(node: TestNode) -> None:
    role = make_role(node, trust={"Condition": {"StringEquals": {"sts:ExternalId": "agreed"}}})
    ann = a_user(node)
    assert failure(assume, ann, role)[0] == "AccessDenied"
    assert failure(assume, ann, role, ExternalId="guessed")[0] == "AccessDenied"
    assume(ann, role, ExternalId="agreed")


def test_the_session_name_can_be_demanded(node: TestNode) -> None:
    role = make_role(node, trust={"Condition": {"StringLike": {"sts:RoleSessionName": "${aws:username}"}}})
    ann = a_user(node)
    assert failure(assume, ann, role, "bob")[0] == "AccessDenied"
    assume(ann, role, "ann")


# ── duration ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_session_ends(node: TestNode) -> None:
    session = assume(a_user(node), make_role(node), DurationSeconds=900)
    node.advance(899)
    session.aws("sqs", "ListQueues")
    node.advance(2)
    assert failure(session.aws, "sqs", "ListQueues")[0].startswith("ExpiredToken")


def test_the_end_is_told(node: TestNode) -> None:
    keys = a_user(node).aws("sts", "AssumeRole", RoleArn=make_role(node), RoleSessionName="s1")["Credentials"]
    assert keys["Expiration"].timestamp() * 1000 == node.clock.wall_ms() + 3_600_000


def test_a_session_is_no_longer_than_the_role_allows(node: TestNode) -> None:
    role, ann = make_role(node), a_user(node)
    assert failure(assume, ann, role, DurationSeconds=3601) == (
        "ValidationError", 400, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )  # fmt: skip
    node.aws("iam", "UpdateRole", RoleName="r", MaxSessionDuration=7200)
    assume(ann, role, DurationSeconds=7200)
    assert failure(assume, ann, role, DurationSeconds=899)[:2] == ("ValidationError", 400)


def test_a_chained_session_is_an_hour_at_most(node: TestNode) -> None:
    first = assume(a_user(node), make_role(node, may="sts:*"))
    second = make_role(node, "second", MaxSessionDuration=43200)
    assert failure(assume, first, second, DurationSeconds=3601) == (
        "ValidationError", 400,
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )  # fmt: skip
    assert assume(first, second).aws("sts", "GetCallerIdentity")["Arn"].endswith("assumed-role/second/s1")


def test_a_deleted_roles_sessions_may_nothing_more(node: TestNode) -> None:
    session = assume(a_user(node), make_role(node))
    session.aws("sqs", "ListQueues")
    node.aws("iam", "DeleteRolePolicy", RoleName="r", PolicyName="p")
    node.aws("iam", "DeleteRole", RoleName="r")
    assert failure(session.aws, "sqs", "ListQueues")[0] == "AccessDenied"
    make_role(node)
    assert failure(session.aws, "sqs", "ListQueues")[0] == "AccessDenied"


# ── session policies ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_session_policy_limits_and_never_gives(node: TestNode) -> None:
    role, ann = make_role(node), a_user(node)
    limited = assume(ann, role, Policy=document(Action=["sqs:ListQueues", "iam:ListUsers"], Resource="*"))
    limited.aws("sqs", "ListQueues")
    assert failure(limited.aws, "sqs", "CreateQueue", QueueName="q")[2].endswith(
        "because no session policy allows the sqs:CreateQueue action"
    )
    assert failure(limited.aws, "iam", "ListUsers")[0] == "AccessDenied"


def test_managed_policies_can_be_session_policies(node: TestNode) -> None:
    role, ann = make_role(node), a_user(node)
    limited = assume(ann, role, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"}])
    limited.aws("sqs", "ListQueues")
    assert failure(limited.aws, "sqs", "CreateQueue", QueueName="q")[0] == "AccessDenied"
    gone = [{"arn": "arn:aws:iam::000000000000:policy/gone"}]
    assert failure(assume, ann, role, PolicyArns=gone)[:2] == ("InvalidParameterValue", 400)


def test_the_packed_size_is_told_where_there_is_any(node: TestNode) -> None:
    ann, role = a_user(node), make_role(node)
    policy = document(Action="sqs:*", Resource="*")
    answer = ann.aws("sts", "AssumeRole", RoleArn=role, RoleSessionName="s1", Policy=policy)
    assert 0 < answer["PackedPolicySize"] <= 100


def test_policies_and_tags_have_a_limit(node: TestNode) -> None:
    ann, role = a_user(node), make_role(node)
    long = document(Action="sqs:*", Resource=[f"arn:aws:sqs:*:*:{number}" for number in range(150)])
    assert failure(assume, ann, role, Policy=long)[:2] == ("PackedPolicyTooLarge", 400)
    random = Random(7)
    tags = [{"Key": f"tag{number}", "Value": f"{random.getrandbits(800):x}"} for number in range(50)]
    assert failure(assume, ann, role, Tags=tags)[:2] == ("PackedPolicyTooLarge", 400)


def test_a_malformed_session_policy_is_refused(node: TestNode) -> None:
    assert failure(assume, a_user(node), make_role(node), Policy="{}")[:2] == ("MalformedPolicyDocument", 400)


# ── tags and source identity ──────────────────────────────────────────────────────────────────────────────────────


def test_session_tags_are_the_principals_tags(node: TestNode) -> None:
    own = {"Key": "team", "Value": "own"}
    role = make_role(node, may="iam:*", Tags=[own, {"Key": "kind", "Value": "job"}])
    only = {"StringEquals": {"aws:PrincipalTag/team": "${aws:ResourceTag/team}", "aws:PrincipalTag/kind": "job"}}
    node.aws("iam", "PutRolePolicy", RoleName="r", PolicyName="p", PolicyDocument=document(
        Action="iam:DeleteUser", Resource="*", Condition=only))  # fmt: skip
    ann = a_user(node)
    node.aws("iam", "CreateUser", UserName="red", Tags=[{"Key": "team", "Value": "red"}])
    assert failure(assume(ann, role).aws, "iam", "DeleteUser", UserName="red")[0] == "AccessDenied"
    assume(ann, role, Tags=[{"Key": "Team", "Value": "red"}]).aws("iam", "DeleteUser", UserName="red")


def test_tagging_needs_permission_on_both_sides(node: TestNode) -> None:
    role = make_role(node, trust={"Action": "sts:AssumeRole"})
    message = failure(assume, a_user(node), role, Tags=[{"Key": "a", "Value": "b"}])[2]
    assert message.endswith("because no role trust policy allows the sts:TagSession action")
    message = failure(assume, a_user(node, "bob"), role, SourceIdentity="bob")[2]
    assert message.endswith("because no role trust policy allows the sts:SetSourceIdentity action")


def test_tags_are_checked(node: TestNode) -> None:
    ann, role = a_user(node), make_role(node)
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert failure(assume, ann, role, Tags=twice) == (
        "InvalidParameterValue", 400, "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )  # fmt: skip
    assert failure(assume, ann, role, Tags=[{"Key": "a", "Value": "1"}], TransitiveTagKeys=["b"]) == (
        "InvalidParameterValue", 400, "The specified transitive tag key must be included in the requested tags.",
    )  # fmt: skip


def test_transitive_tags_go_through_the_chain_and_cannot_be_changed(node: TestNode) -> None:
    tags = [{"Key": "team", "Value": "red"}, {"Key": "step", "Value": "1"}]
    first = assume(a_user(node), make_role(node, may="sts:*"), Tags=tags, TransitiveTagKeys=["team"])
    second = make_role(node, "second", may="iam:*")
    session = assume(first, second)
    # What a policy of the second role sees of the tags:
    for tag, seen in (("team", True), ("step", False)):
        present = {"Null": {f"aws:PrincipalTag/{tag}": "false"}}
        text = document(Action="iam:ListUsers", Resource="*", Condition=present)
        node.aws("iam", "PutRolePolicy", RoleName="second", PolicyName="p", PolicyDocument=text)
        if seen:
            session.aws("iam", "ListUsers")
        else:
            assert failure(session.aws, "iam", "ListUsers")[0] == "AccessDenied"
    assert failure(assume, first, second, Tags=[{"Key": "Team", "Value": "blue"}])[:2] == ("InvalidParameterValue", 400)


def test_a_source_identity_stays_through_the_chain(node: TestNode) -> None:
    first_role, second_role = make_role(node, may="sts:*"), make_role(node, "second")
    ann = a_user(node)
    answer = ann.aws("sts", "AssumeRole", RoleArn=first_role, RoleSessionName="s1", SourceIdentity="ann")
    assert answer["SourceIdentity"] == "ann"
    first = assume(ann, first_role, SourceIdentity="ann")
    chained = first.aws("sts", "AssumeRole", RoleArn=second_role, RoleSessionName="s2")
    assert chained["SourceIdentity"] == "ann"
    assert failure(assume, first, second_role, SourceIdentity="bob")[0] == "AccessDenied"


@pytest.mark.parametrize("name", ["SerialNumber", "TokenCode"])
def test_there_are_no_mfa_devices(node: TestNode, name: str) -> None:
    parameters = {"SerialNumber": "arn:aws:iam::000000000000:mfa/x", "TokenCode": "123456"}
    assert failure(assume, a_user(node), make_role(node), **{name: parameters[name]})[:2] == ("NotImplemented", 501)
