"""Roles, their trust policies, and instance profiles."""

import json
from typing import Any
from urllib.parse import unquote

import pytest

from tests.client import TestNode
from tests.services.iam.failures import failure


def trust(principal: Any, action: str = "sts:AssumeRole") -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


FOR_LAMBDA = trust({"Service": "lambda.amazonaws.com"})


def trusted(node: TestNode, name: str) -> Any:
    role = node.aws("iam", "GetRole", RoleName=name)["Role"]
    return json.loads(unquote(role["AssumeRolePolicyDocument"]))["Statement"][0]["Principal"]


def test_a_made_role_is_answered_without_what_was_not_given(node: TestNode) -> None:
    tags = [{"Key": "test", "Value": "value"}]
    made = node.aws("iam", "CreateRole", RoleName="r", Path="/p/", AssumeRolePolicyDocument=FOR_LAMBDA, Tags=tags)[
        "Role"
    ]
    assert set(made) == {"Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument", "Tags"}
    assert made["Arn"] == "arn:aws:iam::000000000000:role/p/r" and made["RoleId"].startswith("AROA")
    assert unquote(made["AssumeRolePolicyDocument"]) == FOR_LAMBDA


def test_get_role_tells_more_than_a_list(node: TestNode) -> None:
    tags = [{"Key": "test", "Value": "value"}]
    node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=FOR_LAMBDA, Tags=tags)
    got = node.aws("iam", "GetRole", RoleName="r")["Role"]
    assert got["MaxSessionDuration"] == 3600 and got["RoleLastUsed"] == {} and got["Tags"] == tags
    (listed,) = node.aws("iam", "ListRoles")["Roles"]
    assert set(got) - set(listed) == {"RoleLastUsed", "Tags"}
    assert listed.items() <= got.items()


def test_a_role_is_unique_found_and_deleted(node: TestNode) -> None:
    node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=FOR_LAMBDA)
    assert failure(node.aws, "iam", "CreateRole", RoleName="R", AssumeRolePolicyDocument=FOR_LAMBDA) == (
        "EntityAlreadyExists", 409, "Role with name R already exists.",
    )  # fmt: skip
    node.aws("iam", "DeleteRole", RoleName="r")
    assert failure(node.aws, "iam", "GetRole", RoleName="r") == (
        "NoSuchEntity", 404, "The role with name r cannot be found.",
    )  # fmt: skip


def test_a_role_is_deleted_last(node: TestNode) -> None:
    node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=FOR_LAMBDA)
    node.aws("iam", "AttachRolePolicy", RoleName="r", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    node.aws("iam", "PutRolePolicy", RoleName="r", PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    ))  # fmt: skip
    node.aws("iam", "CreateInstanceProfile", InstanceProfileName="i")
    node.aws("iam", "AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="r")

    def remedy() -> str:
        code, _, message = failure(node.aws, "iam", "DeleteRole", RoleName="r")
        assert code == "DeleteConflict"
        return message

    assert remedy() == "Cannot delete entity, must remove roles from instance profile first."
    node.aws("iam", "RemoveRoleFromInstanceProfile", InstanceProfileName="i", RoleName="r")
    assert remedy() == "Cannot delete entity, must detach all policies first."
    node.aws("iam", "DetachRolePolicy", RoleName="r", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    assert remedy() == "Cannot delete entity, must delete policies first."
    node.aws("iam", "DeleteRolePolicy", RoleName="r", PolicyName="p")
    node.aws("iam", "DeleteRole", RoleName="r")


def test_updates_change_what_they_name(node: TestNode) -> None:
    node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=FOR_LAMBDA, Description="old")
    node.aws("iam", "UpdateRole", RoleName="r", MaxSessionDuration=7200)
    role = node.aws("iam", "GetRole", RoleName="r")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("old", 7200)
    changed = node.aws("iam", "UpdateRoleDescription", RoleName="r", Description="new")["Role"]
    assert changed["Description"] == "new"
    node.aws("iam", "UpdateAssumeRolePolicy", RoleName="r", PolicyDocument=trust({"AWS": "111111111111"}))
    assert trusted(node, "r") == {"AWS": "111111111111"}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "This policy contains invalid Json"),
        (trust({"AWS": "arn:aws:iam::000000000000:user/nobody"}),
         'Invalid principal in policy: "AWS":"arn:aws:iam::000000000000:user/nobody"'),
        (trust({"AWS": "arn:aws:iam::000000000000:role/nobody"}),
         'Invalid principal in policy: "AWS":"arn:aws:iam::000000000000:role/nobody"'),
        (trust({"Service": "lambda"}), 'Invalid principal in policy: "SERVICE":"lambda"'),
        (trust({"Service": "lambda.amazonaws.com"}, "s3:GetObject"),
         "AssumeRole policy may only specify STS AssumeRole actions."),
        (json.dumps({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*", "Resource": "*"}}),
         "Has prohibited field Resource"),
    ],
)  # fmt: skip
def test_a_malformed_trust_policy_is_refused_in_iams_words(node: TestNode, document: str, message: str) -> None:
    answer = failure(node.aws, "iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=document)
    assert answer == ("MalformedPolicyDocument", 400, message)


def test_a_trust_policy_has_a_limit(node: TestNode) -> None:
    many = trust({"AWS": [f"{number:012d}" for number in range(200)]})
    assert failure(node.aws, "iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=many) == (
        "LimitExceeded", 409, "Cannot exceed quota for ACLSizePerRole: 2048",
    )  # fmt: skip


def test_a_trusted_user_is_meant_by_its_unique_id(node: TestNode) -> None:
    user = node.as_user(name="ann")
    before = node.aws("iam", "GetUser", UserName="ann")["User"]
    arn = "arn:aws:iam::000000000000:user/ann"
    role = node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=trust({"AWS": arn}))["Role"]
    assert trusted(node, "r") == {"AWS": arn}
    user.aws("sts", "AssumeRole", RoleArn=role["Arn"], RoleSessionName="s1")

    node.aws("iam", "DeleteAccessKey", UserName="ann", AccessKeyId=user.key_id)
    node.aws("iam", "DeleteUser", UserName="ann")
    assert trusted(node, "r") == {"AWS": before["UserId"]}
    impostor = node.as_user(name="ann")
    assert trusted(node, "r") == {"AWS": before["UserId"]}
    assert failure(impostor.aws, "sts", "AssumeRole", RoleArn=role["Arn"], RoleSessionName="s1")[0] == "AccessDenied"


def test_a_trusted_user_stays_trusted_under_another_name(node: TestNode) -> None:
    user = node.as_user(name="ann")
    arn = "arn:aws:iam::000000000000:user/ann"
    role = node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=trust({"AWS": [arn, "111111111111"]}))
    node.aws("iam", "UpdateUser", UserName="ann", NewUserName="anna")
    assert trusted(node, "r") == {"AWS": ["arn:aws:iam::000000000000:user/anna", "111111111111"]}
    user.aws("sts", "AssumeRole", RoleArn=role["Role"]["Arn"], RoleSessionName="s1")


def test_an_arn_in_a_condition_of_a_trust_policy_stays_an_arn(node: TestNode) -> None:
    user = node.as_user(name="ann")
    arn = "arn:aws:iam::000000000000:user/ann"
    document = json.loads(trust({"AWS": arn}))
    document["Statement"][0]["Condition"] = {"ArnEquals": {"aws:PrincipalArn": arn}}
    role = node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=json.dumps(document))["Role"]
    user.aws("sts", "AssumeRole", RoleArn=role["Arn"], RoleSessionName="s1")


def test_what_there_is_no_console_for_is_not_implemented(node: TestNode) -> None:
    parameters = {"RoleName": "r", "AssumeRolePolicyDocument": FOR_LAMBDA, "MaxSigninSessionDuration": 3600}
    assert failure(node.aws, "iam", "CreateRole", **parameters)[:2] == ("NotImplemented", 501)


def test_a_roles_last_use_is_told(node: TestNode) -> None:
    role = node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=trust({"AWS": "*"}))["Role"]
    keys = node.aws("sts", "AssumeRole", RoleArn=role["Arn"], RoleSessionName="s1")["Credentials"]
    session = node.caller(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region="eu-north-1")
    session.aws("sts", "GetCallerIdentity")
    assert node.aws("iam", "GetRole", RoleName="r")["Role"]["RoleLastUsed"]["Region"] == "eu-north-1"


# ── instance profiles ─────────────────────────────────────────────────────────────────────────────────────────────


def test_an_instance_profile_holds_one_role(node: TestNode) -> None:
    for name in ("r", "s"):
        node.aws("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=FOR_LAMBDA)
    made = node.aws("iam", "CreateInstanceProfile", InstanceProfileName="i", Path="/p/")["InstanceProfile"]
    assert made["Arn"] == "arn:aws:iam::000000000000:instance-profile/p/i" and made["Roles"] == []
    node.aws("iam", "AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="r")
    assert failure(node.aws, "iam", "AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="s") == (
        "LimitExceeded", 409, "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
    )  # fmt: skip
    got = node.aws("iam", "GetInstanceProfile", InstanceProfileName="i")["InstanceProfile"]
    assert [role["RoleName"] for role in got["Roles"]] == ["r"]
    assert node.aws("iam", "ListInstanceProfilesForRole", RoleName="r")["InstanceProfiles"] == [got]
    assert node.aws("iam", "ListInstanceProfilesForRole", RoleName="s")["InstanceProfiles"] == []
    assert node.aws("iam", "ListInstanceProfiles", PathPrefix="/p/")["InstanceProfiles"] == [got]


def test_an_instance_profile_is_emptied_before_it_is_deleted(node: TestNode) -> None:
    node.aws("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=FOR_LAMBDA)
    node.aws("iam", "CreateInstanceProfile", InstanceProfileName="i")
    assert failure(node.aws, "iam", "CreateInstanceProfile", InstanceProfileName="i") == (
        "EntityAlreadyExists", 409, "Instance Profile i already exists.",
    )  # fmt: skip
    node.aws("iam", "AddRoleToInstanceProfile", InstanceProfileName="i", RoleName="r")
    assert failure(node.aws, "iam", "DeleteInstanceProfile", InstanceProfileName="i")[0] == "DeleteConflict"
    node.aws("iam", "RemoveRoleFromInstanceProfile", InstanceProfileName="i", RoleName="r")
    node.aws("iam", "DeleteInstanceProfile", InstanceProfileName="i")
    assert failure(node.aws, "iam", "GetInstanceProfile", InstanceProfileName="i") == (
        "NoSuchEntity", 404, "Instance Profile i cannot be found.",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["Role", "InstanceProfile"])
def test_tags_of_roles_and_instance_profiles(node: TestNode, kind: str) -> None:
    more = {"AssumeRolePolicyDocument": FOR_LAMBDA} if kind == "Role" else {}
    name = {f"{kind}Name": "x"}
    node.aws("iam", f"Create{kind}", **name, **more)
    node.aws("iam", f"Tag{kind}", **name, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}])
    first = node.aws("iam", f"List{kind}Tags", **name, MaxItems=1)
    assert first["Tags"] == [{"Key": "a", "Value": "1"}] and first["IsTruncated"] is True
    rest = node.aws("iam", f"List{kind}Tags", **name, Marker=first["Marker"])
    assert rest == {"Tags": [{"Key": "b", "Value": "2"}], "IsTruncated": False}
    node.aws("iam", f"Untag{kind}", **name, TagKeys=["a", "b"])
    assert node.aws("iam", f"Get{kind}", **name)[kind].get("Tags", []) == []
