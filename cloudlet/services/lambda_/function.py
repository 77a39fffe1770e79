"""Functions: get, list, delete."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.configuration import listed, shown
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.locate import locate
from cloudlet.services.lambda_.lookup import arn_of, change_totals, find_version, latest, number_of, resolve
from cloudlet.services.lambda_.package import location
from cloudlet.services.lambda_.records import Configuration, Function
from cloudlet.services.lambda_.service import lambda_
from cloudlet.services.lambda_.storing import drop_packages, retire, retire_function


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
    """With FunctionVersion=ALL each function's versions follow it."""
    if request.get("MasterRegion") not in (None, "ALL"):
        return {"Functions": []}  # functions of an edge network: there are none
    limit = min(request.get("MaxItems") or rules.LIST_MAX, rules.LIST_MAX)
    invalid = errors.InvalidParameterValue(text="The Marker is not one of a ListFunctions answer.")
    token = request.get("Marker")
    if request.get("FunctionVersion") == "ALL":
        return _list_versions(call, limit, page.decode_token(token, invalid, str, int) if token else ("", 0))
    found = page.scan_page(call.tx, call.keys.function.range(), limit=limit, token=token, invalid=invalid)
    functions = [Function.decode(stored) for _, stored in found.rows]
    answer = {"Functions": [listed(call, latest(call.tx, call.keys, function), None) for function in functions]}
    return answer | ({"NextMarker": found.next_token} if found.next_token else {})


def _list_versions(call: Call, limit: int, start: tuple[str, int]) -> dict[str, Any]:
    """All versions of all functions, $LATEST first, from `start`: a function's name and a version's number."""
    versions: list[Configuration] = []
    begin, (_, end) = call.keys.function.key(start[0]), call.keys.function.range()
    for _, stored in page.first(call.tx, begin, end, limit + 1):
        function = Function.decode(stored)
        number, (_, end_of_versions) = (
            start[1] if function.name == start[0] else 0,
            call.keys.version.range(function.id),
        )
        begin_of_versions = call.keys.version.key(function.id, number)
        rows = page.first(call.tx, begin_of_versions, end_of_versions, limit + 1 - len(versions))
        versions += [Configuration.decode(stored) for _, stored in rows]
        if len(versions) > limit:
            break
    answer: dict[str, Any] = {"Functions": [listed(call, each, each.version_name) for each in versions[:limit]]}
    if len(versions) > limit:
        answer["NextMarker"] = page.encode_token(versions[limit].name, versions[limit].number)
    return answer


@lambda_.operation("DeleteFunction")
def delete_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, function, qualifier = locate(call, request)
    if qualifier is None:
        retire_function(call, arn_of(keys, function.name))
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
    for key, _ in page.first(call.tx, *keys.pointing.range(function.id, number), 1):
        alias_name = keys.pointing.unpack(key)[2]
        raise errors.ResourceConflict(
            text=f"Version {number} of function {function.name} is used by alias {alias_name}."
            " Delete the alias or point it to another version first."
        )
