"""Every JSON and CBOR operation: we read botocore's request as sent, botocore reads our answer as given."""

import pytest
from botocore_client import Values, operations, ours, parsed, request_of

from cloudlet.base.errors import aws_error
from cloudlet.wire import cbor, json
from cloudlet.wire.model import load

CASES = [
    *((json, "json", service) for service in ("sqs", "dynamodb", "logs", "cloudwatch")),
    (cbor, "smithy-rpc-v2-cbor", "cloudwatch"),
]


def by_case(test):
    return pytest.mark.parametrize(
        ("codec", "protocol", "service"), CASES, ids=[f"{case[2]}-{case[1]}" for case in CASES]
    )(test)


@by_case
def test_requests_are_read_as_botocore_sent_them(codec, protocol, service):
    model = load(service)
    for operation in operations(service):
        params = Values(operation.name, protocol).of(operation.input_shape) if operation.input_shape else {}
        request = request_of(operation, params, protocol)
        name, bound = codec.match(model, request)
        assert name == operation.name
        assert codec.parse(model, model.operations[name], request, bound) == ours(params), operation.name


@by_case
def test_answers_are_read_by_botocore_as_given(codec, protocol, service):
    model = load(service)
    for operation in operations(service):
        if getattr(operation, "has_event_stream_output", False):
            continue
        result = Values(operation.name, protocol).of(operation.output_shape) if operation.output_shape else {}
        response = codec.render(model, model.operations[operation.name], ours(result), "r-1")
        assert response.status == 200
        assert ours(parsed(operation, response, protocol)) == ours(result), operation.name


@by_case
def test_errors_are_read_by_botocore_with_code_and_message(codec, protocol, service):
    model = load(service)
    for operation in operations(service):
        for shape in operation.error_shapes:
            response = codec.render_error(
                model, model.operations[operation.name], aws_error(shape.name, "it <failed>"), "r-1"
            )
            error = parsed(operation, response, protocol)["Error"]
            assert error["Message"] == "it <failed>"
            assert error["Code"] in (shape.name, model.query_code(shape.name)), operation.name
