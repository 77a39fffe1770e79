"""The account's alias, its summary, and everything in it at once."""

import json
from typing import Any

from tests.client import TestNode
from tests.services.iam.failures import failure

DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
TRUST = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}}
)


def test_an_account_has_one_alias_that_no_other_has(node: TestNode) -> None:
    other = node.caller("111111111111", "test")
    node.aws("iam", "CreateAccountAlias", AccountAlias="first")
    node.aws("iam", "CreateAccountAlias", AccountAlias="second")
    assert node.aws("iam", "ListAccountAliases")["AccountAliases"] == ["second"]
    assert failure(other.aws, "iam", "CreateAccountAlias", AccountAlias="second") == (
        "EntityAlreadyExists", 409, "The account alias second already exists.",
    )  # fmt: skip
    other.aws("iam", "CreateAccountAlias", AccountAlias="first")
    assert failure(node.aws, "iam", "DeleteAccountAlias", AccountAlias="first")[:2] == ("NoSuchEntity", 404)
    node.aws("iam", "DeleteAccountAlias", AccountAlias="second")
    assert node.aws("iam", "ListAccountAliases")["AccountAliases"] == []


def test_the_summary_counts(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="a")
    node.aws("iam", "CreateUser", UserName="b")
    node.aws("iam", "DeleteUser", UserName="a")
    node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST)
    summary = node.aws("iam", "GetAccountSummary")["SummaryMap"]
    assert (summary["Users"], summary["Roles"], summary["Groups"], summary["Policies"]) == (1, 1, 0, 0)
    assert (summary["UsersQuota"], summary["PolicySizeQuota"]) == (5000, 6144)


def furnish(node: TestNode) -> None:
    node.aws("iam", "CreatePolicy", PolicyName="p", PolicyDocument=DOCUMENT)
    node.aws("iam", "CreateGroup", GroupName="g")
    node.aws("iam", "PutGroupPolicy", GroupName="g", PolicyName="inline", PolicyDocument=DOCUMENT)
    node.aws("iam", "CreateUser", UserName="ann", Tags=[{"Key": "k", "Value": "v"}])
    node.aws("iam", "AddUserToGroup", GroupName="g", UserName="ann")
    node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST)
    node.aws("iam", "CreateInstanceProfile", InstanceProfileName="i")
    node.aws("iam", "AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="r")


def test_all_details_of_an_account(node: TestNode) -> None:
    furnish(node)
    answer = node.aws("iam", "GetAccountAuthorizationDetails")
    (user,), (group,), (role,) = answer["UserDetailList"], answer["GroupDetailList"], answer["RoleDetailList"]
    assert (user["GroupList"], user["Tags"]) == (["g"], [{"Key": "k", "Value": "v"}])
    assert [each["PolicyName"] for each in user["AttachedManagedPolicies"]] == ["ReadOnlyAccess"]
    assert [each["PolicyName"] for each in group["GroupPolicyList"]] == ["inline"]
    assert [each["InstanceProfileName"] for each in role["InstanceProfileList"]] == ["i"]
    assert [each["PolicyName"] for each in answer["Policies"]] == ["p", "ReadOnlyAccess"]
    assert [each["VersionId"] for each in answer["Policies"][0]["PolicyVersionList"]] == ["v1"]


def test_details_are_filtered_and_paged(node: TestNode) -> None:
    furnish(node)
    only = node.aws("iam", "GetAccountAuthorizationDetails", Filter=["Role"])
    assert only["RoleDetailList"] and not only["UserDetailList"] and not only["Policies"]
    seen: list[str] = []
    marker: dict[str, Any] = {}
    while True:
        answer = node.aws("iam", "GetAccountAuthorizationDetails", MaxItems=1, **marker)
        seen += [name for name in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies") if answer[name]]
        if not answer["IsTruncated"]:
            break
        marker = {"Marker": answer["Marker"]}
    assert sorted(set(seen)) == ["GroupDetailList", "Policies", "RoleDetailList", "UserDetailList"]
