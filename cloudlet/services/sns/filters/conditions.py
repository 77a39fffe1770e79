"""One condition of a filter policy: {"prefix": "a"}, {"numeric": [">", 0]}, "text", 5, null … compiled to a test.

A test is asked once with all values of a key; an absent key has none. The words of the errors are AWS's.
https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html and numeric-value-matching.html
"""

import ipaddress
import operator
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from cloudlet.services.sns.filters.document import Node

Values = Sequence[Any]  # str, Decimal, bool or None; empty = the key is absent
Test = Callable[[Values], bool]
TestOfOne = Callable[[Any], bool]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class InvalidPolicy(Exception):
    """The message is AWS's, without what stands before it."""


def compile_condition(node: Node, *, null_is_absence: bool) -> Test:
    """`null_is_absence`: message attributes have no null, there it stands for "no such attribute"."""
    if node.kind == "object":
        return _compile_match(node)
    if node.kind == "array":
        raise InvalidPolicy(f"Match value must be String, number, true, false, or null{node.place}")
    wanted = scalar(node)
    if wanted is None and null_is_absence:
        return lambda values: not values or None in values
    return any_value(lambda value: is_same(value, wanted))


def _compile_match(node: Node) -> Test:
    if len(node.value) != 1:
        raise InvalidPolicy(f"Only one key allowed in match expression{node.place}")
    ((name, operand),) = node.value
    if name == "exists":
        if operand.kind not in ("true", "false"):
            raise InvalidPolicy(f"exists match pattern must be either true or false.{operand.place}")
        return (lambda values: len(values) > 0) if operand.value else (lambda values: not values)
    if name == "anything-but":
        return any_value(_anything_but(operand))
    if name == "numeric":
        return any_value(_numeric(operand))
    if name == "cidr":
        if not operand.is_text:
            raise InvalidPolicy(f"prefix match pattern must be a string{operand.place}")
        return any_value(_cidr(operand.value))
    if name not in _TEXT_MATCHES:
        raise InvalidPolicy(f"Unrecognized match type {name}{operand.place}")
    return any_value(_text_match(name, operand))


def any_value(test: TestOfOne) -> Test:
    return lambda values: any(map(test, values))


def scalar(node: Node) -> Any:
    return number(node) if node.kind == "number" else node.value


def number(node: Node) -> Decimal:
    try:
        return Decimal(node.value)
    except InvalidOperation as error:
        raise InvalidPolicy(f"Number out of range{node.place}") from error


def is_same(value: Any, wanted: Any) -> bool:
    """Equal and of one kind: true is no 1."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _prefix(wanted: str) -> TestOfOne:
    return lambda value: isinstance(value, str) and value.startswith(wanted)


def _suffix(wanted: str) -> TestOfOne:
    return lambda value: isinstance(value, str) and value.endswith(wanted)


def _equals_ignore_case(wanted: str) -> TestOfOne:
    folded = wanted.casefold()
    return lambda value: isinstance(value, str) and value.casefold() == folded


def _wildcard(wanted: str) -> TestOfOne:
    """`*` stands for any text, also none; `\\*` for itself. Piece by piece from the left: never tries twice."""
    parts = re.split(r"(\\[*\\]|\*)", wanted)
    pieces = [""]
    for part in parts:
        if part == "*":
            if len(pieces) > 1 and not pieces[-1]:
                raise InvalidPolicy("Consecutive wildcard characters are not allowed")
            pieces.append("")
        else:
            pieces[-1] += part[1:] if part in ("\\*", "\\\\") else part
    if len(pieces) == 1:
        return lambda value: isinstance(value, str) and value == pieces[0]
    return lambda value: isinstance(value, str) and _has_pieces(value, pieces)


def _has_pieces(value: str, pieces: list[str]) -> bool:
    """Whether the text begins with the first piece, ends with the last, and has the others between, in order."""
    first, *between, last = pieces
    at, end = len(first), len(value) - len(last)
    if end < at or not value.startswith(first) or not value.endswith(last):
        return False
    for piece in between:
        found = value.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


_TEXT_MATCHES: dict[str, Callable[[str], TestOfOne]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
}


def _text_match(name: str, operand: Node) -> TestOfOne:
    if operand.kind == "object" and name in ("prefix", "suffix"):
        return _nested_ignore_case(name, operand)
    if not operand.is_text:
        raise InvalidPolicy(f"{name} match pattern must be a string{operand.place}")
    return _TEXT_MATCHES[name](operand.value)


def _nested_ignore_case(name: str, operand: Node) -> TestOfOne:
    """{"prefix": {"equals-ignore-case": "a"}}"""
    items = operand.value
    if len(items) != 1 or items[0][0] != "equals-ignore-case" or not items[0][1].is_text:
        raise InvalidPolicy(f"{name} match pattern must be a string{operand.place}")
    folded = items[0][1].value.casefold()
    test = _TEXT_MATCHES[name](folded)
    return lambda value: isinstance(value, str) and test(value.casefold())


def _anything_but(operand: Node) -> TestOfOne:
    if operand.kind == "object":
        return _anything_but_match(operand)
    nodes = operand.value if operand.kind == "array" else [operand]
    if not nodes:
        raise InvalidPolicy(f"Empty arrays are not allowed{operand.end}")
    if operand.kind not in ("array", "string", "number"):
        raise InvalidPolicy(f"Value of anything-but must be an array or single string/number value.{operand.place}")
    kinds = {node.kind for node in nodes}
    if not kinds <= {"string", "number"}:
        raise InvalidPolicy(f"Inside anything but list, start|null|boolean is not supported.{operand.place}")
    if len(kinds) > 1:
        raise InvalidPolicy(
            f"Inside anything but list, either all values are number or string, mixed type is not supported"
            f"{operand.place}"
        )
    excluded = [scalar(node) for node in nodes]
    return lambda value: not any(is_same(value, each) for each in excluded)


def _anything_but_match(operand: Node) -> TestOfOne:
    """{"anything-but": {"prefix": "a"}}, also of a list."""
    if len(operand.value) != 1:
        raise InvalidPolicy(f"Only one key allowed in match expression{operand.place}")
    ((name, inner),) = operand.value
    if name not in _TEXT_MATCHES:
        raise InvalidPolicy(f"Unsupported anything-but pattern: {name}{inner.place}")
    nodes = inner.value if inner.kind == "array" else [inner]
    if not nodes:
        raise InvalidPolicy(f"Empty arrays are not allowed{inner.end}")
    tests = [_text_match(name, node) for node in nodes]
    return lambda value: not any(test(value) for test in tests)


def _numeric(operand: Node) -> TestOfOne:
    """A chain of comparisons: ["=", 5], or [">", 0, "<=", 150]."""
    if operand.kind != "array":
        raise InvalidPolicy(f"Value of numeric must be an array.{operand.place}")
    items = operand.value
    if not items:
        raise InvalidPolicy(f"Invalid member in numeric match: ]{operand.end}")
    first = items[0]
    if not first.is_text:
        raise InvalidPolicy(f"Invalid member in numeric match: {first.value}{first.place}")
    if first.value not in _COMPARISONS:
        raise InvalidPolicy(f"Unrecognized numeric range operator: {first.value}{first.place}")
    low = _bound(items, 0)
    if first.value == "=" and len(items) > 2:
        raise InvalidPolicy(f"Too many terms in numeric range expression{items[2].place}")
    bounds = [(_COMPARISONS[first.value], low)]
    if len(items) > 2:
        bounds.append(_second_bound(items, low))
    return lambda value: isinstance(value, Decimal) and all(compare(value, bound) for compare, bound in bounds)


def _second_bound(items: list[Node], low: Decimal) -> tuple[Callable[[Any, Any], bool], Decimal]:
    second = items[2]
    if not items[0].value.startswith(">") or second.value not in ("<", "<="):
        raise InvalidPolicy(f"Bad numeric range operator: {second.value}{second.place}")
    high = _bound(items, 2)
    if len(items) > 4:
        raise InvalidPolicy(f"Too many terms in numeric range expression{items[4].place}")
    if low >= high:
        raise InvalidPolicy(f"Bottom must be less than top{items[3].place}")
    return _COMPARISONS[second.value], high


def _bound(items: list[Node], at: int) -> Decimal:
    name = "equals" if items[at].value == "=" else items[at].value
    if len(items) <= at + 1 or items[at + 1].kind != "number":
        raise InvalidPolicy(f"Value of {name} must be numeric{items[min(at + 1, len(items) - 1)].place}")
    return number(items[at + 1])


def _cidr(text: str) -> TestOfOne:
    address, slash, bits = text.partition("/")
    if not slash or "/" in bits:
        raise InvalidPolicy("Malformed CIDR, one '/' required")
    if not (bits.isascii() and bits.isdigit()):
        raise InvalidPolicy("Malformed CIDR, mask bits must be an integer")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as error:
        raise InvalidPolicy(f"Nonstandard IP address: {address}") from error
    if int(bits) > parsed.max_prefixlen:
        raise InvalidPolicy(f"Malformed CIDR, mask bits must not exceed {parsed.max_prefixlen}")
    network = ipaddress.ip_network(text, strict=False)

    def is_inside(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return is_inside
