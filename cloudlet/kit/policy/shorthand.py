"""AddPermission and RemovePermission, as SQS and SNS have them: shorthand for statements of a resource's policy."""

import json
from collections.abc import Sequence
from typing import Any

from cloudlet.kit.arn import root_arn

Statement = dict[str, Any]


def parsed(text: str) -> dict[str, Any]:
    """A stored policy, its statements as a list."""
    policy = json.loads(text)
    if isinstance(policy["Statement"], dict):
        policy["Statement"] = [policy["Statement"]]
    return policy


def statement(label: str, accounts: Sequence[str], actions: Sequence[str], resource: str) -> Statement:
    """What lets the root users of `accounts`, and so whom they let, do `actions`."""
    return {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_all([root_arn(account) for account in accounts])},
        "Action": _one_or_all(actions),
        "Resource": resource,
    }


def is_labelled(policy: dict[str, Any], label: str) -> bool:
    return any(each.get("Sid") == label for each in policy["Statement"])


def without(policy: dict[str, Any], label: str) -> list[Statement]:
    return [each for each in policy["Statement"] if each.get("Sid") != label]


def _one_or_all(values: Sequence[str]) -> str | Sequence[str]:
    return values[0] if len(values) == 1 else values
