"""Who may do what: IAM's own operations, boundaries, tags, passing roles; another account's entities."""

import json
from typing import Any

import pytest

from cloudlet.base.errors import NotImplementedYet
from cloudlet.kit.call import Call, Source
from cloudlet.kit.policy import Access, Principal, decide
from cloudlet.services.iam.service import iam
from tests.client import TestNode
from tests.services.iam.failures import failure

USER_ARN = "arn:aws:iam::000000000000:user/ann"
POLICY_ARN = "arn:aws:iam::000000000000:policy/p-for-tests"
DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'

# Something for each required member, so that a request gets as far as it may.
PARAMETERS: dict[str, Any] = {
    "UserName": "ann", "GroupName": "g", "RoleName": "r", "PolicyName": "p", "InstanceProfileName": "i",
    "PolicyArn": POLICY_ARN, "PolicyDocument": DOCUMENT, "AssumeRolePolicyDocument": DOCUMENT, "Description": "d",
    "VersionId": "v1", "PermissionsBoundary": POLICY_ARN, "Tags": [{"Key": "k", "Value": "v"}], "TagKeys": ["k"],
    "AccessKeyId": "AKIA0123456789012345", "Status": "Active", "AccountAlias": "my-account",
    "PolicySourceArn": USER_ARN, "ActionNames": ["sqs:SendMessage"], "PolicyInputList": [DOCUMENT],
}  # fmt: skip


def allow(action: str | list[str], resource: str = "*", **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


def written_operations() -> list[str]:
    return sorted(iam.load().operations)


@pytest.mark.parametrize("operation", written_operations())
def test_a_user_without_policies_is_refused(node: TestNode, operation: str) -> None:
    nobody = node.as_user(name="nobody")
    required = iam.model.operations[operation].input
    parameters = {name: PARAMETERS[name] for name in (required.required if required else ())}
    code, status, message = failure(nobody.aws, "iam", operation, **parameters)
    assert (code, status) == ("AccessDenied", 403)
    action = "iam:" + operation
    assert message.startswith(f"User: arn:aws:iam::000000000000:user/nobody is not authorized to perform: {action} on")
    assert message.endswith(f"because no identity-based policy allows the {action} action")


def test_every_operation_has_its_rule_and_its_place() -> None:
    assert set(iam.load().access_rules) == set(iam.operations)
    assert set(iam.module_of) == set(iam.model.operations)


def test_what_is_not_written_says_so(node: TestNode) -> None:
    missing = sorted(set(iam.module_of) - set(iam.operations))
    assert "CreateLoginProfile" in missing and "ListPoliciesGrantingServiceAccess" in missing
    with pytest.raises(NotImplementedYet):
        iam.require_operation("CreateSAMLProvider")
    assert failure(node.aws, "iam", "CreateLoginProfile", UserName="ann", Password="x")[:2] == ("NotImplemented", 501)


def test_a_path_is_a_place_for_permissions(node: TestNode) -> None:
    ann = node.as_user(allow("iam:CreateUser", "arn:aws:iam::*:user/interns/*"), name="ann")
    ann.aws("iam", "CreateUser", UserName="new", Path="/interns/")
    assert failure(ann.aws, "iam", "CreateUser", UserName="other")[0] == "AccessDenied"


def test_tags_decide(node: TestNode) -> None:
    ann = node.as_user(
        allow(["iam:CreateUser", "iam:TagUser"], **{
            "StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
        }),
        allow("iam:DeleteUser", StringEquals={"iam:ResourceTag/team": "${aws:PrincipalTag/team}"}),
        name="ann",
    )  # fmt: skip
    node.aws("iam", "TagUser", UserName="ann", Tags=[{"Key": "team", "Value": "red"}])
    ann.aws("iam", "CreateUser", UserName="mine", Tags=[{"Key": "team", "Value": "red"}])
    more = [{"Key": "team", "Value": "red"}, {"Key": "x", "Value": ""}]
    for tags in ([], [{"Key": "team", "Value": "blue"}], more):
        assert failure(ann.aws, "iam", "CreateUser", UserName="other", Tags=tags)[0] == "AccessDenied"
    node.aws("iam", "CreateUser", UserName="theirs", Tags=[{"Key": "team", "Value": "blue"}])
    assert failure(ann.aws, "iam", "DeleteUser", UserName="theirs")[0] == "AccessDenied"
    ann.aws("iam", "DeleteUser", UserName="mine")


def test_making_with_tags_needs_tagging_too(node: TestNode) -> None:
    ann = node.as_user(allow("iam:CreateUser"), name="ann")
    ann.aws("iam", "CreateUser", UserName="plain")
    message = failure(ann.aws, "iam", "CreateUser", UserName="b", Tags=[{"Key": "k", "Value": "v"}])[2]
    assert "perform: iam:TagUser on resource: arn:aws:iam::000000000000:user/b" in message


def test_who_must_set_a_boundary_cannot_do_without(node: TestNode) -> None:
    node.aws("iam", "CreatePolicy", PolicyName="limit", PolicyDocument=DOCUMENT)
    limit = "arn:aws:iam::000000000000:policy/limit"
    ann = node.as_user(allow("iam:CreateUser", StringEquals={"iam:PermissionsBoundary": limit}), name="ann")
    assert failure(ann.aws, "iam", "CreateUser", UserName="new")[0] == "AccessDenied"
    ann.aws("iam", "CreateUser", UserName="new", PermissionsBoundary=limit)


def test_which_policies_may_be_attached(node: TestNode) -> None:
    allowed = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"
    ann = node.as_user(allow("iam:AttachUserPolicy", ArnEquals={"iam:PolicyARN": allowed}), name="ann")
    ann.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn=allowed)
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert failure(ann.aws, "iam", "AttachUserPolicy", UserName="ann", PolicyArn=admin)[0] == "AccessDenied"


def test_another_accounts_policies_are_out_of_reach_even_for_root(node: TestNode) -> None:
    node.aws("iam", "CreatePolicy", PolicyName="p", PolicyDocument=DOCUMENT)
    other = node.caller("111111111111", "test")
    assert failure(other.aws, "iam", "GetPolicy", PolicyArn="arn:aws:iam::000000000000:policy/p")[:2] == (
        "AccessDenied",
        403,
    )


def test_an_explicit_deny_wins(node: TestNode) -> None:
    deny = {"Effect": "Deny", "Action": "iam:DeleteUser", "Resource": "*"}
    ann = node.as_user(allow("*"), deny, name="ann")
    ann.aws("iam", "CreateUser", UserName="new")
    assert failure(ann.aws, "iam", "DeleteUser", UserName="new")[2].endswith(
        "with an explicit deny in an identity-based policy"
    )


def test_a_deleted_users_key_is_nobodys(node: TestNode) -> None:
    node.as_user(name="ann")
    (key,) = node.aws("iam", "ListAccessKeys", UserName="ann")["AccessKeyMetadata"]
    node.aws("iam", "DeleteAccessKey", UserName="ann", AccessKeyId=key["AccessKeyId"])
    node.aws("iam", "DeleteUser", UserName="ann")
    tx = node.node.database.begin()
    assert node.node.identities.find_access_key(tx, key["AccessKeyId"]) is None
    tx.discard()


# ── passing roles ─────────────────────────────────────────────────────────────────────────────────────────────────


def passing(node: TestNode, user_id: str, role: str, service: str) -> bool:
    """What a service's iam.py asks when a request hands a role to it."""
    access = Access("iam:PassRole", role, "000000000000", None, {"iam:PassedToService": service})
    principal = Principal(USER_ARN, "000000000000", "User", user_id=user_id, name="ann")
    tx = node.node.database.begin()
    policies = node.node.identities.policies_of(tx, principal, None)
    tx.discard()
    return decide(principal, policies, access, {}).allowed


def test_a_role_is_passed_to_the_services_that_the_policy_names(node: TestNode) -> None:
    only = allow("iam:PassRole", "arn:aws:iam::000000000000:role/app/*", StringEquals={
        "iam:PassedToService": "lambda.amazonaws.com"})  # fmt: skip
    ann = node.as_user(only, name="ann").aws("sts", "GetCallerIdentity")["UserId"]
    assert passing(node, ann, "arn:aws:iam::000000000000:role/app/fn", "lambda.amazonaws.com")
    assert not passing(node, ann, "arn:aws:iam::000000000000:role/app/fn", "firehose.amazonaws.com")
    assert not passing(node, ann, "arn:aws:iam::000000000000:role/admin", "lambda.amazonaws.com")


def test_awss_lambda_policy_passes_roles_to_lambda_only(node: TestNode) -> None:
    ann = node.as_user(name="ann").aws("sts", "GetCallerIdentity")["UserId"]
    node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AWSLambda_FullAccess")
    assert passing(node, ann, "arn:aws:iam::000000000000:role/r", "lambda.amazonaws.com")
    assert not passing(node, ann, "arn:aws:iam::000000000000:role/r", "ec2.amazonaws.com")


def test_putting_a_role_into_an_instance_profile_passes_it_on(node: TestNode) -> None:
    node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}},
    }))  # fmt: skip
    node.aws("iam", "CreateInstanceProfile", InstanceProfileName="i")
    ann = node.as_user(allow("iam:AddRoleToInstanceProfile"), name="ann")
    message = failure(ann.aws, "iam", "AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="r")[2]
    assert "perform: iam:PassRole on resource: arn:aws:iam::000000000000:role/r" in message
    bob = node.as_user(allow("iam:AddRoleToInstanceProfile"), allow("iam:PassRole", StringEquals={
        "iam:PassedToService": "ec2.amazonaws.com"}), name="bob")  # fmt: skip
    bob.aws("iam", "AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="r")


# ── from other services ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_service_assumes_a_role_that_trusts_it(node: TestNode) -> None:
    def document(service: str) -> str:
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
        return json.dumps({"Version": "2012-10-17", "Statement": statement})

    for name, service in (("fn", "lambda.amazonaws.com"), ("other", "firehose.amazonaws.com")):
        node.aws("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=document(service))

    def assume(role: str) -> dict[str, Any]:
        outer = Call(
            node.node, node.node.services["sqs"], "SendMessage", account="000000000000", region="eu-west-1",
            principal=Principal(USER_ARN, "000000000000", "User"), source=Source(),
        )  # fmt: skip
        request = {
            "RoleArn": f"arn:aws:iam::000000000000:role/{role}",
            "RoleSessionName": "fn",
            "DurationSeconds": 43200,
        }
        return outer.transact(lambda tx: outer.aws("sts", "AssumeRole", request, as_service="lambda.amazonaws.com"))

    keys = assume("fn")["Credentials"]
    session = node.caller(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert session.aws("sts", "GetCallerIdentity")["Arn"] == "arn:aws:sts::000000000000:assumed-role/fn/fn"
    assert failure(assume, "other")[2] == (
        "User: lambda.amazonaws.com is not authorized to perform: sts:AssumeRole on resource:"
        " arn:aws:iam::000000000000:role/other because no role trust policy allows the sts:AssumeRole action"
    )
