"""A bucket's events: which destination wants one, its message, and its delivery, all in the change's own transaction.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from cloudlet.base import ids
from cloudlet.base.errors import AwsError
from cloudlet.kit import arn as arns
from cloudlet.kit.call import Call
from cloudlet.services.s3.presenting import canonical_id, url_encoded
from cloudlet.services.s3.records import NULL, Bucket, Notification, Version

PRINCIPAL = "s3.amazonaws.com"
_SUBJECT = "Amazon S3 Notification"
_EMPTY_ETAG = hashlib.md5(b"", usedforsecurity=False).hexdigest()


def announce(call: Call, bucket: Bucket, key: str, version: Version, event: str) -> None:
    """Tell whoever asked for `event`, e.g. ObjectCreated:Put. A destination that refuses it loses it, as on AWS."""
    for notification in bucket.notifications:
        if not wants(notification, key, event):
            continue
        message = {"Records": [_record(call, bucket, key, version, event, notification.id)]}
        try:
            deliver(call, bucket, notification, message)
        except AwsError:
            pass


def wants(notification: Notification, key: str, event: str) -> bool:
    if not key.startswith(notification.prefix) or not key.endswith(notification.suffix):
        return False
    every = f"s3:{event.partition(':')[0]}:*"
    return any(name in (every, f"s3:{event}") for name in notification.events)


def deliver(call: Call, bucket: Bucket, notification: Notification, message: dict[str, Any]) -> None:
    """Hand a message over, in this transaction. Raises AwsError where the destination refuses."""
    target = arns.parse(notification.arn)
    assert target is not None, "a notification's ARN was checked when it was stored"
    text = json.dumps(message, separators=(",", ":"))
    operations: dict[str, tuple[str, str, dict[str, Any]]] = {
        "LambdaFunction": (
            "lambda",
            "Invoke",
            {"FunctionName": notification.arn, "InvocationType": "Event", "Payload": text.encode()},
        ),
        "Queue": (
            "sqs",
            "SendMessage",
            {"QueueUrl": f"{call.source.base_url}/{target.account}/{target.resource}", "MessageBody": text},
        ),
        "Topic": ("sns", "Publish", {"TopicArn": notification.arn, "Message": text, "Subject": _SUBJECT}),
    }
    service, operation, request = operations[notification.kind]
    call_as_s3(call, bucket, service, operation, request, target)


def call_as_s3(
    call: Call, bucket: Bucket, service: str, operation: str, request: dict[str, Any], target: arns.Arn
) -> dict[str, Any]:
    return call.aws(
        service,
        operation,
        request,
        as_service=PRINCIPAL,
        source_arn=bucket.arn,
        source_account=bucket.account,
        account=target.account,
        region=target.region,
    )


def test_message(call: Call, bucket: Bucket) -> dict[str, Any]:
    """What S3 sends to a queue or topic when it becomes a destination."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": _instant(call.now_ms),
        "Bucket": bucket.name,
        "RequestId": call.request_id,
        "HostId": ids.s3_host_id(call.request_id),
    }


def _record(
    call: Call, bucket: Bucket, key: str, version: Version, event: str, configuration_id: str
) -> dict[str, Any]:
    is_of_data = event.startswith(("ObjectCreated:", "ObjectRemoved:"))
    return {
        "eventVersion": "2.1" if is_of_data else "2.3",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": _instant(call.now_ms),
        "eventName": event,
        "userIdentity": {"principalId": _principal_id(call)},
        "requestParameters": {"sourceIPAddress": PRINCIPAL if call.depth else call.source.ip},
        "responseElements": {"x-amz-request-id": call.request_id, "x-amz-id-2": ids.s3_host_id(call.request_id)},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": owner_principal_id(bucket.account)},
                "arn": bucket.arn,
            },
            "object": _object(key, version, event),
        },
    }


def _object(key: str, version: Version, event: str) -> dict[str, Any]:
    described: dict[str, Any] = {"key": url_encoded(key)}
    if event.startswith("ObjectCreated:"):
        described |= {"size": version.size, "eTag": version.etag}
    elif event.endswith(":DeleteMarkerCreated"):
        described["eTag"] = _EMPTY_ETAG
    elif not event.endswith(":Delete") or event.startswith("ObjectTagging:"):
        described["eTag"] = version.etag
    if version.id != NULL:
        described["versionId"] = version.id
    if not event.startswith(("ObjectTagging:", "ObjectAcl:")):
        described["sequencer"] = f"{version.sequence:018X}"
    return described


def _principal_id(call: Call) -> str:
    principal = call.principal
    if principal.type == "Service":
        return principal.service or principal.name
    if principal.type == "Anonymous":
        return "Anonymous"
    return f"AWS:{principal.user_id}"


def owner_principal_id(account: str) -> str:
    """A, and 13 capital letters and digits, as S3 names an owner in events."""
    return "A" + base64.b32encode(bytes.fromhex(canonical_id(account)[:20])).decode()[:13]


def _instant(ms: int) -> str:
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"
