"""The Conditions section: which of a template's conditions hold, given the parameters.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cloudlet.services.cloudformation.template.errors import FormatError, FunctionError
from cloudlet.services.cloudformation.template.intrinsics import Scope, function_name, resolve
from cloudlet.services.cloudformation.template.parameters import scalar_text

OPERANDS_MAX = 10
_ONLY = "Conditions can only be boolean operations on parameters and other conditions"


def evaluate_conditions(conditions: Mapping[str, Any], scope: Scope) -> dict[str, bool]:
    """Every condition's truth; the scope needs parameters and mappings only."""
    return _Conditions(conditions, scope).all()


class _Conditions:
    """Conditions by name, each evaluated once; `_path` holds those being evaluated, so that a circle is seen."""

    def __init__(self, stated: Mapping[str, Any], scope: Scope) -> None:
        self._stated = stated
        self._scope = replace(scope, reference=_unresolved, attribute=_unresolved, imported=_unresolved)
        self._known: dict[str, bool] = {}
        self._path: list[str] = []

    def all(self) -> dict[str, bool]:
        for name in self._stated:
            self._named(name, "Conditions")
        return {name: self._known[name] for name in self._stated}

    def _named(self, name: str, where: str) -> bool:
        if name in self._known:
            return self._known[name]
        if name not in self._stated:
            raise FunctionError(reason=f"unresolved condition dependency {name} in {where}")
        if name in self._path:
            raise FunctionError(reason=f"Found circular condition dependency between {name} and {self._path[-1]}")
        self._path.append(name)
        self._known[name] = self._truth(self._stated[name], where=f"Condition {name}")
        self._path.pop()
        return self._known[name]

    def _truth(self, value: Any, where: str) -> bool:
        name = function_name(value) if isinstance(value, dict) else None
        argument: Any = value[name] if name else None
        if name == "Condition":
            return self._named(argument, where)
        if name == "Fn::Equals":
            return self._equals(argument)
        if name == "Fn::Not":
            if not isinstance(argument, list) or len(argument) != 1:
                raise FunctionError(reason="every Fn::Not object requires one boolean parameter.")
            return not self._truth(argument[0], name)
        if name in ("Fn::And", "Fn::Or"):
            if not isinstance(argument, list) or not 2 <= len(argument) <= OPERANDS_MAX:
                reason = (
                    f"every {name} object requires a list of at least 2 and at most {OPERANDS_MAX} boolean parameters."
                )
                raise FunctionError(reason=reason)
            truths = [self._truth(operand, name) for operand in argument]
            return all(truths) if name == "Fn::And" else any(truths)
        if isinstance(value, bool) or value in ("true", "false"):
            return value in (True, "true")
        raise FormatError(reason=_ONLY)

    def _equals(self, argument: Any) -> bool:
        if not isinstance(argument, list) or len(argument) != 2:
            raise FunctionError(reason="every Fn::Equals object requires a list of 2 string parameters.")
        left, right = (self._operand(operand) for operand in argument)
        return left == right

    def _operand(self, operand: Any) -> Any:
        """Scalars compare as text (a Number parameter equals the number in the template), lists member by member."""
        if isinstance(operand, dict) and function_name(operand) == "Fn::If":
            stated = operand["Fn::If"]
            if not isinstance(stated, list) or len(stated) != 3:
                raise FormatError(reason=_ONLY)
            return self._operand(stated[1] if self._named(stated[0], "Fn::If") else stated[2])
        value = resolve(operand, self._scope)
        return value if isinstance(value, dict | list) else scalar_text(value)


def _unresolved(name: str, *attribute: str) -> Any:
    reason = f"Unresolved dependencies [{name}]. Cannot reference resources in the Conditions block of the template"
    raise FormatError(reason=reason)
