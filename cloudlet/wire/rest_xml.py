"""The rest-xml protocol (S3): bucket and key from the URL, headers, XML bodies, streams.

A bucket in the host name is found by the caller, who knows the node's names; what is here decides the operation from
method, path, query and the copy-source header.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from cloudlet.base import ids
from cloudlet.base.errors import AwsError, aws_error
from cloudlet.wire.message import HttpRequest, HttpResponse
from cloudlet.wire.model import Member, Operation, ServiceModel, Shape, compiled_once
from cloudlet.wire.rest import (
    Route,
    answer_headers,
    bind,
    choose,
    decode_query,
    decoded,
    payload_member,
    payload_type,
    routes_of,
)
from cloudlet.wire.xml import (
    escape,
    escape_readable,
    local_name,
    members_writer,
    parse_xml,
    plain_elements,
    structure_reader,
)

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_TELLING_HEADERS = frozenset({"x-amz-copy-source"})
_HOISTED_NAME = re.compile(r"x-amz-[!#$%&'*+.^_`|~0-9a-z-]+", re.ASCII)  # what could have been sent as a header
# What isn't taken from a presigned URL's query. Checksums count as headers only: the JavaScript SDK writes the one of
# an empty body into every URL for an upload, and S3 passes over it.
_NOT_HOISTED = frozenset(
    f"x-amz-{name}"
    for name in (
        *("algorithm", "credential", "date", "expires", "security-token", "signature", "signedheaders"),
        *("content-sha256", "sdk-checksum-algorithm"),
        *("checksum-crc32", "checksum-crc32c", "checksum-crc64nvme", "checksum-sha1", "checksum-sha256"),
    )
)
_BODY_MAX = 2 * 1024 * 1024  # of an XML body; the longest, DeleteObjects', is just under it


def malformed_xml() -> AwsError:
    message = "The XML you provided was not well-formed or did not validate against our published schema"
    return aws_error("MalformedXML", message, 400)


# --- routing


def match(
    model: ServiceModel, request: HttpRequest, bucket_in_host: str | None = None
) -> tuple[str | None, dict[str, Any]]:
    """The operation, or None; `bound` has the labels Bucket and Key, and the query, all decoded once."""
    try:
        query = decode_query(request.query)
        request = with_hoisted(request)
        labels = _bucket_and_key(request.path, bucket_in_host)
    except ValueError as error:
        raise aws_error("InvalidURI", "Couldn't parse the specified URI.", 400) from error
    depth = len(labels)
    by_place: dict[tuple[str, int], list[Route]] = compiled_once(model, "rest.places", lambda: _places(model))
    bound = {"labels": labels, "query": query}
    route = choose(by_place.get((request.method, depth), ()), query, request)
    return (route.operation if route is not None else None), bound


def is_presigned(request: HttpRequest) -> bool:
    return "X-Amz-Signature=" in request.query or "AWSAccessKeyId=" in request.query


def with_hoisted(request: HttpRequest) -> HttpRequest:
    """A presigned URL may carry x-amz-* headers as query parameters: SDKs hoist what the browser couldn't send.
    A header that was sent goes before."""
    if not is_presigned(request):
        return request
    hoisted = []
    for pair in request.query.split("&"):
        name, _, value = pair.partition("=")
        lower = unquote(name).lower()
        if not _HOISTED_NAME.fullmatch(lower) or lower in _NOT_HOISTED:
            continue
        if request.header(lower) is None:
            hoisted.append((lower, unquote(value.replace("+", " "), "latin-1")))  # bytes, as headers have
    return replace(request, headers=[*request.headers, *hoisted]) if hoisted else request


def _bucket_and_key(path: str, bucket_in_host: str | None) -> dict[str, str]:
    """Path style /bucket/key, or the bucket in the host and /key. All after the first slash is the key, as it is."""
    rest = path.removeprefix("/")
    if bucket_in_host is None:
        bucket, _, rest = rest.partition("/")
        bucket = decoded(bucket)
    else:
        bucket = bucket_in_host
    labels = {}
    if bucket:
        labels["Bucket"] = bucket
        if rest:
            labels["Key"] = decoded(rest)
    return labels


def _places(model: ServiceModel) -> dict[tuple[str, int], list[Route]]:
    """Routes by method and by how much their path names: nothing, a bucket, an object."""
    places: dict[tuple[str, int], list[Route]] = {}
    for route in routes_of(model, _TELLING_HEADERS):
        if all(segment.startswith("{") for segment in route.segments):
            places.setdefault((route.method, len(route.segments)), []).append(route)
    return places


# --- reading


def parse(model: ServiceModel, operation: Operation, request: HttpRequest, bound: dict[str, Any]) -> dict[str, Any]:
    """The parameters, typed; MalformedXML for a body, InvalidArgument for what is in the URL or a header."""
    shape = operation.input
    if shape is None:
        return {}
    query = bound["query"]
    out = bind(model, shape, with_hoisted(request), bound["labels"], query, _bad_text)
    payload = payload_member(shape)
    if payload is None:
        if request.body and any(not member.location for member in shape.members.values()):
            out.update(_read_body(model, shape, operation.traits["input"].get("locationName"), request.body))
    elif payload.name != operation.streaming_input and request.body:
        if payload.shape.type == "structure":
            out[payload.name] = _read_body(model, payload.shape, payload.wire_name, request.body)
        elif payload.shape.type == "blob":
            out[payload.name] = request.body
        else:
            out[payload.name] = _text_body(request.body)
    return out


def _text_body(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise aws_error("InvalidRequest", "The request body is not valid UTF-8.", 400) from error


def _read_body(model: ServiceModel, shape: Shape, root_name: str | None, body: bytes) -> dict[str, Any]:
    if len(body) > _BODY_MAX:
        raise aws_error("MaxMessageLengthExceeded", "Your request was too big.", 400)
    try:
        root = parse_xml(body)
        if root_name is not None and local_name(root.tag) != root_name:
            raise ValueError(f"{local_name(root.tag)} instead of {root_name}")
        return structure_reader(model, shape)(root)
    except (ValueError, OverflowError) as error:
        raise malformed_xml() from error


def _bad_text(member: Member, text: str) -> AwsError | None:
    name = member.wire_name
    if name.lower().startswith("if-"):
        return None  # a condition that is no date is ignored (RFC 9110, 13.1.3)
    if member.shape.type in ("integer", "long"):
        message = f"Provided {name} not an integer or within integer range"
        if name == "partNumber":
            message = "Part number must be an integer between 1 and 10000, inclusive"
    else:
        message = f"Invalid value for {name}"
    return aws_error("InvalidArgument", message, 400, ArgumentName=name, ArgumentValue=text)


# --- writing


def render(
    model: ServiceModel,
    operation: Operation,
    result: dict[str, Any] | None,
    request_id: str,
    *,
    host_id: str = "",
) -> HttpResponse:
    """A success. A streaming member is the body as it is: bytes, file slices or an iterator."""
    result = result or {}
    headers = _own_headers(request_id, host_id)
    shape = operation.output
    if shape is None:
        return HttpResponse(operation.http_status, headers, b"")
    status, more = answer_headers(model, shape, result)
    headers += more
    payload = payload_member(shape)
    kind: str | None
    body: Any
    if payload is None:
        write = compiled_once(model, ("rest_xml.body", operation.name), lambda: _body_writer(model, operation))
        body, kind = (write(result), "application/xml") if write is not None else (b"", None)
    elif payload.shape.type == "structure" and payload.name != operation.streaming_output:
        value = result.get(payload.name)
        body, kind = b"", None
        if value is not None:
            key = ("rest_xml.payload", operation.name)
            write = compiled_once(model, key, lambda: _document_writer(model, payload.wire_name, payload.shape))
            body = write(value)
            kind = "application/xml"
    else:
        value = result.get(payload.name, b"")
        body = value.encode() if isinstance(value, str) else value
        kind = "application/json" if payload.name == "Policy" else payload_type(payload)
    if kind is not None and result.get("ContentType") is None:
        headers.append(("Content-Type", kind))
    if result.get("ContentRange") is not None:
        status = 206
    return HttpResponse(status or operation.http_status, headers, body)


def _own_headers(request_id: str, host_id: str) -> list[tuple[str, str]]:
    return [("x-amz-request-id", request_id), ("x-amz-id-2", host_id or ids.s3_host_id(request_id))]


def _body_writer(model: ServiceModel, operation: Operation) -> Callable[[Any], bytes] | None:
    """What writes the output's own members as a document; None where it has none."""
    shape = operation.output
    assert shape is not None
    if all(member.location for member in shape.members.values()):
        return None
    if operation.name == "GetBucketLocation":
        return _location_constraint
    return _document_writer(model, model.overlay.xml_roots.get(operation.name, f"{operation.name}Result"), shape)


def _location_constraint(value: dict[str, Any]) -> bytes:
    """The one answer that is a single text: <LocationConstraint>eu-west-1</LocationConstraint>, empty for us-east-1."""
    region = escape(value.get("LocationConstraint") or "")
    return f'{_DECLARATION}<LocationConstraint xmlns="{NAMESPACE}">{region}</LocationConstraint>'.encode()


def _document_writer(model: ServiceModel, root: str, shape: Shape) -> Callable[[Any], bytes]:
    write_members = members_writer(model, shape)

    def write(value: Any) -> bytes:
        out = [f'{_DECLARATION}<{root} xmlns="{NAMESPACE}">']
        write_members(out, value)
        out.append(f"</{root}>")
        return "".join(out).encode("utf-8", "replace")

    return write


def render_error(
    model: ServiceModel,
    operation: Operation | None,
    error: AwsError,
    request_id: str,
    *,
    host_id: str = "",
    **unused: Any,
) -> HttpResponse:
    """An error: <Error><Code>…</Code><Message>…</Message>, its members, RequestId and HostId. None for HEAD and 304."""
    status = model.error_status(error)
    headers = [*_own_headers(request_id, host_id), *error.headers]
    if status == 304 or (operation is not None and operation.http_method == "HEAD"):
        return HttpResponse(status, headers, b"")
    out = [f"{_DECLARATION}<Error><Code>{escape(error.code)}</Code><Message>{escape_readable(error.message)}</Message>"]
    plain_elements(out, error.members)
    out.append(f"<RequestId>{escape(request_id)}</RequestId><HostId>{escape(headers[1][1])}</HostId></Error>")
    headers.append(("Content-Type", "application/xml"))
    return HttpResponse(status, headers, "".join(out).encode("utf-8", "replace"))
