"""rest-json: Lambda's routes, what is in URL, headers and body, and its errors."""

import msgspec
import pytest

from cloudlet.base.errors import AccessDenied, AwsError, aws_error
from cloudlet.wire import rest_json
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.model import load

MODEL = load("lambda")


def parsed(method, path, query="", headers=(), body=b""):
    request = HttpRequest(method, path, query, list(headers), body)
    name, bound = rest_json.match(MODEL, request)
    return name, None if name is None else rest_json.parse(MODEL, MODEL.operations[name], request, bound)


@pytest.mark.parametrize(
    ("method", "path", "query", "operation"),
    [
        ("GET", "/2015-03-31/functions", "", "ListFunctions"),
        ("GET", "/2015-03-31/functions/", "", "ListFunctions"),
        ("POST", "/2015-03-31/functions", "", "CreateFunction"),
        ("GET", "/2015-03-31/functions/f", "", "GetFunction"),
        ("GET", "/2018-10-31/layers", "", "ListLayers"),
        ("GET", "/2018-10-31/layers", "find=LayerVersion&Arn=x", "GetLayerVersionByArn"),
        ("GET", "/2018-10-31/layers", "find=Other", "ListLayers"),
        ("GET", "/2019-09-30/functions/f/provisioned-concurrency", "List=ALL", "ListProvisionedConcurrencyConfigs"),
        ("GET", "/2019-09-30/functions/f/provisioned-concurrency", "Qualifier=1", "GetProvisionedConcurrencyConfig"),
        ("GET", "/2019-09-25/functions/f/event-invoke-config/list", "", "ListFunctionEventInvokeConfigs"),
        ("PATCH", "/2015-03-31/functions/f", "", None),
        ("GET", "/2015-03-31/functions//code", "", None),
        ("GET", "/2015-03-31", "", None),
        ("GET", "/", "", None),
    ],
)
def test_method_path_and_query_choose_the_operation(method, path, query, operation):
    request = HttpRequest(method, path, query, [])
    assert rest_json.match(MODEL, request)[0] == operation


def test_a_label_is_decoded_once_after_the_path_was_split():
    arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af"
    assert parsed("GET", f"/2015-03-31/functions/{arn}")[1] == {
        "FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:f"
    }
    assert parsed("GET", "/2017-03-31/tags/a%2Fb%252F+c")[1] == {"Resource": "a/b%2F+c"}


def test_query_values_have_the_types_of_their_members():
    assert parsed("GET", "/2015-03-31/functions", "MaxItems=5&Marker=a+b%2B")[1] == {"MaxItems": 5, "Marker": "a b+"}
    assert parsed("DELETE", "/2017-03-31/tags/r", "tagKeys=a&tagKeys=b")[1] == {"Resource": "r", "TagKeys": ["a", "b"]}


def test_invoke_has_its_headers_and_the_body_as_bytes():
    headers = [("x-amz-invocation-type", "Event"), ("x-amz-log-type", "Tail"), ("content-type", "application/json")]
    name, params = parsed("POST", "/2015-03-31/functions/f/invocations", "Qualifier=v1", headers, b"\xff{}")
    assert name == "Invoke"
    assert params == {
        "FunctionName": "f",
        "Qualifier": "v1",
        "InvocationType": "Event",
        "LogType": "Tail",
        "Payload": b"\xff{}",
    }


@pytest.mark.parametrize(
    ("path", "query", "body"),
    [
        ("/2015-03-31/functions", "MaxItems=many", b""),
        ("/2015-03-31/functions", "MaxItems=", b""),
        ("/2018-10-31/layers/l/versions/one", "", b""),
        ("/2015-03-31/functions/%ff", "", b""),
        ("/2015-03-31/functions", "Marker=%ff", b""),
    ],
)
def test_text_of_the_wrong_type_is_a_serialization_exception(path, query, body):
    with pytest.raises(AwsError) as caught:
        parsed("GET", path, query, (), body)
    assert caught.value.code == "SerializationException"


def test_the_body_is_json_by_the_model():
    params = {"FunctionName": "f", "Code": {"ZipFile": "AAE="}, "Environment": {"Variables": {"a": "b"}}, "Nope": 1}
    assert parsed("POST", "/2015-03-31/functions", body=msgspec.json.encode(params))[1] == {
        "FunctionName": "f",
        "Code": {"ZipFile": b"\0\1"},
        "Environment": {"Variables": {"a": "b"}},
    }
    with pytest.raises(AwsError) as caught:
        parsed("POST", "/2015-03-31/functions", body=b'{"FunctionName": 7}')
    assert caught.value.message == "NUMBER_VALUE can not be converted to String"


def test_an_answer_of_invoke_is_the_payload_with_status_and_headers():
    result = {"StatusCode": 202, "FunctionError": "Unhandled", "Payload": b"\x00\xff", "ExecutedVersion": "$LATEST"}
    response = rest_json.render(MODEL, MODEL.operations["Invoke"], result, "r-1")
    assert (response.status, response.body) == (202, b"\x00\xff")
    assert ("X-Amz-Function-Error", "Unhandled") in response.headers
    assert ("X-Amz-Executed-Version", "$LATEST") in response.headers


def test_an_event_stream_says_so():
    response = rest_json.render(MODEL, MODEL.operations["InvokeWithResponseStream"], {"EventStream": b"x"}, "r-1")
    assert ("Content-Type", "application/vnd.amazon.eventstream") in response.headers


def test_an_operation_without_output_answers_its_status():
    response = rest_json.render(MODEL, MODEL.operations["DeleteAlias"], None, "r-1")
    assert (response.status, response.body) == (204, b"")


def error(raised):
    response = rest_json.render_error(MODEL, None, raised, "r-1")
    return response.status, dict(response.headers), msgspec.json.decode(response.body)


def test_an_error_has_its_code_in_a_header_and_says_whose_fault_it_is():
    status, headers, body = error(aws_error("ResourceNotFoundException", "Function not found: f"))
    assert (status, headers["x-amzn-ErrorType"]) == (404, "ResourceNotFoundException")
    assert body == {"Type": "User", "Message": "Function not found: f"}
    assert error(aws_error("ServiceException", "m"))[::2] == (500, {"Type": "Service", "Message": "m"})
    assert error(aws_error("InvalidParameterValueException", "m"))[2] == {"Type": "User", "message": "m"}


def test_an_errors_header_member_goes_as_a_header():
    _, headers, body = error(
        aws_error("TooManyRequestsException", "Rate Exceeded.", Reason="CallerRateLimitExceeded", retryAfterSeconds="3")
    )
    assert headers["Retry-After"] == "3"
    assert body == {"Type": "User", "message": "Rate Exceeded.", "Reason": "CallerRateLimitExceeded"}


def test_a_denial_is_an_access_denied_exception_with_403():
    status, headers, body = error(AccessDenied("User: x is not authorized"))
    assert (status, headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException")
    assert body == {"message": "User: x is not authorized"}


def test_an_answer_that_chooses_204_has_no_body():
    response = rest_json.render(MODEL, MODEL.operations["DeleteFunction"], {"StatusCode": 204}, "r-1")
    assert (response.status, response.body) == (204, b"")
