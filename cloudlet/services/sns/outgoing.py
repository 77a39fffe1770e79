"""What leaves the node for a subscriber: posts to web servers and e-mails, each a task that waits.

At least once: a node that dies between sending and noting it sends again, with the same message id.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from cloudlet.kit.call import Call
from cloudlet.kit.retry import GiveUp, Retry
from cloudlet.services.sns import delivery_policy, letter_mail, rules, web
from cloudlet.services.sns.delivery import failed
from cloudlet.services.sns.letter import Letter
from cloudlet.services.sns.lookup import find_subscription, find_topic, keys_of
from cloudlet.services.sns.records import Message, Subscription
from cloudlet.services.sns.service import sns
from cloudlet.store.transaction import Tx

Finish = Callable[[Call], None] | None


class _Delivery(NamedTuple):
    letter: Letter
    subscription: Subscription
    attempts: int


def _open(call: Call, payload: dict[str, Any]) -> _Delivery | None:
    """What is to be delivered, in the call's transaction; None if topic or subscription is gone meanwhile."""
    arn = rules.topic_arn(payload["topic"])
    topic = find_topic(call.tx, arn)
    if topic is None or topic.id != payload["topic_id"]:
        return None
    subscription = find_subscription(call.tx, keys_of(arn), topic.id, payload["subscription"])
    if subscription is None:
        return None
    letter = Letter(call, topic, Message.decode(payload["message"]), payload["base_url"])
    return _Delivery(letter, subscription, attempts(call))


def attempts(call: Call) -> int:
    """Which attempt at the entry this is, from 1."""
    entry = call.node.outbox.find(call.tx, call.entry_id or "")
    return entry.attempts if entry is not None else 1


def _delivered(delivery: _Delivery) -> Finish:
    name = delivery.letter.topic.name
    return lambda call: call.count("NumberOfNotificationsDelivered", TopicName=name)


def _retry(retry: dict[str, Any], number: int, reason: str) -> Exception:
    after_ms = delivery_policy.delay_ms(retry, number)
    return GiveUp(reason) if after_ms is None else Retry(reason, after_ms)


@sns.task("undelivered")
def undelivered(call: Call, payload: dict[str, Any]) -> None:
    delivery = _open(call, payload)
    if delivery is not None:
        failed(delivery.letter, delivery.subscription)


@sns.task("deliver_http", in_flight_max=64, lease_ms=90_000, on_exhausted="undelivered")
async def deliver_http(call: Call, payload: dict[str, Any]) -> Finish:
    def prepare(tx: Tx) -> tuple[_Delivery, web.Post, dict[str, Any]] | None:
        delivery = _open(call, payload)
        if delivery is None:
            return None
        policy = delivery_policy.effective_of_subscription(
            delivery.subscription.attributes.get("DeliveryPolicy"),
            delivery.letter.topic.attributes.get("DeliveryPolicy"),
        )
        content_type = policy["requestPolicy"].get("headerContentType", delivery_policy.DEFAULT_CONTENT_TYPE)
        return delivery, web.notification(delivery.letter, delivery.subscription, content_type), policy

    prepared = call.transact(prepare)
    if prepared is None:
        return None
    delivery, post, policy = prepared
    problem = await web.send(call, post)
    if problem is None:
        return _delivered(delivery)
    if not problem.may_pass:
        raise GiveUp(problem.reason)
    raise _retry(policy["healthyRetryPolicy"], delivery.attempts, problem.reason)


@sns.task("deliver_mail", in_flight_max=8, lease_ms=90_000, on_exhausted="undelivered")
async def deliver_mail(call: Call, payload: dict[str, Any]) -> Finish:
    def prepare(tx: Tx) -> tuple[_Delivery, letter_mail.Mail] | None:
        delivery = _open(call, payload)
        return (delivery, letter_mail.notification(delivery.letter, delivery.subscription)) if delivery else None

    prepared = call.transact(prepare)
    if prepared is None:
        return None
    delivery, mail = prepared
    try:
        await letter_mail.send(call, mail)
    except OSError as error:
        raise _retry(delivery_policy.MAIL_RETRY, delivery.attempts, str(error)) from error
    return _delivered(delivery)


@sns.task("confirm_by_http", lease_ms=90_000)
async def confirm_by_http(call: Call, payload: dict[str, Any]) -> None:
    number = call.transact(lambda tx: attempts(call))
    problem = await web.send(call, web.confirmation(payload))
    if problem is not None:
        raise _retry(delivery_policy.DEFAULT_RETRY, number, problem.reason)


@sns.task("confirm_by_mail", in_flight_max=8, lease_ms=90_000)
async def confirm_by_mail(call: Call, payload: dict[str, Any]) -> None:
    number = call.transact(lambda tx: attempts(call))
    try:
        await letter_mail.send(call, letter_mail.confirmation(call, payload))
    except OSError as error:
        raise _retry(delivery_policy.MAIL_RETRY, number, str(error)) from error
