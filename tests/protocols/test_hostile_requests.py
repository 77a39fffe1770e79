"""Seeded mutations of every operation's request: parsing and checking end in a value or an AWS error, nothing else."""

import random
import zlib
from dataclasses import replace
from xml.etree import ElementTree

import cbor2
import pytest
from botocore_client import Values, operations, request_of
from test_round_trips_query import query_operations

from cloudlet.base.errors import AwsError, aws_error
from cloudlet.wire import cbor, constraints, json, query, rest_json, rest_xml
from cloudlet.wire.model import load

CASES = [
    *((json, "json", service) for service in ("sqs", "dynamodb", "logs", "cloudwatch")),
    *((query, "query", service) for service in ("iam", "sts", "sns", "cloudwatch", "cloudformation", "sqs")),
    (cbor, "smithy-rpc-v2-cbor", "cloudwatch"),
    (rest_json, "rest-json", "lambda"),
    (rest_xml, "rest-xml", "s3"),
]
MUTATIONS_PER_OPERATION = 50
CHUNKS = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"null",
    b'"x"',
    b"[]",
    b"{}",
    b"-1e999",
    b"9" * 400,
    b"&",
    b"<a>",
    b"%zz",
    b"%ff",
    b".1.",
)


def mutated(chance, data):
    """One to three edits: bytes cut, doubled, replaced by something awkward."""
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(data) + 1)
        until = min(len(data), at + chance.randrange(12))
        kind = chance.randrange(4)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + chance.choice(CHUNKS) + data[until:]
        elif kind == 2:
            data = data[:until] + data[at:until] * 3 + data[until:]
        else:
            data = data[:at] + chance.randbytes(until - at) + data[until:]
    return data


def hostile(chance, request):
    """The request with its body, path, query or a header mutated."""
    part = chance.choice(("body", "body", "body", "path", "query", "header"))
    if part == "header" and request.headers:
        at = chance.randrange(len(request.headers))
        headers = list(request.headers)
        name, value = headers[at]
        headers[at] = name, mutated(chance, value.encode("latin-1", "replace")).decode("latin-1")
        return replace(request, headers=headers)
    if part == "body":
        return replace(request, body=mutated(chance, request.body))
    text = mutated(chance, getattr(request, part if part != "header" else "query").encode("latin-1"))
    return replace(request, **{part if part != "header" else "query": text.decode("latin-1")})


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "protocol", "service"), CASES, ids=[f"{case[2]}-{case[1]}" for case in CASES])
def test_a_mutated_request_is_a_value_or_an_aws_error(codec, protocol, service):
    model = load(service)
    refused = 0
    for operation in query_operations(service) if protocol == "query" else operations(service):
        chance = random.Random(zlib.crc32(f"{service}.{operation.name}".encode()))
        params = Values(operation.name, protocol).of(operation.input_shape) if operation.input_shape else {}
        request = request_of(operation, params, protocol)
        for _ in range(MUTATIONS_PER_OPERATION):
            try:
                bad = hostile(chance, request)
                name, bound = codec.match(model, bad)
                if name is not None:
                    found = model.operations[name]
                    constraints.check(model, found, codec.parse(model, found, bad, bound))
            except AwsError as error:
                refused += 1
                assert 400 <= error.status < 500
                assert codec.render_error(model, None, error, "r").status >= 400
    assert refused > 10


DEEP = 100_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"Item":' * 3 + b'{"M":{"a":' * DEEP,
        b'{"Item":{"a":' + b'{"M":{"a":' * 400 + b'{"S":"x"}' + b"}}" * 400 + b"}}",
        b"[" * DEEP,
        b'{"a":' * DEEP,
    ],
    ids=["endless maps", "deep maps", "lists", "unknown members"],
)
def test_json_nested_too_deeply_is_a_serialization_exception(body):
    model = load("dynamodb")
    operation = model.operations["PutItem"]
    with pytest.raises(AwsError) as caught:
        json.parse(model, operation, request_with(body), {})
    assert caught.value.code == "SerializationException"


@pytest.mark.parametrize(
    "body",
    [
        b"<Tagging>" * DEEP,
        b"<Tagging>" * DEEP + b"</Tagging>" * DEEP,
        b'<!DOCTYPE Tagging [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><Tagging><TagSet>&b;</TagSet></Tagging>',
        b'<!DOCTYPE Tagging SYSTEM "file:///etc/passwd"><Tagging/>',
        b'<?xml version="1.0" encoding="no-such-encoding"?><Tagging/>',
        b"<Tagging>\xff</Tagging>",
        b"<Tagging>&#0;</Tagging>",
        b"<Delete/>",
    ],
)
def test_xml_that_is_deep_a_bomb_or_no_xml_is_malformed(body):
    model = load("s3")
    with pytest.raises(AwsError) as caught:
        bound = {"labels": {"Bucket": "b"}, "query": {}}
        rest_xml.parse(model, model.operations["PutBucketTagging"], request_with(body), bound)
    assert caught.value.code == "MalformedXML"


@pytest.mark.parametrize(
    "body",
    [
        b"\x81" * DEEP,
        b"\xa1\x61a" * DEEP,
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xc1\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00",
        b"\xa1\x80\x01",
        cbor2.dumps({"MetricData": [{"MetricName": 1}]}),
        cbor2.dumps({"MetricData": {"a": 1}}),
    ],
)
def test_cbor_that_is_deep_cut_or_of_wrong_type_is_a_serialization_exception(body):
    model = load("cloudwatch")
    with pytest.raises(AwsError) as caught:
        cbor.parse(model, model.operations["PutMetricData"], request_with(body), {})
    assert caught.value.code == "SerializationException"


def test_a_query_parameter_with_a_thousand_parts_is_refused():
    model = load("iam")
    request = request_with(b"Action=CreateUser&Tags" + b".member" * 1000 + b"=1")
    name, bound = query.match(model, request)
    with pytest.raises(AwsError) as caught:
        query.parse(model, model.operations[name], request, bound)
    assert caught.value.code == "MalformedInput"


def test_parameters_of_many_parts_are_refused_before_they_fill_the_memory():
    """Each name of its own would make as many dicts as it has parts: two megabytes of form, hundreds of memory."""
    model = load("sts")
    name = "a." * (query.PARTS_MAX + 1)
    request = request_with(b"&".join(b"%d.%s=" % (number, name.encode()) for number in range(query.PARAMETERS_MAX - 1)))
    with pytest.raises(AwsError) as caught:
        query.parse(model, model.operations["AssumeRole"], request, {})
    assert caught.value.code == "MalformedInput"


def tag_keys(*numbers):
    """The tags that a request with these numbers means."""
    model = load("iam")
    form = "&".join(f"Tags.member.{number}.Key=k{at}" for at, number in enumerate(numbers))
    params = query.parse(model, model.operations["CreateUser"], request_with(f"UserName=u&{form}".encode()), {})
    return [tag["Key"] for tag in params["Tags"]]


def test_numbered_parameters_count_by_their_order_and_make_no_room_between():
    assert tag_keys(999999999, 7, 0) == ["k2", "k1", "k0"]


@pytest.mark.parametrize("number", ["9999999999", "-1", "%2B1", "1_0", "+1", "1e3", "%EF%BC%91", "x", "9" * 5000])
def test_numbers_of_parameters_that_are_none_are_refused_not_passed_over(number):
    with pytest.raises(AwsError) as caught:
        tag_keys(1, number)
    assert caught.value.code == "MalformedInput"


@pytest.mark.parametrize(("codec", "service"), [(query, "iam"), (query, "sqs"), (rest_xml, "s3")])
def test_an_error_that_quotes_what_xml_cannot_say_is_still_xml(codec, service):
    quoted = "".join(map(chr, range(256))) + "\ufffe\uffff\ud800\U0001f4a5<&>]]>"
    error = aws_error("ValidationError", f"Value '{quoted}'", 400, Key=quoted)
    root = ElementTree.fromstring(codec.render_error(load(service), None, error, "r").body)
    assert root.find(".//{*}Code").text == "ValidationError"
    for text in (root.find(".//{*}Message").text, root.find(".//{*}Key").text):
        assert "\x7f\x80" in text and "\U0001f4a5<&>]]>" in text and "\ufffd" in text


def request_with(body):
    return rest_xml.HttpRequest("POST", "/", "", [], body)
