"""Parameters: values from what the caller gave, the stack's present values and defaults; constraints in AWS's words."""

from typing import Any

import pytest

from cloudlet.services.cloudformation.template.errors import NotSupported, TemplateError
from cloudlet.services.cloudformation.template.parameters import (
    Given,
    parse_parameter,
    reference_value,
    resolve_parameters,
)


def values(
    declared: dict[str, dict[str, Any]], *given: Given, previous: dict[str, str] | None = None
) -> dict[str, str]:
    return resolve_parameters({name: parse_parameter(name, raw) for name, raw in declared.items()}, given, previous)


def test_given_values_go_before_defaults() -> None:
    declared = {"A": {"Type": "String", "Default": "a"}, "B": {"Type": "Number", "Default": 5}}
    assert values(declared) == {"A": "a", "B": "5"}
    assert values(declared, Given("A", "x"), Given("B", "7")) == {"A": "x", "B": "7"}


def test_an_empty_value_is_a_value() -> None:
    assert values({"A": {"Type": "String", "Default": "a"}}, Given("A", "")) == {"A": ""}


def test_the_previous_value_is_taken_where_asked_for_and_else_the_default() -> None:
    declared = {"A": {"Type": "String", "Default": "new"}}
    assert values(declared, Given("A", use_previous=True), previous={"A": "old"}) == {"A": "old"}
    assert values(declared, previous={"A": "old"}) == {"A": "new"}


def test_a_list_is_split_and_each_member_checked() -> None:
    parameter = parse_parameter("L", {"Type": "List<Number>"})
    assert reference_value(parameter, "1, 2,3") == ["1", "2", "3"]
    with pytest.raises(TemplateError, match=r"Parameter 'L' must be a number\."):
        values({"L": {"Type": "List<Number>"}}, Given("L", "1,x"))


@pytest.mark.parametrize(
    ("constraint", "value", "reason"),
    [
        ({"Type": "Number"}, "x", "Parameter 'P' must be a number."),
        ({"Type": "Number"}, "NaN", "Parameter 'P' must be a number."),
        ({"AllowedValues": ["a", "b"]}, "c", "Parameter 'P' must be one of AllowedValues"),
        ({"AllowedPattern": "[a-z]+"}, "ab1", "Parameter 'P' must match pattern [a-z]+"),
        ({"MinLength": 3}, "ab", "Parameter 'P' must contain at least 3 characters"),
        ({"MaxLength": "1"}, "ab", "Parameter 'P' must contain at most 1 characters"),
        ({"Type": "Number", "MinValue": 1}, "0", "Parameter 'P' must be a number not less than 1"),
        ({"Type": "Number", "MaxValue": 1.5}, "2", "Parameter 'P' must be a number not greater than 1.5"),
        (
            {"MinLength": 3, "ConstraintDescription": "three letters"},
            "ab",
            "Parameter P failed to satisfy constraint: three letters",
        ),
        ({"Type": "String"}, "é" * 2049, "Parameter 'P' value length is greater than 4096."),
    ],
)
def test_a_value_that_breaks_a_constraint_is_refused(constraint: dict[str, Any], value: str, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        values({"P": {"Type": "String", **constraint}}, Given("P", value))
    assert caught.value.message == reason


def test_a_default_has_to_satisfy_the_constraints_too() -> None:
    with pytest.raises(TemplateError, match="at least 3"):
        values({"P": {"Type": "String", "Default": "x", "MinLength": 3}})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([], "Parameters: [P, Q] must have values"),
        ([Given("P", "1"), Given("X", "1"), Given("Y", "")], "Parameters: [X, Y] do not exist in the template"),
        ([Given("P", "1"), Given("P", "2"), Given("Q", "1")], "Duplicate input parameter key: P"),
        (
            [Given("P", use_previous=True), Given("Q", "1")],
            "Invalid input for parameter key P. Cannot specify usePreviousValue as true for a parameter key not in the "
            "previous template",
        ),
    ],
)
def test_keys_that_do_not_fit_are_refused(given: list[Given], reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        values({"P": {"Type": "String"}, "Q": {"Type": "String"}}, *given)
    assert caught.value.message == reason


@pytest.mark.parametrize(
    "type_", ["AWS::SSM::Parameter::Value<String>", "List<AWS::EC2::Subnet::Id>", "AWS::EC2::Image::Id"]
)
def test_types_that_other_services_would_look_up_answer_501_by_name(type_: str) -> None:
    with pytest.raises(NotSupported, match=type_.replace("(", "")):
        parse_parameter("P", {"Type": type_})
