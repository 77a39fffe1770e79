"""An alarm changes its state: stored, noted in its history, acted upon."""

import json
from typing import Any

from cloudlet.base.errors import AwsError
from cloudlet.kit.arn import parse
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudwatch import composite, history, notification
from cloudlet.services.cloudwatch.lookup import find_alarm, put_alarm
from cloudlet.services.cloudwatch.records import Alarm

ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
TOLD_AT_ONCE = 3  # composite alarms; each looks at a hundred others
LAMBDA_PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"


def change(call: Call, alarm: Alarm, state: str, reason: str, data: str) -> None:
    """Put the alarm into `state` and, if that is another, do its actions and tell its parents."""
    changed = replace(
        alarm,
        state=state,
        reason=reason[:1023],
        reason_data=data,
        updated_ms=call.now_ms,
        transitioned_ms=call.now_ms if state != alarm.state else alarm.transitioned_ms,
    )
    put_alarm(call.tx, call.keys, changed)
    if state == alarm.state:
        return
    history.note(call, changed, "StateUpdate", f"Alarm updated from {alarm.state} to {state}", _states(alarm, changed))
    if alarm.settings.get("ActionsEnabled", True):
        for arn in alarm.settings.get(ACTIONS[state], ()):
            _act(call, alarm, changed, arn)
    parents = composite.parents(call.tx, call.keys, alarm.name)
    for parent in parents[:TOLD_AT_ONCE]:
        tell(call, parent)
    for parent in parents[TOLD_AT_ONCE:]:
        call.later("tell", {"name": parent})


def tell(call: Call, name: str) -> None:
    """A composite alarm looks at its rule again."""
    parent = find_alarm(call.tx, call.keys, name)
    if parent is None or parent.kind != "CompositeAlarm":
        return
    state, reason, data = composite.judge(call, parent)
    if state != parent.state:
        change(call, parent, state, reason, data)


def _states(before: Alarm, after: Alarm) -> dict[str, Any]:
    return {"version": "1.0", "oldState": _state(before), "newState": _state(after)}


def _state(alarm: Alarm) -> dict[str, Any]:
    data = {"stateReasonData": json.loads(alarm.reason_data)} if alarm.reason_data else {}
    return {"stateValue": alarm.state, "stateReason": alarm.reason, **data}


def _act(call: Call, before: Alarm, after: Alarm, arn: str) -> None:
    """One action in a savepoint of its own: a failing one is noted, and the state stays changed."""
    target = parse(arn)
    assert target is not None, "actions were checked when the alarm was put"
    try:
        if target.service not in call.node.services:
            raise AwsError(f"{target.service} is no service of this node")
        if target.service == "sns":
            request: dict[str, Any] = {
                "TopicArn": arn,
                "Subject": notification.subject(after),
                "Message": notification.message(call.account, before, after),
            }
            call.aws(
                "sns", "Publish", request, as_service="cloudwatch.amazonaws.com", source_arn=after.arn,
                account=target.account, region=target.region,
            )  # fmt: skip
        else:
            event = notification.lambda_event(call.account, call.region, before, after)
            request = {"FunctionName": arn, "InvocationType": "Event", "Payload": event}
            call.aws(
                "lambda", "Invoke", request, as_service=LAMBDA_PRINCIPAL, source_arn=after.arn,
                account=target.account, region=target.region,
            )  # fmt: skip
    except AwsError as error:
        summary = f'Failed to execute action {arn}. Received error: "{error.message}"'
        history.note(call, after, "Action", summary, _outcome(after, arn, error.message))
    else:
        history.note(call, after, "Action", f"Successfully executed action {arn}", _outcome(after, arn, None))


def _outcome(alarm: Alarm, arn: str, error: str | None) -> dict[str, Any]:
    outcome = {
        "actionState": "Succeeded" if error is None else "Failed",
        "stateUpdateTimestamp": alarm.updated_ms,
        "notificationResource": arn,
    }
    return outcome if error is None else outcome | {"error": error}
