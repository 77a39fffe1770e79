"""The queue of asynchronous calls: run, tried again, given up; who hears of the end.

An event is an entry of the outbox. A run that fails is followed by another entry with the same request id, put in the
transaction that removes the first; so is the message to a destination or dead-letter queue.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.kit.ports import Outcome
from cloudlet.kit.retry import backoff_ms
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.destinations import Ending, report
from cloudlet.services.lambda_.execution import Ask, Plan, count, own_call, plan, run
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.lookup import arn_of, find_function, find_invoke_config
from cloudlet.services.lambda_.records import LATEST, EventInvokeConfig, Function
from cloudlet.services.lambda_.service import lambda_

IN_FLIGHT_MAX = 64
LEASE_MS = 2 * 3600_000  # longer than any run; a crash's leases end at the next start
RETRY_MS = 60_000  # after the first failure; after the second, twice as long

Finish = Callable[[Call], None]  # in the transaction that removes the entry


def enqueue(call: Call, keys: Keys, function: Function, qualifier: str | None, ask: Ask) -> None:
    """Within a transaction: the event is run once this is durable."""
    event = {
        "name": function.name,
        "qualifier": qualifier,
        "request_id": ask.request_id,
        "payload": ask.payload,
        "client_context": ask.client_context,
        "trace_id": ask.trace_id,
        "received_ms": call.now_ms,
        "runs": 0,
        "waits": 0,
    }
    _put(call, keys, event, call.now_ms)
    call.count("AsyncEventsReceived", FunctionName=function.name)


def _put(call: Call, keys: Keys, event: dict[str, Any], due_ms: int) -> None:
    """In the function's share: however long its runs take, other functions have theirs."""
    share = arn_of(keys, event["name"])
    call.later("invoke_async", event, due_ms=due_ms, account=keys.account, share=share)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at an event: what is asked of the store for it."""

    planned: Plan
    config: EventInvokeConfig

    @property
    def age_max_ms(self) -> int:
        return 1000 * (self.config.age_s or rules.EVENT_AGE_S)

    @property
    def runs_max(self) -> int:
        return 1 + (rules.RETRIES if self.config.retries is None else self.config.retries)


def _attempt(call: Call, event: dict[str, Any]) -> Attempt | None:
    """None: the function, or what the event was for, is gone."""
    function = find_function(call.tx, call.keys, event["name"])
    if function is None:
        return None
    try:
        planned = plan(call, call.keys, function, event["qualifier"])
    except errors.FunctionNotFound:
        return None
    config = find_invoke_config(call.tx, call.keys, function, event["qualifier"] or LATEST)
    return Attempt(planned, config or EventInvokeConfig(call.now_ms))


@lambda_.task("invoke_async", in_flight_max=IN_FLIGHT_MAX, lease_ms=LEASE_MS, on_exhausted="drop_event")
async def invoke_async(call: Call, event: dict[str, Any]) -> Finish:
    attempt = call.transact(lambda tx: _attempt(call, event))
    if attempt is None:
        return lambda finishing: drop_event(finishing, event)
    planned = attempt.planned
    if planned.pool_max == 0:  # switched off by a reserved concurrency of 0: no attempt is made
        return lambda finishing: _end(finishing, attempt, event, "ZeroReservedConcurrency", None)
    if call.now_ms - event["received_ms"] >= attempt.age_max_ms:
        return lambda finishing: _end(finishing, attempt, event, "EventAgeExceeded", None)
    own = own_call(call, call.keys)
    count(own, planned, "AsyncEventAge", call.now_ms - event["received_ms"], "Milliseconds")
    ask = Ask(event["request_id"], event["payload"], event["client_context"], event["trace_id"])
    await call.settle()
    try:
        outcome = await run(own, planned, ask)
    except AwsError:
        return lambda finishing: _wait(finishing, attempt, event)
    event = event | {"runs": event["runs"] + 1}
    if outcome.function_error:
        return lambda finishing: _failed(finishing, attempt, event, outcome)
    return lambda finishing: _end(finishing, attempt, event, "Success", outcome)


@lambda_.task("drop_event")
def drop_event(call: Call, event: dict[str, Any]) -> None:
    """Nobody is left to hear of it, or our own attempts failed for too long."""
    call.count("AsyncEventsDropped", FunctionName=event["name"])


def _again(call: Call, attempt: Attempt, event: dict[str, Any], delay_ms: int) -> bool:
    """Put it back, unless it will be too old by then."""
    if call.now_ms + delay_ms - event["received_ms"] >= attempt.age_max_ms:
        return False
    _put(call, call.keys, event, call.now_ms + delay_ms)
    return True


def _wait(call: Call, attempt: Attempt, event: dict[str, Any]) -> None:
    """Throttled, or a failure of ours: backing off until the event is too old."""
    waits = event["waits"] + 1
    if not _again(call, attempt, event | {"waits": waits}, backoff_ms(waits)):
        _end(call, attempt, event, "EventAgeExceeded", None)


def _failed(call: Call, attempt: Attempt, event: dict[str, Any], outcome: Outcome) -> None:
    if event["runs"] >= attempt.runs_max:
        _end(call, attempt, event, "RetriesExhausted", outcome)
    elif not _again(call, attempt, event, RETRY_MS * event["runs"]):
        _end(call, attempt, event, "EventAgeExceeded", outcome)


def _end(call: Call, attempt: Attempt, event: dict[str, Any], condition: str, outcome: Outcome | None) -> None:
    """Tell destination and dead-letter queue, as the function's role."""
    planned = attempt.planned
    if condition != "Success":
        call.count("AsyncEventsDropped", FunctionName=event["name"])
    ending = Ending(
        condition=condition,
        function_arn=f"{planned.configuration.function_arn}:{event['qualifier'] or LATEST}",
        function_name=planned.configuration.name,
        executed_version=planned.configuration.version_name,
        request_id=event["request_id"],
        payload=event["payload"],
        runs=event["runs"],
        outcome=outcome,
    )
    destination = attempt.config.on_success if condition == "Success" else attempt.config.on_failure
    report(call, planned.session.principal, ending, destination, planned.configuration.dead_letter_arn)
