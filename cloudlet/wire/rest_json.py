"""The rest-json protocol (Lambda): URL, headers and a JSON body."""

from typing import Any

import msgspec

from cloudlet.base.errors import AwsError
from cloudlet.wire import json
from cloudlet.wire.message import HttpRequest, HttpResponse
from cloudlet.wire.model import Member, Operation, ServiceModel, compiled_once
from cloudlet.wire.rest import (
    Router,
    answer_headers,
    bind,
    choose,
    decode_query,
    labels_of,
    payload_member,
    payload_type,
    routes_of,
)

_encode = msgspec.json.Encoder().encode


def match(model: ServiceModel, request: HttpRequest) -> tuple[str | None, dict[str, Any]]:
    """The operation of this method, path and query, or None; labels and query are bound, decoded once."""
    router: Router = compiled_once(model, "rest.router", lambda: Router(routes_of(model)))
    found = router.find(request.method, request.path)
    if found is None:
        return None, {}
    routes, segments = found
    try:
        query = decode_query(request.query)
        route = choose(routes, query, request)
        if route is None:
            return None, {}
        return route.operation, {"labels": labels_of(route, segments), "query": query}
    except UnicodeError as error:
        raise json.serialization_error("The URI is not valid UTF-8.") from error


def parse(model: ServiceModel, operation: Operation, request: HttpRequest, bound: dict[str, Any]) -> dict[str, Any]:
    """The parameters, typed; SerializationException if one isn't what the model says."""
    shape = operation.input
    if shape is None:
        return {}
    out = bind(model, shape, request, bound["labels"], bound["query"], _bad_text)
    payload = payload_member(shape)
    if payload is None:
        if request.body:
            out.update(json.reader(model, shape)(json.decode(request.body), 1))
    elif payload.name != operation.streaming_input:
        if payload.shape.type in ("blob", "string"):
            if request.body:
                out[payload.name] = request.body if payload.shape.type == "blob" else request.body.decode()
        elif request.body:
            out[payload.name] = json.reader(model, payload.shape)(json.decode(request.body), 1)
    return out


def _bad_text(member: Member, text: str) -> AwsError:
    java = {"integer": "Integer", "long": "Long", "boolean": "Boolean", "timestamp": "Timestamp"}
    return json.serialization_error(f"STRING_VALUE can not be converted to {java.get(member.shape.type, 'Double')}")


def render(model: ServiceModel, operation: Operation, result: dict[str, Any] | None, request_id: str) -> HttpResponse:
    """A success. A payload member is the body as it is: bytes, file slices or an iterator."""
    result = result or {}
    headers = [("x-amzn-RequestId", request_id)]
    shape = operation.output
    if shape is None:
        return HttpResponse(operation.http_status, headers, b"")
    status, more = answer_headers(model, shape, result)
    headers += more
    payload = payload_member(shape)
    body: Any = b""
    if payload is None:
        inside = {
            name: value for name, value in result.items() if name not in shape.members or not _elsewhere(shape, name)
        }
        body = json.encode(model, shape, inside)
        kind = "application/json"
    elif payload.shape.type in ("blob", "string") or payload.name == operation.streaming_output:
        value = result.get(payload.name, b"")
        body = value.encode() if isinstance(value, str) else value
        kind = payload_type(payload)
    else:
        value = result.get(payload.name)
        body = b"" if value is None else json.encode(model, payload.shape, value)
        kind = "application/json"
    if status == 204:  # chosen by the answer: DeleteFunction, Invoke's DryRun
        return HttpResponse(status, headers, b"")
    if not any(name.lower() == "content-type" for name, _ in more):
        headers.append(("Content-Type", kind))
    return HttpResponse(status or operation.http_status, headers, body)


def _elsewhere(shape: Any, name: str) -> bool:
    return bool(shape.members[name].location)


def render_error(
    model: ServiceModel, operation: Operation | None, error: AwsError, request_id: str, **unused: Any
) -> HttpResponse:
    """An error: its code in x-amzn-ErrorType, its members in the body; `Type` is User or Service where AWS has one."""
    code = json.json_code(model, error.code)
    shape = model.error_shape(code)
    status = model.error_status(error)
    facts: dict[str, Any] = {}
    message_name = "message"
    if shape is not None:
        members = dict(error.members)
        if "Type" in shape.members:
            members.setdefault("Type", "User" if status < 500 else "Service")
        message_name = "Message" if "Message" in shape.members else "message"
        facts = json.error_members(model, shape, members)
        headers_of_members = [
            (member.wire_name, str(error.members[name]))
            for name, member in shape.members.items()
            if member.location == "header" and error.members.get(name) is not None
        ]
    else:
        facts, headers_of_members = dict(error.members), []
    if error.message:
        facts[message_name] = error.message
    headers = [
        ("x-amzn-RequestId", request_id),
        ("x-amzn-ErrorType", code),
        ("Content-Type", "application/json"),
        *headers_of_members,
    ]
    return HttpResponse(status, headers, _encode(facts))
