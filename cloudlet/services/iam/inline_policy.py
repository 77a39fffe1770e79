"""Inline policies: part of one user, group or role."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.iam import errors, rules
from cloudlet.services.iam.documents import sent
from cloudlet.services.iam.lookup import CARRIERS, Kind, list_names, put, require_of
from cloudlet.services.iam.service import iam


def _require_document(call: Call, request: dict[str, Any], kind: Kind) -> str:
    document = require_of(call, request, kind).inline.get(request["PolicyName"])
    if document is None:
        name = request["PolicyName"]
        raise errors.NoSuchEntity(f"The {kind.in_arn} policy with name {name} cannot be found.")
    return document


def put_policy(call: Call, request: dict[str, Any], kind: Kind) -> None:
    entity = require_of(call, request, kind)
    rules.check_document(request["PolicyDocument"])
    inline = entity.inline | {request["PolicyName"]: request["PolicyDocument"]}
    rules.check_inline_size(entity, inline)
    put(call.tx, call.keys, replace(entity, inline=inline))


def get_policy(call: Call, request: dict[str, Any], kind: Kind) -> dict[str, Any]:
    document = _require_document(call, request, kind)
    name = request[kind.member]
    return {kind.member: name, "PolicyName": request["PolicyName"], "PolicyDocument": sent(document)}


def delete_policy(call: Call, request: dict[str, Any], kind: Kind) -> None:
    _require_document(call, request, kind)
    entity = require_of(call, request, kind)
    inline = {name: text for name, text in entity.inline.items() if name != request["PolicyName"]}
    put(call.tx, call.keys, replace(entity, inline=inline))


def list_policies(call: Call, request: dict[str, Any], kind: Kind) -> dict[str, Any]:
    names, more = list_names(request, list(require_of(call, request, kind).inline))
    return {"PolicyNames": names} | more


def _register(kind: Kind) -> None:
    """The four operations of one kind, e.g. PutUserPolicy."""

    @iam.operation(f"Put{kind.word}Policy")
    def put_(call: Call, request: dict[str, Any]) -> None:
        put_policy(call, request, kind)

    @iam.operation(f"Get{kind.word}Policy")
    def get_(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        return get_policy(call, request, kind)

    @iam.operation(f"Delete{kind.word}Policy")
    def delete_(call: Call, request: dict[str, Any]) -> None:
        delete_policy(call, request, kind)

    @iam.operation(f"List{kind.word}Policies")
    def list_(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        return list_policies(call, request, kind)


for _kind in CARRIERS:
    _register(_kind)
