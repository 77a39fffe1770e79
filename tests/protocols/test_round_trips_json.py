"""Every operation of the JSON services: botocore's request is read as sent, our answer is read by botocore as given."""

import pytest
from botocore_client import Values, operations, ours, parsed, request_of

from cloudlet.base.errors import aws_error
from cloudlet.wire import json
from cloudlet.wire.model import load

JSON_SERVICES = ("sqs", "dynamodb", "logs", "cloudwatch")


@pytest.mark.parametrize("service", JSON_SERVICES)
def test_requests_are_read_as_botocore_sent_them(service):
    model = load(service)
    for operation in operations(service):
        params = Values(operation.name, "json").of(operation.input_shape) if operation.input_shape else {}
        request = request_of(operation, params, "json")
        name, bound = json.match(model, request)
        assert name == operation.name
        assert json.parse(model, model.operations[name], request, bound) == ours(params), operation.name


@pytest.mark.parametrize("service", JSON_SERVICES)
def test_answers_are_read_by_botocore_as_given(service):
    model = load(service)
    for operation in operations(service):
        if getattr(operation, "has_event_stream_output", False):
            continue
        result = Values(operation.name, "json").of(operation.output_shape) if operation.output_shape else {}
        response = json.render(model, model.operations[operation.name], ours(result), "r-1")
        assert response.status == 200
        assert ours(parsed(operation, response, "json")) == ours(result), operation.name


@pytest.mark.parametrize("service", JSON_SERVICES)
def test_errors_are_read_by_botocore_with_code_and_message(service):
    model = load(service)
    for operation in operations(service):
        for shape in operation.error_shapes:
            response = json.render_error(
                model, model.operations[operation.name], aws_error(shape.name, "it <failed>"), "r-1"
            )
            error = parsed(operation, response, "json")["Error"]
            assert error["Message"] == "it <failed>"
            assert error["Code"] in (shape.name, model.query_code(shape.name)), operation.name
