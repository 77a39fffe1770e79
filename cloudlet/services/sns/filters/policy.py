"""A whole filter policy: compiled once by its text, asked for each message.

https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from cloudlet.services.sns.filters.conditions import InvalidPolicy, Test, Values, compile_condition
from cloudlet.services.sns.filters.document import Node, NotJson, parse

KEYS_MAX = 5
COMBINATIONS_MAX = 150
POLICY_BYTES_MAX = 262_144
COMPILED_MAX = 4096  # policies kept compiled
BY_ATTRIBUTES, BY_BODY = "MessageAttributes", "MessageBody"


class Verdict(Enum):
    """Whether a message passes; the value is what AWS's metric of those filtered out adds to its name."""

    PASSES = ""
    NO_ATTRIBUTES = "NoMessageAttributes"
    INVALID_ATTRIBUTES = "InvalidAttributes"
    ATTRIBUTES = "MessageAttributes"
    INVALID_BODY = "InvalidMessageBody"
    BODY = "MessageBody"


class _Level(NamedTuple):
    """The keys of one level: those with conditions, those with a level below, and the alternatives of each $or."""

    leaves: tuple[tuple[str, tuple[Test, ...]], ...]
    below: tuple[tuple[str, "_Level"], ...]
    alternatives: tuple[tuple["_Level", ...], ...]

    def matches(self, document: Any) -> bool:
        """Of a list, one element must match all of it."""
        if isinstance(document, list):
            if not document:
                return self.matches({})
            return any(self.matches(element) for element in document)
        members = document if isinstance(document, dict) else {}
        return (
            all(_any(tests, _values(members.get(name, []))) for name, tests in self.leaves)
            and all(level.matches(members.get(name)) for name, level in self.below)
            and all(any(level.matches(members) for level in levels) for levels in self.alternatives)
        )


class FilterPolicy:
    def __init__(self, level: _Level, scope: str) -> None:
        self._level, self._scope = level, scope

    def judge(self, body: str, attributes: Mapping[str, Mapping[str, Any]]) -> Verdict:
        if self._scope == BY_BODY:
            return self._judge_body(body)
        try:
            values = {name: _attribute_values(value) for name, value in attributes.items()}
        except (ValueError, ArithmeticError):
            return Verdict.INVALID_ATTRIBUTES
        if self._level.matches(values):
            return Verdict.PASSES
        return Verdict.ATTRIBUTES if attributes else Verdict.NO_ATTRIBUTES

    def _judge_body(self, body: str) -> Verdict:
        document = _document(body)
        if document is None:
            return Verdict.INVALID_BODY
        return Verdict.PASSES if self._level.matches(document) else Verdict.BODY


@lru_cache(maxsize=4)  # one message is judged by many policies
def _document(body: str) -> dict[str, Any] | None:
    try:
        document = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


@lru_cache(maxsize=COMPILED_MAX)
def compile_policy(text: str, scope: str) -> FilterPolicy:
    """Raises InvalidPolicy."""
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise InvalidPolicy("Filter policy is too large")
    try:
        root = parse(text)
    except NotJson as error:
        raise InvalidPolicy(f"failed to parse JSON. {error}") from error
    if root.kind != "object":
        raise InvalidPolicy(f"Filter is not an object{root.place}")
    level = _compile_level(root, scope, 1)
    counts = _counts(root, 1)
    if any(count.keys > KEYS_MAX for count in counts):
        raise InvalidPolicy(f"Filter policy can not have more than {KEYS_MAX} keys")
    if sum(count.combinations for count in counts) > COMBINATIONS_MAX:
        raise InvalidPolicy("Filter policy is too complex")
    return FilterPolicy(level, scope)


def _compile_level(node: Node, scope: str, depth: int) -> _Level:
    leaves, below, alternatives = [], [], []
    for name, value in node.value:
        if name == "$or" and _is_or(value):
            alternatives.append(tuple(_compile_level(each, scope, depth) for each in value.value))
        elif value.kind == "object":
            if scope == BY_ATTRIBUTES:
                _check_members(value)
                raise InvalidPolicy("Filter policy scope MessageAttributes does not support nested filter policy")
            if not value.value:
                raise InvalidPolicy(f"Empty objects are not allowed{value.end}")
            below.append((name, _compile_level(value, scope, depth + 1)))
        elif value.kind == "array":
            if not value.value:
                raise InvalidPolicy(f"Empty arrays are not allowed{value.end}")
            absence = scope == BY_ATTRIBUTES
            tests = tuple(compile_condition(each, null_is_absence=absence) for each in value.value)
            leaves.append((name, tests))
        else:
            raise InvalidPolicy(f'"{name}" must be an object or an array{value.place}')
    return _Level(tuple(leaves), tuple(below), tuple(alternatives))


def _check_members(node: Node) -> None:
    for name, value in node.value:
        if value.kind not in ("object", "array"):
            raise InvalidPolicy(f'"{name}" must be an object or an array{value.place}')


def _is_or(node: Node) -> bool:
    """$or is the operator where at least two objects stand in its list; otherwise a key of that name."""
    return node.kind == "array" and len(node.value) >= 2 and all(each.kind == "object" for each in node.value)


class _Count(NamedTuple):
    """Of one way through the alternatives: its keys, and how many combinations of values they allow."""

    keys: int
    combinations: int


def _counts(node: Node, depth: int) -> list[_Count]:
    """A key counts its values times its depth; keys of one level multiply; alternatives stand side by side."""
    found = [_Count(0, 1)]
    for name, value in node.value:
        if name == "$or" and _is_or(value):
            these = [count for each in value.value for count in _counts(each, depth)]
        elif value.kind == "object":
            these = _counts(value, depth + 1)
        else:
            these = [_Count(1, len(value.value) * depth)]
        found = [_Count(one.keys + two.keys, one.combinations * two.combinations) for one in found for two in these]
        if len(found) > COMBINATIONS_MAX:
            raise InvalidPolicy("Filter policy is too complex")
    return found


def _any(tests: tuple[Test, ...], values: Values) -> bool:
    return any(test(values) for test in tests)


def _values(value: Any) -> Values:
    """The scalars that a key holds; objects are no values."""
    if isinstance(value, list):
        return [scalar for element in value for scalar in _values(element)]
    return [] if isinstance(value, dict) else [value]


def _attribute_values(value: Mapping[str, Any]) -> list[Any]:
    """What a message attribute counts as. Binary ones are not looked at."""
    kind = value["DataType"]
    if kind.startswith("Binary"):
        return []
    text = value["StringValue"]
    if kind == "String.Array":
        elements = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        if not isinstance(elements, list):
            raise ValueError("String.Array is not an array")
        return elements
    return [Decimal(text)] if kind.startswith("Number") else [text]
