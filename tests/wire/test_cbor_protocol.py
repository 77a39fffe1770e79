"""smithy-rpc-v2-cbor: CloudWatch's route, instants as tag 1, errors."""

import cbor2
import pytest

from cloudlet.base.errors import AccessDenied, aws_error
from cloudlet.wire import cbor
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.model import load

MODEL = load("cloudwatch")
PATH = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
HEADERS = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")]


def request(value, path=PATH, headers=HEADERS, method="POST"):
    return HttpRequest(method, path, "", list(headers), cbor2.dumps(value))


def test_path_and_protocol_header_name_the_operation():
    assert cbor.match(MODEL, request({}))[0] == "PutMetricData"
    assert cbor.match(MODEL, request({}, "/prefix" + PATH))[0] == "PutMetricData"
    assert cbor.match(MODEL, request({}, headers=[]))[0] is None
    assert cbor.match(MODEL, request({}, method="GET"))[0] is None
    assert cbor.match(MODEL, request({}, PATH.replace("PutMetricData", "Nothing")))[0] is None
    assert cbor.match(MODEL, request({}, PATH.replace("Granite", "Other")))[0] is None


@pytest.mark.parametrize(
    "instant", [cbor2.CBORTag(1, 1_767_225_600.25), cbor2.CBORTag(1, 1_767_225_600), 1_767_225_600.25]
)
def test_instants_come_as_milliseconds(instant):
    value = {"Namespace": "n", "MetricData": [{"MetricName": "m", "Timestamp": instant, "Value": 3}], "Unknown": 1}
    params = cbor.parse(MODEL, MODEL.operations["PutMetricData"], request(value), {})
    assert params["MetricData"][0]["Timestamp"] in (1_767_225_600_250, 1_767_225_600_000)
    assert isinstance(params["MetricData"][0]["Value"], float)
    assert "Unknown" not in params


def test_an_answer_says_its_protocol_and_tags_its_instants():
    result = {"Datapoints": [{"Timestamp": 1_767_225_600_000, "Sum": 2.0, "Unit": None}], "Label": "l"}
    response = cbor.render(MODEL, MODEL.operations["GetMetricStatistics"], result, "r-1")
    assert {("smithy-protocol", "rpc-v2-cbor"), ("Content-Type", "application/cbor")} <= set(response.headers)
    assert b"\xc1\x1aiU\xb9\x00" in response.body
    assert set(cbor2.loads(response.body)["Datapoints"][0]) == {"Timestamp", "Sum"}


def test_an_operation_without_output_has_no_body():
    response = cbor.render(MODEL, MODEL.operations["PutMetricData"], None, "r-1")
    assert (response.status, response.body) == (200, b"")
    assert ("smithy-protocol", "rpc-v2-cbor") in response.headers


def test_an_error_names_its_shape_and_the_query_code():
    raised = aws_error("ResourceNotFound", "no such dashboard")
    response = cbor.render_error(MODEL, None, raised, "r-1")
    body = cbor2.loads(response.body)
    assert body["__type"].startswith("com.amazonaws.cloudwatch#")
    assert body["message"] == "no such dashboard"
    assert dict(response.headers)["x-amzn-query-error"] == "ResourceNotFound;Sender"
    assert dict(response.headers)["smithy-protocol"] == "rpc-v2-cbor"


def test_a_denial_is_an_access_denied_exception():
    response = cbor.render_error(MODEL, None, AccessDenied("User: x is not authorized"), "r-1")
    assert response.status == 403
    assert cbor2.loads(response.body)["__type"].endswith("#AccessDeniedException")
