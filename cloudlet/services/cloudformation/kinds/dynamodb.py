"""AWS::DynamoDB::*"""

from typing import Any

from cloudlet.services.cloudformation.kinds.kind import Kind, Made, Properties, Stage, changed, only, words
from cloudlet.services.cloudformation.records import Resource

GONE = words("ResourceNotFoundException")
AT_CREATION = words(
    "AttributeDefinitions BillingMode DeletionProtectionEnabled GlobalSecondaryIndexes KeySchema LocalSecondaryIndexes"
    " OnDemandThroughput ProvisionedThroughput TableClass"
)
INDEX = words("IndexName KeySchema Projection ProvisionedThroughput OnDemandThroughput")


def _stream(properties: Properties) -> dict[str, Any] | None:
    if "StreamSpecification" not in properties:
        return None
    return {"StreamEnabled": True, **only(properties["StreamSpecification"], "StreamViewType")}


def _sse(properties: Properties) -> dict[str, Any] | None:
    stated = properties.get("SSESpecification")
    if stated is None:
        return None
    return {"Enabled": stated.get("SSEEnabled"), **only(stated, "KMSMasterKeyId", "SSEType")}


async def _create_table(stage: Stage, properties: Properties) -> Made:
    answer = await stage.aws(
        "dynamodb",
        "CreateTable",
        TableName=stage.name,
        StreamSpecification=_stream(properties),
        SSESpecification=_sse(properties),
        Tags=stage.tags_with(properties) or None,
        **only(properties, *sorted(AT_CREATION)),
    )
    if properties.get("TimeToLiveSpecification"):
        await _set_ttl(stage, stage.name, properties["TimeToLiveSpecification"])
    if properties.get("PointInTimeRecoverySpecification"):
        await _set_recovery(stage, stage.name, properties)
    return _made(stage.name, answer["TableDescription"])


def _made(name: str, table: dict[str, Any]) -> Made:
    facts = {"Arn": table["TableArn"]}
    if table.get("LatestStreamArn"):
        facts["StreamArn"] = table["LatestStreamArn"]
    return Made(name, facts)


async def _set_ttl(stage: Stage, name: str, stated: dict[str, Any]) -> None:
    await stage.aws("dynamodb", "UpdateTimeToLive", TableName=name, TimeToLiveSpecification=stated)


async def _set_recovery(stage: Stage, name: str, properties: Properties) -> None:
    stated = properties.get("PointInTimeRecoverySpecification", {"PointInTimeRecoveryEnabled": False})
    await stage.aws("dynamodb", "UpdateContinuousBackups", TableName=name, PointInTimeRecoverySpecification=stated)


async def _update_table(stage: Stage, before: Resource, properties: Properties) -> Made:
    name = before.physical_id or ""
    facts = dict(before.attributes)
    for request in _table_updates(before, properties):
        answer = await stage.aws("dynamodb", "UpdateTable", TableName=name, **request)
        facts = _made(name, answer["TableDescription"]).attributes
    if changed(before, properties, "TimeToLiveSpecification"):
        stated = properties.get("TimeToLiveSpecification")
        off = {**before.properties.get("TimeToLiveSpecification", {}), "Enabled": False}
        await _set_ttl(stage, name, stated or off)
    if changed(before, properties, "PointInTimeRecoverySpecification"):
        await _set_recovery(stage, name, properties)
    await _retag(stage, facts["Arn"], before.properties, properties)
    return Made(name, facts)


def _table_updates(before: Resource, properties: Properties) -> list[dict[str, Any]]:
    """UpdateTable takes one index, or one other thing, at a time."""
    updates = [
        only(properties, name)
        for name in ("TableClass", "DeletionProtectionEnabled", "OnDemandThroughput")
        if changed(before, properties, name) and name in properties
    ]
    if changed(before, properties, "BillingMode") or changed(before, properties, "ProvisionedThroughput"):
        billing = properties.get("BillingMode", "PROVISIONED")
        updates.append({"BillingMode": billing, **only(properties, "ProvisionedThroughput")})
    if changed(before, properties, "SSESpecification"):
        updates.append({"SSESpecification": _sse(properties) or {"Enabled": False}})
    if changed(before, properties, "StreamSpecification"):
        if "StreamSpecification" in before.properties:
            updates.append({"StreamSpecification": {"StreamEnabled": False}})
        if "StreamSpecification" in properties:
            updates.append({"StreamSpecification": _stream(properties)})
    return updates + _index_updates(before.properties, properties)


def _index_updates(before: Properties, properties: Properties) -> list[dict[str, Any]]:
    old = {index["IndexName"]: index for index in before.get("GlobalSecondaryIndexes", [])}
    new = {index["IndexName"]: index for index in properties.get("GlobalSecondaryIndexes", [])}
    changes: list[dict[str, Any]] = []
    for name, index in old.items():
        if name not in new or any(index.get(part) != new[name].get(part) for part in ("KeySchema", "Projection")):
            changes.append({"Delete": {"IndexName": name}})
        elif index != new[name]:
            parts = only(new[name], "IndexName", "ProvisionedThroughput", "OnDemandThroughput")
            changes.append({"Update": parts})
    deleted = {change["Delete"]["IndexName"] for change in changes if "Delete" in change}
    changes += [{"Create": index} for name, index in new.items() if name not in old or name in deleted]
    definitions = properties.get("AttributeDefinitions", [])
    return [{"GlobalSecondaryIndexUpdates": [change], "AttributeDefinitions": definitions} for change in changes]


async def _retag(stage: Stage, arn: str, before: Properties, after: Properties) -> None:
    old, new = stage.tag_map_before(before), stage.tag_map(after)
    if old.keys() - new.keys():
        await stage.aws("dynamodb", "UntagResource", ResourceArn=arn, TagKeys=sorted(old.keys() - new.keys()))
    if new and new != old:
        await stage.aws("dynamodb", "TagResource", ResourceArn=arn, Tags=stage.tags_with(after))


async def _delete_table(stage: Stage, resource: Resource) -> None:
    await stage.aws_unless_gone("dynamodb", "DeleteTable", GONE, TableName=resource.physical_id)


KINDS = (
    Kind(
        "AWS::DynamoDB::Table",
        AT_CREATION
        | words(
            "TableName SSESpecification StreamSpecification Tags TimeToLiveSpecification"
            " PointInTimeRecoverySpecification"
        ),
        _create_table,
        _delete_table,
        _update_table,
        required=words("KeySchema"),
        name_property="TableName",
        name_max=255,
    ),
)
