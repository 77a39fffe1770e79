"""The decision: may this principal do this to that, under these policies? Pure: no store, no clock.

AWS's order (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html):
1. A matching Deny in any policy denies.
2. Services and anonymous callers need the resource-based policy, and nothing else.
3. In one account, a resource-based policy that names the caller itself (or everybody) is enough; one that names the
   role behind the session still is limited by boundary and session policy; one that names the account leaves it to
   the identity-based policies. Without it: identity-based policy, and boundary, and session policy.
4. Over accounts, both sides must allow: the resource-based policy, and all that limits the caller in its own account.
5. A role's trust policy must allow in any case (sts:AssumeRole …).
The root user of an account needs no identity-based policy. A policy that cannot be read denies.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from cloudlet.kit.policy import message
from cloudlet.kit.policy.context import Context, Given
from cloudlet.kit.policy.document import Statement, parse
from cloudlet.kit.policy.principals import Named
from cloudlet.kit.policy.request import Access, NamedPolicy, Policies, Principal
from cloudlet.kit.policy.syntax import MalformedPolicy

# Nothing has a longer ARN, so what is asked for by one isn't there: its beginning decides. Anybody can send names of
# megabytes, which would be matched, and kept in decisions.
RESOURCE_CHARACTERS_MAX = 4096
DECISIONS_KEPT_MAX = 4096
READ_CHARACTERS_KEPT_MAX = 1024  # of the keys that a kept decision read
TRUST_ACTIONS = frozenset(
    {
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sts:TagSession",
        "sts:SetSourceIdentity",
    }
)
# The caller is nobody in AWS yet: the trust policy alone decides.
_FEDERATION_ACTIONS = frozenset({"sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"})


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided and by what. `kind`: identity, resource, boundary, session, trust, root or malformed;
    `explicit`: a statement denied it, rather than none allowing it; `statement`: its Sid, or its position."""

    allowed: bool
    kind: str
    explicit: bool
    policy: str | None
    statement: str | int | None
    principal: str
    action: str
    resource: str

    @property
    def message(self) -> str:
        """AWS's sentence for a denial; empty where allowed."""
        if self.allowed:
            return ""
        return message.denial(self.principal, self.action, self.resource, self.kind, self.explicit)


Hit = tuple[NamedPolicy, Statement]


def decide(principal: Principal, policies: Policies, access: Access, context: Given) -> Decision:
    """`context` holds the global condition keys (aws:SourceIp, aws:CurrentTime …), or answers them when they are
    needed; what follows from the principal (aws:PrincipalArn, aws:username, aws:PrincipalTag/… …) need not be in it."""
    if len(access.resource) > RESOURCE_CHARACTERS_MAX:
        access = access._replace(resource=access.resource[:RESOURCE_CHARACTERS_MAX])
    return _decide_in(Context(principal, access, context), principal, policies, access)


class _Kept(NamedTuple):
    decision: Decision
    read: dict[str, tuple[str, ...] | None]  # all of the request's context that had a part in it


class Decisions:
    """Decisions that policies, action, resource and the keys they read made: asked again under the same of all these,
    they would be the same. Of one action on one resource the last is kept."""

    def __init__(self, kept_max: int = DECISIONS_KEPT_MAX) -> None:
        self._kept: dict[tuple, _Kept] = {}
        self._kept_max = kept_max

    def decide(self, principal: Principal, policies: Policies, access: Access, context: Given) -> Decision:
        """As `decide`."""
        policy = access.resource_policy
        by = (policy.name, policy.text) if policy is not None else None
        key = (policies.serial, access.action, access.resource, access.resource_account, by)
        kept = self._kept.get(key)
        if kept is not None and (not kept.read or _reads_the_same(Context(principal, access, context), kept.read)):
            return kept.decision
        if not policies.serial or len(access.resource) > RESOURCE_CHARACTERS_MAX:
            return decide(principal, policies, access, context)
        read = Context(principal, access, context)
        decision = _decide_in(read, principal, policies, access)
        if _characters(read.read) <= READ_CHARACTERS_KEPT_MAX:
            if kept is None and len(self._kept) >= self._kept_max:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = _Kept(decision, read.read)
        return decision


def _reads_the_same(context: Context, read: dict[str, tuple[str, ...] | None]) -> bool:
    return all(context.get(name) == texts for name, texts in read.items())


def _characters(read: dict[str, tuple[str, ...] | None]) -> int:
    return sum(len(text) for texts in read.values() for text in texts or ())


def _decide_in(context: Context, principal: Principal, policies: Policies, access: Access) -> Decision:
    try:
        return _decide(principal, policies, access, context)
    except MalformedPolicy:
        return _decision(principal, access, False, "malformed")


def _decide(principal: Principal, policies: Policies, access: Access, context: Context) -> Decision:
    identity_deny, identity = _search(policies.identity, access, context)
    if identity_deny:
        return _decision(principal, access, False, "identity", identity_deny)
    named, granting = Named.NOT, None
    trust = access.action in TRUST_ACTIONS
    if access.resource_policy is not None:
        resource_deny, named, granting = _search_resource_policy(access.resource_policy, principal, access, context)
        if resource_deny:
            return _decision(principal, access, False, "trust" if trust else "resource", resource_deny)
    limit = None
    if policies.boundary is not None:
        deny, allow = _search((policies.boundary,), access, context)
        if deny:
            return _decision(principal, access, False, "boundary", deny)
        limit = None if allow else "boundary"
    if policies.session is not None:
        deny, allow = _search(policies.session, access, context)
        if deny:
            return _decision(principal, access, False, "session", deny)
        limit = limit or (None if allow else "session")
    elif principal.type == "FederatedUser":
        limit = limit or "session"  # without a session policy a federated user has no permissions of the user's
    return _grant(principal, access, identity, limit, named, granting)


def _grant(
    principal: Principal, access: Access, identity: Hit | None, limit: str | None, named: Named, granting: Hit | None
) -> Decision:
    """Nothing denies explicitly. `limit` is what does not allow: boundary or session; `granting` the statement of
    the resource-based policy that allows, `named` how closely it names the caller."""
    trust = access.action in TRUST_ACTIONS
    resource_kind = "trust" if trust else "resource"
    if principal.type in ("Service", "Anonymous") or access.action in _FEDERATION_ACTIONS:
        return _decision(principal, access, named is not Named.NOT, resource_kind, granting)
    same_account = access.resource_account is None or access.resource_account == principal.account
    if same_account and named is Named.DIRECT:
        return _decision(principal, access, True, resource_kind, granting)
    by_role = same_account and named is Named.ROLE
    root = principal.type == "Root"
    if not identity and not root and not by_role:
        return _decision(principal, access, False, "identity")
    if limit:
        return _decision(principal, access, False, limit)
    if (trust or not same_account) and named is Named.NOT:
        return _decision(principal, access, False, resource_kind)
    if identity:
        return _decision(principal, access, True, "identity", identity)
    return _decision(principal, access, True, "root" if root else resource_kind, None if root else granting)


def _search(policies: Iterable[NamedPolicy], access: Access, context: Context) -> tuple[Hit | None, Hit | None]:
    """The first statement that denies, and the first that allows (looked for only until one is found)."""
    allow: Hit | None = None
    action, resource = access.action, access.resource
    for policy in policies:
        for statement in parse(policy.text).about(action):
            if statement.deny:
                if statement.applies(resource, context):
                    return (policy, statement), None
            elif allow is None and statement.resource_test is not None and statement.applies(resource, context):
                allow = (policy, statement)
    return None, allow


def _search_resource_policy(
    policy: NamedPolicy, principal: Principal, access: Access, context: Context
) -> tuple[Hit | None, Named, Hit | None]:
    """The first statement that denies; the closest naming among those that allow, and its statement."""
    best, granting = Named.NOT, None
    for statement in parse(policy.text).about(access.action):  # denials first, so `best` never hides one
        named = statement.named(principal)
        if named > best and statement.applies(access.resource, context):
            if statement.deny:
                return (policy, statement), Named.NOT, None
            best, granting = named, (policy, statement)
    return None, best, granting


def _decision(principal: Principal, access: Access, allowed: bool, kind: str, hit: Hit | None = None) -> Decision:
    name = principal.service if principal.type == "Service" else principal.arn
    return Decision(
        allowed=allowed,
        kind=kind,
        explicit=not allowed and hit is not None,
        policy=hit[0].name if hit else None,
        statement=hit[1].label if hit else None,
        principal="anonymous" if principal.type == "Anonymous" else name or "",
        action=access.action,
        resource=access.resource,
    )
