"""Who asks: an IAM user with three attached policies, alike on every server; and the role and code of a function."""

import base64
import io
import re
import zipfile
from dataclasses import dataclass
from typing import Any

import msgspec

from bench.client import Client
from bench.load import Answer
from bench.server import Server

_FUNCTION = "def handler(event, context):\n    return event\n"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


def _allow(actions: list[str], resource: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}]}


POLICIES = {
    "bench-data": _allow(["dynamodb:*", "sqs:*"], "*"),
    "bench-objects": _allow(["s3:*"], "arn:aws:s3:::*"),
    "bench-functions": _allow(["lambda:*", "iam:PassRole", "logs:*"], "*"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    client: Client  # signs as the user
    role_arn: str  # of functions
    package: str  # their code: a zip file in base64


async def setting_of(server: Server) -> Setting:
    root = Client(server, "test", "test")
    await root.call(root.iam("CreateUser", UserName="bench"))
    for name, document in POLICIES.items():
        text = msgspec.json.encode(document).decode()
        policy = await root.call(root.iam("CreatePolicy", PolicyName=name, PolicyDocument=text))
        await root.call(root.iam("AttachUserPolicy", UserName="bench", PolicyArn=_element(policy, "Arn")))
    key = await root.call(root.iam("CreateAccessKey", UserName="bench"))
    trust = msgspec.json.encode(_TRUST).decode()
    role = await root.call(root.iam("CreateRole", RoleName="bench", AssumeRolePolicyDocument=trust))
    user = Client(server, _element(key, "AccessKeyId"), _element(key, "SecretAccessKey"))
    return Setting(user, _element(role, "Arn"), _package())


def _element(answer: Answer, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", answer.body.decode())
    assert found is not None, f"no <{name}> in {answer.body!r}"
    return found[1]


def _package() -> str:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as package:
        package.writestr("app.py", _FUNCTION)
    return base64.b64encode(held.getvalue()).decode()
