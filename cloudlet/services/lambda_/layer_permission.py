"""Policies of layer versions: which other accounts may use them."""

import json
from typing import Any

from cloudlet.base import ids
from cloudlet.kit.arn import root_arn
from cloudlet.kit.call import Call
from cloudlet.services.lambda_ import errors
from cloudlet.services.lambda_.configuration import check_revision
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.layer import check_number, layer_arn, layer_keys
from cloudlet.services.lambda_.layers_used import find_layer_version
from cloudlet.services.lambda_.lookup import find_policy, policy_document
from cloudlet.services.lambda_.permission import remove_statement
from cloudlet.services.lambda_.records import Policy
from cloudlet.services.lambda_.service import lambda_


def _policy(call: Call, request: dict[str, Any]) -> tuple[Keys, str, int, Policy | None]:
    check_number(request["VersionNumber"])
    keys, name = layer_keys(call, request["LayerName"])
    number = request["VersionNumber"]
    if find_layer_version(call.tx, keys, name.name, number) is None:
        raise errors.ResourceNotFound(f"Layer version {layer_arn(keys, name.name, number)} does not exist.")
    return keys, name.name, number, find_policy(call.tx, keys.layer_policy.key(name.name, number))


@lambda_.operation("AddLayerVersionPermission")
def add_layer_version_permission(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, name, number, policy = _policy(call, request)
    check_revision(request.get("RevisionId"), policy.revision if policy else "", "GetLayerVersionPolicy")
    statements = policy.statements if policy else []
    if any(statement["Sid"] == request["StatementId"] for statement in statements):
        raise errors.ResourceConflict(
            text=f"The statement id ({request['StatementId']}) provided already exists."
            " Please provide a new statement id, or remove the existing statement."
        )
    principal = request["Principal"]
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": _account_arn(principal)},
        "Action": request["Action"],
        "Resource": layer_arn(keys, name, number),
    }
    if request.get("OrganizationId"):
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": request["OrganizationId"]}}
    changed = Policy([*statements, statement], ids.uuid4())
    call.tx.put(keys.layer_policy.key(name, number), changed.encode())
    return {"Statement": json.dumps(statement, separators=(",", ":")), "RevisionId": changed.revision}


def _account_arn(principal: str) -> str:
    return principal if principal.startswith("arn:") else root_arn(principal)


@lambda_.operation("RemoveLayerVersionPermission")
def remove_layer_version_permission(call: Call, request: dict[str, Any]) -> None:
    keys, name, number, _ = _policy(call, request)
    remove_statement(call, keys.layer_policy.key(name, number), request, "GetLayerVersionPolicy")


@lambda_.operation("GetLayerVersionPolicy")
def get_layer_version_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    _, _, _, policy = _policy(call, request)
    if policy is None:
        raise errors.ResourceNotFound("No policy is associated with the given resource.")
    return {"Policy": json.dumps(policy_document(policy), separators=(",", ":")), "RevisionId": policy.revision}
