"""Limits and checks that the CloudFormation model does not state.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

import re
from typing import Any

from cloudlet.services.cloudformation import errors

STACK_NAME_MAX = 128
TAGS_MAX = 50
RESOURCES_OF_STACK_MAX = 1000  # while an update runs: those of two templates
STACKS_PER_PAGE = 100
RESOURCES_PER_PAGE = 100
RESOURCES_DESCRIBED_MAX = 100  # of a stack, by DescribeStackResources, which has no pages
EVENTS_PER_PAGE = 100
CHANGES_PER_PAGE = 100
EXPORTS_PER_PAGE = 100
IMPORTS_PER_PAGE = 100
USERS_TOLD_MAX = 100  # stacks that an error names
CHANGE_SETS_MAX = 100  # of one stack
FORGOTTEN_AFTER_MS = 90 * 24 * 3600 * 1000  # a deleted stack stays listed that long

_STACK_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]*")
_CHANGE_SET_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]*")
_STACK_ARN = re.compile(r"arn:[a-z-]+:cloudformation:[a-z0-9-]+:\d{12}:stack/([^/]+)/([^/]+)")

UPDATABLE = frozenset(
    ("CREATE_COMPLETE", "CREATE_FAILED", "UPDATE_COMPLETE", "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE")
)


def check_stack_name(name: str) -> None:
    if len(name) > STACK_NAME_MAX:
        raise errors.ValidationError(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must "
            f"have length less than or equal to {STACK_NAME_MAX}"
        )
    if not _STACK_NAME.fullmatch(name):
        raise errors.ValidationError(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )


def check_change_set_name(name: str) -> None:
    if not _CHANGE_SET_NAME.fullmatch(name) or len(name) > STACK_NAME_MAX:
        raise errors.ValidationError(
            f"1 validation error detected: Value '{name}' at 'changeSetName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )


def stack_arn_parts(text: str) -> tuple[str, str] | None:
    """Name and id out of a stack's ARN, or None for anything else."""
    match = _STACK_ARN.fullmatch(text)
    return (match[1], match[2]) if match else None


def checked_tags(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    if len(tags) > TAGS_MAX:
        raise errors.ValidationError(f"Tag list exceeds the maximum of {TAGS_MAX} tags.")
    seen: set[str] = set()
    for tag in tags:
        if tag["Key"].lower().startswith("aws:"):
            raise errors.ValidationError("Tag keys starting with aws: are reserved for system use.")
        if tag["Key"] in seen:
            raise errors.ValidationError(f"Duplicate tag key: {tag['Key']}")
        seen.add(tag["Key"])
    return [{"Key": tag["Key"], "Value": tag["Value"]} for tag in tags]


def check_capabilities(needed: list[str], given: list[str]) -> None:
    """CAPABILITY_NAMED_IAM includes CAPABILITY_IAM."""
    has = set(given) | ({"CAPABILITY_IAM"} if "CAPABILITY_NAMED_IAM" in given else set())
    missing = [capability for capability in needed if capability not in has]
    if missing:
        raise errors.InsufficientCapabilities(missing=", ".join(missing))


# Members of requests that change what the operation means, and that nothing here acts on yet.
_NOT_YET = ("StackPolicyBody", "StackPolicyURL", "StackPolicyDuringUpdateBody", "StackPolicyDuringUpdateURL")


def check_supported(request: dict[str, Any], module: str) -> None:
    for member in _NOT_YET:
        if request.get(member):
            raise errors.NotSupported(feature=f"cloudformation: {member}", module=module)
    if request.get("RollbackConfiguration", {}).get("RollbackTriggers"):
        raise errors.NotSupported(feature="cloudformation: RollbackTriggers", module=module)
    for member in ("DeploymentMode", "DeploymentConfig"):
        if request.get(member):
            raise errors.NotSupported(feature=f"cloudformation: {member}", module=module)
