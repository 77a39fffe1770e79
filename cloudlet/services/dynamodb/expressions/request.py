"""The door: a request's expression parameters, or the legacy ones, read, checked together and bound.

expressions = read(request, "UpdateExpression", "ConditionExpression", legacy=("AttributeUpdates", "Expected"))
expressions.condition.holds(item); expressions.update.apply(item); expressions.projection.project(item)
"""

import functools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudlet.services.dynamodb.errors import ValidationException, invalid
from cloudlet.services.dynamodb.expressions import legacy as legacy_parameters
from cloudlet.services.dynamodb.expressions import update as updates
from cloudlet.services.dynamodb.expressions.condition import Holds, compile_condition
from cloudlet.services.dynamodb.expressions.condition_parser import parse_condition
from cloudlet.services.dynamodb.expressions.key_condition import KeyCondition, KeyTerm, for_schema, key_terms
from cloudlet.services.dynamodb.expressions.paths import PathTree, tree_of
from cloudlet.services.dynamodb.expressions.projection import parse_projection
from cloudlet.services.dynamodb.expressions.source import Source, Values
from cloudlet.services.dynamodb.expressions.trees import Action, Condition, Path, Placeholder, Remove
from cloudlet.services.dynamodb.expressions.update_parser import parse_update
from cloudlet.services.dynamodb.values import Item, canonical

_CACHED_MAX = 512
_CACHED_CHARACTERS_MAX = 2048  # of text and names: what is longer is compiled each time, so that the cache stays small
_NAME_KEY = re.compile(r"#[A-Za-z0-9_]+")
_VALUE_KEY = re.compile(r":[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class BoundCondition:
    """A condition or filter with its values."""

    run: Holds
    values: Values
    names: frozenset[str]  # the top-level attributes that it looks at

    def holds(self, item: Item | None) -> bool:
        """Whether `item` satisfies it; an item that isn't there has no attributes."""
        return self.run(item or {}, self.values)


@dataclass(frozen=True, slots=True)
class BoundUpdate:
    """An update with its values."""

    actions: tuple[Action, ...]
    values: Values
    creates: bool  # whether it makes an item where there is none (legacy deletions don't)
    names: frozenset[str]  # the top-level attributes that it reads or changes

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(action.path for action in self.actions)

    def apply(self, item: Item) -> Item:
        """`item` after the update; `item` itself is left alone."""
        return updates.apply(self.actions, item, self.values)

    @property
    def touched(self) -> PathTree:
        """The parts of an item (before or after) that the update is about, for UPDATED_OLD and UPDATED_NEW."""
        return tree_of(self.paths)


@dataclass(frozen=True, slots=True)
class BoundKeyCondition:
    """A query's key condition with its values, not yet held against a key."""

    terms: tuple[KeyTerm, ...]
    values: Values

    def for_schema(self, hash_name: str, range_name: str | None, types: Mapping[str, str]) -> KeyCondition:
        return for_schema(self.terms, self.values, hash_name, range_name, types)


@dataclass(slots=True)
class Expressions:
    """What a request asks in its expressions; None where it asks nothing."""

    condition: BoundCondition | None = None
    filter: BoundCondition | None = None
    filter_names: frozenset[str] = frozenset()  # top-level attributes that the filter looks at
    key: BoundKeyCondition | None = None
    update: BoundUpdate | None = None
    projection: PathTree | None = None
    projection_paths: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compiled:
    source: Source
    result: Any


def _condition(source: Source) -> tuple[Condition, Holds]:
    tree = parse_condition(source)
    return tree, compile_condition(tree)


def _key_condition(source: Source) -> tuple[KeyTerm, ...]:
    return key_terms(source, parse_condition(source))


def _projection(source: Source) -> tuple[tuple[Path, ...], PathTree]:
    paths = parse_projection(source)
    return paths, tree_of(paths)


_COMPILERS: dict[str, Callable[[Source], Any]] = {
    "ConditionExpression": _condition,
    "FilterExpression": _condition,
    "KeyConditionExpression": _key_condition,
    "ProjectionExpression": _projection,
    "UpdateExpression": parse_update,
}


def _compile(label: str, text: str, names: tuple[tuple[str, str], ...]) -> _Compiled:
    source = Source(label, text, dict(names))
    return _Compiled(source, _COMPILERS[label](source))


_compile_cached = functools.lru_cache(_CACHED_MAX)(_compile)


def _compiled(label: str, text: str, names: Mapping[str, str]) -> _Compiled:
    pairs = tuple(names.items())
    if len(text) + sum(len(name) for pair in pairs for name in pair) > _CACHED_CHARACTERS_MAX:
        return _compile(label, text, pairs)
    return _compile_cached(label, text, pairs)


def read(request: Mapping[str, Any], *parameters: str, legacy: Sequence[str] = ()) -> Expressions:
    """The expressions of `request` among `parameters`, or what its `legacy` parameters say.

    `parameters` stand in the order in which AWS looks at them.
    """
    given = [name for name in parameters if request.get(name) is not None]
    given_legacy = [name for name in legacy if request.get(name) is not None]
    if given and given_legacy:
        raise invalid(
            "Can not use both expression and non-expression parameters in the same request: "
            f"Non-expression parameters: {{{', '.join(given_legacy)}}} Expression parameters: {{{', '.join(given)}}}"
        )
    names = _checked_names(request.get("ExpressionAttributeNames"), given)
    values = _checked_values(request.get("ExpressionAttributeValues"), given, parameters)
    if not given:
        return _from_legacy(request, given_legacy)
    compiled = {name: _compiled(name, request[name], names) for name in given}
    for each in compiled.values():
        each.source.check_values(values)
    if names or values:
        _check_all_used(names, values, compiled.values())
    return _bound(compiled, values)


def _check_all_used(names: Mapping[str, str], values: Values, compiled: Collection[_Compiled]) -> None:
    _check_used("ExpressionAttributeNames", names, [each.source.names_used for each in compiled])
    _check_used("ExpressionAttributeValues", values, [each.source.values_used for each in compiled])


def attributes_of(request: Mapping[str, Any], *parameters: str) -> frozenset[str]:
    """The top-level attributes that the expressions of `request` name; raises what is wrong with them."""
    names = request.get("ExpressionAttributeNames") or {}
    found: frozenset[str] = frozenset()
    for parameter in parameters:
        if request.get(parameter) is not None:
            found |= _compiled(parameter, request[parameter], names).source.attributes
    return found


def placeholders_of_key(request: Mapping[str, Any], name: str) -> Sequence[str]:
    """The placeholders that the KeyConditionExpression of `request` compares key attribute `name` with."""
    text = request.get("KeyConditionExpression")
    if text is None:
        return ()
    terms = _compiled("KeyConditionExpression", text, request.get("ExpressionAttributeNames") or {}).result
    operands = [operand for term in terms if term.name == name for operand in term.operands]
    return [operand.name for operand in operands if isinstance(operand, Placeholder)]


def _bound(compiled: Mapping[str, _Compiled], values: Values) -> Expressions:
    expressions = Expressions()
    for name, each in compiled.items():
        if name == "ConditionExpression":
            expressions.condition = BoundCondition(each.result[1], values, each.source.attributes)
        elif name == "FilterExpression":
            expressions.filter = BoundCondition(each.result[1], values, each.source.attributes)
            expressions.filter_names = each.source.attributes
        elif name == "KeyConditionExpression":
            expressions.key = BoundKeyCondition(each.result, values)
        elif name == "UpdateExpression":
            expressions.update = BoundUpdate(each.result, values, True, each.source.attributes)
        else:
            expressions.projection_paths, expressions.projection = each.result
    return expressions


def _checked_names(names: Mapping[str, str] | None, given: Sequence[str]) -> Mapping[str, str]:
    if names is None:
        return {}
    if not given:
        raise invalid("ExpressionAttributeNames can only be specified when using expressions")
    if not names:
        raise invalid("ExpressionAttributeNames must not be empty")
    for key in names:
        if _NAME_KEY.fullmatch(key) is None:
            raise invalid(f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{key}"')
    return names


def _checked_values(values: Mapping[str, Any] | None, given: Sequence[str], parameters: Sequence[str]) -> Values:
    if values is None:
        return {}
    takers = [name for name in parameters if name != "ProjectionExpression"]
    if not any(name in takers for name in given):
        verb = "are" if len(takers) > 1 else "is"
        raise invalid(
            "ExpressionAttributeValues can only be specified when using expressions: "
            f"{' and '.join(takers)} {verb} null"
        )
    if not values:
        raise invalid("ExpressionAttributeValues must not be empty")
    checked = {}
    for key, value in values.items():
        if _VALUE_KEY.fullmatch(key) is None:
            raise invalid(f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{key}"')
        try:
            checked[key] = canonical(value, 1)
        except ValidationException as error:
            raise invalid(f"ExpressionAttributeValues contains invalid value: {error.message} for key {key}") from None
    return checked


def _check_used(parameter: str, defined: Mapping[str, Any], used: Sequence[Mapping[str, None]]) -> None:
    unused = [key for key in defined if not any(key in each for each in used)]
    if unused:
        raise invalid(f"Value provided in {parameter} unused in expressions: keys: {{{', '.join(unused)}}}")


def _from_legacy(request: Mapping[str, Any], given: Sequence[str]) -> Expressions:
    expressions = Expressions()
    joined_by = _checked_conditional_operator(request, given)
    for name in given:
        parameter = request[name]
        if name == "Expected":
            tree = legacy_parameters.expected_tree(parameter, joined_by)
            expressions.condition = _bound_tree(tree, parameter)
        elif name in ("QueryFilter", "ScanFilter"):
            tree = legacy_parameters.filter_tree(parameter, joined_by)
            expressions.filter = _bound_tree(tree, parameter)
            expressions.filter_names = frozenset(parameter)
        elif name == "KeyConditions":
            expressions.key = BoundKeyCondition(legacy_parameters.key_terms(parameter), {})
        elif name == "AttributeUpdates":
            actions = legacy_parameters.actions(parameter)
            creates = not actions or any(not isinstance(action, Remove) for action in actions)
            expressions.update = BoundUpdate(actions, {}, creates, frozenset(parameter))
        elif name == "AttributesToGet":
            expressions.projection_paths = legacy_parameters.attribute_paths(parameter)
            expressions.projection = tree_of(expressions.projection_paths)
    return expressions


def _bound_tree(tree: Condition | None, parameter: Mapping[str, Any]) -> BoundCondition | None:
    return None if tree is None else BoundCondition(compile_condition(tree), {}, frozenset(parameter))


def _checked_conditional_operator(request: Mapping[str, Any], given: Sequence[str]) -> str:
    if "ConditionalOperator" not in given:
        return "AND"
    conditions = [request[name] for name in ("Expected", "QueryFilter", "ScanFilter") if name in given]
    if not conditions:
        raise invalid("ConditionalOperator cannot be used without Filter or Expected")
    if len(conditions[0]) < 2:
        raise invalid("ConditionalOperator can only be used when Filter or Expected has two or more elements")
    return request["ConditionalOperator"]
