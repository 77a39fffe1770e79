"""Which action and entity each IAM operation asks IAM about.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cloudlet.base.errors import aws_error
from cloudlet.kit import arn as arns
from cloudlet.kit import tags
from cloudlet.kit.arn import arn
from cloudlet.kit.call import Call
from cloudlet.kit.policy import Access
from cloudlet.kit.service import AccessRule
from cloudlet.services.iam.lookup import GROUP, POLICY, PROFILE, ROLE, USER, Kind, find

Context = dict[str, str | tuple[str, ...]]

_AWS_OWN = "aws"  # stands for the account in the ARNs of AWS's managed policies


def _check_session(call: Call) -> None:
    """Credentials of GetSessionToken and GetFederationToken may not call IAM without MFA.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    is_temporary = "aws:TokenIssueTime" in call.session_context
    has_mfa = call.session_context.get("aws:MultiFactorAuthPresent") == "true"
    is_barred = call.principal.type in ("User", "Root") and not has_mfa
    if is_temporary and (is_barred or call.principal.type == "FederatedUser"):
        raise aws_error("InvalidClientTokenId", "The security token included in the request is invalid", 403)


def _tags_asked(request: Mapping[str, Any]) -> Context:
    """The keys that describe tags in the request."""
    return tags.asked(tags.from_list(request.get("Tags")), request.get("TagKeys"))


def _facts(entity: Any) -> Context:
    """The keys that describe an entity that is there."""
    context: Context = {}
    for key, value in getattr(entity, "tags", {}).items():
        context[f"aws:ResourceTag/{key}"] = context[f"iam:ResourceTag/{key}"] = value
    if getattr(entity, "boundary", ""):
        context["iam:PermissionsBoundary"] = entity.boundary
    return context


def _access(call: Call, action: str, kind: Kind, name: str, request: Mapping[str, Any]) -> Access:
    """The access to one entity, found or not."""
    _check_session(call)
    entity = find(call.tx, call.keys, kind, name)
    resource = entity.arn if entity is not None else arn("iam", "", call.account, f"{kind.in_arn}/{name}")
    context = _facts(entity) | _tags_asked(request)
    if request.get("PolicyArn"):
        context["iam:PolicyARN"] = request["PolicyArn"]
    if request.get("PermissionsBoundary"):
        context["iam:PermissionsBoundary"] = request["PermissionsBoundary"]
    return Access(f"iam:{action}", resource, call.account, None, context)


def _named(kind: Kind) -> Callable[[str], AccessRule]:
    """Rules of operations on the entity that the request names (UserName …)."""

    def make(action: str) -> AccessRule:
        def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
            return (_access(call, action, kind, request.get(kind.member, ""), request),)

        return rule

    return make


def _renamed(kind: Kind) -> Callable[[str], AccessRule]:
    """Rules of operations that may move an entity: asked for where it is, and for where it goes.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html
    """

    def make(action: str) -> AccessRule:
        def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
            access = _access(call, action, kind, request.get(kind.member, ""), request)
            entity = find(call.tx, call.keys, kind, request.get(kind.member, ""))
            path = request.get("NewPath") or (entity.path if entity is not None else "/")
            name = request.get(f"New{kind.member}") or request.get(kind.member, "")
            target = arn("iam", "", call.account, f"{kind.in_arn}{path}{name}")
            if entity is None or target == entity.arn:
                return (access,)
            return (access, Access(access.action, target, call.account, None, access.context))

        return rule

    return make


def _new(kind: Kind) -> Callable[[str], AccessRule]:
    """Rules of operations that make an entity, at a path of the request's."""

    def make(action: str) -> AccessRule:
        def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
            _check_session(call)
            name = f"{kind.in_arn}{request.get('Path', '/')}{request.get(kind.member, '')}"
            resource = arn("iam", "", call.account, name)
            context = _tags_asked(request)
            if request.get("PermissionsBoundary"):
                context["iam:PermissionsBoundary"] = request["PermissionsBoundary"]
            tagging = (Access(f"iam:Tag{kind.word}", resource, call.account, None, context),)
            made = (Access(f"iam:{action}", resource, call.account, None, context),)
            return made + tagging if request.get("Tags") else made

        return rule

    return make


def _user_or_caller(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        name = request.get("UserName")
        if name is not None or call.principal.type == "User":
            return (_access(call, action, USER, name or call.principal.name, request),)
        _check_session(call)
        return (Access(f"iam:{action}", call.principal.arn, call.account),)

    return rule


def _by_policy(action: str) -> AccessRule:
    """Rules of operations on a managed policy. AWS's own belong to nobody who could change them."""

    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        policy_arn = request.get("PolicyArn", "")
        account = arns.account_of(policy_arn)
        if account == call.account:
            access = _access(call, action, POLICY, policy_arn.rpartition("/")[2], request)
            return (Access(access.action, policy_arn, account, None, access.context),)
        _check_session(call)
        is_readable = account == _AWS_OWN and action.startswith(("Get", "List"))
        return (Access(f"iam:{action}", policy_arn, call.account if is_readable or not account else account),)

    return rule


def _whole(resource: str) -> Callable[[str], AccessRule]:
    """Rules of operations on all entities of a kind, or on the account."""

    def make(action: str) -> AccessRule:
        def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
            _check_session(call)
            path = request.get("PathPrefix", "/")
            return (Access(f"iam:{action}", resource.format(account=call.account, path=path), call.account),)

        return rule

    return make


def _all_of(kind: Kind) -> Callable[[str], AccessRule]:
    return _whole(f"arn:aws:iam::{{account}}:{kind.in_arn}{{path}}")


def _by_source(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        _check_session(call)
        return (Access(f"iam:{action}", request.get("PolicySourceArn", ""), call.account),)

    return rule


def _add_role_to_profile(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    """Handing a role to EC2 is passing it on."""
    role = _access(call, "PassRole", ROLE, request.get("RoleName", ""), {})
    context = dict(role.context) | {"iam:PassedToService": "ec2.amazonaws.com"}
    return (
        _access(call, "AddRoleToInstanceProfile", PROFILE, request.get("InstanceProfileName", ""), {}),
        Access(role.action, role.resource, role.resource_account, None, context),
    )


_CARRIED = "Attach{}Policy Detach{}Policy ListAttached{}Policies Put{}Policy Get{}Policy Delete{}Policy List{}Policies"
_RULES: tuple[tuple[Callable[[str], AccessRule], str], ...] = (
    (_new(USER), "CreateUser"),
    (_renamed(USER), "UpdateUser"),
    (_named(USER), "DeleteUser TagUser UntagUser ListUserTags ListGroupsForUser PutUserPermissionsBoundary"
     " DeleteUserPermissionsBoundary " + _CARRIED.replace("{}", "User")),
    (_user_or_caller, "GetUser CreateAccessKey UpdateAccessKey DeleteAccessKey ListAccessKeys"),
    (_new(GROUP), "CreateGroup"),
    (_renamed(GROUP), "UpdateGroup"),
    (_named(GROUP), "GetGroup DeleteGroup AddUserToGroup RemoveUserFromGroup "
     + _CARRIED.replace("{}", "Group")),
    (_new(ROLE), "CreateRole"),
    (_named(ROLE), "GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole TagRole UntagRole"
     " ListRoleTags PutRolePermissionsBoundary DeleteRolePermissionsBoundary ListInstanceProfilesForRole "
     + _CARRIED.replace("{}", "Role")),
    (_new(POLICY), "CreatePolicy"),
    (_by_policy, "GetPolicy DeletePolicy ListEntitiesForPolicy CreatePolicyVersion GetPolicyVersion DeletePolicyVersion"
     " ListPolicyVersions SetDefaultPolicyVersion TagPolicy UntagPolicy ListPolicyTags"),
    (_new(PROFILE), "CreateInstanceProfile"),
    (_named(PROFILE), "GetInstanceProfile DeleteInstanceProfile RemoveRoleFromInstanceProfile TagInstanceProfile"
     " UntagInstanceProfile ListInstanceProfileTags"),
    (_all_of(USER), "ListUsers"), (_all_of(GROUP), "ListGroups"), (_all_of(ROLE), "ListRoles"),
    (_all_of(PROFILE), "ListInstanceProfiles"), (_whole("policy path {path}"), "ListPolicies"),
    (_by_source, "SimulatePrincipalPolicy GetContextKeysForPrincipalPolicy"),
    (_whole("*"), "CreateAccountAlias DeleteAccountAlias ListAccountAliases GetAccountSummary"
     " GetAccountAuthorizationDetails SimulateCustomPolicy GetContextKeysForCustomPolicy GetAccessKeyLastUsed"),
)  # fmt: skip

ACCESS: dict[str, AccessRule] = {
    **{operation: make(operation) for make, operations in _RULES for operation in operations.split()},
    "AddRoleToInstanceProfile": _add_role_to_profile,
}
