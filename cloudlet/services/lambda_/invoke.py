"""Invoke: run a function and wait for its answer, or put an event into its queue, or only ask whether one may."""

import base64
import binascii
from typing import Any

import msgspec

from cloudlet.base import ids
from cloudlet.kit.call import Call
from cloudlet.services.lambda_ import asynchronous, errors, rules
from cloudlet.services.lambda_.execution import Ask, Plan, own_call, plan, run
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.locate import locate
from cloudlet.services.lambda_.lookup import resolve
from cloudlet.services.lambda_.package import functions_of
from cloudlet.services.lambda_.service import lambda_

LOG_TAIL_BYTES = 4096
NO_PAYLOAD = b"{}"  # what a function gets where a call brings none

_json = msgspec.json.Decoder(msgspec.Raw)


def invoke_within(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Event and DryRun, which wait for nothing: part of whatever transaction calls them."""
    mode = request.get("InvocationType", "RequestResponse")
    assert mode != "RequestResponse", "a call that waits for its answer: call.aws_apart"
    _check_supported(request)
    keys, function, qualifier = locate(call, request)
    resolve(call.tx, keys, function, qualifier)
    if mode == "DryRun":
        return {"StatusCode": 204}
    ask = _ask(call, request, rules.ASYNC_PAYLOAD_BYTES_MAX)
    asynchronous.enqueue(call, keys, function, qualifier, ask)
    return {"StatusCode": 202}


@lambda_.operation("Invoke", within=invoke_within)
async def invoke(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("InvocationType", "RequestResponse") != "RequestResponse":
        return call.transact(lambda tx: invoke_within(call, request))
    _check_supported(request)
    keys, planned = call.transact(lambda tx: _plan(call, request))
    ask = _ask(call, request, rules.SYNC_PAYLOAD_BYTES_MAX)
    await call.settle()
    # A client that goes away doesn't stop the function.
    outcome = await functions_of(call).to_the_end(run(own_call(call, keys), planned, ask))
    answer: dict[str, Any] = {
        "StatusCode": 200,
        "ExecutedVersion": planned.configuration.version_name,
        "Payload": outcome.payload,
    }
    if outcome.function_error:
        answer["FunctionError"] = outcome.function_error
    if request.get("LogType") == "Tail":
        answer["LogResult"] = base64.b64encode(outcome.log[-LOG_TAIL_BYTES:]).decode()
    return answer


def _plan(call: Call, request: dict[str, Any]) -> tuple[Keys, Plan]:
    keys, function, qualifier = locate(call, request)
    return keys, plan(call, keys, function, qualifier)


def _check_supported(request: dict[str, Any]) -> None:
    for name in ("DurableExecutionName", "TenantId"):
        if request.get(name):
            raise errors.NotSupported(
                parameter=name, reason="functions here have neither tenants nor durable executions"
            )


def _ask(call: Call, request: dict[str, Any], limit: int) -> Ask:
    payload = request.get("Payload") or NO_PAYLOAD
    if len(payload) > limit:
        mode = request.get("InvocationType", "RequestResponse")
        raise errors.RequestTooLarge(size=len(payload), mode=mode, limit=limit)
    try:
        payload.decode()
        _json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.InvalidRequestContent(
            text=f"Could not parse request body into json: Could not parse payload into json: {error}"
        ) from error
    return Ask(
        request_id=call.request_id if call.depth == 0 else ids.uuid4(),  # one request may cause several calls
        payload=payload,
        client_context=_client_context(request.get("ClientContext")),
        trace_id=_trace_id(call),
    )


def _client_context(text: str | None) -> str | None:
    if not text:
        return None
    try:
        decoded = base64.b64decode(text, validate=True)
        msgspec.json.decode(decoded, type=dict)
        return decoded.decode()
    except (binascii.Error, ValueError) as error:  # msgspec's DecodeError too
        raise errors.InvalidRequestContent(text="Client context must be a valid Base64-encoded JSON object.") from error


def _trace_id(call: Call) -> str:
    given = call.source.request.header("x-amzn-trace-id") if call.source.request and call.depth == 0 else None
    return given or f"Root=1-{call.now_ms // 1000:08x}-{ids.hexadecimal(24)};Parent={ids.hexadecimal(16)};Sampled=0"
