"""Is a bucket policy public? What Block Public Access asks.

A statement is public if it allows everybody, and no condition pins the caller to fixed values.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
"""

import ipaddress

from cloudlet.kit.policy.document import Statement, parse

_PINNING_KEYS = frozenset(
    "aws:principalaccount aws:principalarn aws:principalorgid aws:principalorgpaths aws:sourceaccount aws:sourcearn"
    " aws:sourceip aws:sourceorgid aws:sourceorgpaths aws:sourceowner aws:sourcevpc aws:sourcevpce aws:userid"
    " s3:dataaccesspointaccount s3:dataaccesspointarn s3:x-amz-server-side-encryption-aws-kms-key-id".split()
)
_WILDCARDS = frozenset("*?$")
_BROADEST_PREFIX_V4, _BROADEST_PREFIX_V6 = 8, 32


def is_public(text: str) -> bool:
    return any(_is_public(statement) for statement in parse(text).statements)


def _is_public(statement: Statement) -> bool:
    if statement.deny:
        return False
    raw = statement.raw
    if raw.principal is not None and "*" not in raw.principal.get("AWS", ()):
        return False
    return not any(
        _pins(operator.lower(), key.lower(), values)
        for operator, keys in raw.conditions.items()
        for key, values in keys.items()
    )


def _pins(operator: str, key: str, values: list[str]) -> bool:
    """Whether a condition lets only fixed callers through."""
    if key not in _PINNING_KEYS or "not" in operator or operator.endswith("ifexists") or operator.startswith("forall"):
        return False
    if operator == "ipaddress":
        return all(_is_narrow(value) for value in values)
    if not operator.startswith(("string", "arn", "foranyvalue:string", "foranyvalue:arn")):
        return False
    if key in ("aws:sourcearn", "aws:principalarn", "s3:dataaccesspointarn"):
        return all(_names_account(value) for value in values)
    return not any(_WILDCARDS & set(value) for value in values)


def _is_narrow(cidr: str) -> bool:
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= (_BROADEST_PREFIX_V4 if network.version == 4 else _BROADEST_PREFIX_V6)


def _names_account(arn: str) -> bool:
    parts = arn.split(":", 5)
    return len(parts) == 6 and len(parts[4]) == 12 and parts[4].isdigit()
