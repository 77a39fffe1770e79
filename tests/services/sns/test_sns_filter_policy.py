"""Filter policies: what passes, what is no policy and why; and that a subscription gets what passes only."""

import json
from typing import Any

import pytest

from cloudlet.services.sns.filters.conditions import InvalidPolicy
from cloudlet.services.sns.filters.policy import BY_ATTRIBUTES, BY_BODY, Verdict, compile_policy
from tests.client import TestNode
from tests.services.sns.sns_client import metrics, publish, queue, receive, subscribe, topic


def text(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def number(value: str) -> dict[str, Any]:
    return {"DataType": "Number", "StringValue": value}


def array(*values: Any) -> dict[str, Any]:
    return {"DataType": "String.Array", "StringValue": json.dumps(values)}


def passes(policy: Any, attributes: dict[str, Any]) -> bool:
    return compile_policy(json.dumps(policy), BY_ATTRIBUTES).judge("", attributes) is Verdict.PASSES


def passes_body(policy: Any, body: Any) -> bool:
    return compile_policy(json.dumps(policy), BY_BODY).judge(json.dumps(body), {}) is Verdict.PASSES


CIDR = {"a": [{"cidr": "10.0.0.0/24"}]}


@pytest.mark.parametrize(
    ("policy", "yes", "no"),
    [
        ({"a": ["x", "y"]}, [text("x"), text("y"), array("z", "x")], [text("z"), number("1"), array(), None]),
        ({"a": [100]}, [number("100"), number("1e2"), array(100)], [text("100"), number("101")]),
        ({"a": [True]}, [array(True)], [array(1), text("true")]),
        ({"a": [None]}, [None, array(None)], [text("null")]),
        ({"a": [None, {"anything-but": "whatever"}]}, [None, text("x"), number("1")], [text("whatever")]),
        ({"a": [{"prefix": "ab"}]}, [text("abc"), text("ab")], [text("b"), number("1"), None]),
        ({"a": [{"suffix": "yz"}]}, [text("xyz")], [text("yzx")]),
        ({"a": [{"equals-ignore-case": "TenNis"}]}, [text("tennis"), text("TENNIS")], [text("tennis2")]),
        ({"a": [{"wildcard": "b*ball"}]}, [text("baseball"), text("bball")], [text("ball"), text("baseballs")]),
        ({"a": [{"wildcard": "a\\*b"}]}, [text("a*b")], [text("axb")]),
        ({"a": [{"anything-but": ["x", "y"]}]}, [text("z"), array("x", "z")], [text("x"), array("x", "y"), None]),
        ({"a": [{"anything-but": [1, 2]}]}, [number("3"), text("1")], [number("1"), number("2.0")]),
        ({"a": [{"anything-but": {"prefix": "order-"}}]}, [text("data")], [text("order-1")]),
        ({"a": [{"anything-but": {"suffix": "1"}}]}, [text("2")], [text("order-1")]),
        ({"a": [{"anything-but": {"wildcard": ["*x*", "y"]}}]}, [text("z")], [text("axb"), text("y")]),
        ({"a": [{"exists": True}]}, [text("x"), array(None)], [None, array()]),
        ({"a": [{"exists": False}]}, [None, array()], [text("x")]),
        ({"a": [{"numeric": ["=", 301.5]}]}, [number("301.50"), number("3.015e2")], [number("301"), text("301.5")]),
        ({"a": [{"numeric": [">", 0, "<=", 150]}]}, [number("0.1"), number("150")], [number("0"), number("150.1")]),
        ({"a": [{"numeric": ["<", 10]}]}, [number("-5"), array(3)], [number("10"), array(12)]),
        (CIDR, [text("10.0.0.255")], [text("10.0.1.0"), text("ten"), text("2001:db8::1")]),
        ({"a": [{"cidr": "2001:0db8:1234:1a00::/64"}]}, [text("2001:db8:1234:1a00::7")], [text("10.0.0.1")]),
    ],
)
def test_conditions_on_attributes(policy: Any, yes: list[Any], no: list[Any]) -> None:
    for expected, values in ((True, yes), (False, no)):
        for value in values:
            assert passes(policy, {} if value is None else {"a": value}) is expected, value


def test_all_keys_must_match_and_one_condition_of_each() -> None:
    policy = {"store": ["example_corp"], "event": [{"anything-but": "cancelled"}], "price": [{"numeric": [">=", 100]}]}
    full = {"store": text("example_corp"), "event": text("placed"), "price": number("210.75")}
    assert passes(policy, full)
    for name in full:
        assert not passes(policy, {key: value for key, value in full.items() if key != name})


def test_binary_attributes_are_not_looked_at() -> None:
    assert not passes({"a": [{"exists": True}]}, {"a": {"DataType": "Binary", "BinaryValue": b"x"}})


def test_alternatives() -> None:
    policy = {"source": ["cloudwatch"], "$or": [{"metric": ["CPU"]}, {"space": ["ec2", "es"], "kind": ["x"]}]}
    source = {"source": text("cloudwatch")}
    assert passes(policy, source | {"metric": text("CPU")})
    assert passes(policy, source | {"space": text("es"), "kind": text("x")})
    assert not passes(policy, source | {"space": text("es")})
    assert not passes(policy, {"metric": text("CPU")})
    assert passes({"$or": ["a"]}, {"$or": text("a")})  # a key like any other: no list of objects


def test_conditions_on_the_body() -> None:
    policy = {"detail": {"kind": ["a"], "deep": {"n": [{"numeric": [">", 1]}]}}, "gone": [{"exists": False}]}
    body = {"detail": {"kind": "a", "deep": {"n": 2}, "more": 1}}
    assert passes_body(policy, body)
    assert not passes_body(policy, body | {"gone": 1})
    assert not passes_body(policy, {"detail": {"kind": "a"}})
    assert passes_body({"a": [None]}, {"a": None})
    assert not passes_body({"a": [None]}, {})
    assert passes_body({"a": [True]}, {"a": True})
    assert not passes_body({"a": [True]}, {"a": 1})
    assert passes_body({"a": {"b": [{"exists": False}]}}, {})
    assert passes_body({"resources": [{"exists": False}]}, {"resources": []})


def test_of_a_list_of_objects_one_must_match_whole() -> None:
    policy = {"Records": {"s3": ["photos"], "event": [{"prefix": "Created"}]}}
    assert passes_body(policy, {"Records": [{"s3": "x", "event": "y"}, {"s3": "photos", "event": "CreatedPut"}]})
    assert not passes_body(policy, {"Records": [{"s3": "photos", "event": "Gone"}, {"s3": "x", "event": "CreatedPut"}]})
    assert passes_body({"to": ["q1"]}, {"to": ["q2", "q1"]})


@pytest.mark.parametrize("body", ["no json", "[1]", '"x"', "1", ""])
def test_a_body_that_is_no_object_passes_no_body_policy(body: str) -> None:
    policy = compile_policy('{"a": [{"exists": false}]}', BY_BODY)
    assert policy.judge(body, {}) is Verdict.INVALID_BODY


SOURCE = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: "


@pytest.mark.parametrize(
    ("policy", "message", "column"),
    [
        ('{"key":[{"suffix":100}]}', "suffix match pattern must be a string", 22),
        ('{"key":[{"suffix":[]}]}', "suffix match pattern must be a string", 20),
        ('{"key":[{"suffix":null}]}', "suffix match pattern must be a string", 23),
        ('{"key":[{"suffix":["test","test2"]}]}', "suffix match pattern must be a string", 20),
        ('{"key":[{"exists":"no"}]}', "exists match pattern must be either true or false.", 20),
        ('{"key":[{"exists":null}]}', "exists match pattern must be either true or false.", 23),
        ('{"key":[]}', "Empty arrays are not allowed", 10),
        ('{"key":{"suffix":"value"}}', '"suffix" must be an object or an array', 19),
        ('{"key":{"suffix":"value","prefix":"value"}}', '"suffix" must be an object or an array', 19),
        ('{"key":{"not-an-operator":"value"}}', '"not-an-operator" must be an object or an array', 28),
        ('{"key":[{"cidr":["bad-filter"]}]}', "prefix match pattern must be a string", 18),
        ('{"key":[{"cidr":"bad-filter"}]}', "Malformed CIDR, one '/' required", 0),
        ('{"key":[{"cidr":"bad-filter/64"}]}', "Nonstandard IP address: bad-filter", 0),
        ('{"key":[{"cidr":"bad-filter/xx"}]}', "Malformed CIDR, mask bits must be an integer", 0),
        ('{"key":[{"cidr":"xx.11.xx/8"}]}', "Nonstandard IP address: xx.11.xx", 0),
        ('{"key":[{"cidr":"10.0.0.0/33"}]}', "Malformed CIDR, mask bits must not exceed 32", 0),
        ('{"key":[{"fly":"x"}]}', "Unrecognized match type fly", None),
        ('{"key":[{"prefix":"a","suffix":"b"}]}', "Only one key allowed in match expression", None),
        ('{"key":[["a"]]}', "Match value must be String, number, true, false, or null", None),
        ('{"key":[{"numeric":["<","a"]}]}', "Value of < must be numeric", None),
        ('{"key":[{"numeric":["<<",1]}]}', "Unrecognized numeric range operator: <<", None),
        ('{"key":[{"numeric":[">",5,"<",1]}]}', "Bottom must be less than top", None),
        ('{"key":[{"numeric":["<",5,"<",7]}]}', "Bad numeric range operator: <", None),
        ('{"key":[{"numeric":["=",1,"=",2]}]}', "Too many terms in numeric range expression", None),
        (
            '{"key":[{"anything-but":["a",1]}]}',
            "Inside anything but list, either all values are number or string",
            None,
        ),
        ('{"key":{"nested":["a"]}}', "Filter policy scope MessageAttributes does not support nested filter policy", 0),
        ('{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}', "Filter policy can not have more than 5 keys", 0),
        (json.dumps({"a": [*range(151)]}), "Filter policy is too complex", 0),
        (json.dumps({"a": [*range(13)], "b": [*range(12)]}), "Filter policy is too complex", 0),
        ("{", "failed to parse JSON. Unexpected end-of-input", None),
    ],
)
def test_what_is_no_filter_policy(policy: str, message: str, column: int | None) -> None:
    """The column is AWS's, where one is known; 0: none is told."""
    with pytest.raises(InvalidPolicy) as refused:
        compile_policy(policy, BY_ATTRIBUTES)
    said = str(refused.value)
    assert said.startswith(message)
    if column:
        assert said == f"{message}{SOURCE}{column}]"
    elif column == 0:
        assert said == message


def test_levels_count_towards_complexity() -> None:
    """3 x 1 + 4 values on the third level and so on: 4 * 3 * 3 * 2 * 2 * 1 = 144 is the documentation's example."""
    nested = {"a": {"b": {"c": [1, 2, 3, 4]}}, "d": {"e": [1, 2, 3]}, "f": [1, 2]}
    assert compile_policy(json.dumps(nested), BY_BODY)
    nested["f"] = [1, 2, 3]
    with pytest.raises(InvalidPolicy, match="too complex"):
        compile_policy(json.dumps(nested), BY_BODY)


def test_alternatives_that_explode_are_refused_soon() -> None:
    policy: dict[str, Any] = {"$or": [{"$or": [{"a": [number]}, {"b": [number]}]} for number in range(5)]}
    for _ in range(6):
        policy = {"$or": [policy, policy]}
    with pytest.raises(InvalidPolicy, match="too complex"):
        compile_policy(json.dumps(policy), BY_ATTRIBUTES)


@pytest.mark.parametrize("depth", [65, 100_000])
def test_deep_policies_are_refused(depth: int) -> None:
    with pytest.raises(InvalidPolicy, match="nesting depth"):
        compile_policy('{"a":' + "[" * depth, BY_BODY)


def test_a_subscription_gets_what_passes(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscribe(node, arn, queue_arn, FilterPolicy='{"attr1": [{"numeric": [">", 0, "<=", 100]}]}')
    publish(node, arn, "yes", MessageAttributes={"attr1": number("99")})
    publish(node, arn, "no", MessageAttributes={"attr1": number("111")})
    publish(node, arn, "none")
    assert [json.loads(message["Body"])["Message"] for message in receive(node, url)] == ["yes"]
    counted = metrics(node)
    assert counted["NumberOfNotificationsFilteredOut"] == 2
    assert counted["NumberOfNotificationsFilteredOut-MessageAttributes"] == 1
    assert counted["NumberOfNotificationsFilteredOut-NoMessageAttributes"] == 1
    assert counted["NumberOfNotificationsDelivered"] == 1


def test_a_policy_may_speak_of_the_body(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    policy = '{"object": {"key": [{"prefix": "auto-"}, "hardcodedvalue"]}}'
    subscribe(node, arn, queue_arn, FilterPolicy=policy, FilterPolicyScope="MessageBody", RawMessageDelivery="true")
    for key in ("auto-test", "other", "hardcodedvalue"):
        publish(node, arn, json.dumps({"object": {"key": key}}))
    publish(node, arn, "not json")
    assert [json.loads(message["Body"])["object"]["key"] for message in receive(node, url)] == [
        "auto-test",
        "hardcodedvalue",
    ]
