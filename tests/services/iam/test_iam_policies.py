"""Managed policies: documents, versions, attachments, boundaries; AWS's own."""

import json
from typing import Any
from urllib.parse import unquote

import pytest

from cloudlet.kit.policy import check
from cloudlet.services.iam import managed_policies
from tests.client import TestNode
from tests.services.iam.failures import failure

ARN = "arn:aws:iam::000000000000:policy/p"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def allow(action: str, resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def create(node: TestNode, name: str = "p", action: str = "sqs:ListQueues", **more: Any) -> dict[str, Any]:
    return node.aws("iam", "CreatePolicy", PolicyName=name, PolicyDocument=allow(action), **more)["Policy"]


def test_a_policy_is_told_back(node: TestNode) -> None:
    made = create(node, Path="/x/", Description="what for")
    assert made["Arn"] == "arn:aws:iam::000000000000:policy/x/p" and made["PolicyId"].startswith("ANPA")
    assert (made["DefaultVersionId"], made["AttachmentCount"], made["IsAttachable"]) == ("v1", 0, True)
    got = node.aws("iam", "GetPolicy", PolicyArn=made["Arn"])["Policy"]
    assert got == made | {"Description": "what for", "Tags": []}
    (listed,) = node.aws("iam", "ListPolicies", Scope="Local")["Policies"]
    assert listed == made


def test_a_policy_is_unique_and_must_be_there(node: TestNode) -> None:
    create(node)
    assert failure(create, node, "P") == (
        "EntityAlreadyExists", 409, "A policy called P already exists. Duplicate names are not allowed.",
    )  # fmt: skip
    gone = "arn:aws:iam::000000000000:policy/gone"
    assert failure(node.aws, "iam", "GetPolicy", PolicyArn=gone) == (
        "NoSuchEntity", 404, f"Policy {gone} was not found.",
    )  # fmt: skip
    assert failure(node.aws, "iam", "DeletePolicy", PolicyArn=gone)[2] == f"Policy {gone} was not found."
    assert failure(node.aws, "iam", "AttachUserPolicy", UserName="nobody", PolicyArn=ARN)[0] == "NoSuchEntity"


def test_an_attached_policy_gives_and_a_detached_one_takes(node: TestNode) -> None:
    ann = node.as_user(name="ann")
    create(node)
    assert failure(ann.aws, "sqs", "ListQueues")[0] == "AccessDenied"
    node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn=ARN)
    ann.aws("sqs", "ListQueues")
    assert node.aws("iam", "GetPolicy", PolicyArn=ARN)["Policy"]["AttachmentCount"] == 1
    assert node.aws("iam", "ListAttachedUserPolicies", UserName="ann") == {
        "AttachedPolicies": [{"PolicyName": "p", "PolicyArn": ARN}],
        "IsTruncated": False,
    }
    node.aws("iam", "DetachUserPolicy", UserName="ann", PolicyArn=ARN)
    assert failure(ann.aws, "sqs", "ListQueues")[0] == "AccessDenied"
    assert node.aws("iam", "GetPolicy", PolicyArn=ARN)["Policy"]["AttachmentCount"] == 0
    assert failure(node.aws, "iam", "DetachUserPolicy", UserName="ann", PolicyArn=ARN)[:2] == ("NoSuchEntity", 404)


def test_attaching_twice_counts_once(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="ann")
    create(node)
    for _ in range(2):
        node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn=ARN)
    assert node.aws("iam", "GetPolicy", PolicyArn=ARN)["Policy"]["AttachmentCount"] == 1


def test_a_policy_that_is_not_there_cannot_be_attached(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="ann")
    for arn in (ARN, "arn:aws:iam::aws:policy/NoSuchAccess"):
        assert failure(node.aws, "iam", "AttachUserPolicy", UserName="ann", PolicyArn=arn) == (
            "NoSuchEntity", 404, f"Policy {arn} does not exist or is not attachable.",
        )  # fmt: skip
    assert failure(node.aws, "iam", "AttachUserPolicy", UserName="ann", PolicyArn="arn:aws:s3:::bucket-of-mine") == (
        "InvalidInput", 400, "ARN arn:aws:s3:::bucket-of-mine is not valid.",
    )  # fmt: skip


def test_ten_policies_are_attached_at_most(node: TestNode) -> None:
    node.aws("iam", "CreateGroup", GroupName="g")
    for number in range(11):
        create(node, f"p{number}")
    for number in range(10):
        node.aws("iam", "AttachGroupPolicy", GroupName="g", PolicyArn=f"{ARN}{number}")
    assert failure(node.aws, "iam", "AttachGroupPolicy", GroupName="g", PolicyArn=f"{ARN}10") == (
        "LimitExceeded", 409, "Cannot exceed quota for PoliciesPerGroup: 10",
    )  # fmt: skip


def test_the_default_version_decides(node: TestNode) -> None:
    ann = node.as_user(name="ann")
    create(node)
    node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn=ARN)
    second = node.aws("iam", "CreatePolicyVersion", PolicyArn=ARN, PolicyDocument=allow("sns:*"))["PolicyVersion"]
    assert (second["VersionId"], second["IsDefaultVersion"]) == ("v2", False)
    ann.aws("sqs", "ListQueues")
    node.aws("iam", "SetDefaultPolicyVersion", PolicyArn=ARN, VersionId="v2")
    assert failure(ann.aws, "sqs", "ListQueues")[0] == "AccessDenied"
    node.aws("iam", "CreatePolicyVersion", PolicyArn=ARN, PolicyDocument=allow("sqs:*"), SetAsDefault=True)
    ann.aws("sqs", "ListQueues")
    versions = node.aws("iam", "ListPolicyVersions", PolicyArn=ARN)["Versions"]
    assert [(each["VersionId"], each["IsDefaultVersion"]) for each in versions] == [
        ("v3", True), ("v2", False), ("v1", False),
    ]  # fmt: skip


def test_a_version_is_told_and_deleted(node: TestNode) -> None:
    create(node)
    node.aws("iam", "CreatePolicyVersion", PolicyArn=ARN, PolicyDocument=allow("sns:*"))
    got = node.aws("iam", "GetPolicyVersion", PolicyArn=ARN, VersionId="v2")["PolicyVersion"]
    assert json.loads(unquote(got["Document"]))["Statement"]["Action"] == "sns:*"
    assert failure(node.aws, "iam", "DeletePolicyVersion", PolicyArn=ARN, VersionId="v1") == (
        "DeleteConflict", 409, "Cannot delete the default version of a policy.",
    )  # fmt: skip
    node.aws("iam", "DeletePolicyVersion", PolicyArn=ARN, VersionId="v2")
    assert failure(node.aws, "iam", "GetPolicyVersion", PolicyArn=ARN, VersionId="v2") == (
        "NoSuchEntity", 404, f"Policy {ARN} version v2 does not exist or is not attachable.",
    )  # fmt: skip


def test_five_versions_are_the_most_and_numbers_do_not_come_back(node: TestNode) -> None:
    create(node)
    for _ in range(4):
        node.aws("iam", "CreatePolicyVersion", PolicyArn=ARN, PolicyDocument=allow("sns:*"))
    parameters = {"PolicyArn": ARN, "PolicyDocument": allow("sns:*")}
    code, status, message = failure(node.aws, "iam", "CreatePolicyVersion", **parameters)
    assert (code, status) == ("LimitExceeded", 409) and "up to 5 versions" in message
    node.aws("iam", "DeletePolicyVersion", PolicyArn=ARN, VersionId="v5")
    assert node.aws("iam", "CreatePolicyVersion", **parameters)["PolicyVersion"]["VersionId"] == "v6"


def test_a_policy_is_deleted_last(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="ann")
    create(node)
    node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn=ARN)
    assert failure(node.aws, "iam", "DeletePolicy", PolicyArn=ARN) == (
        "DeleteConflict", 409, "Cannot delete a policy attached to entities.",
    )  # fmt: skip
    node.aws("iam", "DetachUserPolicy", UserName="ann", PolicyArn=ARN)
    node.aws("iam", "CreatePolicyVersion", PolicyArn=ARN, PolicyDocument=allow("sns:*"))
    assert failure(node.aws, "iam", "DeletePolicy", PolicyArn=ARN)[2].startswith(
        "This policy has more than one version."
    )
    node.aws("iam", "DeletePolicyVersion", PolicyArn=ARN, VersionId="v2")
    node.aws("iam", "DeletePolicy", PolicyArn=ARN)
    create(node)


def test_a_policy_has_a_limit(node: TestNode) -> None:
    long = allow("sqs:" + "x" * 6144)
    assert failure(node.aws, "iam", "CreatePolicy", PolicyName="p", PolicyDocument=long) == (
        "LimitExceeded", 409, "Cannot exceed quota for PolicySize: 6144",
    )  # fmt: skip


def test_who_uses_a_policy(node: TestNode) -> None:
    create(node)
    node.aws("iam", "CreateUser", UserName="ann", PermissionsBoundary=ARN)
    node.aws("iam", "CreateGroup", GroupName="g", Path="/x/")
    node.aws("iam", "AttachGroupPolicy", GroupName="g", PolicyArn=ARN)

    def names(**more: Any) -> list[str]:
        answer = node.aws("iam", "ListEntitiesForPolicy", PolicyArn=ARN, **more)
        return [
            *(user["UserName"] for user in answer["PolicyUsers"]),
            *(group["GroupName"] for group in answer["PolicyGroups"]),
            *(role["RoleName"] for role in answer["PolicyRoles"]),
        ]

    assert names() == ["ann", "g"]
    assert names(PolicyUsageFilter="PermissionsBoundary") == ["ann"]
    assert names(PolicyUsageFilter="PermissionsPolicy") == ["g"]
    assert names(EntityFilter="Group") == ["g"]
    assert names(EntityFilter="Role") == []
    assert names(PathPrefix="/x/") == ["g"]


def test_tags_of_a_policy(node: TestNode) -> None:
    create(node, Tags=[{"Key": "a", "Value": "1"}])
    node.aws("iam", "TagPolicy", PolicyArn=ARN, Tags=[{"Key": "b", "Value": "2"}])
    node.aws("iam", "UntagPolicy", PolicyArn=ARN, TagKeys=["a"])
    assert node.aws("iam", "ListPolicyTags", PolicyArn=ARN)["Tags"] == [{"Key": "b", "Value": "2"}]


# ── boundaries ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_boundary_limits_what_policies_give(node: TestNode) -> None:
    ann = node.as_user({"Effect": "Allow", "Action": "*", "Resource": "*"}, name="ann")
    create(node, action="sqs:*")
    node.aws("iam", "PutUserPermissionsBoundary", UserName="ann", PermissionsBoundary=ARN)
    user = node.aws("iam", "GetUser", UserName="ann")["User"]
    assert user["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": ARN}
    ann.aws("sqs", "ListQueues")
    code, _, message = failure(ann.aws, "iam", "ListUsers")
    assert code == "AccessDenied" and message.endswith(
        "because no permissions boundary allows the iam:ListUsers action"
    )
    assert failure(node.aws, "iam", "DeletePolicy", PolicyArn=ARN)[0] == "DeleteConflict"
    node.aws("iam", "DeleteUserPermissionsBoundary", UserName="ann")
    ann.aws("iam", "ListUsers")
    node.aws("iam", "DeletePolicy", PolicyArn=ARN)


def test_a_boundary_must_be_a_policy_that_is_there(node: TestNode) -> None:
    assert failure(node.aws, "iam", "CreateUser", UserName="ann", PermissionsBoundary=ARN) == (
        "NoSuchEntity", 404, f"Scope ARN: {ARN} does not exist or is not attachable.",
    )  # fmt: skip


def test_a_deleted_user_no_longer_holds_its_boundary(node: TestNode) -> None:
    create(node)
    node.aws("iam", "CreateUser", UserName="ann", PermissionsBoundary=ARN)
    assert node.aws("iam", "GetPolicy", PolicyArn=ARN)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    node.aws("iam", "DeleteUser", UserName="ann")
    node.aws("iam", "DeletePolicy", PolicyArn=ARN)


# ── AWS's own ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("arn", managed_policies.POLICIES)
def test_each_of_awss_own_policies_is_a_sound_document(arn: str) -> None:
    policy = managed_policies.POLICIES[arn]
    assert policy.arn == arn and len(policy.id) == 21
    assert check(policy.document).statements


def test_awss_own_policies_are_seen_and_attached_but_not_changed(node: TestNode) -> None:
    got = node.aws("iam", "GetPolicy", PolicyArn=READ_ONLY)["Policy"]
    assert (got["PolicyName"], got["Path"], got["DefaultVersionId"]) == ("ReadOnlyAccess", "/", "v1")
    version = node.aws("iam", "GetPolicyVersion", PolicyArn=READ_ONLY, VersionId="v1")["PolicyVersion"]
    assert "sqs:Get*" in json.loads(unquote(version["Document"]))["Statement"][0]["Action"]
    for operation, more in (
        ("CreatePolicyVersion", {"PolicyDocument": allow("*")}),
        ("DeletePolicy", {}),
        ("TagPolicy", {"Tags": [{"Key": "a", "Value": "b"}]}),
    ):
        assert failure(node.aws, "iam", operation, PolicyArn=READ_ONLY, **more)[:2] == ("AccessDenied", 403)


def test_attachments_of_awss_own_are_counted_by_account(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="ann")
    node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn=READ_ONLY)
    assert node.aws("iam", "GetPolicy", PolicyArn=READ_ONLY)["Policy"]["AttachmentCount"] == 1
    other = node.caller("111111111111", "test")
    assert other.aws("iam", "GetPolicy", PolicyArn=READ_ONLY)["Policy"]["AttachmentCount"] == 0


def test_all_policies_are_listed_once_over_pages(node: TestNode) -> None:
    for name in ("a", "b", "c"):
        create(node, name)
    seen, marker = [], {}
    while True:
        answer = node.aws("iam", "ListPolicies", MaxItems=3, **marker)
        assert len(answer["Policies"]) <= 3
        seen += [policy["PolicyName"] for policy in answer["Policies"]]
        if not answer["IsTruncated"]:
            break
        marker = {"Marker": answer["Marker"]}
    assert seen[:3] == ["a", "b", "c"]
    assert sorted(seen) == sorted(["a", "b", "c", *managed_policies.NAMES.values()])


def test_lists_of_policies_are_filtered(node: TestNode) -> None:
    create(node, "used")
    create(node, "bound")
    node.aws("iam", "CreateUser", UserName="ann", PermissionsBoundary="arn:aws:iam::000000000000:policy/bound")
    for arn in (READ_ONLY, "arn:aws:iam::000000000000:policy/used"):
        node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn=arn)

    def names(**more: Any) -> list[str]:
        return [policy["PolicyName"] for policy in node.aws("iam", "ListPolicies", **more)["Policies"]]

    assert names(Scope="Local") == ["bound", "used"]
    assert names(OnlyAttached=True) == ["bound", "used", "ReadOnlyAccess"]
    assert names(PolicyUsageFilter="PermissionsPolicy", OnlyAttached=True) == ["used", "ReadOnlyAccess"]
    assert names(PolicyUsageFilter="PermissionsBoundary", OnlyAttached=True) == ["bound"]
    assert "AWSLambdaBasicExecutionRole" in names(PathPrefix="/service-role/")
    assert "used" not in names(Scope="AWS")
