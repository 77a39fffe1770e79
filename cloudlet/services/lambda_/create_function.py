"""CreateFunction."""

from typing import Any

from cloudlet.base import ids
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.configuration import configured, shown
from cloudlet.services.lambda_.lookup import change_totals, find_function, put_function, put_version, totals
from cloudlet.services.lambda_.package import functions_of, uploaded
from cloudlet.services.lambda_.records import Configuration, Function, Package
from cloudlet.services.lambda_.role import check_assumable
from cloudlet.services.lambda_.service import lambda_
from cloudlet.services.lambda_.storing import adopt_packages, publish, settle_soon


@lambda_.operation("CreateFunction")
async def create_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    check_request(call, request)
    call.transact(lambda tx: _check_new(call, request))  # before the package is taken, and again with it
    async with uploaded(call, request["Code"]) as package:
        return call.transact(lambda tx: _create(call, request, package))


def check_request(call: Call, request: dict[str, Any]) -> None:
    """What can be said without looking at anything stored."""
    rules.check_supported(request)
    if not request.get("Runtime") or not request.get("Handler"):
        raise errors.InvalidParameterValue(
            text="Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    rules.check_runtime(request["Runtime"])
    why_not = functions_of(call).why_not(request["Runtime"])
    if why_not is not None:
        raise errors.NotSupported(why_not)
    rules.tags_added({}, request.get("Tags") or {})


def _check_new(call: Call, request: dict[str, Any]) -> str:
    """The new function's name. Raises unless it may be created."""
    named = rules.function_name(request["FunctionName"])
    if named.region not in (None, call.region):
        raise errors.OtherRegion(region=named.region, here=call.region)
    if find_function(call.tx, call.keys, named.name) is not None:
        raise errors.ResourceConflict(text=f"Function already exist: {named.name}")
    check_assumable(call, request["Role"], named.name)
    return named.name


def _create(call: Call, request: dict[str, Any], package: Package) -> dict[str, Any]:
    name = _check_new(call, request)
    function = Function(id=ids.hexadecimal(16), name=name, tags=dict(request.get("Tags") or {}))
    base = Configuration(
        function_id=function.id,
        name=name,
        account=call.account,
        region=call.region,
        number=0,
        runtime=request["Runtime"],
        handler=request["Handler"],
        role=request["Role"],
        package=package,
        build=ids.hexadecimal(16),
        revision=ids.uuid4(),
        modified_ms=call.now_ms,
        architecture=(request.get("Architectures") or ["x86_64"])[0],
        is_pending=True,
    )
    configuration = configured(call, base, request)
    if totals(call.tx, call.keys).code_bytes + package.size > rules.CODE_STORAGE_BYTES:
        raise errors.CodeStorageExceeded()
    put_function(call.tx, call.keys, function)
    put_version(call.tx, call.keys, configuration)
    adopt_packages(call.tx, configuration)
    change_totals(call.tx, call.keys, functions=1, code_bytes=package.size)
    settle_soon(call, configuration)
    if request.get("Publish"):
        published = publish(call, function, replace(configuration, is_pending=True))
        return shown(call, published)
    return shown(call, configuration)
