"""Limits and checks that the SNS model does not state.

https://docs.aws.amazon.com/general/latest/gr/sns.html (quotas)
"""

import json
import re
from collections.abc import Mapping
from email.errors import MessageError
from email.headerregistry import Address
from typing import Any
from urllib.parse import urlsplit

from cloudlet.kit import arn as arns
from cloudlet.kit.arn import Arn
from cloudlet.kit.policy import MalformedPolicy, check
from cloudlet.kit.tags import distinct
from cloudlet.services.sns import delivery_policy, errors
from cloudlet.services.sns.filters.conditions import InvalidPolicy
from cloudlet.services.sns.filters.document import NotJson, parse
from cloudlet.services.sns.filters.policy import BY_ATTRIBUTES, BY_BODY, compile_policy

LIST_MAX = 100
BATCH_ENTRIES_MAX = 10
MESSAGE_BYTES_MAX = 262_144
MESSAGE_BYTES_SETTABLE_MAX = 1_048_576
MESSAGE_BYTES_SETTABLE_MIN = 1024
SUBJECT_CHARACTERS_MAX = 100
DISPLAY_NAME_CHARACTERS_MAX = 100
TAGS_MAX = 50
FIFO_SUBSCRIPTIONS_MAX = 100
DEDUP_MS = 5 * 60_000
TOKEN_MS = 48 * 3600_000  # a confirmation's link
ENDPOINT_CHARACTERS_MAX = 2048
MAIL_ADDRESS_CHARACTERS_MAX = 320

HTTP, MAIL = ("http", "https"), ("email", "email-json")
PROTOCOLS = ("sqs", "lambda", *HTTP, *MAIL)
PROTOCOLS_NOT_SUPPORTED = ("sms", "application", "firehose")
PROTOCOL_NAMES = (*PROTOCOLS, *PROTOCOLS_NOT_SUPPORTED)  # keys of a message with MessageStructure json

_STORED_TOPIC_ATTRIBUTES = (
    "DisplayName", "KmsMasterKeyId", "TracingConfig", "SignatureVersion", "ContentBasedDeduplication",
    "FifoThroughputScope", "MaximumMessageSize", "DeliveryPolicy", "Policy",
)  # fmt: skip
_FIFO_ONLY = ("ContentBasedDeduplication", "FifoThroughputScope")
_TOPIC_CHOICES = {
    "TracingConfig": ("PassThrough", "Active"),
    "SignatureVersion": ("1", "2"),
    "ContentBasedDeduplication": ("true", "false"),
    "FifoThroughputScope": ("Topic", "MessageGroup"),
    "FifoTopic": ("true", "false"),
}
_TOPIC_ATTRIBUTES_NOT_SUPPORTED = re.compile(
    r"ArchivePolicy|DataProtectionPolicy|(HTTP|Firehose|Lambda|Application|SQS)(Success|Failure)Feedback\w+"
)
_SUBSCRIPTION_ATTRIBUTES = (
    "RawMessageDelivery",
    "FilterPolicy",
    "FilterPolicyScope",
    "RedrivePolicy",
    "DeliveryPolicy",
)
POLICY_ACTIONS = (
    "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
    "ListSubscriptionsByTopic", "Publish",
)  # fmt: skip
_RAW_PROTOCOLS = ("sqs", *HTTP)

_topic_name = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
_topic_name_fifo = re.compile(r"[A-Za-z0-9_-]{1,251}\.fifo", re.ASCII)
_batch_id = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_mail_address = re.compile(r"[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]+@[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]+", re.ASCII)
_group_or_dedup = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_password = re.compile(r"(://[^/:@]*:)[^/@]*(@)")
_control = re.compile(r"[\x00-\x1f\x7f]")


def invalid(reason: str) -> errors.InvalidParameter:
    return errors.InvalidParameter(reason=reason)


# --- names and ARNs


def check_topic_name(name: str, is_fifo: bool) -> None:
    if not (_topic_name_fifo if is_fifo else _topic_name).fullmatch(name):
        raise invalid("Topic Name")


def topic_arn(text: str, member: str = "TopicArn") -> Arn:
    """The parts of a topic's ARN."""
    parsed = _arn(text, member)
    if parsed.service != "sns" or ":" in parsed.resource:
        raise invalid(member)
    return parsed


def subscription_arn(text: str) -> tuple[Arn, str]:
    """The topic's ARN and the subscription's id."""
    parsed = _arn(text, "SubscriptionArn")
    name, colon, subscription_id = parsed.resource.partition(":")
    if parsed.service != "sns" or not colon or not name or not subscription_id:
        raise invalid("SubscriptionId")
    return parsed._replace(resource=name), subscription_id


def _arn(text: str, member: str) -> Arn:
    if not text:
        raise invalid(f"{member} Reason: no value for required parameter")
    elements = text.split(":")
    if len(elements) < 6:
        raise invalid(f"{member} Reason: An ARN must have at least 6 elements, not {len(elements)}")
    parsed = arns.parse(text)
    if parsed is None:
        raise invalid(member)
    return parsed


# --- topics


def default_policy(arn: str, account: str) -> str:
    """What AWS gives a new topic: the account itself, and services that act for it."""
    return json.dumps(
        {
            "Version": "2008-10-17",
            "Id": "__default_policy_ID",
            "Statement": [
                {
                    "Sid": "__default_statement_ID",
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": [f"SNS:{action}" for action in POLICY_ACTIONS],
                    "Resource": arn,
                    "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
                }
            ],
        },
        separators=(",", ":"),
    )


def topic_attribute(name: str, value: str, *, is_fifo: bool, prefix: str = "") -> str:
    """The value to store; `prefix` is what CreateTopic's errors say before the attribute's name."""
    if _TOPIC_ATTRIBUTES_NOT_SUPPORTED.fullmatch(name) and value:
        raise errors.not_supported(f"topic attribute {name}")
    if name not in _STORED_TOPIC_ATTRIBUTES or (name in _FIFO_ONLY and not is_fifo):
        raise invalid(f"{prefix}AttributeName" if not prefix else f"{prefix}Unknown attribute {name}")
    if not value:
        return ""  # back to the default
    if name in _TOPIC_CHOICES and value not in _TOPIC_CHOICES[name]:
        allowed = " or ".join(_TOPIC_CHOICES[name])
        raise invalid(f"{prefix}{name}: Invalid value [{value}]. Must be {allowed}.")
    if name == "DisplayName" and (len(value) > DISPLAY_NAME_CHARACTERS_MAX or _control.search(value)):
        raise invalid(f"{prefix}DisplayName")
    if name == "MaximumMessageSize" and not _is_size(value):
        raise invalid(
            f"{prefix}MaximumMessageSize: must be between {MESSAGE_BYTES_SETTABLE_MIN} and {MESSAGE_BYTES_SETTABLE_MAX}"
        )
    if name == "Policy":
        check_policy(value)
    if name == "DeliveryPolicy":
        return _delivery_policy(delivery_policy.of_topic, value, prefix)
    return value


def _is_size(value: str) -> bool:
    return (
        value.isascii()
        and value.isdigit()
        and len(value) < 9
        and MESSAGE_BYTES_SETTABLE_MIN <= int(value) <= MESSAGE_BYTES_SETTABLE_MAX
    )


def _delivery_policy(normalised: Any, value: str, prefix: str) -> str:
    try:
        return normalised(_json_object(value, f"{prefix}DeliveryPolicy"))
    except delivery_policy.InvalidDeliveryPolicy as error:
        raise invalid(f"{prefix}DeliveryPolicy: {error}") from error


def check_policy(text: str) -> None:
    try:
        document = check(text, "resource")
    except MalformedPolicy as error:
        raise invalid("Policy Error: null") from error
    for statement in document.statements:
        for action in statement.raw.actions or statement.raw.not_actions or ():
            if action != "*" and not action.lower().startswith("sns:"):
                raise invalid("Policy statement action out of service scope!")


def check_tags(tags: list[dict[str, str]]) -> dict[str, str]:
    found = distinct(tags, invalid("Duplicated keys are not allowed."))
    if any(not key or len(key) > 128 or len(value) > 256 or key.startswith("aws:") for key, value in found.items()):
        raise invalid("Tags Reason: a key has 1 to 128 characters and does not begin with aws:, a value at most 256")
    return found


# --- subscriptions


def check_endpoint(protocol: str, endpoint: str) -> None:
    if protocol in PROTOCOLS_NOT_SUPPORTED:
        raise errors.not_supported(f"subscription protocol {protocol}")
    if protocol not in PROTOCOLS:
        raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if not endpoint or len(endpoint) > ENDPOINT_CHARACTERS_MAX:
        raise invalid("Endpoint")
    if protocol in MAIL and not _is_mail_address(endpoint):
        raise invalid("Email address")
    if protocol in HTTP and not _is_web_address(protocol, endpoint):
        raise invalid("Endpoint must match the specified protocol")
    if protocol in ("sqs", "lambda"):
        parsed = arns.parse(endpoint)
        if parsed is None or parsed.service != protocol or not parsed.account or not parsed.region:
            raise invalid(f"{'SQS' if protocol == 'sqs' else 'Lambda'} endpoint ARN")


def _is_mail_address(endpoint: str) -> bool:
    """One address and nothing else, which a mail's header takes."""
    if not _mail_address.fullmatch(endpoint) or len(endpoint) > MAIL_ADDRESS_CHARACTERS_MAX:
        return False
    try:
        return bool(Address(addr_spec=endpoint).domain)
    except (ValueError, MessageError):
        return False


def _is_web_address(protocol: str, endpoint: str) -> bool:
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        return False
    try:
        parts = urlsplit(endpoint)
        return parts.scheme.lower() == protocol and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def without_password(endpoint: str) -> str:
    """A web address as it is shown."""
    return _password.sub(r"\1****\2", endpoint)


def check_pairing(is_fifo_topic: bool, protocol: str, endpoint: str) -> None:
    """Which endpoints a topic of this type takes."""
    if is_fifo_topic and protocol != "sqs":
        raise invalid("Invalid parameter: Endpoint Reason: Please use FIFO SQS queue")
    if not is_fifo_topic and protocol == "sqs" and endpoint.endswith(".fifo"):
        raise invalid(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        )


def subscription_attribute(name: str, value: str, protocol: str, *, is_fifo: bool, prefix: str = "") -> str:
    """The value to store ("" = none); `prefix` is what Subscribe's errors say before the attribute's name."""
    if name in ("ReplayPolicy", "SubscriptionRoleArn") and value:
        raise errors.not_supported(f"subscription attribute {name}")
    if name not in _SUBSCRIPTION_ATTRIBUTES:
        raise invalid("AttributeName" if not prefix else f"{prefix}Unknown attribute {name}")
    if name == "RawMessageDelivery":
        if value.lower() not in ("true", "false"):
            raise invalid(f"{prefix}RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
        if value.lower() == "true" and protocol not in _RAW_PROTOCOLS:
            raise invalid(f"{prefix}Delivery protocol [{protocol}] does not support raw message delivery.")
        return value.lower()
    if name == "FilterPolicyScope" and value not in (BY_ATTRIBUTES, BY_BODY):
        raise invalid(
            f"{prefix}FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
        )
    if name == "RedrivePolicy" and value:
        _check_redrive_policy(value, is_fifo, prefix)
    if name == "DeliveryPolicy" and value:
        return _delivery_policy(delivery_policy.of_subscription, value, prefix)
    return value


def check_filter_policy(attributes: Mapping[str, str], prefix: str = "") -> None:
    text = attributes.get("FilterPolicy")
    if text:
        try:
            compile_policy(text, attributes.get("FilterPolicyScope", BY_ATTRIBUTES))
        except InvalidPolicy as error:
            raise invalid(f"{prefix}FilterPolicy: {error}") from error


def _check_redrive_policy(text: str, is_fifo: bool, prefix: str) -> None:
    target = _json_object(text, f"{prefix}RedrivePolicy").get("deadLetterTargetArn")
    parsed = arns.parse(target) if isinstance(target, str) else None
    if parsed is None or parsed.service != "sqs" or not parsed.account:
        raise invalid(f"{prefix}RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if is_fifo and not parsed.resource.endswith(".fifo"):
        raise invalid(f"{prefix}RedrivePolicy: must use a FIFO queue as DLQ for a FIFO topic")
    if not is_fifo and parsed.resource.endswith(".fifo"):
        raise invalid(f"{prefix}RedrivePolicy: must not use a FIFO queue as DLQ for a standard topic")


def _json_object(text: str, member: str) -> dict[str, Any]:
    try:
        node = parse(text)
    except NotJson as error:
        raise invalid(f"{member}: failed to parse JSON. {error}") from error
    if node.kind != "object":
        raise invalid(f"{member}: failed to parse JSON. Not an object{node.place}")
    try:
        return json.loads(text)
    except ValueError as error:  # a number of thousands of digits
        raise invalid(f"{member}: failed to parse JSON. {error}") from error


# --- messages


def check_subject(subject: str | None) -> None:
    if subject is not None and (
        not subject.strip() or len(subject) > SUBJECT_CHARACTERS_MAX or _control.search(subject)
    ):
        raise invalid("Subject")


def bodies(message: str, structure: str | None) -> tuple[str, dict[str, str]]:
    """The default body, and those of single protocols."""
    if not message:
        raise invalid("Empty message")
    if structure is None:
        return message, {}
    if structure != "json":
        raise invalid("MessageStructure")
    try:
        parsed = json.loads(message, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise invalid("Message Structure - JSON message body failed to parse") from error
    if not isinstance(parsed, dict) or not isinstance(parsed.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")
    own = {name: parsed[name] for name in PROTOCOL_NAMES if isinstance(parsed.get(name), str)}
    return parsed["default"], own


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate keys")
    return found


def check_group_and_dedup(request: Mapping[str, Any], is_fifo: bool, deduplicates_content: bool) -> None:
    group, dedup_id = request.get("MessageGroupId"), request.get("MessageDeduplicationId")
    if is_fifo and not group:
        raise invalid("The MessageGroupId parameter is required for FIFO topics")
    if not is_fifo and dedup_id is not None:
        raise invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid"
            " for this topic type"
        )
    if is_fifo and dedup_id is None and not deduplicates_content:
        raise invalid(
            "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
            " explicitly"
        )
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", dedup_id)):
        if value is not None and not _group_or_dedup.fullmatch(value):
            raise invalid(f"{name} Reason: 1 to 128 alphanumeric and punctuation characters are allowed")


def check_batch_ids(entries: list[dict[str, Any]]) -> None:
    if not entries:
        raise errors.EmptyBatchRequest()
    if len(entries) > BATCH_ENTRIES_MAX:
        raise errors.TooManyEntriesInBatchRequest()
    for entry in entries:
        if len(entry["Id"]) > 80:
            raise errors.InvalidBatchEntryId(reason="is too long", id=entry["Id"])
        if not _batch_id.fullmatch(entry["Id"]):
            raise errors.InvalidBatchEntryId(reason="contains an impermissible character", id=entry["Id"])
    if len({entry["Id"] for entry in entries}) != len(entries):
        raise errors.BatchEntryIdsNotDistinct()
