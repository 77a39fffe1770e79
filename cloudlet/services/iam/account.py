"""The account as a whole: its alias, what it holds, and everything in it at once."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.tags import to_list
from cloudlet.services.iam import errors, managed_policies, rules
from cloudlet.services.iam.attachment import name_of, shown_boundary
from cloudlet.services.iam.documents import sent
from cloudlet.services.iam.group import shown_group
from cloudlet.services.iam.instance_profile import shown_profile
from cloudlet.services.iam.keys import Keys
from cloudlet.services.iam.lookup import PROFILE, find_by_id, list_rows
from cloudlet.services.iam.policy import listed_policy
from cloudlet.services.iam.records import Carrier, Group, InstanceProfile, Policy, PolicyVersion, Role, User
from cloudlet.services.iam.role import shown_role
from cloudlet.services.iam.service import iam
from cloudlet.services.iam.user import listed_user


@iam.operation("CreateAccountAlias")
def create_account_alias(call: Call, request: dict[str, Any]) -> None:
    """One alias an account, unique among all; another replaces it."""
    alias = request["AccountAlias"]
    holder = call.tx.get(Keys.alias_of.key(alias))
    if holder is not None and holder != call.account.encode():
        raise errors.EntityAlreadyExists(f"The account alias {alias} already exists.")
    old = call.tx.get(call.keys.alias)
    if old is not None:
        call.tx.delete(Keys.alias_of.key(old.decode()))
    call.tx.put(call.keys.alias, alias.encode())
    call.tx.put(Keys.alias_of.key(alias), call.account.encode())


@iam.operation("DeleteAccountAlias")
def delete_account_alias(call: Call, request: dict[str, Any]) -> None:
    alias = request["AccountAlias"]
    if call.tx.get(call.keys.alias) != alias.encode():
        raise errors.NoSuchEntity(f"The account alias {alias} cannot be found.")
    call.tx.delete(call.keys.alias)
    call.tx.delete(Keys.alias_of.key(alias))


@iam.operation("ListAccountAliases")
def list_account_aliases(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    alias = call.tx.get(call.keys.alias)
    return {"AccountAliases": [alias.decode()] if alias else [], "IsTruncated": False}


@iam.operation("GetAccountSummary")
def get_account_summary(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """PolicyVersionsInUse is left out: nothing counts it."""
    users, groups, roles, policies, profiles = call.keys.counts.values(call.tx)
    limits = {kind: limit for kind, (_, limit) in rules.PER_ACCOUNT_MAX.items()}
    summary = {
        "Users": users,
        "UsersQuota": limits["user"],
        "Groups": groups,
        "GroupsQuota": limits["group"],
        "Roles": roles,
        "RolesQuota": limits["role"],
        "Policies": policies,
        "PoliciesQuota": limits["policy"],
        "InstanceProfiles": profiles,
        "InstanceProfilesQuota": limits["instance-profile"],
        "AccessKeysPerUserQuota": rules.ACCESS_KEYS_PER_USER_MAX,
        "GroupsPerUserQuota": rules.GROUPS_PER_USER_MAX,
        "AttachedPoliciesPerUserQuota": rules.ATTACHED_MAX,
        "AttachedPoliciesPerGroupQuota": rules.ATTACHED_MAX,
        "AttachedPoliciesPerRoleQuota": rules.ATTACHED_MAX,
        "VersionsPerPolicyQuota": rules.VERSIONS_MAX,
        "PolicySizeQuota": rules.POLICY_CHARACTERS_MAX,
        "UserPolicySizeQuota": rules.INLINE_CHARACTERS_MAX[User],
        "GroupPolicySizeQuota": rules.INLINE_CHARACTERS_MAX[Group],
        "RolePolicySizeQuota": rules.INLINE_CHARACTERS_MAX[Role],
        "AssumeRolePolicySizeQuota": rules.TRUST_CHARACTERS_MAX,
        "AccountMFAEnabled": 0,
        "AccountPasswordPresent": 0,
        "AccountAccessKeysPresent": 0,
        "MFADevices": 0,
        "MFADevicesInUse": 0,
        "Providers": 0,
        "ServerCertificates": 0,
        "GlobalEndpointTokenVersion": 1,
    }
    return {"SummaryMap": summary}


# ── GetAccountAuthorizationDetails ────────────────────────────────────────────────────────────────────────────────

_FILTERS: dict[Any, str] = {User: "User", Group: "Group", Role: "Role", Policy: "LocalManagedPolicy"}
_NOT_IN_DETAILS = ("Description", "MaxSessionDuration")
_LISTS: dict[Any, str] = {User: "UserDetailList", Group: "GroupDetailList", Role: "RoleDetailList", Policy: "Policies"}


@iam.operation("GetAccountAuthorizationDetails")
def get_account_authorization_details(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """All kinds in one list of pages; AWS's own policies that are attached come with the last."""
    wanted = request.get("Filter") or [*_FILTERS.values(), "AWSManagedPolicy"]

    def make(_: bytes, entity_id: bytes) -> Any:
        entity = find_by_id(call.tx, call.keys, entity_id.decode())
        if isinstance(entity, InstanceProfile) or _FILTERS[type(entity)] not in wanted:
            return None
        return _LISTS[type(entity)], _DETAILS[type(entity)](call, entity)

    details, more = list_rows(call, request, call.keys.name, make)
    answer: dict[str, Any] = {name: [] for name in _LISTS.values()}
    for name, detail in details:
        answer[name].append(detail)
    if not more["IsTruncated"] and "AWSManagedPolicy" in wanted:
        for policy in managed_policies.POLICIES.values():
            shown = listed_policy(call, policy)
            if shown["AttachmentCount"] or shown["PermissionsBoundaryUsageCount"]:
                answer["Policies"].append(shown | {"PolicyVersionList": [_version(policy.version, 1)]})
    return answer | more


def _carried(entity: Carrier) -> dict[str, Any]:
    """Inline and attached policies, under the names that the three kinds share."""
    inline = [{"PolicyName": name, "PolicyDocument": sent(text)} for name, text in entity.inline.items()]
    attached = [{"PolicyName": name_of(arn), "PolicyArn": arn} for arn in entity.attached]
    return {f"{type(entity).__name__}PolicyList": inline, "AttachedManagedPolicies": attached}


def _user(call: Call, user: User) -> dict[str, Any]:
    groups = [find_by_id(call.tx, call.keys, group_id).name for group_id in user.groups]
    tags = to_list(user.tags)
    return listed_user(user) | _carried(user) | shown_boundary(user) | {"GroupList": groups, "Tags": tags}


def _group(call: Call, group: Group) -> dict[str, Any]:
    return shown_group(group) | _carried(group)


def _role(call: Call, role: Role) -> dict[str, Any]:
    holders = call.keys.holder[role.id]
    _, profiles_max = rules.PER_ACCOUNT_MAX[PROFILE.in_arn]
    rows = call.tx.all(*holders.range(), rows_max=profiles_max)
    profiles = [find_by_id(call.tx, call.keys, str(holders.unpack(key)[0])) for key, _ in rows]
    shown = [shown_profile(call, profile) for profile in profiles]
    told = {name: value for name, value in shown_role(call, role).items() if name not in _NOT_IN_DETAILS}
    return told | _carried(role) | {"InstanceProfileList": shown, "Tags": to_list(role.tags)}


def _policy(call: Call, policy: Policy) -> dict[str, Any]:
    rows = call.tx.all(*call.keys.version.range(policy.id), rows_max=rules.VERSIONS_MAX)
    versions = [_version(PolicyVersion.decode(stored), policy.default_version) for _, stored in rows]
    return listed_policy(call, policy) | {"PolicyVersionList": versions}


def _version(version: PolicyVersion, default: int) -> dict[str, Any]:
    return {
        "Document": sent(version.document),
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": version.number == default,
        "CreateDate": version.created_ms,
    }


_DETAILS: dict[type, Any] = {User: _user, Group: _group, Role: _role, Policy: _policy}
