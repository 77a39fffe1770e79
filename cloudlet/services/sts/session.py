"""Sessions of users: GetSessionToken and GetFederationToken."""

from typing import Any

from cloudlet.kit.arn import arn
from cloudlet.kit.call import Call
from cloudlet.services.sts import errors, rules
from cloudlet.services.sts.credentials import issue, session_policies
from cloudlet.services.sts.service import sts


def _check_long_term(call: Call, operation: str) -> None:
    if "aws:TokenIssueTime" in call.session_context or call.principal.type not in ("User", "Root"):
        raise errors.AccessDenied(f"Cannot call {operation} with session credentials")


def _duration_s(call: Call, request: dict[str, Any]) -> int:
    """Root's sessions end after an hour, whatever it asks for."""
    if call.principal.type == "Root":
        return min(request.get("DurationSeconds", rules.ROOT_SESSION_S), rules.ROOT_SESSION_S)
    return request.get("DurationSeconds", rules.SESSION_S)


@sts.operation("GetSessionToken")
def get_session_token(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The same principal with other credentials: all that the user's policies allow, but IAM and most of STS."""
    rules.check_supported(request)
    _check_long_term(call, "GetSessionToken")
    principal = call.principal
    credentials = issue(
        call,
        call.account,
        _duration_s(call, request),
        principal_arn=principal.arn,
        user_id=principal.user_id,
        principal_type=principal.type,
        session_name=principal.name,
        tags=dict(principal.tags),
    )
    return {"Credentials": credentials}


@sts.operation("GetFederationToken")
def get_federation_token(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Someone unknown to IAM, with what both the user's policies and the session policy allow."""
    rules.check_supported(request)
    _check_long_term(call, "GetFederationToken")
    policies, tags, name = session_policies(call, request), rules.tags_of(request), request["Name"]
    packed = rules.packed_percent(policies, tags)
    user = {
        "FederatedUserId": f"{call.account}:{name}",
        "Arn": arn("sts", "", call.account, f"federated-user/{name}"),
    }
    credentials = issue(
        call,
        call.account,
        _duration_s(call, request),
        principal_arn=user["Arn"],
        user_id=user["FederatedUserId"],
        principal_type="FederatedUser",
        session_name=name,
        role_arn=call.principal.arn,
        role_id=call.principal.user_id,
        session_policies=policies,
        tags=tags,
    )
    answer: dict[str, Any] = {"Credentials": credentials, "FederatedUser": user}
    if packed is not None:
        answer["PackedPolicySize"] = packed
    return answer
