"""What updates make of items."""

from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.dynamodb.expressions.request import BoundUpdate, read
from cloudlet.services.dynamodb.values import canonical_item

ITEM = canonical_item(
    {
        "n": {"N": "10"},
        "s": {"S": "text"},
        "l": {"L": [{"S": "a"}, {"S": "b"}, {"S": "c"}]},
        "m": {"M": {"k": {"N": "1"}, "l": {"L": [{"N": "1"}]}}},
        "ss": {"SS": ["x", "y"]},
        "ns": {"NS": ["1", "2"]},
    }
)
NO_PATH = "The document path provided in the update expression is invalid for update"
NO_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"


def update(text: str, **values: Any) -> BoundUpdate:
    request: dict[str, Any] = {"UpdateExpression": text}
    if values:
        request["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    bound = read(request, "UpdateExpression").update
    assert bound is not None
    return bound


def changes(text: str, **values: Any) -> dict[str, Any]:
    """The attributes that differ after the update; None for one that went."""
    before = canonical_item(ITEM)
    after = update(text, **values).apply(ITEM)
    assert before == ITEM, "an update changed the item it was given"
    return {name: after.get(name) for name in {*ITEM, *after} if ITEM.get(name) != after.get(name)}


def strings(*texts: str) -> dict[str, Any]:
    return {"L": [{"S": text} for text in texts]}


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("SET x = :a", {"S": "new"}, {"x": {"S": "new"}}),
        ("SET x = n", None, {"x": {"N": "10"}}),
        ("SET x = n, n = :a", {"N": "1"}, {"x": {"N": "10"}, "n": {"N": "1"}}),
        ("SET n = n + :a", {"N": "5"}, {"n": {"N": "15"}}),
        ("SET n = n - :a", {"N": "0.5"}, {"n": {"N": "9.5"}}),
        ("SET n = (n + :a)", {"N": "5"}, {"n": {"N": "15"}}),
        ("SET x = if_not_exists(x, :a) + :a", {"N": "5"}, {"x": {"N": "10"}}),
        ("SET x = if_not_exists(n, :a)", {"N": "5"}, {"x": {"N": "10"}}),
        ("SET x = if_not_exists(x, n)", None, {"x": {"N": "10"}}),
        ("SET x = if_not_exists(x, if_not_exists(y, :a))", {"N": "5"}, {"x": {"N": "5"}}),
        ("SET l = list_append(l, :a)", strings("d"), {"l": strings("a", "b", "c", "d")}),
        ("SET l = list_append(:a, l)", strings("d"), {"l": strings("d", "a", "b", "c")}),
        ("SET x = list_append(if_not_exists(x, :a), :a)", strings("d"), {"x": strings("d", "d")}),
        ("SET l[1] = :a", {"S": "z"}, {"l": strings("a", "z", "c")}),
        ("SET l[99] = :a", {"S": "z"}, {"l": strings("a", "b", "c", "z")}),
        ("SET l[9] = :a, l[8] = s", {"S": "z"}, {"l": strings("a", "b", "c", "text", "z")}),
        ("SET m.k = :a", {"S": "z"}, {"m": {"M": {"k": {"S": "z"}, "l": {"L": [{"N": "1"}]}}}}),
        ("SET m.l[0] = m.l[0] + :a", {"N": "1"}, {"m": {"M": {"k": {"N": "1"}, "l": {"L": [{"N": "2"}]}}}}),
        ("REMOVE n", None, {"n": None}),
        ("REMOVE absent", None, {}),
        ("REMOVE l[0], l[2]", None, {"l": strings("b")}),
        ("REMOVE l[7]", None, {}),
        ("SET l[0] = :a REMOVE l[1]", {"S": "z"}, {"l": strings("z", "c")}),
        ("SET l[5] = :a REMOVE l[0]", {"S": "z"}, {"l": strings("b", "c", "z")}),
        ("REMOVE m.l[0], m.k", None, {"m": {"M": {"l": {"L": []}}}}),
        ("ADD n :a", {"N": "-11"}, {"n": {"N": "-1"}}),
        ("ADD x :a", {"N": "3"}, {"x": {"N": "3"}}),
        ("ADD m.k :a", {"N": "3"}, {"m": {"M": {"k": {"N": "4"}, "l": {"L": [{"N": "1"}]}}}}),
        ("ADD ss :a", {"SS": ["z", "x"]}, {"ss": {"SS": ["x", "y", "z"]}}),
        ("ADD ns :a", {"NS": ["10", "3"]}, {"ns": {"NS": ["1", "2", "3", "10"]}}),
        ("ADD x :a", {"SS": ["z"]}, {"x": {"SS": ["z"]}}),
        ("DELETE ss :a", {"SS": ["x", "q"]}, {"ss": {"SS": ["y"]}}),
        ("DELETE ss :a", {"SS": ["x", "y"]}, {"ss": None}),
        ("DELETE absent :a", {"SS": ["x"]}, {}),
        ("set x = :a remove n add ns :b delete ss :c", {"S": "1"}, None),
    ],
)
def test_an_update(text: str, value: dict[str, Any] | None, expected: dict[str, Any] | None) -> None:
    if expected is None:
        changed = changes(text, a=value, b={"NS": ["9"]}, c={"SS": ["x"]})
        assert changed == {
            "x": {"S": "1"},
            "n": None,
            "ns": {"NS": ["1", "2", "9"]},
            "ss": {"SS": ["y"]},
        }
    else:
        assert changes(text, **({} if value is None else {"a": value})) == expected


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        ("SET x = y", None, NO_ATTRIBUTE),
        ("SET x = y + :a", {"N": "1"}, NO_ATTRIBUTE),
        ("SET x.y = :a", {"N": "1"}, NO_PATH),
        ("SET s.y = :a", {"N": "1"}, NO_PATH),
        ("SET m[0] = :a", {"N": "1"}, NO_PATH),
        ("SET l.k = :a", {"N": "1"}, NO_PATH),
        ("SET l[9].k = :a", {"N": "1"}, NO_PATH),
        ("REMOVE x.y", None, NO_PATH),
        ("ADD x.y :a", {"N": "1"}, NO_PATH),
        ("SET n = s + :a", {"N": "1"}, WRONG_TYPE),
        ("SET n = list_append(s, :a)", {"L": []}, WRONG_TYPE),
        ("ADD s :a", {"N": "1"}, WRONG_TYPE),
        ("ADD ss :a", {"NS": ["1"]}, WRONG_TYPE),
        ("DELETE ns :a", {"SS": ["1"]}, WRONG_TYPE),
        (
            "SET n = n + :a",
            {"N": "1e126"},
            "ExpressionAttributeValues contains invalid value: Number overflow. Attempting to store a number with "
            "magnitude larger than supported range for key :a",
        ),
    ],
)
def test_what_does_not_fit_the_item_is_refused(text: str, value: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        update(text, **({} if value is None else {"a": value})).apply(ITEM)
    assert refused.value.message == message


def test_a_document_may_not_grow_beyond_32_levels() -> None:
    deep: dict[str, Any] = {"S": "deep"}
    for _ in range(30):
        deep = {"L": [deep]}
    assert update("SET m.k = :a", a=deep).apply(ITEM)
    with pytest.raises(AwsError, match="Nesting Levels have exceeded supported limits"):
        update("SET m.l[0] = :a", a=deep).apply(ITEM)


def test_values_shared_by_paths_do_not_change_together() -> None:
    after = update("SET m.a = :a, m.b = :a", a={"M": {}}).apply(ITEM)
    assert after["m"]["M"]["a"] is not after["m"]["M"]["b"]


def test_only_touched_parts_are_told() -> None:
    bound = update("SET m.k = :a, l[2] = :a REMOVE s", a={"S": "z"})
    assert bound.touched.project(ITEM) == {"m": {"M": {"k": {"N": "1"}}}, "l": strings("c"), "s": {"S": "text"}}
    assert bound.touched.project(bound.apply(ITEM)) == {"m": {"M": {"k": {"S": "z"}}}, "l": strings("z")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n, absent", {"n": {"N": "10"}}),
        ("m.k", {"m": {"M": {"k": {"N": "1"}}}}),
        ("m.l[0]", {"m": {"M": {"l": {"L": [{"N": "1"}]}}}}),
        ("m.x", {}),
        ("l[2], l[0], l[9]", {"l": strings("a", "c")}),
        ("n.x", {}),
        ("l.x", {}),
        ("m[0]", {}),
    ],
)
def test_a_projection_keeps_what_its_paths_name(text: str, expected: dict[str, Any]) -> None:
    projection = read({"ProjectionExpression": text}, "ProjectionExpression").projection
    assert projection is not None
    assert projection.project(ITEM) == expected
