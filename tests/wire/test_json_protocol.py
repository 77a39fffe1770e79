"""json 1.0 and 1.1: headers, error bodies, and AWS's words for values of the wrong type."""

import zlib

import msgspec
import pytest

from cloudlet.base.errors import AccessDenied, AwsError, aws_error
from cloudlet.wire import json
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.model import load


def request(body, target="DynamoDB_20120810.PutItem"):
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return HttpRequest("POST", "/", "", [("x-amz-target", target)], raw)


def parsed(body, service="dynamodb", operation="PutItem"):
    model = load(service)
    return json.parse(model, model.operations[operation], request(body), {})


def refused(body, service="dynamodb", operation="PutItem"):
    with pytest.raises(AwsError) as caught:
        parsed(body, service, operation)
    assert (caught.value.code, caught.value.status) == ("SerializationException", 400)
    return caught.value.message


def test_the_target_header_names_the_operation():
    model = load("dynamodb")
    assert json.match(model, request({}))[0] == "PutItem"
    assert json.match(model, request({}, "DynamoDB_20120810.Nothing"))[0] is None
    assert json.match(model, request({}, "AmazonSQS.PutItem"))[0] is None
    assert json.match(model, HttpRequest("POST", "/", "", []))[0] is None


def test_unknown_members_are_ignored_and_null_is_absent():
    assert parsed({"TableName": "t", "Nonsense": {"a": [1]}, "Item": None}) == {"TableName": "t"}


def test_an_empty_body_is_no_parameters():
    assert parsed(b"") == {}


def test_blobs_come_as_bytes_and_nested_values_as_they_are():
    item = {"a": {"B": "AAE="}, "m": {"M": {"l": {"L": [{"N": "1"}, {"NULL": True}]}}}}
    assert parsed({"Item": item})["Item"] == {"a": {"B": b"\0\1"}, "m": item["m"]}


def test_instants_come_as_milliseconds():
    params = {"logGroupName": "g", "startTime": 5}
    assert parsed(params, "logs", "FilterLogEvents")["startTime"] == 5
    query = parsed({"TableName": "t", "ExportTime": 1767225600.25}, "dynamodb", "ExportTableToPointInTime")
    assert query["ExportTime"] == 1_767_225_600_250


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"TableName": 23}, "NUMBER_VALUE cannot be converted to String"),
        ({"TableName": 2.5}, "NUMBER_VALUE cannot be converted to String"),
        ({"TableName": True}, "TRUE_VALUE cannot be converted to String"),
        ({"TableName": False}, "FALSE_VALUE cannot be converted to String"),
        ({"TableName": ["a"]}, "Unrecognized collection type class java.lang.String"),
        ({"TableName": {}}, "Start of structure or map found where not expected"),
        ({"Item": "x"}, "Unexpected field type"),
        (
            {"Item": []},
            "Unrecognized collection type java.util.Map<java.lang.String, "
            "com.amazonaws.dynamodb.v20120810.AttributeValue>",
        ),
        (
            {"Item": {"a": []}},
            "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue",
        ),
        ({"Item": {"a": "x"}}, "Unexpected value type in payload"),
        ({"Item": {"a": {"SS": "x"}}}, "Unexpected field type"),
        ({"Item": {"a": {"SS": {}}}}, "Start of structure or map found where not expected"),
        ({"Item": {"a": {"BOOL": "x"}}}, "Unexpected token received from parser"),
        ({"Item": {"a": {"B": 1}}}, "only base-64-encoded strings are convertible to bytes"),
        ({"Item": {"a": {"B": "abc"}}}, "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
        ({"Item": {"a": {"B": "****"}}}, "Invalid Base64 character"),
        (b"{", ""),
        (b"\xff", ""),
        (b'{"TableName":"\\ud800"}', ""),
    ],
)
def test_values_of_the_wrong_type_are_refused_in_dynamodbs_words(body, message):
    assert refused(body) == message


def test_other_services_word_it_a_little_differently():
    body = {"QueueUrl": "u", "MaxNumberOfMessages": "x"}
    assert refused(body, "sqs", "ReceiveMessage") == "STRING_VALUE can not be converted to Integer"


def test_integers_are_truncated_but_stay_in_the_range_of_their_type():
    assert parsed({"QueueUrl": "u", "DelaySeconds": 1.9}, "sqs", "SendMessage")["DelaySeconds"] == 1
    assert refused({"QueueUrl": "u", "DelaySeconds": 2**31}, "sqs", "SendMessage")
    assert refused(b'{"DelaySeconds":1e999}', "sqs", "SendMessage") == ""


def test_an_answer_carries_request_id_content_type_and_dynamodbs_checksum():
    model = load("dynamodb")
    response = json.render(model, model.operations["GetItem"], {"Item": {"a": {"B": b"\0\1"}}}, "r-1")
    assert response.body == b'{"Item":{"a":{"B":"AAE="}}}'
    assert dict(response.headers) == {
        "x-amzn-RequestId": "r-1",
        "Content-Type": "application/x-amz-json-1.0",
        "x-amz-crc32": str(zlib.crc32(response.body)),
    }
    assert ("Content-Type", "application/x-amz-json-1.1") in json.render(
        load("logs"), load("logs").operations["DescribeLogGroups"], {}, "r"
    ).headers


def test_none_is_left_out_and_numbers_that_json_lacks_go_as_text():
    model = load("cloudwatch")
    result = {"Label": None, "Datapoints": [{"Timestamp": 1_767_225_600_500, "Sum": float("nan"), "Unit": None}]}
    body = json.render(model, model.operations["GetMetricStatistics"], result, "r").body
    assert body == b'{"Datapoints":[{"Timestamp":1767225600.5,"Sum":"NaN"}]}'


def test_stored_json_text_is_sent_as_it_is():
    model = load("dynamodb")
    result = {"Items": [msgspec.Raw(b'{"a": {"S":"x"}}')], "Count": 1}
    body = json.render(model, model.operations["Query"], result, "r").body
    assert body == b'{"Items":[{"a": {"S":"x"}}],"Count":1}'


def test_a_member_the_model_does_not_have_is_our_own_bug():
    model = load("sqs")
    with pytest.raises(AssertionError, match="has no member Nonsense"):
        json.render(model, model.operations["SendMessage"], {"Nonsense": 1}, "r")


def error(service, raised):
    response = json.render_error(load(service), None, raised, "r-1")
    return response.status, msgspec.json.decode(response.body), dict(response.headers)


def test_errors_carry_the_namespace_of_who_raised_them():
    namespaces = {
        "ResourceNotFoundException": "com.amazonaws.dynamodb.v20120810#",
        "ValidationException": "com.amazon.coral.validate#",
        "SerializationException": "com.amazon.coral.service#",
    }
    for code, namespace in namespaces.items():
        status, body, _ = error("dynamodb", aws_error(code, "m"))
        assert (status, body) == (400, {"__type": namespace + code, "message": "m"})


def test_an_errors_own_members_go_with_it():
    raised = aws_error("ConditionalCheckFailedException", "m", Item={"a": {"B": b"\0"}}, Unmodelled=1)
    _, body, _ = error("dynamodb", raised)
    assert body["Item"] == {"a": {"B": "AA=="}}
    assert "Unmodelled" not in body


def test_query_compatible_services_name_the_query_code_in_a_header():
    _, body, headers = error("sqs", aws_error("QueueDoesNotExist", "The specified queue does not exist."))
    assert body["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    _, body, _ = error("sqs", aws_error("AWS.SimpleQueueService.NonExistentQueue", "m"))
    assert body["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert "x-amzn-query-error" not in error("dynamodb", aws_error("ValidationException", "m"))[2]


def test_a_denial_is_an_access_denied_exception():
    status, body, _ = error("dynamodb", AccessDenied("User: x is not authorized"))
    assert status == 400
    assert body["__type"].endswith("#AccessDeniedException")
    status, body, headers = error("sqs", AccessDenied("User: x is not authorized"))
    assert (status, headers["x-amzn-query-error"]) == (403, "AccessDenied;Sender")
