"""From a template's text and the caller's parameters to a plan: everything that can be known before anything is done.

Plain values in, plain values out: it runs in a worker process (template_worker.py), since a template may take long to
read.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cloudlet.services.cloudformation.template import document, graph, language_extensions
from cloudlet.services.cloudformation.template.conditions import evaluate_conditions
from cloudlet.services.cloudformation.template.document import LANGUAGE_EXTENSIONS, SERVERLESS, Template
from cloudlet.services.cloudformation.template.errors import NotSupported
from cloudlet.services.cloudformation.template.intrinsics import Scope
from cloudlet.services.cloudformation.template.load import S3_BYTES_MAX, check_size, load
from cloudlet.services.cloudformation.template.parameters import (
    Given,
    Parameter,
    reference_value,
    resolve_parameters,
)
from cloudlet.services.cloudformation.template.patterns import patterns_in_time
from cloudlet.services.cloudformation.template.summary import capabilities, summary

# (document, parameter values and pseudo parameters) → document; only serverless.py can fill it in.
SamTransform = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Pseudo:
    """The pseudo parameters of a stack."""

    account: str
    region: str
    stack_name: str
    stack_id: str
    notification_arns: tuple[str, ...] = ()
    partition: str = "aws"

    def values(self) -> dict[str, Any]:
        return {
            "AWS::AccountId": self.account,
            "AWS::NotificationARNs": list(self.notification_arns),
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack_name,
            "AWS::URLSuffix": "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com",
        }


@dataclass(frozen=True, slots=True)
class Planned:
    """One resource to be there: its properties still hold functions, but neither Fn::If nor Fn::FindInMap."""

    logical_id: str
    type: str
    properties: dict[str, Any]
    needs: list[str]
    deletion_policy: str
    update_replace_policy: str
    metadata: Any = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A template made ready: `resources` stand in the order in which they are created."""

    description: str | None
    values: dict[str, str]  # of the parameters, as text
    hidden: list[str]  # parameters with NoEcho
    lists: list[str]  # parameters whose Ref gives a list
    conditions: dict[str, bool]
    resources: list[Planned]
    outputs: list[dict[str, Any]]
    imports: list[str]  # names of exports
    capabilities: list[str]
    transforms: list[str]
    extended: bool
    processed: str  # the template after its transforms: what GetTemplate gives for Processed
    warnings: list[str] = field(default_factory=list)


def validate(text: str, bytes_max: int = S3_BYTES_MAX) -> dict[str, Any]:
    """The facts of ValidateTemplate and GetTemplateSummary; transforms are named, not run."""
    loaded = load(text, bytes_max)
    with patterns_in_time():
        document.parse_parameters(loaded)
    return summary(_parsed_for_summary(loaded))


def _parsed_for_summary(loaded: dict[str, Any]) -> Template:
    names = document.transform_names(loaded)
    if SERVERLESS in names:
        loaded = {name: value for name, value in loaded.items() if name != "Globals"}
        loaded["Resources"] = {
            name: {key: value for key, value in raw.items() if key not in ("Connectors", "IgnoreGlobals")}
            if isinstance(raw, dict)
            else raw
            for name, raw in loaded.get("Resources", {}).items()
        }
        return document.parse(loaded)  # SAM makes resources that may be referred to before they exist
    if LANGUAGE_EXTENSIONS in names:
        declared = document.parse_parameters(loaded)
        values = {name: parameter.default or "" for name, parameter in declared.items()}
        loaded = language_extensions.expand(loaded, _scope(loaded, declared, values, {}))
    template = document.parse(loaded)
    graph.check_references(template)
    return template


def _scope(
    loaded: dict[str, Any], declared: Mapping[str, Parameter], values: Mapping[str, str], pseudo: dict[str, Any]
) -> Scope:
    references = {name: reference_value(declared[name], value) for name, value in values.items()}
    mappings = loaded.get("Mappings", {})
    extended = LANGUAGE_EXTENSIONS in document.transform_names(loaded)
    return Scope(parameters={**references, **pseudo}, mappings=mappings, extended=extended)


def prepare(
    text: str,
    given: list[Given],
    previous: Mapping[str, str] | None,
    pseudo: Pseudo,
    sam: SamTransform | None = None,
    bytes_max: int = S3_BYTES_MAX,
) -> Plan:
    """The plan for a stack; TemplateError where AWS would refuse the request."""
    loaded = load(text, bytes_max)
    with patterns_in_time():
        declared = document.parse_parameters(loaded)
        values = resolve_parameters(declared, given, previous)
    scope = _scope(loaded, declared, values, pseudo.values())
    transforms = document.transform_names(loaded)
    loaded = _transformed(loaded, scope, sam)
    template = document.parse(loaded)
    graph.check_references(template)
    conditions = evaluate_conditions(template.conditions, scope)
    settling = replace(scope, mappings=template.mappings, conditions=conditions)
    alive = graph.live(template, settling)
    edges = graph.dependencies(alive)
    needed, _ = capabilities(template)
    return Plan(
        description=template.description,
        values=values,
        hidden=[name for name, parameter in declared.items() if parameter.no_echo],
        lists=[name for name, parameter in declared.items() if parameter.is_list],
        conditions=conditions,
        resources=[_planned(alive, name, edges[name]) for name in graph.creation_order(edges)],
        outputs=[
            {"name": o.name, "value": o.value, "description": o.description, "export": o.export_name}
            for o in alive.outputs.values()
        ],
        imports=graph.imports_of(alive, settling),
        capabilities=needed,
        transforms=list(transforms),
        extended=scope.extended,
        processed=_processed(loaded) if transforms else "",
    )


def _processed(loaded: dict[str, Any]) -> str:
    """What transforms made is a template like any other, and no larger."""
    text = json.dumps(loaded)
    check_size(text, S3_BYTES_MAX)
    return text


def _planned(template: Template, name: str, needs: set[str]) -> Planned:
    resource = template.resources[name]
    return Planned(
        name,
        resource.type,
        resource.properties,
        sorted(needs),
        resource.deletion_policy,
        resource.update_replace_policy,
        resource.metadata,
    )


def _transformed(loaded: dict[str, Any], scope: Scope, sam: SamTransform | None) -> dict[str, Any]:
    """The template's transforms, in the order in which AWS runs its own: language extensions first."""
    names = document.transform_names(loaded)
    for name in names:
        if name not in (LANGUAGE_EXTENSIONS, SERVERLESS):
            raise NotSupported(feature=f"cloudformation: the transform {name}", module="prepare")
    if LANGUAGE_EXTENSIONS in names:
        loaded = language_extensions.expand(loaded, scope)
    if SERVERLESS in names:
        document.check_no_null(loaded)
        assert sam is not None, "the SAM translator runs in the worker only"
        loaded = sam(loaded, dict(scope.parameters))
    return loaded
