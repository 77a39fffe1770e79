"""Every operation of Lambda and S3: we read botocore's request as sent, botocore reads our answer as given."""

import pytest
from botocore_client import Values, operations, ours, parsed, request_of

from cloudlet.base.errors import aws_error
from cloudlet.wire import rest_json, rest_xml
from cloudlet.wire.model import load
from cloudlet.wire.values import http_from_instant

CODECS = {"lambda": (rest_json, "rest-json"), "s3": (rest_xml, "rest-xml")}
# Deprecated operations that share method and URI with the one that replaced them.
REPLACED = {"GetBucketLifecycle", "PutBucketLifecycle", "GetBucketNotification", "PutBucketNotification"}
# Told from ListBuckets by the host name only (S3 Express).
BY_HOST = {"ListDirectoryBuckets"}
# Its URI is a fixed path, not a bucket (S3 Object Lambda, on its own host).
NOT_S3 = {"WriteGetObjectResponse"}
# botocore reads its one text in a handler of its own, not by the model.
UNWRAPPED = {"GetBucketLocation"}


def with_expires_as_text(params):
    """S3 keeps Expires as whatever text was sent; botocore alone calls it an instant."""
    if isinstance(params.get("Expires"), int):
        params["Expires"] = http_from_instant(params["Expires"])
    params.pop("ExpiresString", None)
    return params


@pytest.mark.parametrize("service", CODECS)
def test_requests_are_read_as_botocore_sent_them(service):
    codec, protocol = CODECS[service]
    model = load(service)
    read = 0
    for operation in operations(service):
        if operation.name in REPLACED | BY_HOST | NOT_S3:
            continue
        params = Values(operation.name, protocol).of(operation.input_shape) if operation.input_shape else {}
        request = request_of(operation, params, protocol)
        name, bound = codec.match(model, request)
        assert name == operation.name
        ours_of_it = model.operations[name]
        wanted = with_expires_as_text(ours(params))
        wanted.pop(ours_of_it.streaming_input, None)
        assert codec.parse(model, ours_of_it, request, bound) == wanted, operation.name
        read += 1
    assert read > 80


@pytest.mark.parametrize("service", CODECS)
def test_answers_are_read_by_botocore_as_given(service):
    codec, protocol = CODECS[service]
    model = load(service)
    for operation in operations(service):
        if operation.has_event_stream_output or operation.name in REPLACED | UNWRAPPED:
            continue
        result = Values(operation.name, protocol).of(operation.output_shape) if operation.output_shape else {}
        given = with_expires_as_text(ours(result))
        response = codec.render(model, model.operations[operation.name], given, "r-1")
        assert 200 <= response.status < 300
        assert with_expires_as_text(ours(parsed(operation, response, protocol))) == given, operation.name


@pytest.mark.parametrize("service", CODECS)
def test_errors_are_read_by_botocore_with_code_message_and_the_models_status(service):
    codec, protocol = CODECS[service]
    model = load(service)
    for operation in operations(service):
        if operation.http["method"] == "HEAD":
            continue
        for shape in operation.error_shapes:
            response = codec.render_error(
                model, model.operations[operation.name], aws_error(shape.name, "it <failed>"), "r-1"
            )
            error = parsed(operation, response, protocol)["Error"]
            assert (error["Code"], error["Message"]) == (shape.name, "it <failed>")
            assert response.status == shape.metadata.get("error", {}).get("httpStatusCode", 400)
