"""What a document must be to be stored as a policy of its kind, in IAM's words. Evaluation does not ask again.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_policies.html
"""

import re

from cloudlet.kit.policy.principals import find_invalid_name
from cloudlet.kit.policy.syntax import CURRENT_VERSION, MalformedPolicy, RawDocument, RawStatement

_SID = re.compile(r"[0-9A-Za-z]*")
_VENDOR = re.compile(r"[A-Za-z0-9-]+")
_ACTION_NAME = re.compile(r"[A-Za-z0-9*?:_-]+")
_PARTITION = re.compile(r"aws(?:-[a-z0-9-]+)?|\*")
_TRUST_ACTIONS = (
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
    "sts:tagsession",
    "sts:setsourceidentity",
    "sts:setcontext",
)


def check(document: RawDocument, kind: str) -> None:
    """Raise MalformedPolicy if the document may not be stored as this kind: identity, boundary, session, resource
    (of a service that has resource-based policies) or trust (of a role)."""
    attached_to_identity = kind in ("identity", "boundary", "session")
    if attached_to_identity and document.version != CURRENT_VERSION:
        raise MalformedPolicy("Policy document must be version 2012-10-17 or greater.", reason="version")
    for statement in document.statements:
        if attached_to_identity:
            _check_identity_statement(statement)
        else:
            _check_principal(statement, kind)
        if kind == "trust":
            _check_trust_statement(statement)
        _check_actions(statement)
        _check_resources(statement)
        if not all(":" in key for keys in statement.conditions.values() for key in keys):
            raise MalformedPolicy(_UNPREFACED, reason="condition")
    _check_sids(document, attached_to_identity)


_UNPREFACED = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


def _check_identity_statement(statement: RawStatement) -> None:
    if statement.principal is not None or statement.not_principal is not None:
        raise MalformedPolicy("Policy document should not specify a principal.", reason="principal-prohibited")
    if not statement.actions and not statement.not_actions:
        raise MalformedPolicy("Policy statement must contain actions.", reason="action")
    if not statement.resources and not statement.not_resources:
        raise MalformedPolicy("Policy statement must contain resources.", reason="resource-missing")


def _check_principal(statement: RawStatement, kind: str) -> None:
    if kind == "trust" and statement.not_principal is not None:
        raise MalformedPolicy("Has prohibited field NotPrincipal", reason="principal-prohibited")
    element = statement.principal if statement.principal is not None else statement.not_principal
    if element is None:
        raise MalformedPolicy("Missing required field Principal", reason="principal-missing")
    if not any(element.values()):
        raise MalformedPolicy("Missing required field Principal cannot be empty!", reason="principal-missing")
    invalid = find_invalid_name(element)
    if invalid is not None:
        shown = invalid[0] if invalid[0] == "AWS" else invalid[0].upper()
        raise MalformedPolicy(f'Invalid principal in policy: "{shown}":"{invalid[1]}"', reason="principal")


def _check_trust_statement(statement: RawStatement) -> None:
    for element, values in (("Resource", statement.resources), ("NotResource", statement.not_resources)):
        if values is not None:
            raise MalformedPolicy(f"Has prohibited field {element}", reason="resource-prohibited")
    for action in statement.actions or statement.not_actions or ():
        if action.lower() not in _TRUST_ACTIONS and not re.fullmatch(r"(?i)sts:(?:AssumeRole[A-Za-z]*)?\*", action):
            raise MalformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.", reason="action")


def _check_actions(statement: RawStatement) -> None:
    actions = statement.actions if statement.actions is not None else statement.not_actions
    if not actions:
        raise MalformedPolicy("Policy statement must contain actions.", reason="action")
    for action in actions:
        if action == "*":
            continue
        vendor, colon, name = action.partition(":")
        if not colon:
            raise MalformedPolicy(_UNPREFACED, reason="action")
        if ":" in name:
            raise MalformedPolicy("Actions/Condition can contain only one colon.", reason="action")
        if not _VENDOR.fullmatch(vendor):
            raise MalformedPolicy(f"Vendor {vendor} is not valid", reason="action")
        if not _ACTION_NAME.fullmatch(name):
            raise MalformedPolicy(reason="action")


def _check_resources(statement: RawStatement) -> None:
    for resource in statement.resources or statement.not_resources or ():
        if resource == "*":
            continue
        parts = resource.split(":", 5)
        # A pattern that ends in a star may stop early (arn:aws:logs:*): the star runs over the colons.
        if parts[0] != "arn" or len(parts) < 3 or (len(parts) < 6 and not resource.endswith("*")):
            raise MalformedPolicy(f'Resource {resource} must be in ARN format or "*".', reason="resource")
        if not _PARTITION.fullmatch(parts[1]):
            raise MalformedPolicy(f'Partition "{parts[1]}" is not valid for resource "{resource}".', reason="resource")
        if len(parts) == 6 and parts[2] == "iam" and parts[3] not in ("", "*"):
            raise MalformedPolicy(f"IAM resource {resource} cannot contain region information.", reason="resource")


def _check_sids(document: RawDocument, attached_to_identity: bool) -> None:
    sids = [statement.sid for statement in document.statements if statement.sid]
    if attached_to_identity and not all(map(_SID.fullmatch, sids)):
        raise MalformedPolicy(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression"
            " [0-9A-Za-z]*",
            reason="sid",
        )
    if len(set(sids)) != len(sids):
        raise MalformedPolicy("Statement IDs (SID) in a single policy must be unique.", reason="sid")
