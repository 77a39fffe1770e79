"""How asynchronous calls of a function, version or alias are retried, how old they may get, and who hears of them."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.arn import parse
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.locate import named
from cloudlet.services.lambda_.lookup import (
    arn_of,
    find_alias,
    find_function,
    find_invoke_config,
    find_version,
    number_of,
)
from cloudlet.services.lambda_.records import LATEST, EventInvokeConfig, Function
from cloudlet.services.lambda_.service import lambda_

DESTINATION_SERVICES = ("sqs", "sns", "lambda", "events")


def _shown(keys: Keys, function: Function, qualifier: str, config: EventInvokeConfig) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "LastModified": config.modified_ms,
        "FunctionArn": arn_of(keys, function.name, qualifier),
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success} if config.on_success else {},
            "OnFailure": {"Destination": config.on_failure} if config.on_failure else {},
        },
    }
    if config.retries is not None:
        facts["MaximumRetryAttempts"] = config.retries
    if config.age_s is not None:
        facts["MaximumEventAgeInSeconds"] = config.age_s
    return facts


def _target(call: Call, request: dict[str, Any]) -> tuple[Keys, Function, str]:
    """The function and qualifier to be configured, which must be there."""
    keys, name = named(call, request)
    function, qualifier = find_function(call.tx, keys, name.name), name.qualifier or LATEST
    if function is not None:
        number = number_of(qualifier)
        is_there = (
            find_alias(call.tx, keys, function, qualifier)
            if number is None
            else find_version(call.tx, keys, function, number)
        )
        if is_there is not None:
            return keys, function, qualifier
    raise errors.ResourceNotFound("The function doesn't exist.")


def _destination(call: Call, keys: Keys, function: Function, request: dict[str, Any], kind: str) -> str | None:
    """The ARN asked for, checked; None where the request says nothing about it."""
    asked = (request.get("DestinationConfig") or {}).get(kind)
    if asked is None:
        return None
    arn = asked.get("Destination") or ""
    if not arn:
        return ""
    parts = parse(arn)
    if parts is None or parts.service not in (*DESTINATION_SERVICES, "s3"):
        shown = {"OnSuccess": "null", "OnFailure": "null"} | {kind: f"{kind}(destination={arn})"}
        raise errors.InvalidParameterValue(
            text="The provided destination config DestinationConfig("
            f"onSuccess={shown['OnSuccess']}, onFailure={shown['OnFailure']}) is invalid."
        )
    if parts.service == "s3":
        raise errors.NotSupported(parameter="A bucket as destination", reason="SQS, SNS, Lambda and EventBridge are")
    if parts.service == "lambda":
        name = rules.function_name(arn)
        if name.name == function.name and (name.account, name.region) == (keys.account, keys.region):
            raise errors.InvalidParameterValue(text="You can't specify the function as a destination for itself.")
        other = call.service.keys(name.account or call.account, name.region or call.region)
        if find_function(call.tx, other, name.name) is None:
            raise errors.InvalidParameterValue(text=f"The destination ARN {arn} is invalid.")
    return arn


def _check_says_something(request: dict[str, Any]) -> None:
    if all(
        request.get(name) is None for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    ):
        raise errors.InvalidParameterValue(
            text="You must specify at least one of error handling or destination setting."
        )


def _put(
    call: Call, request: dict[str, Any], keys: Keys, function: Function, qualifier: str, base: EventInvokeConfig
) -> dict[str, Any]:
    changes: dict[str, Any] = {"modified_ms": call.now_ms}
    for member, field in (("MaximumRetryAttempts", "retries"), ("MaximumEventAgeInSeconds", "age_s")):
        if request.get(member) is not None:
            changes[field] = request[member]
    for kind, field in (("OnSuccess", "on_success"), ("OnFailure", "on_failure")):
        arn = _destination(call, keys, function, request, kind)
        if arn is not None:
            changes[field] = arn
    config = replace(base, **changes)
    call.tx.put(keys.invoking.key(function.id, qualifier), config.encode())
    return _shown(keys, function, qualifier, config)


@lambda_.operation("PutFunctionEventInvokeConfig")
def put_function_event_invoke_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replaces everything: what the request doesn't say is as if never set."""
    _check_says_something(request)
    return _put(call, request, *_target(call, request), EventInvokeConfig(call.now_ms))


@lambda_.operation("UpdateFunctionEventInvokeConfig")
def update_function_event_invoke_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    _check_says_something(request)
    keys, function, qualifier = _target(call, request)
    config = find_invoke_config(call.tx, keys, function, qualifier)
    if config is None:
        raise errors.NoEventInvokeConfig(arn=arn_of(keys, function.name, qualifier))
    return _put(call, request, keys, function, qualifier, config)


def _require(call: Call, request: dict[str, Any]) -> tuple[Keys, Function, str, EventInvokeConfig]:
    keys, name = named(call, request)
    function, qualifier = find_function(call.tx, keys, name.name), name.qualifier or LATEST
    config = find_invoke_config(call.tx, keys, function, qualifier) if function else None
    if function is None or config is None:
        raise errors.NoEventInvokeConfig(arn=arn_of(keys, name.name, qualifier))
    return keys, function, qualifier, config


@lambda_.operation("GetFunctionEventInvokeConfig")
def get_function_event_invoke_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _shown(*_require(call, request))


@lambda_.operation("DeleteFunctionEventInvokeConfig")
def delete_function_event_invoke_config(call: Call, request: dict[str, Any]) -> None:
    keys, function, qualifier, _ = _require(call, request)
    call.tx.delete(keys.invoking.key(function.id, qualifier))


@lambda_.operation("ListFunctionEventInvokeConfigs")
def list_function_event_invoke_configs(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, name = named(call, request)
    function = find_function(call.tx, keys, name.name)
    if function is None:
        raise errors.ResourceNotFound("The function doesn't exist.")
    limit = min(request.get("MaxItems") or rules.LIST_MAX, rules.LIST_MAX)
    invalid = errors.InvalidParameterValue(text="The Marker is not one of a ListFunctionEventInvokeConfigs answer.")
    found = page.scan_page(
        call.tx, keys.invoking.range(function.id), limit=limit, token=request.get("Marker"), invalid=invalid
    )
    configs = [
        _shown(keys, function, keys.invoking.unpack(key)[1], EventInvokeConfig.decode(stored))
        for key, stored in found.rows
    ]
    answer = {"FunctionEventInvokeConfigs": configs}
    return answer | ({"NextMarker": found.next_token} if found.next_token else {})
