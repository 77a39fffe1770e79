"""The query protocol: parameters as a form, answers as XML. Version= is not looked at; unknown parameters are ignored.

    Action=SendMessage&QueueUrl=…&MessageBody=…&MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=String

A parameter's name is a path; `_tree` turns the form into nested dicts, and readers compiled from the model read those.
"""

import binascii
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from cloudlet.base.errors import AwsError, aws_error
from cloudlet.wire.message import HttpRequest, HttpResponse
from cloudlet.wire.model import Member, Operation, ServiceModel, Shape, compiled_once
from cloudlet.wire.xml import escape_readable, members_writer, plain_elements, text_reader

Node = str | dict[str, Any]  # a leaf's text, or parts by name; a leaf that also has parts is its own part ""
Read = Callable[[Node, str], Any]  # (node, its path, for errors) → value

_no_escape = re.compile(rb"%(?![0-9A-Fa-f]{2})")

PARTS_MAX = 16  # of a parameter's name; the models' deepest has 10
PARAMETERS_MAX = 10_000  # a batch of 10 messages with 10 attributes each has 500


NUMBER_DIGITS_MAX = 9


def malformed(message: str) -> AwsError:
    return aws_error("MalformedInput", message, 400)


# --- the form


def decode_form(text: str) -> dict[str, str]:
    """A form's fields; of duplicates the last counts. MalformedQueryString if it isn't one."""
    fields: dict[str, str] = {}
    if not text:
        return fields
    if text.count("&") >= PARAMETERS_MAX:
        raise aws_error("MalformedQueryString", "The query string contains too many parameters.", 400)
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            fields[_decoded(name)] = _decoded(value)
    return fields


def _decoded(text: str) -> str:
    if "%" not in text and "+" not in text and text.isascii():
        return text
    try:
        return unescaped(text.replace("+", " ").encode("latin-1")).decode()
    except UnicodeError as error:
        raise aws_error("MalformedQueryString", "The query string is not valid UTF-8.", 400) from error


def unescaped(data: bytes) -> bytes:
    """What `unquote_to_bytes` answers, ten times as fast: a message of JSON is a third escapes. Quoted-printable's
    decoder is C and differs only in its mark and in what it makes of escapes that are none."""
    if b"%" not in data:
        return data
    if _no_escape.search(data):
        return unquote_to_bytes(data)
    return binascii.a2b_qp(data.replace(b"=", b"=3D").replace(b"%", b"="))


def form_of(request: HttpRequest) -> dict[str, str]:
    """The request's parameters: those of the URL, and over them those of the body."""
    fields = decode_form(request.query)
    if request.body:
        fields.update(decode_form(request.body.decode("latin-1")))
    return fields


def match(model: ServiceModel, request: HttpRequest) -> tuple[str | None, dict[str, Any]]:
    """The operation that Action= names, or None; the form is bound, so that it is decoded once."""
    fields = form_of(request)
    name = fields.get("Action", "")
    return (name if name in model.operations else None), fields


def _tree(fields: dict[str, str]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path, text in fields.items():
        if "." not in path:
            _set_leaf(root, path, text)
            continue
        parts = path.split(".")
        if len(parts) > PARTS_MAX:
            raise malformed("A parameter name has too many parts.")
        node = root
        for part in parts[:-1]:
            below = node.get(part)
            if type(below) is not dict:
                below = node[part] = {} if below is None else {"": below}
            node = below
        _set_leaf(node, parts[-1], text)
    return root


def _set_leaf(node: dict[str, Any], part: str, text: str) -> None:
    below = node.get(part)
    if type(below) is dict:
        below[""] = text
    else:
        node[part] = text


# --- reading


def _reader(model: ServiceModel, member: Member) -> Read:
    shape = member.shape
    if shape.type == "structure":
        return structure_reader(model, shape)
    if shape.type == "list":
        return _list_reader(model, member)
    if shape.type == "map":
        return _map_reader(model, member)
    if shape.type == "string":
        return _read_string
    return _scalar_reader(shape.type)


def _read_string(node: Node, path: str) -> str:
    if type(node) is str:
        return node
    raise malformed(f"Unexpected complex element at {path}")


def _scalar_reader(kind: str) -> Read:
    from_text = text_reader(kind)

    def read(node: Node, path: str) -> Any:
        text = _read_string(node, path)
        try:
            return from_text(text)
        except (ValueError, OverflowError) as error:
            if kind == "timestamp":
                raise malformed("timestamp must follow ISO8601") from error
            raise malformed(f"Invalid value for {path}: expected {kind}") from error

    return read


def structure_reader(model: ServiceModel, shape: Shape) -> Read:
    """What reads a structure from the parts under its path."""
    return compiled_once(model, ("query.read", shape.name), lambda: _make_structure_reader(model, shape))


def _make_structure_reader(model: ServiceModel, shape: Shape) -> Read:
    # By name on the wire; a flattened list is known by its element's name, and when empty by its own.
    members: dict[str, tuple[str, Read]] = {}

    def read(node: Node, path: str) -> dict[str, Any]:
        if type(node) is not dict:
            if node == "":
                return {}
            raise malformed(f"Unexpected text where a structure was expected at {path}")
        out = {}
        for part, below in node.items():
            known = members.get(part)
            if known is not None:
                key, read_member = known
                out[key] = read_member(below, f"{path}.{part}" if path else part)
        return out

    model.compiled["query.read", shape.name] = read
    for key, member in shape.members.items():
        read_member = _reader(model, member)
        members.setdefault(member.wire_name, (key, read_member))
        if member.shape.type == "list" and member.trait("flattened"):
            assert member.shape.element is not None
            members[member.shape.element.traits.get("locationName") or member.wire_name] = key, read_member
    return read


def _numbered(node: dict[str, Any], path: str) -> list[Any]:
    """The parts "1", "2" … in order."""
    parts = [part for part in node if part != ""]
    if not all(part.isascii() and part.isdigit() and len(part) <= NUMBER_DIGITS_MAX for part in parts):
        raise malformed(f"{path} is not a list of numbered parts")
    return [node[part] for part in sorted(parts, key=int)]


def _list_reader(model: ServiceModel, member: Member) -> Read:
    shape = member.shape
    assert shape.element is not None
    read_element = _reader(model, shape.element)
    flat = member.trait("flattened")
    within = shape.element.traits.get("locationName") or "member"
    scalar = shape.element.shape.type not in ("structure", "list", "map")

    def read(node: Node, path: str) -> list[Any]:
        if isinstance(node, str):
            if node == "":  # how clients write an empty list
                return []
            if flat and scalar:  # AttributeName=All for AttributeName.1=All
                return [read_element(node, path)]
            raise malformed(f"Unexpected text where a list was expected at {path}")
        if not flat:
            node = node.get(within, node)
            if isinstance(node, str):
                raise malformed(f"Unexpected text where a list was expected at {path}")
        return [read_element(item, f"{path}.{n}") for n, item in enumerate(_numbered(node, path), 1)]

    return read


def _map_reader(model: ServiceModel, member: Member) -> Read:
    shape = member.shape
    assert shape.key is not None and shape.value is not None
    key_name = shape.key.traits.get("locationName") or "key"
    value_name = shape.value.traits.get("locationName") or "value"
    read_value = _reader(model, shape.value)
    flat = member.trait("flattened")

    def read(node: Node, path: str) -> dict[str, Any]:
        if node == "":
            return {}
        if isinstance(node, dict) and not flat:
            node = node.get("entry", node)
        if not isinstance(node, dict):
            raise malformed(f"Unexpected text where a map was expected at {path}")
        out = {}
        for number, entry in enumerate(_numbered(node, path), 1):
            if type(entry) is not dict or type(entry.get(key_name)) is not str:
                raise malformed(f"{path}.{number} lacks {key_name}")
            if value_name not in entry:
                raise malformed(f"{path}.{number} lacks {value_name}")
            out[entry[key_name]] = read_value(entry[value_name], f"{path}.{number}.{value_name}")
        return out

    return read


# --- the protocol


def parse(model: ServiceModel, operation: Operation, request: HttpRequest, bound: dict[str, Any]) -> dict[str, Any]:
    """The parameters, typed; MalformedInput if a parameter isn't what the model says."""
    if operation.input is None:
        return {}
    view = model.query_view()
    shape = view.shape(operation.input.name)
    params = structure_reader(view, shape)(_tree(bound or form_of(request)), "")
    own = model.overlay.query_path_member
    if own and own in shape.members and own not in params and request.path.strip("/").count("/") == 1:
        scheme = "https" if request.secure else "http"
        params[own] = f"{scheme}://{request.header('host')}{request.path.rstrip('/')}"
    return params


def render(model: ServiceModel, operation: Operation, result: dict[str, Any] | None, request_id: str) -> HttpResponse:
    """A success: <XResponse><XResult>…</XResult><ResponseMetadata>…"""
    view = model.query_view()
    name, overlay = operation.name, model.overlay
    out = [f'{overlay.query_declaration}<{name}Response xmlns="{model.xml_namespace}">']
    if operation.output is not None:
        wrapper = operation.traits["output"].get("resultWrapper")
        if wrapper is None and overlay.query_result_wrappers:
            wrapper = f"{name}Result"
        out.append(f"<{wrapper}>" if wrapper else "")
        members_writer(view, view.shape(operation.output.name))(out, result or {})
        out.append(f"</{wrapper}>" if wrapper else "")
    out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>")
    return _answer(200, "".join(out), request_id)


def render_error(
    model: ServiceModel, operation: Operation | None, error: AwsError, request_id: str, **unused: Any
) -> HttpResponse:
    """An error: <ErrorResponse><Error><Type>Sender</Type><Code>…"""
    code = model.query_code(error.code)
    overlay = model.overlay
    fault = "Sender" if error.status < 500 else "Receiver"
    out = [
        f'{overlay.query_declaration}<ErrorResponse xmlns="{model.xml_namespace}"><Error><Type>{fault}</Type>'
        f"<Code>{escape_readable(code)}</Code><Message>{escape_readable(error.message)}</Message>"
    ]
    if overlay.query_error_detail:
        out.append("<Detail/>")
    plain_elements(out, error.members)
    out.append(f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>")
    return _answer(_status(model, error), "".join(out), request_id)


def _status(model: ServiceModel, error: AwsError) -> int:
    """SQS's statuses differ by protocol; elsewhere the model's, or the error's own."""
    shape = model.error_shape(error.code)
    known = model.overlay.query_errors.get(shape.name) if shape is not None else None
    return known[1] if known is not None else model.error_status(error)


def _answer(status: int, text: str, request_id: str) -> HttpResponse:
    headers = [("x-amzn-RequestId", request_id), ("Content-Type", "text/xml")]
    return HttpResponse(status, headers, text.encode("utf-8", "replace"))
