"""Function policies, statement by statement: who else may invoke a function, a version or an alias."""

import json
import re
from typing import Any

from cloudlet.base import ids
from cloudlet.kit.arn import root_arn
from cloudlet.kit.call import Call
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.configuration import check_revision
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.locate import locate, named
from cloudlet.services.lambda_.lookup import (
    arn_of,
    find_alias,
    find_function,
    find_policy,
    find_version,
    number_of,
    policy_document,
)
from cloudlet.services.lambda_.records import LATEST, Function, Policy
from cloudlet.services.lambda_.service import lambda_

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com|amazon\.com|internal)", re.ASCII)
_ARN = re.compile(
    r"arn:aws[a-zA-Z-]*:(iam|sts)::\d{12}:(root|user/.+|role/.+|assumed-role/.+|federated-user/.+)", re.ASCII
)


@lambda_.operation("AddPermission")
def add_permission(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, function, qualifier = locate(call, request)
    _check_qualifier(call, keys, function, qualifier)
    principal = _principal(request["Principal"])
    key = keys.policy.key(function.id, qualifier or "")
    policy = find_policy(call.tx, key)
    if request.get("RevisionId"):
        check_revision(request["RevisionId"], policy.revision if policy else "", "GetPolicy")
    statements = policy.statements if policy else []
    if any(statement["Sid"] == request["StatementId"] for statement in statements):
        raise errors.ResourceConflict(
            text=f"The statement id ({request['StatementId']}) provided already exists."
            " Please provide a new statement id, or remove the existing statement."
        )
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": principal,
        "Action": request["Action"],
        "Resource": arn_of(keys, function.name, qualifier),
    }
    condition = conditions(request)
    if condition:
        statement["Condition"] = condition
    changed = Policy([*statements, statement], ids.uuid4())
    size = len(json.dumps(policy_document(changed), separators=(",", ":")))
    if size > rules.POLICY_BYTES_MAX:
        raise errors.PolicyLengthExceeded(size=size, limit=rules.POLICY_BYTES_MAX)
    call.tx.put(key, changed.encode())
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


def _check_qualifier(call: Call, keys: Keys, function: Function, qualifier: str | None) -> None:
    if qualifier is None:
        return
    if qualifier == LATEST:
        raise errors.InvalidParameterValue(text="We currently do not support adding policies for $LATEST.")
    arn, number = arn_of(keys, function.name, qualifier), number_of(qualifier)
    if number is not None or "$" in qualifier:
        if number is None or find_version(call.tx, keys, function, number) is None:
            raise errors.FunctionNotFound(arn=arn)
    elif find_alias(call.tx, keys, function, qualifier) is None:
        raise errors.AliasNotFound(arn=arn)


def _principal(text: str) -> Any:
    """A service, an account, an ARN, or everybody, as AWS writes it into the policy."""
    if text == "*":
        return "*"
    if _ACCOUNT.fullmatch(text):
        return {"AWS": root_arn(text)}
    if _ARN.fullmatch(text):
        return {"AWS": text}
    if _SERVICE.fullmatch(text):
        return {"Service": text}
    raise errors.InvalidParameterValue(
        text="The provided principal was invalid. Please check the principal and try again."
    )


def conditions(request: dict[str, Any]) -> dict[str, dict[str, str]]:
    equals: dict[str, str] = {}
    for member, key in (
        ("SourceAccount", "AWS:SourceAccount"),
        ("EventSourceToken", "lambda:EventSourceToken"),
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
        ("FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
    ):
        if request.get(member):
            equals[key] = request[member]
    found: dict[str, dict[str, str]] = {"StringEquals": equals} if equals else {}
    if request.get("SourceArn"):
        found["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    if request.get("InvokedViaFunctionUrl") is not None:
        found["Bool"] = {"lambda:InvokedViaFunctionUrl": "true" if request["InvokedViaFunctionUrl"] else "false"}
    return found


@lambda_.operation("RemovePermission")
def remove_permission(call: Call, request: dict[str, Any]) -> None:
    keys, name = named(call, request)
    function = find_function(call.tx, keys, name.name)
    if function is None:
        raise errors.ResourceNotFound(f"No policy found for: {arn_of(keys, name.name, name.qualifier)}")
    if name.qualifier not in (None, LATEST):
        _check_qualifier(call, keys, function, name.qualifier)
    key = keys.policy.key(function.id, name.qualifier or "")
    remove_statement(call, key, request, "GetPolicy")


def remove_statement(call: Call, key: bytes, request: dict[str, Any], shown_by: str) -> None:
    """Take StatementId out of the policy at `key`; the last one takes the policy along."""
    policy = find_policy(call.tx, key)
    if policy is None:
        raise errors.ResourceNotFound("No policy is associated with the given resource.")
    check_revision(request.get("RevisionId"), policy.revision, shown_by)
    left = [statement for statement in policy.statements if statement["Sid"] != request["StatementId"]]
    if len(left) == len(policy.statements):
        raise errors.ResourceNotFound(f"Statement {request['StatementId']} is not found in resource policy.")
    if left:
        call.tx.put(key, Policy(left, ids.uuid4()).encode())
    else:
        call.tx.delete(key)


@lambda_.operation("GetPolicy")
def get_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, name = named(call, request)
    function = find_function(call.tx, keys, name.name)
    policy = find_policy(call.tx, keys.policy.key(function.id, name.qualifier or "")) if function else None
    if policy is None:
        raise errors.ResourceNotFound()
    return {"Policy": json.dumps(policy_document(policy), separators=(",", ":")), "RevisionId": policy.revision}
