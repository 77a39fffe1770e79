"""UpdateFunctionCode and UpdateFunctionConfiguration: $LATEST changes, published versions never do."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.configuration import check_revision, check_unzipped, configured, is_same, renewed, shown
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.locate import locate
from cloudlet.services.lambda_.lookup import change_totals, latest, put_version, totals
from cloudlet.services.lambda_.package import functions_of, uploaded
from cloudlet.services.lambda_.records import Configuration, Function, Package
from cloudlet.services.lambda_.role import check_assumable
from cloudlet.services.lambda_.service import lambda_
from cloudlet.services.lambda_.storing import adopt_packages, drop_packages, publish, retire, settle_soon


def _latest_of(call: Call, request: dict[str, Any]) -> tuple[Keys, Function, Configuration]:
    keys, function, _ = locate(call, request)
    configuration = latest(call.tx, keys, function)
    check_revision(request.get("RevisionId"), configuration.revision, "GetFunction/GetAlias")
    return keys, function, configuration


def _changed(call: Call, keys: Keys, old: Configuration, new: Configuration) -> Configuration:
    """Store what $LATEST is now. It is another build only if it would run differently."""
    changed = renewed(call, new)
    if is_same(old, new):
        changed = replace(changed, build=old.build)
    changed = replace(changed, is_pending=False, update="InProgress")
    adopt_packages(call.tx, changed)  # before the old ones go: they may be the same
    drop_packages(call.tx, old)
    put_version(call.tx, keys, changed)
    settle_soon(call, changed)
    if changed.build != old.build:
        retire(call, old)
    return changed


@lambda_.operation("UpdateFunctionCode")
async def update_function_code(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("ImageUri"):
        raise errors.InvalidParameterValue(
            text="Please don't provide ImageUri when updating a function with packageType Zip."
        )
    rules.check_supported(request)
    call.transact(lambda tx: _latest_of(call, request))
    async with uploaded(call, request) as package:
        return call.transact(lambda tx: _update_code(call, request, package))


def _update_code(call: Call, request: dict[str, Any], package: Package) -> dict[str, Any]:
    keys, function, old = _latest_of(call, request)
    new = replace(
        old,
        # The same bytes again are the package we have.
        package=old.package if package.sha256 == old.package.sha256 else package,
        architecture=(request.get("Architectures") or [old.architecture])[0],
    )
    check_unzipped(new)
    if totals(call.tx, keys).code_bytes + package.size - old.package.size > rules.CODE_STORAGE_BYTES:
        raise errors.CodeStorageExceeded()
    if request.get("DryRun"):
        return shown(call, replace(new, update="Successful"))
    changed = _changed(call, keys, old, new)
    change_totals(call.tx, keys, code_bytes=new.package.size - old.package.size)
    if request.get("Publish"):
        version = publish(call, function, replace(changed, is_pending=True, update=""))
        return shown(call, version, version.version_name)
    return shown(call, changed)


@lambda_.operation("UpdateFunctionConfiguration")
def update_function_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.check_supported(request)
    keys, function, old = _latest_of(call, request)
    if request.get("Runtime"):
        rules.check_runtime(request["Runtime"])
        why_not = functions_of(call).why_not(request["Runtime"])
        if why_not is not None:
            raise errors.NotSupported(why_not)
    if request.get("Role"):
        check_assumable(call, request["Role"], function.name)
    return shown(call, _changed(call, keys, old, configured(call, old, request)))
