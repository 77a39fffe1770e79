"""Authority on the whole surface: every implemented operation, over each of its protocols.

A user without policies is refused; so is each altered part of a signed request, by the protocol's own names.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from cloudlet.app.wiring import SERVICES
from cloudlet.base.errors import AwsError
from cloudlet.wire.message import HttpRequest
from tests import sdk_wire
from tests.client import Caller, TestNode

# Operations that any signed caller may use, and why.
OPEN_TO_EVERY_CALLER = {
    "sts.GetCallerIdentity": "AWS: no permissions are required",
    "sts.GetSessionToken": "AWS: no permissions are required; only a policy can deny it",
    "s3.DeleteObjects": "each key is authorised by itself, and refused in the answer (tests/services/s3)",
    "sns.ConfirmSubscription": "the token of the confirmation decides",
    "sns.Unsubscribe": "unsigned links in mails; a signed caller needs sns:Unsubscribe",
}
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}  # the last is SNS's
MISMATCH = {
    "json": {"InvalidSignatureException"},
    "smithy-rpc-v2-cbor": {"InvalidSignatureException"},
    "rest-json": {"InvalidSignatureException"},
    "query": {"SignatureDoesNotMatch"},
    "rest-xml": {"SignatureDoesNotMatch"},
}
UNKNOWN_KEY = {
    "json": {"UnrecognizedClientException"},
    "smithy-rpc-v2-cbor": {"UnrecognizedClientException"},
    "rest-json": {"UnrecognizedClientException"},
    "query": {"InvalidClientTokenId"},
    "rest-xml": {"InvalidAccessKeyId"},
}


def surface() -> Iterator[tuple[str, str, str]]:
    for service in SERVICES:
        if service.name == "cloudlet":
            continue
        service.load()
        for operation in sorted(service.operations):
            for protocol in service.model.protocols:
                yield service.name, operation, protocol


SURFACE = list(surface())


def minimal(shape: Any, name: str = "") -> Any:
    """The smallest value the model accepts: required members only."""
    if shape is None:
        return {}
    if shape.type_name == "structure":
        return {member: minimal(shape.members[member], member) for member in shape.required_members}
    if shape.type_name == "list":
        return [minimal(shape.member, name)] if shape.metadata.get("min", 1) else []
    if shape.type_name == "map":
        return {minimal(shape.key): minimal(shape.value)}
    if shape.type_name == "string":
        return text(shape, name)
    if shape.type_name == "blob":
        return b"x"
    if shape.type_name == "timestamp":
        return 1_767_225_600
    return {"boolean": False}.get(shape.type_name, shape.metadata.get("min", 1))


def text(shape: Any, name: str) -> str:
    if name == "QueueUrl":
        return "http://127.0.0.1:4566/000000000000/q"
    if name == "Bucket":
        return "some-bucket"
    if name == "CopySource":
        return "some-bucket/key"
    if name == "RoleArn":
        return "arn:aws:iam::000000000000:role/some"
    if name.endswith("Arn") or name.endswith("ARN"):
        return "arn:aws:sqs:us-east-1:000000000000:some"
    if getattr(shape, "enum", None):
        return shape.enum[0]
    return "x" * max(1, shape.metadata.get("min", 1))


@pytest.fixture(scope="module")
def stranger() -> Iterator[Caller]:
    with TestNode() as node:
        node.aws("s3", "CreateBucket", Bucket="some-bucket")  # one that isn't there is nobody's to refuse
        yield node.as_user()


def request_for(caller: Caller, service: str, operation: str, protocol: str) -> HttpRequest:
    shape = sdk_wire.service_model(service).operation_model(operation).input_shape
    return caller.request(service, operation, minimal(shape), protocol=protocol)


def refusal(caller: Caller, service: str, operation: str, protocol: str, request: HttpRequest) -> AwsError | None:
    response = caller.node.send(request)
    if response.status < 300:
        return None
    assert isinstance(response.body, bytes)
    error, _ = sdk_wire.parsed(service, operation, response, response.body, protocol)
    return error


def test_every_service_has_operations() -> None:
    assert len(SURFACE) > 40


@pytest.mark.parametrize(("service", "operation", "protocol"), SURFACE)
def test_a_user_without_policies_is_refused(stranger: Caller, service: str, operation: str, protocol: str) -> None:
    request = request_for(stranger, service, operation, protocol)
    error = refusal(stranger, service, operation, protocol, request)
    if f"{service}.{operation}" in OPEN_TO_EVERY_CALLER:
        assert error is None or error.code not in DENIED
        return
    assert error is not None, f"{service}.{operation} let a stranger in"
    if request.method == "HEAD":
        assert error.status == 403
        return
    assert error.code in DENIED, f"{error.code}: {error.message}"


@pytest.mark.parametrize(("service", "operation", "protocol"), SURFACE)
def test_an_altered_signature_is_refused(stranger: Caller, service: str, operation: str, protocol: str) -> None:
    request = request_for(stranger, service, operation, protocol)
    spoil(request, "authorization", lambda value: value[:-1] + ("0" if value[-1] != "0" else "1"))
    error = refusal(stranger, service, operation, protocol, request)
    assert error is not None
    if request.method != "HEAD":
        assert error.code in MISMATCH[protocol]


@pytest.mark.parametrize(("service", "operation", "protocol"), SURFACE)
def test_an_unknown_key_is_refused(stranger: Caller, service: str, operation: str, protocol: str) -> None:
    unknown = Caller(stranger.node, "AKIAIOSFODNN7EXAMPLE", "wrong")
    request = request_for(unknown, service, operation, protocol)
    error = refusal(unknown, service, operation, protocol, request)
    assert error is not None
    if request.method != "HEAD":
        assert error.code in UNKNOWN_KEY[protocol]


def spoil(request: HttpRequest, name: str, change) -> None:
    request.headers = [(key, change(value) if key == name else value) for key, value in request.headers]
    request._by_name = None


def test_an_operation_without_a_mapping_is_refused_to_everybody(node: TestNode) -> None:
    service = node.node.services["sqs"]
    rules = service.access_rules
    service.access_rules = {name: rule for name, rule in rules.items() if name != "ListQueues"}
    try:
        with pytest.raises(AwsError) as refused:
            node.aws("sqs", "ListQueues")
    finally:
        service.access_rules = rules
    assert refused.value.code in DENIED
    assert "has no IAM mapping" in refused.value.message


def test_an_operation_nobody_wrote_answers_501_with_its_name(node: TestNode) -> None:
    service = node.node.services["sqs"]
    operation = service.operations.pop("ListQueueTags")
    try:
        with pytest.raises(AwsError) as refused:
            node.aws("sqs", "ListQueueTags", QueueUrl="http://127.0.0.1:4566/000000000000/q")
    finally:
        service.operations["ListQueueTags"] = operation
    assert (refused.value.code, refused.value.status) == ("NotImplemented", 501)
    assert refused.value.message == "sqs.ListQueueTags has no handler yet; it belongs in services/sqs/access.py"


@pytest.mark.parametrize(
    ("service", "operation", "content_type"),
    [
        ("apigateway", "GetRestApis", "application/json"),
        ("s3tables", "ListTableBuckets", "application/json"),
        ("route53", "ListHostedZones", "application/xml"),
        ("ec2", "DescribeRegions", "text/xml"),
        ("kinesis", "ListStreams", "application/x-amz-json-1.0"),
    ],
)
def test_a_service_nobody_wrote_answers_501_as_its_sdk_reads_it(
    node: TestNode, service: str, operation: str, content_type: str
) -> None:
    response = node.send(node.caller("test", "test").request(service, operation, {}))
    error, _ = sdk_wire.parsed(service, operation, response, response.body, sdk_wire.protocol_of(service))
    assert error is not None and (error.code, error.status) == ("NotImplemented", 501)
    assert f"'{service}'" in error.message
    headers = {name.lower(): value for name, value in response.headers}
    assert headers["content-type"] == content_type


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_root_key_is_refused_to_a_page_of_another_site(node: TestNode, headers: dict[str, str]) -> None:
    request = node.caller("test", "test").request("sqs", "ListQueues", {})
    request.headers += headers.items()
    request._by_name = None
    assert node.send(request).status in (400, 403)


def test_a_root_key_is_refused_from_an_execution_environment(node: TestNode) -> None:
    request = node.caller("test", "test").request("sqs", "ListQueues", {})
    request.listener = "environment-1"
    assert node.send(request).status in (400, 403)


def test_a_session_of_the_root_user_is_refused_where_its_key_is(node: TestNode) -> None:
    key = node.aws("sts", "GetSessionToken")["Credentials"]
    session = node.caller(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])
    assert node.send(session.request("sqs", "ListQueues", {})).status == 200
    request = session.request("sqs", "ListQueues", {})
    request.listener = "environment-1"
    assert node.send(request).status in (400, 403)


def test_a_root_key_is_refused_under_a_host_name_that_is_not_ours(node: TestNode, monkeypatch) -> None:
    monkeypatch.setattr(sdk_wire, "HOST", "evil.example:4566")
    with pytest.raises(AwsError) as refused:
        node.aws("sqs", "ListQueues")
    assert refused.value.code == "UnrecognizedClientException"


@pytest.mark.parametrize("changed", ["path", "query", "body", "x-amz-date", "host", "x-amz-target"])
def test_each_signed_component_counts(node: TestNode, changed: str) -> None:
    request = node.caller("test", "test").request("sqs", "ListQueues", {})
    if changed in ("path", "query"):
        setattr(request, changed, getattr(request, changed) + "x")
    elif changed == "body":
        request.body += b" "
    else:
        spoil(request, changed, lambda value: value[:-1] + ("Y" if changed == "x-amz-date" else "7"))
    assert node.send(request).status in (400, 403)
