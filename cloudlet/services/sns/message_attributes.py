"""Message attributes: what they may be, and how much they weigh.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
"""

import re
from collections.abc import Mapping
from typing import Any

from cloudlet.services.sns.errors import InvalidParameterValue

NAME_CHARACTERS_MAX = 256

_name = re.compile(r"(?!(?i:aws\.|amazon\.))(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]+(?<!\.)", re.ASCII)
_number = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def check(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    for name, value in attributes.items():
        if not _name.fullmatch(name) or len(name) > NAME_CHARACTERS_MAX:
            raise InvalidParameterValue(
                reason=f"The message attribute name '{name}' is invalid. It may contain the characters A-Z, a-z, 0-9,"
                " underscore (_), hyphen (-) and period (.), must not start or end with a period, and must not start"
                " with AWS. or Amazon. in any casing."
            )
        _check_value(name, value)


def _check_value(name: str, value: Mapping[str, Any]) -> None:
    kind = value.get("DataType", "")
    if not kind:
        raise InvalidParameterValue(
            reason=f"The message attribute '{name}' must contain non-empty message attribute type."
        )
    prefix = kind.partition(".")[0]
    if prefix not in ("String", "Number", "Binary"):
        raise InvalidParameterValue(
            reason=f"The message attribute '{name}' has an invalid message attribute type, the set of supported type"
            " prefixes is Binary, Number, and String."
        )
    content = value.get("BinaryValue" if prefix == "Binary" else "StringValue")
    if not content:
        raise InvalidParameterValue(
            reason=f"The message attribute '{name}' must contain non-empty message attribute value for message"
            f" attribute type '{kind}'."
        )
    if prefix == "Number" and not _number.fullmatch(content):
        raise InvalidParameterValue(reason=f"Could not cast message attribute '{name}' value to number.")


def size_bytes(attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """As AWS counts: name, type and value of each, in UTF-8."""
    size = 0
    for name, value in attributes.items():
        content = value.get("BinaryValue") or value["StringValue"].encode()
        size += len(name.encode()) + len(value["DataType"].encode()) + len(content)
    return size
