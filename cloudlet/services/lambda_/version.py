"""Versions: numbered snapshots of code and configuration."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.configuration import check_revision, listed, shown
from cloudlet.services.lambda_.locate import locate
from cloudlet.services.lambda_.lookup import latest
from cloudlet.services.lambda_.records import Configuration
from cloudlet.services.lambda_.service import lambda_
from cloudlet.services.lambda_.storing import publish


@lambda_.operation("PublishVersion")
def publish_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.check_supported(request)
    keys, function, _ = locate(call, request)
    configuration = latest(call.tx, keys, function)
    check_revision(request.get("RevisionId"), configuration.revision, "GetFunction/GetAlias")
    expected, actual = request.get("CodeSha256"), listed(call, configuration)["CodeSha256"]
    if expected and expected != actual:
        raise errors.InvalidParameterValue(
            text=f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({actual})."
            " Please try again with the CodeSHA256 in $LATEST."
        )
    settled = replace(configuration, update="Successful") if configuration.update else configuration
    version = publish(call, function, settled, request.get("Description"))
    return shown(call, version, version.version_name)


@lambda_.operation("ListVersionsByFunction")
def list_versions_by_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, function, _ = locate(call, request)
    limit = min(request.get("MaxItems") or rules.LIST_MAX, rules.LIST_MAX)
    invalid = errors.InvalidParameterValue(text="The Marker is not one of a ListVersionsByFunction answer.")
    found = page.scan_page(
        call.tx, keys.version.range(function.id), limit=limit, token=request.get("Marker"), invalid=invalid
    )
    versions = [Configuration.decode(stored) for _, stored in found.rows]
    answer = {"Versions": [listed(call, version, version.version_name) for version in versions]}
    return answer | ({"NextMarker": found.next_token} if found.next_token else {})
