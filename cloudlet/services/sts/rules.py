"""Limits and checks that the STS model does not state.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
"""

import zlib
from typing import Any

from cloudlet.base.errors import aws_error
from cloudlet.kit import tags
from cloudlet.kit.policy import MalformedPolicy, check
from cloudlet.services.sts import errors

ROLE_SESSION_S = 3600  # where the request says nothing; the most for a role assumed by a role
SESSION_S = 12 * 3600  # of GetSessionToken and GetFederationToken
ROOT_SESSION_S = 3600
POLICY_CHARACTERS_MAX = 2048
POLICY_ARNS_MAX = 10
PACKED_BYTES_MAX = 2048

_UNSUPPORTED = {
    "SerialNumber": "there are no MFA devices",
    "TokenCode": "there are no MFA devices",
    "ProvidedContexts": "there is no IAM Identity Center",
    "MinimumSessionTokenSize": "tokens are as long as their session",
}


def check_supported(request: dict[str, Any]) -> None:
    for name, reason in _UNSUPPORTED.items():
        if request.get(name):
            raise aws_error("NotImplemented", f"{name} is not supported: {reason}.", 501)


def tags_of(request: dict[str, Any]) -> dict[str, str]:
    """The session tags of a request. Keys are the same whatever their case."""
    repeated = errors.InvalidParameterValue("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    found = tags.distinct(request.get("Tags"), repeated, ignore_case=True)
    if tags.are_reserved(found):
        raise errors.InvalidParameterValue("Tag keys beginning with aws: are reserved for system use.")
    known = {key.lower() for key in found}
    if any(key.lower() not in known for key in request.get("TransitiveTagKeys") or ()):
        raise errors.InvalidParameterValue("The specified transitive tag key must be included in the requested tags.")
    return found


def session_policies(request: dict[str, Any]) -> tuple[str, ...] | None:
    """The session policies of a request, documents and ARNs; None without any."""
    document = request.get("Policy")
    policies = [entry["arn"] for entry in request.get("PolicyArns") or () if "arn" in entry]
    if len(policies) > POLICY_ARNS_MAX:
        raise errors.ValidationError(f"No more than {POLICY_ARNS_MAX} managed session policies can be given.")
    if document is not None:
        if len(document) > POLICY_CHARACTERS_MAX:
            raise errors.PackedPolicyTooLarge(percent=len(document) * 100 // POLICY_CHARACTERS_MAX)
        try:
            check(document, "session")
        except MalformedPolicy as error:
            raise errors.MalformedPolicyDocument(error.message) from error
        policies.append(document)
    return tuple(policies) if policies else None


def packed_percent(policies: tuple[str, ...] | None, tags: dict[str, str]) -> int | None:
    """How much of the room for policies and tags is used; None without any."""
    if not policies and not tags:
        return None
    text = "\n".join([*(policies or ()), *(f"{key}={value}" for key, value in tags.items())])
    packed = zlib.compress(text.encode(), 9)
    percent = -(-len(packed) * 100 // PACKED_BYTES_MAX)
    if percent > 100:
        raise errors.PackedPolicyTooLarge(percent=percent)
    return percent
