"""The other side of the wire, for round trips: botocore serialises requests and parses answers.

Values are made from botocore's own models, seeded by the operation's name, so a failure repeats itself.
"""

import io
import random
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import botocore.awsrequest
import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize

from cloudlet.wire.message import HttpRequest, HttpResponse

SERVICES = ("cloudformation", "cloudwatch", "dynamodb", "iam", "lambda", "logs", "s3", "sns", "sqs", "sts")
WORDS = ("plain", "a b", "ümlaut", "1<2&3>'\"", "x" * 40, "/slash//s", "tab\tnew\nline", "50%+1", "{}", "日本")
HEADER_WORDS = ("plain", "a-b", "x" * 40, "one;two")


def service_model(service: str) -> botocore.model.ServiceModel:
    loader = botocore.loaders.Loader()
    return botocore.model.ServiceModel(loader.load_service_model(service, "service-2"), service)


class Values:
    """Plausible values of botocore shapes: every member present, lists and maps of two, recursion cut at two."""

    def __init__(self, seed: str, protocol: str) -> None:
        self.random = random.Random(zlib.crc32(seed.encode()))
        self.protocol = protocol

    def of(self, shape: Any, path: tuple[str, ...] = (), text: tuple[str, ...] = WORDS) -> Any:
        return getattr(self, f"_{shape.type_name}")(shape, path, text)

    def _structure(self, shape: Any, path: tuple[str, ...], text: tuple[str, ...]) -> dict[str, Any]:
        out = {}
        for name, member in shape.members.items():
            nests = member.type_name in ("structure", "list", "map")
            if (nests and path.count(shape.name) >= 2) or getattr(member, "is_eventstream", False):
                continue
            located = member.serialization.get("location", "")
            words = HEADER_WORDS if located.startswith("header") or member.serialization.get("xmlAttribute") else text
            if located == "statusCode":
                out[name] = 200
            else:
                out[name] = self.of(member, (*path, member.name), words)
        if getattr(shape, "is_tagged_union", False) and len(out) > 1:
            chosen = self.random.choice(sorted(out))
            out = {chosen: out[chosen]}
        return out

    def _list(self, shape: Any, path: tuple[str, ...], text: tuple[str, ...]) -> list[Any]:
        return [self.of(shape.member, (*path, shape.member.name), text) for _ in range(2)]

    def _map(self, shape: Any, path: tuple[str, ...], text: tuple[str, ...]) -> dict[str, Any]:
        keys = ("alpha", "beta.gamma" if text is WORDS else "beta-gamma")
        return {key: self.of(shape.value, (*path, shape.value.name), text) for key in keys}

    def _string(self, shape: Any, path: tuple[str, ...], text: tuple[str, ...]) -> str:
        if shape.enum:
            return self.random.choice(shape.enum)
        return self.random.choice(text)

    def _blob(self, shape: Any, path: tuple[str, ...], text: tuple[str, ...]) -> bytes:
        return self.random.randbytes(self.random.choice((1, 2, 3, 30)))

    def _boolean(self, shape: Any, path: tuple[str, ...], text: tuple[str, ...]) -> bool:
        return self.random.random() < 0.5

    def _integer(self, shape: Any, path: tuple[str, ...], text: tuple[str, ...]) -> int:
        return self.random.choice((0, 1, 7, 100, 2**31 - 1))

    def _long(self, shape: Any, path: tuple[str, ...], text: tuple[str, ...]) -> int:
        return self.random.choice((0, 1, 2**31, 2**53))

    def _double(self, shape: Any, path: tuple[str, ...], text: tuple[str, ...]) -> float:
        return self.random.choice((0.0, 1.5, -2.25, 1e300))

    _float = _double

    def _timestamp(self, shape: Any, path: tuple[str, ...], text: tuple[str, ...]) -> datetime:
        # Whole seconds: what every spelling of an instant carries.
        return datetime(2026, 1, 1 + self.random.randrange(28), 12, self.random.randrange(60), 5, tzinfo=UTC)


def ours(value: Any) -> Any:
    """botocore's value as our codecs have it: instants are milliseconds."""
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, dict):
        return {name: ours(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [ours(item) for item in value]
    return value


def request_of(operation: Any, params: dict[str, Any], protocol: str) -> HttpRequest:
    """What botocore would send for `params`."""
    serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
    request = serializer.serialize_to_request(params, operation)
    botocore.awsrequest.prepare_request_dict(request, endpoint_url="http://127.0.0.1:4566")
    prepared = botocore.awsrequest.create_request_object(request).prepare()
    url = urlsplit(prepared.url)
    headers = []
    for name, value in prepared.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        headers.append((name.lower(), text.strip()))
    body = prepared.body or b""
    if not isinstance(body, bytes):
        body = body.encode() if isinstance(body, str) else body.read()
    return HttpRequest(prepared.method, url.path, url.query, headers, body)


def parsed(operation: Any, response: HttpResponse, protocol: str) -> dict[str, Any]:
    """What botocore reads from our answer; errors as {"Error": …}."""
    body = response.body
    assert isinstance(body, bytes)
    stream = operation.has_streaming_output and response.status < 300
    answer = {
        "status_code": response.status,
        "headers": botocore.awsrequest.HeadersDict(response.headers),
        "body": io.BytesIO(body) if stream else body,
    }
    parser = botocore.parsers.create_parser(protocol)
    out = parser.parse(answer, operation.output_shape)
    if response.status < 300:
        out.pop("ResponseMetadata", None)
    return {name: value.read() if isinstance(value, io.BytesIO) else value for name, value in out.items()}


def operations(service: str) -> Iterator[Any]:
    model = service_model(service)
    for name in model.operation_names:
        yield model.operation_model(name)


def without_empty(value: Any) -> Any:
    """`value` without empty structures: forms cannot say them."""
    if isinstance(value, dict):
        smaller = {name: without_empty(item) for name, item in value.items()}
        return {name: item for name, item in smaller.items() if item != {}}
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    return value
