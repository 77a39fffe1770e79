"""Functions for tests: zip files from source, a role that Lambda may assume, calls in few words."""

import asyncio
import io
import json
import zipfile
from typing import Any

from cloudlet.services.cloudwatch.engine import series_id
from cloudlet.services.cloudwatch.records import Bucket
from tests.client import Caller, TestNode

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
ROLE = "arn:aws:iam::000000000000:role/runner"
ARN = "arn:aws:lambda:us-east-1:000000000000:function"
ECHO = "def handler(event, context):\n    return event\n"


def zipped(files: dict[str, str] | str = ECHO) -> bytes:
    """A package; plain text is app.py."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in ({"app.py": files} if isinstance(files, str) else files).items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, text)
    return data.getvalue()


class Lambda:
    """Lambda of one test node, called as root."""

    def __init__(self, node: TestNode) -> None:
        self.node = node

    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.node.aws("lambda", operation, **parameters)

    def make_role(self, *statements: dict[str, Any], name: str = "runner") -> str:
        """A role that Lambda may assume and that may do what the statements say."""
        text = json.dumps(TRUST)
        arn = self.node.aws("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=text)["Role"]["Arn"]
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            self.node.aws("iam", "PutRolePolicy", RoleName=name, PolicyName="p", PolicyDocument=document)
        return arn

    def create(self, name: str = "echo", code: dict[str, str] | str = ECHO, **more: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "FunctionName": name,
            "Runtime": "python3.11",
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": zipped(code)},
        }
        return self("CreateFunction", **given | more)

    def invoke(self, name: str = "echo", event: Any = None, **more: Any) -> dict[str, Any]:
        payload = {} if event is None else {"Payload": json.dumps(event).encode()}
        return self("Invoke", FunctionName=name, **payload, **more)

    def value(self, name: str = "echo", event: Any = None, **more: Any) -> Any:
        answer = self.invoke(name, event, **more)
        assert "FunctionError" not in answer, answer
        return json.loads(answer["Payload"])

    def counted(self, name: str, **dimensions: str) -> float:
        """The sum of one of AWS/Lambda's metrics so far."""
        self.node.flush_metrics()
        keys = self.node.node.services["cloudwatch"].keys("000000000000", "us-east-1")
        space = keys.bucket[series_id("AWS/Lambda", name, tuple(sorted(dimensions.items()))), 60]
        rows = self.node.node.database.transact(lambda tx: tx.scan(*space.range()).rows)[0]
        return sum(Bucket.decode(value).total for _, value in rows)

    def check_packages(self, count: int) -> None:
        """So many are kept, once files that nobody needs are gone: they go in a thread."""

        async def until() -> None:
            while len(list(self.node.node.database.blobs.ids())) != count:
                await asyncio.sleep(0.005)

        self.node.run(until())

    def as_user(self, *statements: dict[str, Any]) -> Caller:
        return self.node.as_user(*statements)
