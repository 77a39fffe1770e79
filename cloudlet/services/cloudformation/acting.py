"""Calling other services as a stack's owner or role, within a transaction or around it, with values put into shape.

CloudFormation's values are loosely typed: "5" may stand for 5, true for "true", an object for a policy's text. The
target's model says which.
"""

import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from cloudlet.base.errors import AwsError, aws_error
from cloudlet.kit.arn import account_of
from cloudlet.kit.call import Call
from cloudlet.kit.service import Service
from cloudlet.services.cloudformation import errors
from cloudlet.services.cloudformation.records import Acting
from cloudlet.services.cloudformation.template.parameters import scalar_text

T = TypeVar("T")
SESSION_NAME = "AWSCloudFormation"


class MustWait(Exception):
    """An operation waits, so it can't be part of this transaction."""


def acting_for(call: Call, role_arn: str | None) -> Acting:
    """The caller, or the role it passes: which must let CloudFormation assume it. Within a transaction."""
    if role_arn is None:
        principal = call.principal
        return Acting(
            arn=principal.arn,
            account=principal.account,
            type=principal.type,
            user_id=principal.user_id,
            name=principal.name,
            role_arn=principal.role_arn,
            role_id=principal.role_id,
            tags=dict(principal.tags),
            session_policies=None if call.session_policies is None else list(call.session_policies),
            session_context=dict(call.session_context),
        )
    try:
        request = {"RoleArn": role_arn, "RoleSessionName": SESSION_NAME}
        session = call.aws("sts", "AssumeRole", request, as_service="cloudformation.amazonaws.com")
    except AwsError:
        raise errors.ValidationError(f"Role {role_arn} is invalid or cannot be assumed") from None
    user = session["AssumedRoleUser"]
    name = role_arn.rpartition("/")[2]
    return Acting(user["Arn"], account_of(role_arn), "AssumedRole", user["AssumedRoleId"], name, role_arn=role_arn)


def become(call: Call, acting: Acting) -> None:
    """From now on the call's requests are made as `acting`."""
    call.principal = acting.principal()
    call.session_policies = None if acting.session_policies is None else tuple(acting.session_policies)
    call.session_context = acting.session_context


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """The value of a coroutine that doesn't really wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        coroutine.close()
    raise AssertionError("a resource's handler waited for something else than stage.aws")


async def call_within(call: Call, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """In the open transaction; MustWait if the operation can't be."""
    target = _service(call, service)
    if target.require_operation(operation).at_once is None:
        raise MustWait
    return call.aws(service, operation, shaped(target, operation, request))


async def call_apart(call: Call, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """In a transaction of its own, or in as many as the operation makes."""
    return await call.aws_apart(service, operation, shaped(_service(call, service), operation, request))


def _service(call: Call, name: str) -> Service:
    service = call.node.services.get(name)
    if service is None:
        raise aws_error("NotImplemented", f"No service '{name}' is part of this node", 501)
    return service


def shaped(service: Service, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """The request with each value in the form that the operation's model wants."""
    return _shaped(service.model.operations[operation].input, request)


def _shaped(shape: Any, value: Any) -> Any:
    """A value that doesn't fit is left as it is: the service then says what is wrong with it."""
    if shape is None or value is None:
        return value
    if shape.type == "structure" and isinstance(value, dict):
        return {
            name: _shaped(shape.members[name].shape if name in shape.members else None, member)
            for name, member in value.items()
        }
    if shape.type == "list" and isinstance(value, list):
        return [_shaped(shape.element.shape, member) for member in value]
    if shape.type == "map" and isinstance(value, dict):
        return {str(name): _shaped(shape.value.shape, member) for name, member in value.items()}
    return _scalar(shape.type, value)


def _scalar(kind: str, value: Any) -> Any:
    if kind == "string" and not isinstance(value, str):
        return json.dumps(value) if isinstance(value, dict | list) else scalar_text(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, str):
        return value
    try:
        if kind in ("integer", "long"):
            return int(value)
        if kind in ("float", "double"):
            return float(value)
    except ValueError:
        pass
    return value
