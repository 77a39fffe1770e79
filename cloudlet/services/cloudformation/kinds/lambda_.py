"""AWS::Lambda::Function and Permission. Versions, aliases and layers are lambda_versions.py's."""

import io
import zipfile
from typing import Any

from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.kinds.kind import Kind, Made, Properties, Stage, changed, only, words
from cloudlet.services.cloudformation.records import Resource

GONE = words("ResourceNotFoundException")
CONFIGURATION = words(
    "DeadLetterConfig Description Environment EphemeralStorage FileSystemConfigs Handler ImageConfig KmsKeyArn Layers"
    " LoggingConfig MemorySize Role Runtime SnapStart Timeout TracingConfig VpcConfig"
)
INLINE_CODE_BYTES_MAX = 4 << 20


def _code(properties: Properties) -> dict[str, Any]:
    """Inline code becomes a zip file with one index file, the same bytes for the same text."""
    code = properties["Code"]
    if "ZipFile" not in code:
        return only(code, "ImageUri", "S3Bucket", "S3Key", "S3ObjectVersion")
    text = code["ZipFile"]
    if len(text.encode()) > INLINE_CODE_BYTES_MAX:
        raise ValidationError(f"ZipFile is too large: {INLINE_CODE_BYTES_MAX} bytes are the most")
    name = "index.js" if str(properties.get("Runtime", "")).startswith("nodejs") else "index.py"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, text)
    return {"ZipFile": data.getvalue()}


async def _function_exists(stage: Stage, properties: Properties) -> bool:
    return await stage.finds("lambda", "GetFunction", GONE, FunctionName=stage.name)


async def _create_function(stage: Stage, properties: Properties) -> Made:
    answer = await stage.aws(
        "lambda",
        "CreateFunction",
        FunctionName=stage.name,
        Code=_code(properties),
        Tags=stage.tag_map(properties) or None,
        **only(properties, "Architectures", "CodeSigningConfigArn", "PackageType"),
        **_configuration(properties),
    )
    if "ReservedConcurrentExecutions" in properties:
        await _set_concurrency(stage, stage.name, properties)
    return Made(stage.name, {"Arn": answer["FunctionArn"]})


def _configuration(properties: Properties) -> dict[str, Any]:
    stated = only(properties, *sorted(CONFIGURATION))
    if "KmsKeyArn" in stated:
        stated["KMSKeyArn"] = stated.pop("KmsKeyArn")
    return stated


async def _set_concurrency(stage: Stage, name: str, properties: Properties) -> None:
    reserved = properties.get("ReservedConcurrentExecutions")
    if reserved is None:
        await stage.aws("lambda", "DeleteFunctionConcurrency", FunctionName=name)
    else:
        await stage.aws("lambda", "PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=reserved)


# What a configuration that no longer states it goes back to.
_DEFAULTS = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "Layers": [],
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}


async def _update_function(stage: Stage, before: Resource, properties: Properties) -> Made:
    name = before.physical_id or ""
    if changed(before, properties, "Code") or changed(before, properties, "Architectures"):
        await stage.aws(
            "lambda", "UpdateFunctionCode", FunctionName=name, **_code(properties), **only(properties, "Architectures")
        )
    old, new = _configuration(before.properties), _configuration(properties)
    if old != new:
        dropped = {name: _DEFAULTS[name] for name in old.keys() - new.keys() if name in _DEFAULTS}
        await stage.aws("lambda", "UpdateFunctionConfiguration", FunctionName=name, **dropped, **new)
    if changed(before, properties, "ReservedConcurrentExecutions"):
        await _set_concurrency(stage, name, properties)
    await _retag(stage, before.attributes["Arn"], before.properties, properties)
    return Made(name, before.attributes)


async def _retag(stage: Stage, arn: str, before: Properties, after: Properties) -> None:
    old, new = stage.tag_map_before(before), stage.tag_map(after)
    if old.keys() - new.keys():
        await stage.aws("lambda", "UntagResource", Resource=arn, TagKeys=sorted(old.keys() - new.keys()))
    if new and new != old:
        await stage.aws("lambda", "TagResource", Resource=arn, Tags=new)


async def _delete_function(stage: Stage, resource: Resource) -> None:
    await stage.aws_unless_gone("lambda", "DeleteFunction", GONE, FunctionName=resource.physical_id)


async def _add_permission(stage: Stage, properties: Properties) -> Made:
    await stage.aws(
        "lambda",
        "AddPermission",
        StatementId=stage.name,
        **only(
            properties,
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ),
    )
    return Made(stage.name, {"Id": stage.name})


async def _remove_permission(stage: Stage, resource: Resource) -> None:
    """The function may be named with its version or alias, which the removal wants apart."""
    name, qualifier = _qualified(resource.properties["FunctionName"])
    await stage.aws_unless_gone(
        "lambda",
        "RemovePermission",
        GONE,
        FunctionName=name,
        Qualifier=qualifier,
        StatementId=resource.physical_id,
    )


def _qualified(function: str) -> tuple[str, str | None]:
    """arn:aws:lambda:region:account:function:name[:qualifier], or name[:qualifier]."""
    head, colon, tail = function.rpartition(":function:")
    name, _, qualifier = tail.partition(":")
    return f"{head}{colon}{name}", qualifier or None


KINDS = (
    Kind(
        "AWS::Lambda::Function",
        CONFIGURATION
        | words("Architectures Code CodeSigningConfigArn FunctionName PackageType ReservedConcurrentExecutions Tags"),
        _create_function,
        _delete_function,
        _update_function,
        required=words("Code Role"),
        name_property="FunctionName",
        name_max=64,
        exists=_function_exists,
    ),
    Kind(
        "AWS::Lambda::Permission",
        words(
            "Action EventSourceToken FunctionName FunctionUrlAuthType InvokedViaFunctionUrl Principal PrincipalOrgID"
            " SourceAccount SourceArn"
        ),
        _add_permission,
        _remove_permission,
        required=words("Action FunctionName Principal"),
        name_max=100,
    ),
)
