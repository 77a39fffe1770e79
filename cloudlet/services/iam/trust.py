"""Trust policies: whom a role lets assume it.

As on AWS, a user or role that a trust policy names is meant by its unique id, not by its name: one that is deleted and
made again is not trusted, and the document then shows the id of the one that was.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cloudlet.kit import arn as arns
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.iam import errors, rules
from cloudlet.services.iam.lookup import ROLE, USER, find, find_by_id
from cloudlet.services.iam.records import Role

TRUSTS_KEPT_MAX = 2048


def checked_trust(call: Call, document: str) -> dict[str, str]:
    """Raise unless `document` may be a trust policy; the unique ids of the users and roles it names, by ARN."""
    rules.check_document(document, "trust")
    if rules.characters(document) > rules.TRUST_CHARACTERS_MAX:
        raise errors.LimitExceeded(quota="ACLSizePerRole", limit=rules.TRUST_CHARACTERS_MAX)
    trusted_ids: dict[str, str] = {}

    def note(name: str) -> str:
        parts = arns.parse(name)
        if parts is not None and parts.service == "iam" and parts.resource_type in ("user", "role"):
            kind = USER if parts.resource_type == "user" else ROLE
            entity = find(call.tx, call.service.keys(parts.account, ""), kind, parts.name)
            if entity is None or entity.arn != name:
                raise errors.MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{name}"')
            trusted_ids[name] = entity.id
        return name

    _with_principals(document, note)
    return trusted_ids


def with_trust(call: Call, role: Role, document: str) -> Role:
    return replace(role, trust=document, trusted_ids=checked_trust(call, document))


def evaluated_trust(role: Role) -> str:
    """The document as decisions read it: unique ids in place of ARNs."""
    return _renamed(role.trust, tuple(role.trusted_ids.items())) if role.trusted_ids else role.trust


def shown_trust(call: Call, role: Role) -> str:
    """The document as it was given, but for those who are no more."""
    gone = []
    for arn, entity_id in role.trusted_ids.items():
        entity = find_by_id(call.tx, call.service.keys(arns.account_of(arn), ""), entity_id)
        if entity is None or entity.arn != arn:
            gone.append((arn, entity_id if entity is None else entity.arn))
    return _renamed(role.trust, tuple(gone)) if gone else role.trust


@lru_cache(maxsize=TRUSTS_KEPT_MAX)
def _renamed(document: str, names: tuple[tuple[str, str], ...]) -> str:
    new_names = dict(names)
    return _with_principals(document, lambda name: new_names.get(name, name))


def _with_principals(document: str, change: Callable[[str], str]) -> str:
    """The document with each name of an AWS principal changed."""
    tree: dict[str, Any] = json.loads(document)
    statements = tree["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        if isinstance(principal, dict) and "AWS" in principal:
            names = principal["AWS"]
            principal["AWS"] = change(names) if isinstance(names, str) else [change(name) for name in names]
    return json.dumps(tree)
