"""Template text, JSON or YAML, to plain values; YAML's short forms (!Ref, !GetAtt …) come out as their long ones.

Values are built from the parser's events, so that aliases (and with them the bombs made of them), duplicate keys,
foreign tags and excessive nesting are refused while reading, with their line. What the values mean is document.py's.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from cloudlet.base.lazy import lazy
from cloudlet.services.cloudformation.template.errors import FormatError, TemplateError

yaml = lazy("yaml")

INLINE_BYTES_MAX = 51_200
S3_BYTES_MAX = 1_000_000
DEPTH_MAX = 100

FUNCTION_TAGS = frozenset(
    (
        "And",
        "Base64",
        "Cidr",
        "Contains",
        "EachMemberEquals",
        "EachMemberIn",
        "Equals",
        "FindInMap",
        "ForEach",
        "GetAtt",
        "GetAZs",
        "GetStackOutput",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "RefAll",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
        "ValueOf",
        "ValueOfAll",
    )
)
PLAIN_TAGS = frozenset(("Ref", "Condition"))
_YAML = "tag:yaml.org,2002:"

# YAML 1.1 without timestamps (AWSTemplateFormatVersion: 2010-09-09 is a string): https://yaml.org/type/
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"yes|Yes|YES|true|True|TRUE|on|On|ON")
_FALSE = re.compile(r"no|No|NO|false|False|FALSE|off|Off|OFF")
_INT = re.compile(r"[-+]?(0b[01][01_]*|0x[0-9a-fA-F][0-9a-fA-F_]*|0[0-7_]*|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?([0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|\.[0-9][0-9_]*([eE][-+][0-9]+)?)")


def load(text: str, bytes_max: int = S3_BYTES_MAX) -> dict[str, Any]:
    """The template as a dict; TemplateError if it is too big, not well-formed, or not an object."""
    check_size(text, bytes_max)
    text = text.removeprefix("\ufeff")
    value = _load_json(text) if text.lstrip().startswith("{") else _load_yaml(text)
    if not isinstance(value, dict):
        raise FormatError(reason="unsupported structure.")
    return value


def check_size(text: str, bytes_max: int) -> None:
    if len(text.encode()) > bytes_max:
        raise TemplateError(f"Template may not exceed {bytes_max} bytes in size.")


def _load_json(text: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        # Python 3.13 points to a trailing comma itself, all before to what follows it.
        column = error.colno + error.msg.startswith("Illegal trailing comma")
        raise _not_well_formed("JSON", error.lineno, column) from None
    except (RecursionError, ValueError):  # thousands of brackets; NaN; a number of thousands of digits
        raise _not_well_formed("JSON", 1, 1) from None
    if _depth_exceeds(value, DEPTH_MAX):
        raise _not_well_formed("JSON", 1, 1)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise FormatError(reason=f"Duplicate key '{key}' in JSON object.")
        result[key] = value
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _depth_exceeds(value: Any, depth: int) -> bool:
    if depth == 0:
        return True
    if isinstance(value, dict):
        return any(_depth_exceeds(member, depth - 1) for member in value.values())
    if isinstance(value, list):
        return any(_depth_exceeds(member, depth - 1) for member in value)
    return False


def _load_yaml(text: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", None) or yaml.SafeLoader
    try:
        return _Builder(yaml.parse(text, Loader=loader)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _not_well_formed("YAML", mark.line + 1 if mark else 1, mark.column + 1 if mark else 1) from None
    except yaml.YAMLError:  # characters that YAML does not allow
        raise _not_well_formed("YAML", 1, 1) from None


def _not_well_formed(language: str, line: int, column: int) -> TemplateError:
    return FormatError(reason=f"{language} not well-formed. (line {line}, column {column})")


class _Builder:
    """One document's values from a stream of YAML events."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._depth = 0

    def document(self) -> Any:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events))
        next(self._events)  # the document's end
        extra = next(self._events)
        if not isinstance(extra, yaml.StreamEndEvent):
            raise self._refused(extra)
        return value

    def _value(self, event: Any) -> Any:
        if isinstance(event, yaml.AliasEvent):
            raise FormatError(reason="YAML aliases are not allowed in CloudFormation templates")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event) if _is_core(event.tag) else self._function(event, event.value)
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._refused(event)
        value = self._sequence() if isinstance(event, yaml.SequenceStartEvent) else self._mapping()
        self._depth -= 1
        return value if _is_core(event.tag) else self._function(event, value)

    def _sequence(self) -> list[Any]:
        result = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            result.append(self._value(event))
        return result

    def _mapping(self) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or not _is_core(event.tag):
                raise self._refused(event)
            if event.value in result:
                line, column = event.start_mark.line + 1, event.start_mark.column + 1
                raise FormatError(reason=f"Duplicate key '{event.value}'. (line {line}, column {column})")
            result[event.value] = self._value(next(self._events))
        return result

    def _function(self, event: Any, value: Any) -> dict[str, Any]:
        """`!Name value` as the long form it stands for."""
        name = event.tag.removeprefix("!")
        if name in PLAIN_TAGS:
            return {name: value}
        if name not in FUNCTION_TAGS:
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            raise FormatError(reason=f"Unsupported YAML tag {event.tag}. (line {line}, column {column})")
        if name == "GetAtt" and isinstance(value, str):
            resource, dot, attribute = value.partition(".")
            return {"Fn::GetAtt": [resource, attribute] if dot else [resource]}
        return {f"Fn::{name}": value}

    def _refused(self, event: Any) -> TemplateError:
        return _not_well_formed("YAML", event.start_mark.line + 1, event.start_mark.column + 1)


def _is_core(tag: str | None) -> bool:
    """No tag of its own, or one of the types that CloudFormation takes (not binary, omap, pairs, set, timestamp)."""
    return tag is None or tag == "!" or tag in _CORE_TAGS


_CORE_TAGS = frozenset(_YAML + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.tag == _YAML + "str" or event.tag == "!" or (event.tag is None and not event.implicit[0]):
        return text
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INT.fullmatch(text) and len(text) < 1_000:
        return _integer(text.replace("_", ""))
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text


def _integer(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if digits.startswith("0") and digits[1:].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)
