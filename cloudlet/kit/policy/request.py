"""The values a decision is made of: who asks, for what, under which policies. No logic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

PrincipalType = Literal["User", "AssumedRole", "Root", "Service", "Anonymous", "FederatedUser"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `arn` is the caller's own (of an assumed role: the session's); `role_arn` the role behind a session
    (or the user behind a federated user), `role_id` its unique id: a name may be given to somebody else. `user_id` is
    AWS's userid ("AROA…:session" of an assumed role)."""

    arn: str
    account: str
    type: PrincipalType
    user_id: str = ""
    name: str = ""
    role_arn: str | None = None
    role_id: str | None = None
    service: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


ANONYMOUS = Principal(arn="anonymous", account="", type="Anonymous", user_id="anonymous", name="anonymous")


def service_principal(service: str) -> Principal:
    """An AWS service as the caller, e.g. sns.amazonaws.com."""
    return Principal(arn=service, account="", type="Service", user_id=service, name=service, service=service)


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy document and what to call it when it decided: an inline policy's name, a managed policy's ARN."""

    name: str
    text: str | bytes


@dataclass(frozen=True, slots=True)
class Policies:
    """What the principal carries. `session` None: no session policy was passed; an empty tuple allows nothing.

    `serial`, if not 0, is of these alone: one principal's, as they stand. Decisions may be kept by it."""

    identity: tuple[NamedPolicy, ...] = ()
    boundary: NamedPolicy | None = None
    session: tuple[NamedPolicy, ...] | None = None
    serial: int = field(default=0, compare=False)


class Access(NamedTuple):
    """What is asked for: one action on one resource ("*" where the action knows no resource). `resource_account`
    None means the principal's own. `context` are the service's condition keys; names without regard to case."""

    action: str
    resource: str
    resource_account: str | None = None
    resource_policy: NamedPolicy | None = None
    context: Mapping[str, str | tuple[str, ...]] = MappingProxyType({})
