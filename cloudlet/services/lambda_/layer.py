"""Layers: published versions of zip files that functions see below /opt."""

import base64
from dataclasses import dataclass
from typing import Any

from cloudlet.kit import page
from cloudlet.kit.arn import arn
from cloudlet.kit.call import Call
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.layers_used import find_layer_version
from cloudlet.services.lambda_.lookup import change_totals
from cloudlet.services.lambda_.package import location, uploaded
from cloudlet.services.lambda_.records import Layer, LayerVersion, Package
from cloudlet.services.lambda_.service import lambda_

VERSIONS_LOOKED_AT = 1000  # by one list, for the latest of each layer that its filter wants
VERSIONS_AT_ONCE = 50
NUMBER_MAX = 1 << 62


def layer_keys(call: Call, text: str) -> tuple[Keys, rules.LayerName]:
    name = rules.layer_name(text)
    return call.service.keys(name.account or call.account, call.region), name


def layer_arn(keys: Keys, name: str, number: int | None = None) -> str:
    of_layer = arn("lambda", keys.region, keys.account, f"layer:{name}")
    return f"{of_layer}:{number}" if number is not None else of_layer


def check_number(number: int) -> None:
    if number < 1:
        raise errors.InvalidParameterValue(text="Layer Version Cannot be less than 1")


@lambda_.operation("PublishLayerVersion")
async def publish_layer_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    content = request["Content"]
    if content.get("S3ObjectStorageMode", "COPY") != "COPY":
        raise errors.NotSupported(parameter="S3ObjectStorageMode", reason="packages are copied")
    async with uploaded(call, content) as package:
        return call.transact(lambda tx: _publish(call, request, package))


def _publish(call: Call, request: dict[str, Any], package: Package) -> dict[str, Any]:
    keys, name = layer_keys(call, request["LayerName"])
    stored = call.tx.get(keys.layer.key(name.name))
    number = (Layer.decode(stored).last_version if stored else 0) + 1
    version = LayerVersion(
        name=name.name,
        number=number,
        package=package,
        created_ms=call.now_ms,
        description=request.get("Description", ""),
        runtimes=request.get("CompatibleRuntimes"),
        architectures=request.get("CompatibleArchitectures"),
        license=request.get("LicenseInfo"),
    )
    call.tx.put(keys.layer.key(name.name), Layer(name.name, number).encode())
    call.tx.put(keys.layer_version.key(name.name, number), version.encode())
    call.tx.adopt_blob(package.blob_id)
    change_totals(call.tx, keys, code_bytes=package.size)
    return _shown(call, keys, version)


def _listed(keys: Keys, version: LayerVersion) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "LayerVersionArn": layer_arn(keys, version.name, version.number),
        "Version": version.number,
        "Description": version.description,
        "CreatedDate": rules.shown_time(version.created_ms),
    }
    for member, value in (
        ("CompatibleRuntimes", version.runtimes),
        ("CompatibleArchitectures", version.architectures),
        ("LicenseInfo", version.license),
    ):
        if value is not None:
            facts[member] = value
    return facts


def _shown(call: Call, keys: Keys, version: LayerVersion) -> dict[str, Any]:
    package = version.package
    content = {
        "Location": location(call, package),
        "CodeSha256": base64.b64encode(bytes.fromhex(package.sha256)).decode(),
        "CodeSize": package.size,
    }
    lists = {"CompatibleRuntimes": version.runtimes or [], "CompatibleArchitectures": version.architectures or []}
    return _listed(keys, version) | lists | {"Content": content, "LayerArn": layer_arn(keys, version.name)}


@lambda_.operation("GetLayerVersion")
def get_layer_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    check_number(request["VersionNumber"])
    keys, name = layer_keys(call, request["LayerName"])
    return _get(call, keys, name.name, request["VersionNumber"])


@lambda_.operation("GetLayerVersionByArn")
def get_layer_version_by_arn(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, name = layer_keys(call, request["Arn"])
    return _get(call, keys, name.name, name.number or 0)


def _get(call: Call, keys: Keys, name: str, number: int) -> dict[str, Any]:
    version = find_layer_version(call.tx, keys, name, number)
    if version is None:
        raise errors.ResourceNotFound()
    return _shown(call, keys, version)


@lambda_.operation("DeleteLayerVersion")
def delete_layer_version(call: Call, request: dict[str, Any]) -> None:
    """Functions that use it keep what they have; the number is not given again."""
    check_number(request["VersionNumber"])
    keys, name = layer_keys(call, request["LayerName"])
    version = find_layer_version(call.tx, keys, name.name, request["VersionNumber"])
    if version is not None:
        call.tx.delete(keys.layer_version.key(version.name, version.number))
        call.tx.delete(keys.layer_policy.key(version.name, version.number))
        call.tx.drop_blob(version.package.blob_id)
        change_totals(call.tx, keys, code_bytes=-version.package.size)


def _fits(version: LayerVersion, request: dict[str, Any]) -> bool:
    runtime, architecture = request.get("CompatibleRuntime"), request.get("CompatibleArchitecture")
    return (runtime is None or runtime in (version.runtimes or ())) and (
        architecture is None or architecture in (version.architectures or ())
    )


@lambda_.operation("ListLayerVersions")
def list_layer_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Newest first. The marker is the number of the last version looked at."""
    keys, name = layer_keys(call, request["LayerName"])
    limit = min(request.get("MaxItems") or rules.LIST_MAX, rules.LIST_MAX)
    begin, end = keys.layer_version.range(name.name)
    invalid = errors.InvalidParameterValue(text="The Marker is not one of a ListLayerVersions answer.")
    if request.get("Marker"):
        (number,) = page.decode_token(request["Marker"], invalid, int)
        end = keys.layer_version.key(name.name, number)
    found = call.tx.scan(begin, end, limit=limit, reverse=True)
    versions = [LayerVersion.decode(stored) for _, stored in found.rows]
    answer: dict[str, Any] = {
        "LayerVersions": [_listed(keys, version) for version in versions if _fits(version, request)]
    }
    if found.resume is not None:
        answer["NextMarker"] = page.encode_token(versions[-1].number)
    return answer


@lambda_.operation("ListLayers")
def list_layers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    limit = min(request.get("MaxItems") or rules.LIST_MAX, rules.LIST_MAX)
    invalid = errors.InvalidParameterValue(text="The Marker is not one of a ListLayers answer.")
    start, below = page.decode_token(request["Marker"], invalid, str, int) if request.get("Marker") else ("", 0)
    begin, (_, end) = call.keys.layer.key(start), call.keys.layer.range()
    looks = _Looks(VERSIONS_LOOKED_AT)
    layers: list[dict[str, Any]] = []
    for at, (_, stored) in enumerate(page.first(call.tx, begin, end, limit + 1)):
        name = Layer.decode(stored).name
        if at == limit:
            return {"Layers": layers, "NextMarker": page.encode_token(name, 0)}
        fitting, below = _latest_fitting(call, name, below if name == start else 0, looks, request)
        if fitting is not None:
            latest = _listed(call.keys, fitting)
            whole = {"LayerName": name, "LayerArn": layer_arn(call.keys, name), "LatestMatchingVersion": latest}
            layers.append(whole)
        elif below:
            return {"Layers": layers, "NextMarker": page.encode_token(name, below)}
    return {"Layers": layers}


@dataclass(slots=True)
class _Looks:
    """How many versions one list may still look at."""

    left: int


def _latest_fitting(
    call: Call, name: str, below: int, looks: _Looks, request: dict[str, Any]
) -> tuple[LayerVersion | None, int]:
    """The newest version of a layer that a list's filter wants; and if `looks` ended before it was found, the number
    below which to go on. Without a filter it is the first that is looked at."""
    begin, end = call.keys.layer_version.range(name)
    resume: bytes | None = call.keys.layer_version.key(name, below) if below else end
    at_once, number = 1, below
    while resume is not None:
        if not looks.left:
            return None, number or NUMBER_MAX
        rows, resume = call.tx.scan(begin, resume, limit=min(at_once, looks.left), reverse=True)
        for _, stored in rows:
            version = LayerVersion.decode(stored)
            looks.left, number = looks.left - 1, version.number
            if _fits(version, request):
                return version, 0
        at_once = VERSIONS_AT_ONCE
    return None, 0
