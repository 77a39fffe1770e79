"""What browsers are told: preflights, and the headers of other answers."""

import pytest

from cloudlet.wire.message import HttpRequest, HttpResponse
from tests.client import TestNode
from tests.services.s3.conftest import S3


def ask(node: TestNode, method: str, path: str, **headers: str) -> HttpResponse:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return node.send(HttpRequest(method, path, "", [("host", "localhost:4566"), *named]))


def configure(s3: S3, **rule) -> None:
    s3("PutBucketCors", CORSConfiguration={"CORSRules": [rule]})


def test_rules_come_back_as_they_were_put(s3: S3) -> None:
    assert s3.refused("GetBucketCors") == ("NoSuchCORSConfiguration", "The CORS configuration does not exist")
    rule = {
        "AllowedMethods": ["GET", "PUT"],
        "AllowedOrigins": ["https://a.example"],
        "AllowedHeaders": ["x-amz-*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3000,
    }
    configure(s3, **rule)
    assert s3("GetBucketCors") == {"CORSRules": [rule]}
    s3("DeleteBucketCors")
    assert s3.refused("GetBucketCors")[0] == "NoSuchCORSConfiguration"
    code, message = s3.refused(
        "PutBucketCors", CORSConfiguration={"CORSRules": [{"AllowedMethods": ["MYMETHOD"], "AllowedOrigins": ["*"]}]}
    )
    assert message == "Found unsupported HTTP method in CORS config. Unsupported method is MYMETHOD"
    assert code == "InvalidRequest"
    assert s3.refused("PutBucketCors", CORSConfiguration={"CORSRules": []})[0] == "MalformedXML"


def test_a_preflight_that_a_rule_allows(node: TestNode, s3: S3) -> None:
    configure(
        s3,
        AllowedMethods=["PUT", "GET"],
        AllowedOrigins=["https://*.example"],
        AllowedHeaders=["Content-*"],
        ExposeHeaders=["ETag", "x-amz-request-id"],
        MaxAgeSeconds=60,
    )
    answer = ask(
        node, "OPTIONS", "/photos/k", origin="https://a.example", access_control_request_method="PUT",
        access_control_request_headers="Content-Type, content-md5",
    )  # fmt: skip
    assert answer.status == 200
    headers = dict(answer.headers)
    assert headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert headers["Access-Control-Allow-Methods"] == "PUT, GET"
    assert headers["Access-Control-Allow-Headers"] == "content-type, content-md5"
    assert headers["Access-Control-Expose-Headers"] == "ETag, x-amz-request-id"
    assert headers["Access-Control-Max-Age"] == "60"
    assert headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": "https://a.other", "access_control_request_method": "GET"},
        {"origin": "https://a.example", "access_control_request_method": "DELETE"},
        {
            "origin": "https://a.example",
            "access_control_request_method": "GET",
            "access_control_request_headers": "x-y",
        },
    ],
)
def test_a_preflight_that_no_rule_allows(node: TestNode, s3: S3, asked: dict[str, str]) -> None:
    configure(s3, AllowedMethods=["GET"], AllowedOrigins=["https://a.example"])
    answer = ask(node, "OPTIONS", "/photos/k", **asked)
    assert answer.status == 403 and isinstance(answer.body, bytes)
    assert b"<Code>AccessForbidden</Code>" in answer.body and b"This CORS request is not allowed." in answer.body
    assert b"<ResourceType>OBJECT</ResourceType>" in answer.body


def test_a_preflight_without_origin_bucket_or_rules(node: TestNode, s3: S3) -> None:
    answer = ask(node, "OPTIONS", "/photos/k")
    assert answer.status == 400 and b"Origin request header needed" in answer.body  # type: ignore[operator]
    answer = ask(node, "OPTIONS", "/none/k", origin="https://a.example")
    assert answer.status == 403 and b"CORSResponse: Bucket not found" in answer.body  # type: ignore[operator]
    answer = ask(node, "OPTIONS", "/photos", origin="https://a.example", access_control_request_method="PUT")
    assert b"CORS is not enabled for this bucket." in answer.body  # type: ignore[operator]


def test_other_answers_and_errors_carry_the_headers_too(node: TestNode, s3: S3) -> None:
    configure(s3, AllowedMethods=["GET"], AllowedOrigins=["*"])
    s3.put("k")
    caller = node.as_user({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})  # pages may not use test/test
    for key, status in (("k", 200), ("none", 404)):
        request = caller.request("s3", "GetObject", {"Bucket": "photos", "Key": key})
        request.headers.append(("origin", "https://a.example"))
        answer = node.send(request)
        assert answer.status == status and ("Access-Control-Allow-Origin", "*") in answer.headers
    request = caller.request("s3", "GetObject", {"Bucket": "photos", "Key": "k"})
    assert "Access-Control-Allow-Origin" not in dict(node.send(request).headers)
