"""One message to one subscription: queues and functions in the same transaction, web servers and mailboxes later.

A delivery that fails never fails the publisher: it is counted, and goes to the subscription's dead-letter queue.
https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
"""

import json
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from cloudlet.base.errors import AwsError
from cloudlet.kit import arn as arns
from cloudlet.kit.call import Call
from cloudlet.services.sns import delivery_policy, envelope, rules
from cloudlet.services.sns.filters.policy import BY_ATTRIBUTES, Verdict, compile_policy
from cloudlet.services.sns.letter import Letter
from cloudlet.services.sns.lookup import keys_of
from cloudlet.services.sns.records import Message, Subscription, Topic

PRINCIPAL = "sns.amazonaws.com"


def passes(letter: Letter, subscription: Subscription) -> bool:
    """Whether the subscription's filter policy lets the message through; counted if not."""
    text = subscription.attributes.get("FilterPolicy")
    if not text:
        return True
    scope = subscription.attributes.get("FilterPolicyScope", BY_ATTRIBUTES)
    message = letter.message
    verdict = compile_policy(text, scope).judge(message.body_for(subscription.protocol), message.attributes)
    if verdict is Verdict.PASSES:
        return True
    for metric in ("NumberOfNotificationsFilteredOut", f"NumberOfNotificationsFilteredOut-{verdict.value}"):
        letter.call.count(metric, TopicName=letter.topic.name)
    return False


def deliver(letter: Letter, subscription: Subscription) -> None:
    """Send it now, or store that it is to be sent."""
    protocol, call = subscription.protocol, letter.call
    if protocol in rules.HTTP:
        payload = _payload(letter, subscription)
        server = urlsplit(subscription.endpoint).hostname  # a slow one keeps none of the others waiting
        call.later("deliver_http", payload, due_ms=_free_slot_ms(letter, subscription), share=server)
    elif protocol in rules.MAIL:
        call.later("deliver_mail", _payload(letter, subscription))
    else:
        try:
            (_to_queue if protocol == "sqs" else _to_function)(letter, subscription)
        except AwsError:
            failed(letter, subscription)
        else:
            letter.delivered += 1


def _payload(letter: Letter, subscription: Subscription) -> dict[str, Any]:
    return {
        "topic": letter.topic.arn,
        "topic_id": letter.topic.id,
        "subscription": subscription.id,
        "message": letter.message.encode(),
        "base_url": letter.base_url,
    }


def _to_queue(letter: Letter, subscription: Subscription) -> None:
    body = letter.body(subscription)
    attributes = letter.message.attributes if subscription.is_raw else {}
    send_to_queue(letter.call, letter.topic, subscription.endpoint, body, attributes, letter.message)


def send_to_queue(
    call: Call, topic: Topic, queue_arn: str, body: str, attributes: dict[str, Any], message: Message | None
) -> None:
    """SendMessage as SNS. Raises AwsError: the queue is gone, or its policy doesn't let the topic in."""
    arn = _parsed(queue_arn)
    assert arn is not None, "the ARN was checked when it was stored"
    request: dict[str, Any] = {
        "QueueUrl": f"{call.node.base_url}/{arn.account}/{arn.resource}",
        "MessageBody": body,
    }
    if attributes:
        request["MessageAttributes"] = attributes
    if message is not None and message.group:
        request["MessageGroupId"] = message.group
    if message is not None and message.dedup_id and arn.resource.endswith(".fifo"):
        request["MessageDeduplicationId"] = message.dedup_id
    call.aws(
        "sqs",
        "SendMessage",
        request,
        as_service=PRINCIPAL,
        source_arn=topic.arn,
        source_account=topic.account,
        account=arn.account,
        region=arn.region,
    )


_parsed = lru_cache(1024)(arns.parse)


def _to_function(letter: Letter, subscription: Subscription) -> None:
    arn = arns.parse(subscription.endpoint)
    assert arn is not None, "the ARN was checked when it was stored"
    event = envelope.lambda_event(subscription, letter.document(subscription), letter.message)
    payload = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    letter.call.aws(
        "lambda",
        "Invoke",
        {"FunctionName": subscription.endpoint, "InvocationType": "Event", "Payload": payload},
        as_service=PRINCIPAL,
        source_arn=letter.topic.arn,
        source_account=letter.topic.account,
        account=arn.account,
        region=arn.region,
    )


def _free_slot_ms(letter: Letter, subscription: Subscription) -> int:
    """When a subscription with a throttle policy may next be sent to; now for all others."""
    call = letter.call
    policy = delivery_policy.effective_of_subscription(
        subscription.attributes.get("DeliveryPolicy"), letter.topic.attributes.get("DeliveryPolicy")
    )
    most = (policy["throttlePolicy"] or {}).get("maxReceivesPerSecond")
    if not most:
        return call.now_ms
    key = keys_of(rules.topic_arn(letter.topic.arn)).slot.key(letter.topic.id, subscription.id)
    stored = call.tx.get(key)
    free_us = max(1000 * call.now_ms, int(stored) if stored else 0)
    call.tx.put(key, b"%d" % (free_us + 1_000_000 // most))
    return free_us // 1000


def failed(letter: Letter, subscription: Subscription) -> None:
    """Count it, and hand the message to the subscription's dead-letter queue."""
    call, topic = letter.call, letter.topic
    call.count("NumberOfNotificationsFailed", TopicName=topic.name)
    policy = subscription.attributes.get("RedrivePolicy")
    if not policy:
        return
    attributes = letter.message.attributes if subscription.is_raw else {}
    queue = json.loads(policy)["deadLetterTargetArn"]
    try:
        send_to_queue(call, topic, queue, letter.body(subscription), attributes, letter.message)
    except AwsError:
        call.count("NumberOfNotificationsFailedToRedriveToDlq", TopicName=topic.name)
    else:
        call.count("NumberOfNotificationsRedrivenToDlq", TopicName=topic.name)
