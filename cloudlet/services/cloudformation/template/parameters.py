"""Parameters: their declarations, and the values a stack gets from what the caller gave.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from cloudlet.services.cloudformation.template.errors import FormatError, NotSupported, TemplateError
from cloudlet.services.cloudformation.template.patterns import TooSlow, matches

VALUE_BYTES_MAX = 4_096
_ALPHANUMERIC = re.compile(r"[a-zA-Z0-9]{1,255}")
_MEMBERS = frozenset(
    (
        "AllowedPattern",
        "AllowedValues",
        "ConstraintDescription",
        "Default",
        "Description",
        "MaxLength",
        "MaxValue",
        "MinLength",
        "MinValue",
        "NoEcho",
        "Type",
    )
)
_PLAIN_TYPES = frozenset(("String", "Number", "CommaDelimitedList", "List<Number>", "List<String>"))
# Types whose values AWS looks up in services that are not here, or in Systems Manager.
_LOOKED_UP = re.compile(r"(List<)?AWS::(EC2|Route53|SSM)::[A-Za-z:<>]+")


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: str
    default: str | None = None
    description: str | None = None
    no_echo: bool = False
    allowed_pattern: str | None = None
    allowed_values: tuple[str, ...] = ()
    constraint_description: str | None = None
    max_length: int | None = None
    min_length: int | None = None
    max_value: Decimal | None = None
    min_value: Decimal | None = None

    @property
    def is_list(self) -> bool:
        return self.type == "CommaDelimitedList" or self.type.startswith("List<")

    @property
    def is_number(self) -> bool:
        return self.type in ("Number", "List<Number>")


@dataclass(frozen=True, slots=True)
class Given:
    """One entry of a request's Parameters."""

    key: str
    value: str | None = None
    use_previous: bool = False


def parse_parameter(name: str, raw: Any) -> Parameter:
    if not _ALPHANUMERIC.fullmatch(name):
        raise FormatError(reason=f"Parameter name {name} is non alphanumeric.")
    if not isinstance(raw, dict) or not isinstance(raw.get("Type"), str):
        raise FormatError(reason="Every Parameters object must contain a Type member.")
    for member in raw:
        if member not in _MEMBERS:
            raise TemplateError(f"Invalid template parameter property '{member}'")
    type_ = _checked_type(raw["Type"])
    if "Default" in raw and isinstance(raw["Default"], dict | list):
        raise FormatError(reason="Every Default member must be a string.")
    allowed = raw.get("AllowedValues", [])
    if not isinstance(allowed, list):
        raise FormatError(reason="Every AllowedValues value must be a list.")
    parameter = Parameter(
        name,
        type_,
        default=scalar_text(raw["Default"]) if "Default" in raw else None,
        description=raw.get("Description"),
        no_echo=str(raw.get("NoEcho", False)).lower() == "true",
        allowed_pattern=raw.get("AllowedPattern"),
        allowed_values=tuple(scalar_text(value) for value in allowed),
        constraint_description=raw.get("ConstraintDescription"),
        max_length=_length(name, "MaxLength", raw),
        min_length=_length(name, "MinLength", raw),
        max_value=_bound(name, "MaxValue", raw),
        min_value=_bound(name, "MinValue", raw),
    )
    _check_pattern(parameter)
    return parameter


def _checked_type(type_: str) -> str:
    if type_ in _PLAIN_TYPES:
        return type_
    if _LOOKED_UP.fullmatch(type_):
        raise NotSupported(feature=f"cloudformation: the parameter type {type_}", module="parameters")
    raise FormatError(reason=f"Unrecognized parameter type: {type_}")


def _check_pattern(parameter: Parameter) -> None:
    if parameter.allowed_pattern is None:
        return
    try:
        re.compile(parameter.allowed_pattern)
    except (re.error, TypeError, OverflowError, RecursionError, TooSlow):
        reason = (
            f"Parameter {parameter.name} AllowedPattern {parameter.allowed_pattern} is not a valid regular expression"
        )
        raise FormatError(reason=reason) from None


def _length(name: str, member: str, raw: dict[str, Any]) -> int | None:
    bound = _bound(name, member, raw)
    return None if bound is None else int(bound)


def _bound(name: str, member: str, raw: dict[str, Any]) -> Decimal | None:
    if member not in raw:
        return None
    number = as_number(scalar_text(raw[member]))
    if number is None:
        raise FormatError(reason=f"Every {member} member must be a number. (parameter {name})")
    return number


def scalar_text(value: Any) -> str:
    """A scalar as CloudFormation writes it: true and false in lower case, whole numbers without a point."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return str(value)


def as_number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def resolve_parameters(
    declared: Mapping[str, Parameter],
    given: Sequence[Given],
    previous: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The value of every declared parameter as text, constraints checked; `previous` are the stack's present values."""
    _check_keys(declared, given, previous or {})
    stated = {entry.key: entry for entry in given}
    values: dict[str, str] = {}
    missing = []
    for name, parameter in declared.items():
        entry = stated.get(name)
        if entry is not None and entry.use_previous:
            value: str | None = (previous or {})[name]
        elif entry is not None and entry.value is not None:
            value = entry.value
        else:
            value = parameter.default
        if value is None:
            missing.append(name)
        else:
            check_value(parameter, value)
            values[name] = value
    if missing:
        raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
    return values


def _check_keys(declared: Mapping[str, Parameter], given: Sequence[Given], previous: Mapping[str, str]) -> None:
    unknown = [entry.key for entry in given if entry.key not in declared]
    if unknown:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    seen: set[str] = set()
    for entry in given:
        if entry.key in seen:
            raise TemplateError(f"Duplicate input parameter key: {entry.key}")
        seen.add(entry.key)
        if entry.use_previous and entry.value is not None:
            raise _invalid_input(
                entry.key, "Cannot specify usePreviousValue as true and also specify a parameter value"
            )
        if entry.use_previous and entry.key not in previous:
            reason = "Cannot specify usePreviousValue as true for a parameter key not in the previous template"
            raise _invalid_input(entry.key, reason)


def _invalid_input(key: str, reason: str) -> TemplateError:
    return TemplateError(f"Invalid input for parameter key {key}. {reason}")


def check_value(parameter: Parameter, value: str) -> None:
    """The declaration's constraints, each member of a list for itself."""
    if len(value.encode()) > VALUE_BYTES_MAX:
        raise TemplateError(f"Parameter '{parameter.name}' value length is greater than {VALUE_BYTES_MAX}.")
    for member in split_list(value) if parameter.is_list else [value]:
        try:
            reason = _violation(parameter, member)
        except TooSlow:
            told = f"Parameter '{parameter.name}' AllowedPattern {parameter.allowed_pattern} takes too long to match"
            raise TemplateError(told) from None
        if reason is None:
            continue
        if parameter.constraint_description and not reason.endswith("must be a number."):
            described = f"Parameter {parameter.name} failed to satisfy constraint: {parameter.constraint_description}"
            raise TemplateError(described)
        raise TemplateError(f"Parameter '{parameter.name}' {reason}")


def _violation(parameter: Parameter, value: str) -> str | None:
    number = as_number(value) if parameter.is_number else None
    if parameter.is_number and number is None:
        return "must be a number."
    if parameter.allowed_values and value not in parameter.allowed_values:
        return "must be one of AllowedValues"
    if parameter.allowed_pattern is not None and not matches(parameter.allowed_pattern, value):
        return f"must match pattern {parameter.allowed_pattern}"
    if parameter.min_length is not None and len(value) < parameter.min_length:
        return f"must contain at least {parameter.min_length} characters"
    if parameter.max_length is not None and len(value) > parameter.max_length:
        return f"must contain at most {parameter.max_length} characters"
    if number is not None and parameter.min_value is not None and number < parameter.min_value:
        return f"must be a number not less than {parameter.min_value}"
    if number is not None and parameter.max_value is not None and number > parameter.max_value:
        return f"must be a number not greater than {parameter.max_value}"
    return None


def split_list(value: str) -> list[str]:
    """A CommaDelimitedList's members, spaces around them dropped."""
    return [member.strip() for member in value.split(",")]


def reference_value(parameter: Parameter, value: str) -> str | list[str]:
    """What {"Ref": …} of the parameter gives."""
    return split_list(value) if parameter.is_list else value


def references_of(values: Mapping[str, str], lists: Sequence[str]) -> dict[str, Any]:
    """The same for all of them, where one knows which are lists."""
    return {name: split_list(text) if name in lists else text for name, text in values.items()}
