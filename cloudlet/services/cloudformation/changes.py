"""What a plan would change in a stack: pure, so that the template's worker process works it out.

The stack's resources come as `Known`, opened and with their secrets; exports as values by name.
"""

import json
from typing import Any

import msgspec

from cloudlet.base.errors import AwsError
from cloudlet.services.cloudformation.prepared import PreparedPlan
from cloudlet.services.cloudformation.records import (
    Change,
    ChangePage,
    PlanHead,
    PlannedResource,
    PlanOutputs,
    Resource,
)
from cloudlet.services.cloudformation.rules import CHANGES_PER_PAGE
from cloudlet.services.cloudformation.template import diff
from cloudlet.services.cloudformation.template.intrinsics import (
    RESOLVED_ALL_CHARACTERS_MAX,
    UNKNOWN,
    Budget,
    Scope,
    resolve,
)
from cloudlet.services.cloudformation.template.parameters import references_of
from cloudlet.services.cloudformation.values import attribute_of, masked, state_of

PAGE_BYTES_MAX = 256 << 10


class Known(msgspec.Struct):
    """What the node knows and the worker needs."""

    pseudo: dict[str, Any]  # parameters that nobody states
    tags: list[dict[str, str]]  # that the stack will have
    tagged: list[str]  # types of resources that bear them
    resources: list[bytes]  # of the stack: Resource, opened
    attributes: dict[str, dict[str, Any]]  # by logical id: those that are secrets
    outputs: list[dict[str, Any]]  # as the stack tells them
    values: dict[str, str]  # of the present plan's parameters
    secrets: list[str]  # those that are hidden
    exports: dict[str, str]


class Foreseen(msgspec.Struct):
    count: int  # of changed resources
    outputs_change: bool
    pages: list[bytes]  # ChangePage; none unless asked for


def foresee(plan: PreparedPlan, known: Known, *, with_pages: bool) -> Foreseen:
    foresight = _Foresight(plan, known)
    changes = foresight.changes()
    pages = _pages([foresight.told(change) for change in changes]) if with_pages else []
    return Foreseen(len(changes), foresight.outputs_change(), pages)


def _pages(changes: list[bytes]) -> list[bytes]:
    """As many to a page as an answer shows, fewer where they are large."""
    pages: list[list[bytes]] = []
    size = 0
    for change in changes:
        if not pages or len(pages[-1]) == CHANGES_PER_PAGE or size + len(change) > PAGE_BYTES_MAX:
            pages.append([])
            size = 0
        pages[-1].append(change)
        size += len(change)
    return [ChangePage(page).encode() for page in pages]


class _Foresight:
    """The stack as the plan would make it, resource by resource in the plan's order."""

    def __init__(self, plan: PreparedPlan, known: Known) -> None:
        head = PlanHead.decode(plan.head)
        stored = (Resource.decode(encoded) for encoded in known.resources)
        self.present = {resource.logical_id: resource for resource in stored}
        self._known = known
        self._secrets = head.secrets() + known.secrets
        self._outputs = PlanOutputs.decode(plan.outputs).outputs
        self._changes: dict[str, diff.Change | None] = {}
        changed = {name for name, value in head.values.items() if known.values.get(name) != value}
        self._causes = diff.Causes(frozenset(head.names) | self.present.keys(), frozenset(changed))
        self._scope = Scope(
            parameters={**references_of(head.values, head.lists), **known.pseudo},
            conditions=head.conditions,
            reference=self._reference,
            attribute=self._attribute,
            imported=lambda name: known.exports.get(name, UNKNOWN),
            extended=head.extended,
            budget=Budget(RESOLVED_ALL_CHARACTERS_MAX),
        )
        self._wanted = {planned.logical_id: self._state(planned) for planned in plan.decoded_resources()}

    def changes(self) -> list[diff.Change]:
        """By logical id. What depends on a resource not yet there, or to be replaced, is unknown until then."""
        present = {name: state_of(resource) for name, resource in self.present.items()}
        return sorted(diff.changes(present, self._wanted, self._causes), key=lambda change: change.logical_id)

    def outputs_change(self) -> bool:
        """Whether the outputs as they would be, as far as can be known, differ from the present ones."""
        present = [_row(o["OutputKey"], o["OutputValue"], o.get("ExportName"), o.get("Description"))
                   for o in self._known.outputs]  # fmt: skip
        wanted = [
            _row(o["name"], self._value(o["value"]), self._value(o["export"]), o["description"]) for o in self._outputs
        ]
        return not diff.same(present, wanted)

    def told(self, change: diff.Change) -> bytes:
        """A change in AWS's form, with and without properties' values; what is hidden is so here too."""
        before, after = self.present.get(change.logical_id), self._wanted.get(change.logical_id)
        plain: dict[str, Any] = {
            "Action": change.action,
            "LogicalResourceId": change.logical_id,
            "ResourceType": change.type,
            "Scope": change.scope,
            "Details": [_detail(detail) for detail in change.details],
        }
        if change.physical_id is not None:
            plain["PhysicalResourceId"] = change.physical_id
        if change.replacement is not None:
            plain["Replacement"] = change.replacement
        if change.action == "Remove" and before is not None:
            plain["PolicyAction"] = "Retain" if before.deletion_policy.startswith("Retain") else "Delete"
        elif change.replacement == "True" and before is not None:
            plain["PolicyAction"] = f"ReplaceAnd{'Retain' if before.update_replace_policy == 'Retain' else 'Delete'}"
        detailed = {**plain, "Details": [self._with_values(detail) for detail in change.details]}
        for name, state in (("BeforeContext", before), ("AfterContext", after)):
            if state is not None:
                detailed[name] = json.dumps({"Properties": masked(state.properties, self._secrets)})
        return Change(plain, detailed).encode()

    def _with_values(self, detail: diff.Detail) -> dict[str, Any]:
        """Secrets are starred out before a value becomes JSON, which would write some of them otherwise."""
        kind = "Add" if detail.before is None else "Remove" if detail.after is None else "Modify"
        path = f"/{detail.attribute}/{detail.name}" if detail.name else f"/{detail.attribute}"
        result = _detail(detail)
        result["Target"] |= {"Path": path, "AttributeChangeType": kind}
        for member, value in (("BeforeValue", detail.before), ("AfterValue", detail.after)):
            if value is not None:
                shown = masked(value, self._secrets)
                result["Target"][member] = shown if isinstance(shown, str) else json.dumps(shown)
        return result

    def _state(self, planned: PlannedResource) -> diff.State:
        attributes = {
            "DeletionPolicy": planned.deletion_policy,
            "UpdateReplacePolicy": planned.update_replace_policy,
            "Metadata": self._value(planned.metadata),
            "Tags": self._known.tags if planned.type in self._known.tagged else [],
        }
        state = diff.State(planned.type, self._value(planned.properties), None, planned.properties, attributes)
        before = self.present.get(planned.logical_id)
        if before is not None and before.type == planned.type:
            self._changes[planned.logical_id] = diff.modification(
                planned.logical_id, state_of(before), state, self._causes
            )
        return state

    def _value(self, stated: Any) -> Any:
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
            return attribute_of(self.present[name], attribute, self._known.attributes.get(name, {}))
        except AwsError:
            return UNKNOWN  # it will be refused when its turn comes, as AWS does


def _row(*members: Any) -> list[Any]:
    return ["" if member is None else member for member in members]


def _detail(detail: diff.Detail) -> dict[str, Any]:
    target: dict[str, Any] = {"Attribute": detail.attribute, "RequiresRecreation": detail.recreation}
    if detail.name is not None:
        target["Name"] = detail.name
    result = {"Target": target, "Evaluation": detail.evaluation, "ChangeSource": detail.source}
    if detail.cause is not None:
        result["CausingEntity"] = detail.cause
    return result
