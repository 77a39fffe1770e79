"""AWS::LanguageExtensions: Fn::ForEach unrolled, and functions in DeletionPolicy and UpdateReplacePolicy resolved.

Its other functions (Fn::Length, Fn::ToJsonString, FindInMap's DefaultValue) are intrinsics.py's.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-languageextensions.html
"""

import re
from typing import Any

from cloudlet.services.cloudformation.template.document import LANGUAGE_EXTENSIONS
from cloudlet.services.cloudformation.template.errors import TransformError
from cloudlet.services.cloudformation.template.intrinsics import Scope, function_name, resolve
from cloudlet.services.cloudformation.template.parameters import scalar_text

LOOP = "Fn::ForEach::"
NESTING_MAX = 5
COPIES_MAX = 10_000  # in a whole template: five nested loops must not make a bomb …
CHARACTERS_MAX = 4 << 20  # … nor long bodies
_SECTIONS = ("Conditions", "Outputs", "Resources")


def expand(document: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """The document with its loops unrolled; the scope knows parameters and mappings."""
    unroller = _Unroller(scope)
    result = dict(document)
    for section in _SECTIONS:
        if isinstance(result.get(section), dict):
            result[section] = unroller.value(result[section], {}, 0)
    for resource in result.get("Resources", {}).values():
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if isinstance(resource, dict) and isinstance(resource.get(policy), dict):
                resource[policy] = resolve(resource[policy], scope)
    return result


def _refused(reason: str) -> TransformError:
    return TransformError(transform=LANGUAGE_EXTENSIONS, reason=reason)


class _Unroller:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._copies = self._characters = 0

    def value(self, value: Any, names: dict[str, str], nesting: int) -> Any:
        """`value` with each loop's identifier in `names` replaced, and the loops in it unrolled."""
        if names:
            self._characters += len(value) if isinstance(value, str) else 1
            if self._characters > CHARACTERS_MAX:
                raise _refused(f"Fn::ForEach gives more than {CHARACTERS_MAX} characters")
        if isinstance(value, str):
            return _replaced(value, names)
        if isinstance(value, list):
            return [self.value(member, names, nesting) for member in value]
        if not isinstance(value, dict):
            return value
        if function_name(value) == "Ref" and value["Ref"] in names:
            return names[value["Ref"]]
        result: dict[str, Any] = {}
        for key, member in value.items():
            if key.startswith(LOOP):
                new = self._loop(member, names, nesting + 1)
            else:
                new = {_replaced(key, names): self.value(member, names, nesting)}
            for name in new.keys() & result.keys():
                raise _refused(f"Fn::ForEach gives the key {name} twice")
            result.update(new)
        return result

    def _loop(self, stated: Any, names: dict[str, str], nesting: int) -> dict[str, Any]:
        if nesting > NESTING_MAX:
            raise _refused(f"Fn::ForEach loops may be nested {NESTING_MAX} deep at most")
        if not isinstance(stated, list) or len(stated) != 3:
            raise _refused("Fn::ForEach layout is incorrect")
        identifier, collection, body = stated
        if not isinstance(identifier, str) or not identifier.isalnum() or not isinstance(body, dict):
            raise _refused("Fn::ForEach layout is incorrect")
        result: dict[str, Any] = {}
        for member in self._collection(collection, names):
            self._copies += 1
            if self._copies > COPIES_MAX:
                raise _refused(f"Fn::ForEach gives more than {COPIES_MAX} copies")
            copy = self.value(body, {**names, identifier: member}, nesting)
            for name in copy.keys() & result.keys():
                raise _refused(f"Fn::ForEach gives the key {name} twice")
            result.update(copy)
        return result

    def _collection(self, stated: Any, names: dict[str, str]) -> list[str]:
        members = resolve(self.value(stated, names, 0), self._scope)
        if not isinstance(members, list) or any(isinstance(member, dict | list) for member in members):
            raise _refused("Fn::ForEach layout is incorrect")
        return [scalar_text(member) for member in dict.fromkeys(members)]


def _replaced(text: str, names: dict[str, str]) -> str:
    """`${Identifier}`, and `&{Identifier}` with everything but letters and digits dropped."""
    if not names or "{" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        if match[2] not in names:
            return match[0]
        return names[match[2]] if match[1] == "$" else re.sub(r"[^a-zA-Z0-9]", "", names[match[2]])

    return re.sub(r"([$&])\{([a-zA-Z0-9]+)\}", value, text)
