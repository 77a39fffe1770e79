"""Policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, `${*}`, `${?}`, `${$}`.

Only documents of version 2012-10-17 have them; in older ones `${…}` is plain text. A value put in for a variable is
never read as a pattern: a user named `*` is not everybody.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import re

from cloudlet.kit.policy.context import Context
from cloudlet.kit.policy.patterns import Literal

# Possessive, and no part runs past a brace: linear, whatever the text.
_VARIABLE = re.compile(r"\$\{(?:([*?$])|([^,'{}$*?]++)(?:,\s*+'([^'{}]*+)')?\s*+)\}")


class Variable:
    """One `${name, 'default'}`."""

    __slots__ = ("default", "key", "name")

    def __init__(self, name: str, default: str | None) -> None:
        self.name, self.key, self.default = name.strip(), name.strip().lower(), default


class Template:
    """A text with variables; plain `str` parts may hold wildcards, `Literal` parts may not."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | Variable, ...]) -> None:
        self.parts = parts

    @property
    def variables(self) -> list[Variable]:
        return [part for part in self.parts if isinstance(part, Variable)]

    def pattern(self, context: Context) -> list[str] | None:
        """The parts of a pattern with the variables put in; None if one has no value in this request."""
        pattern: list[str] = []
        for part in self.parts:
            if isinstance(part, Variable):
                value = context.single(part.key)
                if value is None:
                    value = part.default
                if value is None:
                    return None
                pattern.append(Literal(value))
            else:
                pattern.append(part)
        return pattern

    def text(self, context: Context) -> str | None:
        pattern = self.pattern(context)
        return None if pattern is None else "".join(pattern)


def parse_template(text: str) -> str | Template:
    """The text itself if it has no variables. `${` that opens nothing known stays as it is written."""
    if "${" not in text:
        return text
    parts: list[str | Variable] = []
    at = 0
    for found in _VARIABLE.finditer(text):
        if found.start() > at:
            parts.append(text[at : found.start()])
        special, name, default = found.groups()
        parts.append(Literal(special) if special else Variable(name, default))
        at = found.end()
    if at == 0:
        return text
    if at < len(text):
        parts.append(text[at:])
    return Template(tuple(parts))
