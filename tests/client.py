"""The test's client: signs a request as an SDK would and sends it through the gateway, without a socket."""

import asyncio
import json as jsonlib
import os
from collections.abc import Coroutine
from typing import Any

from cloudlet.app.wiring import House, build
from cloudlet.base.clock import ManualClock
from cloudlet.base.config import Settings
from cloudlet.base.errors import AwsError, aws_error
from cloudlet.kit.policy.evaluate import Decision
from cloudlet.store.database import Database
from cloudlet.wire import message
from cloudlet.wire.message import HttpRequest, HttpResponse
from tests import sdk_wire

HANG_GUARD_S = 10
NODE_KEY = bytes(32)  # the same for every node of a test, as for one that is started again
ACCOUNT = "000000000000"
REGION = "us-east-1"


class TestNode:
    """A house in memory whose transactions each run twice, the first time for nothing."""

    __test__ = False

    def __init__(
        self, database: Database | None = None, settings: Settings | None = None, node_key: bytes | None = NODE_KEY
    ) -> None:
        self.clock = ManualClock()
        database = database or Database.open(None, run_twice=True)
        settings = settings or Settings()
        self.house: House = build(settings, clock=self.clock, database=database, node_key=node_key)
        self.node = self.house.node
        self.runner = asyncio.Runner()
        self._users = 0
        self.key = ("test", "test", None)

    def __enter__(self) -> "TestNode":
        return self

    def __exit__(self, *_: Any) -> None:
        self.run(self.house.workers.stop(grace_s=1))
        self.runner.close()
        self.node.database.close()

    def run(self, coroutine: Coroutine) -> Any:
        async def guarded() -> Any:
            async with asyncio.timeout(HANG_GUARD_S):
                return await coroutine

        return self.runner.run(guarded())

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def aws(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation as root of account 000000000000; raises AwsError as the client would see it."""
        return Caller(self, *self.key).aws(service, operation, **parameters)

    def caller(self, key_id: str, secret: str, token: str | None = None, region: str = REGION) -> "Caller":
        return Caller(self, key_id, secret, token, region)

    def as_user(self, *policies: dict[str, Any], name: str | None = None) -> "Caller":
        """A new IAM user with these inline policies (documents, or single statements)."""
        self._users += 1
        name = name or f"user{self._users}"
        self.aws("iam", "CreateUser", UserName=name)
        for number, policy in enumerate(policies):
            document = policy if "Statement" in policy else {"Version": "2012-10-17", "Statement": [policy]}
            text = jsonlib.dumps(document)
            self.aws("iam", "PutUserPolicy", UserName=name, PolicyName=f"p{number}", PolicyDocument=text)
        key = self.aws("iam", "CreateAccessKey", UserName=name)["AccessKey"]
        return Caller(self, key["AccessKeyId"], key["SecretAccessKey"])

    def send(self, request: HttpRequest) -> HttpResponse:
        return self.run(self.house.gateway.handle(request))

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Move the clock, running what becomes due on the way."""
        milliseconds = round(1000 * (seconds + 60 * minutes + 3600 * hours + 86_400 * days))
        self.run(self.house.workers.advance(milliseconds))

    def settle(self) -> None:
        """Run the work that is due now: outbox entries, asynchronous invocations."""
        self.run(self.house.workers.settle())

    def flush_metrics(self) -> None:
        self.house.upkeep.flush_metrics()

    @property
    def decisions(self) -> list[Decision]:
        return [recorded.decision for recorded in self.node.decisions]


class Caller:
    """Calls with one access key."""

    def __init__(
        self, node: TestNode, key_id: str, secret: str, token: str | None = None, region: str = REGION
    ) -> None:
        self.node, self.key_id, self.secret, self.token, self.region = node, key_id, secret, token, region

    def request(
        self, service: str, operation: str, parameters: dict[str, Any], *, protocol: str | None = None
    ) -> HttpRequest:
        """The signed request, ready to be sent or spoiled."""
        return sdk_wire.signed_request(
            service, operation, parameters, key=(self.key_id, self.secret, self.token), region=self.region,
            wall_ms=self.node.clock.wall_ms(), protocol=protocol,
        )  # fmt: skip

    def aws(self, service: str, operation: str, *, protocol: str | None = None, **parameters: Any) -> dict[str, Any]:
        request = self.request(service, operation, parameters, protocol=protocol)
        return self.node.run(self._exchange(service, operation, request, protocol))

    async def aws_async(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """The same inside the test's own coroutine, e.g. for a long poll beside a send."""
        request = self.request(service, operation, parameters)
        return await self._exchange(service, operation, request, None)

    async def _exchange(
        self, service: str, operation: str, request: HttpRequest, protocol: str | None
    ) -> dict[str, Any]:
        response = await self.node.house.gateway.handle(request)
        body = await _body_of(response)
        error, value = sdk_wire.parsed(service, operation, response, body, protocol)
        if error is not None:
            raise error
        return value


async def _body_of(response: HttpResponse) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    if isinstance(response.body, list):
        return b"".join(read_slice(part) for part in response.body)
    return b"".join([part async for part in response.body])


def read_slice(part: message.FileSlice) -> bytes:
    data = os.pread(part.fd, part.length, part.offset)
    part.close()
    return data


__all__ = ["AwsError", "Caller", "TestNode", "aws_error"]
