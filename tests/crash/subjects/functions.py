"""The function that notes what it is told, and asynchronous calls of it."""

import io
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.subjects.subject import FUNCTION, SEEN, Aws, Effect, Found, Worker, arn_of, missing, policy, table

CALL = "call/"
PAUSE_S = 0.05
ROLE = f"arn:aws:iam::{arn_of('iam', '').split(':')[4]}:role/noter"
CODE = Path(__file__).parent / "noting_function.py"


@dataclass
class Functions:
    called: Effect = field(default_factory=Effect)

    def furnish(self, aws: Aws) -> None:
        table(aws, SEEN)
        trust = policy({"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
        aws("iam", "CreateRole", RoleName="noter", AssumeRolePolicyDocument=trust)
        may = policy({"Action": "dynamodb:PutItem", "Resource": arn_of("dynamodb", f"table/{SEEN}")})
        aws("iam", "PutRolePolicy", RoleName="noter", PolicyName="may", PolicyDocument=may)
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("app.py", CODE.read_text())
        aws("lambda", "CreateFunction", FunctionName=FUNCTION, Runtime="python3.11", Role=ROLE, Handler="app.handler",
            Timeout=30, Code={"ZipFile": package.getvalue()})  # fmt: skip

    def works(self) -> list[Callable[[Worker], None]]:
        return [self.call]

    def events(self) -> Effect:
        return self.called

    def call(self, worker: Worker) -> None:
        name = f"{CALL}{worker.run}-{worker.number}"
        payload = b'{"id": "%s"}' % name.encode()
        worker.effect(self.called, [name], "lambda", "Invoke", FunctionName=FUNCTION, InvocationType="Event",
                      Payload=payload)  # fmt: skip
        time.sleep(PAUSE_S)

    def violations(self, found: Found) -> Iterator[str]:
        yield from missing("call", self.called.done, found.caused)
