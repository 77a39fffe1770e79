"""The Condition element: every operator, compiled to one function of the request context.

All keys of all operators must hold. What holds for one key:
- key absent: false; true for a negated operator (StringNotEquals …), for …IfExists and for ForAllValues.
- plain operator: some value of the request matches some value of the policy; negated: none does.
- ForAllValues: each value of the request passes; ForAnyValue: at least one does.
- a variable without a value matches nothing, and makes a negated operator false ("causes the statement to be invalid").
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cloudlet.kit.policy.context import Context
from cloudlet.kit.policy.patterns import Literal, Matcher, compile_pattern, compile_patterns
from cloudlet.kit.policy.values import (
    Incomparable,
    arn_parts,
    binary_of,
    boolean_of,
    instant_of,
    network_of,
    number_of,
    within_network,
)
from cloudlet.kit.policy.variables import Template, parse_template

# What to match a request's value with, in this request; None: a variable the operator cannot do without has no value.
Prepare = Callable[[Context], Matcher | None]


class UnknownOperator(ValueError):
    """No such condition operator."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator. `names` are the context keys it reads, as they are written in the document."""

    names: tuple[str, ...]
    holds: Callable[[Context], bool]


def compile_conditions(block: Mapping[str, Mapping[str, list[str]]], variables: bool) -> tuple[Condition, ...]:
    """Raises UnknownOperator, or Incomparable for a value that the operator cannot read."""
    return tuple(
        _compile_condition(name, key, values, variables) for name, keys in block.items() for key, values in keys.items()
    )


def _compile_condition(name: str, key: str, values: list[str], variables: bool) -> Condition:
    quantifier, _, bare = name.rpartition(":")
    quantifier, bare = quantifier.lower(), bare.lower()
    if quantifier not in ("", "forallvalues", "foranyvalue"):
        raise UnknownOperator(name)
    if bare == "null" and not quantifier:
        return Condition((), _null(key.lower(), values))
    if_exists = bare.endswith("ifexists")
    known = _OPERATORS.get(bare.removesuffix("ifexists"))
    if known is None:
        raise UnknownOperator(name)
    compile_values, negated = known
    templates = [parse_template(value) for value in values] if variables and compile_values in _WITH_VARIABLES else []
    reads = tuple(v.name for template in templates if isinstance(template, Template) for v in template.variables)
    if reads or any(isinstance(template, Template) for template in templates):
        prepare = _per_request(compile_values, templates, negated)
    else:
        prepare = _once(compile_values(values))
    absent = if_exists or quantifier == "forallvalues" or (negated and not quantifier)
    return Condition((key, *reads), _HOLDS[quantifier](key.lower(), prepare, negated, absent))


def _null(key: str, values: list[str]) -> Callable[[Context], bool]:
    wanted = {boolean_of(value) for value in values}  # true: the key must be absent
    return lambda context: (not context.get(key)) in wanted


def _once(matcher: Matcher) -> Prepare:
    return lambda context: matcher


def _per_request(compile_values: "CompileValues", templates: list[str | Template], negated: bool) -> Prepare:
    """Values with variables: put in and compiled for each request."""

    def prepare(context: Context) -> Matcher | None:
        patterns: list[list[str]] = []
        for template in templates:
            pattern = [template] if isinstance(template, str) else template.pattern(context)
            if pattern is not None:
                patterns.append(pattern)
            elif negated:
                return None
        return _WITH_VARIABLES[compile_values](patterns)

    return prepare


def _plain(key: str, prepare: Prepare, negated: bool, absent: bool) -> Callable[[Context], bool]:
    def holds(context: Context) -> bool:
        values = context.get(key)
        if not values:
            return absent
        matcher = prepare(context)
        return matcher is not None and any(map(matcher, values)) is not negated

    return holds


def _for_all(key: str, prepare: Prepare, negated: bool, absent: bool) -> Callable[[Context], bool]:
    def holds(context: Context) -> bool:
        values = context.get(key)
        if not values or not any(values):  # an empty text is an empty set, for both quantifiers
            return absent
        matcher = prepare(context)
        return matcher is not None and all(matcher(value) is not negated for value in values)

    return holds


def _for_any(key: str, prepare: Prepare, negated: bool, absent: bool) -> Callable[[Context], bool]:
    def holds(context: Context) -> bool:
        values = context.get(key)
        if not values or not any(values):
            return absent
        matcher = prepare(context)
        return matcher is not None and any(matcher(value) is not negated for value in values)

    return holds


_HOLDS = {"": _plain, "forallvalues": _for_all, "foranyvalue": _for_any}

# From here: one compiler a family of operators. Each takes the policy's values and answers: does one of them match?
CompileValues = Callable[[list[str]], Matcher]


def _equals(values: list[str]) -> Matcher:
    return frozenset(values).__contains__


def _equals_ignoring_case(values: list[str]) -> Matcher:
    wanted = frozenset(value.lower() for value in values)
    return lambda value: value.lower() in wanted


def _like(values: list[str]) -> Matcher:
    return compile_patterns(values)


def _arn_like(values: list[str]) -> Matcher:
    return _arn_patterns([[value] for value in values])


def _binary(values: list[str]) -> Matcher:
    wanted = frozenset(binary_of(value) for value in values)
    return lambda value: _read(binary_of, value) in wanted


def _within(values: list[str]) -> Matcher:
    networks = [network_of(value) for value in values]
    return lambda value: any(within_network(value, network) for network in networks)


def _compared(read: Callable, compare: Callable) -> CompileValues:
    """Numbers and dates: `request value <compare> policy value`."""

    def compile_values(values: list[str]) -> Matcher:
        limits = [read(value) for value in values]

        def match(value: str) -> bool:
            given = _read(read, value)
            return given is not None and any(compare(given, limit) for limit in limits)

        return match

    return compile_values


def _read(read: Callable, value: str):
    """A request's value that cannot be read matches nothing; a policy's is refused when the document is read."""
    try:
        return read(value)
    except Incomparable:
        return None


def _arn_patterns(patterns: list[list[str]]) -> Matcher:
    """Each of the six parts for itself; a pattern that is a lone `*` stands for any ARN."""
    compiled = [[compile_pattern(part) for part in arn_parts(pattern)] for pattern in patterns]
    everything = any(pattern == ["*"] and not isinstance(pattern[0], Literal) for pattern in patterns)

    def match(value: str) -> bool:
        parts = value.split(":", 5)
        return everything or any(
            len(matchers) == len(parts) and all(match(part) for match, part in zip(matchers, parts))
            for matchers in compiled
        )

    return match


def _like_patterns(patterns: list[list[str]]) -> Matcher:
    matchers = [compile_pattern(pattern) for pattern in patterns]
    return lambda value: any(match(value) for match in matchers)


def _joined(compile_values: CompileValues) -> Callable[[list[list[str]]], Matcher]:
    return lambda patterns: compile_values(["".join(pattern) for pattern in patterns])


_NUMBER = {name: _compared(number_of, getattr(operator, name)) for name in ("eq", "lt", "le", "gt", "ge")}
_DATE = {name: _compared(instant_of, getattr(operator, name)) for name in ("eq", "lt", "le", "gt", "ge")}

# The operators whose values may hold variables, and how the values are compiled once these are put in.
_WITH_VARIABLES: dict[CompileValues, Callable[[list[list[str]]], Matcher]] = {
    _equals: _joined(_equals),
    _equals_ignoring_case: _joined(_equals_ignoring_case),
    _like: _like_patterns,
    _arn_like: _arn_patterns,
}

_OPERATORS: dict[str, tuple[CompileValues, bool]] = {
    "stringequals": (_equals, False),
    "stringnotequals": (_equals, True),
    "stringequalsignorecase": (_equals_ignoring_case, False),
    "stringnotequalsignorecase": (_equals_ignoring_case, True),
    "stringlike": (_like, False),
    "stringnotlike": (_like, True),
    "numericequals": (_NUMBER["eq"], False),
    "numericnotequals": (_NUMBER["eq"], True),
    "numericlessthan": (_NUMBER["lt"], False),
    "numericlessthanequals": (_NUMBER["le"], False),
    "numericgreaterthan": (_NUMBER["gt"], False),
    "numericgreaterthanequals": (_NUMBER["ge"], False),
    "dateequals": (_DATE["eq"], False),
    "datenotequals": (_DATE["eq"], True),
    "datelessthan": (_DATE["lt"], False),
    "datelessthanequals": (_DATE["le"], False),
    "dategreaterthan": (_DATE["gt"], False),
    "dategreaterthanequals": (_DATE["ge"], False),
    "bool": (_equals_ignoring_case, False),
    "binaryequals": (_binary, False),
    "ipaddress": (_within, False),
    "notipaddress": (_within, True),
    "arnequals": (_arn_like, False),
    "arnlike": (_arn_like, False),
    "arnnotequals": (_arn_like, True),
    "arnnotlike": (_arn_like, True),
}
