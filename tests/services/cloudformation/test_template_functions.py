"""Intrinsic functions and conditions."""

from typing import Any

import pytest

from cloudlet.services.cloudformation.template.conditions import evaluate_conditions
from cloudlet.services.cloudformation.template.errors import NotSupported, TemplateError
from cloudlet.services.cloudformation.template.intrinsics import NO_VALUE, UNKNOWN, Scope, resolve

SCOPE = Scope(
    parameters={"P": "p", "N": "5", "L": ["x", "y"], "AWS::Region": "eu-west-1"},
    mappings={"M": {"eu-west-1": {"name": "mapped", "list": ["1", "2"], "number": 7}}},
    conditions={"Yes": True, "No": False},
    reference=lambda name: f"{name.lower()}-id",
    attribute=lambda name, attribute: UNKNOWN if name == "New" else f"{name}.{attribute}",
    imported=lambda name: f"imported {name}",
)
EXTENDED = Scope(parameters=SCOPE.parameters, mappings=SCOPE.mappings, extended=True)


@pytest.mark.parametrize(
    ("stated", "value"),
    [
        ({"Ref": "P"}, "p"),
        ({"Ref": "Bucket"}, "bucket-id"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "Bucket.Arn"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "Bucket.Arn"),
        ({"Fn::GetAtt": ["Bucket", {"Ref": "P"}]}, "Bucket.p"),
        (
            {"Fn::Sub": "${P}/${AWS::Region}/${Bucket}/${Bucket.Arn}/${!Keep}"},
            "p/eu-west-1/bucket-id/Bucket.Arn/${Keep}",
        ),
        ({"Fn::Sub": ["${P} ${x}", {"P": "own", "x": {"Ref": "N"}}]}, "own 5"),
        ({"Fn::Sub": ["${x}", {"x": True}]}, "true"),
        ({"Fn::Join": [":", ["a", {"Ref": "P"}, 1, False]]}, "a:p:1:false"),
        ({"Fn::Join": ["-", {"Ref": "L"}]}, "x-y"),
        ({"Fn::Split": ["|", "a||c"]}, ["a", "", "c"]),
        ({"Fn::Select": [1, {"Ref": "L"}]}, "y"),
        ({"Fn::Select": ["0", {"Fn::Split": [",", "a,b"]}]}, "a"),
        ({"Fn::If": ["Yes", {"Ref": "P"}, {"Ref": "Nowhere"}]}, "p"),
        ({"Fn::If": ["No", 1, 2]}, 2),
        ({"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "name"]}, "mapped"),
        ({"Fn::FindInMap": ["M", "eu-west-1", "list"]}, ["1", "2"]),
        ({"Fn::Base64": {"Ref": "P"}}, "cA=="),
        ({"Fn::ImportValue": {"Fn::Sub": "${P}-x"}}, "imported p-x"),
        ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"Fn::GetAZs": "us-east-1"}, ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, "8"]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"A": {"Ref": "AWS::NoValue"}, "B": [1, {"Ref": "AWS::NoValue"}]}, {"B": [1]}),
        ({"A": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}}, {}),
        ({"Ref": 1}, {"Ref": 1}),  # data, not a function
        ({"Ref": "P", "Other": 1}, {"Ref": "P", "Other": 1}),
        ({"Condition": {"StringEquals": {"a": {"Ref": "P"}}}}, {"Condition": {"StringEquals": {"a": "p"}}}),
    ],
)
def test_a_function_gives_its_value(stated: Any, value: Any) -> None:
    assert resolve(stated, SCOPE) == value


def test_novalue_alone_is_no_value() -> None:
    assert resolve({"Ref": "AWS::NoValue"}, SCOPE) is NO_VALUE


@pytest.mark.parametrize(
    ("stated", "value"),
    [
        ({"Fn::Length": {"Ref": "L"}}, 2),
        ({"Fn::ToJsonString": {"a": {"Ref": "P"}, "b": [1]}}, '{"a":"p","b":[1]}'),
        ({"Fn::FindInMap": ["M", "nowhere", "name", {"DefaultValue": {"Ref": "P"}}]}, "p"),
        ({"Fn::FindInMap": ["Z", "nowhere", "name", {"DefaultValue": "d"}]}, "d"),
        ({"Fn::FindInMap": ["M", "eu-west-1", "name", {"DefaultValue": "d"}]}, "mapped"),
    ],
)
def test_language_extensions_work_where_the_template_asks_for_them_and_only_there(stated: Any, value: Any) -> None:
    assert resolve(stated, EXTENDED) == value
    with pytest.raises(TemplateError):
        resolve(stated, SCOPE)


@pytest.mark.parametrize(
    "stated",
    [
        {"Fn::GetAtt": ["New", "Arn"]},
        {"Fn::Select": [3, {"Fn::Split": [":", {"Fn::GetAtt": ["New", "Arn"]}]}]},
        {"Fn::Base64": {"Fn::GetAtt": ["New", "Arn"]}},
        {"Fn::Join": [",", {"Fn::Split": [":", {"Fn::GetAtt": ["New", "Arn"]}]}]},
    ],
)
def test_what_is_not_known_yet_passes_through(stated: Any) -> None:
    assert resolve(stated, SCOPE) == UNKNOWN


def test_text_around_an_unknown_value_stays() -> None:
    assert resolve({"Fn::Sub": "${New.Arn}/*"}, SCOPE) == UNKNOWN + "/*"


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (
            {"Fn::Select": [2, {"Ref": "L"}]},
            "Template error: Fn::Select cannot select nonexistent value at index 2",
        ),
        (
            {"Fn::Select": ["one", {"Ref": "L"}]},
            "Template error: Fn::Select requires a list argument with two elements: an integer index and a list",
        ),
        (
            {"Fn::Join": [",", "text"]},
            "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of "
            "strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.",
        ),
        ({"Fn::FindInMap": ["M", "x", "y"]}, "Template error: Unable to get mapping for M::x::y"),
        (
            {"Fn::FindInMap": ["Z", "x", "y"]},
            "Template error: Mapping named 'Z' is not present in the 'Mappings' section of template.",
        ),
        (
            {"Fn::Sub": "${a-b}"},
            "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, "
            "periods, and colons",
        ),
        ({"Fn::If": ["Maybe", 1, 2]}, "Template error: unresolved condition dependency Maybe in Fn::If"),
        ({"Fn::Base64": ["a"]}, "Template error: every Fn::Base64 object must have a String-typed value."),
    ],
)
def test_a_wrong_argument_is_refused_in_awss_words(stated: Any, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        resolve(stated, SCOPE)
    assert caught.value.message == message


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(TemplateError, match="Encountered unsupported function: Fn::Reverse Supported functions are: "):
        resolve({"Fn::Reverse": []}, SCOPE)


@pytest.mark.parametrize("stated", ["{{resolve:ssm:/a:1}}", {"Fn::Transform": {"Name": "Mine"}}])
def test_what_needs_a_service_that_is_not_here_answers_501(stated: Any) -> None:
    with pytest.raises(NotSupported):
        resolve({"X": stated}, SCOPE)


def truths(**stated: Any) -> dict[str, bool]:
    return evaluate_conditions(stated, SCOPE)


def test_conditions_combine_whatever_their_order() -> None:
    assert truths(
        All={"Fn::And": [{"Condition": "Same"}, {"Fn::Not": [{"Condition": "Other"}]}]},
        Any={"Fn::Or": [{"Condition": "Other"}, {"Condition": "All"}]},
        Same={"Fn::Equals": [{"Ref": "P"}, "p"]},
        Other={"Fn::Equals": [{"Fn::FindInMap": ["M", "eu-west-1", "name"]}, "x"]},
        Alias={"Condition": "Same"},
    ) == {"All": True, "Any": True, "Same": True, "Other": False, "Alias": True}


def test_equals_compares_scalars_as_text_and_lists_by_member() -> None:
    number, flag = {"Fn::Equals": [{"Ref": "N"}, 5]}, {"Fn::Equals": [True, "true"]}
    assert truths(Number=number, Flag=flag, List={"Fn::Equals": [{"Ref": "L"}, ["x", "y"]]}) == {
        "Number": True,
        "Flag": True,
        "List": True,
    }


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"Fn::Equals": ["a"]}, "Template error: every Fn::Equals object requires a list of 2 string parameters."),
        ({"Fn::Not": []}, "Template error: every Fn::Not object requires one boolean parameter."),
        (
            {"Fn::And": [True]},
            "Template error: every Fn::And object requires a list of at least 2 and at most 10 boolean parameters.",
        ),
        ({"Condition": "None"}, "Template error: unresolved condition dependency None in Condition C"),
        ({"Condition": "C"}, "Template error: Found circular condition dependency between C and C"),
        (
            {"Fn::Equals": [{"Ref": "Bucket"}, ""]},
            "Template format error: Unresolved dependencies [Bucket]. Cannot reference resources in the Conditions "
            "block of the template",
        ),
        (
            {"Fn::Join": ["", []]},
            "Template format error: Conditions can only be boolean operations on parameters and other conditions",
        ),
    ],
)
def test_a_condition_that_is_none_is_refused(stated: Any, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        truths(C=stated)
    assert caught.value.message == message
