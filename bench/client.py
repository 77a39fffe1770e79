"""Requests as bytes on the wire, signed with one access key, alike for all servers."""

import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from bench.load import Answer, one
from bench.server import Server
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv4_sign import sign

REGION = "us-east-1"
Headers = list[tuple[str, str]]


class WrongAnswer(Exception):
    """A server that answers, but not as AWS does."""


@dataclass(slots=True, frozen=True)
class Client:
    server: Server
    access_key_id: str
    secret: str

    @property
    def host(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    def request(
        self, service: str, method: str, path: str, body: bytes = b"", headers: Headers | None = None, query: str = ""
    ) -> bytes:
        head, body = self.parts(service, method, path, body, headers, query)
        return head + body

    def parts(
        self,
        service: str,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Headers | None = None,
        query: str = "",
        payload_hash: str | None = None,
    ) -> tuple[bytes, bytes]:
        """Head and body: many requests may share a large body."""
        sent = [("host", self.host), ("content-length", str(len(body))), *(headers or [])]
        request = HttpRequest(method, path, query, sent, body)
        added = sign(
            request,
            access_key_id=self.access_key_id,
            secret=self.secret,
            region=REGION,
            service=service,
            wall_ms=time.time_ns() // 1_000_000,
            payload_hash=payload_hash,
        )
        target = f"{path}?{query}" if query else path
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent + added), "", ""]
        return "\r\n".join(lines).encode("latin-1"), body

    def json(self, service: str, version: str, target: str, parameters: dict[str, Any]) -> bytes:
        headers = [("x-amz-target", target), ("content-type", f"application/x-amz-json-{version}")]
        return self.request(service, "POST", "/", msgspec.json.encode(parameters), headers)

    def dynamodb(self, operation: str, **parameters: Any) -> bytes:
        return self.json("dynamodb", "1.0", f"DynamoDB_20120810.{operation}", parameters)

    def sqs(self, operation: str, **parameters: Any) -> bytes:
        return self.json("sqs", "1.0", f"AmazonSQS.{operation}", parameters)

    def query(self, service: str, version: str, action: str, **parameters: str) -> bytes:
        return self.form(service, urlencode({"Action": action, "Version": version, **parameters}).encode())

    def form(self, service: str, body: bytes) -> bytes:
        headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")]
        return self.request(service, "POST", "/", body, headers)

    def iam(self, action: str, **parameters: str) -> bytes:
        return self.query("iam", "2010-05-08", action, **parameters)

    async def call(self, request: bytes) -> Answer:
        """The answer of something that has to succeed."""
        answer = await one(self.server, request)
        if answer.status >= 300:
            raise WrongAnswer(f"HTTP {answer.status}: {shortened(answer.body)}")
        return answer

    async def call_json(self, request: bytes) -> dict[str, Any]:
        return decoded(await self.call(request))


def decoded(answer: Answer) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(answer.body or b"{}")
    except msgspec.DecodeError as error:
        raise WrongAnswer(f"not JSON: {shortened(answer.body)}") from error
    if not isinstance(value, dict):
        raise WrongAnswer(f"not an object: {shortened(answer.body)}")
    return value


def element(answer: Answer, name: str) -> str:
    """The text of an XML answer's first element of that name."""
    found = re.search(rf"<{name}>([^<]*)</{name}>", answer.body.decode())
    if found is None:
        raise WrongAnswer(f"no <{name}>: {shortened(answer.body)}")
    return found[1]


def shortened(body: bytes) -> str:
    return " ".join(body[:160].decode("latin-1").split())
