"""Making temporary credentials: key, secret, and a token that carries the session."""

from typing import Any

from cloudlet.base import ids
from cloudlet.kit.access_key_id import new_access_key_id
from cloudlet.kit.call import Call
from cloudlet.kit.session_token import SessionClaims, SessionTooLarge, mint
from cloudlet.services.sts import errors, rules


def issue(call: Call, account: str, duration_s: int, **claims: Any) -> dict[str, Any]:
    """The Credentials of an answer. Their end is a moment of the wall clock, which other machines check too."""
    now_ms = call.node.clock.wall_ms() // 1000 * 1000
    access_key_id, secret = new_access_key_id("ASIA", account), ids.secret_access_key()
    expires_ms = now_ms + duration_s * 1000
    session = SessionClaims(
        access_key_id=access_key_id,
        secret=secret,
        account=account,
        issued_ms=now_ms,
        expires_ms=expires_ms,
        **claims,
    )
    try:
        token = mint(call.node.sealer, session)
    except SessionTooLarge as error:
        raise errors.PackedPolicyTooLarge(percent=101) from error
    return {
        "AccessKeyId": access_key_id,
        "SecretAccessKey": secret,
        "SessionToken": token,
        "Expiration": expires_ms,
    }


def session_policies(call: Call, request: dict[str, Any]) -> tuple[str, ...] | None:
    """The session policies of a request: documents, and ARNs of managed policies that are there. None without any."""
    policies = rules.session_policies(request)
    for policy_arn in (text for text in policies or () if text.startswith("arn:")):
        if call.node.identities.find_managed_policy(call.tx, policy_arn) is None:
            raise errors.InvalidParameterValue(f"Policy {policy_arn} does not exist or is not attachable.")
    return policies
