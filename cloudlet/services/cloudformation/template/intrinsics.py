"""The functions of a template: `resolve(value, scope)` gives the value they stand for.

A scope says what names mean at this moment: while a change set is made a resource that doesn't exist yet gives UNKNOWN,
which passes through every function. What may refer to what is graph.py's; conditions are conditions.py's.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudlet.services.cloudformation.template.errors import FunctionError, NotSupported, TemplateError
from cloudlet.services.cloudformation.template.parameters import scalar_text

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
CIDR_COUNT_MAX = 256
RESOLVED_CHARACTERS_MAX = 3 << 19  # that functions give, of one resource: more would not fit into its transaction
RESOLVED_ALL_CHARACTERS_MAX = 16 << 20  # … of all resources of a stack

JOIN = (
    "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a "
    "function that returns a list of strings (such as Fn::GetAZs) to be joined."
)
SPLIT = (
    "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function "
    "that returns a string to be split."
)
SELECT = "Fn::Select requires a list argument with two elements: an integer index and a list"
SUB = (
    "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and "
    "an optional second argument to specify a mapping of values to replace in the string"
)
SUB_NAME = (
    "variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"
)
FIND_IN_MAP = (
    "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
)
NO_MAPPING = "Mapping named '{name}' is not present in the 'Mappings' section of template."
GET_ATT = "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
IF = "every Fn::If object requires a list of 3 parameters: a condition, the value if true and the value if false."

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE_NAME = re.compile(r"[a-zA-Z0-9_.:]+")
_DYNAMIC_REFERENCE = re.compile(r"\{\{resolve:([a-z-]+):")


class _NoValue:
    """What AWS::NoValue gives: the member that holds it is dropped."""

    def __repr__(self) -> str:
        return "AWS::NoValue"


NO_VALUE = _NoValue()


def _nothing(*names: str) -> Any:
    raise FunctionError(reason=f"{'.'.join(names)} cannot be referenced here")


class Budget:
    """How much text functions may still give: nested ones multiply, so a short template could fill the memory."""

    __slots__ = ("_left",)

    def __init__(self, characters: int = RESOLVED_CHARACTERS_MAX) -> None:
        self._left = characters

    def check(self, characters: int) -> None:
        """Before so many are put together."""
        if characters > self._left:
            raise FunctionError(reason="what the template's functions give is too long")

    def spend(self, value: Any) -> None:
        """Count what a function gave."""
        size = _characters(value)
        self.check(size)
        self._left -= size


def _characters(value: Any) -> int:
    if isinstance(value, dict | list):
        return 1 + sum(map(_characters, value.values() if isinstance(value, dict) else value))
    return len(value) + 1 if isinstance(value, str) else 1


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean: parameters (pseudo parameters too), mappings, conditions, and the stack's resources."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    reference: Callable[[str], Any] = _nothing  # a resource's physical id
    attribute: Callable[[str, str], Any] = _nothing
    imported: Callable[[str], Any] = _nothing  # an export's value
    zones: Callable[[str], list[str]] = lambda region: [f"{region}{letter}" for letter in "abc"]
    extended: bool = False  # AWS::LanguageExtensions: Fn::Length, Fn::ToJsonString, FindInMap's default …
    budget: Budget = field(default_factory=Budget)


def resolve(value: Any, scope: Scope) -> Any:
    """`value` with every function replaced by what it gives; members that give AWS::NoValue are gone."""
    if isinstance(value, dict):
        name = function_name(value)
        if name is not None:
            return _call(name, value[name], scope)
        members = ((key, resolve(member, scope)) for key, member in value.items())
        return {key: member for key, member in members if member is not NO_VALUE}
    if isinstance(value, list):
        return [member for member in (resolve(entry, scope) for entry in value) if member is not NO_VALUE]
    if isinstance(value, str):
        check_no_dynamic_reference(value)
    return value


def function_name(value: dict[str, Any]) -> str | None:
    """The function that a one-member object calls: Ref, Condition (with a name) or Fn::…; None for plain data."""
    if len(value) != 1:
        return None
    (name,) = value
    if name.startswith("Fn::") and not name.startswith("Fn::ForEach::"):
        return name
    if name in ("Ref", "Condition") and isinstance(value[name], str):
        return name
    return None


def _call(name: str, argument: Any, scope: Scope) -> Any:
    if name == "Fn::Transform":
        raise NotSupported(feature="cloudformation: Fn::Transform (macros)", module="intrinsics")
    value = check_supported(name, extended=scope.extended)(argument, scope)
    scope.budget.spend(value)
    return value


def check_supported(name: str, *, extended: bool) -> Callable[[Any, Scope], Any]:
    """The function of that name."""
    function = FUNCTIONS.get(name) or (EXTENSIONS.get(name) if extended else None)
    if function is None:
        supported = ", ".join(sorted(FUNCTIONS.keys() - {"Ref", "Condition"}))
        raise FunctionError(reason=f"Encountered unsupported function: {name} Supported functions are: [{supported}]")
    return function


def check_no_dynamic_reference(text: str) -> None:
    match = _DYNAMIC_REFERENCE.search(text)
    if match:
        raise NotSupported(feature=f"cloudformation: dynamic references ({match[0]}…}}}})", module="intrinsics")


def is_unknown(value: Any) -> bool:
    """Whether UNKNOWN is in it anywhere."""
    if isinstance(value, str):
        return UNKNOWN in value
    if isinstance(value, dict):
        return any(is_unknown(member) for member in value.values())
    return isinstance(value, list) and any(is_unknown(member) for member in value)


def _ref(argument: str, scope: Scope) -> Any:
    if argument == "AWS::NoValue":
        return NO_VALUE
    if argument in scope.parameters:
        return scope.parameters[argument]
    return scope.reference(argument)


def get_att_target(argument: Any) -> tuple[str, Any]:
    """Resource and attribute of a Fn::GetAtt, written as a list or with a dot."""
    if isinstance(argument, str):
        argument = argument.split(".", 1)
    if not isinstance(argument, list) or len(argument) < 2 or not isinstance(argument[0], str) or not all(argument):
        raise FunctionError(reason=GET_ATT)
    if len(argument) > 2 and all(isinstance(part, str) for part in argument):
        return argument[0], ".".join(argument[1:])
    if len(argument) > 2:
        raise FunctionError(reason=GET_ATT)
    return argument[0], argument[1]


def _get_att(argument: Any, scope: Scope) -> Any:
    resource, attribute = get_att_target(argument)
    attribute = resolve(attribute, scope)  # only a Ref to a parameter may stand here
    if not isinstance(attribute, str):
        raise FunctionError(reason=GET_ATT)
    return scope.attribute(resource, attribute)


def sub_parts(argument: Any) -> tuple[str, dict[str, Any]]:
    """Text and own variables of a Fn::Sub."""
    if isinstance(argument, str):
        return argument, {}
    if (
        isinstance(argument, list)
        and len(argument) == 2
        and isinstance(argument[0], str)
        and isinstance(argument[1], dict)
    ):
        return argument[0], argument[1]
    raise FunctionError(reason=SUB)


def sub_names(text: str) -> list[str]:
    """The names in `${…}`; `${!Literal}` is none."""
    names = []
    for inner in _VARIABLE.findall(text, 0, _end_of_variables(text)):
        if inner.startswith("!"):
            continue
        name = inner.strip()
        if not _VARIABLE_NAME.fullmatch(name):
            raise FunctionError(reason=SUB_NAME)
        names.append(name)
    return names


def _sub(argument: Any, scope: Scope) -> str:
    text, own = sub_parts(argument)
    sub_names(text)
    values = {name: resolve(value, scope) for name, value in own.items()}
    size = len(text)

    def replaced(match: re.Match[str]) -> str:
        nonlocal size
        inner = match[1]
        if inner.startswith("!"):
            return "${" + inner[1:] + "}"
        name = inner.strip()
        if name in values:
            value = values[name]
        elif "." in name:
            value = scope.attribute(*name.split(".", 1))
        else:
            value = _ref(name, scope)
        size += _characters(value)
        scope.budget.check(size)
        return _text(value, SUB)

    end = _end_of_variables(text)
    return _VARIABLE.sub(replaced, text[:end]) + text[end:]


def _end_of_variables(text: str) -> int:
    """Behind the last `}`: each `${` beyond would be searched to the text's end for one."""
    return text.rfind("}") + 1


def _text(value: Any, otherwise: str) -> str:
    """A scalar as text; anything else is the error `otherwise`."""
    if isinstance(value, dict | list) or value is None or value is NO_VALUE:
        raise FunctionError(reason=otherwise)
    return scalar_text(value)


def _join(argument: Any, scope: Scope) -> str:
    if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[0], str):
        raise FunctionError(reason=JOIN)
    members = resolve(argument[1], scope)
    if isinstance(members, str) and members == UNKNOWN:
        return UNKNOWN
    if not isinstance(members, list):
        raise FunctionError(reason=JOIN)
    scope.budget.check(_characters(members) + len(argument[0]) * len(members))
    return argument[0].join(_text(member, JOIN) for member in members)


def _split(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[0], str) or not argument[0]:
        raise FunctionError(reason=SPLIT)
    text = resolve(argument[1], scope)
    if not isinstance(text, str):
        raise FunctionError(reason=SPLIT)
    return UNKNOWN if UNKNOWN in text else text.split(argument[0])


def _select(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 2:
        raise FunctionError(reason=SELECT)
    stated, members = resolve(argument[0], scope), resolve(argument[1], scope)
    if isinstance(members, str) and members == UNKNOWN:
        return UNKNOWN
    try:
        index = int(stated)
    except (TypeError, ValueError):
        raise FunctionError(reason=SELECT) from None
    if not isinstance(members, list):
        raise FunctionError(reason=SELECT)
    if not 0 <= index < len(members):
        raise FunctionError(reason=f"Fn::Select cannot select nonexistent value at index {index}")
    return members[index]


def _if(argument: Any, scope: Scope) -> Any:
    return resolve(chosen_branch(argument, scope.conditions), scope)


def chosen_branch(argument: Any, conditions: Mapping[str, bool]) -> Any:
    """The branch of a Fn::If that its condition selects."""
    if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
        raise FunctionError(reason=IF)
    if argument[0] not in conditions:
        raise FunctionError(reason=f"unresolved condition dependency {argument[0]} in Fn::If")
    return argument[1] if conditions[argument[0]] else argument[2]


@dataclass(frozen=True, slots=True)
class NotInMap:
    default: Any  # as written


def find_in_map(argument: Any, scope: Scope) -> Any:
    """The value found, or the default stated for when there is none."""
    if not isinstance(argument, list) or len(argument) not in (3, 4) or (len(argument) == 4 and not scope.extended):
        raise FunctionError(reason=FIND_IN_MAP)
    name, first, second = (resolve(part, scope) for part in argument[:3])
    if not all(isinstance(part, str | int) for part in (name, first, second)):
        raise FunctionError(reason=FIND_IN_MAP)
    name, first, second = (scalar_text(part) for part in (name, first, second))
    default = argument[3] if len(argument) == 4 else None
    has_default = isinstance(default, dict) and "DefaultValue" in default
    if name not in scope.mappings and not has_default:
        raise FunctionError(reason=NO_MAPPING.format(name=name))
    found = scope.mappings.get(name, {}).get(first, {}).get(second, NO_VALUE)
    if found is not NO_VALUE:
        scope.budget.spend(found)
        return found
    if isinstance(default, dict) and has_default:
        return NotInMap(default["DefaultValue"])
    raise FunctionError(reason=f"Unable to get mapping for {name}::{first}::{second}")


def _find_in_map(argument: Any, scope: Scope) -> Any:
    found = find_in_map(argument, scope)
    return resolve(found.default, scope) if isinstance(found, NotInMap) else found


def _base64(argument: Any, scope: Scope) -> str:
    text = resolve(argument, scope)
    if not isinstance(text, str):
        raise FunctionError(reason="every Fn::Base64 object must have a String-typed value.")
    return UNKNOWN if UNKNOWN in text else base64.b64encode(text.encode()).decode()


def _get_azs(argument: Any, scope: Scope) -> list[str]:
    region = resolve(argument, scope)
    if not isinstance(region, str):
        raise FunctionError(reason="every Fn::GetAZs object must have a String-typed value.")
    return scope.zones(region or scope.parameters.get("AWS::Region", ""))


def _import_value(argument: Any, scope: Scope) -> Any:
    name = resolve(argument, scope)
    if not isinstance(name, str) or not name:
        raise FunctionError(
            reason="the attribute in Fn::ImportValue must be a string or a function that returns a string"
        )
    return scope.imported(name)


def _cidr(argument: Any, scope: Scope) -> Any:
    parts = [resolve(part, scope) for part in argument] if isinstance(argument, list) else []
    if len(parts) not in (2, 3):
        raise FunctionError(
            reason="every Fn::Cidr object requires two or three parameters: an IP block, a count and the subnets' bits"
        )
    if is_unknown(parts):
        return UNKNOWN
    try:
        block, count = ipaddress.ip_network(parts[0], strict=False), int(parts[1])
        bits = int(parts[2]) if len(parts) == 3 else 8
        prefix = block.max_prefixlen - bits
        if not 1 <= count <= CIDR_COUNT_MAX or prefix < block.prefixlen or count > 2 ** (prefix - block.prefixlen):
            raise ValueError
    except (TypeError, ValueError):
        raise FunctionError(reason=f"Fn::Cidr can't make {parts[1]} subnets of {parts[0]}") from None
    base, step = int(block.network_address), 2**bits
    address = type(block.network_address)
    return [f"{address(base + index * step)}/{prefix}" for index in range(count)]


def _length(argument: Any, scope: Scope) -> Any:
    members = resolve(argument, scope)
    if isinstance(members, str) and members == UNKNOWN:
        return UNKNOWN
    if not isinstance(members, list):
        raise FunctionError(reason="every Fn::Length object requires a list or a function that returns a list.")
    return len(members)


def _to_json_string(argument: Any, scope: Scope) -> str:
    value = resolve(argument, scope)
    if not isinstance(value, dict | list):
        raise FunctionError(reason="every Fn::ToJsonString object requires an object or a list.")
    return json.dumps(value, separators=(",", ":"))


def _condition(argument: str, scope: Scope) -> Any:
    """Outside Conditions, {"Condition": …} is plain data: a policy statement's only member, for example."""
    return {"Condition": argument}


def _only_in_conditions(name: str) -> Callable[[Any, Scope], Any]:
    def refuse(argument: Any, scope: Scope) -> Any:
        raise TemplateError(f"Template error: {name} is only allowed in the Conditions section")

    return refuse


FUNCTIONS: dict[str, Callable[[Any, Scope], Any]] = {
    "Ref": _ref,
    "Condition": _condition,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    **{name: _only_in_conditions(name) for name in ("Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or")},
}
EXTENSIONS: dict[str, Callable[[Any, Scope], Any]] = {"Fn::Length": _length, "Fn::ToJsonString": _to_json_string}
