"""What CloudWatch does unasked: evaluate alarms, make old data coarser, forget the oldest."""

from typing import Any

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.kit.service import TASK_AGE_MAX_MS
from cloudlet.services.cloudwatch import engine, evaluation, transition
from cloudlet.services.cloudwatch.lookup import find_alarm, put_alarm
from cloudlet.services.cloudwatch.records import Alarm
from cloudlet.services.cloudwatch.service import cloudwatch

SETTLES_MS = 6_000  # after a minute's end: the node's own metrics come every five seconds
LOOKS_APART_MS = 1_000  # how often new data make an alarm look
WATCHERS_MAX = 100
BUCKETS_AGED_PER_STEP = 500  # of many samples each: a transaction of some milliseconds
AGE_EVERY_MS = 3_600_000
AGE_AT_LEAST_EVERY_MS = 24 * 3_600_000


def begin_chain(call: Call, alarm: Alarm) -> Alarm:
    """The alarm with its next evaluation noted, and due."""
    tick = evaluation.tick_ms(alarm.settings)
    next_ms = (call.now_ms - SETTLES_MS) // tick * tick + tick + SETTLES_MS
    payload = {"name": alarm.name, "epoch": alarm.epoch}
    call.later("evaluate", payload, due_ms=next_ms, age_max_ms=next_ms - call.now_ms + TASK_AGE_MAX_MS)
    return replace(alarm, next_ms=next_ms)


@cloudwatch.task("evaluate")
def evaluate(call: Call, payload: dict[str, Any]) -> None:
    """One evaluation of an alarm's chain, and the next one's due time. A changed or deleted alarm ends the chain."""
    alarm = find_alarm(call.tx, call.keys, payload["name"])
    if alarm is None or alarm.epoch != payload["epoch"]:
        return
    alarm = begin_chain(call, alarm)
    put_alarm(call.tx, call.keys, alarm)
    _judge(call, alarm)


@cloudwatch.task("look")
def look(call: Call, payload: dict[str, Any]) -> None:
    """An evaluation because data arrived."""
    alarm = find_alarm(call.tx, call.keys, payload["name"])
    if alarm is not None and alarm.kind == "MetricAlarm":
        _judge(call, alarm)


def _judge(call: Call, alarm: Alarm) -> None:
    try:
        verdict = evaluation.evaluate(call.tx, call.keys, alarm, call.now_ms)
    except AwsError:  # an expression that these data don't fit
        return
    if verdict is not None and verdict.state != alarm.state:
        transition.change(call, alarm, verdict.state, verdict.reason, verdict.data)


def look_soon(call: Call, identity: bytes) -> None:
    """Have the alarms that watch a series look at its new data, each once a second at most."""
    for key, _ in call.tx.scan(*call.keys.watch.range(identity), limit=WATCHERS_MAX).rows:
        (name,) = call.keys.watch[identity].unpack(key)
        look_key = call.keys.look.key(name)
        stored = call.tx.get(look_key)
        if stored and int(stored) > call.now_ms:
            continue  # one is to come
        due_ms = max(call.now_ms, int(stored) + LOOKS_APART_MS if stored else 0)
        call.tx.put(look_key, b"%d" % due_ms)
        call.later("look", {"name": name}, due_ms=due_ms)


def begin_aging(call: Call) -> None:
    """See that there is a task that makes old data coarser."""
    if call.tx.get(call.keys.aging_run) is None:
        call.tx.put(call.keys.aging_run, b"")
        call.later("age", {}, due_ms=call.now_ms + AGE_EVERY_MS)


@cloudwatch.task("age")
def age(call: Call, payload: dict[str, Any]) -> None:
    if engine.age(call.tx, call.keys, call.now_ms, BUCKETS_AGED_PER_STEP):
        next_ms = call.now_ms
    else:
        first_ms = call.keys.aging.first_due(call.tx)
        if first_ms is None:
            call.tx.delete(call.keys.aging_run)  # the next data begin again
            return
        next_ms = min(max(first_ms, call.now_ms + AGE_EVERY_MS), call.now_ms + AGE_AT_LEAST_EVERY_MS)
    call.later("age", {}, due_ms=next_ms, age_max_ms=next_ms - call.now_ms + TASK_AGE_MAX_MS)
