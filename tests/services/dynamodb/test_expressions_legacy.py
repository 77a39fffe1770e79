"""Expected, filters, AttributeUpdates and AttributesToGet."""

from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.dynamodb.expressions.request import Expressions, read
from cloudlet.services.dynamodb.values import canonical_item

ITEM = canonical_item({"n": {"N": "10"}, "s": {"S": "text"}, "ss": {"SS": ["x", "y"]}, "l": {"L": [{"N": "1"}]}})
LEGACY = ("AttributeUpdates", "Expected", "ConditionalOperator", "ScanFilter", "AttributesToGet")
PARAMETER = "One or more parameter values were invalid: "


def legacy(**request: Any) -> Expressions:
    return read(request, "UpdateExpression", "ConditionExpression", legacy=LEGACY)


def refusal(**request: Any) -> str:
    with pytest.raises(AwsError) as refused:
        legacy(**request)
    return refused.value.message


def compare(operator: str, *operands: dict[str, Any]) -> dict[str, Any]:
    return {"ComparisonOperator": operator, "AttributeValueList": list(operands)}


@pytest.mark.parametrize(
    ("name", "condition", "expected"),
    [
        ("n", compare("EQ", {"N": "10"}), True),
        ("n", compare("NE", {"N": "10"}), False),
        ("missing", compare("NE", {"N": "10"}), True),
        ("n", compare("LE", {"N": "10"}), True),
        ("n", compare("LT", {"N": "10"}), False),
        ("n", compare("GE", {"N": "11"}), False),
        ("n", compare("GT", {"N": "9"}), True),
        ("n", compare("BETWEEN", {"N": "9"}, {"N": "10"}), True),
        ("n", compare("IN", {"N": "9"}, {"N": "10"}), True),
        ("n", compare("NULL"), False),
        ("n", compare("NOT_NULL"), True),
        ("s", compare("BEGINS_WITH", {"S": "te"}), True),
        ("s", compare("CONTAINS", {"S": "ex"}), True),
        ("ss", compare("CONTAINS", {"S": "x"}), True),
        ("ss", compare("NOT_CONTAINS", {"S": "x"}), False),
        ("ss", compare("NOT_CONTAINS", {"S": "z"}), True),
        ("missing", compare("NOT_CONTAINS", {"S": "z"}), False),
        ("m.dotted", compare("NULL"), True),
    ],
)
def test_a_condition_of_a_filter_or_of_expected(name: str, condition: dict[str, Any], expected: bool) -> None:
    scanned, written = legacy(ScanFilter={name: condition}).filter, legacy(Expected={name: condition}).condition
    assert scanned is not None and scanned.holds(ITEM) is expected
    assert written is not None and written.holds(ITEM) is expected


@pytest.mark.parametrize(
    ("expected", "result"),
    [
        ({"n": {"Value": {"N": "10"}}}, True),
        ({"n": {"Value": {"N": "11"}, "Exists": True}}, False),
        ({"n": {"Exists": False}}, False),
        ({"missing": {"Exists": False}}, True),
        ({"n": {"ComparisonOperator": "GT", "Value": {"N": "1"}}}, True),
        ({"n": {"Value": {"N": "10"}}, "s": {"Value": {"S": "other"}}}, False),
    ],
)
def test_expected_values_and_existence(expected: dict[str, Any], result: bool) -> None:
    condition = legacy(Expected=expected).condition
    assert condition is not None and condition.holds(ITEM) is result


def test_conditions_are_joined_as_the_conditional_operator_says() -> None:
    expected = {"n": {"Value": {"N": "10"}}, "s": {"Value": {"S": "other"}}}
    either = legacy(Expected=expected, ConditionalOperator="OR").condition
    both = legacy(Expected=expected, ConditionalOperator="AND").condition
    assert either is not None and either.holds(ITEM)
    assert both is not None and not both.holds(ITEM)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (
            {"a": {"Value": {"N": "1"}, "AttributeValueList": [{"N": "1"}]}},
            "Value and AttributeValueList cannot be used together for Attribute: a",
        ),
        (
            {"a": {"Exists": True, "ComparisonOperator": "EQ", "Value": {"N": "1"}}},
            "Exists and ComparisonOperator cannot be used together for Attribute: a",
        ),
        (
            {"a": {"ComparisonOperator": "EQ"}},
            "Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a",
        ),
        (
            {"a": {"AttributeValueList": [{"N": "1"}]}},
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
        ),
        ({"a": {"Exists": True}}, "Value must be provided when Exists is true for Attribute: a"),
        ({"a": {}}, "Value must be provided when Exists is null for Attribute: a"),
        ({"a": {"Exists": False, "Value": {"N": "1"}}}, "Value cannot be used when Exists is false for Attribute: a"),
        ({"a": compare("BETWEEN", {"N": "1"})}, "Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
        ({"a": compare("LT", {"SS": ["a"]})}, "ComparisonOperator LT is not valid for SS AttributeValue type"),
        (
            {"a": compare("IN", {"N": "1"}, {"S": "a"})},
            "AttributeValues inside AttributeValueList must be of same type",
        ),
    ],
)
def test_expected_is_refused_in_aws_words(expected: dict[str, Any], message: str) -> None:
    assert refusal(Expected=expected) == PARAMETER + message


def test_a_conditional_operator_needs_two_conditions() -> None:
    assert refusal(ConditionalOperator="OR") == "ConditionalOperator cannot be used without Filter or Expected"
    assert refusal(ConditionalOperator="OR", Expected={"a": {"Exists": False}}) == (
        "ConditionalOperator can only be used when Filter or Expected has two or more elements"
    )


def test_attribute_updates_put_add_and_delete() -> None:
    update = legacy(
        AttributeUpdates={
            "new": {"Value": {"S": "x"}},
            "n": {"Value": {"N": "5"}, "Action": "ADD"},
            "l": {"Value": {"L": [{"N": "2"}]}, "Action": "ADD"},
            "ss": {"Value": {"SS": ["x"]}, "Action": "DELETE"},
            "s": {"Action": "DELETE"},
        }
    ).update
    assert update is not None and update.creates
    assert update.apply(ITEM) == {
        "new": {"S": "x"},
        "n": {"N": "15"},
        "l": {"L": [{"N": "1"}, {"N": "2"}]},
        "ss": {"SS": ["y"]},
    }


def test_deletions_alone_create_no_item() -> None:
    update = legacy(AttributeUpdates={"s": {"Action": "DELETE"}}).update
    assert update is not None and not update.creates


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"Action": "PUT"}, "Only DELETE action is allowed when no attribute value is specified"),
        ({"Action": "DELETE", "Value": {"S": "x"}}, "DELETE action with value is not supported for the type S"),
        ({"Action": "ADD", "Value": {"S": "x"}}, "ADD action is not supported for the type S"),
    ],
)
def test_attribute_updates_are_refused_in_aws_words(update: dict[str, Any], message: str) -> None:
    assert refusal(AttributeUpdates={"a": update}) == PARAMETER + message


def test_attributes_to_get_are_literal_names() -> None:
    projection = legacy(AttributesToGet=["n", "m.dotted"]).projection
    assert projection is not None
    assert projection.project({**ITEM, "m.dotted": {"N": "1"}}) == {"n": {"N": "10"}, "m.dotted": {"N": "1"}}
    assert refusal(AttributesToGet=["a", "a"]) == PARAMETER + "Duplicate value in attribute name: a"
