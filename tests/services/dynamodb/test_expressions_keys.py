"""Key conditions: the partition and the stretch of it, and what they can't say."""

from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.dynamodb.expressions.key_condition import KeyCondition, KeyRange
from cloudlet.services.dynamodb.expressions.request import read

TYPES = {"pk": "S", "sk": "N", "st": "S"}
ONE, TWO, TEXT = {"N": "1"}, {"N": "2"}, {"S": "x"}


def key(text: str, range_name: str | None = "sk", **values: Any) -> KeyCondition:
    request = {
        "KeyConditionExpression": text,
        "ExpressionAttributeValues": {f":{name}": value for name, value in values.items()},
    }
    bound = read(request, "FilterExpression", "KeyConditionExpression").key
    assert bound is not None
    return bound.for_schema("pk", range_name, TYPES)


def legacy_key(conditions: dict[str, Any], range_name: str | None = "sk") -> KeyCondition:
    bound = read({"KeyConditions": conditions}, "KeyConditionExpression", legacy=("KeyConditions",)).key
    assert bound is not None
    return bound.for_schema("pk", range_name, TYPES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pk = :p", None),
        (":p = pk", None),
        ("(pk = :p)", None),
        ("pk = :p AND sk = :a", KeyRange("=", (ONE,))),
        ("sk < :a AND pk = :p", KeyRange("<", (ONE,))),
        ("(pk = :p) AND (sk <= :a)", KeyRange("<=", (ONE,))),
        ("pk = :p AND :a < sk", KeyRange(">", (ONE,))),
        ("pk = :p AND sk BETWEEN :a AND :b", KeyRange("BETWEEN", (ONE, TWO))),
    ],
)
def test_a_key_condition_is_a_partition_and_a_stretch_of_it(text: str, expected: KeyRange | None) -> None:
    given = {name: value for name, value in {"p": TEXT, "a": ONE, "b": TWO}.items() if f":{name}" in text}
    assert key(text, "sk", **given) == KeyCondition(TEXT, expected)


def test_a_string_key_may_begin_with_something() -> None:
    condition = key("pk = :p AND begins_with(st, :s)", "st", p=TEXT, s={"S": "a"})
    assert condition.range == KeyRange("begins_with", ({"S": "a"},))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pk = :p OR sk = :p", "Invalid operator used in KeyConditionExpression: OR"),
        ("NOT pk = :p", "Invalid operator used in KeyConditionExpression: NOT"),
        ("pk IN (:p)", "Invalid operator used in KeyConditionExpression: IN"),
        ("pk <> :p", "Invalid operator used in KeyConditionExpression: <>"),
        ("pk = :p AND attribute_exists(sk)", "Invalid operator used in KeyConditionExpression: attribute_exists"),
        ("pk = :p AND contains(sk, :p)", "Invalid operator used in KeyConditionExpression: contains"),
        ("size(pk) = :p", "KeyConditionExpressions cannot contain nested operations"),
        ("pk.a = :p", "KeyConditionExpressions cannot have conditions on nested attributes"),
        ("pk = :p AND pk = :p", "KeyConditionExpressions must only contain one condition per key"),
        (
            "pk = sk AND sk = :p",
            "Invalid KeyConditionExpression: Invalid condition in KeyConditionExpression: "
            "Multiple attribute names used in one condition",
        ),
        (
            ":p = :p",
            "Invalid KeyConditionExpression: Invalid condition in KeyConditionExpression: No key attribute specified",
        ),
        (
            "pk = :p AND :p BETWEEN sk AND :p",
            "Invalid condition in KeyConditionExpression: BETWEEN operator must have the key attribute "
            "as its first operand",
        ),
        ("name = :p", "Invalid KeyConditionExpression: Attribute name is a reserved keyword; reserved keyword: name"),
        ("sk = :p", "Query condition missed key schema element: pk"),
        ("pk = :p AND x = :p", "Query condition missed key schema element: sk"),
        ("pk > :p", "Query key condition not supported"),
        (
            "pk = :p AND sk = :p",
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        ),
    ],
)
def test_what_a_key_condition_cannot_say(text: str, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        key(text, p=TEXT)
    assert refused.value.message == message


def test_an_empty_partition_key_is_refused() -> None:
    with pytest.raises(AwsError) as refused:
        key("pk = :p", p={"S": ""})
    assert refused.value.message == (
        "One or more parameter values are not valid. "
        "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"
    )


@pytest.mark.parametrize(
    ("operator", "operands", "expected"),
    [
        ("EQ", [ONE], KeyRange("=", (ONE,))),
        ("LT", [ONE], KeyRange("<", (ONE,))),
        ("GE", [ONE], KeyRange(">=", (ONE,))),
        ("BETWEEN", [ONE, TWO], KeyRange("BETWEEN", (ONE, TWO))),
    ],
)
def test_legacy_key_conditions_say_the_same(operator: str, operands: list[Any], expected: KeyRange) -> None:
    condition = legacy_key(
        {
            "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [TEXT]},
            "sk": {"ComparisonOperator": operator, "AttributeValueList": operands},
        }
    )
    assert condition == KeyCondition(TEXT, expected)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({}, "Conditions can be of length 1 or 2 only"),
        (
            {"pk": {"ComparisonOperator": "NE", "AttributeValueList": [TEXT]}},
            "Attempted conditional constraint is not an indexable operation",
        ),
        (
            {"sk": {"ComparisonOperator": "EQ", "AttributeValueList": [ONE]}},
            "Query condition missed key schema element: pk",
        ),
        ({"pk": {"ComparisonOperator": "LE", "AttributeValueList": [TEXT]}}, "Query key condition not supported"),
    ],
)
def test_legacy_key_conditions_are_refused_in_aws_words(conditions: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsError) as refused:
        legacy_key(conditions)
    assert refused.value.message == message
