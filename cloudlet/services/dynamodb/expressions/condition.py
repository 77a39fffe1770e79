"""Conditions made runnable: a tree becomes nested closures of (item, values) → bool."""

import operator
from collections.abc import Callable
from typing import Any

from cloudlet.services.dynamodb import values as attribute_values
from cloudlet.services.dynamodb.expressions.paths import find
from cloudlet.services.dynamodb.expressions.source import Values
from cloudlet.services.dynamodb.expressions.trees import (
    And,
    Attribute,
    Between,
    Call,
    Compare,
    Condition,
    Constant,
    In,
    Not,
    Operand,
    Or,
    Path,
    Placeholder,
)
from cloudlet.services.dynamodb.values import SORTED_TYPES, Item, Value, sortable

Holds = Callable[[Item, Values], bool]
Get = Callable[[Item, Values], Value | None]

_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_condition(tree: Condition) -> Holds:
    """What says whether an item satisfies `tree`."""
    if isinstance(tree, And):
        return _every([compile_condition(part) for part in tree.parts])
    if isinstance(tree, Or):
        return _some([compile_condition(part) for part in tree.parts])
    if isinstance(tree, Not):
        part = compile_condition(tree.part)
        return lambda item, values: not part(item, values)
    if isinstance(tree, Compare):
        return _compare(tree.operator, compile_operand(tree.left), compile_operand(tree.right))
    if isinstance(tree, Between):
        return _between(*(compile_operand(operand) for operand in (tree.operand, tree.low, tree.high)))
    if isinstance(tree, In):
        return _in(compile_operand(tree.operand), [compile_operand(option) for option in tree.options])
    return _call(tree)


def _every(parts: list[Holds]) -> Holds:
    def holds(item: Item, values: Values) -> bool:
        for part in parts:  # noqa: SIM110  # a generator would double the depth of the calls
            if not part(item, values):
                return False
        return True

    return holds


def _some(parts: list[Holds]) -> Holds:
    def holds(item: Item, values: Values) -> bool:
        for part in parts:  # noqa: SIM110
            if part(item, values):
                return True
        return False

    return holds


def compile_operand(operand: Operand) -> Get:
    """What finds the operand's value, None where there is none."""
    if isinstance(operand, Attribute):
        return _attribute(operand.path)
    if isinstance(operand, Placeholder):
        name = operand.name
        return lambda item, values: values[name]
    if isinstance(operand, Constant):
        value = operand.value
        return lambda item, values: value
    return _size(compile_operand(operand.operand))


def _attribute(path: Path) -> Get:
    if len(path) == 1:
        name = path[0]
        return lambda item, values: item.get(name)  # type: ignore[arg-type]
    return lambda item, values: find(item, path)


def _size(get: Get) -> Get:
    def size(item: Item, values: Values) -> Value | None:
        value = get(item, values)
        count = None if value is None else _count(value)
        return None if count is None else {"N": str(count)}

    return size


def _count(value: Value) -> int | None:
    """size(): bytes of a string or binary, members of a set, list or map; nothing else has one."""
    for kind, content in value.items():
        if kind == "S":
            return len(content.encode())
        if kind == "B":
            return len(attribute_values.binary_content(content))
        if kind in ("SS", "NS", "BS", "L", "M"):
            return len(content)
    return None


def _compare(sign: str, left: Get, right: Get) -> Holds:
    if sign == "=":
        return lambda item, values: (value := left(item, values)) is not None and value == right(item, values)
    if sign == "<>":
        # True also if one isn't there: what is absent differs from whatever it is compared with.
        return lambda item, values: (value := left(item, values)) is None or value != right(item, values)
    ordering = _ORDERINGS[sign]

    def holds(item: Item, values: Values) -> bool:
        return are_ordered(left(item, values), ordering, right(item, values))

    return holds


def are_ordered(left: Value | None, ordering: Callable[[Any, Any], bool], right: Value | None) -> bool:
    """Whether both are there, of one type that has an order, and in that order."""
    if left is None or right is None or left.keys() != right.keys():
        return False
    return next(iter(left)) in SORTED_TYPES and ordering(sortable(left), sortable(right))


def _between(operand: Get, low: Get, high: Get) -> Holds:
    def holds(item: Item, values: Values) -> bool:
        value = operand(item, values)
        return are_ordered(low(item, values), operator.le, value) and are_ordered(
            value, operator.le, high(item, values)
        )

    return holds


def _in(operand: Get, options: list[Get]) -> Holds:
    def holds(item: Item, values: Values) -> bool:
        value = operand(item, values)
        return value is not None and any(value == option(item, values) for option in options)

    return holds


def _call(call: Call) -> Holds:
    first = compile_operand(call.arguments[0])
    if call.function == "attribute_exists":
        return lambda item, values: first(item, values) is not None
    if call.function == "attribute_not_exists":
        return lambda item, values: first(item, values) is None
    second = compile_operand(call.arguments[1])
    test = {"attribute_type": _is_of_type, "begins_with": _begins_with, "contains": contains}[call.function]

    def holds(item: Item, values: Values) -> bool:
        value, other = first(item, values), second(item, values)
        return value is not None and other is not None and test(value, other)

    return holds


def _is_of_type(value: Value, name: Value) -> bool:
    return name.get("S") in value


def _begins_with(value: Value, prefix: Value) -> bool:
    if "S" in value and "S" in prefix:
        return value["S"].startswith(prefix["S"])
    if "B" in value and "B" in prefix:
        return attribute_values.binary_content(value["B"]).startswith(attribute_values.binary_content(prefix["B"]))
    return False


def contains(value: Value, member: Value) -> bool:
    """A substring of a string or binary, a member of a set or list."""
    for kind, content in value.items():
        if kind == "L":
            return member in content
        wanted = member.get(kind[:1])
        if wanted is None or kind not in ("S", "B", "SS", "NS", "BS"):
            return False
        if kind == "B":
            return attribute_values.binary_content(wanted) in attribute_values.binary_content(content)
        return wanted in content
    return False
