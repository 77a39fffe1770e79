"""Seeded bad input through the whole gateway, rightly signed by root: every operation, over each of its protocols.

Each time there is an answer: a success, or an AWS error that has a code; never a 5xx but 501 and 503, never a hang.
Afterwards the node still answers, its background work goes on, and its store is sound.
"""

import asyncio
import json
import logging
import os
import random
import re
import traceback
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest
from hostile_input import KNOWN, TEMPLATE, TRUST, Plausible, as_sent, damaged, spoiled

from cloudlet.app.wiring import SERVICES
from cloudlet.wire.message import HttpRequest, HttpResponse
from cloudlet.wire.sigv4_sign import sign
from tests import sdk_wire
from tests.client import REGION, TestNode

PER_OPERATION = int(os.environ.get("CLOUDLET_STEPS", "50"))
SEED = os.environ.get("CLOUDLET_SEED", "")  # others than the usual ones
ANSWER_S = 2  # a hang guard: nobody waits for anything here but a long poll, and that is woken
SIGNATURE_HEADERS = {"authorization", "x-amz-date", "x-amz-content-sha256"}
CASES = [
    (service.name, protocol)
    for service in SERVICES
    if service.name != "cloudlet"
    for protocol in service.load().model.protocols
]


def furnish(node: TestNode) -> None:
    """What the parameters name is there."""
    for service, operation, parameters in (
        ("iam", "CreateRole", {"RoleName": "role", "AssumeRolePolicyDocument": TRUST}),
        ("iam", "CreateUser", {"UserName": "user"}),
        ("iam", "CreateGroup", {"GroupName": "group"}),
        ("iam", "CreateInstanceProfile", {"InstanceProfileName": "profile"}),
        ("iam", "CreatePolicy", {"PolicyName": "policy", "PolicyDocument": KNOWN["PolicyDocument"]}),
        ("sqs", "CreateQueue", {"QueueName": "q"}),
        ("s3", "CreateBucket", {"Bucket": "bucket"}),
        ("s3", "PutObject", {"Bucket": "bucket", "Key": "key", "Body": b"a,b\n1,2\n"}),
        ("dynamodb", "CreateTable", {
            "TableName": "table", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}),
        ("sns", "CreateTopic", {"Name": "topic"}),
        ("logs", "CreateLogGroup", {"logGroupName": "logs"}),
        ("logs", "CreateLogStream", {"logGroupName": "logs", "logStreamName": "stream"}),
        ("cloudformation", "CreateStack", {
            "StackName": "stack", "TemplateBody": TEMPLATE,
            "Parameters": [{"ParameterKey": "A", "ParameterValue": "a"}]}),
    ):  # fmt: skip
        node.aws(service, operation, **parameters)


def operations_of(service: str) -> list[str]:
    """What takes things away last."""
    found = next(known for known in SERVICES if known.name == service).operations
    return sorted(found, key=lambda name: (name.startswith(("Delete", "Remove", "Purge")), name))


class Attack:
    def __init__(self, node: TestNode, service: str, protocol: str) -> None:
        self.node, self.service, self.protocol = node, service, protocol
        self.refused = self.taken = 0
        self.wrong: list[str] = []

    def on(self, operation: str) -> None:
        shape = sdk_wire.service_model(self.service).operation_model(operation).input_shape
        for number in range(PER_OPERATION):
            seed = f"{self.service}.{operation} {self.protocol} {number}{SEED}"
            chance = random.Random(seed)
            parameters = Plausible(chance, self.service).of(shape) if shape else {}
            request = self._request(chance, operation, parameters, number)
            if request is not None:
                self._send(seed, request)

    def _request(
        self, chance: random.Random, operation: str, parameters: dict[str, Any], number: int
    ) -> HttpRequest | None:
        """First a plausible one, then damaged values, then damaged bytes; None where botocore cannot write it."""
        if 0 < number < PER_OPERATION // 2:
            for _ in range(chance.choice((1, 1, 2))):
                parameters = damaged(chance, parameters)
        try:
            request = self.node.caller("test", "test").request(
                self.service, operation, parameters, protocol=self.protocol
            )
        except Exception:
            return None
        request.headers = [header for header in request.headers if header[0] not in SIGNATURE_HEADERS]
        if number >= PER_OPERATION // 2:
            request = spoiled(chance, request)
        return self._signed(as_sent(request))

    def _signed(self, request: HttpRequest) -> HttpRequest:
        metadata = sdk_wire.service_model(self.service).metadata
        name = metadata.get("signingName") or metadata["endpointPrefix"]
        wall_ms = self.node.clock.wall_ms()
        request.headers = request.headers + sign(
            request, access_key_id="test", secret="test", region=REGION, service=name, wall_ms=wall_ms
        )
        request._by_name = None
        return request

    def _send(self, seed: str, request: HttpRequest) -> None:
        try:
            response = self.node.run(self._answer(request))
        except Exception as error:
            self.wrong.append(f"{seed}: {error!r}")
            return
        if response.status < 400:
            self.taken += 1
            return
        self.refused += 1
        if response.status >= 500 and response.status not in (501, 503):
            self.wrong.append(f"{seed}: {response.status}")
        elif request.method != "HEAD" and not code_of(response):
            self.wrong.append(f"{seed}: {response.status} without a code: {response.body[:100]!r}")

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        """The answer; the clock goes on meanwhile, so that long polls end."""
        asked = asyncio.get_running_loop().create_task(self.node.house.gateway.handle(request))
        for _ in range(20 * ANSWER_S):
            await asyncio.wait({asked}, timeout=0.05)
            if asked.done():
                return await asked
            self.node.clock.advance(1000)
            self.node.node.waiters.wake_all()
        asked.cancel()
        raise TimeoutError("no answer")


def code_of(response: HttpResponse) -> str:
    """The error's code, by the answer's own content type: a spoiled header may have chosen another protocol."""
    headers = {name.lower(): value for name, value in response.headers}
    assert isinstance(response.body, bytes)
    kind = headers.get("content-type", "")
    if "xml" in kind:  # by eye: what quotes a control character is no XML, on AWS either
        found = re.search(b"<Code>(.+?)</Code>", response.body)
        return found[1].decode() if found else ""
    value = cbor2.loads(response.body) if "cbor" in kind else json.loads(response.body)
    return value.get("__type") or headers.get("x-amzn-errortype", "")


def where(record: logging.LogRecord) -> str:
    """An error that was logged, with the innermost line of ours."""
    assert record.exc_info
    _, error, trace = record.exc_info
    ours = [frame for frame in traceback.extract_tb(trace) if "/cloudlet/" in frame.filename][-1]
    return f"{record.getMessage()}: {error!r} at {ours.filename}:{ours.lineno}"


@pytest.fixture
def furnished() -> Iterator[TestNode]:
    with TestNode() as node:
        furnish(node)
        yield node


@pytest.mark.slow
@pytest.mark.parametrize(("service", "protocol"), CASES)
def test_bad_input_is_answered(furnished: TestNode, service: str, protocol: str, caplog) -> None:
    attack = Attack(furnished, service, protocol)
    for operation in operations_of(service):
        attack.on(operation)
    furnished.settle()
    failures = [where(record) for record in caplog.records if record.exc_info]
    assert attack.wrong == failures == [], "\n".join([*attack.wrong[:20], *failures[:20]])
    assert attack.taken and attack.refused > attack.taken / 4
    print(f"{service} {protocol}: {attack.taken} taken, {attack.refused} refused")
    assert furnished.aws("sts", "GetCallerIdentity")["Account"] == "000000000000"
    assert furnished.node.database.check() == []
