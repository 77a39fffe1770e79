"""Finding, storing and listing IAM's entities. What is the same for users, groups and roles has its one form here."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from cloudlet.base import ids
from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.iam import errors, rules
from cloudlet.services.iam.keys import Keys
from cloudlet.services.iam.records import Entity, Group, InstanceProfile, Policy, Role, User
from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx

E = TypeVar("E", User, Group, Role, Policy, InstanceProfile)
DECODED_MAX = 4096


class Kind(NamedTuple):
    """One kind of entity: its word in operation names (AttachUserPolicy) and in ARNs (user/…)."""

    word: str
    in_arn: str
    record: Any  # the class
    id_prefix: str
    position: int  # in Keys.counts

    @property
    def member(self) -> str:
        """The request's member that names one."""
        return f"{self.word}Name"


USER = Kind("User", "user", User, "AIDA", 0)
GROUP = Kind("Group", "group", Group, "AGPA", 1)
ROLE = Kind("Role", "role", Role, "AROA", 2)
POLICY = Kind("Policy", "policy", Policy, "ANPA", 3)
PROFILE = Kind("InstanceProfile", "instance-profile", InstanceProfile, "AIPA", 4)
CARRIERS = (USER, GROUP, ROLE)
KIND_OF_PREFIX = {kind.id_prefix: kind for kind in (USER, GROUP, ROLE, POLICY, PROFILE)}


@lru_cache(maxsize=DECODED_MAX)
def decoded(record: Any, stored: bytes) -> Any:
    """A record by its bytes: policies are read far more often than they change."""
    return record.decode(stored)


def find_by_id(tx: Tx, keys: Keys, entity_id: str) -> Any:
    """The entity with this unique id, whatever its kind; None if it is gone."""
    stored = tx.get(keys.entity.key(entity_id))
    return decoded(KIND_OF_PREFIX[entity_id[:4]].record, stored) if stored else None


def find(tx: Tx, keys: Keys, kind: Kind, name: str) -> Any:
    """The entity of this exact name; names that differ in case only are one name, but ARNs are not."""
    entity_id = tx.get(keys.name.key(kind.in_arn, name.lower()))
    entity = find_by_id(tx, keys, entity_id.decode()) if entity_id else None
    return entity if entity is not None and entity.name == name else None


def require(tx: Tx, keys: Keys, kind: Kind, name: str) -> Any:
    entity = find(tx, keys, kind, name)
    if entity is not None:
        return entity
    if kind is PROFILE:
        raise errors.NoSuchEntity(f"Instance Profile {name} cannot be found.")
    raise errors.NoSuchEntity(kind=kind.in_arn, name=name)


def require_of(call: Call, request: dict[str, Any], kind: Kind) -> Any:
    """The entity that the request names."""
    return require(call.tx, call.keys, kind, request[kind.member])


def put(tx: Tx, keys: Keys, entity: Entity) -> None:
    tx.put(keys.entity.key(entity.id), entity.encode())


def new_id(kind: Kind) -> str:
    return ids.iam_id(kind.id_prefix)


def insert(call: Call, kind: Kind, entity: Entity) -> None:
    """Store a new entity; its name must be free, and the account's quota not used up."""
    key = call.keys.name.key(kind.in_arn, entity.name.lower())
    if call.tx.get(key):
        raise already_exists(kind, entity.name)
    quota, limit = rules.PER_ACCOUNT_MAX[kind.in_arn]
    if call.keys.counts.values(call.tx)[kind.position] >= limit:
        raise errors.LimitExceeded(quota=quota, limit=limit)
    call.tx.put(key, entity.id.encode())
    put(call.tx, call.keys, entity)
    _count(call, kind, 1)


def already_exists(kind: Kind, name: str) -> errors.EntityAlreadyExists:
    if kind is POLICY:
        return errors.EntityAlreadyExists(f"A policy called {name} already exists. Duplicate names are not allowed.")
    if kind is PROFILE:
        return errors.EntityAlreadyExists(f"Instance Profile {name} already exists.")
    return errors.EntityAlreadyExists(kind=kind.word, name=name)


def rename(call: Call, kind: Kind, old: str, new: str, entity_id: str) -> None:
    """Another name; one that differs in case only is a change like any other."""
    old_key, new_key = (call.keys.name.key(kind.in_arn, name.lower()) for name in (old, new))
    holder = call.tx.get(new_key)
    if holder is not None and holder != entity_id.encode():
        raise already_exists(kind, new)
    call.tx.delete(old_key)
    call.tx.put(new_key, entity_id.encode())


def remove(call: Call, kind: Kind, entity: Entity) -> None:
    call.tx.delete(call.keys.name.key(kind.in_arn, entity.name.lower()))
    call.tx.delete(call.keys.entity.key(entity.id))
    call.tx.delete(call.keys.used.key(entity.id))
    _count(call, kind, -1)


def _count(call: Call, kind: Kind, change: int) -> None:
    changes = [0] * 5
    changes[kind.position] = change
    call.keys.counts.add(call.tx, call.now_ms, *changes)


def list_kind(
    call: Call, request: dict[str, Any], kind: Kind, keeps: Callable[[Any], bool] = lambda entity: True
) -> tuple[list[Any], dict[str, Any]]:
    """A page of all entities of a kind, by name; PathPrefix is looked at here, `keeps` is the caller's filter."""
    prefix = request.get("PathPrefix", "/")

    def make(key: bytes, stored: bytes) -> Any:
        entity = find_by_id(call.tx, call.keys, stored.decode())
        return entity if entity.path.startswith(prefix) and keeps(entity) else None

    return list_rows(call, request, call.keys.name[kind.in_arn], make)


def list_rows(
    call: Call, request: dict[str, Any], space: Subspace, make: Callable[[bytes, bytes], Any]
) -> tuple[list[Any], dict[str, Any]]:
    """A page of what lies in `space`: what `make(key, value)` returns, None = not wanted; and IsTruncated, Marker.

    A page may hold fewer than MaxItems and still not be the last, as IAM documents.
    """
    begin, end = space.range()
    resume: bytes | None = begin
    if request.get("Marker"):
        position = page.decode_token(request["Marker"], errors.ValidationError("Invalid Marker."))
        resume = space.key(*position)
    wanted = request.get("MaxItems", rules.LIST_DEFAULT)
    found: list[Any] = []
    looks = rules.LIST_SCANNED_MAX
    while resume is not None and looks:
        rows, resume = call.tx.scan(resume, end, limit=min(wanted + 1, looks))
        looks -= len(rows)
        for key, stored in rows:
            if len(found) == wanted:
                return found, {"IsTruncated": True, "Marker": page.encode_token(*space.unpack(key))}
            item = make(key, stored)
            if item is not None:
                found.append(item)
    if resume is not None:
        return found, {"IsTruncated": True, "Marker": page.encode_token(*space.unpack(rows[-1][0]), "")}
    return found, {"IsTruncated": False}


def list_names(request: dict[str, Any], names: list[str]) -> tuple[list[str], dict[str, Any]]:
    """A page of names that one record holds."""
    names = sorted(names)
    if request.get("Marker"):
        (start,) = page.decode_token(request["Marker"], errors.ValidationError("Invalid Marker."), str)
        names = [name for name in names if name >= start]
    wanted = request.get("MaxItems", rules.LIST_DEFAULT)
    if len(names) > wanted:
        return names[:wanted], {"IsTruncated": True, "Marker": page.encode_token(names[wanted])}
    return names, {"IsTruncated": False}
