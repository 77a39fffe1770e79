"""What a new template changes in a stack: add, modify or remove, and whether a modification makes a new resource.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudlet.services.cloudformation.template.errors import TemplateError
from cloudlet.services.cloudformation.template.graph import references
from cloudlet.services.cloudformation.template.intrinsics import is_unknown
from cloudlet.services.cloudformation.template.parameters import scalar_text
from cloudlet.services.cloudformation.template.replacement import requires_recreation

# Attributes of a resource that may change without its properties; the value is the Scope and Target.Attribute.
_ATTRIBUTES = ("DeletionPolicy", "UpdateReplacePolicy", "Metadata", "Tags")


@dataclass(frozen=True, slots=True)
class State:
    """One resource: as the stack holds it, or as a template wants it (UNKNOWN where it can't say yet)."""

    type: str
    properties: Mapping[str, Any]
    physical_id: str | None = None
    stated: Mapping[str, Any] = field(default_factory=dict)  # the properties as written: says why a value changes
    attributes: Mapping[str, Any] = field(default_factory=dict)  # DeletionPolicy, UpdateReplacePolicy, Metadata, Tags


@dataclass(frozen=True, slots=True)
class Detail:
    """One changed property or attribute, and why it changes."""

    attribute: str  # Properties, Metadata, DeletionPolicy …
    name: str | None  # of the property
    recreation: str  # Never, Always
    evaluation: str  # Static, Dynamic: known only while the change is carried out
    source: str  # DirectModification, ParameterReference, ResourceReference, ResourceAttribute
    cause: str | None = None
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class Change:
    action: str  # Add, Modify, Remove
    logical_id: str
    type: str
    physical_id: str | None = None
    replacement: str | None = None  # True, False, Conditional; of a Modify only
    details: tuple[Detail, ...] = ()

    @property
    def scope(self) -> list[str]:
        return list(dict.fromkeys(detail.attribute for detail in self.details))


@dataclass(frozen=True, slots=True)
class Causes:
    """What a property may change for: names of resources, and of parameters whose values have changed."""

    resources: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()


NO_CAUSES = Causes()


def changes(present: Mapping[str, State], wanted: Mapping[str, State], causes: Causes = NO_CAUSES) -> list[Change]:
    """In the order of the new template, then what it no longer has."""
    _check_types(present, wanted)
    result = []
    for logical_id, state in wanted.items():
        before = present.get(logical_id)
        change = _added(logical_id, state) if before is None else modification(logical_id, before, state, causes)
        if change is not None:
            result.append(change)
    for logical_id, state in present.items():
        if logical_id not in wanted:
            result.append(Change("Remove", logical_id, state.type, state.physical_id))
    return result


def _check_types(present: Mapping[str, State], wanted: Mapping[str, State]) -> None:
    changed = [name for name in wanted if name in present and present[name].type != wanted[name].type]
    if changed:
        listed = ", ".join(changed)
        raise TemplateError(
            "Update of resource type is not permitted. The new template modifies resource type of the following "
            f"resources: [{listed}]"
        )


def _added(logical_id: str, state: State) -> Change:
    return Change("Add", logical_id, state.type)


def modification(logical_id: str, before: State, after: State, causes: Causes = NO_CAUSES) -> Change | None:
    """How one resource changes; None if it stays as it is."""
    details = (*_property_details(before, after, causes), *_attribute_details(before, after))
    if not details:
        return None
    recreating = {detail.evaluation for detail in details if detail.recreation == "Always"}
    replacement = "True" if "Static" in recreating else "Conditional" if recreating else "False"
    return Change("Modify", logical_id, after.type, before.physical_id, replacement, details)


def _property_details(before: State, after: State, causes: Causes) -> Iterator[Detail]:
    for name in sorted(before.properties.keys() | after.properties.keys()):
        old, new = before.properties.get(name), after.properties.get(name)
        if same(old, new):
            continue
        recreation = "Always" if requires_recreation(after.type, name) else "Never"
        stated = list(references(after.stated.get(name)))
        parameters = sorted({name for name, attribute in stated if attribute is None} & causes.parameters)
        for parameter in parameters:
            yield Detail("Properties", name, recreation, "Static", "ParameterReference", parameter, old, new)
        if is_unknown(new):
            source, cause = _cause(stated, causes)
            yield Detail("Properties", name, recreation, "Dynamic", source, cause, old, new)
        elif parameters:
            yield Detail("Properties", name, recreation, "Dynamic", "DirectModification", None, old, new)
        else:
            yield Detail("Properties", name, recreation, "Static", "DirectModification", None, old, new)


def _cause(stated: list[tuple[str, str | None]], causes: Causes) -> tuple[str, str | None]:
    """The first resource that a value not yet known comes from."""
    for name, attribute in stated:
        if name in causes.resources:
            return ("ResourceAttribute", f"{name}.{attribute}") if attribute else ("ResourceReference", name)
    return "DirectModification", None


def _attribute_details(before: State, after: State) -> Iterator[Detail]:
    for name in _ATTRIBUTES:
        old, new = before.attributes.get(name), after.attributes.get(name)
        if not same(old, new):
            yield Detail(name, None, "Never", "Static", "DirectModification", None, old, new)


def same(left: Any, right: Any) -> bool:
    """Equal, scalars as text: 1 and "1", true and "true" are one value to CloudFormation."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict | list) or isinstance(right, dict | list) or left is None or right is None:
        return left is right
    return scalar_text(left) == scalar_text(right)
