"""UpdateExpression: text → actions.

update := section …, each once
section := SET path = value, … | REMOVE path, … | ADD path :value, … | DELETE path :value, …
value   := operand | operand (+ -) operand
operand := path | :value | if_not_exists(path, operand) | list_append(operand, operand) | ( value )
"""

from collections.abc import Callable

from cloudlet.services.dynamodb.expressions import operand_checks
from cloudlet.services.dynamodb.expressions.condition_parser import parse_placeholder
from cloudlet.services.dynamodb.expressions.paths import PathTree, parse_path, starts_path
from cloudlet.services.dynamodb.expressions.source import Rank, Source
from cloudlet.services.dynamodb.expressions.trees import (
    Action,
    Add,
    Attribute,
    Delete,
    IfNotExists,
    ListAppend,
    Remove,
    Set,
    Sum,
    UpdateOperand,
)
from cloudlet.services.dynamodb.values import SET_TYPES

_CONDITION_FUNCTIONS = (
    "attribute_exists",
    "attribute_not_exists",
    "attribute_type",
    "begins_with",
    "contains",
    "size",
)
_NUMBER = frozenset({"N"})
_LIST = frozenset({"L"})


def parse_update(source: Source) -> tuple[Action, ...]:
    """The whole text as actions, in their order; raises AWS's errors."""
    actions: list[Action] = []
    sections: set[str] = set()
    while source.next.kind == "word" and (section := source.next.text.upper()) in _SECTIONS:
        source.take()
        if section in sections:
            source.note(Rank.PARENTHESES, f'The "{section}" section can only be used once in an update expression;')
        sections.add(section)
        actions.append(_SECTIONS[section](source))
        while source.is_next(","):
            source.take()
            actions.append(_SECTIONS[section](source))
    tree = PathTree()
    for action in actions:
        if (collision := tree.add(action.path)) is not None:
            source.note(*collision)
    if not actions:
        raise source.syntax_error()
    source.finish()
    return tuple(actions)


def _set(source: Source) -> Action:
    path = parse_path(source)
    source.expect("=")
    source.count_operator()
    return Set(path, _value(source))


def _remove(source: Source) -> Action:
    source.count_operator()
    return Remove(parse_path(source))


def _add(source: Source) -> Action:
    source.count_operator()
    path, operand = parse_path(source), parse_placeholder(source)
    operand_checks.require_action_type(source, "ADD", operand, SET_TYPES | _NUMBER)
    return Add(path, operand)


def _delete(source: Source) -> Action:
    source.count_operator()
    path, operand = parse_path(source), parse_placeholder(source)
    operand_checks.require_action_type(source, "DELETE", operand, SET_TYPES)
    return Delete(path, operand)


_SECTIONS: dict[str, Callable[[Source], Action]] = {"SET": _set, "REMOVE": _remove, "ADD": _add, "DELETE": _delete}


def _value(source: Source) -> UpdateOperand:
    left = _operand(source)
    if not (source.is_next("+") or source.is_next("-")):
        return left
    sign = source.take().text
    source.count_operator()
    right = _operand(source)
    operand_checks.require_type(source, sign, left, _NUMBER)
    operand_checks.require_type(source, sign, right, _NUMBER)
    return Sum(sign, left, right)


def _operand(source: Source) -> UpdateOperand:
    if source.is_next("("):
        source.open_group()
        inner = _value(source)
        source.close_group()
        return inner
    if source.is_call():
        return _call(source)
    if starts_path(source):
        return Attribute(parse_path(source))
    return parse_placeholder(source)


def _call(source: Source) -> UpdateOperand:
    function = source.take().text
    source.count_operator()
    source.open_group()
    arguments = [_operand(source)]
    while source.is_next(","):
        source.take()
        arguments.append(_operand(source))
    source.close_group()
    if function not in ("if_not_exists", "list_append"):
        is_known = function in _CONDITION_FUNCTIONS
        problem = "The function is not allowed in an update expression" if is_known else "Invalid function name"
        source.note(Rank.FUNCTION, f"{problem}; function: {function}")
        return arguments[0]
    if not operand_checks.require_count(source, function, len(arguments), 2):
        return arguments[0]
    first, second = arguments
    if function == "list_append":
        operand_checks.require_type(source, function, first, _LIST)
        operand_checks.require_type(source, function, second, _LIST)
        return ListAppend(first, second)
    operand_checks.require_path(source, function, first)
    return IfNotExists(first.path, second) if isinstance(first, Attribute) else first
