"""ConditionExpression, FilterExpression and KeyConditionExpression: text → tree.

condition  := ["NOT"] comparison, joined by AND (binds tighter) and OR
comparison := operand (= <> < <= > >=) operand | operand BETWEEN operand AND operand
            | operand IN (operand, …) | function(…) | ( condition )
operand    := path | :value | size(operand) | ( operand )
"""

from cloudlet.services.dynamodb.expressions import operand_checks
from cloudlet.services.dynamodb.expressions.paths import parse_path, starts_path
from cloudlet.services.dynamodb.expressions.source import Rank, Source
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
from cloudlet.services.dynamodb.values import SORTED_TYPES

COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")
IN_OPERANDS_MAX = 100
_OPERAND_COUNTS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
_UPDATE_FUNCTIONS = ("if_not_exists", "list_append")
_OPERANDS = (Attribute, Placeholder, Constant, Size)
_SIZED_TYPES = frozenset({"S", "B", "SS", "NS", "BS", "M", "L"})
_PREFIX_TYPES = frozenset({"S", "B"})


def parse_condition(source: Source) -> Condition:
    """The whole text as a condition; raises AWS's errors."""
    tree = _condition(source, may_be_operand=False)
    source.finish()
    assert not isinstance(tree, _OPERANDS)
    return tree


def _condition(source: Source, may_be_operand: bool) -> Condition | Operand:
    """Everything up to what is neither AND nor OR: one loop, since left-nested ORs of clients go 300 deep."""
    alternatives: list[list[Condition]] = [[]]
    while True:
        negations = 0
        while source.next.is_word("NOT"):
            source.take()
            source.count_operator()
            negations += 1
        is_alone = may_be_operand and not negations and not alternatives[0]
        part = _comparison(source, is_alone, _parenthesised(source) if source.is_next("(") else None)
        if isinstance(part, _OPERANDS):
            return part
        for _ in range(negations):
            part = Not(part)
        alternatives[-1].append(part)
        if source.next.is_word("AND"):
            source.count_operator()
        elif source.next.is_word("OR"):
            source.count_operator()
            alternatives.append([])
        else:
            return _any([_all(parts) for parts in alternatives])
        source.take()


def _all(parts: list[Condition]) -> Condition:
    """One And of all, also of what parenthesised Ands hold."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def _any(parts: list[Condition]) -> Condition:
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def _parenthesised(source: Source) -> Condition | Operand:
    source.open_group()
    inner = _condition(source, may_be_operand=True)
    source.close_group()
    return inner


def _comparison(source: Source, may_be_operand: bool, grouped: Condition | Operand | None) -> Condition | Operand:
    """One comparison; `grouped` is what stood in parentheses at its start, a condition or an operand."""
    if grouped is not None and not isinstance(grouped, _OPERANDS):
        if source.next.text in COMPARATORS or source.next.is_word("BETWEEN", "IN"):
            raise source.syntax_error()
        return grouped
    left = grouped or _operand_or_call(source)
    token = source.next
    if token.kind == "symbol" and token.text in COMPARATORS:
        return _compare(source, _as_operand(source, left))
    if token.is_word("BETWEEN"):
        return _between(source, _as_operand(source, left))
    if token.is_word("IN"):
        return _in(source, _as_operand(source, left))
    if isinstance(left, Call):
        return left
    if may_be_operand and source.is_next(")"):
        return left
    if isinstance(left, Size):
        source.note(Rank.FUNCTION, _misplaced("size"))
        return Call("attribute_exists", (left,))
    raise source.syntax_error()


def _misplaced(function: str) -> str:
    return f"The function is not allowed to be used this way in an expression; function: {function}"


def _as_operand(source: Source, node: Operand | Call) -> Operand:
    """`node` where an operand must stand: functions that say yes or no may not."""
    if not isinstance(node, Call):
        return node
    source.note(Rank.FUNCTION, _misplaced(node.function))
    return Size(Placeholder(""))


def _compare(source: Source, left: Operand) -> Condition:
    operator = source.take().text
    source.count_operator()
    right = _operand(source)
    operand_checks.require_distinct(source, operator, left, (right,))
    if operator not in ("=", "<>"):
        operand_checks.require_type(source, operator, left, SORTED_TYPES)
        operand_checks.require_type(source, operator, right, SORTED_TYPES)
    return Compare(operator, left, right)


def _between(source: Source, operand: Operand) -> Condition:
    source.take()
    source.count_operator()
    low = _operand(source)
    source.expect_word("AND")
    high = _operand(source)
    operand_checks.require_distinct(source, "BETWEEN", operand, (low, high))
    operand_checks.require_type(source, "BETWEEN", operand, SORTED_TYPES)
    operand_checks.require_bounds(source, low, high)
    return Between(operand, low, high)


def _in(source: Source, operand: Operand) -> Condition:
    source.take()
    source.count_operator()
    source.expect("(")
    options = [_operand(source)]
    while source.is_next(","):
        source.take()
        options.append(_operand(source))
    source.expect(")")
    if len(options) > IN_OPERANDS_MAX:
        source.note(
            Rank.OPERAND, f"The IN operator is provided with too many operands; number of operands: {len(options)}"
        )
    operand_checks.require_distinct(source, "IN", operand, options)
    return In(operand, tuple(options))


def _operand(source: Source) -> Operand:
    if not source.is_next("("):
        return _as_operand(source, _operand_or_call(source))
    source.open_group()
    inner = _operand(source)
    source.close_group()
    return inner


def _operand_or_call(source: Source) -> Operand | Call:
    if source.is_call():
        return _call(source)
    if starts_path(source):
        return Attribute(parse_path(source))
    return parse_placeholder(source)


def parse_placeholder(source: Source) -> Placeholder:
    if source.next.kind != "value":
        raise source.syntax_error()
    name = source.take().text
    source.use_value(name)
    return Placeholder(name)


def _call(source: Source) -> Size | Call:
    function = source.take().text
    source.count_operator()
    arguments = parse_arguments(source)
    expected = _OPERAND_COUNTS.get(function)
    if expected is None:
        where = "The function is not allowed in a condition expression" if function in _UPDATE_FUNCTIONS else None
        source.note(Rank.FUNCTION, f"{where or 'Invalid function name'}; function: {function}")
    elif operand_checks.require_count(source, function, len(arguments), expected):
        _check_arguments(source, function, arguments)
    return Size(arguments[0]) if function == "size" else Call(function, arguments)


def parse_arguments(source: Source) -> tuple[Operand, ...]:
    """What stands in a function's parentheses."""
    source.open_group()
    arguments = [_operand(source)]
    while source.is_next(","):
        source.take()
        arguments.append(_operand(source))
    source.close_group()
    return tuple(arguments)


def _check_arguments(source: Source, function: str, arguments: tuple[Operand, ...]) -> None:
    first = arguments[0]
    if function in ("attribute_exists", "attribute_not_exists", "attribute_type"):
        operand_checks.require_path(source, function, first)
    if function == "attribute_type":
        operand_checks.require_type_name(source, arguments[1])
    elif function == "size":
        operand_checks.require_type(source, "size", first, _SIZED_TYPES)
    elif function == "begins_with":
        for argument in arguments:
            operand_checks.require_type(source, function, argument, _PREFIX_TYPES)
    if len(arguments) == 2:
        operand_checks.require_distinct(source, function, first, arguments[1:])
