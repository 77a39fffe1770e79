"""What each STS operation asks IAM about. A role's trust policy takes part as the resource policy of the role.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
"""

from collections.abc import Sequence
from typing import Any

from cloudlet.kit import arn as arns
from cloudlet.kit import tags
from cloudlet.kit.authority import everyone
from cloudlet.kit.call import Call
from cloudlet.kit.policy import Access, NamedPolicy
from cloudlet.kit.service import AccessRule
from cloudlet.services.sts import chain


def _assume_role(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    role_arn = request.get("RoleArn", "")
    role = call.node.identities.find_role(call.tx, role_arn)
    context = tags.asked(tags.from_list(request.get("Tags")))
    for member, key in (
        ("ExternalId", "sts:ExternalId"),
        ("RoleSessionName", "sts:RoleSessionName"),
        ("SourceIdentity", "sts:SourceIdentity"),
    ):
        if request.get(member):
            context[key] = request[member]
    if request.get("TransitiveTagKeys"):
        context["sts:TransitiveTagKeys"] = tuple(request["TransitiveTagKeys"])
    for key, value in role.tags.items() if role else ():
        context[f"aws:ResourceTag/{key}"] = context[f"iam:ResourceTag/{key}"] = value
    trust = NamedPolicy("trust policy", role.trust_policy) if role else None
    account = arns.account_of(role_arn) or call.account
    actions = ["sts:AssumeRole"]
    if request.get("Tags") or chain.inherited_tags(call):
        actions.append("sts:TagSession")
    if request.get("SourceIdentity") or chain.source_identity(call):
        actions.append("sts:SetSourceIdentity")
    return tuple(Access(action, role_arn, account, trust, context) for action in actions)


def _get_federation_token(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    resource = arns.arn("sts", "", call.account, f"federated-user/{request.get('Name', '')}")
    context = tags.asked(tags.from_list(request.get("Tags")))
    access = Access("sts:GetFederationToken", resource, call.account, None, context)
    if not request.get("Tags"):
        return (access,)
    return (access, Access("sts:TagSession", resource, call.account, None, access.context))


def _get_access_key_info(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return (Access("sts:GetAccessKeyInfo", "*", call.account),)


ACCESS: dict[str, AccessRule] = {
    "AssumeRole": _assume_role,
    "GetFederationToken": _get_federation_token,
    "GetAccessKeyInfo": _get_access_key_info,
    "GetCallerIdentity": everyone,  # needs no permission, and none can take it away
    "GetSessionToken": everyone,  # as AWS: "no permissions are required"
}
