"""Template text to values: short forms, YAML 1.1 as CloudFormation reads it, and what is refused, with its line."""

import pytest

from cloudlet.services.cloudformation.template.errors import TemplateError
from cloudlet.services.cloudformation.template.load import load


def refusal(text: str, **limits: int) -> str:
    with pytest.raises(TemplateError) as caught:
        load(text, **limits)
    assert caught.value.code == "ValidationError"
    return caught.value.message


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref Name", {"Ref": "Name"}),
        ("!Condition Name", {"Condition": "Name"}),
        ("!GetAtt Name.Arn", {"Fn::GetAtt": ["Name", "Arn"]}),
        ("!GetAtt Name.Outputs.Url", {"Fn::GetAtt": ["Name", "Outputs.Url"]}),
        ("!GetAtt [Name, Arn]", {"Fn::GetAtt": ["Name", "Arn"]}),
        ('!Sub "${A}-b"', {"Fn::Sub": "${A}-b"}),
        ("!If [C, !Ref A, no]", {"Fn::If": ["C", {"Ref": "A"}, False]}),
        ('!Join ["", [a, !Ref B]]', {"Fn::Join": ["", ["a", {"Ref": "B"}]]}),
        ("!ImportValue x", {"Fn::ImportValue": "x"}),
        ('!GetAZs ""', {"Fn::GetAZs": ""}),
        ("!Base64 x", {"Fn::Base64": "x"}),
        ("!Equals [a, 1]", {"Fn::Equals": ["a", 1]}),
        ("!Base64\n  Fn::Sub: x", {"Fn::Base64": {"Fn::Sub": "x"}}),
    ],
)
def test_short_forms_are_their_long_forms(short: str, long: object) -> None:
    assert load(f"V: {short}") == {"V": long}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2010-09-09", "2010-09-09"),  # no timestamps
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("", None),
        ("012", 10),
        ("0x1F", 31),
        ("-0b11", -3),
        ("1_000", 1000),
        ("0123456789", "0123456789"),
        ("1.50", 1.5),
        ("1e3", "1e3"),
        ("'1'", "1"),
        ('"yes"', "yes"),
        ("!!str 1", "1"),
        ("=", "="),
        ("22:15", "22:15"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_scalars_are_those_of_yaml_1_1_without_timestamps(written: str, value: object) -> None:
    assert load(f"V: {written}") == {"V": value}


def test_json_is_read_as_json() -> None:
    assert load(' {"A": [1, 1.5, true, null, "2010-09-09"]}') == {"A": [1, 1.5, True, None, "2010-09-09"]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"A": 1,}', "JSON not well-formed. (line 1, column 9)"),
        ("{'A': 1}", "JSON not well-formed. (line 1, column 2)"),
        ('{"A": NaN}', "JSON not well-formed. (line 1, column 1)"),
        ('{"A": 1, "A": 2}', "Duplicate key 'A' in JSON object."),
        ("A: [1", "YAML not well-formed. (line 2, column 1)"),
        ("A: 1\n B: 2", "YAML not well-formed. (line 2, column 3)"),
        ("A: 1\n---\nB: 1", "YAML not well-formed. (line 2, column 1)"),
        ("A:\n  B: 1\n  B: 2", "Duplicate key 'B'. (line 3, column 3)"),
        ("? [a]\n: 1", "YAML not well-formed. (line 1, column 3)"),
        ("A: !Foo 1", "Unsupported YAML tag !Foo. (line 1, column 4)"),
        (
            "A: !!python/object:os.system x",
            "Unsupported YAML tag tag:yaml.org,2002:python/object:os.system. (line 1, column 4)",
        ),
        ("A: !!binary aGk=", "Unsupported YAML tag tag:yaml.org,2002:binary. (line 1, column 4)"),
        ("A: &x 1\nB: *x", "YAML aliases are not allowed in CloudFormation templates"),
        ("just text", "unsupported structure."),
        ("- a", "unsupported structure."),
        ("", "unsupported structure."),
        ("A: \x00", "YAML not well-formed. (line 1, column 1)"),
    ],
)
def test_what_is_not_well_formed_is_refused_with_its_place(text: str, reason: str) -> None:
    assert refusal(text) == f"Template format error: {reason}"


@pytest.mark.parametrize("text", ["A: " + "[" * 500 + "]" * 500, '{"A":' * 50_000, '{"A":' * 200 + "1" + "}" * 200])
def test_excessive_nesting_is_refused(text: str) -> None:
    assert "not well-formed" in refusal(text)


def test_a_template_over_the_limit_is_refused_by_its_bytes() -> None:
    text = "A: é"
    assert load(text, bytes_max=5) == {"A": "é"}
    assert refusal(text, bytes_max=4) == "Template may not exceed 4 bytes in size."
