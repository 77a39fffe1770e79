"""Attribute values: checked, and brought into the one form that is stored, compared and sent.

A canonical value is its own wire JSON: a dict of one type and its content. Binary is base64 text, numbers are
canonical text, sets are sorted; so equal values are equal dicts, and an item is stored as the bytes that are sent.
"""

import binascii
from collections.abc import Callable
from typing import Any

import msgspec

from cloudlet.base import pieces
from cloudlet.services.dynamodb import numbers
from cloudlet.services.dynamodb.errors import SerializationException, invalid, invalid_parameter

Value = dict[str, Any]
Item = dict[str, Value]

NESTING_MAX = 32
SET_TYPES = frozenset({"SS", "NS", "BS"})
SORTED_TYPES = frozenset({"S", "N", "B"})  # those that <, BETWEEN and keys know
TYPES = frozenset({"S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL"})

_NONE = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
_SEVERAL = (
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
)

_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode
_decode_attributes: Callable[[bytes], dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def type_of(value: Value) -> str:
    return next(iter(value))


def canonical_item(item: dict[str, Any]) -> Item:
    """An item as a client sent it (binary decoded or not), checked and canonical."""
    return {name if name.isascii() else checked_text(name): canonical(value, 1) for name, value in item.items()}


def canonical(value: dict[str, Any], depth: int = 0) -> Value:
    """One value as a client sent it, checked and canonical; raises AWS's ValidationException.

    `depth` is the number of levels above: an attribute of an item has one, the item.
    """
    if len(value) != 1:
        raise invalid(_SEVERAL if _several_after_checks(value) else _NONE)
    for kind, content in value.items():
        if content is None:
            raise invalid(_NONE)
        if kind == "S":
            return {"S": content if content.isascii() else checked_text(content)}
        if kind == "N":
            return {"N": numbers.canonical(content)}
        canonical_content = _BY_TYPE.get(kind)
        if canonical_content is None:
            break
        return {kind: canonical_content(content, depth)}
    raise invalid(_NONE)


def _several_after_checks(value: dict[str, Any]) -> bool:
    """Whether several types are set; a fault inside one of them is told first."""
    given = [kind for kind, content in value.items() if content is not None and kind in TYPES]
    for kind in given:
        canonical({kind: value[kind]})
    return len(given) > 1


def checked_text(text: str) -> str:
    """`text`, unless it can't be UTF-8 (half a surrogate pair, as JSON's escapes allow)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SerializationException("Invalid UTF-8 in a string") from None
    return text


def _binary(content: bytes | str, _depth: int) -> str:
    return binascii.b2a_base64(_raw(content), newline=False).decode("ascii")


def _raw(content: bytes | str) -> bytes:
    """The bytes of a B, decoded already where the wire layer did."""
    if isinstance(content, str):
        try:
            return binascii.a2b_base64(content.encode(), strict_mode=True)
        except (ValueError, UnicodeEncodeError):
            raise SerializationException("Base64 encoded length is unexpected or content is invalid") from None
    return bytes(content)


def _boolean(content: bool, _depth: int) -> bool:
    return content


def _null(content: bool, _depth: int) -> bool:
    if not content:
        raise invalid_parameter("Null attribute value types must have the value of true")
    return True


def _map(content: dict[str, Any], depth: int) -> Item:
    _check_nesting(depth)
    return {checked_text(name): canonical(value, depth + 1) for name, value in content.items()}


def _list(content: list[Any], depth: int) -> list[Value]:
    _check_nesting(depth)
    return [canonical(value, depth + 1) for value in content]


def _check_nesting(depth: int) -> None:
    if depth >= NESTING_MAX:
        raise invalid("Nesting Levels have exceeded supported limits")


def _string_set(content: list[str], _depth: int) -> list[str]:
    if not content:
        raise invalid_parameter("An string set  may not be empty")
    if "" in content:
        raise invalid_parameter("An string set may not have a empty string as a member")
    _check_distinct(content, content)
    return sorted(map(checked_text, content))


def _number_set(content: list[str], _depth: int) -> list[str]:
    if not content:
        raise invalid_parameter("An number set  may not be empty")
    members = [numbers.canonical(text) for text in content]
    _check_distinct(members, content)
    return sorted(members, key=numbers.as_decimal)


def _binary_set(content: list[bytes | str], _depth: int) -> list[str]:
    if not content:
        raise invalid_parameter("Binary sets should not be empty")
    raw = [_raw(member) for member in content]
    if b"" in raw:
        raise invalid_parameter("Binary sets may not contain null or empty values")
    encoded = [_binary(member, 0) for member in raw]
    _check_distinct(encoded, encoded, "of type BS")
    return [_binary(member, 0) for member in sorted(raw)]


def _check_distinct(members: list[str], as_given: list[str], which: str = "") -> None:
    if len(set(members)) != len(members):
        shown = f"[{', '.join(as_given)}]{which}"
        raise invalid_parameter(f"Input collection {shown} contains duplicates.")


_BY_TYPE: dict[str, Callable[[Any, int], Any]] = {
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _null,
    "M": _map,
    "L": _list,
    "SS": _string_set,
    "NS": _number_set,
    "BS": _binary_set,
}


def check_nesting(value: Value, depth: int = 1) -> None:
    """A canonical value that grew (an update inside a document) still fits 32 levels."""
    for kind, content in value.items():
        if kind in ("M", "L"):
            _check_nesting(depth)
            for member in content.values() if kind == "M" else content:
                check_nesting(member, depth + 1)


def binary_content(content: str) -> bytes:
    """The bytes of a canonical B."""
    return binascii.a2b_base64(content)


def sortable(value: Value) -> Any:
    """What Python's < orders as DynamoDB does, among canonical values of one type of SORTED_TYPES.

    Strings order by UTF-8 bytes, which is the order of code points, which is Python's.
    """
    for kind, content in value.items():
        if kind == "S":
            return content
        return numbers.as_decimal(content) if kind == "N" else binary_content(content)
    raise AssertionError("an empty value")


def sorted_set(kind: str, members: set[str]) -> Value:
    """A canonical set of canonical members."""
    if kind == "NS":
        return {kind: sorted(members, key=numbers.as_decimal)}
    return {kind: sorted(members, key=binary_content) if kind == "BS" else sorted(members)}


def copy(value: Value) -> Value:
    """A value that shares nothing that changes: an update works on it."""
    for kind, content in value.items():
        if kind == "M":
            return {"M": {name: copy(member) for name, member in content.items()}}
        if kind == "L":
            return {"L": [copy(member) for member in content]}
    return dict(value)


def encode_item(item: Item | dict[str, msgspec.Raw]) -> bytes:
    """The wire JSON of a canonical item: what is stored and what is sent."""
    return _encode(item)


def decode_item(wire: bytes) -> Item:
    return _decode(wire)


def decode_attributes(wire: bytes) -> dict[str, msgspec.Raw]:
    """The item's attributes, each as its wire JSON."""
    return _decode_attributes(wire)


def decode_value(wire: msgspec.Raw) -> Value:
    value: Value = pieces.decode(wire)
    return value
