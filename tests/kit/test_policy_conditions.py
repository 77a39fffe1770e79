"""Condition operators, one claim a row: (operator, policy's values, request's value, holds)."""

import pytest

from cloudlet.kit.policy.conditions import UnknownOperator, compile_conditions
from cloudlet.kit.policy.context import Context
from cloudlet.kit.policy.request import Access, Principal
from cloudlet.kit.policy.values import Incomparable

BOB = Principal(
    "arn:aws:iam::111122223333:user/team/bob", "111122223333", "User", "AIDABOB", "bob", tags={"Dept": "eng"}
)
ABSENT = None


def holds(operator, values, given=ABSENT, variables=True, key="x:Key", **more):
    values = values if isinstance(values, list) else [values]
    context = dict(more) if given is ABSENT else {"X:kEY": given, **more}
    conditions = compile_conditions({operator: {key: values}}, variables)
    request = Context(BOB, Access("x:Do", "*"), {name.replace("__", ":"): value for name, value in context.items()})
    return all(condition.holds(request) for condition in conditions)


@pytest.mark.parametrize(
    ("operator", "values", "given", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a*", "a*", True),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringEqualsIgnoreCase", "AbC", "aBc", True),
        ("StringNotEqualsIgnoreCase", "AbC", "aBc", False),
        ("StringLike", "a*c?", "abbcd", True),
        ("StringLike", "A*", "ab", False),
        ("StringNotLike", "a*", "ab", False),
        ("StringNotLike", "a*", "ba", True),
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", "1e1", "10", True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericNotEquals", "10", "10", False),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "9", "10", True),  # as texts it would not be
        ("NumericGreaterThanEquals", "10", "9.99", False),
        ("NumericEquals", "10", "ten", False),
        ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", True),
        ("DateEquals", "2026-01-01", "2026-01-01T01:00:00+01:00", True),
        ("DateNotEquals", "2026", "2026-01-01T00:00:00Z", False),
        ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59.999Z", True),
        ("DateLessThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False),
        ("DateGreaterThanEquals", "1767225600", "2026-01-01T00:00Z", True),
        ("DateGreaterThan", "2020", "yesterday", False),
        ("Bool", "true", "true", True),
        ("Bool", "True", "true", True),
        ("Bool", "true", "false", False),
        ("BinaryEquals", "QUJD", "QUJD", True),
        ("BinaryEquals", "QUJD", "QUJE", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.77", True),
        ("IpAddress", "203.0.113.0/24", "203.0.114.1", False),
        ("IpAddress", "203.0.113.9", "203.0.113.9", True),
        ("IpAddress", "203.0.113.9/24", "203.0.113.1", True),
        ("IpAddress", "203.0.113.0/24", "::ffff:203.0.113.77", True),
        ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"], "2001:DB8:1::5", True),
        ("IpAddress", "0.0.0.0/0", "::1", False),
        ("IpAddress", "10.0.0.0/8", "nonsense", False),
        ("NotIpAddress", "203.0.113.0/24", "203.0.114.1", True),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.1", False),
        ("ArnEquals", "arn:aws:sns:*:111122223333:t?", "arn:aws:sns:eu-west-1:111122223333:t1", True),
        ("ArnLike", "arn:aws:s3:*:*:photos", "arn:aws:s3:::photos", True),
        ("ArnLike", "arn:aws:x:*:111122223333:f/*", "arn:aws:x:us-east-2:9:s/abc:111122223333:f/d.txt", False),
        ("StringLike", "arn:aws:x:*:111122223333:f/*", "arn:aws:x:us-east-2:9:s/abc:111122223333:f/d.txt", True),
        ("ArnLike", "arn:aws:lambda:*:*:function:*", "arn:aws:lambda:r:1:function:a:b", True),
        ("ArnLike", "*", "arn:aws:s3:::photos", True),
        ("ArnLike", "arn:aws:s3:::photos", "arn:aws:s3", False),
        ("ArnLike", "arn:aws:s3", "arn:aws:s3:::photos", False),
        ("ArnLike", "arn:aws:S3:::photos", "arn:aws:s3:::photos", False),
        ("ArnNotEquals", "arn:aws:s3:::photos", "arn:aws:s3:::films", True),
        ("ArnNotLike", "arn:aws:s3:::*", "arn:aws:s3:::films", False),
        ("Null", "true", "a", False),
        ("Null", "false", "a", True),
    ],
)
def test_one_value_of_the_request_against_the_policys(operator, values, given, expected):
    assert holds(operator, values, given) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringNotLike", True),
        ("NumericLessThan", False),
        ("NumericNotEquals", True),
        ("ArnNotLike", True),
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("NumericEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAllValues:StringNotEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_a_key_that_is_not_in_the_request(operator, expected):
    value = "arn:aws:s3:::b" if operator.startswith("Arn") else "1"
    assert holds(operator, value) is expected


def test_an_absent_key_is_null():
    assert holds("Null", "true") and not holds("Null", "false")
    assert holds("Null", "true", ())


@pytest.mark.parametrize(
    ("operator", "values", "given", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b", "c"], ("a", "b"), True),
        ("ForAllValues:StringEquals", ["a", "b"], ("a", "z"), False),
        ("ForAnyValue:StringEquals", ["a", "b"], ("a", "z"), True),
        ("ForAnyValue:StringEquals", ["a", "b"], ("y", "z"), False),
        ("ForAllValues:StringNotEquals", ["a", "b"], ("y", "z"), True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ("a", "z"), False),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ("a", "z"), True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ("a", "b"), False),
        ("ForAllValues:StringLike", ["a*"], ("ab", "ac"), True),
        ("ForAnyValue:NumericGreaterThan", ["5"], ("1", "6"), True),
        ("ForAllValues:StringEquals", ["a"], ("",), True),
        ("ForAnyValue:StringEquals", [""], ("",), False),
        ("StringEquals", ["a"], ("z", "a"), True),
        ("StringNotEquals", ["a"], ("z", "a"), False),
        ("forallvalues:stringequalsifexists", ["a"], ("a",), True),
    ],
)
def test_several_values_of_the_request(operator, values, given, expected):
    assert holds(operator, values, given) is expected


def test_all_operators_and_all_keys_must_hold():
    block = {"StringEquals": {"a:x": ["1"], "a:y": ["2"]}, "Bool": {"a:z": ["true"]}}
    conditions = compile_conditions(block, True)
    full = {"a:x": "1", "a:y": "2", "a:z": "true"}

    def check(**changed):
        context = Context(BOB, Access("x:Do", "*"), {**full, **{k.replace("_", ":"): v for k, v in changed.items()}})
        return all(condition.holds(context) for condition in conditions)

    assert check()
    assert not check(a_x="2") and not check(a_y="3") and not check(a_z="false")


@pytest.mark.parametrize(
    ("operator", "value", "given", "expected"),
    [
        ("StringEquals", "${aws:username}", "bob", True),
        ("StringEquals", "${AWS:UserName}-${aws:PrincipalTag/dept}", "bob-eng", True),
        ("StringLike", "home/${aws:username}/*", "home/bob/x", True),
        ("StringLike", "home/${aws:username}/*", "home/eve/x", False),
        ("StringLike", "a${*}b", "a*b", True),
        ("StringLike", "a${*}b", "axb", False),
        ("StringLike", "${?}${$}*", "?$x", True),
        ("StringEquals", "${x:none, 'nobody'}", "nobody", True),
        ("StringEquals", "${aws:username, 'nobody'}", "bob", True),
        ("StringEquals", "${x:none}", "", False),
        ("StringNotEquals", "${x:none}", "anything", False),
        ("StringEqualsIgnoreCase", "${aws:username}", "BOB", True),
        ("ArnEquals", "${aws:PrincipalArn}", "arn:aws:iam::111122223333:user/team/bob", True),
        ("ArnLike", "arn:aws:iam::${aws:PrincipalAccount}:user/*", "arn:aws:iam::111122223333:user/x", True),
        ("StringEquals", "${x:Many}", "1", False),
        ("StringEquals", "${ not closed", "${ not closed", True),
        ("StringEquals", "${}", "${}", True),
        ("NumericEqualsIfExists", "1", "1", True),
    ],
)
def test_variables_are_put_into_texts_and_arns(operator, value, given, expected):
    assert holds(operator, value, given, x__Many=("1", "2")) is expected


def test_one_variable_without_a_value_does_not_hide_the_other_values():
    assert holds("StringEquals", ["${x:none}", "a"], "a")


def test_a_value_put_in_is_never_a_pattern():
    star = {"x__Name": "*"}
    assert not holds("StringLike", "${x:Name}", "bob", **star)
    assert holds("StringLike", "${x:Name}", "*", **star)
    assert not holds("ArnLike", "${x:Name}", "arn:aws:s3:::b", **star)
    assert not holds("ArnLike", "arn:aws:s3:::${x:Name}", "arn:aws:s3:::b", **star)


def test_an_old_document_has_no_variables():
    assert holds("StringEquals", "${aws:username}", "${aws:username}", variables=False)
    assert not holds("StringEquals", "${aws:username}", "bob", variables=False)


@pytest.mark.parametrize(
    "operator", ["StringEqual", "ForSomeValues:StringEquals", "NullIfExists", "ForAllValues:Null", ""]
)
def test_an_unknown_operator_is_refused(operator):
    with pytest.raises(UnknownOperator):
        compile_conditions({operator: {"a:x": ["1"]}}, True)


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("NumericEquals", "ten"),
        ("NumericEquals", "NaN"),
        ("DateLessThan", "2026-13-01"),
        ("IpAddress", "203.0.113.0/33"),
        ("BinaryEquals", "not base64!"),
        ("Null", "maybe"),
    ],
)
def test_a_value_the_operator_cannot_read_is_refused(operator, value):
    with pytest.raises(Incomparable):
        compile_conditions({operator: {"a:x": [value]}}, True)


def test_keys_that_follow_from_the_principal():
    assert holds("StringEquals", "AIDABOB", key="aws:userid")
    assert holds("StringEquals", "User", key="aws:PrincipalType")
    assert holds("StringEquals", "eng", key="aws:PrincipalTag/Dept")
    assert holds("Bool", "false", key="aws:PrincipalIsAWSService")
    assert holds("ArnEquals", BOB.arn, key="aws:PrincipalArn")


def test_of_a_session_the_principal_arn_is_its_role_and_there_is_no_user_name():
    role = "arn:aws:iam::111122223333:role/worker"
    session = Principal("arn:aws:sts::111122223333:assumed-role/worker/s", "111122223333", "AssumedRole", role_arn=role)
    context = Context(session, Access("x:Do", "*"), {})
    assert context.get("aws:principalarn") == (role,)
    assert context.get("aws:username") is None


def test_a_hostile_variable_text_is_read_in_one_pass():
    text = "${a, '" * 3000 + "${" + " " * 20000
    assert holds("StringEquals", text, text)
