"""AWS::S3::*"""

from typing import Any

from cloudlet.base.errors import AwsError
from cloudlet.services.cloudformation.kinds.kind import (
    Kind,
    Made,
    Properties,
    Stage,
    changed,
    only,
    words,
)
from cloudlet.services.cloudformation.records import Resource

GONE = words("NoSuchBucket NoSuchBucketPolicy")


def _facts(stage: Stage, name: str) -> dict[str, str]:
    return {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "DualStackDomainName": f"{name}.s3.dualstack.{stage.region}.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{stage.region}.amazonaws.com",
        "WebsiteURL": f"http://{name}.s3-website-{stage.region}.amazonaws.com",
    }


async def _bucket_exists(stage: Stage, properties: Properties) -> bool:
    """One of the account's own; another account's CreateBucket knows of."""
    try:
        return await stage.finds("s3", "HeadBucket", words("404 NotFound NoSuchBucket"), Bucket=stage.name)
    except AwsError as error:
        if error.status == 301:  # in another region
            return True
        if error.status != 403:
            raise
    listed = await stage.aws("s3", "ListBuckets", Prefix=stage.name)
    return any(bucket["Name"] == stage.name for bucket in listed.get("Buckets", []))


async def _create_bucket(stage: Stage, properties: Properties) -> Made:
    location = None if stage.region == "us-east-1" else {"LocationConstraint": stage.region}
    await stage.aws("s3", "CreateBucket", Bucket=stage.name, CreateBucketConfiguration=location)
    await _configure(stage, stage.name, {}, properties)
    return Made(stage.name, _facts(stage, stage.name))


async def _update_bucket(stage: Stage, before: Resource, properties: Properties) -> Made:
    await _configure(stage, before.physical_id or "", before.properties, properties)
    return Made(before.physical_id or "", before.attributes)


async def _configure(stage: Stage, name: str, old: Properties, new: Properties) -> None:
    """Everything of a bucket that has an operation of its own, where it changed."""
    for member, (operation, argument, translated, removal) in _PARTS.items():
        if old.get(member) == new.get(member):
            continue
        if member in new:
            await stage.aws("s3", operation, Bucket=name, **{argument: translated(new[member])})
        elif isinstance(removal, str):
            await stage.aws("s3", removal, Bucket=name)
        else:
            await stage.aws("s3", operation, Bucket=name, **{argument: removal})
    tags = stage.tags_with(new)
    if stage.tag_map(new) != stage.tag_map_before(old):
        if tags:
            await stage.aws("s3", "PutBucketTagging", Bucket=name, Tagging={"TagSet": tags})
        else:
            await stage.aws("s3", "DeleteBucketTagging", Bucket=name)


def _as_it_is(value: Any) -> Any:
    return value


def _notification(stated: Properties) -> dict[str, Any]:
    kinds = (
        ("LambdaConfigurations", "LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
        ("QueueConfigurations", "QueueConfigurations", "Queue", "QueueArn"),
        ("TopicConfigurations", "TopicConfigurations", "Topic", "TopicArn"),
    )
    result: dict[str, Any] = {}
    for theirs, ours, target, arn in kinds:
        entries = [
            {arn: entry[target], "Events": [entry["Event"]], **_filter(entry)} for entry in stated.get(theirs, [])
        ]
        if entries:
            result[ours] = entries
    if stated.get("EventBridgeConfiguration"):
        result["EventBridgeConfiguration"] = {}
    return result


def _filter(entry: Properties) -> dict[str, Any]:
    rules = entry.get("Filter", {}).get("S3Key", {}).get("Rules", [])
    return {"Filter": {"Key": {"FilterRules": [only(rule, "Name", "Value") for rule in rules]}}} if rules else {}


def _encryption(stated: Properties) -> dict[str, Any]:
    rules = []
    for rule in stated["ServerSideEncryptionConfiguration"]:
        by_default = rule.get("ServerSideEncryptionByDefault")
        made = only(rule, "BucketKeyEnabled")
        if by_default:
            made["ApplyServerSideEncryptionByDefault"] = only(by_default, "KMSMasterKeyID", "SSEAlgorithm")
        rules.append(made)
    return {"Rules": rules}


def _cors(stated: Properties) -> dict[str, Any]:
    names = {"ExposedHeaders": "ExposeHeaders", "Id": "ID", "MaxAge": "MaxAgeSeconds"}
    return {"CORSRules": [{names.get(name, name): value for name, value in r.items()} for r in stated["CorsRules"]]}


# Property → the operation that sets it, its argument, how the value is said there, and how it is taken away:
# by an operation, or by a value that means none.
_PARTS: dict[str, tuple[str, str, Any, Any]] = {
    "PublicAccessBlockConfiguration": (
        "PutPublicAccessBlock",
        "PublicAccessBlockConfiguration",
        _as_it_is,
        "DeletePublicAccessBlock",
    ),
    "OwnershipControls": (
        "PutBucketOwnershipControls",
        "OwnershipControls",
        _as_it_is,
        "DeleteBucketOwnershipControls",
    ),
    "VersioningConfiguration": (
        "PutBucketVersioning",
        "VersioningConfiguration",
        _as_it_is,
        {"Status": "Suspended"},
    ),
    "BucketEncryption": (
        "PutBucketEncryption",
        "ServerSideEncryptionConfiguration",
        _encryption,
        "DeleteBucketEncryption",
    ),
    "CorsConfiguration": ("PutBucketCors", "CORSConfiguration", _cors, "DeleteBucketCors"),
    "NotificationConfiguration": (
        "PutBucketNotificationConfiguration",
        "NotificationConfiguration",
        _notification,
        {},
    ),
}


async def _delete_bucket(stage: Stage, resource: Resource) -> None:
    await stage.aws_unless_gone("s3", "DeleteBucket", GONE, Bucket=resource.physical_id)


async def _policy_exists(stage: Stage, properties: Properties) -> bool:
    return await stage.finds("s3", "GetBucketPolicy", GONE, Bucket=properties["Bucket"])


async def _create_policy(stage: Stage, properties: Properties) -> Made:
    bucket = properties["Bucket"]
    await stage.aws("s3", "PutBucketPolicy", Bucket=bucket, Policy=properties["PolicyDocument"])
    return Made(bucket)


async def _update_policy(stage: Stage, before: Resource, properties: Properties) -> Made:
    if changed(before, properties, "PolicyDocument"):
        await _create_policy(stage, properties)
    return Made(before.physical_id or "")


async def _delete_policy(stage: Stage, resource: Resource) -> None:
    await stage.aws_unless_gone("s3", "DeleteBucketPolicy", GONE, Bucket=resource.properties["Bucket"])


KINDS = (
    Kind(
        "AWS::S3::Bucket",
        frozenset(_PARTS) | words("BucketName Tags"),
        _create_bucket,
        _delete_bucket,
        _update_bucket,
        name_property="BucketName",
        name_max=63,
        name_is_lower=True,
        exists=_bucket_exists,
    ),
    Kind(
        "AWS::S3::BucketPolicy",
        words("Bucket PolicyDocument"),
        _create_policy,
        _delete_policy,
        _update_policy,
        required=words("Bucket PolicyDocument"),
        exists=_policy_exists,
        identified_by=("Bucket",),
    ),
)
