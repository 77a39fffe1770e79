"""The json 1.0 and 1.1 protocols, and JSON bodies for rest-json: values read by the model, strictly typed as AWS does.

Readers and writers are closures, one per shape, made at first use. Unknown members are ignored, null means absent.
Wrong types are a SerializationException in AWS's words; lengths, ranges and patterns are wire/constraints.py's.
"""

import math
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from cloudlet.base import pieces
from cloudlet.base.errors import AwsError, aws_error
from cloudlet.wire.message import HttpRequest, HttpResponse
from cloudlet.wire.model import Operation, ServiceModel, Shape, compiled_once, reachable
from cloudlet.wire.values import (
    DEPTH_MAX,
    INTEGER_RANGES,
    bytes_from_base64,
    instant_from_seconds,
    instant_from_text,
    seconds_from_instant,
    text_from_float,
)

Read = Callable[[Any, int], Any]  # (decoded JSON, depth) → value
Write = Callable[[Any], Any]  # value → what msgspec encodes

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

# What a Java AWS service calls each type in its type errors.
_JAVA_NAMES = {
    "string": "String",
    "integer": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
    "boolean": "Boolean",
    "timestamp": "Timestamp",
}


def serialization_error(message: str = "") -> AwsError:
    return aws_error("SerializationException", message, 400)


def decode(body: bytes) -> Any:
    """The JSON text as Python values; a SerializationException if it is none."""
    try:
        return pieces.decode(body) if len(body) > pieces.PIECE_BYTES else _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise serialization_error() from error


# --- reading


def reader(model: ServiceModel, shape: Shape) -> Read:
    """What turns decoded JSON into a value of `shape`."""
    return compiled_once(model, ("json.read", shape.name), lambda: _make_reader(model, shape))


def _make_reader(model: ServiceModel, shape: Shape) -> Read:
    kind = shape.type
    if kind == "structure":
        return _structure_reader(model, shape)
    if kind == "list":
        return _list_reader(model, shape)
    if kind == "map":
        return _map_reader(model, shape)
    if kind == "blob":
        return _read_blob
    mismatch = model.overlay.json_mismatch
    if kind in INTEGER_RANGES:
        return _integer_reader(kind, mismatch)
    return {
        "string": _string_reader,
        "boolean": _boolean_reader,
        "timestamp": _timestamp_reader,
        "float": _float_reader,
        "double": _float_reader,
    }[kind](mismatch)


def _structure_reader(model: ServiceModel, shape: Shape) -> Read:
    read_member: dict[str, tuple[str, Read]] = {}
    document = shape.traits.get("document")

    def read(value: Any, depth: int) -> dict[str, Any]:
        if type(value) is not dict:
            if type(value) is list:
                raise serialization_error(f"Unrecognized collection type class {_java_class(model, shape)}")
            raise serialization_error("Unexpected value type in payload")
        if document:
            return value
        if depth > DEPTH_MAX:
            raise serialization_error()
        out = {}
        for wire_name, item in value.items():
            known = read_member.get(wire_name)
            if known is not None and item is not None:
                name, read_item = known
                out[name] = read_item(item, depth + 1)
        return out

    # Registered before its members are compiled: shapes may contain themselves.
    model.compiled["json.read", shape.name] = read
    for member in shape.members.values():
        if not member.location:
            read_member[member.wire_name] = (member.name, reader(model, member.shape))
    return read


def _list_reader(model: ServiceModel, shape: Shape) -> Read:
    assert shape.element is not None
    element = shape.element
    read_element: Read | None = None

    def read(value: Any, depth: int) -> list[Any]:
        nonlocal read_element
        if type(value) is not list:
            if type(value) is dict:
                raise serialization_error("Start of structure or map found where not expected")
            raise serialization_error("Unexpected field type")
        if depth > DEPTH_MAX:
            raise serialization_error()
        if read_element is None:
            read_element = reader(model, element.shape)
        if None in value:
            # A null element fails "Member must not be null" later; it isn't a type error.
            return [None if item is None else read_element(item, depth + 1) for item in value]
        return [read_element(item, depth + 1) for item in value]

    return read


def _map_reader(model: ServiceModel, shape: Shape) -> Read:
    assert shape.value is not None
    value_member = shape.value
    read_value: Read | None = None

    def read(value: Any, depth: int) -> dict[str, Any]:
        nonlocal read_value
        if type(value) is not dict:
            if type(value) is list:
                map_type = f"java.util.Map<java.lang.String, {_java_class(model, value_member.shape)}>"
                raise serialization_error(f"Unrecognized collection type {map_type}")
            raise serialization_error("Unexpected field type")
        if depth > DEPTH_MAX:
            raise serialization_error()
        if read_value is None:
            read_value = reader(model, value_member.shape)
        return {key: read_value(item, depth + 1) for key, item in value.items() if item is not None}

    return read


def _java_class(model: ServiceModel, shape: Shape) -> str:
    """What Java calls a shape in the service's own package."""
    if shape.type in _JAVA_NAMES:
        return f"java.lang.{_JAVA_NAMES[shape.type]}"
    package = model.overlay.json_error_namespace.removesuffix("#")
    return f"{package}.{shape.name}" if package else shape.name


def _wrong_type(value: Any, java_name: str, mismatch: str) -> AwsError:
    """AWS names the parser's token, or the collection it met."""
    if type(value) is list:
        return serialization_error(f"Unrecognized collection type class java.lang.{java_name}")
    if type(value) is dict:
        return serialization_error("Start of structure or map found where not expected")
    token = {True: "TRUE_VALUE", False: "FALSE_VALUE"}[value] if type(value) is bool else None
    token = token or ("STRING_VALUE" if type(value) is str else "NUMBER_VALUE")
    return serialization_error(f"{token} {mismatch} {java_name}")


def _string_reader(mismatch: str) -> Read:
    def read(value: Any, depth: int) -> str:
        if type(value) is str:
            return value
        raise _wrong_type(value, "String", mismatch)

    return read


def _boolean_reader(mismatch: str) -> Read:
    def read(value: Any, depth: int) -> bool:
        if value is True or value is False:
            return value
        if type(value) is str:
            raise serialization_error("Unexpected token received from parser")
        raise _wrong_type(value, "Boolean", mismatch)

    return read


def _integer_reader(kind: str, mismatch: str) -> Read:
    low, high = INTEGER_RANGES[kind]

    def read(value: Any, depth: int) -> int:
        if type(value) is float and math.isfinite(value):
            value = int(value)  # AWS truncates 1.5 to 1
        if type(value) is int and low <= value <= high:
            return value
        raise _wrong_type(value, _JAVA_NAMES[kind], mismatch)

    return read


def _float_reader(mismatch: str) -> Read:
    def read(value: Any, depth: int) -> float:
        if type(value) is float:
            return value
        if type(value) is int:
            try:
                return float(value)
            except OverflowError:
                return math.inf if value > 0 else -math.inf
        if type(value) is str and value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
        raise _wrong_type(value, "Double", mismatch)

    return read


def _timestamp_reader(mismatch: str) -> Read:
    def read(value: Any, depth: int) -> int:
        try:
            if type(value) is float or type(value) is int:
                return instant_from_seconds(value)
            if type(value) is str:
                return instant_from_text(value)
        except (ValueError, OverflowError):
            pass
        raise _wrong_type(value, "Timestamp", mismatch)

    return read


def _read_blob(value: Any, depth: int) -> bytes:
    if type(value) is str:
        try:
            return bytes_from_base64(value)
        except ValueError:
            if len(value) % 4:
                text = f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(value)}"
                raise serialization_error(text) from None
            raise serialization_error("Invalid Base64 character") from None
    if type(value) is list:
        raise serialization_error("Unrecognized collection type class java.nio.ByteBuffer")
    if type(value) is dict:
        raise serialization_error("Start of structure or map found where not expected")
    raise serialization_error("only base-64-encoded strings are convertible to bytes")


# --- writing


def writer(model: ServiceModel, shape: Shape) -> Write | None:
    """What turns a value of `shape` into what msgspec encodes; None where it is that already.

    A value nested in its own shape (DynamoDB's AttributeValue) passes through untouched: it must hold no None.
    msgspec writes bytes as base64 itself, and a `msgspec.Raw` as the JSON text it holds.
    """
    key = ("json.write", shape.name)
    if key not in model.compiled:
        model.compiled[key] = None  # what a recursive shape finds while it is being made
        if shape.name not in reachable(shape):
            model.compiled[key] = _make_writer(model, shape)
    return model.compiled[key]


def _make_writer(model: ServiceModel, shape: Shape) -> Write | None:
    kind = shape.type
    if kind == "structure":
        return _structure_writer(model, shape)
    if kind == "list":
        assert shape.element is not None
        write_element = writer(model, shape.element.shape)
        return None if write_element is None else lambda value: [write_element(item) for item in value]
    if kind == "map":
        assert shape.value is not None
        write_value = writer(model, shape.value.shape)
        return None if write_value is None else lambda value: {key: write_value(item) for key, item in value.items()}
    if kind == "timestamp":
        return _timestamp_writer(shape.traits.get("timestampFormat"))
    if kind in ("float", "double"):
        return lambda value: value if math.isfinite(value) else text_from_float(value)
    return None


def _timestamp_writer(form: str | None) -> Write:
    assert form in (None, "unixTimestamp"), form
    return seconds_from_instant


def _structure_writer(model: ServiceModel, shape: Shape) -> Write:
    write_member: dict[str, tuple[str, Write | None]] = {}
    for member in shape.members.values():
        if not member.location:
            write_member[member.name] = (member.wire_name, writer(model, member.shape))

    def write(value: Any) -> Any:
        if type(value) is msgspec.Raw:
            return value
        out = {}
        for name, item in value.items():
            if item is not None:
                assert name in write_member, f"{shape.name} has no member {name}"
                wire_name, write_item = write_member[name]
                out[wire_name] = item if write_item is None else write_item(item)
        return out

    return write


def encode(model: ServiceModel, shape: Shape, value: dict[str, Any]) -> bytes:
    """`value` as the JSON text of `shape`."""
    write = writer(model, shape)
    return _encode(value if write is None else write(value))


# --- the protocol


def match(model: ServiceModel, request: HttpRequest) -> tuple[str | None, dict[str, Any]]:
    """The operation that X-Amz-Target names, or None."""
    prefix, _, name = (request.header("x-amz-target") or "").rpartition(".")
    return (name if prefix == model.target_prefix and name in model.operations else None), {}


def parse(model: ServiceModel, operation: Operation, request: HttpRequest, bound: dict[str, Any]) -> dict[str, Any]:
    """The parameters, typed; SerializationException if the body isn't what the model says."""
    if operation.input is None:
        return {}
    value = decode(request.body) if request.body else {}
    parameters = reader(model, operation.input)(value, 1)
    if len(request.body) > pieces.PIECE_BYTES:
        pieces.let_go([value])
    return parameters


def render(model: ServiceModel, operation: Operation, result: dict[str, Any] | None, request_id: str) -> HttpResponse:
    """A success."""
    if operation.output is None:
        body = b""
    else:
        body = encode(model, operation.output, result or {})
    return HttpResponse(200, _headers(model, request_id, body), body)


def _headers(model: ServiceModel, request_id: str, body: bytes) -> list[tuple[str, str]]:
    headers = [
        ("x-amzn-RequestId", request_id),
        ("Content-Type", f"application/x-amz-json-{model.json_version}"),
    ]
    if model.overlay.json_crc32:
        headers.append(("x-amz-crc32", str(zlib.crc32(body))))
    return headers


def render_error(
    model: ServiceModel, operation: Operation | None, error: AwsError, request_id: str, **unused: Any
) -> HttpResponse:
    """An error: `__type`, message, and the members of its shape."""
    facts, headers = error_facts(model, error)
    body = _encode(facts)
    return HttpResponse(error_status(model, error), _headers(model, request_id, body) + headers, body)


def error_status(model: ServiceModel, error: AwsError) -> int:
    """JSON services answer a denial with 400; those that grew out of the query protocol kept 403."""
    if error.code == "AccessDenied" and not model.query_compatible:
        return 400
    return model.error_status(error)


def error_facts(model: ServiceModel, error: AwsError) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The error as a JSON object, and the header of query-compatible services; also what CBOR carries."""
    code = json_code(model, error.code)
    shape = model.error_shape(code)
    overlay = model.overlay
    if shape is not None:
        namespace = overlay.json_error_namespace
        facts = error_members(model, shape, error.members)
    else:
        known = "ValidationException"
        namespace = overlay.json_validation_namespace if code == known else overlay.json_framework_namespace
        facts = dict(error.members)
    message_name = "message"
    if shape is not None and "message" not in shape.members and "Message" in shape.members:
        message_name = "Message"
    out = {"__type": namespace + (shape.name if shape else code)}
    if error.message:
        out[message_name] = error.message
    out.update(facts)
    headers = []
    if model.query_compatible:
        fault = "Sender" if error.status < 500 else "Receiver"
        headers.append(("x-amzn-query-error", f"{model.query_code(error.code)};{fault}"))
    return out, headers


def error_members(model: ServiceModel, shape: Shape, members: dict[str, Any]) -> dict[str, Any]:
    """The members of an error's shape, as msgspec encodes them; facts that it doesn't have are left out."""
    write = writer(model, shape)
    known = {name: item for name, item in members.items() if name in shape.members and not shape.members[name].location}
    return known if write is None else write(known)


def json_code(model: ServiceModel, code: str) -> str:
    """JSON's and CBOR's own name of an error every protocol has; a query code's shape name."""
    if code == "AccessDenied" and model.error_shape(code) is None:
        return "AccessDeniedException"
    if code == "ValidationError" and model.query_compatible:
        return "ValidationException"
    shape = model.error_shape(code)
    return shape.name if shape is not None else code
