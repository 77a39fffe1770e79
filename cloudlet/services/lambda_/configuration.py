"""A function's configuration: from a request, and as it is shown."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cloudlet.base import ids
from cloudlet.kit.arn import arn as arn_of
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.layers_used import layers_named
from cloudlet.services.lambda_.records import LATEST, Configuration

_PURPOSE = "function environment"


def configured(call: Call, base: Configuration, request: Mapping[str, Any]) -> Configuration:
    """`base` with what `request` (of CreateFunction or UpdateFunctionConfiguration) says, checked; within a
    transaction."""
    changes: dict[str, Any] = {}
    for member, field in (
        ("Runtime", "runtime"),
        ("Handler", "handler"),
        ("Role", "role"),
        ("Description", "description"),
        ("Timeout", "timeout_s"),
        ("MemorySize", "memory_mb"),
    ):
        if request.get(member) is not None:
            changes[field] = request[member]
    if request.get("EphemeralStorage") is not None:
        changes["tmp_mb"] = request["EphemeralStorage"]["Size"]
    if request.get("Environment") is not None:
        changes["environment"] = _environment(call, base, request["Environment"].get("Variables") or {})
    if request.get("DeadLetterConfig") is not None:
        changes["dead_letter_arn"] = _dead_letter_arn(request["DeadLetterConfig"].get("TargetArn") or "")
    if request.get("TracingConfig") is not None:
        changes["tracing"] = request["TracingConfig"].get("Mode", "PassThrough")
    if request.get("SnapStart") is not None:
        changes["snap_start"] = request["SnapStart"].get("ApplyOn", "None")
    if request.get("LoggingConfig") is not None:
        changes["log_group"] = request["LoggingConfig"].get("LogGroup") or ""
    if request.get("VpcConfig") is not None:
        changes["has_vpc_config"] = True
    if request.get("Layers") is not None:
        changes["layers"] = layers_named(call, request["Layers"])
    changed = replace(base, **changes)
    rules.check_sizes(changed.timeout_s, changed.memory_mb, changed.tmp_mb)
    check_unzipped(changed)
    return changed


def check_unzipped(configuration: Configuration) -> None:
    if sum(package.unpacked for package in configuration.packages()) > rules.UNZIPPED_BYTES_MAX:
        raise errors.InvalidParameterValue(text=f"Unzipped size must be smaller than {rules.UNZIPPED_BYTES_MAX} bytes")


def is_same(one: Configuration, other: Configuration) -> bool:
    """Whether both would run alike: the same code and configuration."""
    return all(
        getattr(one, field) == getattr(other, field)
        for field in Configuration.__struct_fields__
        if field not in ("number", "build", "revision", "modified_ms", "is_pending", "update")
    )


def _dead_letter_arn(arn: str) -> str:
    if arn and arn.split(":")[2:3] not in (["sqs"], ["sns"]):
        raise errors.InvalidParameterValue(
            text=f"The provided dead letter target {arn} is invalid: it must be an SQS queue or an SNS topic."
        )
    return arn


# ── environment variables ─────────────────────────────────────────────────────────────────────────────────────────────


def _environment(call: Call, base: Configuration, variables: dict[str, str]) -> bytes:
    rules.check_environment(variables)
    if base.environment is not None and variables == environment_of(call, base):
        return base.environment
    return call.node.sealer.seal(json.dumps(variables).encode(), _PURPOSE, base.function_id.encode())


def environment_of(call: Call, configuration: Configuration) -> dict[str, str]:
    if configuration.environment is None:
        return {}
    sealed, context = configuration.environment, configuration.function_id.encode()
    return json.loads(call.node.sealer.unseal(sealed, _PURPOSE, context))


# ── as it is shown ────────────────────────────────────────────────────────────────────────────────────────────────────


def shown(call: Call, configuration: Configuration, qualifier: str | None = None) -> dict[str, Any]:
    """The configuration as Get, Create and Update answer it; `qualifier` is part of its ARN."""
    return listed(call, configuration, qualifier) | _state(configuration) | _runtime_version(configuration)


def listed(call: Call, configuration: Configuration, qualifier: str | None = None) -> dict[str, Any]:
    """As lists show it: without its state."""
    arn = configuration.function_arn
    digest = base64.b64encode(bytes.fromhex(configuration.package.sha256)).decode()
    facts: dict[str, Any] = {
        "FunctionName": configuration.name,
        "FunctionArn": f"{arn}:{qualifier}" if qualifier else arn,
        "Runtime": configuration.runtime,
        "Role": configuration.role,
        "Handler": configuration.handler,
        "CodeSize": configuration.package.size,
        "Description": configuration.description,
        "Timeout": configuration.timeout_s,
        "MemorySize": configuration.memory_mb,
        "LastModified": rules.shown_time(configuration.modified_ms),
        "CodeSha256": digest,
        "Version": configuration.version_name,
        "TracingConfig": {"Mode": configuration.tracing},
        "RevisionId": configuration.revision,
        "PackageType": "Zip",
        "Architectures": [configuration.architecture],
        "EphemeralStorage": {"Size": configuration.tmp_mb},
        "SnapStart": {"ApplyOn": configuration.snap_start, "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": configuration.log_group_name},
    }
    if configuration.environment is not None:
        facts["Environment"] = {"Variables": environment_of(call, configuration)}
    if configuration.dead_letter_arn:
        facts["DeadLetterConfig"] = {"TargetArn": configuration.dead_letter_arn}
    if configuration.has_vpc_config:
        facts["VpcConfig"] = {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": False}
    if configuration.layers:
        facts["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.package.size} for layer in configuration.layers]
    return facts


def _state(configuration: Configuration) -> dict[str, Any]:
    if configuration.is_pending:
        return {"State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating"}
    if configuration.update == "InProgress":
        return {
            "State": "Active",
            "LastUpdateStatus": "InProgress",
            "LastUpdateStatusReason": "The function is being created.",
            "LastUpdateStatusReasonCode": "Creating",
        }
    return {"State": "Active", "LastUpdateStatus": configuration.update or "Successful"}


def _runtime_version(configuration: Configuration) -> dict[str, Any]:
    name = hashlib.sha256(configuration.runtime.encode()).hexdigest()
    arn = arn_of("lambda", configuration.region, "", f"runtime:{name}")
    return {"RuntimeVersionConfig": {"RuntimeVersionArn": arn}}


def renewed(call: Call, configuration: Configuration) -> Configuration:
    """After a change: another revision, and another build, so that no environment of the old one serves it."""
    return replace(configuration, build=ids.hexadecimal(16), revision=ids.uuid4(), modified_ms=call.now_ms)


def check_revision(given: str | None, actual: str, operation: str) -> None:
    if given and given != actual:
        raise errors.PreconditionFailed(operation=operation)


def is_latest(qualifier: str | None) -> bool:
    return qualifier in (None, LATEST)
