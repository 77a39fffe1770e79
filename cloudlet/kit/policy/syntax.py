"""Policy JSON → plain statements, checked against the grammar that all kinds of policies share. No meaning yet.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from cloudlet.base.errors import AwsError

CURRENT_VERSION, OLD_VERSION = "2012-10-17", "2008-10-17"


class MalformedPolicy(AwsError):
    """Syntax errors in policy."""

    code, status = "MalformedPolicyDocument", 400

    def __init__(self, message: str | None = None, reason: str = "syntax") -> None:
        """`reason` is a word for services with texts of their own: json, syntax, version, action, resource,
        resource-prohibited, resource-missing, principal, principal-prohibited, principal-missing, sid, condition."""
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RawStatement:
    """One statement with its lists made lists; None where the element is not there."""

    sid: str | None
    effect: str
    actions: list[str] | None
    not_actions: list[str] | None
    resources: list[str] | None
    not_resources: list[str] | None
    principal: dict[str, list[str]] | None
    not_principal: dict[str, list[str]] | None
    conditions: dict[str, dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class RawDocument:
    version: str | None
    id: str | None
    statements: tuple[RawStatement, ...]


_STATEMENT_ELEMENTS = frozenset(
    ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"]
)


def load(text: str | bytes) -> RawDocument:
    """Raises MalformedPolicy."""
    document = _json(text)
    if not isinstance(document, dict):
        raise MalformedPolicy(reason="json")
    if not document.keys() <= {"Version", "Id", "Statement"}:
        raise MalformedPolicy
    version, identifier = document.get("Version"), document.get("Id")
    if version not in (None, CURRENT_VERSION, OLD_VERSION):
        raise MalformedPolicy(reason="version")
    if identifier is not None and not isinstance(identifier, str):
        raise MalformedPolicy
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise MalformedPolicy
    return RawDocument(version, identifier, tuple(_statement(statement) for statement in statements))


def _json(text: str | bytes) -> Any:
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        document = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        if "\\ud" in text or "\\uD" in text:  # half a surrogate pair could not be sent or stored as UTF-8 later
            json.dumps(document, ensure_ascii=False).encode("utf-8")
        return document
    except (ValueError, RecursionError) as error:
        raise MalformedPolicy(reason="json") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedPolicy
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN, Infinity: not JSON


def _statement(statement: Any) -> RawStatement:
    if not isinstance(statement, dict) or not statement.keys() <= _STATEMENT_ELEMENTS:
        raise MalformedPolicy
    for element in ("Action", "Resource", "Principal"):
        if element in statement and f"Not{element}" in statement:
            raise MalformedPolicy
    sid, effect = statement.get("Sid"), statement.get("Effect")
    if effect not in ("Allow", "Deny") or not isinstance(sid, str | None):
        raise MalformedPolicy
    return RawStatement(
        sid=sid,
        effect=effect,
        actions=_texts(statement, "Action"),
        not_actions=_texts(statement, "NotAction"),
        resources=_texts(statement, "Resource"),
        not_resources=_texts(statement, "NotResource"),
        principal=_principal(statement, "Principal"),
        not_principal=_principal(statement, "NotPrincipal"),
        conditions=_conditions(statement.get("Condition", {})),
    )


def _texts(statement: dict[str, Any], element: str) -> list[str] | None:
    if element not in statement:
        return None
    value = statement[element]
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in values):
        raise MalformedPolicy
    return values


def _principal(statement: dict[str, Any], element: str) -> dict[str, list[str]] | None:
    if element not in statement:
        return None
    value = statement[element]
    if value == "*":
        return {"AWS": ["*"]}
    if isinstance(value, str):
        raise MalformedPolicy(f'Invalid principal in policy: "{value}"', reason="principal")
    if not isinstance(value, dict) or not value.keys() <= {"AWS", "Service", "Federated", "CanonicalUser"}:
        raise MalformedPolicy(reason="principal")
    return {kind: _texts(value, kind) or [] for kind in value}


def _conditions(block: Any) -> dict[str, dict[str, list[str]]]:
    if not isinstance(block, dict):
        raise MalformedPolicy(reason="condition")
    conditions: dict[str, dict[str, list[str]]] = {}
    for operator, keys in block.items():
        if not isinstance(keys, dict):
            raise MalformedPolicy(reason="condition")
        conditions[operator] = {key: _condition_values(value) for key, value in keys.items()}
    return conditions


def _condition_values(value: Any) -> list[str]:
    """Texts, numbers and booleans; all become texts."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | int | float) for each in values):
        raise MalformedPolicy(reason="condition")
    return [each if isinstance(each, str) else json.dumps(each) for each in values]
