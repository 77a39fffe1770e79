"""Who asks: an IAM user with three attached policies, alike on every server; and the role of functions."""

from dataclasses import dataclass
from typing import Any

import msgspec

from bench.client import Client, element
from bench.server import Server

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


def _allow(actions: list[str], resource: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}]}


POLICIES = {
    "bench-data": _allow(["dynamodb:*", "sqs:*", "sns:*"], "*"),
    "bench-objects": _allow(["s3:*"], "arn:aws:s3:::*"),
    "bench-functions": _allow(["lambda:*", "iam:PassRole", "logs:*"], "*"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    client: Client  # signs as the user
    role_arn: str  # of functions
    account: str


async def setting_of(server: Server) -> Setting:
    root = Client(server, "test", "test")
    await root.call(root.iam("CreateUser", UserName="bench"))
    for name, document in POLICIES.items():
        text = msgspec.json.encode(document).decode()
        policy = await root.call(root.iam("CreatePolicy", PolicyName=name, PolicyDocument=text))
        await root.call(root.iam("AttachUserPolicy", UserName="bench", PolicyArn=element(policy, "Arn")))
    key = await root.call(root.iam("CreateAccessKey", UserName="bench"))
    trust = msgspec.json.encode(_TRUST).decode()
    role = await root.call(root.iam("CreateRole", RoleName="bench", AssumeRolePolicyDocument=trust))
    account = element(await root.call(root.query("sts", "2011-06-15", "GetCallerIdentity")), "Account")
    user = Client(server, element(key, "AccessKeyId"), element(key, "SecretAccessKey"))
    return Setting(user, element(role, "Arn"), account)
