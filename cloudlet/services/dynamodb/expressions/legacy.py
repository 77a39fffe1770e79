"""The parameters from before expressions (Expected, AttributeUpdates, KeyConditions, filters), as the same trees.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html
"""

from collections.abc import Mapping
from typing import Any

from cloudlet.services.dynamodb.errors import invalid, invalid_parameter
from cloudlet.services.dynamodb.expressions.key_condition import KeyTerm
from cloudlet.services.dynamodb.expressions.trees import (
    Action,
    Add,
    And,
    Attribute,
    Between,
    Call,
    Compare,
    Condition,
    Constant,
    Delete,
    In,
    Not,
    Or,
    Path,
    Remove,
    Set,
)
from cloudlet.services.dynamodb.values import SET_TYPES, SORTED_TYPES, Value, canonical, sortable, type_of

_SIGNS = {"EQ": "=", "NE": "<>", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}
_COUNTS = {"BETWEEN": 2, "NULL": 0, "NOT_NULL": 0}  # of operands; IN takes some, the others one
_KEY_OPERATORS = {"BEGINS_WITH": "begins_with", "BETWEEN": "BETWEEN", **{k: v for k, v in _SIGNS.items() if k != "NE"}}
_ANY_TYPE = ("EQ", "NE", "CONTAINS", "NOT_CONTAINS")
_PREFIX_TYPES = frozenset({"S", "B"})
_ADDED_TYPES = SET_TYPES | {"N", "L"}


def filter_tree(conditions: Mapping[str, Any], joined_by: str) -> Condition | None:
    """QueryFilter or ScanFilter: a condition per attribute, joined by ConditionalOperator."""
    return _joined([_condition(name, condition) for name, condition in conditions.items()], joined_by)


def expected_tree(expected: Mapping[str, Any], joined_by: str) -> Condition | None:
    """Expected: conditions like a filter's, or a value, or whether the attribute exists."""
    return _joined([_expectation(name, each) for name, each in expected.items()], joined_by)


def _joined(parts: list[Condition], joined_by: str) -> Condition | None:
    if len(parts) <= 1:
        return parts[0] if parts else None
    return Or(tuple(parts)) if joined_by == "OR" else And(tuple(parts))


def _expectation(name: str, expected: Mapping[str, Any]) -> Condition:
    operator, value = expected.get("ComparisonOperator"), expected.get("Value")
    operands, exists = expected.get("AttributeValueList"), expected.get("Exists")
    if operands is not None and value is not None:
        raise invalid_parameter(f"Value and AttributeValueList cannot be used together for Attribute: {name}")
    if operator is not None:
        if exists is not None:
            raise invalid_parameter(f"Exists and ComparisonOperator cannot be used together for Attribute: {name}")
        if operands is None and value is None and operator not in ("NULL", "NOT_NULL"):
            raise invalid_parameter(
                f"Value or AttributeValueList must be used with ComparisonOperator: {operator} for Attribute: {name}"
            )
        given = operands if value is None else [value]
        return _condition(name, {"ComparisonOperator": operator, "AttributeValueList": given})
    if operands is not None:
        raise invalid_parameter(f"AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}")
    if exists is False:
        if value is not None:
            raise invalid_parameter(f"Value cannot be used when Exists is false for Attribute: {name}")
        return Call("attribute_not_exists", (Attribute((name,)),))
    if value is None:
        said = "null" if exists is None else "true"
        raise invalid_parameter(f"Value must be provided when Exists is {said} for Attribute: {name}")
    return Compare("=", Attribute((name,)), Constant(canonical(value)))


def _operands(condition: Mapping[str, Any]) -> list[Value]:
    """The checked operands of a condition."""
    operator = condition["ComparisonOperator"]
    operands = [canonical(value) for value in condition.get("AttributeValueList") or ()]
    count = _COUNTS.get(operator, 1)
    if (operator == "IN" and not operands) or (operator != "IN" and len(operands) != count):
        raise invalid_parameter(f"Invalid number of argument(s) for the {operator} ComparisonOperator")
    allowed = _PREFIX_TYPES if operator == "BEGINS_WITH" else SORTED_TYPES
    for operand in operands:
        kind = type_of(operand)
        if operator not in _ANY_TYPE and kind not in allowed:
            raise invalid_parameter(f"ComparisonOperator {operator} is not valid for {kind} AttributeValue type")
        if kind != type_of(operands[0]):
            raise invalid_parameter("AttributeValues inside AttributeValueList must be of same type")
    if operator == "BETWEEN" and sortable(operands[0]) > sortable(operands[1]):
        raise invalid(
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
        )
    return operands


def _condition(name: str, condition: Mapping[str, Any]) -> Condition:
    operator, attribute = condition["ComparisonOperator"], Attribute((name,))
    operands = [Constant(value) for value in _operands(condition)]
    if operator in _SIGNS:
        return Compare(_SIGNS[operator], attribute, operands[0])
    if operator == "BETWEEN":
        return Between(attribute, *operands)
    if operator == "IN":
        return In(attribute, tuple(operands))
    if operator == "NULL":
        return Call("attribute_not_exists", (attribute,))
    exists = Call("attribute_exists", (attribute,))
    if operator == "NOT_NULL":
        return exists
    if operator == "BEGINS_WITH":
        return Call("begins_with", (attribute, *operands))
    contains = Call("contains", (attribute, *operands))
    return contains if operator == "CONTAINS" else And((exists, Not(contains)))


def key_terms(conditions: Mapping[str, Any]) -> tuple[KeyTerm, ...]:
    """KeyConditions, one or two."""
    if not 1 <= len(conditions) <= 2:
        raise invalid("Conditions can be of length 1 or 2 only")
    terms = []
    for name, condition in conditions.items():
        operands = tuple(Constant(value) for value in _operands(condition))
        operator = _KEY_OPERATORS.get(condition["ComparisonOperator"])
        if operator is None:
            raise invalid("Attempted conditional constraint is not an indexable operation")
        terms.append(KeyTerm(name, operator, operands))
    return tuple(terms)


def actions(updates: Mapping[str, Any]) -> tuple[Action, ...]:
    """AttributeUpdates."""
    return tuple(_action(name, update) for name, update in updates.items())


def _action(name: str, update: Mapping[str, Any]) -> Action:
    verb, path = update.get("Action") or "PUT", (name,)
    value = update.get("Value")
    if value is None:
        if verb != "DELETE":
            raise invalid_parameter("Only DELETE action is allowed when no attribute value is specified")
        return Remove(path)
    operand = Constant(canonical(value, 1))
    kind = type_of(operand.value)
    if verb == "PUT":
        return Set(path, operand)
    if verb == "DELETE":
        if kind not in SET_TYPES:
            raise invalid_parameter(f"DELETE action with value is not supported for the type {kind}")
        return Delete(path, operand)
    if kind not in _ADDED_TYPES:
        raise invalid_parameter(f"ADD action is not supported for the type {kind}")
    return Add(path, operand)


def attribute_paths(names: list[str]) -> tuple[Path, ...]:
    """AttributesToGet: whole attributes, their names taken literally."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise invalid_parameter(f"Duplicate value in attribute name: {name}")
        seen.add(name)
    return tuple((name,) for name in names)
