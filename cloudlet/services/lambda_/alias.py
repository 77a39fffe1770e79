"""Aliases: names that point to a version, or share calls between two."""

from typing import Any

from cloudlet.base import ids
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.configuration import check_revision
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.locate import locate
from cloudlet.services.lambda_.lookup import arn_of, find_alias, find_version, number_of, put_alias, remove_alias
from cloudlet.services.lambda_.records import LATEST, Alias, Function
from cloudlet.services.lambda_.service import lambda_


def _version_of(number: int) -> str:
    return str(number) if number else LATEST


def _shown(keys: Keys, function: Function, alias: Alias) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "AliasArn": arn_of(keys, function.name, alias.name),
        "Name": alias.name,
        "FunctionVersion": _version_of(alias.number),
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    if alias.weights:
        facts["RoutingConfig"] = {"AdditionalVersionWeights": alias.weights}
    return facts


def _number(call: Call, keys: Keys, function: Function, version: str) -> int:
    number = number_of(version)
    if number is None or find_version(call.tx, keys, function, number) is None:
        raise errors.FunctionNotFound(arn=arn_of(keys, function.name, version))
    return number


def _weights(call: Call, keys: Keys, function: Function, number: int, request: dict[str, Any]) -> dict[str, float]:
    weights = (request.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    if len(weights) > 1:
        raise errors.InvalidParameterValue(text="Number of items in AdditionalVersionWeights cannot be greater than 1")
    for version in weights:
        if number == 0 or number_of(version) == 0:
            raise errors.InvalidParameterValue(
                text="$LATEST is not supported for an alias pointing to more than 1 version"
            )
        if number_of(version) == number:
            raise errors.InvalidParameterValue(
                text=f"Invalid function version {version}. Function version {version} is already included in routing"
                " configuration."
            )
        _number(call, keys, function, version)
    return weights


def _require(call: Call, request: dict[str, Any]) -> tuple[Keys, Function, Alias]:
    keys, function, _ = locate(call, request)
    alias = find_alias(call.tx, keys, function, request["Name"])
    if alias is None:
        raise errors.AliasNotFound(arn=arn_of(keys, function.name, request["Name"]))
    return keys, function, alias


@lambda_.operation("CreateAlias")
def create_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, function, _ = locate(call, request)
    if find_alias(call.tx, keys, function, request["Name"]) is not None:
        arn = arn_of(keys, function.name, request["Name"])
        raise errors.ResourceConflict(text=f"Alias already exists: {arn}")
    number = _number(call, keys, function, request["FunctionVersion"])
    alias = Alias(
        name=request["Name"],
        number=number,
        revision=ids.uuid4(),
        description=request.get("Description", ""),
        weights=_weights(call, keys, function, number, request),
    )
    put_alias(call.tx, keys, function, alias)
    return _shown(keys, function, alias)


@lambda_.operation("GetAlias")
def get_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _shown(*_require(call, request))


@lambda_.operation("UpdateAlias")
def update_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, function, _ = locate(call, request)
    alias = find_alias(call.tx, keys, function, request["Name"])
    if alias is None:
        arn = arn_of(keys, function.name, request["Name"])
        raise errors.ResourceNotFound(f"Alias not found: {arn}")
    check_revision(request.get("RevisionId"), alias.revision, "GetFunction/GetAlias")
    number = alias.number
    if request.get("FunctionVersion"):
        number = _number(call, keys, function, request["FunctionVersion"])
    asked = request if request.get("RoutingConfig") is not None else _as_routing(alias)
    alias = replace(
        alias,
        number=number,
        description=request.get("Description", alias.description),
        weights=_weights(call, keys, function, number, asked),
        revision=ids.uuid4(),
    )
    put_alias(call.tx, keys, function, alias)
    return _shown(keys, function, alias)


def _as_routing(alias: Alias) -> dict[str, Any]:
    return {"RoutingConfig": {"AdditionalVersionWeights": alias.weights}}


@lambda_.operation("DeleteAlias")
def delete_alias(call: Call, request: dict[str, Any]) -> None:
    """Deleting one that isn't there is fine, as on AWS; its policy and event settings go with it."""
    keys, function, _ = locate(call, request)
    remove_alias(call.tx, keys, function, request["Name"])
    for space in (keys.policy, keys.invoking):
        call.tx.delete(space.key(function.id, request["Name"]))


@lambda_.operation("ListAliases")
def list_aliases(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, function, _ = locate(call, request)
    limit = min(request.get("MaxItems") or rules.LIST_MAX, rules.LIST_MAX)
    invalid = errors.InvalidParameterValue(text="The Marker is not one of a ListAliases answer.")
    found = page.scan_page(
        call.tx, keys.alias.range(function.id), limit=limit, token=request.get("Marker"), invalid=invalid
    )
    aliases = [Alias.decode(stored) for _, stored in found.rows]
    wanted = number_of(request["FunctionVersion"]) if request.get("FunctionVersion") else None
    shown = [_shown(keys, function, alias) for alias in aliases if wanted is None or wanted == alias.number]
    return {"Aliases": shown} | ({"NextMarker": found.next_token} if found.next_token else {})
