"""The filter pattern language."""

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.logs import patterns


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("", ["anything"], []),
        ("ERROR", ["[ERROR 400] BAD"], ["error"]),
        ("ERROR ARGUMENTS", ["[ERROR] MISSING ARGUMENTS"], ["ERROR", "ARGUMENTS"]),
        ("?ERROR ?WARN", ["ERROR x", "WARN x"], ["INFO"]),
        ("ERROR -ARGUMENTS", ["ERROR"], ["ERROR ARGUMENTS"]),
        ('"INTERNAL SERVER ERROR"', ["x INTERNAL SERVER ERROR"], ["INTERNAL ERROR"]),
        ('"a \\"b"', ['a "b'], ["a b"]),
        ('-"exit code 0"', ["exit code 1"], ["exit code 0"]),
        ("{ $.a = 1 }", ['{"a": 1}', '{"a": 1.0}', '{"a": "1"}'], ['{"a": 2}', '{"b": 1}', "a = 1", "[1]"]),
        ('{ $.e.t = "Update*" }', ['{"e": {"t": "UpdateTrail"}}'], ['{"e": {"t": "xUpdate"}}', '{"e": 1}']),
        ("{ $.list[0] = x && $.n > 4.5 }", ['{"list": ["x"], "n": 5}'], ['{"list": ["x"], "n": 4}', '{"n": 5}']),
        ("{ ($.a = 1 || $.b = 2) && $.c = 3 }", ['{"b": 2, "c": 3}'], ['{"b": 2}', '{"c": 3}']),
        ("{ $.a = 1 || $.b = 2 && $.c = 3 }", ['{"a": 1}', '{"b": 2, "c": 3}'], ['{"b": 2}']),
        ("{ $.a[*].b = x }", ['{"a": [{"b": "y"}, {"b": "x"}]}'], ['{"a": [{"b": "y"}]}']),
        ("{ $.a IS TRUE }", ['{"a": true}'], ['{"a": "true"}', '{"a": 1}', "{}"]),
        ("{ $.a IS NULL }", ['{"a": null}'], ["{}", '{"a": 0}']),
        ("{ $.a NOT EXISTS }", ["{}"], ['{"a": null}']),
        ("{ $.a != 1 }", ['{"a": 2}'], ['{"a": 1}', "{}"]),
        (
            "{ $.sourceIPAddress != 123.123.* }",
            ['{"sourceIPAddress": "1.2.3.4"}'],
            ['{"sourceIPAddress": "123.123.1.1"}'],
        ),
        ("[ip, user, status = 4*, bytes]", ["1.2.3.4 bob 404 17"], ["1.2.3.4 bob 200 17", "bob 404 17"]),
        ("[..., status > 499, bytes]", ["a b c 500 1", "500 1"], ["a 499 1", "1"]),
        ("[w1 = ERROR || w1 = WARN, ...]", ["ERROR x y", "WARN"], ["INFO x", ""]),
        ("[,,a = 3]", ["1 2 3"], ["3 2 1"]),
        ('[ip, request = "GET *", status != 200]', ['1.1.1.1 "GET /x HTTP/1.1" 404'], ['1.1.1.1 "PUT /x" 404']),
        ("[t, m = *fail*]", ["[10/Oct/2000 13:25] itfails"], ["[10/Oct/2000 13:25] itworks"]),
    ],
)
def test_patterns_match_as_aws_documents(pattern: str, matching: list[str], others: list[str]) -> None:
    matches = patterns.compiled(pattern)
    assert [message for message in matching if matches(message) is None] == []
    assert [message for message in others if matches(message) is not None] == []


@pytest.mark.parametrize(
    "pattern",
    ["{ $.a", "{ a = 1 }", "{ $.a = }", "{ $.a = 1 } x", "[a, b", "[a = 1, ..., ...]", "[a = 1 && b = 2]", '"open',
     "{ $.a < x }", "{ " + "(" * 300 + "$.a = 1" + ")" * 300 + " }"],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(AwsError) as refused:
        patterns.compiled(pattern)
    assert refused.value.code == "InvalidParameterException"


def test_values_are_extracted() -> None:
    assert patterns.compiled("[ip, ..., bytes > 1]")("1.1.1.1 x y 17") == {"$ip": "1.1.1.1", "$bytes": "17"}
    assert patterns.compiled("{ $.a.b > 1 }")('{"a": {"b": 2.5}}') == {"$.a.b": "2.5"}


def test_hostile_messages_only_fail_to_match() -> None:
    matches = patterns.compiled("{ $.a = 1 }")
    for message in ("[" * 100_000, '{"a": 1e999}', '{"a": ' + "9" * 5000 + "}", "\ud800", '{"a"'):
        matches(message)
    assert patterns.compiled("[a = " + "*a" * 100 + "*, ...]")("a" * 100_000) is not None
