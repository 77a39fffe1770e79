"""A template's structure: what is out of place is refused in AWS's words."""

from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.cloudformation.template.document import parse
from cloudlet.services.cloudformation.template.errors import NotSupported, TemplateError
from cloudlet.services.cloudformation.template.graph import check_references

TOPIC = {"Type": "AWS::SNS::Topic"}


def refusal(**document: Any) -> str:
    document.setdefault("Resources", {"Topic": TOPIC})
    with pytest.raises(AwsError) as caught:
        check_references(parse(document))
    assert isinstance(caught.value, TemplateError)
    return caught.value.message


def resources(**members: Any) -> dict[str, Any]:
    return {"Resources": members}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"Resources": {}}, "Template format error: At least one Resources member must be defined."),
        ({"outputs": {}}, "Invalid template property or properties [outputs]"),
        (
            {"AWSTemplateFormatVersion": "2010-09-10"},
            "Template format error: 2010-09-10 is not a supported value for AWSTemplateFormatVersion.",
        ),
        (resources(**{"a-b": TOPIC}), "Template format error: Resource name a-b is non alphanumeric."),
        (
            {"Parameters": {"AWS::NoValue": {"Type": "String"}}},
            "Template format error: Parameter name AWS::NoValue is non alphanumeric.",
        ),
        (
            resources(A={"Properties": {}}),
            "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
        ),
        (resources(A={**TOPIC, "Invalid": 1}), "Invalid template resource property 'Invalid'"),
        (
            resources(A={**TOPIC, "Properties": {"B": {"C": [1, None]}}}),
            "[/Resources/A/Type/B/C/1] 'null' values are not allowed in templates",
        ),
        (
            resources(A={**TOPIC, "DependsOn": [None]}),
            "[/Resources/A/DependsOn/0] 'null' values are not allowed in templates",
        ),
        (
            resources(A={**TOPIC, "DeletionPolicy": "retain"}),
            "Template format error: Unrecognized DeletionPolicy retain for resource A",
        ),
        (
            {"Mappings": {"M": {"a": {"b": {"Ref": "X"}}}}},
            "Template format error: Every Mappings attribute must be a String or a List.",
        ),
        (
            {"Parameters": {"P": {"Default": "x"}}},
            "Template format error: Every Parameters object must contain a Type member.",
        ),
        ({"Parameters": {"P": {"Type": "Text"}}}, "Template format error: Unrecognized parameter type: Text"),
        (
            {"Outputs": {"O": {"Description": "x"}}},
            "Template format error: Every Outputs member must contain a Value object",
        ),
        ({"Transform": [{"Name": {"Ref": "X"}}]}, "Key Name of transform definition must be a string."),
        (
            resources(**{f"R{n}": TOPIC for n in range(501)}),
            "Template format error: Number of resources, 501, is greater than maximum allowed, 500",
        ),
    ],
)
def test_what_is_out_of_place_is_refused(document: dict[str, Any], message: str) -> None:
    assert refusal(**document) == message


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            resources(A={**TOPIC, "Properties": {"X": {"Ref": "Nope"}, "Y": {"Fn::Sub": "${Nada}"}}}),
            "Template format error: Unresolved resource dependencies [Nada, Nope] in the Resources block of the "
            "template",
        ),
        (
            resources(A={**TOPIC, "DependsOn": "Nope"}),
            "Template format error: Unresolved resource dependencies [Nope] in the Resources block of the template",
        ),
        (
            {"Outputs": {"O": {"Value": {"Ref": "Nope"}}}},
            "Template format error: Unresolved resource dependencies [Nope] in the Outputs block of the template",
        ),
        (
            {"Outputs": {"O": {"Value": {"Fn::GetAtt": ["Nope", "Arn"]}}}},
            "Template error: instance of Fn::GetAtt references undefined resource Nope",
        ),
        (
            {"Outputs": {"O": {"Value": {"Fn::Sub": "${Nope.Arn}"}}}},
            "Template error: instance of Fn::GetAtt references undefined resource Nope",
        ),
        (
            resources(A={**TOPIC, "Properties": {"X": {"Fn::If": ["C", 1, 2]}}}),
            "Template error: unresolved condition dependency C in Fn::If",
        ),
        (
            resources(A={**TOPIC, "Properties": {"X": {"Fn::GetAtt": ["A", ""]}}}),
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the "
            "resource attribute",
        ),
    ],
)
def test_names_that_nothing_defines_are_refused(document: dict[str, Any], message: str) -> None:
    assert refusal(**document) == message


def test_pseudo_parameters_subs_own_names_and_literals_need_no_definition() -> None:
    sub = {"Fn::Sub": ["${AWS::Region} ${own} ${!Literal} ${P}", {"own": {"Ref": "AWS::StackName"}}]}
    template = parse({"Parameters": {"P": {"Type": "String"}}, **resources(A={**TOPIC, "Properties": {"X": sub}})})
    check_references(template)
    assert template.resources["A"].properties == {"X": sub}


@pytest.mark.parametrize("section", ["Rules", "Hooks"])
def test_sections_without_a_meaning_here_answer_501(section: str) -> None:
    with pytest.raises(NotSupported) as caught:
        parse({section: {"X": {}}, "Resources": {"Topic": TOPIC}})
    assert (caught.value.status, caught.value.code) == (501, "NotImplemented")
