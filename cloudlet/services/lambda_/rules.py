"""Limits and checks that the Lambda model does not state, and the forms in which functions and layers are named.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cloudlet.kit import tags
from cloudlet.services.lambda_ import errors

NAME_CHARACTERS_MAX = 64
ZIPPED_BYTES_MAX = 52_428_800  # uploaded with the request
UNZIPPED_BYTES_MAX = 262_144_000  # a function and its layers together
CODE_STORAGE_BYTES = 80_530_636_800
CONCURRENCY_MAX = 1_000
UNRESERVED_MIN = 100
ENVIRONMENT_BYTES_MAX = 4_096
LAYERS_MAX = 5
TAGS_MAX = 50
POLICY_BYTES_MAX = 20_480
SYNC_PAYLOAD_BYTES_MAX = 6_291_456
ASYNC_PAYLOAD_BYTES_MAX = 1_048_576
TIMEOUT_S_MAX = 900
MEMORY_MB_MAX = 10_240
TMP_MB_MAX = 10_240
EVENT_AGE_S = 21_600  # the default, and the most
RETRIES = 2
LIST_MAX = 50

RUNTIMES_GONE = frozenset(
    "nodejs nodejs4.3 nodejs4.3-edge nodejs6.10 nodejs8.10 nodejs10.x nodejs12.x nodejs14.x python2.7 python3.6"
    " python3.7 ruby2.5 ruby2.7 dotnetcore1.0 dotnetcore2.0 dotnetcore2.1 dotnetcore3.1 go1.x java8 provided".split()
)
RESERVED_VARIABLES = frozenset(
    "_HANDLER _X_AMZN_TRACE_ID AWS_DEFAULT_REGION AWS_REGION AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME"
    " AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE"
    " AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"
    " AWS_SESSION_TOKEN AWS_LAMBDA_RUNTIME_API LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR".split()
)

_FUNCTION = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?=[a-z]))?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?",
    re.ASCII,
)
_LAYER = re.compile(
    r"arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:(?P<name>[a-zA-Z0-9-_]+)"
    r"(?::(?P<number>\d+))?",
    re.ASCII,
)


class FunctionName(NamedTuple):
    """A function as a request names it; account and region where it says them."""

    account: str | None
    region: str | None
    name: str
    qualifier: str | None


def function_name(text: str, qualifier: str | None = None) -> FunctionName:
    """The parts of `name`, `name:qualifier`, a partial ARN or an ARN; `qualifier` is the request's own."""
    matched = _FUNCTION.fullmatch(text)
    if matched is None:
        raise errors.InvalidParameterValue(text=f"{text} is not the name of a function.")
    found = FunctionName(matched["account"], matched["region"], matched["name"], matched["qualifier"])
    if len(found.name) > NAME_CHARACTERS_MAX:
        raise errors.InvalidParameterValue(
            text=f"1 validation error detected: Value '{found.name}' at 'functionName' failed to satisfy constraint:"
            f" Member must have length less than or equal to {NAME_CHARACTERS_MAX}"
        )
    if qualifier and found.qualifier and qualifier != found.qualifier:
        raise errors.QualifierMismatch()
    return found._replace(qualifier=qualifier or found.qualifier)


class LayerName(NamedTuple):
    account: str | None
    region: str | None
    name: str
    number: int | None


def layer_name(text: str) -> LayerName:
    """The parts of a layer's name, ARN, or version ARN."""
    matched = _LAYER.fullmatch(text)
    if matched is None:
        return LayerName(None, None, text, None)
    number = matched["number"]
    return LayerName(matched["account"], matched["region"], matched["name"], int(number) if number else None)


def check_runtime(runtime: str) -> None:
    if runtime in RUNTIMES_GONE:
        raise errors.InvalidParameterValue(
            text=f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda"
            " functions. We recommend you use a supported runtime while creating or updating functions."
        )


def check_environment(variables: Mapping[str, str]) -> None:
    begin = (
        "Lambda was unable to configure your environment variables because the environment variables you have provided"
    )
    reserved = sorted(RESERVED_VARIABLES & variables.keys())
    if reserved:
        raise errors.InvalidParameterValue(
            text=f"{begin} contains reserved keys that are currently not supported for modification."
            f" Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > ENVIRONMENT_BYTES_MAX:
        raise errors.InvalidParameterValue(text=f"{begin} exceeded the 4KB limit. String measured: {measured}")


def check_sizes(timeout_s: int, memory_mb: int, tmp_mb: int) -> None:
    """The model's limits are those of managed instances, which are not part of this node."""
    for value, at, limit in (
        (timeout_s, "timeout", TIMEOUT_S_MAX),
        (memory_mb, "memorySize", MEMORY_MB_MAX),
        (tmp_mb, "ephemeralStorage.size", TMP_MB_MAX),
    ):
        if value > limit:
            raise errors.InvalidParameterValue(
                text=f"1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint:"
                f" Member must have value less than or equal to {limit}"
            )


def tags_added(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    too_many = errors.InvalidParameterValue(text="Number of tags exceeds resource tag limit.")
    return tags.added(old, new, TAGS_MAX, too_many)


# What changes how a function runs and this node does not do: (parameter, what of it matters, why not).
_UNSUPPORTED: dict[str, str] = {
    "KMSKeyArn": "there is no KMS; environment variables are encrypted with the node's key",
    "CodeSigningConfigArn": "there is no code signing",
    "ImageConfig": "container images do not run here",
    "FileSystemConfigs": "there is no EFS",
    "TenancyConfig": "there are no tenants",
    "CapacityProviderConfig": "there are no managed instances",
    "DurableConfig": "there are no durable executions",
    "RuntimeConfig": "there are no customer-managed runtimes",
    "AcceleratorConfig": "there are no accelerators",
    "PublishTo": "there are no managed instances",
    "SourceKMSKeyArn": "there is no KMS",
}


def check_supported(request: Mapping[str, Any]) -> None:
    """501, naming the parameter, for what would change a function's behaviour."""
    if request.get("PackageType") == "Image" or request.get("ImageUri") or request.get("Code", {}).get("ImageUri"):
        raise errors.NotSupported(parameter="PackageType Image", reason="container images do not run here")
    for name, reason in _UNSUPPORTED.items():
        if request.get(name) or request.get("Code", {}).get(name):
            raise errors.NotSupported(parameter=name, reason=reason)
    if (
        request.get("S3ObjectStorageMode", "COPY") != "COPY"
        or request.get("Code", {}).get("S3ObjectStorageMode", "COPY") != "COPY"
    ):
        raise errors.NotSupported(parameter="S3ObjectStorageMode", reason="packages are copied")
    vpc = request.get("VpcConfig") or {}
    if vpc.get("SubnetIds") or vpc.get("SecurityGroupIds"):
        raise errors.NotSupported(parameter="VpcConfig", reason="functions have a network of their own")
    logging = request.get("LoggingConfig") or {}
    if logging.get("LogFormat") == "JSON":
        raise errors.NotSupported(parameter="LoggingConfig.LogFormat JSON", reason="functions log text")
    if "ApplicationLogLevel" in logging or "SystemLogLevel" in logging:
        raise errors.InvalidParameterValue(
            text="ApplicationLogLevel or SystemLogLevel is not supported with LogFormat Text."
        )


def shown_time(milliseconds: int) -> str:
    """2026-01-01T00:00:00.000+0000: Lambda's own form."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}+0000"
