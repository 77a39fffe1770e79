"""AWS::Logs::*"""

from cloudlet.services.cloudformation.kinds.kind import Kind, Made, Properties, Stage, changed, words
from cloudlet.services.cloudformation.records import Resource

GONE = words("ResourceNotFoundException")


def _facts(stage: Stage, name: str) -> dict[str, str]:
    return {"Arn": f"arn:aws:logs:{stage.region}:{stage.account}:log-group:{name}:*"}


async def _create_group(stage: Stage, properties: Properties) -> Made:
    await stage.aws(
        "logs",
        "CreateLogGroup",
        logGroupName=stage.name,
        logGroupClass=properties.get("LogGroupClass"),
        tags=stage.tag_map(properties) or None,
    )
    if "RetentionInDays" in properties:
        await _set_retention(stage, stage.name, properties)
    return Made(stage.name, _facts(stage, stage.name))


async def _set_retention(stage: Stage, name: str, properties: Properties) -> None:
    if "RetentionInDays" in properties:
        days = properties["RetentionInDays"]
        await stage.aws("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)
    else:
        await stage.aws("logs", "DeleteRetentionPolicy", logGroupName=name)


async def _update_group(stage: Stage, before: Resource, properties: Properties) -> Made:
    name = before.physical_id or ""
    if changed(before, properties, "RetentionInDays"):
        await _set_retention(stage, name, properties)
    old, new = stage.tag_map_before(before.properties), stage.tag_map(properties)
    arn = before.attributes["Arn"].removesuffix(":*")
    if old.keys() - new.keys():
        await stage.aws("logs", "UntagResource", resourceArn=arn, tagKeys=sorted(old.keys() - new.keys()))
    if new and new != old:
        await stage.aws("logs", "TagResource", resourceArn=arn, tags=new)
    return Made(name, before.attributes)


async def _delete_group(stage: Stage, resource: Resource) -> None:
    await stage.aws_unless_gone("logs", "DeleteLogGroup", GONE, logGroupName=resource.physical_id)


async def _create_stream(stage: Stage, properties: Properties) -> Made:
    group = properties["LogGroupName"]
    await stage.aws("logs", "CreateLogStream", logGroupName=group, logStreamName=stage.name)
    return Made(stage.name)


async def _delete_stream(stage: Stage, resource: Resource) -> None:
    group = resource.properties["LogGroupName"]
    await stage.aws_unless_gone("logs", "DeleteLogStream", GONE, logGroupName=group, logStreamName=resource.physical_id)


KINDS = (
    Kind(
        "AWS::Logs::LogGroup",
        words("LogGroupName LogGroupClass RetentionInDays Tags"),
        _create_group,
        _delete_group,
        _update_group,
        name_property="LogGroupName",
        name_max=512,
    ),
    Kind(
        "AWS::Logs::LogStream",
        words("LogGroupName LogStreamName"),
        _create_stream,
        _delete_stream,
        required=words("LogGroupName"),
        name_property="LogStreamName",
        name_max=512,
    ),
)
