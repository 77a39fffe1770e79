"""AWS::CloudWatch::*"""

from cloudlet.services.cloudformation.kinds.kind import Kind, Made, Properties, Stage, only, words
from cloudlet.services.cloudformation.records import Resource

GONE = words("ResourceNotFound ResourceNotFoundException")
ALARM = words(
    "ActionsEnabled AlarmActions AlarmDescription ComparisonOperator DatapointsToAlarm Dimensions"
    " EvaluateLowSampleCountPercentile EvaluationPeriods ExtendedStatistic InsufficientDataActions MetricName Metrics"
    " Namespace OKActions Period Statistic Threshold ThresholdMetricId TreatMissingData Unit"
)


async def _put(stage: Stage, name: str, properties: Properties) -> Made:
    tags = stage.tags_with(properties) or None
    await stage.aws("cloudwatch", "PutMetricAlarm", AlarmName=name, Tags=tags, **only(properties, *sorted(ALARM)))
    return Made(name, {"Arn": f"arn:aws:cloudwatch:{stage.region}:{stage.account}:alarm:{name}"})


async def _alarm_exists(stage: Stage, properties: Properties) -> bool:
    """Of either kind: they share their names."""
    kinds = ["MetricAlarm", "CompositeAlarm"]
    answer = await stage.aws("cloudwatch", "DescribeAlarms", AlarmNames=[stage.name], AlarmTypes=kinds)
    return bool(answer.get("MetricAlarms") or answer.get("CompositeAlarms"))


async def _create_alarm(stage: Stage, properties: Properties) -> Made:
    return await _put(stage, stage.name, properties)


async def _update_alarm(stage: Stage, before: Resource, properties: Properties) -> Made:
    """An alarm that is there takes no tags from PutMetricAlarm."""
    made = await _put(stage, before.physical_id or "", properties)
    arn, old, new = made.attributes["Arn"], stage.tag_map_before(before.properties), stage.tag_map(properties)
    if old.keys() - new.keys():
        await stage.aws("cloudwatch", "UntagResource", ResourceARN=arn, TagKeys=sorted(old.keys() - new.keys()))
    if new and new != old:
        await stage.aws("cloudwatch", "TagResource", ResourceARN=arn, Tags=stage.tags_with(properties))
    return made


async def _delete_alarm(stage: Stage, resource: Resource) -> None:
    await stage.aws_unless_gone("cloudwatch", "DeleteAlarms", GONE, AlarmNames=[resource.physical_id])


KINDS = (
    Kind(
        "AWS::CloudWatch::Alarm",
        ALARM | words("AlarmName Tags"),
        _create_alarm,
        _delete_alarm,
        _update_alarm,
        required=words("ComparisonOperator EvaluationPeriods"),
        name_property="AlarmName",
        name_max=255,
        exists=_alarm_exists,
    ),
)
