"""Limits and checks that the SQS model does not state.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-quotas.html
"""

import base64
import binascii
import json
import re
from typing import Any
from urllib.parse import urlsplit

from cloudlet.kit.policy.document import MalformedPolicy, check
from cloudlet.services.sqs import errors

BATCH_ENTRIES_MAX = 10
MESSAGE_BYTES_MAX = 1_048_576
BATCH_BYTES_MAX = 1_048_576
MESSAGE_ATTRIBUTES_MAX = 10
RECEIVE_MESSAGES_MAX = 10
WAIT_SECONDS_MAX = 20
DELAY_SECONDS_MAX = 900
VISIBILITY_SECONDS_MAX = 43_200
IN_FLIGHT_MAX = 120_000
DEDUP_MS = 5 * 60_000
NAME_BLOCKED_MS = 60_000  # after deletion
PURGE_EVERY_MS = 60_000
TAGS_MAX = 50
LIST_MAX = 1000
MOVE_TASKS_LISTED_MAX = 10  # and kept
MOVE_SOURCES_MAX = 1000  # queues that one move may send back to
RECEIVE_COUNT_MAX = 1000

DEFAULTS = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": str(MESSAGE_BYTES_MAX),
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}
FIFO_DEFAULTS = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
RANGES = {
    "VisibilityTimeout": (0, VISIBILITY_SECONDS_MAX),
    "MaximumMessageSize": (1024, MESSAGE_BYTES_MAX),
    "MessageRetentionPeriod": (60, 1_209_600),
    "DelaySeconds": (0, DELAY_SECONDS_MAX),
    "ReceiveMessageWaitTimeSeconds": (0, WAIT_SECONDS_MAX),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
CHOICES = {
    "FifoQueue": ("true", "false"),
    "ContentBasedDeduplication": ("true", "false"),
    "SqsManagedSseEnabled": ("true", "false"),
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
FIFO_ONLY = ("ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
OTHERS = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId")
READ_ONLY = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
)
READABLE = frozenset((*RANGES, *CHOICES, *OTHERS, *READ_ONLY))

_usual_url = re.compile(r"https?://[A-Za-z0-9.:-]+/(\d{12})/([A-Za-z0-9_.-]+)", re.ASCII)  # as the node writes them
_queue_name = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
_batch_id = re.compile(r"[A-Za-z0-9_-]{1,80}")
_token_id = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_not_allowed = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFUSED_ASCII = bytes(code for code in range(128) if _not_allowed.match(chr(code)))
_attribute_name = re.compile(r"(?!(?i:aws\.|amazon\.))(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
_number = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?")


def queue_address(url: str) -> tuple[str | None, str]:
    """The account (None = the caller's own) and name that a queue URL stands for."""
    usual = _usual_url.fullmatch(url)
    if usual is not None:
        return usual[1], usual[2]
    try:
        parts = [part for part in urlsplit(url).path.split("/") if part]
    except ValueError:  # a host in half a pair of brackets
        parts = []
    if len(parts) == 1 and "://" not in url:
        return None, parts[0]
    if len(parts) < 2:
        raise errors.InvalidAddress(url=url)
    return parts[-2], parts[-1]


def check_queue_name(name: str, is_fifo: bool) -> None:
    if not _queue_name.fullmatch(name):
        reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        raise errors.InvalidParameterValue(f"{reason}" if name else "Queue name cannot be empty")
    if is_fifo and not name.endswith(".fifo"):
        raise errors.InvalidParameterValue(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with"
            " .fifo suffix and be 1 to 80 in length."
        )
    if not is_fifo and name.endswith(".fifo"):
        raise errors.InvalidParameterValue(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def check_attributes(attributes: dict[str, str], *, is_fifo: bool, creating: bool) -> None:
    """The values of CreateQueue and SetQueueAttributes; an empty value means "back to the default"."""
    for name, value in attributes.items():
        known = name in RANGES or name in CHOICES or name in OTHERS
        if not known or (name in FIFO_ONLY and not is_fifo) or (name == "FifoQueue" and not creating):
            raise errors.InvalidAttributeName(name=name)
        if not value:
            continue
        if name in RANGES and not is_number_between(value, *RANGES[name]):
            raise errors.InvalidAttributeValue(name=name)
        if name in CHOICES and value not in CHOICES[name]:
            raise errors.InvalidAttributeValue(name=name)
        if name == "Policy":
            check_policy(value)
    scope = attributes.get("DeduplicationScope", "messageGroup")
    if attributes.get("FifoThroughputLimit") == "perMessageGroupId" and scope != "messageGroup":
        raise errors.InvalidAttributeValue(name="FifoThroughputLimit")


def is_number_between(text: str, lowest: int, highest: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and lowest <= int(text) <= highest


def check_policy(text: str) -> None:
    try:
        check(text, "resource")
    except MalformedPolicy as error:
        raise errors.InvalidAttributeValue("Invalid value for the parameter Policy.") from error


def redrive_policy(text: str) -> tuple[str, int]:
    """The dead-letter queue's ARN and maxReceiveCount of a RedrivePolicy."""

    def invalid(reason: str) -> errors.InvalidParameterValue:
        return errors.InvalidParameterValue(value=text, name="RedrivePolicy", reason=reason)

    policy = json_map(text, invalid("Redrive policy is not a valid JSON map."))
    for member in ("deadLetterTargetArn", "maxReceiveCount"):
        if member not in policy:
            raise invalid(f"Redrive policy does not contain mandatory attribute: {member}.")
    count = str(policy["maxReceiveCount"])
    if not is_number_between(count, 1, RECEIVE_COUNT_MAX):
        raise invalid(
            f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to {RECEIVE_COUNT_MAX} both"
            " inclusive."
        )
    return str(policy["deadLetterTargetArn"]), int(count)


def allows_redrive(allow_policy: str | None, source_arn: str) -> bool:
    """Whether a RedriveAllowPolicy lets `source_arn` use the queue as its dead-letter queue."""
    if not allow_policy:
        return True
    policy = json.loads(allow_policy)
    permission = policy.get("redrivePermission", "allowAll")
    return permission == "allowAll" or (permission == "byQueue" and source_arn in policy.get("sourceQueueArns", ()))


def check_redrive_allow_policy(text: str) -> None:
    def invalid(reason: str) -> errors.InvalidParameterValue:
        return errors.InvalidParameterValue(value=text, name="RedriveAllowPolicy", reason=reason)

    policy = json_map(text, invalid("Redrive allow policy is not a valid JSON map."))
    permission = policy.get("redrivePermission")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise invalid("RedrivePermission must be one of allowAll, denyAll or byQueue.")
    arns = policy.get("sourceQueueArns")
    if (permission == "byQueue") != bool(arns):
        raise invalid("sourceQueueArns must be given with redrivePermission byQueue, and only then.")
    if arns is not None and (not isinstance(arns, list) or len(arns) > 10):
        raise invalid("sourceQueueArns must be a list of at most 10 queue ARNs.")


def json_map(text: str, invalid: Exception) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid from error
    if not isinstance(value, dict):
        raise invalid
    return value


def check_batch(entries: list[dict[str, Any]], entry: str) -> None:
    """The rules of every batch request; `entry` is what the empty-batch error calls a line of it."""
    if not entries:
        raise errors.EmptyBatchRequest(entry=entry)
    if len(entries) > BATCH_ENTRIES_MAX:
        raise errors.TooManyEntriesInBatchRequest(count=len(entries))
    seen = set()
    for line in entries:
        if not _batch_id.fullmatch(line["Id"]):
            raise errors.InvalidBatchEntryId()
        if line["Id"] in seen:
            raise errors.BatchEntryIdsNotDistinct(id=line["Id"])
        seen.add(line["Id"])


def check_between(value: int, name: str, lowest: int, highest: int, reason: str) -> None:
    if not lowest <= value <= highest:
        raise errors.InvalidParameterValue(value=value, name=name, reason=reason)


def check_id(value: str, name: str) -> None:
    """MessageGroupId, MessageDeduplicationId, ReceiveRequestAttemptId."""
    if not _token_id.fullmatch(value):
        reason = f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise errors.InvalidParameterValue(value=value, name=name, reason=reason)


def _holds_refused(text: str) -> bool:
    """Whether a character is in `text` that XML may not hold."""
    if text.isascii():
        raw = text.encode()
        return len(raw.translate(None, _REFUSED_ASCII)) != len(raw)
    return _not_allowed.search(text) is not None


def check_body(body: str) -> None:
    if not body:
        raise errors.MissingParameter(name="MessageBody")
    if _holds_refused(body):
        raise errors.InvalidMessageContents()


def check_message_attributes(attributes: dict[str, dict[str, Any]]) -> None:
    if len(attributes) > MESSAGE_ATTRIBUTES_MAX:
        raise errors.InvalidParameterValue(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MESSAGE_ATTRIBUTES_MAX}]."
        )
    for name, value in attributes.items():
        if not _attribute_name.fullmatch(name):
            raise errors.InvalidParameterValue(
                f"Message (user) attribute name '{name}' is invalid. A message attribute name can contain the following"
                " characters: A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.)."
            )
        _check_attribute_value(name, value)


def _check_attribute_value(name: str, value: dict[str, Any]) -> None:
    kind = value.get("DataType", "").partition(".")[0]
    if kind not in ("String", "Number", "Binary") or len(value["DataType"]) > 256:
        if not value.get("DataType"):
            raise errors.InvalidParameterValue(
                f"The message attribute '{name}' must contain a non-empty message attribute type."
            )
        raise errors.InvalidParameterValue(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following supported type"
            " prefixes: Binary, Number, String."
        )
    content = value.get("BinaryValue" if kind == "Binary" else "StringValue")
    if not content:
        raise errors.InvalidParameterValue(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
        )
    if kind != "Binary" and _holds_refused(content):
        raise errors.InvalidMessageContents()
    if kind == "Number" and not _number.fullmatch(content):
        raise errors.InvalidParameterValue(f"Can't cast the value of message (user) attribute '{name}' to a number.")


def message_bytes(body: str, attributes: dict[str, dict[str, Any]]) -> int:
    """A message's size as AWS counts it: body, and name, type and value of each attribute, in UTF-8."""
    size = len(body) if body.isascii() else len(body.encode())
    for name, value in attributes.items():
        content = value.get("BinaryValue") or value.get("StringValue", "").encode()
        size += len(name.encode()) + len(value.get("DataType", "").encode()) + len(content)
    return size


def task_handle(handle: str) -> tuple[str, str]:
    """The task's id and its source queue's name."""
    try:
        task_id, bar, arn = base64.b64decode(handle, validate=True).decode().partition("|")
    except (binascii.Error, ValueError):
        bar = ""
    if not bar:
        raise errors.InvalidParameterValue("Value for parameter TaskHandle is invalid.")
    return task_id, arn.rpartition(":")[2]
