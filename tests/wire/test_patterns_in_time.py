"""Texts made for regular expressions that take ages: none of those that a request can reach does."""

import re

import pytest

from cloudlet.app.wiring import SERVICES
from cloudlet.wire import constraints
from cloudlet.wire.java_regex import is_one_class
from cloudlet.wire.model import load
from cloudlet.wire.rest import header_items
from tests.hang_guard import hang_guard

# What a pattern's repetitions may like, over and over, and ends that spoil the match.
PUMPS = (
    "a",
    "aws",
    "0",
    "-",
    "_",
    ".",
    "/",
    ":",
    "a-",
    "a.",
    "a/",
    "a:",
    "aA",
    "0a",
    " ",
    "a ",
    "\\",
    "=",
    "@",
    ",",
    "*",
)
ENDS = ("\0", "!")
STARTS = ("", "arn:aws:iam::000000000000:role/", "arn:aws:lambda:us-east-1:000000000000:function:")
LONGEST = 3000


def patterns():
    """Every pattern of the models but those that are one character class, with its shape's longest text."""
    found = {}
    for service in SERVICES:
        for shape in load(service.name).raw_shapes.values():
            if shape.get("type") == "string" and "pattern" in shape and not is_one_class(shape["pattern"]):
                found[shape["pattern"], shape.get("max")] = None
    return list(found)


@pytest.mark.slow
def test_no_pattern_of_the_models_explodes():
    """The longest of them takes some 30 ms for one text; the exponential ones would take for ever."""
    assert len(patterns()) > 80
    for pattern, longest in patterns():
        sentence = constraints._pattern(pattern, longest)
        for start in STARTS:
            for pump in PUMPS:
                for length in {min(longest or LONGEST, LONGEST), 256, 2048}:
                    text = (start + pump * length)[: length - 1]
                    with hang_guard(5):
                        for end in ENDS:
                            sentence(text + end)


@pytest.mark.parametrize(
    "text", ["a" + " " * 60_000 + "b", " " * 60_000 + "b", '"' + "\\" * 60_001, '"' + "a," * 30_000, "," * 60_000]
)
def test_a_headers_items_are_read_in_one_pass(text):
    with hang_guard():
        header_items(text)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a, b ,c", ["a", "b", "c"]),
        ('"a, b", c', ["a, b", "c"]),
        (r'"a\"b" ,c', ['a"b', "c"]),
        ('"a', ['"a']),
        ('"a"b,c', ['"a"b', "c"]),
        (",, ,a", ["a"]),
        ('""', [""]),
        ("a  b", ["a  b"]),
    ],
)
def test_a_headers_items(text, items):
    assert header_items(text) == items


def test_the_guard_ends_what_explodes():
    with pytest.raises(TimeoutError), hang_guard(1):
        re.fullmatch("(a+)+", "a" * 60 + "!")
