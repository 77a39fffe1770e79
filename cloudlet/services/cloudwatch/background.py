"""What CloudWatch does unasked: evaluate alarms, make old data coarser, forget the oldest."""

from collections.abc import Callable
from typing import Any

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.kit.service import TASK_AGE_MAX_MS
from cloudlet.services.cloudwatch import engine, evaluation, transition
from cloudlet.services.cloudwatch.lookup import find_alarm, metric_stats, put_alarm
from cloudlet.services.cloudwatch.records import Alarm, Bucket
from cloudlet.services.cloudwatch.service import cloudwatch

SETTLES_MS = 6_000  # after a minute's end: the node's own metrics come every five seconds
LOOKS_APART_MS = 1_000  # how often new data make an alarm look
WATCHERS_PER_STEP = 50
PERIODS_AT_ONCE_MAX = 200  # an alarm that may read more is judged piece by piece
BUCKETS_AGED_PER_STEP = 150  # of many samples each: a transaction of some milliseconds
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
    _judge_soon(call, alarm)


@cloudwatch.task("look")
def look(call: Call, payload: dict[str, Any]) -> None:
    """An evaluation because data arrived."""
    alarm = find_alarm(call.tx, call.keys, payload["name"])
    if alarm is not None and alarm.kind == "MetricAlarm":
        _judge_soon(call, alarm)


def _judge_soon(call: Call, alarm: Alarm) -> None:
    """Now, or piece by piece if it takes long."""
    if evaluation.periods_read(alarm.settings) > PERIODS_AT_ONCE_MAX:
        call.later("judge", {"name": alarm.name, "epoch": alarm.epoch})
        return

    def read(stat: dict[str, Any], start_ms: int, end_ms: int) -> dict[int, Bucket]:
        collector = evaluation.collector_of(call.tx, call.keys, stat, start_ms, end_ms, call.now_ms)
        return collector.run(call.tx) if collector is not None else {}

    _judge(call, alarm, read, call.now_ms)


@cloudwatch.task("judge")
async def judge(call: Call, payload: dict[str, Any]) -> Callable[[Call], None] | None:
    """An evaluation that reads much: piece by piece, then judged in one transaction, if the alarm is still that one."""
    alarm = call.transact(lambda tx: find_alarm(tx, call.keys, payload["name"]))
    if alarm is None or alarm.epoch != payload["epoch"]:
        return None
    now_ms, data = call.now_ms, {}
    for end_ms in evaluation.ends_ms(alarm.settings, now_ms):
        span = evaluation.span_ms(alarm.settings, end_ms)
        for number, stat in enumerate(metric_stats(alarm.settings)):
            collector = call.transact(evaluation.collector_of, call.keys, stat, *span, now_ms)
            while collector is not None and not collector.finished:
                collector.feed(call.transact(collector.fetch))
                await call.pause()
            data[number, *span] = collector.periods if collector is not None else {}

    def finish(call: Call) -> None:
        found = find_alarm(call.tx, call.keys, payload["name"])
        if found is not None and found.epoch == payload["epoch"]:
            stats = metric_stats(found.settings)
            _judge(call, found, lambda stat, start_ms, end_ms: data[stats.index(stat), start_ms, end_ms], now_ms)

    return finish


def _judge(call: Call, alarm: Alarm, read: evaluation.Read, now_ms: int) -> None:
    try:
        verdict = evaluation.evaluate(read, alarm, now_ms)
    except AwsError:  # an expression that these data don't fit
        return
    if verdict is not None and verdict.state != alarm.state:
        transition.change(call, alarm, verdict.state, verdict.reason, verdict.data)


@cloudwatch.task("tell")
def tell(call: Call, payload: dict[str, Any]) -> None:
    """A composite alarm looks at its rule: a child has changed."""
    transition.tell(call, payload["name"])


def look_soon(call: Call, identity: bytes) -> None:
    """Have the alarms that watch a series look at its new data, each once a second at most."""
    _wake(call, *call.keys.watch.range(identity))


@cloudwatch.task("wake")
def wake(call: Call, payload: dict[str, Any]) -> None:
    """The rest of a series' many watchers."""
    _wake(call, payload["begin"], payload["end"])


def _wake(call: Call, begin: bytes, end: bytes) -> None:
    found = call.tx.scan(begin, end, limit=WATCHERS_PER_STEP)
    if found.resume is not None:
        call.later("wake", {"begin": found.resume, "end": end})
    for key, _ in found.rows:
        _, name = call.keys.watch.unpack(key)
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
