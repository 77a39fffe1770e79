"""What AWS asks of operands, in its words: at once where a tree tells, else as a check of the values bound later."""

from collections.abc import Callable, Iterable
from typing import Any

from cloudlet.services.dynamodb.expressions.paths import path_text
from cloudlet.services.dynamodb.expressions.source import Rank, Source, Values
from cloudlet.services.dynamodb.expressions.trees import Attribute, Placeholder
from cloudlet.services.dynamodb.values import SORTED_TYPES, TYPES, Value, sortable, type_of

# As AWS's message lists them.
_TYPE_LIST = "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
_LONG_NAMES = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "SS": "STRING_SET",
    "NS": "NUMBER_SET",
    "BS": "BINARY_SET",
    "M": "MAP",
    "L": "LIST",
    "BOOL": "BOOLEAN",
    "NULL": "NULL",
}


def require_path(source: Source, function: str, operand: Any) -> None:
    if not isinstance(operand, Attribute):
        source.note(Rank.OPERAND, f"Operator or function requires a document path; operator or function: {function}")


def require_distinct(source: Source, operator: str, first: Any, others: Iterable[Any]) -> None:
    if isinstance(first, Attribute) and first in others:
        source.note(
            Rank.OPERAND,
            "The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: {operator}, first operand: {path_text(first.path)}",
        )


def require_count(source: Source, function: str, count: int, expected: int) -> bool:
    if count == expected:
        return True
    source.note(
        Rank.OPERAND,
        "Incorrect number of operands for operator or function; "
        f"operator or function: {function}, number of operands: {count}",
    )
    return False


def require_type(source: Source, operator: str, operand: Any, allowed: frozenset[str]) -> None:
    """A bound value is of an allowed type; what an attribute holds is seen only when the expression runs."""
    if isinstance(operand, Placeholder):
        source.checks.append(_type_check(operand.name, operator, allowed))


def _type_check(name: str, operator: str, allowed: frozenset[str]) -> Callable[[Values], str | None]:
    def check(values: Values) -> str | None:
        kind = type_of(values[name])
        if kind in allowed:
            return None
        return (
            f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}"
        )

    return check


def require_action_type(source: Source, action: str, operand: Any, allowed: frozenset[str]) -> None:
    """The operand of ADD or DELETE, where AWS spells types out."""

    def check(values: Values) -> str | None:
        kind = type_of(values[operand.name])
        if kind in allowed:
            return None
        return (
            f"Incorrect operand type for operator or function; operator: {action}, "
            f"operand type: {_LONG_NAMES[kind]}, typeSet: ALLOWED_FOR_{action}_OPERAND"
        )

    source.checks.append(check)


def require_type_name(source: Source, operand: Any) -> None:
    """attribute_type's second operand: a string that names a type."""
    if not isinstance(operand, Placeholder):
        source.note(
            Rank.OPERAND,
            "Incorrect operand type for operator or function; operator or function: attribute_type, "
            "operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}",
        )
        return
    require_type(source, "attribute_type", operand, frozenset({"S"}))

    def check(values: Values) -> str | None:
        name = values[operand.name]["S"]
        return None if name in TYPES else f"Invalid attribute type name found; type: {name}, valid types: {_TYPE_LIST}"

    source.checks.append(check)


def require_bounds(source: Source, low: Any, high: Any) -> None:
    """BETWEEN's bounds: sortable, of one type, in order."""
    for bound in (low, high):
        require_type(source, "BETWEEN", bound, SORTED_TYPES)
    if isinstance(low, Placeholder) and isinstance(high, Placeholder):
        source.checks.append(lambda values: _bounds_problem(values[low.name], values[high.name]))


def _bounds_problem(low: Value, high: Value) -> str | None:
    bounds = f"lower bound operand: {_shown(low)}, upper bound operand: {_shown(high)}"
    if type_of(low) != type_of(high):
        return f"The BETWEEN operator requires same data type for lower and upper bounds; {bounds}"
    if sortable(low) > sortable(high):
        return f"The BETWEEN operator requires upper bound to be greater than or equal to lower bound; {bounds}"
    return None


def _shown(value: Value) -> str:
    kind = type_of(value)
    return f"AttributeValue: {{{kind}:{value[kind]}}}"
