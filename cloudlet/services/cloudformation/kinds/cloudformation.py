"""AWS::CloudFormation::* that are no more than a record, and the tool notes that other tools put into templates."""

from cloudlet.services.cloudformation.kinds.kind import (
    Kind,
    Made,
    Properties,
    Stage,
    nothing_to_remove,
    words,
)
from cloudlet.services.cloudformation.records import Resource


async def _create(stage: Stage, properties: Properties) -> Made:
    return Made(stage.name)


async def _update(stage: Stage, before: Resource, properties: Properties) -> Made:
    return Made(before.physical_id or "")


KINDS = (Kind("AWS::CDK::Metadata", words("Analytics"), _create, nothing_to_remove, _update),)
