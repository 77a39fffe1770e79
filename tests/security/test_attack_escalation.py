"""Ways up that AWS knows of: each asks for its own permission, on the very thing that gives the power.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html and what penetration testers list.
"""

from typing import Any

import pytest

from cloudlet.services.lambda_ import rules as lambda_rules
from tests.client import TestNode
from tests.security.attackers import ADMIN, IAM, OTHER, allow, code_of, denial, document, role, session
from tests.services.lambda_.lambda_functions import Lambda, zipped

LAMBDA = {"Service": "lambda.amazonaws.com"}
STRONG = f"{IAM}:role/strong"

# What makes `mallory`, who may not, an administrator. Nothing of it may be refused for another reason than authority.
WAYS_UP: dict[str, tuple[str, dict[str, Any]]] = {
    "iam:AttachUserPolicy": ("AttachUserPolicy", {"UserName": "mallory", "PolicyArn": f"{IAM}:policy/admin"}),
    "iam:AttachGroupPolicy": ("AttachGroupPolicy", {"GroupName": "staff", "PolicyArn": f"{IAM}:policy/admin"}),
    "iam:AttachRolePolicy": ("AttachRolePolicy", {"RoleName": "weak", "PolicyArn": f"{IAM}:policy/admin"}),
    "iam:PutUserPolicy": ("PutUserPolicy", {"UserName": "mallory", "PolicyName": "p", "PolicyDocument": ADMIN}),
    "iam:PutGroupPolicy": ("PutGroupPolicy", {"GroupName": "staff", "PolicyName": "p", "PolicyDocument": ADMIN}),
    "iam:PutRolePolicy": ("PutRolePolicy", {"RoleName": "weak", "PolicyName": "p", "PolicyDocument": ADMIN}),
    "iam:AddUserToGroup": ("AddUserToGroup", {"UserName": "mallory", "GroupName": "admins"}),
    "iam:CreateAccessKey": ("CreateAccessKey", {"UserName": "root-like"}),
    "iam:UpdateAccessKey": ("UpdateAccessKey", {"UserName": "root-like", "AccessKeyId": "A" * 20, "Status": "Active"}),
    "iam:CreatePolicyVersion": (
        "CreatePolicyVersion",
        {"PolicyArn": f"{IAM}:policy/own", "PolicyDocument": ADMIN, "SetAsDefault": True},
    ),
    "iam:SetDefaultPolicyVersion": ("SetDefaultPolicyVersion", {"PolicyArn": f"{IAM}:policy/own", "VersionId": "v1"}),
    "iam:UpdateAssumeRolePolicy": ("UpdateAssumeRolePolicy", {"RoleName": "strong", "PolicyDocument": ADMIN}),
    "iam:DeleteUserPermissionsBoundary": ("DeleteUserPermissionsBoundary", {"UserName": "mallory"}),
    "iam:PutUserPermissionsBoundary": (
        "PutUserPermissionsBoundary",
        {"UserName": "mallory", "PermissionsBoundary": f"{IAM}:policy/admin"},
    ),
    "iam:DeleteRolePermissionsBoundary": ("DeleteRolePermissionsBoundary", {"RoleName": "weak"}),
    "iam:PutRolePermissionsBoundary": (
        "PutRolePermissionsBoundary",
        {"RoleName": "weak", "PermissionsBoundary": f"{IAM}:policy/admin"},
    ),
    "iam:DetachUserPolicy": ("DetachUserPolicy", {"UserName": "mallory", "PolicyArn": f"{IAM}:policy/own"}),
    "iam:DeleteUserPolicy": ("DeleteUserPolicy", {"UserName": "mallory", "PolicyName": "denials"}),
    "iam:RemoveUserFromGroup": ("RemoveUserFromGroup", {"UserName": "mallory", "GroupName": "denied"}),
    "iam:CreateUser": ("CreateUser", {"UserName": "new"}),
    "iam:CreateRole": ("CreateRole", {"RoleName": "new", "AssumeRolePolicyDocument": ADMIN}),
}


@pytest.mark.parametrize("action", WAYS_UP)
def test_each_way_up_needs_its_own_permission(node: TestNode, action: str) -> None:
    operation, parameters = WAYS_UP[action]
    everything_else = {"Effect": "Allow", "NotAction": action, "Resource": "*"}
    mallory = node.as_user(everything_else, name="mallory")
    node.aws("iam", "CreatePolicy", PolicyName="own", PolicyDocument=document(allow("sqs:*")))
    node.aws("iam", "CreateUser", UserName="root-like")
    for name in ("weak", "strong"):
        role(node, name, LAMBDA)
    for name in ("staff", "admins", "denied"):
        node.aws("iam", "CreateGroup", GroupName=name)
    assert f"not authorized to perform: {action} on resource:" in denial(mallory, "iam", operation, **parameters)


def test_a_boundary_holds_for_who_may_give_himself_everything(node: TestNode) -> None:
    """The delegation that AWS describes: all of IAM but for boundaries still ends at the boundary."""
    limits = node.aws("iam", "CreatePolicy", PolicyName="limits", PolicyDocument=document(allow(["sqs:*", "iam:*"])))
    boundary = limits["Policy"]["Arn"]
    keeps = {"Effect": "Deny", "Action": ["iam:*Boundary", "iam:*PolicyVersion"], "Resource": "*"}
    mallory = node.as_user(allow("iam:*"), keeps, name="mallory")
    node.aws("iam", "PutUserPermissionsBoundary", UserName="mallory", PermissionsBoundary=boundary)
    mallory.aws("iam", "PutUserPolicy", UserName="mallory", PolicyName="all", PolicyDocument=ADMIN)
    mallory.aws("sqs", "ListQueues")
    assert "no permissions boundary allows" in denial(mallory, "s3", "ListBuckets")
    denial(mallory, "iam", "DeleteUserPermissionsBoundary", UserName="mallory")
    denial(mallory, "iam", "CreatePolicyVersion", PolicyArn=boundary, PolicyDocument=ADMIN, SetAsDefault=True)


def test_who_must_hand_down_his_boundary_cannot_make_someone_without(node: TestNode) -> None:
    limits = node.aws("iam", "CreatePolicy", PolicyName="limits", PolicyDocument=document(allow("sqs:*")))
    boundary = limits["Policy"]["Arn"]
    only_bounded = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    makers = ["iam:CreateUser", "iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy"]
    maker = node.as_user(allow(makers, Condition=only_bounded))
    trust = document({"Effect": "Allow", "Principal": LAMBDA, "Action": "sts:AssumeRole"})
    denial(maker, "iam", "CreateRole", RoleName="free", AssumeRolePolicyDocument=trust)
    bounded = {"RoleName": "bounded", "PermissionsBoundary": boundary}
    maker.aws("iam", "CreateRole", AssumeRolePolicyDocument=trust, **bounded)
    maker.aws("iam", "PutRolePolicy", RoleName="bounded", PolicyName="p", PolicyDocument=ADMIN)
    role(node, "free", LAMBDA)
    denial(maker, "iam", "PutRolePolicy", RoleName="free", PolicyName="p", PolicyDocument=ADMIN)


# ── a path or name that is not the thing's own ────────────────────────────────────────────────────────────────────


def test_a_policy_is_asked_for_under_its_own_arn_only(node: TestNode) -> None:
    """Who may do anything with policies under /dev/ doesn't reach another by naming it so."""
    node.aws("iam", "CreatePolicy", PolicyName="admin", Path="/prod/", PolicyDocument=document(allow("sqs:*")))
    dev = node.as_user(allow("iam:*Policy*", f"{IAM}:policy/dev/*"))
    wrong = f"{IAM}:policy/dev/admin"
    for operation, more in (
        ("CreatePolicyVersion", {"PolicyDocument": ADMIN, "SetAsDefault": True}),
        ("GetPolicy", {}),
        ("GetPolicyVersion", {"VersionId": "v1"}),
        ("DeletePolicy", {}),
        ("SetDefaultPolicyVersion", {"VersionId": "v1"}),
        ("ListEntitiesForPolicy", {}),
    ):
        assert code_of(dev, "iam", operation, PolicyArn=wrong, **more) == "NoSuchEntity", operation


def test_a_condition_on_attached_policies_is_not_met_by_a_wrong_path(node: TestNode) -> None:
    node.aws("iam", "CreatePolicy", PolicyName="admin", Path="/prod/", PolicyDocument=ADMIN)
    only_dev = {"ArnLike": {"iam:PolicyARN": f"{IAM}:policy/dev/*"}}
    mallory = node.as_user(allow("iam:AttachUserPolicy", Condition=only_dev), name="mallory")
    for wrong in (f"{IAM}:policy/dev/admin", f"{IAM}:policy/dev/../prod/admin"):
        refused = code_of(mallory, "iam", "AttachUserPolicy", UserName="mallory", PolicyArn=wrong)
        assert refused in ("NoSuchEntity", "ValidationError", "InvalidInput")
    denial(mallory, "iam", "AttachUserPolicy", UserName="mallory", PolicyArn=f"{IAM}:policy/prod/admin")


@pytest.mark.parametrize("wrong", ["role/dev/strong", "role/strong/", "role//strong", "role/STRONG", "Role/strong"])
def test_a_role_is_assumed_and_passed_under_its_own_arn_only(node: TestNode, wrong: str) -> None:
    role(node, "strong", LAMBDA | {"AWS": "000000000000"}, allow("*"))
    mallory = node.as_user(allow(["sts:AssumeRole", "iam:PassRole"], f"{IAM}:{wrong}"), allow("lambda:*"))
    code_of(mallory, "sts", "AssumeRole", RoleArn=f"{IAM}:{wrong}", RoleSessionName="s1")
    function = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "app.handler", "Code": {"ZipFile": zipped()}}
    code_of(mallory, "lambda", "CreateFunction", Role=f"{IAM}:{wrong}", **function)
    assert node.aws("lambda", "ListFunctions")["Functions"] == []


# ── through a function ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def fn(node: TestNode) -> Any:
    lambda_ = Lambda(node)
    lambda_.make_role()
    role(node, "strong", LAMBDA, allow("*"))
    yield lambda_
    node.run(node.house.functions.close())


def test_a_stronger_role_is_not_handed_to_ones_own_function(node: TestNode, fn: Lambda) -> None:
    fn.create()
    mallory = node.as_user(allow("lambda:*"), allow("iam:PassRole", f"{IAM}:role/runner"))
    message = denial(mallory, "lambda", "UpdateFunctionConfiguration", FunctionName="echo", Role=STRONG)
    assert f"iam:PassRole on resource: {STRONG}" in message
    new = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "app.handler", "Code": {"ZipFile": zipped()}}
    assert "iam:PassRole" in denial(mallory, "lambda", "CreateFunction", Role=STRONG, **new)


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("UpdateFunctionCode", {"ZipFile": zipped("def handler(event, context):\n    return 'mine'\n")}),
        ("UpdateFunctionConfiguration", {"Handler": "evil.handler"}),
        ("UpdateFunctionConfiguration", {"Environment": {"Variables": {"PYTHONPATH": "/tmp"}}}),
        ("UpdateFunctionConfiguration", {"Layers": []}),
        ("Invoke", {}),
        ("AddPermission", {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}),
        ("UpdateAlias", {"Name": "live", "FunctionVersion": "1"}),
        ("CreateAlias", {"Name": "live", "FunctionVersion": "1"}),
        ("PublishVersion", {}),
        ("PutFunctionEventInvokeConfig", {"DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:sqs:::q"}}}),
        ("GetFunction", {}),
    ],
)
def test_a_function_with_a_stronger_role_is_out_of_reach(
    node: TestNode, fn: Lambda, operation: str, more: dict[str, Any]
) -> None:
    """Its code, its environment, its layers, its handler: each would act as the role."""
    fn.create("strong", Role=STRONG)
    mallory = node.as_user(allow("lambda:*", "arn:aws:lambda:*:*:function:own"))
    denial(mallory, "lambda", operation, FunctionName="strong", **more)


@pytest.mark.parametrize("name", sorted(lambda_rules.RESERVED_VARIABLES))
def test_what_says_who_a_function_is_cannot_be_set(fn: Lambda, name: str) -> None:
    refused = code_of(
        fn.node, "lambda", "CreateFunction", FunctionName="f", Runtime="python3.11", Handler="app.handler",
        Role=f"{IAM}:role/runner", Code={"ZipFile": zipped()}, Environment={"Variables": {name: "mine"}},
    )  # fmt: skip
    assert refused == ("ValidationException" if name.startswith("_") else "InvalidParameterValueException")


def test_a_layer_that_may_not_be_read_is_not_run(node: TestNode, fn: Lambda) -> None:
    layer = node.aws("lambda", "PublishLayerVersion", LayerName="secret", Content={"ZipFile": zipped()})
    fn.create("own")
    mallory = node.as_user(allow("lambda:UpdateFunctionConfiguration"))
    given = {"FunctionName": "own", "Layers": [layer["LayerVersionArn"]]}
    assert "lambda:GetLayerVersion" in denial(mallory, "lambda", "UpdateFunctionConfiguration", **given)


def test_code_in_s3_is_read_as_who_makes_the_function(node: TestNode, fn: Lambda) -> None:
    node.aws("s3", "CreateBucket", Bucket="packages")
    node.aws("s3", "PutObject", Bucket="packages", Key="secret.zip", Body=zipped())
    mallory = node.as_user(allow("lambda:*"), allow("iam:PassRole", f"{IAM}:role/runner"))
    given = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "app.handler", "Role": f"{IAM}:role/runner"}
    message = denial(mallory, "lambda", "CreateFunction", Code={"S3Bucket": "packages", "S3Key": "secret.zip"}, **given)
    assert "s3:GetObject" in message


# ── sessions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_limited_session_reaches_no_other_role_unless_its_policy_says_so(node: TestNode) -> None:
    first = role(node, "first", {"AWS": "000000000000"}, allow(["sqs:*", "sts:AssumeRole"]))
    role(node, "second", {"AWS": "000000000000"}, allow("*"))
    ann = node.as_user(allow("sts:AssumeRole"))
    limited = session(ann, node, first, Policy=document(allow("sqs:*")))
    message = denial(limited, "sts", "AssumeRole", RoleArn=f"{IAM}:role/second", RoleSessionName="s1")
    assert "no session policy allows the sts:AssumeRole action" in message
    let = session(ann, node, first, Policy=document(allow("sts:AssumeRole", f"{IAM}:role/second")))
    session(let, node, f"{IAM}:role/second").aws("s3", "ListBuckets")


def test_a_limited_session_gets_no_wider_one_of_its_own_role(node: TestNode) -> None:
    first = role(node, "first", {"AWS": "000000000000"}, allow("*"))
    limited = session(node.as_user(allow("sts:AssumeRole")), node, first, Policy=document(allow("sqs:*")))
    denial(limited, "sts", "AssumeRole", RoleArn=first, RoleSessionName="s2")
    for operation, more in (("GetSessionToken", {}), ("GetFederationToken", {"Name": "me", "Policy": ADMIN})):
        assert code_of(limited, "sts", operation, **more) in ("AccessDenied", "InvalidClientTokenId"), operation


def test_another_accounts_root_is_nobody_here(node: TestNode) -> None:
    stranger = node.caller(OTHER, "test")
    role(node, "strong", LAMBDA, allow("*"))
    denial(stranger, "sts", "AssumeRole", RoleArn=STRONG, RoleSessionName="s1")
    for operation, more in (("GetRole", {"RoleName": "strong"}), ("GetUser", {"UserName": "mallory"})):
        assert code_of(stranger, "iam", operation, **more) == "NoSuchEntity"  # looked for in its own account
