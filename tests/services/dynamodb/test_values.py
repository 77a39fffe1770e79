"""Attribute values: what is refused, in AWS's words, and the one form that is kept."""

from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.dynamodb import values

PARAMETER = "One or more parameter values were invalid: "


def refusal(value: dict[str, Any]) -> str:
    with pytest.raises(AwsError) as refused:
        values.canonical(value)
    return refused.value.message


@pytest.mark.parametrize("value", [{}, {"S": None}, {"X": "1"}])
def test_a_value_without_a_type_is_refused(value: dict[str, Any]) -> None:
    assert refusal(value) == "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"


def test_a_value_of_two_types_is_refused() -> None:
    message = (
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
    )
    assert refusal({"S": "a", "N": "1"}) == message


def test_a_fault_within_one_of_two_types_is_told_first() -> None:
    assert refusal({"S": "a", "N": "b"}) == "The parameter cannot be converted to a numeric value: b"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"NULL": False}, PARAMETER + "Null attribute value types must have the value of true"),
        ({"SS": []}, PARAMETER + "An string set  may not be empty"),
        ({"NS": []}, PARAMETER + "An number set  may not be empty"),
        ({"BS": []}, PARAMETER + "Binary sets should not be empty"),
        ({"SS": ["a", ""]}, PARAMETER + "An string set may not have a empty string as a member"),
        ({"BS": [b"a", b""]}, PARAMETER + "Binary sets may not contain null or empty values"),
        ({"SS": ["a", "b", "a"]}, PARAMETER + "Input collection [a, b, a] contains duplicates."),
        ({"NS": ["1", "1.0"]}, PARAMETER + "Input collection [1, 1.0] contains duplicates."),
        ({"BS": [b"b", b"b"]}, PARAMETER + "Input collection [Yg==, Yg==]of type BS contains duplicates."),
        ({"M": {"a": {"L": [{"N": "x"}]}}}, "The parameter cannot be converted to a numeric value: x"),
    ],
)
def test_content_is_refused_in_aws_words(value: dict[str, Any], message: str) -> None:
    assert refusal(value) == message


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ({"S": ""}, {"S": ""}),
        ({"B": b""}, {"B": ""}),
        ({"B": b"\x90"}, {"B": "kA=="}),
        ({"B": "kA=="}, {"B": "kA=="}),
        ({"N": "1.50"}, {"N": "1.5"}),
        ({"SS": ["b", "a"]}, {"SS": ["a", "b"]}),
        ({"NS": ["10", "9", "-1"]}, {"NS": ["-1", "9", "10"]}),
        ({"BS": [b"\xff", b"\x00"]}, {"BS": ["AA==", "/w=="]}),
        ({"BOOL": False}, {"BOOL": False}),
        ({"NULL": True}, {"NULL": True}),
        ({"L": []}, {"L": []}),
        ({"M": {}}, {"M": {}}),
        ({"M": {"a": {"L": [{"N": "01"}]}}}, {"M": {"a": {"L": [{"N": "1"}]}}}),
    ],
)
def test_a_value_has_one_form(value: dict[str, Any], canonical: dict[str, Any]) -> None:
    assert values.canonical(value) == canonical


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "deep"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


def test_an_attribute_may_nest_31_documents_and_no_more() -> None:
    assert values.canonical_item({"a": nested(31)})
    with pytest.raises(AwsError) as refused:
        values.canonical_item({"a": nested(32)})
    assert refused.value.message == "Nesting Levels have exceeded supported limits"


@pytest.mark.parametrize("value", [{"S": "\ud800"}, {"SS": ["\ud800"]}, {"M": {"\ud800": {"S": "a"}}}, {"B": "$$"}])
def test_what_cannot_be_stored_is_a_serialization_error(value: dict[str, Any]) -> None:
    with pytest.raises(AwsError) as refused:
        values.canonical(value)
    assert refused.value.code == "SerializationException"


def test_an_item_is_stored_as_the_json_that_is_sent() -> None:
    item = values.canonical_item({"id": {"S": "é"}, "n": {"N": "1e2"}, "b": {"B": b"\x00"}})
    wire = values.encode_item(item)
    assert wire == '{"id":{"S":"é"},"n":{"N":"100"},"b":{"B":"AA=="}}'.encode()
    assert values.decode_item(wire) == item


def test_a_copy_shares_nothing_that_changes() -> None:
    value = values.canonical({"M": {"l": {"L": [{"M": {}}]}}})
    twin = values.copy(value)
    twin["M"]["l"]["L"][0]["M"]["new"] = {"S": "x"}
    assert value == {"M": {"l": {"L": [{"M": {}}]}}}
