"""Who hears of an asynchronous call's end: its destination, and the dead-letter queue of the function.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from cloudlet.base.errors import AwsError
from cloudlet.kit.arn import Arn, parse
from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Principal
from cloudlet.kit.ports import Outcome

ERROR_TEXT_BYTES_MAX = 1024

_raw = msgspec.json.Decoder(msgspec.Raw)


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of an event. `condition`: Success, RetriesExhausted, EventAgeExceeded, ZeroReservedConcurrency."""

    condition: str
    function_arn: str  # with its qualifier
    function_name: str
    executed_version: str
    request_id: str
    payload: bytes
    runs: int
    outcome: Outcome | None  # of the last run; None: it was not run, or not again


def report(call: Call, role: Principal, ending: Ending, destination: str, dead_letter_arn: str) -> None:
    """Within the transaction that removes the event. What cannot be delivered is counted, and gone, as on AWS."""
    if destination:
        _try(call, "DestinationDeliveryFailures", ending, lambda: _send(call, role, destination, ending))
    if dead_letter_arn and ending.condition != "Success":
        _try(call, "DeadLetterErrors", ending, lambda: _bury(call, role, dead_letter_arn, ending))


def _try(call: Call, metric: str, ending: Ending, deliver: Any) -> None:
    try:
        deliver()
    except AwsError:
        call.count(metric, FunctionName=ending.function_name)


def _send(call: Call, role: Principal, arn: str, ending: Ending) -> None:
    target = _target(call, arn)
    text = record(call, ending)
    if target.service == "sqs":
        request: dict[str, Any] = {"QueueUrl": _queue_url(call, target), "MessageBody": text}
        operation = "SendMessage"
    elif target.service == "sns":
        request, operation = {"TopicArn": arn, "Message": text}, "Publish"
    elif target.service == "lambda":
        request = {"FunctionName": arn, "InvocationType": "Event", "Payload": text.encode()}
        operation = "Invoke"
    else:
        result = "Success" if ending.condition == "Success" else "Failure"
        entry = {
            "Source": "lambda",
            "DetailType": f"Lambda Function Invocation Result - {result}",
            "Detail": text,
            "Resources": [arn, ending.function_arn],
            "EventBusName": arn,
        }
        request, operation = {"Entries": [entry]}, "PutEvents"
    call.aws(target.service, operation, request, principal=role, account=target.account, region=target.region)


def _bury(call: Call, role: Principal, arn: str, ending: Ending) -> None:
    """The event itself, with what went wrong beside it."""
    target, body = _target(call, arn), ending.payload.decode("utf-8", "replace")
    code, text = _error(ending)
    attributes = {
        "RequestID": {"DataType": "String", "StringValue": ending.request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": code},
        "ErrorMessage": {"DataType": "String", "StringValue": text},
    }
    if target.service == "sqs":
        request: dict[str, Any] = {"QueueUrl": _queue_url(call, target), "MessageBody": body}
        operation = "SendMessage"
    else:
        request, operation = {"TopicArn": arn, "Message": body}, "Publish"
    request["MessageAttributes"] = attributes
    call.aws(target.service, operation, request, principal=role, account=target.account, region=target.region)


def _error(ending: Ending) -> tuple[str, str]:
    if ending.outcome is None:
        return "429", "Rate Exceeded."
    try:
        facts = msgspec.json.decode(ending.outcome.payload)
    except ValueError:
        facts = None
    text = facts.get("errorMessage") if isinstance(facts, dict) else None
    text = str(text) if text else "Unknown error"
    return "200", text.encode()[:ERROR_TEXT_BYTES_MAX].decode("utf-8", "ignore")


def _target(call: Call, arn: str) -> Arn:
    target = parse(arn)
    assert target is not None, f"{arn} was checked when it was stored"
    if target.service not in call.node.services:
        raise AwsError(f"{target.service} is not part of this node")
    return target


def _queue_url(call: Call, target: Arn) -> str:
    return f"{call.source.base_url}/{target.account}/{target.resource}"


def record(call: Call, ending: Ending) -> str:
    """The JSON that destinations get."""
    moment = datetime.fromtimestamp(call.now_ms / 1000, UTC)
    outcome = ending.outcome
    facts: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{call.now_ms % 1000:03d}Z",
        "requestContext": {
            "requestId": ending.request_id,
            "functionArn": ending.function_arn,
            "condition": ending.condition,
            "approximateInvokeCount": ending.runs,
        },
        "requestPayload": _spliced(ending.payload),
    }
    if outcome is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": ending.executed_version}
        if outcome.function_error:
            context["functionError"] = outcome.function_error
        facts |= {"responseContext": context, "responsePayload": _spliced(outcome.payload)}
    return msgspec.json.encode(facts).decode()


def _spliced(payload: bytes) -> Any:
    """JSON as it is, without being read; anything else as a text."""
    try:
        return _raw.decode(payload)
    except msgspec.DecodeError:
        return payload.decode("utf-8", "replace")
