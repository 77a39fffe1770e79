"""Who an access key is, and which policies a caller carries: what every request asks IAM.

What is made of IAM's keys is kept as long as their stamp, read through `tx` each time, stays as it was.
"""

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from cloudlet.kit import arn as arns
from cloudlet.kit.policy import NamedPolicy, Policies, Principal
from cloudlet.kit.ports import AssumableRole, Identity, KeyUse
from cloudlet.kit.secrets import Sealer
from cloudlet.services.iam import managed_policies
from cloudlet.services.iam.keys import Keys
from cloudlet.services.iam.lookup import POLICY, ROLE, USER, find, find_by_id
from cloudlet.services.iam.records import AccessKey, Policy, Role, User
from cloudlet.services.iam.trust import evaluated_trust
from cloudlet.services.iam.uses import Uses
from cloudlet.store.database import Database
from cloudlet.store.transaction import Tx

T = TypeVar("T")

ACCESS_KEY_PURPOSE = "access key"
KEPT_MAX = 4096
_NOBODY = f"{USER.id_prefix}-GONE"

# A federated user of the root user carries what root carries: everything that the session policy lets through.
_ROOTS_OWN = NamedPolicy("root", '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}')
_NOBODYS = NamedPolicy("deleted", '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}')


class IamIdentities:
    """kit/ports.py: Identities."""

    def __init__(self, sealer: Sealer, database: Database) -> None:
        database.stamp(Keys.space, Keys.stamp)
        self._sealer = sealer
        self._uses = Uses()
        self._keys = lru_cache(maxsize=KEPT_MAX)(Keys)
        self._serials = itertools.count(1)
        self._stamp: bytes | None = None
        self._kept: dict[tuple, Any] = {}  # as long as the stamp is this

    def _look_at_stamp(self, tx: Tx) -> None:
        """Forget what is kept if anything in IAM changed since, or there is too much of it."""
        stamp = tx.get(Keys.stamp)
        if stamp != self._stamp or len(self._kept) > KEPT_MAX:
            self._stamp = stamp
            self._kept.clear()

    def kept(self, tx: Tx, key: tuple, make: Callable[[], T]) -> T:
        def made() -> T:
            value = make()
            self._look_at_stamp(tx)  # `make` may have changed IAM itself
            return value

        return self._once(tx, key, made)

    def _once(self, tx: Tx, key: tuple, make: Callable[[], T]) -> T:
        """What `make` gives, from the first time on; asked again where it gives None."""
        self._look_at_stamp(tx)
        value: T | None = self._kept.get(key)
        if value is None:
            value = make()
            if value is not None:
                self._kept[key] = value
        return value

    def find_access_key(self, tx: Tx, access_key_id: str) -> Identity | None:
        return self._once(tx, ("identity", access_key_id), lambda: self._read_access_key(tx, access_key_id))

    def _read_access_key(self, tx: Tx, access_key_id: str) -> Identity | None:
        stored_key = tx.get(Keys.access_key.key(access_key_id))
        if stored_key is None:
            return None
        access_key: AccessKey = AccessKey.decode(stored_key)
        user = find_by_id(tx, self._keys(access_key.account), access_key.user_id)
        if user is None:
            return None
        principal = Principal(user.arn, user.account, "User", user_id=user.id, name=user.name, tags=user.tags)
        secret = self._sealer.unseal(access_key.sealed_secret, ACCESS_KEY_PURPOSE, access_key.id.encode())
        return Identity(principal, secret, secret_version=access_key.id, is_active=access_key.is_active)

    def policies_of(self, tx: Tx, principal: Principal, session_policies: tuple[str, ...] | None) -> Policies:
        key = ("policies", principal.arn, principal.user_id, principal.role_id, session_policies)
        return self._once(tx, key, lambda: self._read_policies(tx, principal, session_policies))

    def _read_policies(self, tx: Tx, principal: Principal, session_policies: tuple[str, ...] | None) -> Policies:
        keys = self._keys(principal.account)
        identity: tuple[NamedPolicy, ...] = ()
        boundary: NamedPolicy | None = None
        carrier_id = _carrier_id(principal)
        if carrier_id is not None:
            identity, boundary = self._carried(tx, keys, carrier_id)
        elif principal.type == "FederatedUser":
            identity = (_ROOTS_OWN,)
        session = None
        if session_policies is not None:
            session = tuple(self._session_policy(tx, text) for text in session_policies)
        return Policies(identity, boundary, session, next(self._serials))

    def _carried(self, tx: Tx, keys: Keys, carrier_id: str) -> tuple[tuple[NamedPolicy, ...], NamedPolicy | None]:
        """What a user or role carries itself and through groups, and its boundary. Once it is deleted, its sessions may
        nothing, not even what a policy of a resource lets its ARN do: that may be another's by now."""
        entity: Any = find_by_id(tx, keys, carrier_id)
        if entity is None:
            return (_NOBODYS,), None
        found = _inline(entity)
        found += [self._managed(tx, keys, arn, policy_id) for arn, policy_id in entity.attached.items()]
        for group_id in entity.groups if isinstance(entity, User) else ():
            group = find_by_id(tx, keys, group_id)
            assert group is not None, f"{entity.arn} is in group {group_id}, which is gone"
            found += _inline(group)
            found += [self._managed(tx, keys, arn, policy_id) for arn, policy_id in group.attached.items()]
        boundary = self._managed(tx, keys, entity.boundary, entity.boundary_id) if entity.boundary else None
        return tuple(found), boundary

    def _managed(self, tx: Tx, keys: Keys, policy_arn: str, policy_id: str) -> NamedPolicy:
        if not policy_id:
            return managed_policies.NAMED[policy_arn]
        policy = find_by_id(tx, keys, policy_id)
        assert policy is not None, f"{policy_arn} is attached, but gone"
        return NamedPolicy(policy.arn, policy.document)

    def _session_policy(self, tx: Tx, text: str) -> NamedPolicy:
        """A document, or the ARN of a managed policy. One that was deleted since allows nothing."""
        if not text.startswith("arn:"):
            return NamedPolicy("session policy", text)
        document = self.find_managed_policy(tx, text)
        return NamedPolicy(text, document) if document is not None else NamedPolicy(text, managed_policies.NOTHING)

    def find_role(self, tx: Tx, role_arn: str) -> AssumableRole | None:
        parts = arns.parse(role_arn)
        if parts is None or parts.service != "iam" or parts.resource_type != "role":
            return None
        role: Role | None = find(tx, self._keys(parts.account), ROLE, parts.name)
        if role is None or role.arn != role_arn:
            return None
        trust = evaluated_trust(role)
        return AssumableRole(role.arn, role.id, role.name, role.account, trust, role.max_session_s, role.tags)

    def note_use(self, database: Database, identity: Identity, use: KeyUse) -> None:
        principal = identity.principal
        if principal.type == "AssumedRole":
            used_id = principal.user_id.partition(":")[
                0
            ]  # of roles IAM tells the last use, not of their sessions' keys
        elif principal.type == "User" and identity.session_context is None:
            used_id = use.access_key_id
        else:
            return
        self._uses.note(database, self._keys(principal.account), principal.user_id.partition(":")[0], used_id, use)

    def find_managed_policy(self, tx: Tx, policy_arn: str) -> str | None:
        aws_own = managed_policies.NAMED.get(policy_arn)
        if aws_own is not None:
            return str(aws_own.text)
        parts = arns.parse(policy_arn)
        policy: Policy | None = find(tx, self._keys(parts.account), POLICY, parts.name) if parts else None
        return policy.document if policy is not None and policy.arn == policy_arn else None


def _carrier_id(principal: Principal) -> str | None:
    """The unique id of the user or role whose policies a caller carries; None for root, services and strangers."""
    if principal.type == "User":
        return principal.user_id
    if principal.type == "AssumedRole":
        return principal.user_id.partition(":")[0]
    if principal.type == "FederatedUser" and principal.role_arn and ":user/" in principal.role_arn:
        return principal.role_id or _NOBODY
    return None


def _inline(entity: Any) -> list[NamedPolicy]:
    return [NamedPolicy(name, document) for name, document in entity.inline.items()]
