"""What in a template refers to what: undefined names, the order of resources, circles.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from cloudlet.services.cloudformation.template.document import Output, Resource, Template
from cloudlet.services.cloudformation.template.errors import FormatError, FunctionError, TemplateError
from cloudlet.services.cloudformation.template.intrinsics import (
    NO_MAPPING,
    NotInMap,
    Scope,
    check_no_dynamic_reference,
    check_supported,
    chosen_branch,
    find_in_map,
    function_name,
    get_att_target,
    resolve,
    sub_names,
    sub_parts,
)

PSEUDO_PARAMETERS = frozenset(
    (
        "AWS::AccountId",
        "AWS::NoValue",
        "AWS::NotificationARNs",
        "AWS::Partition",
        "AWS::Region",
        "AWS::StackId",
        "AWS::StackName",
        "AWS::URLSuffix",
    )
)


def references(value: Any) -> Iterator[tuple[str, str | None]]:
    """Every (name, attribute) that functions in `value` refer to; a Ref has the attribute None."""
    if isinstance(value, list):
        for member in value:
            yield from references(member)
    if not isinstance(value, dict):
        return
    name = function_name(value)
    if name == "Ref":
        yield value["Ref"], None
    elif name == "Fn::GetAtt":
        resource, attribute = get_att_target(value["Fn::GetAtt"])
        yield resource, attribute if isinstance(attribute, str) else ""
        yield from references(attribute)
    elif name == "Fn::Sub":
        text, own = sub_parts(value["Fn::Sub"])
        for variable in sub_names(text):
            if variable not in own:
                resource, dot, attribute = variable.partition(".")
                yield resource, attribute if dot else None
        yield from references(own)
    else:
        for member in value.values():
            yield from references(member)


def conditions_used(value: Any) -> Iterator[str]:
    """The condition of every Fn::If in `value`."""
    if isinstance(value, list):
        for member in value:
            yield from conditions_used(member)
    elif isinstance(value, dict):
        branches = value["Fn::If"] if function_name(value) == "Fn::If" else None
        if isinstance(branches, list) and branches and isinstance(branches[0], str):
            yield branches[0]
        for member in value.values():
            yield from conditions_used(member)


def check_references(template: Template) -> None:
    """Every name is defined somewhere, whatever the parameters: what ValidateTemplate can know."""
    _check_conditions_exist(template)
    known = template.resources.keys() | template.parameters.keys() | PSEUDO_PARAMETERS
    resources, outputs = list(template.resources.values()), list(template.outputs.values())
    _check_block("Resources", [[r.properties, r.metadata] for r in resources], known, template.resources)
    _check_depends_on(resources, template.resources)
    _check_block("Outputs", [[output.value, output.export_name] for output in outputs], known, template.resources)
    _check_functions([[r.properties for r in resources], [o.value for o in outputs]], template)
    if not template.conditions:  # else it takes their values to know which dependencies there are
        creation_order(dependencies(template))


def _check_conditions_exist(template: Template) -> None:
    for value in (*(r.properties for r in template.resources.values()), *(o.value for o in template.outputs.values())):
        for name in conditions_used(value):
            if name not in template.conditions:
                raise FunctionError(reason=f"unresolved condition dependency {name} in Fn::If")
    members: list[tuple[str, Resource | Output]] = [
        *(("Resources", resource) for resource in template.resources.values()),
        *(("Outputs", output) for output in template.outputs.values()),
    ]
    for block, member in members:
        if member.condition is not None and member.condition not in template.conditions:
            raise FormatError(
                reason=f"Unresolved condition dependency {member.condition} in the {block} block of the template"
            )


def _check_block(block: str, values: list[Any], known: Any, resources: Mapping[str, Resource]) -> None:
    unresolved: dict[str, None] = {}
    for value in values:
        for name, attribute in references(value):
            if attribute is None and name not in known:
                unresolved[name] = None
            if attribute is not None and name not in resources:
                raise FunctionError(reason=f"instance of Fn::GetAtt references undefined resource {name}")
    _refuse_unresolved(block, unresolved)


def _check_functions(value: Any, template: Template) -> None:
    """Every function is one that there is, every mapping named outright is stated."""
    if isinstance(value, list):
        for member in value:
            _check_functions(member, template)
    if not isinstance(value, dict):
        return
    name = function_name(value)
    if name is not None and name != "Fn::Transform":
        check_supported(name, extended=template.extended)
    if name == "Fn::FindInMap" and isinstance(value[name], list) and len(value[name]) == 3:
        mapping = value[name][0]
        if isinstance(mapping, str) and mapping not in template.mappings:
            raise FunctionError(reason=NO_MAPPING.format(name=mapping))
    for member in value.values():
        _check_functions(member, template)


def _check_depends_on(resources: list[Resource], known: Mapping[str, Resource]) -> None:
    stated = (name for resource in resources for name in resource.depends_on)
    _refuse_unresolved("Resources", dict.fromkeys(name for name in stated if name not in known))


def _refuse_unresolved(block: str, names: dict[str, None]) -> None:
    if names:
        listed = ", ".join(sorted(names))
        raise FormatError(reason=f"Unresolved resource dependencies [{listed}] in the {block} block of the template")


def live(template: Template, scope: Scope) -> Template:
    """The template as its conditions make it: resources, outputs and branches that are not chosen are gone."""
    resources = {
        name: replace(
            resource, properties=settle(resource.properties, scope), metadata=settle(resource.metadata, scope)
        )
        for name, resource in template.resources.items()
        if resource.condition is None or scope.conditions[resource.condition]
    }
    outputs = {
        name: replace(output, value=settle(output.value, scope), export_name=settle(output.export_name, scope))
        for name, output in template.outputs.items()
        if output.condition is None or scope.conditions[output.condition]
    }
    return replace(template, resources=resources, outputs=outputs)


def settle(value: Any, scope: Scope) -> Any:
    """`value` with each Fn::If replaced by the branch that is chosen, and each Fn::FindInMap by what it finds."""
    if isinstance(value, list):
        return [settle(member, scope) for member in value]
    if isinstance(value, str):
        check_no_dynamic_reference(value)
    if not isinstance(value, dict):
        return value
    name = function_name(value)
    if name == "Fn::If":
        return settle(chosen_branch(value[name], scope.conditions), scope)
    if name == "Fn::FindInMap":
        found = find_in_map(value[name], scope)
        return settle(found.default, scope) if isinstance(found, NotInMap) else found
    return {key: settle(member, scope) for key, member in value.items()}


def imports_of(template: Template, scope: Scope) -> list[str]:
    """The names of the exports that a live template uses: they are said without the stack's own resources."""
    values: list[Any] = [resource.properties for resource in template.resources.values()]
    values += [[output.value, output.export_name] for output in template.outputs.values()]
    scope = replace(scope, reference=_not_in_import, attribute=_not_in_import, imported=_not_in_import)
    names = (resolve(argument, scope) for value in values for argument in _import_arguments(value))
    return sorted({name for name in names if isinstance(name, str)})


def _not_in_import(*names: str) -> Any:
    raise FunctionError(
        reason="the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs"
    )


def _import_arguments(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for member in value:
            yield from _import_arguments(member)
    elif isinstance(value, dict):
        if function_name(value) == "Fn::ImportValue":
            yield value["Fn::ImportValue"]
        for member in value.values():
            yield from _import_arguments(member)


def dependencies(template: Template) -> dict[str, set[str]]:
    """What each resource of a live template needs first; a DependsOn on one that isn't created is ignored."""
    edges: dict[str, set[str]] = {}
    known = template.parameters.keys() | PSEUDO_PARAMETERS
    unresolved: dict[str, None] = {}
    for name, resource in template.resources.items():
        needed = {target for target in resource.depends_on if target in template.resources}
        for target, _ in references([resource.properties, resource.metadata]):
            if target in template.resources:
                needed.add(target)
            elif target not in known:
                unresolved[target] = None
        edges[name] = needed
    _refuse_unresolved("Resources", unresolved)
    return edges


def creation_order(edges: Mapping[str, set[str]]) -> list[str]:
    """The resources, each after those it needs, otherwise in the template's order; deletion is the reverse."""
    positions = {name: position for position, name in enumerate(edges)}
    names = list(edges)
    waiting = {name: len(needed) for name, needed in edges.items()}
    needed_by: dict[str, list[str]] = {name: [] for name in edges}
    for name, needed in edges.items():
        for target in needed:
            needed_by[target].append(name)
    ready = [positions[name] for name, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    order = []
    while ready:
        name = names[heapq.heappop(ready)]
        order.append(name)
        for dependent in needed_by[name]:
            waiting[dependent] -= 1
            if waiting[dependent] == 0:
                heapq.heappush(ready, positions[dependent])
    if len(order) < len(names):
        circle = _circle({name: edges[name] for name in names if waiting[name] > 0})
        raise TemplateError(f"Circular dependency between resources: [{', '.join(circle)}]")
    return order


def _circle(edges: dict[str, set[str]]) -> list[str]:
    """Of resources that can't be ordered, those that others of them need: not what merely waits for a circle."""
    while True:
        needed = {target for targets in edges.values() for target in targets}
        outside = [name for name in edges if name not in needed]
        if not outside:
            return list(edges)
        for name in outside:
            del edges[name]
