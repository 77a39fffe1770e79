"""KeyConditionExpression and KeyConditions: which partition, which stretch of it.

A tree (or legacy conditions) becomes one condition per attribute; `for_schema` holds them against a key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cloudlet.services.dynamodb.errors import invalid, invalid_parameter
from cloudlet.services.dynamodb.expressions.source import Source, Values
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
    Placeholder,
    Size,
)
from cloudlet.services.dynamodb.values import Value, type_of

_SIDES = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}  # what a comparison is from the other side


@dataclass(frozen=True, slots=True)
class KeyTerm:
    """One attribute's condition: = < <= > >= BETWEEN begins_with, with one or two operands."""

    name: str
    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The sort key's condition, with values."""

    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """One partition, and a stretch of it or all."""

    hash_value: Value
    range: KeyRange | None


def key_terms(source: Source, tree: Condition) -> tuple[KeyTerm, ...]:
    """The tree as one term per key attribute; raises AWS's errors for what a key condition can't say."""
    terms = [_term(source, part) for part in (tree.parts if isinstance(tree, And) else (tree,))]
    if len({term.name for term in terms}) < len(terms):
        raise invalid("KeyConditionExpressions must only contain one condition per key")
    return tuple(terms)


def _term(source: Source, tree: Condition) -> KeyTerm:
    if isinstance(tree, And):
        raise invalid("KeyConditionExpressions must only contain one condition per key")
    operator, operands = _refusing_other_operators(tree)
    if any(isinstance(operand, Size) for operand in operands):
        raise invalid("KeyConditionExpressions cannot contain nested operations")
    paths = [operand for operand in operands if isinstance(operand, Attribute)]
    if len(paths) > 1:
        raise source.error(
            "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"
        )
    if not paths:
        raise source.error("Invalid condition in KeyConditionExpression: No key attribute specified")
    if len(paths[0].path) > 1:
        raise invalid("KeyConditionExpressions cannot have conditions on nested attributes")
    name = str(paths[0].path[0])
    if operands[0] is paths[0]:
        return KeyTerm(name, operator, operands[1:])
    if operator not in _SIDES:
        raise invalid(
            f"Invalid condition in KeyConditionExpression: {operator} operator must have the key attribute "
            "as its first operand"
        )
    return KeyTerm(name, _SIDES[operator], operands[:1])


def _refusing_other_operators(tree: Condition) -> tuple[str, tuple[Operand, ...]]:
    if isinstance(tree, Compare) and tree.operator != "<>":
        return tree.operator, (tree.left, tree.right)
    if isinstance(tree, Between):
        return "BETWEEN", (tree.operand, tree.low, tree.high)
    if isinstance(tree, Call):
        if tree.function == "begins_with":
            return "begins_with", tree.arguments
        raise invalid(f"Invalid operator used in KeyConditionExpression: {tree.function}")
    names = {Or: "OR", Not: "NOT", In: "IN", Compare: "<>"}
    raise invalid(f"Invalid operator used in KeyConditionExpression: {names[type(tree)]}")


def for_schema(
    terms: Iterable[KeyTerm],
    values: Values,
    hash_name: str,
    range_name: str | None,
    types: Mapping[str, str],
) -> KeyCondition:
    """The terms as the condition of one key; `types` are the key attributes' types (S, N, B)."""
    by_name = {term.name: term for term in terms}
    hash_term = by_name.pop(hash_name, None)
    if hash_term is None:
        raise invalid(f"Query condition missed key schema element: {hash_name}")
    range_term = by_name.pop(range_name, None) if range_name is not None else None
    if by_name:
        if range_name is None or range_term is not None:
            raise invalid("Query key condition not supported")
        raise invalid(f"Query condition missed key schema element: {range_name}")
    if hash_term.operator != "=":
        raise invalid("Query key condition not supported")
    hash_values = _bound(hash_term, values, types)
    if range_term is None:
        return KeyCondition(hash_values[0], None)
    return KeyCondition(hash_values[0], KeyRange(range_term.operator, _bound(range_term, values, types)))


def _bound(term: KeyTerm, values: Values, types: Mapping[str, str]) -> tuple[Value, ...]:
    expected = types[term.name]
    if term.operator == "begins_with" and expected == "N":
        raise invalid_parameter("ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type")
    bound = tuple(_value(operand, values) for operand in term.operands)
    for value in bound:
        if type_of(value) != expected:
            raise invalid_parameter("Condition parameter type does not match schema type")
        if term.operator == "=" and value in ({"S": ""}, {"B": ""}):
            kind = "string" if expected == "S" else "binary"
            raise invalid(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
                f"an empty {kind} value. Key: {term.name}"
            )
    return bound


def _value(operand: Operand, values: Values) -> Value:
    if isinstance(operand, Constant):
        return operand.value
    assert isinstance(operand, Placeholder)
    return values[operand.name]
