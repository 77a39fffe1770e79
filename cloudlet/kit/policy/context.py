"""The request context: every key that conditions and variables may read, by its name in lower case.

Built at the first look-up only: most statements have neither conditions nor variables.
Names are compared without regard to case; for one name the given context goes before the service's keys, and both
before what follows from the principal.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cloudlet.kit.policy.request import Access, Principal

_PRINCIPAL_TYPES = {"Root": "Account", "User": "User", "AssumedRole": "AssumedRole", "FederatedUser": "FederatedUser"}


class Keys(dict[str, tuple[str, ...]]):
    """A given context whose names are in lower case already, and whose values are in their one form."""


Given = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


class Context:
    """What one request carries: `get("aws:sourceip")` answers a tuple of texts, or None if the key is absent."""

    __slots__ = ("_access", "_given", "_keys", "_others", "_principal", "read")

    def __init__(self, principal: Principal, access: Access, given: Given) -> None:
        self._principal, self._access, self._given = principal, access, given
        self._keys: Keys | None = None
        self._others: dict[str, tuple[str, ...]] | None = None  # what the given context doesn't have
        self.read: dict[str, tuple[str, ...] | None] = {}  # every key that was asked for, and the answer

    def get(self, key: str) -> tuple[str, ...] | None:
        if self._keys is None:
            self._keys = _keys(self._given() if callable(self._given) else self._given)
        found = self._keys.get(key)
        if found is None:
            if self._others is None:
                self._others = _others(self._principal, self._access)
            found = self._others.get(key)
        self.read[key] = found
        return found

    def single(self, key: str) -> str | None:
        """The value of a key that has exactly one: only such keys can stand for a variable."""
        values = self.get(key)
        return values[0] if values is not None and len(values) == 1 else None


def _keys(given: Mapping[str, Any]) -> Keys:
    return given if isinstance(given, Keys) else Keys((name.lower(), as_texts(value)) for name, value in given.items())


def _others(principal: Principal, access: Access) -> dict[str, tuple[str, ...]]:
    values = _principal_values(principal)
    if access.resource_account:
        values["aws:resourceaccount"] = (access.resource_account,)
    for name, value in access.context.items():
        values[name.lower()] = as_texts(value)
    return values


def _principal_values(principal: Principal) -> dict[str, tuple[str, ...]]:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable"""
    values: dict[str, tuple[str, ...]] = {
        "aws:principaltype": (_PRINCIPAL_TYPES.get(principal.type, "Anonymous"),),
        "aws:principalisawsservice": ("true" if principal.type == "Service" else "false",),
    }
    if principal.type == "Service":
        values["aws:principalservicename"] = (principal.service or "",)
        return values
    if principal.type == "Anonymous":
        return values
    # Of an assumed role the key names the role, not the session; of a federated user the session.
    is_role = principal.type == "AssumedRole" and principal.role_arn
    values["aws:principalarn"] = (principal.role_arn if is_role and principal.role_arn else principal.arn,)
    values["aws:principalaccount"] = (principal.account,)
    values["aws:userid"] = (principal.user_id,)
    if principal.type == "User":
        values["aws:username"] = (principal.name,)
    for tag, value in principal.tags.items():
        values[f"aws:principaltag/{tag.lower()}"] = (value,)
    return values


def as_texts(value: Any) -> tuple[str, ...]:
    """A context value in its one form: a tuple of texts."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, Iterable):
        return tuple(text for each in value for text in as_texts(each))
    return (str(value),)
