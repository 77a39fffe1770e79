"""What a plan would change in a stack: the changes of a change set, and whether an update has anything to do."""

import json
from typing import Any

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import export, lookup, making, records
from cloudlet.services.cloudformation.records import Resource, Stack
from cloudlet.services.cloudformation.template import diff
from cloudlet.services.cloudformation.template.intrinsics import (
    RESOLVED_ALL_CHARACTERS_MAX,
    UNKNOWN,
    Budget,
    Scope,
    resolve,
)
from cloudlet.services.cloudformation.template.prepare import Plan, Planned
from cloudlet.services.cloudformation.work import attribute_of, masked, parameters_of


def changes_of(call: Call, stack: Stack, plan: Plan) -> list[diff.Change]:
    """By logical id. What depends on a resource not yet there, or to be replaced, is unknown until then."""
    foreseen = _Foreseen(call, stack, plan)
    wanted = {planned.logical_id: foreseen.state(planned) for planned in plan.resources}
    changes = diff.changes({name: making.state_of(r) for name, r in foreseen.present.items()}, wanted)
    return sorted(changes, key=lambda change: change.logical_id)


def outputs_change(call: Call, stack: Stack, plan: Plan) -> bool:
    """Whether the outputs as they would be, as far as can be known, differ from the present ones."""
    foreseen = _Foreseen(call, stack, plan)
    for planned in plan.resources:
        foreseen.state(planned)
    present = [(o["OutputKey"], o["OutputValue"], o.get("ExportName"), o.get("Description")) for o in stack.outputs]
    wanted = []
    for output in plan.outputs:
        value, export_name = foreseen.value(output["value"]), foreseen.value(output["export"])
        wanted.append((output["name"], value, export_name, output["description"]))
    return not diff.same([list(row) for row in map(_texts, present)], [list(row) for row in map(_texts, wanted)])


def _texts(row: tuple[Any, ...]) -> list[Any]:
    return ["" if value is None else value for value in row]


class _Foreseen:
    """The stack as the plan would make it, resource by resource in the plan's order."""

    def __init__(self, call: Call, stack: Stack, plan: Plan) -> None:
        stored = lookup.resources_of(call.tx, call.keys, stack.id)
        self.present = {name: lookup.opened(call, stack, resource) for name, resource in stored.items()}
        self._call, self._stack = call, stack
        self._changes: dict[str, diff.Change | None] = {}
        self._scope = Scope(
            parameters=parameters_of(stack, records.plan_head(plan)),
            mappings=plan.mappings,
            conditions=plan.conditions,
            reference=self._reference,
            attribute=self._attribute,
            imported=self._imported,
            extended=plan.extended,
            budget=Budget(RESOLVED_ALL_CHARACTERS_MAX),
        )

    def state(self, planned: Planned) -> diff.State:
        attributes = {
            "DeletionPolicy": planned.deletion_policy,
            "UpdateReplacePolicy": planned.update_replace_policy,
            "Metadata": planned.metadata,
        }
        state = diff.State(planned.type, self.value(planned.properties), None, planned.properties, attributes)
        before = self.present.get(planned.logical_id)
        if before is not None and before.type == planned.type:
            self._changes[planned.logical_id] = diff.modification(planned.logical_id, making.state_of(before), state)
        return state

    def value(self, stated: Any) -> Any:
        return resolve(stated, self._scope)

    def _is_new(self, name: str) -> bool:
        change = self._changes.get(name)
        return name not in self.present or (change is not None and change.replacement != "False")

    def _reference(self, name: str) -> Any:
        return UNKNOWN if self._is_new(name) else self.present[name].physical_id or UNKNOWN

    def _attribute(self, name: str, attribute: str) -> Any:
        change = self._changes.get(name)
        if self._is_new(name) or (change and any(detail.name == attribute for detail in change.details)):
            return UNKNOWN
        try:
            secrets = lookup.unseal(self._call, lookup.sealed_context(self._stack, name), self.present[name].sealed)
            return attribute_of(self.present[name], attribute, secrets)
        except AwsError:
            return UNKNOWN  # it will be refused when its turn comes, as AWS does

    def _imported(self, name: str) -> Any:
        found = export.find_export(self._call, name)
        return UNKNOWN if found is None else found.value


def told(
    change: diff.Change, before: Resource | None, after: Planned | None, state: Any, secrets: list[str]
) -> records.Change:
    """A change in AWS's form, with and without properties' values; what is hidden is so here too."""
    plain: dict[str, Any] = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "ResourceType": change.type,
        "Scope": change.scope,
        "Details": [_detail(detail, with_values=False) for detail in change.details],
    }
    if change.physical_id is not None:
        plain["PhysicalResourceId"] = change.physical_id
    if change.replacement is not None:
        plain["Replacement"] = change.replacement
    if change.action == "Remove" and before is not None:
        plain["PolicyAction"] = "Retain" if before.deletion_policy.startswith("Retain") else "Delete"
    elif change.replacement == "True" and before is not None:
        plain["PolicyAction"] = f"ReplaceAnd{'Retain' if before.update_replace_policy == 'Retain' else 'Delete'}"
    detailed = {**plain, "Details": [_detail(detail, with_values=True) for detail in change.details]}
    if before is not None:
        detailed["BeforeContext"] = json.dumps({"Properties": masked(before.properties, secrets)})
    if after is not None:
        detailed["AfterContext"] = json.dumps({"Properties": masked(state, secrets)})
    return records.Change(plain, masked(detailed, secrets))


def _detail(detail: diff.Detail, *, with_values: bool) -> dict[str, Any]:
    target: dict[str, Any] = {"Attribute": detail.attribute, "RequiresRecreation": detail.recreation}
    if detail.name is not None:
        target["Name"] = detail.name
    if with_values:
        target["Path"] = f"/{detail.attribute}/{detail.name}" if detail.name else f"/{detail.attribute}"
        kind = "Add" if detail.before is None else "Remove" if detail.after is None else "Modify"
        target["AttributeChangeType"] = kind
        target |= {
            member: value if isinstance(value, str) else json.dumps(value)
            for member, value in (("BeforeValue", detail.before), ("AfterValue", detail.after))
            if value is not None
        }
    result = {"Target": target, "Evaluation": detail.evaluation, "ChangeSource": detail.source}
    if detail.cause is not None:
        result["CausingEntity"] = detail.cause
    return result


def all_told(call: Call, stack: Stack, plan: Plan) -> list[records.Change]:
    """Everything a change set shows."""
    foreseen = _Foreseen(call, stack, plan)
    states = {planned.logical_id: foreseen.state(planned).properties for planned in plan.resources}
    planned = {entry.logical_id: entry for entry in plan.resources}
    secrets = records.plan_head(plan).secrets()
    if stack.revision:
        secrets += lookup.require_plan(call, stack.id, stack.revision).secrets()
    return [
        told(
            change,
            foreseen.present.get(change.logical_id),
            planned.get(change.logical_id),
            states.get(change.logical_id),
            secrets,
        )
        for change in changes_of(call, stack, plan)
    ]
