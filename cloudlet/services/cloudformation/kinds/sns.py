"""AWS::SNS::*"""

from typing import Any

from cloudlet.services.cloudformation.kinds.kind import (
    Kind,
    Made,
    Properties,
    Stage,
    changed,
    is_true,
    only,
    words,
)
from cloudlet.services.cloudformation.records import Resource

GONE = words("NotFound NotFoundException")
TOPIC_ATTRIBUTES = words(
    "ArchivePolicy ContentBasedDeduplication DisplayName FifoThroughputScope FifoTopic KmsMasterKeyId SignatureVersion"
    " TracingConfig"
)
SUBSCRIPTION_ATTRIBUTES = words(
    "DeliveryPolicy FilterPolicy FilterPolicyScope RawMessageDelivery RedrivePolicy ReplayPolicy SubscriptionRoleArn"
)
SUBSCRIPTION_DEFAULTS = {"RawMessageDelivery": "false", "FilterPolicyScope": "MessageAttributes"}  # cannot be emptied


def _topic_attributes(properties: Properties) -> dict[str, Any]:
    attributes = only(properties, *sorted(TOPIC_ATTRIBUTES))
    if not is_true(attributes.get("FifoTopic", False)):
        attributes.pop("FifoTopic", None)
    if "DataProtectionPolicy" in properties:
        attributes["DataProtectionPolicy"] = properties["DataProtectionPolicy"]
    return attributes


async def _topic_exists(stage: Stage, properties: Properties) -> bool:
    """A name that can't be one is left to CreateTopic's refusal."""
    arn = f"arn:aws:sns:{stage.region}:{stage.account}:{stage.name}"
    return await stage.finds("sns", "GetTopicAttributes", GONE | words("InvalidParameter"), TopicArn=arn)


async def _create_topic(stage: Stage, properties: Properties) -> Made:
    tags = stage.tags_with(properties) or None
    answer = await stage.aws("sns", "CreateTopic", Name=stage.name, Attributes=_topic_attributes(properties), Tags=tags)
    arn = answer["TopicArn"]
    for subscription in properties.get("Subscription", []):
        await _subscribe(stage, arn, subscription)
    return Made(arn, _topic_facts(arn))


def _topic_facts(arn: str) -> dict[str, Any]:
    return {"TopicArn": arn, "TopicName": arn.rpartition(":")[2]}


async def _subscribe(stage: Stage, topic_arn: str, properties: Properties) -> str:
    answer = await stage.aws(
        "sns",
        "Subscribe",
        TopicArn=topic_arn,
        Protocol=properties["Protocol"],
        Endpoint=properties.get("Endpoint"),
        Attributes=only(properties, *sorted(SUBSCRIPTION_ATTRIBUTES)) or None,
        ReturnSubscriptionArn=True,
    )
    return answer["SubscriptionArn"]


async def _update_topic(stage: Stage, before: Resource, properties: Properties) -> Made:
    arn = before.physical_id or ""
    old, new = _topic_attributes(before.properties), _topic_attributes(properties)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            await stage.aws(
                "sns", "SetTopicAttributes", TopicArn=arn, AttributeName=name, AttributeValue=new.get(name, "")
            )
    if changed(before, properties, "Subscription"):
        await _resubscribe(stage, arn, before.properties.get("Subscription", []), properties.get("Subscription", []))
    await _retag(stage, arn, before.properties, properties)
    return Made(arn, before.attributes)


async def _resubscribe(stage: Stage, arn: str, old: list[Properties], new: list[Properties]) -> None:
    present = await _subscriptions(stage, arn)
    for subscription in old:
        found = present.get((subscription["Protocol"], subscription.get("Endpoint")))
        if subscription not in new and found and found.startswith("arn:"):
            await stage.aws("sns", "Unsubscribe", SubscriptionArn=found)
    for subscription in new:
        if subscription not in old:
            await _subscribe(stage, arn, subscription)


async def _subscriptions(stage: Stage, arn: str) -> dict[tuple[str, str | None], str]:
    found: dict[tuple[str, str | None], str] = {}
    token = None
    while True:
        page = await stage.aws("sns", "ListSubscriptionsByTopic", TopicArn=arn, NextToken=token)
        for entry in page.get("Subscriptions", []):
            found[entry["Protocol"], entry.get("Endpoint")] = entry["SubscriptionArn"]
        token = page.get("NextToken")
        if not token:
            return found


async def _retag(stage: Stage, arn: str, before: Properties, after: Properties) -> None:
    old, new = stage.tag_map_before(before), stage.tag_map(after)
    if old.keys() - new.keys():
        await stage.aws("sns", "UntagResource", ResourceArn=arn, TagKeys=sorted(old.keys() - new.keys()))
    if new and new != old:
        await stage.aws("sns", "TagResource", ResourceArn=arn, Tags=stage.tags_with(after))


async def _delete_topic(stage: Stage, resource: Resource) -> None:
    await stage.aws_unless_gone("sns", "DeleteTopic", GONE, TopicArn=resource.physical_id)


async def _create_subscription(stage: Stage, properties: Properties) -> Made:
    arn = await _subscribe(stage, properties["TopicArn"], properties)
    return Made(arn, {"Arn": arn})


async def _update_subscription(stage: Stage, before: Resource, properties: Properties) -> Made:
    arn = before.physical_id or ""
    for name in sorted(SUBSCRIPTION_ATTRIBUTES):
        if changed(before, properties, name):
            value = properties.get(name, SUBSCRIPTION_DEFAULTS.get(name, ""))
            await stage.aws(
                "sns", "SetSubscriptionAttributes", SubscriptionArn=arn, AttributeName=name, AttributeValue=value
            )
    return Made(arn, before.attributes)


async def _delete_subscription(stage: Stage, resource: Resource) -> None:
    """One that waits for its confirmation has no ARN to be removed by; it goes with its topic."""
    if (resource.physical_id or "").startswith("arn:"):
        await stage.aws_unless_gone("sns", "Unsubscribe", GONE, SubscriptionArn=resource.physical_id)


async def _put_policy(stage: Stage, properties: Properties) -> Made:
    for arn in properties["Topics"]:
        await stage.aws(
            "sns",
            "SetTopicAttributes",
            TopicArn=arn,
            AttributeName="Policy",
            AttributeValue=properties["PolicyDocument"],
        )
    return Made(stage.name, {"Id": stage.name})


async def _update_policy(stage: Stage, before: Resource, properties: Properties) -> Made:
    await _put_policy(stage, properties)
    for arn in before.properties["Topics"]:
        if arn not in properties["Topics"]:
            await _reset_policy(stage, arn)
    return Made(before.physical_id or "", before.attributes)


async def _delete_policy(stage: Stage, resource: Resource) -> None:
    for arn in resource.properties["Topics"]:
        await _reset_policy(stage, arn)


async def _reset_policy(stage: Stage, arn: str) -> None:
    """A topic always has a policy: its owner's full access is what CreateTopic gives, too."""
    own = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [_default_statement(stage, arn)]}
    await stage.aws_unless_gone(
        "sns", "SetTopicAttributes", GONE, TopicArn=arn, AttributeName="Policy", AttributeValue=own
    )


def _default_statement(stage: Stage, arn: str) -> dict[str, Any]:
    actions = "GetTopicAttributes SetTopicAttributes AddPermission RemovePermission DeleteTopic Subscribe"
    return {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in f"{actions} ListSubscriptionsByTopic Publish".split()],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": stage.account}},
    }


KINDS = (
    Kind(
        "AWS::SNS::Topic",
        TOPIC_ATTRIBUTES | words("TopicName Subscription Tags DataProtectionPolicy"),
        _create_topic,
        _delete_topic,
        _update_topic,
        name_property="TopicName",
        name_max=256,
        name_suffix=lambda properties: ".fifo" if is_true(properties.get("FifoTopic", False)) else "",
        exists=_topic_exists,
    ),
    Kind(
        "AWS::SNS::Subscription",
        SUBSCRIPTION_ATTRIBUTES | words("TopicArn Protocol Endpoint"),
        _create_subscription,
        _delete_subscription,
        _update_subscription,
        required=words("TopicArn Protocol"),
    ),
    Kind(
        "AWS::SNS::TopicPolicy",
        words("PolicyDocument Topics"),
        _put_policy,
        _delete_policy,
        _update_policy,
        required=words("PolicyDocument Topics"),
    ),
)
