"""What a resource gives to others, and what of it is shown. Pure: the template's worker process uses it too."""

from typing import Any

from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.records import Resource
from cloudlet.services.cloudformation.template.diff import State

HIDDEN = "****"


def attribute_of(resource: Resource, attribute: str, secrets: dict[str, Any]) -> Any:
    """What Fn::GetAtt gives; a dotted name may go into an object's members."""
    value: Any = resource.attributes | secrets
    if attribute in value:
        return value[attribute]
    for part in attribute.split("."):
        if not isinstance(value, dict) or part not in value:
            raise ValidationError(f"Resource type {resource.type} does not support attribute {{{attribute}}}")
        value = value[part]
    return value


def state_of(resource: Resource) -> State:
    attributes = {
        "DeletionPolicy": resource.deletion_policy,
        "UpdateReplacePolicy": resource.update_replace_policy,
        "Metadata": resource.metadata,
        "Tags": resource.tags,
    }
    return State(resource.type, resource.properties, resource.physical_id, resource.stated, attributes)


def masked(value: Any, secrets: list[str]) -> Any:
    """`value` with every secret in its texts starred out, for what is shown: events, change sets."""
    if not secrets:
        return value
    if isinstance(value, dict):
        return {name: masked(member, secrets) for name, member in value.items()}
    if isinstance(value, list):
        return [masked(member, secrets) for member in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
    return value
