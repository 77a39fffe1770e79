"""AWS::Lambda::Version, Alias, LayerVersion, LayerVersionPermission, EventInvokeConfig and EventSourceMapping."""

from cloudlet.base import ids
from cloudlet.services.cloudformation.errors import ResourceExists
from cloudlet.services.cloudformation.kinds.kind import (
    Kind,
    Made,
    Properties,
    Stage,
    only,
    words,
)
from cloudlet.services.cloudformation.records import Resource

GONE = words("ResourceNotFoundException")


async def _publish(stage: Stage, properties: Properties) -> Made:
    """Lambda gives the last version again where nothing has changed since: that one is somebody else's."""
    present = await _versions(stage, properties["FunctionName"])
    answer = await stage.aws(
        "lambda", "PublishVersion", **only(properties, "CodeSha256", "Description", "FunctionName")
    )
    arn, version = answer["FunctionArn"], answer["Version"]
    if version in present:
        told = f"A version for this Lambda function exists ( {version} ). Modify the function to create a new version."
        raise ResourceExists(told=told, token=ids.uuid4())
    return Made(arn, {"FunctionArn": arn, "Version": version})


async def _versions(stage: Stage, function: str) -> set[str]:
    found: set[str] = set()
    marker = None
    while True:
        page = await stage.aws("lambda", "ListVersionsByFunction", FunctionName=function, Marker=marker)
        found.update(version["Version"] for version in page["Versions"])
        marker = page.get("NextMarker")
        if not marker:
            return found


async def _delete_version(stage: Stage, resource: Resource) -> None:
    arn = resource.physical_id or ""
    function, _, version = arn.rpartition(":")
    if arn.startswith("arn:") and version.isdigit():
        await stage.aws_unless_gone("lambda", "DeleteFunction", GONE, FunctionName=function, Qualifier=version)


def _routing(properties: Properties) -> dict[str, object] | None:
    weights = properties.get("RoutingConfig", {}).get("AdditionalVersionWeights")
    if weights is None:
        return None
    return {"AdditionalVersionWeights": {w["FunctionVersion"]: float(w["FunctionWeight"]) for w in weights}}


async def _create_alias(stage: Stage, properties: Properties) -> Made:
    answer = await stage.aws(
        "lambda",
        "CreateAlias",
        RoutingConfig=_routing(properties),
        **only(properties, "Description", "FunctionName", "FunctionVersion", "Name"),
    )
    return Made(answer["AliasArn"], {"AliasArn": answer["AliasArn"]})


async def _update_alias(stage: Stage, before: Resource, properties: Properties) -> Made:
    routing = _routing(properties) or {"AdditionalVersionWeights": {}}
    await stage.aws(
        "lambda",
        "UpdateAlias",
        RoutingConfig=routing,
        **only(properties, "Description", "FunctionName", "FunctionVersion", "Name"),
    )
    return Made(before.physical_id or "", before.attributes)


async def _delete_alias(stage: Stage, resource: Resource) -> None:
    await stage.aws_unless_gone("lambda", "DeleteAlias", GONE, **only(resource.properties, "FunctionName", "Name"))


async def _publish_layer(stage: Stage, properties: Properties) -> Made:
    stated = only(properties, "CompatibleArchitectures", "CompatibleRuntimes", "Content", "Description", "LicenseInfo")
    answer = await stage.aws("lambda", "PublishLayerVersion", LayerName=stage.name, **stated)
    arn = answer["LayerVersionArn"]
    return Made(arn, {"LayerVersionArn": arn})


async def _delete_layer(stage: Stage, resource: Resource) -> None:
    name, _, version = (resource.physical_id or "").rpartition(":")
    if version.isdigit():
        await stage.aws_unless_gone("lambda", "DeleteLayerVersion", GONE, LayerName=name, VersionNumber=int(version))


async def _permit_layer(stage: Stage, properties: Properties) -> Made:
    name, _, version = properties["LayerVersionArn"].rpartition(":")
    stated = only(properties, "Action", "OrganizationId", "Principal")
    await stage.aws(
        "lambda",
        "AddLayerVersionPermission",
        LayerName=name,
        VersionNumber=int(version),
        StatementId=stage.name,
        **stated,
    )
    return Made(stage.name, {"Id": stage.name})


async def _forbid_layer(stage: Stage, resource: Resource) -> None:
    name, _, version = resource.properties["LayerVersionArn"].rpartition(":")
    await stage.aws_unless_gone(
        "lambda",
        "RemoveLayerVersionPermission",
        GONE,
        LayerName=name,
        VersionNumber=int(version),
        StatementId=resource.physical_id,
    )


_INVOKE_CONFIG = ("DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "Qualifier")


async def _invoke_config_exists(stage: Stage, properties: Properties) -> bool:
    stated = only(properties, "FunctionName", "Qualifier")
    return await stage.finds("lambda", "GetFunctionEventInvokeConfig", GONE, **stated)


async def _put_invoke_config(stage: Stage, properties: Properties) -> Made:
    await stage.aws("lambda", "PutFunctionEventInvokeConfig", **only(properties, *_INVOKE_CONFIG))
    return Made(f"{properties['FunctionName']}|{properties['Qualifier']}")


async def _update_invoke_config(stage: Stage, before: Resource, properties: Properties) -> Made:
    return await _put_invoke_config(stage, properties)


async def _delete_invoke_config(stage: Stage, resource: Resource) -> None:
    stated = only(resource.properties, "FunctionName", "Qualifier")
    await stage.aws_unless_gone("lambda", "DeleteFunctionEventInvokeConfig", GONE, **stated)


_MAPPING = words(
    "BatchSize BisectBatchOnFunctionError DestinationConfig Enabled FilterCriteria FunctionName FunctionResponseTypes"
    " MaximumBatchingWindowInSeconds MaximumRecordAgeInSeconds MaximumRetryAttempts ParallelizationFactor ScalingConfig"
    " TumblingWindowInSeconds"
)


async def _create_mapping(stage: Stage, properties: Properties) -> Made:
    stated = only(properties, *sorted(_MAPPING), "EventSourceArn", "StartingPosition", "StartingPositionTimestamp")
    answer = await stage.aws("lambda", "CreateEventSourceMapping", **stated)
    return Made(
        answer["UUID"], {"Id": answer["UUID"], "EventSourceMappingArn": answer.get("EventSourceMappingArn", "")}
    )


async def _update_mapping(stage: Stage, before: Resource, properties: Properties) -> Made:
    stated = only(properties, *sorted(_MAPPING))
    await stage.aws("lambda", "UpdateEventSourceMapping", UUID=before.physical_id, **stated)
    return Made(before.physical_id or "", before.attributes)


async def _delete_mapping(stage: Stage, resource: Resource) -> None:
    await stage.aws_unless_gone("lambda", "DeleteEventSourceMapping", GONE, UUID=resource.physical_id)


KINDS = (
    Kind(
        "AWS::Lambda::Version",
        words("CodeSha256 Description FunctionName"),
        _publish,
        _delete_version,
        required=words("FunctionName"),
    ),
    Kind(
        "AWS::Lambda::Alias",
        words("Description FunctionName FunctionVersion Name RoutingConfig"),
        _create_alias,
        _delete_alias,
        _update_alias,
        required=words("FunctionName FunctionVersion Name"),
    ),
    Kind(
        "AWS::Lambda::LayerVersion",
        words("CompatibleArchitectures CompatibleRuntimes Content Description LayerName LicenseInfo"),
        _publish_layer,
        _delete_layer,
        required=words("Content"),
        name_property="LayerName",
        name_max=140,
    ),
    Kind(
        "AWS::Lambda::LayerVersionPermission",
        words("Action LayerVersionArn OrganizationId Principal"),
        _permit_layer,
        _forbid_layer,
        required=words("Action LayerVersionArn Principal"),
        name_max=100,
    ),
    Kind(
        "AWS::Lambda::EventInvokeConfig",
        frozenset(_INVOKE_CONFIG),
        _put_invoke_config,
        _delete_invoke_config,
        _update_invoke_config,
        required=words("FunctionName Qualifier"),
        exists=_invoke_config_exists,
        identified_by=("FunctionName", "Qualifier"),
    ),
    Kind(
        "AWS::Lambda::EventSourceMapping",
        _MAPPING | words("EventSourceArn StartingPosition StartingPositionTimestamp"),
        _create_mapping,
        _delete_mapping,
        _update_mapping,
        required=words("FunctionName"),
    ),
)
