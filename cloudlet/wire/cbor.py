"""The smithy-rpc-v2-cbor protocol (CloudWatch): POST /service/{prefix}/operation/{name}, CBOR both ways.

https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2

from cloudlet.base.errors import AwsError
from cloudlet.wire import json
from cloudlet.wire.message import HttpRequest, HttpResponse
from cloudlet.wire.model import Operation, ServiceModel, Shape, compiled_once
from cloudlet.wire.values import DEPTH_MAX, INTEGER_RANGES, instant_from_seconds

Read = Callable[[Any], Any]
Write = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEADER = ("smithy-protocol", "rpc-v2-cbor")
_TIMESTAMP_TAG = 1


def match(model: ServiceModel, request: HttpRequest) -> tuple[str | None, dict[str, Any]]:
    """The operation that the path names, or None. What stands before /service/ is a prefix of the endpoint."""
    parts = request.path.split("/")[-4:]
    if request.method != "POST" or len(parts) < 4 or parts[0] != "service" or parts[2] != "operation":
        return None, {}
    if request.header("smithy-protocol") != "rpc-v2-cbor" or parts[1] != model.target_prefix:
        return None, {}
    return (parts[3] if parts[3] in model.operations else None), {}


# --- reading


def decode(body: bytes) -> Any:
    """The CBOR value; SerializationException if it is none, nested too deeply or followed by more."""
    try:
        return cbor2.loads(body, max_depth=DEPTH_MAX, strict_hashable_types=True)
    except Exception as error:  # cbor2 raises whatever a tag's own decoder does; all of it is the caller's
        raise json.serialization_error("The request body is not valid CBOR.") from error


def _reader(model: ServiceModel, shape: Shape) -> Read:
    return compiled_once(model, ("cbor.read", shape.name), lambda: _make_reader(model, shape))


def _make_reader(model: ServiceModel, shape: Shape) -> Read:
    kind = shape.type
    if kind == "structure":
        return _structure_reader(model, shape)
    if kind == "list":
        assert shape.element is not None
        read_element = _reader(model, shape.element.shape)

        def read_list(value: Any) -> list[Any]:
            if type(value) is not list:
                raise _wrong_type(value, "List")
            return [None if item is None else read_element(item) for item in value]

        return read_list
    if kind == "map":
        assert shape.value is not None
        read_value = _reader(model, shape.value.shape)

        def read_map(value: Any) -> dict[str, Any]:
            if type(value) is not dict or any(type(key) is not str for key in value):
                raise _wrong_type(value, "Map")
            return {key: read_value(item) for key, item in value.items() if item is not None}

        return read_map
    return _scalar_reader(kind)


def _structure_reader(model: ServiceModel, shape: Shape) -> Read:
    readers: dict[str, Read] = {}

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _wrong_type(value, shape.name)
        out = {}
        for name, item in value.items():
            read_item = readers.get(name)
            if read_item is not None and item is not None:
                out[name] = read_item(item)
        return out

    model.compiled["cbor.read", shape.name] = read
    for member in shape.members.values():
        readers[member.name] = _reader(model, member.shape)
    return read


def _scalar_reader(kind: str) -> Read:
    if kind == "string":
        return _exactly(str, "String")
    if kind == "blob":
        return _exactly(bytes, "Blob")
    if kind == "boolean":
        return _exactly(bool, "Boolean")
    if kind == "timestamp":
        return _read_timestamp
    if kind in INTEGER_RANGES:
        low, high = INTEGER_RANGES[kind]

        def read_integer(value: Any) -> int:
            if type(value) is int and low <= value <= high:
                return value
            raise _wrong_type(value, kind.capitalize())

        return read_integer
    return _read_float


def _exactly(wanted: type, name: str) -> Read:
    def read(value: Any) -> Any:
        if type(value) is wanted:
            return value
        raise _wrong_type(value, name)

    return read


def _read_float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int and -(2**64) <= value < 2**64:
        return float(value)
    raise _wrong_type(value, "Double")


def _read_timestamp(value: Any) -> int:
    if type(value) is datetime:  # what cbor2 makes of tag 1
        return (value - _EPOCH) // timedelta(milliseconds=1)
    if type(value) in (int, float):
        try:
            return instant_from_seconds(value)
        except (ValueError, OverflowError):
            pass
    raise _wrong_type(value, "Timestamp")


def _wrong_type(value: Any, name: str) -> AwsError:
    tokens = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE", bool: "BOOLEAN_VALUE"}
    token = tokens.get(type(value))
    if token is None:
        return json.serialization_error("Start of structure or map found where not expected")
    return json.serialization_error(f"{token} can not be converted to {name}")


# --- writing


def _writer(model: ServiceModel, shape: Shape) -> Write | None:
    """What turns a value into what cbor2 encodes; None where it is that already."""
    key = ("cbor.write", shape.name)
    if key not in model.compiled:
        model.compiled[key] = None  # a recursive shape passes through
        model.compiled[key] = _make_writer(model, shape)
    return model.compiled[key]


def _make_writer(model: ServiceModel, shape: Shape) -> Write | None:
    if shape.type == "structure":
        return _structure_writer(model, shape)
    if shape.type == "list":
        assert shape.element is not None
        write_element = _writer(model, shape.element.shape)
        return None if write_element is None else lambda value: [write_element(item) for item in value]
    if shape.type == "map":
        assert shape.value is not None
        write_value = _writer(model, shape.value.shape)
        return None if write_value is None else lambda value: {key: write_value(item) for key, item in value.items()}
    if shape.type == "timestamp":
        return lambda ms: cbor2.CBORTag(_TIMESTAMP_TAG, ms // 1000 if ms % 1000 == 0 else ms / 1000)
    if shape.type in ("float", "double"):
        return float
    return None


def _structure_writer(model: ServiceModel, shape: Shape) -> Write:
    writers = {member.name: _writer(model, member.shape) for member in shape.members.values()}

    def write(value: Any) -> dict[str, Any]:
        out = {}
        for name, item in value.items():
            if item is not None:
                assert name in writers, f"{shape.name} has no member {name}"
                write_item = writers[name]
                out[name] = item if write_item is None else write_item(item)
        return out

    return write


# --- the protocol


def parse(model: ServiceModel, operation: Operation, request: HttpRequest, bound: dict[str, Any]) -> dict[str, Any]:
    """The parameters, typed; SerializationException if the body isn't what the model says."""
    if operation.input is None or not request.body:
        return {}
    return _reader(model, operation.input)(decode(request.body))


def render(model: ServiceModel, operation: Operation, result: dict[str, Any] | None, request_id: str) -> HttpResponse:
    """A success."""
    headers = [("x-amzn-RequestId", request_id), _HEADER]
    if operation.output is None:
        return HttpResponse(200, headers, b"")
    write = _writer(model, operation.output)
    assert write is not None
    headers.append(("Content-Type", "application/cbor"))
    return HttpResponse(200, headers, cbor2.dumps(write(result or {})))


def render_error(
    model: ServiceModel, operation: Operation | None, error: AwsError, request_id: str, **unused: Any
) -> HttpResponse:
    """An error: `__type`, message, and the members of its shape."""
    facts, more = json.error_facts(model, error)
    headers = [("x-amzn-RequestId", request_id), _HEADER, ("Content-Type", "application/cbor"), *more]
    return HttpResponse(json.error_status(model, error), headers, cbor2.dumps(facts))
