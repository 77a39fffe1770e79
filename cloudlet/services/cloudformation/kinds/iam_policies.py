"""AWS::IAM::Policy (inline, in several roles, users and groups at once), ManagedPolicy and UserToGroupAddition."""

from cloudlet.services.cloudformation.kinds.kind import Kind, Made, Properties, Stage, changed, only, words
from cloudlet.services.cloudformation.records import Resource

GONE = words("NoSuchEntity")
_HOLDERS = (("Roles", "Role"), ("Users", "User"), ("Groups", "Group"))


def _holders(properties: Properties) -> set[tuple[str, str]]:
    return {(entity, name) for member, entity in _HOLDERS for name in properties.get(member, [])}


def _places(properties: Properties) -> list[str]:
    name = properties["PolicyName"]
    return [f"AWS::IAM::Policy {entity} {holder} {name}" for entity, holder in sorted(_holders(properties))]


async def _put(stage: Stage, properties: Properties) -> None:
    name, document = properties["PolicyName"], properties["PolicyDocument"]
    for entity, holder in sorted(_holders(properties)):
        who = {f"{entity}Name": holder}
        await stage.aws("iam", f"Put{entity}Policy", **who, PolicyName=name, PolicyDocument=document)


async def _remove(stage: Stage, name: str, holders: set[tuple[str, str]]) -> None:
    for entity, holder in sorted(holders):
        who = {f"{entity}Name": holder}
        await stage.aws_unless_gone("iam", f"Delete{entity}Policy", GONE, **who, PolicyName=name)


async def _create_inline(stage: Stage, properties: Properties) -> Made:
    await _put(stage, properties)
    return Made(stage.name, {"Id": stage.name})


async def _update_inline(stage: Stage, before: Resource, properties: Properties) -> Made:
    await _put(stage, properties)
    old = _holders(before.properties)
    renamed = changed(before, properties, "PolicyName")
    await _remove(stage, before.properties["PolicyName"], old if renamed else old - _holders(properties))
    return Made(before.physical_id or "", before.attributes)


async def _delete_inline(stage: Stage, resource: Resource) -> None:
    await _remove(stage, resource.properties["PolicyName"], _holders(resource.properties))


async def _create_managed(stage: Stage, properties: Properties) -> Made:
    stated = only(properties, "Description", "Path", "PolicyDocument")
    answer = await stage.aws("iam", "CreatePolicy", PolicyName=stage.name, **stated)
    arn = answer["Policy"]["Arn"]
    await _attach(stage, arn, _holders(properties))
    return Made(arn, {"PolicyArn": arn, "PolicyId": answer["Policy"]["PolicyId"]})


async def _attach(stage: Stage, arn: str, holders: set[tuple[str, str]]) -> None:
    for entity, holder in sorted(holders):
        await stage.aws("iam", f"Attach{entity}Policy", **{f"{entity}Name": holder}, PolicyArn=arn)


async def _detach(stage: Stage, arn: str, holders: set[tuple[str, str]]) -> None:
    for entity, holder in sorted(holders):
        await stage.aws_unless_gone("iam", f"Detach{entity}Policy", GONE, **{f"{entity}Name": holder}, PolicyArn=arn)


async def _update_managed(stage: Stage, before: Resource, properties: Properties) -> Made:
    """A policy has five versions at most, so the one that was the default goes with the change."""
    arn = before.physical_id or ""
    if changed(before, properties, "PolicyDocument"):
        await _remove_versions(stage, arn)
        document = properties["PolicyDocument"]
        await stage.aws("iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    old, new = _holders(before.properties), _holders(properties)
    await _attach(stage, arn, new - old)
    await _detach(stage, arn, old - new)
    return Made(arn, before.attributes)


async def _remove_versions(stage: Stage, arn: str) -> None:
    answer = await stage.aws("iam", "ListPolicyVersions", PolicyArn=arn)
    for version in answer.get("Versions", []):
        if not version["IsDefaultVersion"]:
            await stage.aws("iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=version["VersionId"])


async def _delete_managed(stage: Stage, resource: Resource) -> None:
    arn = resource.physical_id or ""
    if not arn.startswith("arn:"):
        return
    await _detach(stage, arn, _holders(resource.properties))
    if "PolicyId" in resource.attributes:
        await _remove_versions(stage, arn)
    await stage.aws_unless_gone("iam", "DeletePolicy", GONE, PolicyArn=arn)


async def _add_users(stage: Stage, properties: Properties) -> Made:
    for user in properties["Users"]:
        await stage.aws("iam", "AddUserToGroup", GroupName=properties["GroupName"], UserName=user)
    return Made(stage.name, {"Id": stage.name})


async def _remove_users(stage: Stage, properties: Properties, users: set[str]) -> None:
    group = properties["GroupName"]
    for user in sorted(users):
        await stage.aws_unless_gone("iam", "RemoveUserFromGroup", GONE, GroupName=group, UserName=user)


async def _update_users(stage: Stage, before: Resource, properties: Properties) -> Made:
    await _add_users(stage, properties)
    moved = changed(before, properties, "GroupName")
    kept = set() if moved else set(properties["Users"])
    await _remove_users(stage, before.properties, set(before.properties["Users"]) - kept)
    return Made(before.physical_id or "", before.attributes)


async def _delete_users(stage: Stage, resource: Resource) -> None:
    await _remove_users(stage, resource.properties, set(resource.properties["Users"]))


_HOLDING = words("Groups Roles Users")
KINDS = (
    Kind(
        "AWS::IAM::Policy",
        _HOLDING | words("PolicyDocument PolicyName"),
        _create_inline,
        _delete_inline,
        _update_inline,
        required=words("PolicyDocument PolicyName"),
        holds=_places,
    ),
    Kind(
        "AWS::IAM::ManagedPolicy",
        _HOLDING | words("Description ManagedPolicyName Path PolicyDocument"),
        _create_managed,
        _delete_managed,
        _update_managed,
        required=words("PolicyDocument"),
        name_property="ManagedPolicyName",
        name_max=128,
    ),
    Kind(
        "AWS::IAM::UserToGroupAddition",
        words("GroupName Users"),
        _add_users,
        _delete_users,
        _update_users,
        required=words("GroupName Users"),
    ),
)
