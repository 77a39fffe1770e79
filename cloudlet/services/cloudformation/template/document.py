"""A template's structure: its sections as values, everything out of place refused in AWS's words.

What the functions in it mean is intrinsics.py's, what they refer to is graph.py's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cloudlet.services.cloudformation.template.errors import FormatError, NotSupported, TemplateError
from cloudlet.services.cloudformation.template.parameters import Parameter, parse_parameter

VERSION = "2010-09-09"
LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"
SERVERLESS = "AWS::Serverless-2016-10-31"

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
RESOURCES_MAX = 500
PARAMETERS_MAX = 200
OUTPUTS_MAX = 200
MAPPINGS_MAX = 200
DESCRIPTION_BYTES_MAX = 1_024

_SECTIONS = frozenset(
    (
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Hooks",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
        "Transform",
    )
)
_RESOURCE_MEMBERS = frozenset(
    (
        "Condition",
        "CreationPolicy",
        "DeletionPolicy",
        "DependsOn",
        "Metadata",
        "Properties",
        "Type",
        "UpdatePolicy",
        "UpdateReplacePolicy",
        "Version",
    )
)
_POLICIES = frozenset(("Delete", "Retain", "Snapshot", "RetainExceptOnCreate"))
_WITH_SNAPSHOTS = (
    "AWS::DocDB::DBCluster",
    "AWS::EC2::Volume",
    "AWS::ElastiCache::",
    "AWS::Neptune::DBCluster",
    "AWS::RDS::DB",
    "AWS::Redshift::Cluster",
)
_ALPHANUMERIC = re.compile(r"[a-zA-Z0-9]{1,255}")


@dataclass(frozen=True, slots=True)
class Resource:
    """One member of Resources; `properties` still hold their functions."""

    logical_id: str
    type: str
    properties: dict[str, Any]
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    deletion_policy: Any = "Delete"
    update_replace_policy: Any = "Delete"
    metadata: Any = None
    other: dict[str, Any] = field(default_factory=dict)  # CreationPolicy, UpdatePolicy


@dataclass(frozen=True, slots=True)
class Output:
    name: str
    value: Any
    description: str | None = None
    export_name: Any = None
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    description: str | None
    metadata: Any
    version: str | None
    transforms: tuple[str, ...]
    parameters: dict[str, Parameter]
    mappings: dict[str, dict[str, dict[str, Any]]]
    conditions: dict[str, Any]
    resources: dict[str, Resource]
    outputs: dict[str, Output]

    @property
    def extended(self) -> bool:
        """Whether the template asks for the functions of AWS::LanguageExtensions."""
        return LANGUAGE_EXTENSIONS in self.transforms


def parse(document: dict[str, Any]) -> Template:
    """The template that `document` (load.py's) describes, transforms already applied."""
    check_no_null(document)
    unknown = [name for name in document if name not in _SECTIONS]
    if unknown:
        raise TemplateError(f"Invalid template property or properties [{', '.join(unknown)}]")
    for name in ("Rules", "Hooks"):
        if document.get(name):
            raise NotSupported(feature=f"cloudformation: the template section {name}", module="document")
    version = document.get("AWSTemplateFormatVersion")
    if version is not None and str(version) != VERSION:
        raise FormatError(reason=f"{version} is not a supported value for AWSTemplateFormatVersion.")
    return Template(
        description=_description(document),
        metadata=document.get("Metadata"),
        version=version,
        transforms=transform_names(document),
        parameters=parse_parameters(document),
        mappings=_mappings(document),
        conditions=_conditions(document),
        resources=_resources(document),
        outputs=_outputs(document),
    )


def check_no_null(document: dict[str, Any]) -> None:
    """Null is refused everywhere; AWS's path says Type where a resource's Properties are meant."""
    for path in _null_paths(document, ()):
        if len(path) > 3 and path[0] == "Resources" and path[2] == "Properties":
            path = (*path[:2], "Type", *path[3:])
        raise TemplateError(f"[/{'/'.join(path)}] 'null' values are not allowed in templates")


def _null_paths(value: Any, path: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    if value is None:
        yield path
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _null_paths(member, (*path, str(name)))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _null_paths(member, (*path, str(index)))


def transform_names(document: dict[str, Any]) -> tuple[str, ...]:
    """The names under Transform, in order: a string, a list, or {Name: …} among them."""
    stated = document.get("Transform", [])
    names = []
    for entry in stated if isinstance(stated, list) else [stated]:
        name = entry.get("Name") if isinstance(entry, dict) else entry
        if not isinstance(name, str):
            raise TemplateError("Key Name of transform definition must be a string.")
        names.append(name)
    return tuple(names)


def parse_parameters(document: dict[str, Any]) -> dict[str, Parameter]:
    """The Parameters section alone: transforms need its defaults before the rest can be read."""
    section = _section(document, "Parameters", PARAMETERS_MAX)
    return {name: parse_parameter(name, raw) for name, raw in section.items()}


def _section(document: dict[str, Any], name: str, members_max: int | None = None) -> dict[str, Any]:
    section = document.get(name, {})
    if not isinstance(section, dict):
        raise FormatError(reason=f"{name} section must be an object.")
    if members_max is not None and len(section) > members_max:
        reason = f"Number of {name.lower()}, {len(section)}, is greater than maximum allowed, {members_max}"
        raise FormatError(reason=reason)
    return section


def _description(document: dict[str, Any]) -> str | None:
    description = document.get("Description")
    if description is None:
        return None
    if not isinstance(description, str):
        raise FormatError(reason="Description must be a string.")
    if len(description.encode()) > DESCRIPTION_BYTES_MAX:
        raise FormatError(reason=f"'Description' length is greater than {DESCRIPTION_BYTES_MAX}.")
    return description


def _conditions(document: dict[str, Any]) -> dict[str, Any]:
    section = _section(document, "Conditions")
    for name in section:
        _check_name("Condition", name)
    return section


def _mappings(document: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    section = _section(document, "Mappings", MAPPINGS_MAX)
    for name, mapping in section.items():
        _check_name("Mapping", name)
        if not isinstance(mapping, dict):
            raise FormatError(reason=f"Every Mappings member {name} must be a map")
        for attributes in mapping.values():
            if not isinstance(attributes, dict):
                raise FormatError(reason=f"Every Mappings member {name} must be a map")
            if not all(_is_mapping_value(attribute) for attribute in attributes.values()):
                raise FormatError(reason="Every Mappings attribute must be a String or a List.")
    return section


def _is_mapping_value(attribute: Any) -> bool:
    if isinstance(attribute, list):
        return all(not isinstance(member, dict | list) for member in attribute)
    return not isinstance(attribute, dict)


def _resources(document: dict[str, Any]) -> dict[str, Resource]:
    section = _section(document, "Resources", RESOURCES_MAX)
    if not section:
        raise FormatError(reason="At least one Resources member must be defined.")
    return {logical_id: _resource(logical_id, raw) for logical_id, raw in section.items()}


def _resource(logical_id: str, raw: Any) -> Resource:
    _check_name("Resource", logical_id)
    path = f"[/Resources/{logical_id}]"
    if not isinstance(raw, dict):
        raise FormatError(reason=f"{path} resource definition is malformed")
    if "Type" not in raw:
        raise FormatError(reason=f"{path} Every Resources object must contain a Type member.")
    if not isinstance(raw["Type"], str):
        raise FormatError(reason=f"{path} Every Type member must be a string.")
    for member in raw:
        if member not in _RESOURCE_MEMBERS:
            raise TemplateError(f"Invalid template resource property '{member}'")
    properties = raw.get("Properties", {})
    if not isinstance(properties, dict):
        raise FormatError(reason=f"{path} Every Properties member must be a map.")
    condition = raw.get("Condition")
    if condition is not None and not isinstance(condition, str):
        raise FormatError(reason=f"{path} Every Condition member must be a string.")
    return Resource(
        logical_id,
        raw["Type"],
        properties,
        _depends_on(path, raw.get("DependsOn", [])),
        condition,
        _policy(logical_id, "DeletionPolicy", raw),
        _policy(logical_id, "UpdateReplacePolicy", raw),
        raw.get("Metadata"),
        {name: raw[name] for name in ("CreationPolicy", "UpdatePolicy") if name in raw},
    )


def _depends_on(path: str, stated: Any) -> tuple[str, ...]:
    names = stated if isinstance(stated, list) else [stated]
    if not all(isinstance(name, str) for name in names):
        raise FormatError(reason=f"{path} Every DependsOn value must be a string.")
    return tuple(names)


def _policy(logical_id: str, member: str, raw: dict[str, Any]) -> Any:
    """Delete, Retain …; functions only come here once AWS::LanguageExtensions resolved them."""
    policy = raw.get(member, "Delete")
    if policy == "Snapshot" and not raw["Type"].startswith(_WITH_SNAPSHOTS):
        raise FormatError(reason=f"{member} Snapshot is not supported for resource {logical_id} of type {raw['Type']}")
    if not isinstance(policy, str) or policy not in _POLICIES:
        raise FormatError(reason=f"Unrecognized {member} {policy} for resource {logical_id}")
    return policy


def _outputs(document: dict[str, Any]) -> dict[str, Output]:
    section = _section(document, "Outputs", OUTPUTS_MAX)
    return {name: _output(name, raw) for name, raw in section.items()}


def _output(name: str, raw: Any) -> Output:
    _check_name("Output", name)
    if not isinstance(raw, dict) or "Value" not in raw:
        raise FormatError(reason="Every Outputs member must contain a Value object")
    if isinstance(raw["Value"], list):
        raise FormatError(reason="The Value field of every Outputs member must evaluate to a String.")
    for member in raw:
        if member not in ("Value", "Description", "Export", "Condition"):
            raise TemplateError(f"Invalid template output property '{member}'")
    export = raw.get("Export")
    if export is not None and (not isinstance(export, dict) or set(export) != {"Name"}):
        raise FormatError(reason=f"Output {name} is malformed. The Export member must hold exactly one Name.")
    description = raw.get("Description")
    return Output(name, raw["Value"], description, export["Name"] if export else None, raw.get("Condition"))


def _check_name(kind: str, name: str) -> None:
    if not _ALPHANUMERIC.fullmatch(name):
        raise FormatError(reason=f"{kind} name {name} is non alphanumeric.")
