"""One message to all subscriptions of its topic, within what one transaction may do.

What doesn't fit goes on in tasks: the message waits as a parcel, which each step reads and the last one removes. A
FIFO topic keeps order: once a parcel of a group is on its way, all later messages of that group follow in its lane.
"""

from typing import Any, NamedTuple

from cloudlet.kit.call import Call
from cloudlet.services.sns import rules
from cloudlet.services.sns.delivery import deliver, passes
from cloudlet.services.sns.keys import Keys
from cloudlet.services.sns.letter import Letter
from cloudlet.services.sns.lookup import find_topic, keys_of
from cloudlet.services.sns.records import Message, Topic, decode_subscription
from cloudlet.services.sns.service import sns

TARGETS_MAX = 25  # of one transaction
BYTES_MAX = 1 << 20  # written by one transaction's deliveries: a few milliseconds; the store's budget is 8 MB
READ_AT_ONCE = TARGETS_MAX + 1  # tells that one more is there than may be reached
LOOKED_AT_MAX = 250  # subscriptions read in one step, also those whose filter lets nothing through


class Budget:
    """What one transaction may still do; the batch's messages share it."""

    def __init__(self) -> None:
        self.targets, self.bytes, self.looks = TARGETS_MAX, BYTES_MAX, LOOKED_AT_MAX

    def affords(self, targets: int, bytes_each: int) -> bool:
        return targets <= self.targets and targets * bytes_each <= self.bytes

    def spend(self, targets: int, bytes_each: int) -> None:
        self.targets -= targets
        self.bytes -= targets * bytes_each


class _Step(NamedTuple):
    """A stretch of the subscriptions, by their ids; no end: to the last."""

    begin: str = ""
    end: str | None = None


def send(call: Call, keys: Keys, topic: Topic, message: Message, budget: Budget) -> None:
    letter = Letter(call, topic, message)
    if topic.is_fifo:
        _send_in_order(letter, keys, budget)
        return
    resume = _run(letter, keys, _Step(), budget)
    if resume is not None:
        _post_parcel(letter, keys)
        payload = {"topic": topic.arn, "message": message.id, "base_url": letter.base_url, "begin": resume}
        call.later("fan_out", payload)


def _run(letter: Letter, keys: Keys, step: _Step, budget: Budget, *, always_one: bool = False) -> str | None:
    """Deliver to the subscriptions of `step` while the budget lasts; the id to go on at, None at the end.

    `always_one`: the first delivery is made however large it is, so that each task gets further.
    """
    resume = _reach(letter, keys, step, budget, always_one)
    letter.count_delivered()
    return resume


def _reach(letter: Letter, keys: Keys, step: _Step, budget: Budget, always_one: bool) -> str | None:
    topic_id, tx = letter.topic.id, letter.call.tx
    begin, end = keys.subscription.range(topic_id)
    if step.begin:
        begin = keys.subscription.key(topic_id, step.begin)
    if step.end is not None:
        end = keys.subscription.key(topic_id, step.end)
    resume: bytes | None = begin if begin < end else None
    size, last = letter.bytes_written_each, ""
    while resume is not None and budget.looks > 0:
        rows, resume = tx.scan(resume, end, limit=min(budget.looks, READ_AT_ONCE))
        for _, stored in rows:
            budget.looks -= 1
            subscription = decode_subscription(stored)
            last = subscription.id
            if not subscription.is_confirmed or not passes(letter, subscription):
                continue
            if not always_one and not budget.affords(1, size):
                return last
            always_one = False
            budget.spend(1, size)
            deliver(letter, subscription)
    if resume is None:
        return None
    return f"{last}\x00" if last else step.begin  # behind the last one looked at


def _post_parcel(letter: Letter, keys: Keys) -> None:
    letter.call.tx.put(keys.parcel.key(letter.topic.id, letter.message.id), letter.message.encode())


@sns.task("fan_out")
def fan_out(call: Call, payload: dict[str, Any]) -> None:
    """A standard topic's next step."""
    letter, keys = _open_parcel(call, payload)
    if letter is None:
        return
    resume = _run(letter, keys, _Step(payload["begin"]), Budget(), always_one=True)
    if resume is None:
        call.tx.delete(keys.parcel.key(letter.topic.id, letter.message.id))
    else:
        call.later("fan_out", payload | {"begin": resume})


def _open_parcel(call: Call, payload: dict[str, Any]) -> tuple[Letter | None, Keys]:
    arn = rules.topic_arn(payload["topic"])
    keys, topic = keys_of(arn), find_topic(call.tx, arn)
    stored = call.tx.get(keys.parcel.key(topic.id, payload["message"])) if topic else None
    if topic is None or stored is None:
        return None, keys  # the topic was deleted meanwhile
    return Letter(call, topic, Message.decode(stored), payload["base_url"]), keys


# --- FIFO


def _send_in_order(letter: Letter, keys: Keys, budget: Budget) -> None:
    """All at once, or all in the lane: never part of a message ahead of the message before it."""
    call, topic, message = letter.call, letter.topic, letter.message
    ids = _subscription_ids(letter, keys)
    if not ids:
        return
    waiting_key = keys.waiting.key(topic.id, message.group)
    waiting = int(call.tx.get(waiting_key) or 0)
    if not waiting and budget.affords(len(ids), letter.bytes_written_each):
        _run_whole(letter, keys, _Step(), budget)
        return
    each = max(1, min(TARGETS_MAX, BYTES_MAX // letter.bytes_written_each))
    begins = ids[::each]
    _post_parcel(letter, keys)
    call.tx.put(waiting_key, b"%d" % (waiting + 1))
    for at, begin in enumerate(begins):
        last = at + 1 == len(begins)
        payload = {
            "topic": topic.arn,
            "message": message.id,
            "base_url": letter.base_url,
            "begin": begin,
            "end": None if last else begins[at + 1],
        }
        call.later("fan_out_in_order", payload, lane=f"sns {topic.id} {message.group}")


def _subscription_ids(letter: Letter, keys: Keys) -> list[str]:
    """All of them, in order. They stand beside the endpoints too, so no subscription with its filters is read."""
    endpoints = keys.endpoint.range(letter.topic.id)
    found = letter.call.tx.all(*endpoints, rows_max=rules.FIFO_SUBSCRIPTIONS_MAX)
    return sorted(subscription_id.decode() for _, subscription_id in found)


def _run_whole(letter: Letter, keys: Keys, step: _Step, budget: Budget) -> None:
    """A stretch to its end: nobody in it may be left for after the next message."""
    resume = _run(letter, keys, step, budget)
    while resume is not None:
        assert budget.affords(1, letter.bytes_written_each) and budget.looks > 0, "the budget holds for all of them"
        resume = _run(letter, keys, _Step(resume, step.end), budget)


@sns.task("fan_out_in_order")
def fan_out_in_order(call: Call, payload: dict[str, Any]) -> None:
    """A FIFO topic's next stretch; the lane brings them one after the other, the last removes the parcel."""
    letter, keys = _open_parcel(call, payload)
    if letter is None:
        return
    step = _Step(payload["begin"], payload["end"])
    budget = Budget()  # also of those that have subscribed in the middle of the stretch since
    budget.targets = rules.FIFO_SUBSCRIPTIONS_MAX
    budget.bytes = budget.targets * letter.bytes_written_each
    _run_whole(letter, keys, step, budget)
    if payload["end"] is not None:
        return
    topic, message = letter.topic, letter.message
    call.tx.delete(keys.parcel.key(topic.id, message.id))
    key = keys.waiting.key(topic.id, message.group)
    waiting = int(call.tx.get(key) or 1) - 1
    if waiting:
        call.tx.put(key, b"%d" % waiting)
    else:
        call.tx.delete(key)
