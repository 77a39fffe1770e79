"""The Principal element: whom a resource-based policy names, and how closely it names the caller.

How closely decides what else must allow (see evaluate.py):
- DIRECT: the caller's own ARN or unique id, its service, or everybody (`*`).
- ROLE: the role behind the caller's session, or the user behind a federated user.
- ACCOUNT: the caller's account, which leaves it to that account's own policies.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import re
from collections.abc import Mapping
from enum import IntEnum

from cloudlet.kit.policy.request import Principal


class Named(IntEnum):
    """In the order of strength."""

    NOT = 0
    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


_ACCOUNT = re.compile(r"\d{12}")
_ROOT = re.compile(r"arn:[a-z-]+:iam::(\d{12}):root")
_IDENTITY = re.compile(
    r"arn:[a-z-]+:(?:iam::\d{12}:(?:root|(?:user|role)/[^*?]+)|sts::\d{12}:(?:assumed-role|federated-user)/[^*?]+)"
)
_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,124}")
_SERVICE = re.compile(r"[A-Za-z0-9.-]+\.[A-Za-z0-9-]+")


class PrincipalElement:
    """A compiled Principal (or NotPrincipal) element."""

    __slots__ = ("accounts", "anyone", "anyone_federated", "names", "services")

    def __init__(self, element: Mapping[str, list[str]]) -> None:
        aws = element.get("AWS", [])
        self.anyone = "*" in aws
        self.accounts = frozenset(account for account in map(_account_of, aws) if account)
        self.names = (
            frozenset(aws) | frozenset(element.get("Federated", [])) | frozenset(element.get("CanonicalUser", []))
        )
        self.anyone_federated = "*" in element.get("Federated", [])
        self.services = frozenset(service.lower() for service in element.get("Service", []))

    def named(self, principal: Principal) -> Named:
        """How closely the element names the caller."""
        if self.anyone:
            return Named.DIRECT
        if principal.type == "Service":
            known = "*" in self.services or (principal.service or "").lower() in self.services
            return Named.DIRECT if known else Named.NOT
        if principal.type == "Anonymous":
            return Named.NOT
        names = self.names
        if principal.arn in names or (principal.user_id and principal.user_id in names):
            return Named.DIRECT
        if self.anyone_federated and principal.type == "FederatedUser":
            return Named.DIRECT
        if principal.role_arn in names:
            return Named.ROLE
        if principal.type == "AssumedRole" and principal.user_id.partition(":")[0] in names:
            return Named.ROLE  # AROA…: what a trust policy holds in place of a role's ARN
        if principal.account in self.accounts:
            return Named.DIRECT if principal.type == "Root" else Named.ACCOUNT
        return Named.NOT


def _account_of(name: str) -> str | None:
    if _ACCOUNT.fullmatch(name):
        return name
    root = _ROOT.fullmatch(name)
    return root[1] if root else None


def find_invalid_name(element: Mapping[str, list[str]]) -> tuple[str, str] | None:
    """The first entry (kind, name) that names nobody by its form; wildcards stand for everybody or not at all."""
    for kind, names in element.items():
        for name in names:
            if kind == "AWS" and not (
                name == "*" or _ACCOUNT.fullmatch(name) or _IDENTITY.fullmatch(name) or _UNIQUE_ID.fullmatch(name)
            ):
                return kind, name
            if (kind == "Service" and name != "*" and not _SERVICE.fullmatch(name)) or not name:
                return kind, name
    return None
