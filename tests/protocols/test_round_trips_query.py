"""Every operation of the query services: we read botocore's request as sent, botocore reads our answer as given."""

import botocore.model
import pytest
from botocore_client import Values, operations, ours, parsed, request_of, without_empty

from cloudlet.base.errors import aws_error
from cloudlet.wire import query
from cloudlet.wire.model import load

QUERY_SERVICES = ("iam", "sts", "sns", "cloudwatch", "cloudformation", "sqs")


def query_operations(service):
    """botocore's operations; SQS's as its query protocol has them, our overlay laid over botocore's model."""
    if service != "sqs":
        yield from operations(service)
        return
    model = load("sqs")
    view = model.query_view()
    raw = {
        "metadata": {**model.metadata, "protocol": "query", "xmlNamespace": model.xml_namespace},
        "shapes": view.raw_shapes,
        "operations": {},
    }
    for name, operation in view.raw_operations.items():
        raw["operations"][name] = {**operation, "errors": [{"shape": shape} for shape in operation.get("errors", ())]}
        if "output" in operation:
            raw["operations"][name]["output"] = {**operation["output"], "resultWrapper": f"{name}Result"}
    theirs = botocore.model.ServiceModel(raw, "sqs")
    for name in theirs.operation_names:
        yield theirs.operation_model(name)


@pytest.mark.parametrize("service", QUERY_SERVICES)
def test_requests_are_read_as_botocore_sent_them(service):
    model = load(service)
    for operation in query_operations(service):
        params = Values(operation.name, "query").of(operation.input_shape) if operation.input_shape else {}
        request = request_of(operation, params, "query")
        name, bound = query.match(model, request)
        assert name == operation.name
        assert query.parse(model, model.operations[name], request, bound) == without_empty(ours(params)), operation.name


@pytest.mark.parametrize("service", QUERY_SERVICES)
def test_answers_are_read_by_botocore_as_given(service):
    model = load(service)
    for operation in query_operations(service):
        result = Values(operation.name, "query").of(operation.output_shape) if operation.output_shape else {}
        response = query.render(model, model.operations[operation.name], ours(result), "r-1")
        assert response.status == 200
        assert ours(parsed(operation, response, "query")) == ours(result), operation.name


@pytest.mark.parametrize("service", QUERY_SERVICES)
def test_errors_are_read_by_botocore_with_code_and_message(service):
    model = load(service)
    for operation in query_operations(service):
        for shape in operation.error_shapes:
            response = query.render_error(
                model, model.operations[operation.name], aws_error(shape.name, "it <failed>"), "r-1"
            )
            answer = parsed(operation, response, "query")
            assert answer["Error"]["Message"] == "it <failed>"
            assert answer["Error"]["Code"] == model.query_code(shape.name)
            assert answer["Error"]["Type"] == "Sender"
            assert answer["ResponseMetadata"]["RequestId"] == "r-1"
