"""AWS's sentence for a denied call.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

_EXPLICIT = {
    "identity": "an identity-based policy",
    "resource": "a resource-based policy",
    "boundary": "a permissions boundary",
    "session": "a session policy",
    "trust": "the role trust policy",
}
_IMPLICIT = {
    "identity": "identity-based policy",
    "resource": "resource-based policy",
    "boundary": "permissions boundary",
    "session": "session policy",
    "trust": "role trust policy",
}


def denial(principal: str, action: str, resource: str, kind: str, explicit: bool) -> str:
    """`kind` is the kind of policy that decided: identity, resource, boundary, session, trust or malformed."""
    start = f"User: {principal} is not authorized to perform: {action} on resource: {resource}"
    if kind == "malformed":
        return f"{start} because a policy that applies cannot be read"
    if explicit:
        return f"{start} with an explicit deny in {_EXPLICIT[kind]}"
    return f"{start} because no {_IMPLICIT[kind]} allows the {action} action"
