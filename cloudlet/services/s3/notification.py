"""Where a bucket's events go: the configuration, and whether its destinations take them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html
"""

from itertools import combinations
from typing import Any

from cloudlet.base import ids
from cloudlet.base.errors import AwsError, aws_error
from cloudlet.kit import arn as arns
from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Principal
from cloudlet.kit.record import replace
from cloudlet.services.s3 import errors, integrity
from cloudlet.services.s3.events import call_as_s3, deliver, test_message
from cloudlet.services.s3.lookup import locate, put_bucket
from cloudlet.services.s3.records import Bucket, Notification
from cloudlet.services.s3.service import s3

CONFIGURATIONS_MAX = 100
_EVENTS = frozenset(
    f"s3:{kind}:{name}" if name else f"s3:{kind}"
    for kind, names in {
        "ReducedRedundancyLostObject": ("",),
        "ObjectCreated": ("*", "Put", "Post", "Copy", "CompleteMultipartUpload"),
        "ObjectRemoved": ("*", "Delete", "DeleteMarkerCreated"),
        "ObjectRestore": ("*", "Post", "Completed", "Delete"),
        "Replication": (
            "*", "OperationFailedReplication", "OperationNotTracked", "OperationMissedThreshold",
            "OperationReplicatedAfterThreshold",
        ),
        "LifecycleTransition": ("",),
        "IntelligentTiering": ("",),
        "ObjectAcl": ("Put",),
        "LifecycleExpiration": ("*", "Delete", "DeleteMarkerCreated"),
        "ObjectTagging": ("*", "Put", "Delete"),
        "ObjectAnnotation": ("*", "Put", "Delete"),
    }.items()
    for name in names
)  # fmt: skip
# kind → (list in the configuration, its member with the ARN, the service of that ARN, what S3's errors call it)
_KINDS = {
    "Queue": ("QueueConfigurations", "QueueArn", "sqs", "Queue"),
    "Topic": ("TopicConfigurations", "TopicArn", "sns", "Topic"),
    "LambdaFunction": ("LambdaFunctionConfigurations", "LambdaFunctionArn", "lambda", "CloudFunction"),
}


@s3.operation("GetBucketNotificationConfiguration")
def get_bucket_notification_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    answer: dict[str, Any] = {}
    for notification in bucket.notifications:
        group, arn_member, _, _ = _KINDS[notification.kind]
        entry: dict[str, Any] = {"Id": notification.id, arn_member: notification.arn, "Events": notification.events}
        if notification.rules:
            rules = [{"Name": name, "Value": value} for name, value in notification.rules]
            entry["Filter"] = {"Key": {"FilterRules": rules}}
        answer.setdefault(group, []).append(entry)
    return answer


@s3.operation("PutBucketNotificationConfiguration")
def put_bucket_notification_configuration(call: Call, request: dict[str, Any]) -> None:
    bucket = locate(call, request)
    integrity.check_document(call, request)
    configuration = request["NotificationConfiguration"]
    if "EventBridgeConfiguration" in configuration:
        raise errors.not_implemented("sending events to EventBridge (EventBridgeConfiguration)")
    notifications = [
        _notification(bucket, kind, entry)
        for kind, (group, _, _, _) in _KINDS.items()
        for entry in configuration.get(group, ())
    ]
    _check_together(notifications)
    changed = replace(bucket, notifications=notifications)
    put_bucket(call.tx, call.keys, changed)
    if not request.get("SkipDestinationValidation"):
        _check_destinations(call, changed)


def _notification(bucket: Bucket, kind: str, entry: dict[str, Any]) -> Notification:
    _, arn_member, service, argument = _KINDS[kind]
    text = entry[arn_member]
    target = arns.parse(text)
    if target is None:
        raise errors.invalid_argument("The ARN could not be parsed", argument, text)
    if target.service != service or not target.account:
        raise errors.invalid_argument("The ARN is not well formed", argument, text)
    if target.region != bucket.region:
        message = "The notification destination service region is not valid for the bucket location constraint"
        raise errors.invalid_argument(message, argument, text)
    if kind == "Queue" and target.resource.endswith(".fifo"):
        raise errors.invalid_argument("FIFO SQS queues are not supported as a destination", argument, text)
    for event in entry["Events"]:
        if event not in _EVENTS:
            raise errors.invalid_argument(f"The event '{event}' is not supported for notifications", "Event", event)
    rules = _filter_rules(entry.get("Filter", {}).get("Key", {}).get("FilterRules", ()))
    return Notification(entry.get("Id") or ids.lower_alnum(48), kind, text, entry["Events"], rules)


def _filter_rules(given: list[dict[str, Any]]) -> list[tuple[str, str]]:
    rules: list[tuple[str, str]] = []
    for rule in given:
        name = rule.get("Name", "").capitalize()
        if name not in ("Prefix", "Suffix"):
            raise errors.invalid_argument(
                "filter rule name must be either prefix or suffix", "FilterRule.Name", rule.get("Name", "")
            )
        if any(name == earlier for earlier, _ in rules):
            message = f"Cannot specify more than one {name.lower()} rule in a filter."
            raise errors.invalid_argument(message, "FilterRule.Name", name.lower())
        value = rule.get("Value", "")
        if len(value.encode()) > 1024:
            raise errors.invalid_argument(
                "Size of filter rule value cannot exceed 1024 bytes", "FilterRule.Value", value
            )
        rules.append((name, value))
    return rules


def _check_together(notifications: list[Notification]) -> None:
    """No event of one object may have two destinations."""
    if len(notifications) > CONFIGURATIONS_MAX:
        raise aws_error(
            "TooManyConfigurations",
            f"You are attempting to create a new configuration but have already reached the {CONFIGURATIONS_MAX}"
            "-configuration limit.",
            400,
        )
    if len({notification.id for notification in notifications}) < len(notifications):
        raise errors.invalid_argument(
            "Same ID used for multiple configurations. IDs must be unique", "Id", notifications[0].id
        )
    for one, other in combinations(notifications, 2):
        if not _share_an_event(one, other) or not _share_a_key(one, other):
            continue
        if one.rules or other.rules:
            message = (
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes"
                " are overlapping for the same event type."
            )
        else:
            message = "Configurations overlap. Configurations on the same bucket cannot share a common event type."
        raise aws_error("InvalidArgument", message, 400)


def _share_an_event(one: Notification, other: Notification) -> bool:
    return any(_covers(a, b) or _covers(b, a) for a in one.events for b in other.events)


def _covers(wide: str, narrow: str) -> bool:
    return wide == narrow or (wide.endswith("*") and narrow.startswith(wide[:-1]))


def _share_a_key(one: Notification, other: Notification) -> bool:
    prefixes = one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
    return prefixes and (one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix))


def _check_destinations(call: Call, bucket: Bucket) -> None:
    """Queues and topics get a test message; a function says whether S3 may invoke it."""
    refused: list[tuple[str, str]] = []
    for notification in bucket.notifications:
        try:
            _try_out(call, bucket, notification)
        except AwsError as error:
            refused.append((notification.arn, _reason(call, notification, error)))
    if not refused:
        return
    members: dict[str, Any] = {}
    for number, (arn, reason) in enumerate(refused, 1):
        suffix = str(number) if len(refused) > 1 else ""
        members |= {f"ArgumentName{suffix}": arn, f"ArgumentValue{suffix}": reason}
    raise aws_error("InvalidArgument", "Unable to validate the following destination configurations", 400, **members)


def _try_out(call: Call, bucket: Bucket, notification: Notification) -> None:
    if notification.kind != "LambdaFunction":
        deliver(call, bucket, notification, test_message(call, bucket))
        return
    target = arns.parse(notification.arn)
    assert target is not None
    request = {"FunctionName": notification.arn, "InvocationType": "DryRun"}
    call_as_s3(call, bucket, "lambda", "Invoke", request, target)


def _reason(call: Call, notification: Notification, error: AwsError) -> str:
    if notification.kind == "LambdaFunction":
        return f"Not authorized to invoke function [{notification.arn}]"
    noun = notification.kind.lower()
    if error.status == 403 and _is_there(call, notification):
        return f"Permissions on the destination {noun} do not allow S3 to publish notifications from this bucket"
    return f"The destination {noun} does not exist"


def _is_there(call: Call, notification: Notification) -> bool:
    """Asked as the destination's owner: S3 itself may not even look."""
    target = arns.parse(notification.arn)
    assert target is not None
    owner = Principal(f"arn:aws:iam::{target.account}:root", target.account, "Root")
    service, operation, request = {
        "Queue": ("sqs", "GetQueueUrl", {"QueueName": target.resource}),
        "Topic": ("sns", "GetTopicAttributes", {"TopicArn": notification.arn}),
    }[notification.kind]
    try:
        call.aws(service, operation, request, principal=owner, account=target.account, region=target.region)
    except AwsError:
        return False
    return True
