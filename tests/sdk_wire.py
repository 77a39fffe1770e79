"""botocore's serialiser, signer and parser without its HTTP client: what an SDK sends, and makes of an answer."""

import base64
import datetime
import hashlib
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import botocore.auth
import botocore.loaders
from botocore import model, parsers, serialize
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloudlet.base.errors import AwsError, aws_error
from cloudlet.wire.message import HttpRequest, HttpResponse

HOST = "127.0.0.1:4566"


@cache
def service_model(service: str) -> model.ServiceModel:
    return model.ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)


def protocol_of(service: str) -> str:
    metadata = service_model(service).metadata
    return metadata.get("protocol", "")


def signed_request(
    service: str,
    operation: str,
    parameters: dict[str, Any],
    *,
    key: tuple[str, str, str | None],
    region: str,
    wall_ms: int,
    protocol: str | None = None,
) -> HttpRequest:
    """The request botocore would send, signed at `wall_ms`. Streams must be bytes."""
    definition = service_model(service)
    serializer = serialize.create_serializer(protocol or protocol_of(service), include_validation=False)
    wire = serializer.serialize_to_request(parameters, definition.operation_model(operation))
    url = f"http://{HOST}{wire['url_path']}"
    query_string = wire["query_string"]
    if isinstance(query_string, dict):
        query_string = urlencode(query_string, doseq=True, quote_via=quote, safe="-_.~")
    if query_string:
        url += ("&" if "?" in url else "?") + query_string
    body = wire["body"]
    if isinstance(body, dict):
        body = urlencode(body, quote_via=quote, safe="-_.~")
    if isinstance(body, str):
        body = body.encode()
    headers = {name: str(value) for name, value in wire["headers"].items()}
    headers["Host"] = HOST
    if definition.operation_model(operation).http_checksum.get("requestChecksumRequired"):
        headers.setdefault("Content-MD5", base64.b64encode(hashlib.md5(body or b"").digest()).decode())
    if protocol == "query":
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
    request = AWSRequest(wire["method"], url, headers=headers, data=body)
    _sign(request, service, key, region, wall_ms)
    return to_http_request(request)


def _sign(request: AWSRequest, service: str, key: tuple[str, str, str | None], region: str, wall_ms: int) -> None:
    metadata = service_model(service).metadata
    name = metadata.get("signingName") or metadata["endpointPrefix"]
    signer_class = _S3At if service == "s3" else _At
    signer = signer_class(Credentials(*key), name, region)
    signer.wall_ms = wall_ms
    signer.add_auth(request)


class _Clocked:
    """Signs at the test's time rather than the machine's."""

    wall_ms: int

    def _set_necessary_date_headers(self, request: AWSRequest) -> None:
        moment = datetime.datetime.fromtimestamp(self.wall_ms / 1000, datetime.UTC)
        timestamp = moment.strftime("%Y%m%dT%H%M%SZ")
        request.context["timestamp"] = timestamp
        del request.headers["X-Amz-Date"]
        request.headers["X-Amz-Date"] = timestamp

    def add_auth(self, request: AWSRequest) -> None:
        moment = datetime.datetime.fromtimestamp(self.wall_ms / 1000, datetime.UTC)
        request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)  # type: ignore[attr-defined]
        canonical = self.canonical_request(request)  # type: ignore[attr-defined]
        to_sign = self.string_to_sign(request, canonical)  # type: ignore[attr-defined]
        self._inject_signature_to_request(request, self.signature(to_sign, request))  # type: ignore[attr-defined]


class _At(_Clocked, botocore.auth.SigV4Auth):
    pass


class _S3At(_Clocked, botocore.auth.S3SigV4Auth):
    pass


def to_http_request(request: AWSRequest) -> HttpRequest:
    prepared = request.prepare()
    target = prepared.url.split("//", 1)[1].split("/", 1)
    path, _, query = ("/" + (target[1] if len(target) > 1 else "")).partition("?")
    headers = [
        (name.lower(), value.decode("latin-1") if isinstance(value, bytes) else value)
        for name, value in prepared.headers.items()
    ]
    body = prepared.body or b""
    return HttpRequest(request.method, path, query, headers, body if isinstance(body, bytes) else body.encode())


def parsed(
    service: str, operation: str, response: HttpResponse, body: bytes, protocol: str | None
) -> tuple[AwsError | None, dict[str, Any]]:
    """The error a client would raise, or the result without ResponseMetadata. A protocol that the current model no
    longer describes (SQS over query) gives its text: {"text": …}."""
    parser = parsers.create_parser(protocol or protocol_of(service))
    definition = service_model(service).operation_model(operation)
    shape = definition.output_shape
    headers = _Headers({name.lower(): value for name, value in response.headers})
    raw: Any = {
        "status_code": response.status,
        "headers": headers,
        "body": body,
        "context": {"operation_name": operation},
    }
    if response.status < 300 and definition.has_streaming_output:
        raw["body"] = _Stream(body)
    result = parser.parse(raw, shape)
    metadata = result.pop("ResponseMetadata", {})
    if protocol is not None and protocol != protocol_of(service) and response.status < 300:
        return None, {"text": body.decode()}
    if response.status >= 300 and "Error" in result:
        error = result.pop("Error")
        code, text = error.pop("Code", ""), error.pop("Message", "")
        return aws_error(code, text, response.status, **error, **result, metadata=metadata), {}
    return None, result


class _Headers(dict):
    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


class _Stream(bytes):
    """A streaming body that is here already."""

    def read(self) -> bytes:
        return bytes(self)
