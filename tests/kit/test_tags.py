"""Tags: keys with and without case, limits, the forms, the condition keys."""

import pytest

from cloudlet.kit import tags

ERROR = ValueError("refused")


def test_the_two_forms_turn_into_each_other() -> None:
    assert tags.to_list({"a": "1", "b": ""}) == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    assert tags.from_list([{"Key": "a", "Value": "1"}, {"Key": "b"}]) == {"a": "1", "b": ""}
    assert tags.from_list(None) == {}


def test_new_values_replace_old_ones_and_other_keys_stay() -> None:
    assert tags.added({"a": "1", "b": "2"}, {"a": "3"}, 2, ERROR) == {"a": "3", "b": "2"}
    assert tags.added({"a": "1"}, {"A": "3"}, 2, ERROR) == {"a": "1", "A": "3"}
    assert tags.added({"a": "1", "b": "2"}, {"A": "3"}, 2, ERROR, ignore_case=True) == {"b": "2", "A": "3"}
    with pytest.raises(ValueError, match="refused"):
        tags.added({"a": "1", "b": "2"}, {"c": "3"}, 2, ERROR)


def test_keys_are_taken_away_and_unknown_ones_are_nothing() -> None:
    assert tags.without({"a": "1", "A": "2", "b": "3"}, ["a", "z"]) == {"A": "2", "b": "3"}
    assert tags.without({"a": "1", "A": "2", "b": "3"}, ["a"], ignore_case=True) == {"b": "3"}


def test_a_key_twice_is_refused_and_case_may_not_tell() -> None:
    listed = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert tags.distinct(listed, ERROR) == {"a": "1", "A": "2"}
    for repeated, ignore_case in ((listed, True), (listed[:1] * 2, False)):
        with pytest.raises(ValueError, match="refused"):
            tags.distinct(repeated, ERROR, ignore_case=ignore_case)


def test_what_begins_with_aws_is_reserved() -> None:
    assert tags.are_reserved({"a": "1", "AWS:x": "2"}) and not tags.are_reserved({"awsome": "1"})


def test_conditions_see_what_is_asked_and_what_is_there() -> None:
    assert tags.asked({"a": "1"}) == {"aws:RequestTag/a": "1", "aws:TagKeys": ("a",)}
    assert tags.asked({}, ["a", "b"]) == {"aws:TagKeys": ("a", "b")}
    assert tags.asked({}) == {}, "an absent key, not an empty one"
    assert tags.of_resource({"a": "1"}) == {"aws:ResourceTag/a": "1"}
