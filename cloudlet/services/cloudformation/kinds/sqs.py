"""AWS::SQS::*"""

from typing import Any

from cloudlet.services.cloudformation.kinds.kind import Kind, Made, Properties, Stage, is_true, only, words
from cloudlet.services.cloudformation.records import Resource

GONE = words("QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue")
ATTRIBUTES = words(
    "ContentBasedDeduplication DeduplicationScope DelaySeconds FifoQueue FifoThroughputLimit"
    " KmsDataKeyReusePeriodSeconds KmsMasterKeyId MaximumMessageSize MessageRetentionPeriod"
    " ReceiveMessageWaitTimeSeconds RedriveAllowPolicy RedrivePolicy SqsManagedSseEnabled VisibilityTimeout"
)


def _attributes(properties: Properties) -> dict[str, Any]:
    stated = only(properties, *sorted(ATTRIBUTES))
    if not is_true(stated.get("FifoQueue", False)):
        stated.pop("FifoQueue", None)  # AWS takes "true" only
    return stated


async def _queue_exists(stage: Stage, properties: Properties) -> bool:
    return await stage.finds("sqs", "GetQueueUrl", GONE, QueueName=stage.name)


async def _create_queue(stage: Stage, properties: Properties) -> Made:
    tags = stage.tag_map(properties) or None
    answer = await stage.aws("sqs", "CreateQueue", QueueName=stage.name, Attributes=_attributes(properties), tags=tags)
    return await _made(stage, answer["QueueUrl"], stage.name)


async def _made(stage: Stage, url: str, name: str) -> Made:
    arn = f"arn:aws:sqs:{stage.region}:{stage.account}:{name}"
    return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


async def _update_queue(stage: Stage, before: Resource, properties: Properties) -> Made:
    url, wanted = before.physical_id or "", _attributes(properties)
    for name in _attributes(before.properties).keys() - wanted.keys():
        wanted[name] = _DEFAULTS.get(name, "")
    if wanted:
        await stage.aws("sqs", "SetQueueAttributes", QueueUrl=url, Attributes=wanted)
    old, new = stage.tag_map_before(before.properties), stage.tag_map(properties)
    if old.keys() - new.keys():
        await stage.aws("sqs", "UntagQueue", QueueUrl=url, TagKeys=sorted(old.keys() - new.keys()))
    if new and new != old:
        await stage.aws("sqs", "TagQueue", QueueUrl=url, Tags=new)
    return Made(url, before.attributes)


_DEFAULTS = {
    "DelaySeconds": "0",
    "KmsDataKeyReusePeriodSeconds": "300",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}


async def _delete_queue(stage: Stage, resource: Resource) -> None:
    await stage.aws_unless_gone("sqs", "DeleteQueue", GONE, QueueUrl=resource.physical_id)


async def _put_policy(stage: Stage, properties: Properties) -> Made:
    for url in properties["Queues"]:
        await stage.aws("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": properties["PolicyDocument"]})
    return Made(stage.name, {"Id": stage.name})


async def _update_policy(stage: Stage, before: Resource, properties: Properties) -> Made:
    for url in before.properties["Queues"]:
        if url not in properties["Queues"]:
            await stage.aws_unless_gone("sqs", "SetQueueAttributes", GONE, QueueUrl=url, Attributes={"Policy": ""})
    await _put_policy(stage, properties)
    return Made(before.physical_id or "", before.attributes)


async def _delete_policy(stage: Stage, resource: Resource) -> None:
    for url in resource.properties["Queues"]:
        await stage.aws_unless_gone("sqs", "SetQueueAttributes", GONE, QueueUrl=url, Attributes={"Policy": ""})


KINDS = (
    Kind(
        "AWS::SQS::Queue",
        ATTRIBUTES | words("QueueName Tags"),
        _create_queue,
        _delete_queue,
        _update_queue,
        name_property="QueueName",
        name_max=80,
        name_suffix=lambda properties: ".fifo" if is_true(properties.get("FifoQueue", False)) else "",
        exists=_queue_exists,
    ),
    Kind(
        "AWS::SQS::QueuePolicy",
        words("PolicyDocument Queues"),
        _put_policy,
        _delete_policy,
        _update_policy,
        required=words("PolicyDocument Queues"),
    ),
)
