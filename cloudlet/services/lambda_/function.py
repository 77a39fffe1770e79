"""Functions: get, list, delete."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.configuration import listed, shown
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.locate import locate
from cloudlet.services.lambda_.lookup import change_totals, find_version, latest, number_of, resolve
from cloudlet.services.lambda_.package import location
from cloudlet.services.lambda_.records import LATEST, Alias, Configuration, Function
from cloudlet.services.lambda_.service import lambda_
from cloudlet.services.lambda_.storing import drop_packages, retire

ALIASES_LOOKED_AT = 1000
VERSIONS_RETIRED = 1000  # environments of others end by their age


@lambda_.operation("GetFunction")
def get_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, function, qualifier = locate(call, request)
    configuration, _ = resolve(call.tx, keys, function, qualifier)
    answer: dict[str, Any] = {
        "Configuration": shown(call, configuration, qualifier),
        "Code": {"RepositoryType": "S3", "Location": location(call, configuration.package)},
    }
    if function.tags:
        answer["Tags"] = function.tags
    if function.reserved is not None:
        answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
    return answer


@lambda_.operation("GetFunctionConfiguration")
def get_function_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, function, qualifier = locate(call, request)
    configuration, _ = resolve(call.tx, keys, function, qualifier)
    return shown(call, configuration, qualifier)


@lambda_.operation("ListFunctions")
def list_functions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """With FunctionVersion=ALL each function's versions follow it; a page then ends with a function, not within one."""
    if request.get("MasterRegion") not in (None, "ALL"):
        return {"Functions": []}  # functions of an edge network: there are none
    limit = min(request.get("MaxItems") or rules.LIST_MAX, rules.LIST_MAX)
    invalid = errors.InvalidParameterValue(text="The Marker is not one of a ListFunctions answer.")
    found = page.scan_page(
        call.tx, call.keys.function.range(), limit=limit, token=request.get("Marker"), invalid=invalid
    )
    functions = []
    for _, stored in found.rows:
        function = Function.decode(stored)
        wants_all = request.get("FunctionVersion") == "ALL"
        functions.append(listed(call, latest(call.tx, call.keys, function), LATEST if wants_all else None))
        if wants_all:
            functions += _versions(call, function)
    return {"Functions": functions} | ({"NextMarker": found.next_token} if found.next_token else {})


def _versions(call: Call, function: Function) -> list[dict[str, Any]]:
    numbers = range(max(1, function.last_version - rules.LIST_MAX + 1), function.last_version + 1)
    versions = [find_version(call.tx, call.keys, function, number) for number in numbers]
    return [listed(call, version, version.version_name) for version in versions if version is not None]


@lambda_.operation("DeleteFunction")
def delete_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, function, qualifier = locate(call, request)
    if qualifier is None:
        for _, stored in call.tx.scan(*keys.version.range(function.id), limit=VERSIONS_RETIRED).rows:
            retire(call, Configuration.decode(stored))
        call.tx.delete(keys.function.key(function.name))
        change_totals(call.tx, keys, functions=-1, reserved=-(function.reserved or 0))
        call.later("remove_function", {"account": keys.account, "id": function.id})
        return {"StatusCode": 204}
    number = number_of(qualifier)
    if number is None:
        raise errors.InvalidParameterValue(text="Deletion of aliases is not currently supported.")
    if number == 0:
        raise errors.InvalidParameterValue(text="$LATEST version cannot be deleted without deleting the function.")
    version = find_version(call.tx, keys, function, number)
    if version is None:
        return {"StatusCode": 204}
    _check_unused(call, keys, function, number)
    call.tx.delete(keys.version.key(function.id, number))
    drop_packages(call.tx, version)
    change_totals(call.tx, keys, code_bytes=-version.package.size)
    retire(call, version)
    return {"StatusCode": 204}


def _check_unused(call: Call, keys: Keys, function: Function, number: int) -> None:
    for _, stored in call.tx.scan(*keys.alias.range(function.id), limit=ALIASES_LOOKED_AT).rows:
        alias = Alias.decode(stored)
        if number == alias.number or str(number) in alias.weights:
            raise errors.ResourceConflict(
                text=f"Version {number} of function {function.name} is used by alias {alias.name}."
                " Delete the alias or point it to another version first."
            )
