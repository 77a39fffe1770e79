"""Order, circles and differences between templates."""

from itertools import pairwise
from typing import Any

import pytest

from cloudlet.services.cloudformation.template.diff import Causes, State, changes
from cloudlet.services.cloudformation.template.document import parse
from cloudlet.services.cloudformation.template.errors import TemplateError
from cloudlet.services.cloudformation.template.graph import creation_order, dependencies, live
from cloudlet.services.cloudformation.template.intrinsics import UNKNOWN, Scope

QUEUE = "AWS::SQS::Queue"


def order(_conditions: dict[str, bool] | None = None, **members: Any) -> list[str]:
    resources = {name: {"Type": QUEUE, **raw} for name, raw in members.items()}
    stated = {name: {"Fn::Equals": [1, 1]} for name in _conditions or {}}
    template = parse({"Conditions": stated, "Resources": resources})
    return creation_order(dependencies(live(template, Scope(conditions=_conditions or {}))))


def needs(value: Any) -> dict[str, Any]:
    return {"Properties": {"X": value}}


def test_resources_follow_what_they_need_and_otherwise_the_template() -> None:
    assert order(
        C=needs({"Ref": "A"}), B={"DependsOn": "D"}, A={}, D={}, E=needs({"Fn::Sub": "${C.Arn}-${!A}"}), F={}
    ) == ["A", "C", "D", "B", "E", "F"]


def test_only_the_chosen_branch_makes_a_dependency() -> None:
    chooses = needs({"Fn::If": ["Yes", {"Ref": "B"}, {"Ref": "C"}]})
    assert order({"Yes": True}, A=chooses, B={}, C={}) == ["B", "A", "C"]
    assert order({"Yes": False}, A=chooses, B={}, C={}) == ["B", "C", "A"]


def test_a_depends_on_a_resource_that_is_not_created_is_ignored_but_a_ref_is_refused() -> None:
    assert order({"No": False}, A={"DependsOn": ["B"]}, B={"Condition": "No"}) == ["A"]
    with pytest.raises(TemplateError, match=r"Unresolved resource dependencies \[B\] in the Resources block"):
        order({"No": False}, A=needs({"Ref": "B"}), B={"Condition": "No"})


@pytest.mark.parametrize(
    ("members", "circle"),
    [
        ({"A": needs({"Ref": "B"}), "B": {"DependsOn": "A"}}, "A, B"),
        ({"A": needs({"Fn::GetAtt": ["A", "Arn"]})}, "A"),
        # D waits for the circle and E is free: neither is part of it
        (
            {name: {"DependsOn": needed} for name, needed in {"A": "B", "B": "C", "C": "A", "D": "A", "E": []}.items()},
            "A, B, C",
        ),
    ],
)  # fmt: skip
def test_a_circle_is_refused_naming_its_resources(members: dict[str, Any], circle: str) -> None:
    with pytest.raises(TemplateError) as caught:
        order(**members)
    assert caught.value.message == f"Circular dependency between resources: [{circle}]"


def test_a_chain_of_500_resources_is_ordered_without_recursion() -> None:
    names = [f"R{number}" for number in range(500)]
    members: dict[str, Any] = {name: {"DependsOn": after} for name, after in pairwise(names)}
    assert order(**members, R499={}) == names[::-1]


def state(type_: str = QUEUE, stated: Any = None, attributes: Any = None, **properties: Any) -> State:
    return State(type_, properties, "physical", stated or {}, attributes or {})


def test_added_and_removed_resources_are_seen() -> None:
    found = changes({"Old": state()}, {"New": state()})
    assert [(change.action, change.logical_id, change.physical_id) for change in found] == [
        ("Add", "New", None),
        ("Remove", "Old", "physical"),
    ]


def test_numbers_and_booleans_equal_their_texts() -> None:
    assert changes({"Q": state(DelaySeconds=5, Fifo=True)}, {"Q": state(DelaySeconds="5", Fifo="true")}) == []


@pytest.mark.parametrize(
    ("before", "after", "replacement"),
    [
        ({"DelaySeconds": 1}, {"DelaySeconds": 2}, "False"),
        ({"DelaySeconds": 1}, {}, "False"),
        ({"QueueName": "a"}, {"QueueName": "b"}, "True"),
        ({"QueueName": "a"}, {"QueueName": UNKNOWN}, "Conditional"),
        ({"Tags": [{"Key": "a"}]}, {"Tags": [{"Key": "b"}]}, "False"),
    ],
)
def test_a_property_that_cannot_be_changed_in_place_makes_a_new_resource(
    before: Any, after: Any, replacement: str
) -> None:
    (change,) = changes({"Q": state(**before)}, {"Q": state(**after)})
    assert (change.action, change.replacement, change.scope) == ("Modify", replacement, ["Properties"])


def test_a_dynamic_change_names_the_resource_it_comes_from() -> None:
    after = state(stated={"KmsMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}, KmsMasterKeyId=UNKNOWN)
    (change,) = changes({"Q": state(KmsMasterKeyId="k")}, {"Q": after}, Causes(resources=frozenset(("Key",))))
    (detail,) = change.details
    assert (detail.evaluation, detail.source, detail.cause) == ("Dynamic", "ResourceAttribute", "Key.Arn")


def test_a_changed_deletion_policy_alone_is_a_modification() -> None:
    old, new = state(attributes={"DeletionPolicy": "Delete"}), state(attributes={"DeletionPolicy": "Retain"})
    (change,) = changes({"Q": old}, {"Q": new})
    assert (change.replacement, change.scope) == ("False", ["DeletionPolicy"])


def test_another_type_under_the_same_name_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"Update of resource type is not permitted.*\[Q\]"):
        changes({"Q": state()}, {"Q": state("AWS::SNS::Topic")})
