"""AWS::IAM::Role, User, Group and AccessKey: those who act. Policies are iam_policies.py's."""

from cloudlet.base.errors import AwsError
from cloudlet.services.cloudformation.kinds.kind import Kind, Made, Properties, Stage, changed, only, words
from cloudlet.services.cloudformation.records import Resource

GONE = words("NoSuchEntity")


async def _set_policies(stage: Stage, entity: str, name: str, old: Properties, new: Properties) -> None:
    """Inline and managed policies of a role, user or group, where they changed."""
    who = {f"{entity}Name": name}
    before = {policy["PolicyName"]: policy["PolicyDocument"] for policy in old.get("Policies", [])}
    after = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies", [])}
    for policy, document in after.items():
        if before.get(policy) != document:
            await stage.aws("iam", f"Put{entity}Policy", **who, PolicyName=policy, PolicyDocument=document)
    for policy in before.keys() - after.keys():
        await stage.aws_unless_gone("iam", f"Delete{entity}Policy", GONE, **who, PolicyName=policy)
    attached, wanted = old.get("ManagedPolicyArns", []), new.get("ManagedPolicyArns", [])
    for arn in wanted:
        if arn not in attached:
            await stage.aws("iam", f"Attach{entity}Policy", **who, PolicyArn=arn)
    for arn in attached:
        if arn not in wanted:
            await stage.aws_unless_gone("iam", f"Detach{entity}Policy", GONE, **who, PolicyArn=arn)


async def _set_boundary(stage: Stage, entity: str, name: str, old: Properties, new: Properties) -> None:
    if old.get("PermissionsBoundary") == new.get("PermissionsBoundary"):
        return
    who = {f"{entity}Name": name}
    if "PermissionsBoundary" in new:
        arn = new["PermissionsBoundary"]
        await stage.aws("iam", f"Put{entity}PermissionsBoundary", **who, PermissionsBoundary=arn)
    else:
        await stage.aws("iam", f"Delete{entity}PermissionsBoundary", **who)


async def _retag(stage: Stage, entity: str, name: str, old: Properties, new: Properties) -> None:
    before, after = stage.tag_map_before(old), stage.tag_map(new)
    who = {f"{entity}Name": name}
    if before.keys() - after.keys():
        await stage.aws("iam", f"Untag{entity}", **who, TagKeys=sorted(before.keys() - after.keys()))
    if after and after != before:
        await stage.aws("iam", f"Tag{entity}", **who, Tags=stage.tags_with(new))


# ── roles ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _create_role(stage: Stage, properties: Properties) -> Made:
    answer = await stage.aws(
        "iam",
        "CreateRole",
        RoleName=stage.name,
        Tags=stage.tags_with(properties) or None,
        **only(
            properties, "AssumeRolePolicyDocument", "Description", "MaxSessionDuration", "Path", "PermissionsBoundary"
        ),
    )
    await _set_policies(stage, "Role", stage.name, {}, properties)
    return Made(stage.name, {"Arn": answer["Role"]["Arn"], "RoleId": answer["Role"]["RoleId"]})


async def _update_role(stage: Stage, before: Resource, properties: Properties) -> Made:
    name = before.physical_id or ""
    if changed(before, properties, "AssumeRolePolicyDocument"):
        document = properties["AssumeRolePolicyDocument"]
        await stage.aws("iam", "UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=document)
    if changed(before, properties, "Description") or changed(before, properties, "MaxSessionDuration"):
        duration = properties.get("MaxSessionDuration", 3600)
        description = properties.get("Description", "")
        await stage.aws("iam", "UpdateRole", RoleName=name, Description=description, MaxSessionDuration=duration)
    await _set_boundary(stage, "Role", name, before.properties, properties)
    await _set_policies(stage, "Role", name, before.properties, properties)
    await _retag(stage, "Role", name, before.properties, properties)
    return Made(name, before.attributes)


async def _strip(stage: Stage, entity: str, name: str) -> bool:
    """Take every policy away: nobody can be deleted while having one. False if it is gone already."""
    who = {f"{entity}Name": name}
    try:
        inline = await stage.aws("iam", f"List{entity}Policies", **who)
    except AwsError as error:
        if error.code in GONE:
            return False
        raise
    for policy in inline.get("PolicyNames", []):
        await stage.aws_unless_gone("iam", f"Delete{entity}Policy", GONE, **who, PolicyName=policy)
    attached = await stage.aws("iam", f"ListAttached{entity}Policies", **who)
    for policy in attached.get("AttachedPolicies", []):
        await stage.aws_unless_gone("iam", f"Detach{entity}Policy", GONE, **who, PolicyArn=policy["PolicyArn"])
    return True


async def _delete_role(stage: Stage, resource: Resource) -> None:
    if await _strip(stage, "Role", resource.physical_id or ""):
        await stage.aws_unless_gone("iam", "DeleteRole", GONE, RoleName=resource.physical_id)


# ── users and groups ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _create_user(stage: Stage, properties: Properties) -> Made:
    answer = await stage.aws(
        "iam",
        "CreateUser",
        UserName=stage.name,
        Tags=stage.tags_with(properties) or None,
        **only(properties, "Path", "PermissionsBoundary"),
    )
    await _set_policies(stage, "User", stage.name, {}, properties)
    await _set_groups(stage, stage.name, [], properties.get("Groups", []))
    return Made(stage.name, {"Arn": answer["User"]["Arn"]})


async def _set_groups(stage: Stage, user: str, old: list[str], new: list[str]) -> None:
    for group in new:
        if group not in old:
            await stage.aws("iam", "AddUserToGroup", GroupName=group, UserName=user)
    for group in old:
        if group not in new:
            await stage.aws_unless_gone("iam", "RemoveUserFromGroup", GONE, GroupName=group, UserName=user)


async def _update_user(stage: Stage, before: Resource, properties: Properties) -> Made:
    name = before.physical_id or ""
    await _set_boundary(stage, "User", name, before.properties, properties)
    await _set_policies(stage, "User", name, before.properties, properties)
    await _set_groups(stage, name, before.properties.get("Groups", []), properties.get("Groups", []))
    await _retag(stage, "User", name, before.properties, properties)
    return Made(name, before.attributes)


async def _delete_user(stage: Stage, resource: Resource) -> None:
    """Access keys that others made for it stay in the way, as on AWS."""
    name = resource.physical_id or ""
    await _set_groups(stage, name, resource.properties.get("Groups", []), [])
    if await _strip(stage, "User", name):
        await stage.aws_unless_gone("iam", "DeleteUser", GONE, UserName=name)


async def _create_group(stage: Stage, properties: Properties) -> Made:
    answer = await stage.aws("iam", "CreateGroup", GroupName=stage.name, **only(properties, "Path"))
    await _set_policies(stage, "Group", stage.name, {}, properties)
    return Made(stage.name, {"Arn": answer["Group"]["Arn"]})


async def _update_group(stage: Stage, before: Resource, properties: Properties) -> Made:
    await _set_policies(stage, "Group", before.physical_id or "", before.properties, properties)
    return Made(before.physical_id or "", before.attributes)


async def _delete_group(stage: Stage, resource: Resource) -> None:
    if await _strip(stage, "Group", resource.physical_id or ""):
        await stage.aws_unless_gone("iam", "DeleteGroup", GONE, GroupName=resource.physical_id)


# ── access keys ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _create_key(stage: Stage, properties: Properties) -> Made:
    user = properties["UserName"]
    key = (await stage.aws("iam", "CreateAccessKey", UserName=user))["AccessKey"]
    if properties.get("Status") == "Inactive":
        await stage.aws("iam", "UpdateAccessKey", UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    return Made(key["AccessKeyId"], secrets={"SecretAccessKey": key["SecretAccessKey"]})


async def _update_key(stage: Stage, before: Resource, properties: Properties) -> Made:
    status = properties.get("Status", "Active")
    user = properties["UserName"]
    await stage.aws("iam", "UpdateAccessKey", UserName=user, AccessKeyId=before.physical_id, Status=status)
    return Made(before.physical_id or "", before.attributes)


async def _delete_key(stage: Stage, resource: Resource) -> None:
    user = resource.properties["UserName"]
    await stage.aws_unless_gone("iam", "DeleteAccessKey", GONE, UserName=user, AccessKeyId=resource.physical_id)


_POLICIES = words("Policies ManagedPolicyArns")
KINDS = (
    Kind(
        "AWS::IAM::Role",
        _POLICIES
        | words("AssumeRolePolicyDocument Description MaxSessionDuration Path PermissionsBoundary RoleName Tags"),
        _create_role,
        _delete_role,
        _update_role,
        required=words("AssumeRolePolicyDocument"),
        name_property="RoleName",
        name_max=64,
    ),
    Kind(
        "AWS::IAM::User",
        _POLICIES | words("Groups Path PermissionsBoundary Tags UserName"),
        _create_user,
        _delete_user,
        _update_user,
        name_property="UserName",
        name_max=64,
    ),
    Kind(
        "AWS::IAM::Group",
        _POLICIES | words("GroupName Path"),
        _create_group,
        _delete_group,
        _update_group,
        name_property="GroupName",
        name_max=128,
    ),
    Kind(
        "AWS::IAM::AccessKey",
        words("Serial Status UserName"),
        _create_key,
        _delete_key,
        _update_key,
        required=words("UserName"),
    ),
)
