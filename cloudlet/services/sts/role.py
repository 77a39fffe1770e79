"""AssumeRole.

Unlike on AWS the root user may assume roles: it is the credential that tools use by default here. A role's tags are
those it has when it is assumed; AWS reads them at each request.
"""

from typing import Any

from cloudlet.kit.arn import arn
from cloudlet.kit.call import Call
from cloudlet.kit.ports import AssumableRole
from cloudlet.services.sts import chain, errors, rules
from cloudlet.services.sts.credentials import issue, session_policies
from cloudlet.services.sts.service import sts


@sts.operation("AssumeRole")
def assume_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.check_supported(request)
    role = call.node.identities.find_role(call.tx, request["RoleArn"])
    if role is None:
        raise errors.AccessDenied(
            f"User: {call.principal.arn} is not authorized to perform: sts:AssumeRole on resource: {request['RoleArn']}"
        )
    duration_s = _duration_s(call, request, role)
    policies = session_policies(call, request)
    tags, inherited = rules.tags_of(request), chain.inherited_tags(call)
    _check_not_overridden(tags, inherited)
    session_tags = inherited | tags
    packed = rules.packed_percent(policies, tags)
    transitive_names = {name.lower() for name in request.get("TransitiveTagKeys") or ()}
    transitive = inherited | {key: value for key, value in tags.items() if key.lower() in transitive_names}
    source_identity = _source_identity(call, request)
    session_name = request["RoleSessionName"]
    user = {
        "AssumedRoleId": f"{role.id}:{session_name}",
        "Arn": arn("sts", "", role.account, f"assumed-role/{role.name}/{session_name}"),
    }
    credentials = issue(
        call,
        role.account,
        duration_s,
        principal_arn=user["Arn"],
        user_id=user["AssumedRoleId"],
        session_name=session_name,
        role_arn=role.arn,
        role_id=role.id,
        session_policies=policies,
        source_identity=source_identity,
        tags=_principal_tags(role, session_tags),
        transitive_tag_keys=tuple(transitive),
        further_context=chain.handing_on(transitive),
    )
    answer: dict[str, Any] = {"Credentials": credentials, "AssumedRoleUser": user}
    if packed is not None:
        answer["PackedPolicySize"] = packed
    if source_identity is not None:
        answer["SourceIdentity"] = source_identity
    return answer


def _duration_s(call: Call, request: dict[str, Any], role: AssumableRole) -> int:
    duration_s = request.get("DurationSeconds", rules.ROLE_SESSION_S)
    if call.principal.type == "AssumedRole" and duration_s > rules.ROLE_SESSION_S:
        raise errors.ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        )
    if duration_s > role.max_session_s and call.principal.type != "Service":
        raise errors.ValidationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return duration_s


def _check_not_overridden(tags: dict[str, str], inherited: dict[str, str]) -> None:
    """A transitive tag goes through the whole chain as it is."""
    names = {key.lower() for key in inherited}
    for key in tags:
        if key.lower() in names:
            raise errors.InvalidParameterValue(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key"
                " from the calling session."
            )


def _source_identity(call: Call, request: dict[str, Any]) -> str | None:
    given, earlier = request.get("SourceIdentity"), chain.source_identity(call)
    if given and earlier and given != earlier:
        raise errors.AccessDenied("The source identity of a session cannot be changed by role chaining.")
    return given or earlier


def _principal_tags(role: AssumableRole, session_tags: dict[str, str]) -> dict[str, str]:
    """Session tags go before the role's own of the same name."""
    names = {key.lower() for key in session_tags}
    return {key: value for key, value in role.tags.items() if key.lower() not in names} | session_tags
