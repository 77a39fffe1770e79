"""Short ways to be somebody, and to be refused."""

import json
from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from tests.client import Caller, TestNode

ACCOUNT, OTHER = "000000000000", "111122223333"
IAM = f"arn:aws:iam::{ACCOUNT}"


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


ADMIN = document(allow("*"))
DENIALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"}


def denial(caller: Caller | TestNode, service: str, operation: str, **parameters: Any) -> str:
    """The message of the denial that must come."""
    with pytest.raises(AwsError) as refused:
        caller.aws(service, operation, **parameters)
    assert refused.value.code in DENIALS, f"{operation}: {refused.value.code} {refused.value.message}"
    return refused.value.message


def code_of(caller: Caller | TestNode, service: str, operation: str, **parameters: Any) -> str:
    with pytest.raises(AwsError) as refused:
        caller.aws(service, operation, **parameters)
    return refused.value.code


def role(node: TestNode, name: str, trusted: dict[str, Any], *statements: dict[str, Any], path: str = "/") -> str:
    """The ARN of a new role."""
    trust = document({"Effect": "Allow", "Principal": trusted, "Action": ["sts:AssumeRole", "sts:TagSession"]})
    made = node.aws("iam", "CreateRole", RoleName=name, Path=path, AssumeRolePolicyDocument=trust)
    if statements:
        node.aws("iam", "PutRolePolicy", RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
    return made["Role"]["Arn"]


def session(caller: Caller | TestNode, node: TestNode, role_arn: str, **more: Any) -> Caller:
    given = caller.aws("sts", "AssumeRole", RoleArn=role_arn, RoleSessionName="s1", **more)["Credentials"]
    return node.caller(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def user_session(caller: Caller, node: TestNode) -> Caller:
    given = caller.aws("sts", "GetSessionToken")["Credentials"]
    return node.caller(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
