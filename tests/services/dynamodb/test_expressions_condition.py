"""Which items satisfy a condition."""

from typing import Any

import pytest

from cloudlet.services.dynamodb.expressions.request import read
from cloudlet.services.dynamodb.values import canonical_item

ITEM = canonical_item(
    {
        "s": {"S": "hello"},
        "n": {"N": "10"},
        "b": {"B": b"\x01\x02\x03"},
        "t": {"BOOL": True},
        "z": {"NULL": True},
        "ss": {"SS": ["x", "y"]},
        "ns": {"NS": ["1", "2"]},
        "bs": {"BS": [b"\x01"]},
        "l": {"L": [{"S": "x"}, {"N": "1"}, {"M": {"k": {"S": "deep"}}}]},
        "m": {"M": {"k": {"S": "v"}, "x.y": {"N": "1"}}},
    }
)


def holds(text: str, names: dict[str, str] | None = None, **values: Any) -> bool:
    request: dict[str, Any] = {"ConditionExpression": text}
    if names:
        request["ExpressionAttributeNames"] = names
    if values:
        request["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    condition = read(request, "ConditionExpression").condition
    assert condition is not None
    return condition.holds(ITEM)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("s = :a", {"S": "hello"}, True),
        ("s = :a", {"B": b"hello"}, False),
        ("n = :a", {"N": "10.0"}, True),
        ("ss = :a", {"SS": ["y", "x"]}, True),
        ("l[2] = :a", {"M": {"k": {"S": "deep"}}}, True),
        ("absent = :a", {"S": "x"}, False),
        ("s <> :a", {"S": "hello"}, False),
        ("s <> :a", {"N": "1"}, True),
        ("absent <> :a", {"S": "x"}, True),
        ("n < :a", {"N": "9"}, False),
        ("n < :a", {"N": "10.01"}, True),
        ("n < :a", {"S": "z"}, False),
        ("n <= :a", {"N": "1e1"}, True),
        ("n > :a", {"N": "9"}, True),
        ("n >= :a", {"N": "10"}, True),
        (":a > n", {"N": "11"}, True),
        ("s > :a", {"S": "Hello"}, True),
        ("b > :a", {"B": b"\x01\x02"}, True),
        ("absent > :a", {"N": "1"}, False),
        ("t = :a", {"BOOL": True}, True),
        ("z = :a", {"NULL": True}, True),
        ("begins_with(s, :a)", {"S": "hel"}, True),
        ("begins_with(s, :a)", {"S": "x"}, False),
        ("begins_with(b, :a)", {"B": b"\x01\x02"}, True),
        ("begins_with(n, :a)", {"S": "1"}, False),
        ("contains(s, :a)", {"S": "ell"}, True),
        ("contains(s, :a)", {"N": "1"}, False),
        ("contains(b, :a)", {"B": b"\x02\x03"}, True),
        ("contains(ss, :a)", {"S": "x"}, True),
        ("contains(ss, :a)", {"N": "1"}, False),
        ("contains(ns, :a)", {"N": "2.0"}, True),
        ("contains(bs, :a)", {"B": b"\x01"}, True),
        ("contains(l, :a)", {"M": {"k": {"S": "deep"}}}, True),
        ("contains(m, :a)", {"S": "v"}, False),
        ("contains(n, :a)", {"N": "1"}, False),
        ("attribute_type(m, :a)", {"S": "M"}, True),
        ("attribute_type(m, :a)", {"S": "L"}, False),
        ("attribute_type(absent, :a)", {"S": "L"}, False),
        ("size(s) = :a", {"N": "5"}, True),
        ("size(b) = :a", {"N": "3"}, True),
        ("size(ss) = :a", {"N": "2"}, True),
        ("size(l) >= :a", {"N": "3"}, True),
        ("size(m) = :a", {"N": "2"}, True),
        ("size(n) > :a", {"N": "0"}, False),
        ("size(absent) > :a", {"N": "0"}, False),
        ("n IN (s, :a)", {"N": "10"}, True),
        ("n in (:a)", {"N": "11"}, False),
        ("m.k = :a", {"S": "v"}, True),
        ("l[2].k = :a", {"S": "deep"}, True),
        ("l[3] = :a", {"S": "x"}, False),
        ("m[0] = :a", {"S": "x"}, False),
        ("s.k = :a", {"S": "x"}, False),
    ],
)
def test_a_comparison(text: str, value: dict[str, Any], expected: bool) -> None:
    assert holds(text, a=value) is expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [("10", "10", True), ("9", "11", True), ("11", "12", False), ("1", "9", False)],
)
def test_between_includes_both_bounds(low: str, high: str, expected: bool) -> None:
    assert holds("n BETWEEN :low AND :high", low={"N": low}, high={"N": high}) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("attribute_exists(s)", True),
        ("attribute_exists(m.k)", True),
        ("attribute_exists(m.absent)", False),
        ("attribute_not_exists(absent)", True),
        ("attribute_not_exists(s)", False),
        ("NOT attribute_exists(s)", False),
        ("NOT NOT attribute_exists(s)", True),
        ("attribute_exists(s) OR attribute_exists(x) AND attribute_exists(y)", True),
        ("(attribute_exists(s) OR attribute_exists(x)) AND attribute_exists(y)", False),
        ("NOT attribute_exists(x) AND attribute_exists(s)", True),
        ("NOT (attribute_exists(x) OR attribute_exists(s))", False),
        ("attribute_exists(x) or attribute_exists(y) or attribute_exists(s)", True),
        ("x = y", False),
        ("x <> y", True),
    ],
)
def test_logic_binds_not_before_and_before_or(text: str, expected: bool) -> None:
    assert holds(text) is expected


def test_an_alias_is_one_name_whatever_it_holds() -> None:
    assert holds("m.#xy = :a", {"#xy": "x.y"}, a={"N": "1"})
    assert not holds("#mk = :a", {"#mk": "m.k"}, a={"S": "v"})


def test_operands_may_stand_in_parentheses() -> None:
    assert holds("(n) = (:a) AND (size(s)) > (:a) OR (n = :a)", a={"N": "10"})


def test_an_absent_item_has_no_attributes() -> None:
    condition = read({"ConditionExpression": "attribute_not_exists(pk)"}, "ConditionExpression").condition
    assert condition is not None and condition.holds(None)


@pytest.mark.parametrize("joint", ["OR", "AND"])
def test_joints_that_clients_nest_from_the_left_are_read(joint: str) -> None:
    text = "n = :a"
    for _ in range(149):
        text = f"({text}) {joint} n=:a"
    assert holds(text, a={"N": "10"})


def test_alternating_nesting_is_read() -> None:
    text = "n = :a"
    for level in range(149):
        text = f"({text}) {'AND' if level % 2 else 'OR'} n=:a"
    assert holds(text, a={"N": "10"})


def test_a_condition_is_compiled_once_whatever_its_values() -> None:
    def condition(number: str) -> Any:
        request = {"ConditionExpression": "n = :a", "ExpressionAttributeValues": {":a": {"N": number}}}
        return read(request, "ConditionExpression").condition

    assert condition("10").run is condition("11").run
    assert condition("10").holds(ITEM) and not condition("11").holds(ITEM)
