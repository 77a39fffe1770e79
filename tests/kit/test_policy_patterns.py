"""Wildcards: what matches, and that no pattern can stop the node."""

import random
import re
import time

import pytest

from cloudlet.kit.policy.patterns import Literal, compile_pattern, compile_patterns


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*", ["", "x", "a:b/c"], []),
        ("", [""], ["x"]),
        ("a*", ["a", "ab", "a\n"], ["", "ba"]),
        ("*a", ["a", "ba"], ["ab", ""]),
        ("a*a", ["aa", "aba"], ["a", "ab"]),
        ("a*b*c", ["abc", "axbxc", "abbcc"], ["acb", "ab", "bc"]),
        ("a**b", ["ab", "axb"], ["a", "b"]),
        ("?", ["a", "*"], ["", "ab"]),
        ("a?c", ["abc", "a?c"], ["ac", "abbc"]),
        ("*?", ["a", "ab"], [""]),
        ("?*?", ["ab", "abc"], ["a", ""]),
        ("arn:aws:s3:::*/?.txt", ["arn:aws:s3:::b/1.txt", "arn:aws:s3:::b/c/1.txt"], ["arn:aws:s3:::b/12.txt"]),
        ("a.c", ["a.c"], ["abc"]),
        ("[ab]", ["[ab]"], ["a"]),
    ],
)
def test_star_is_any_run_and_question_mark_any_one_character(pattern, matching, other):
    for compiled in (compile_pattern((pattern,)), compile_patterns([pattern])):
        assert [text for text in matching if not compiled(text)] == []
        assert [text for text in other if compiled(text)] == []


def test_wildcards_in_a_literal_part_are_plain_characters():
    match = compile_pattern(("home/", Literal("*"), "/*"))
    assert match("home/*/x") and not match("home/bob/x")
    match = compile_pattern((Literal("a?"), "?"))
    assert match("a?b") and not match("abb")


def test_matching_agrees_with_regular_expressions():
    rng = random.Random(7)
    for _ in range(3000):
        pattern = "".join(rng.choices("ab*?", k=rng.randrange(8)))
        text = "".join(rng.choices("ab", k=rng.randrange(9)))
        expected = re.fullmatch(pattern.replace("*", ".*").replace("?", "."), text, re.DOTALL) is not None
        assert compile_pattern((pattern,))(text) is expected, (pattern, text)
        assert compile_patterns([pattern, "never"])(text) is expected, (pattern, text)


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 1000 + "*b",
        "a*" * 1000 + "b",
        "*?" * 1000 + "b",
        "?*a" * 700 + "b",
        "*" * 2000 + "b",
        "*" + "a?" * 900 + "b",
    ],
)
def test_a_hostile_pattern_costs_no_more_than_its_length_times_the_text(pattern):
    """A backtracking matcher would need longer than the universe has: the guard is against that, not a measurement."""
    match = compile_pattern((pattern,))
    started = time.monotonic()
    assert not match("a" * 5000)
    assert match("a" * 5000 + "b")
    assert time.monotonic() - started < 10
