"""S3's own condition keys, as a request carries them.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys
"""

from typing import Any
from urllib.parse import parse_qsl

from cloudlet.kit.call import Call
from cloudlet.services.s3.records import Version

_WRITE_MEMBERS = {
    "ACL": "s3:x-amz-acl",
    "GrantFullControl": "s3:x-amz-grant-full-control",
    "GrantRead": "s3:x-amz-grant-read",
    "GrantReadACP": "s3:x-amz-grant-read-acp",
    "GrantWriteACP": "s3:x-amz-grant-write-acp",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "SSECustomerAlgorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
    "StorageClass": "s3:x-amz-storage-class",
    "WebsiteRedirectLocation": "s3:x-amz-website-redirect-location",
    "IfMatch": "s3:if-match",
    "IfNoneMatch": "s3:if-none-match",
    "ObjectLockMode": "s3:object-lock-mode",
}


def of_request(call: Call) -> dict[str, Any]:
    """How the request came and was signed. A call from within the node was not signed."""
    request = call.source.request
    if call.depth or request is None or call.principal.type == "Anonymous":
        return {}
    payload = request.header("x-amz-content-sha256")
    context: dict[str, Any] = {"s3:x-amz-content-sha256": payload} if payload else {}
    if request.header("authorization") is not None:
        return context | {"s3:authType": "REST-HEADER", "s3:signatureversion": "AWS4-HMAC-SHA256"}
    is_version_2 = "AWSAccessKeyId=" in request.query
    return context | {
        "s3:authType": "REST-QUERY-STRING",
        "s3:signatureversion": "AWS" if is_version_2 else "AWS4-HMAC-SHA256",
    }


def of_list(request: dict[str, Any]) -> dict[str, Any]:
    context = {}
    for member, key in (("Prefix", "s3:prefix"), ("Delimiter", "s3:delimiter"), ("MaxKeys", "s3:max-keys")):
        if member in request:
            context[key] = str(request[member])
    return context


def of_write(request: dict[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = {key: request[member] for member, key in _WRITE_MEMBERS.items() if member in request}
    tagging = request.get("Tagging")
    if isinstance(tagging, str):
        context |= requested_tags(dict(parse_qsl(tagging, keep_blank_values=True)))
    return context


def of_copy(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "s3:x-amz-copy-source": request.get("CopySource", ""),
        "s3:x-amz-metadata-directive": request.get("MetadataDirective", "COPY"),
    }


def of_new_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    configuration = request.get("CreateBucketConfiguration", {})
    context: dict[str, Any] = {"s3:LocationConstraint": configuration.get("LocationConstraint", call.region)}
    if "ACL" in request:
        context["s3:x-amz-acl"] = request["ACL"]
    if "ObjectOwnership" in request:
        context["s3:x-amz-object-ownership"] = request["ObjectOwnership"]
    tags = {tag.get("Key", ""): tag.get("Value", "") for tag in configuration.get("Tags", ())}
    if tags:
        context |= {f"aws:RequestTag/{key}": value for key, value in tags.items()} | {"aws:TagKeys": tuple(tags)}
    return context


def requested_tags(tags: dict[str, str]) -> dict[str, Any]:
    context: dict[str, Any] = {f"s3:RequestObjectTag/{key}": value for key, value in tags.items()}
    return context | {"s3:RequestObjectTagKeys": tuple(tags)} if tags else context


def existing_tags(version: Version | None) -> dict[str, Any]:
    if version is None:
        return {}
    return {f"s3:ExistingObjectTag/{key}": value for key, value in version.tags.items()}
