"""A policy document, compiled: which statements speak about an action, and whether one applies to a request.

`parse` is what evaluation uses (cached by the document's own text); `check` is what Create and Put operations call
before they store a document. Size limits belong to the callers.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from cloudlet.kit.policy import rules
from cloudlet.kit.policy.conditions import Condition, UnknownOperator, compile_conditions
from cloudlet.kit.policy.context import Context
from cloudlet.kit.policy.patterns import Matcher, compile_pattern, compile_patterns
from cloudlet.kit.policy.principals import Named, PrincipalElement
from cloudlet.kit.policy.request import Principal
from cloudlet.kit.policy.syntax import CURRENT_VERSION, MalformedPolicy, RawDocument, RawStatement, load
from cloudlet.kit.policy.values import Incomparable
from cloudlet.kit.policy.variables import Template, parse_template

Kind = Literal["identity", "resource", "trust", "boundary", "session"]
ResourceTest = Callable[[str, Context], bool]

DOCUMENTS_CACHED_MAX = 2048
ACTIONS_CACHED_MAX = 512  # of one document


class Statement:
    """One compiled statement."""

    __slots__ = (
        "actions",
        "conditions",
        "deny",
        "index",
        "principal",
        "principal_is_exception",
        "raw",
        "resource_test",
    )

    def __init__(self, index: int, raw: RawStatement, variables: bool) -> None:
        self.index, self.raw, self.deny = index, raw, raw.effect == "Deny"
        self.actions = _action_test(raw)
        self.resource_test, self.conditions = _resource_test(raw, variables), _conditions(raw, variables)
        element = raw.principal if raw.principal is not None else raw.not_principal
        self.principal = None if element is None else PrincipalElement(element)
        self.principal_is_exception = raw.not_principal is not None

    @property
    def label(self) -> str | int:
        """The Sid, or the position in the document where it has none."""
        return self.raw.sid or self.index

    def applies(self, resource: str, context: Context) -> bool:
        """Whether resource and conditions match; the action has matched already, see `Document.about`."""
        if self.resource_test is not None and not self.resource_test(resource, context):
            return False
        return not self.conditions or all(condition.holds(context) for condition in self.conditions)

    def named(self, principal: Principal) -> Named:
        """How closely a resource-based statement names the caller."""
        if self.principal is None:
            return Named.NOT
        named = self.principal.named(principal)
        if not self.principal_is_exception:
            return named
        # NotPrincipal. A Deny spares only who is named itself: the role or account alone is not enough (AWS's rule).
        # An Allow, which AWS advises against, spares whoever is named in any way.
        spared = named is Named.DIRECT if self.deny else named is not Named.NOT
        return Named.NOT if spared else Named.DIRECT


class Document:
    """A compiled policy."""

    __slots__ = ("_about", "id", "statements", "version")

    def __init__(self, raw: RawDocument) -> None:
        self.version, self.id = raw.version, raw.id
        variables = raw.version == CURRENT_VERSION
        self.statements = tuple(Statement(index, each, variables) for index, each in enumerate(raw.statements))
        self._about: dict[str, tuple[Statement, ...]] = {}

    def about(self, action: str) -> tuple[Statement, ...]:
        """The statements whose Action or NotAction covers this action, denials first."""
        known = self._about.get(action)
        if known is None:
            name = action.lower()
            covering = [statement for statement in self.statements if statement.actions(name)]
            known = tuple(sorted(covering, key=lambda statement: not statement.deny))
            if len(self._about) >= ACTIONS_CACHED_MAX:
                self._about.clear()
            self._about[action] = known
        return known

    def context_keys(self) -> tuple[str, ...]:
        """The context keys that conditions and variables of this document read, each once, as they are written."""
        names: dict[str, str] = {}
        for statement in self.statements:
            for name in statement_keys(statement):
                names.setdefault(name.lower(), name)
        return tuple(names.values())


def statement_keys(statement: Statement) -> list[str]:
    """The context keys one statement reads, as they are written."""
    names = [key for keys in statement.raw.conditions.values() for key in keys]
    names += [name for condition in statement.conditions for name in condition.names if name not in names]
    for pattern in statement.raw.resources or statement.raw.not_resources or ():
        template = parse_template(pattern) if isinstance(statement.resource_test, _WithVariables) else pattern
        if isinstance(template, Template):
            names += [variable.name for variable in template.variables]
    return names


@lru_cache(maxsize=DOCUMENTS_CACHED_MAX)
def parse(text: str | bytes) -> Document:
    """The compiled form of a policy's text. Raises MalformedPolicy."""
    return Document(load(text))


def check(text: str | bytes, kind: Kind = "identity") -> Document:
    """Raise MalformedPolicy, with AWS's words, if this text may not be stored as a policy of this kind."""
    raw = load(text)
    rules.check(raw, kind)
    return Document(raw)


def _action_test(raw: RawStatement) -> Matcher:
    if raw.actions is not None:
        return compile_patterns([action.lower() for action in raw.actions])
    if raw.not_actions is None:
        return lambda action: False
    excepted = compile_patterns([action.lower() for action in raw.not_actions])
    return lambda action: not excepted(action)


def _conditions(raw: RawStatement, variables: bool) -> tuple[Condition, ...]:
    try:
        return compile_conditions(raw.conditions, variables)
    except UnknownOperator as error:
        raise MalformedPolicy(f"Invalid Condition type : {error}.", reason="condition") from error
    except Incomparable as error:
        raise MalformedPolicy(reason="condition") from error


def _resource_test(raw: RawStatement, variables: bool) -> ResourceTest | None:
    """None where the statement names no resource: a resource-based policy then speaks of its own resource."""
    patterns = raw.resources if raw.resources is not None else raw.not_resources
    if patterns is None:
        return None
    templates = [parse_template(pattern) for pattern in patterns] if variables else []
    if any(isinstance(template, Template) for template in templates):
        return _WithVariables(templates, negated=raw.resources is None)
    matcher = compile_patterns(patterns)
    if raw.resources is None:
        return lambda resource, context: not matcher(resource)
    return lambda resource, context: matcher(resource)


class _WithVariables:
    """Resource patterns of which some hold variables. One without a value matches nothing; in NotResource, where
    that would widen the statement, the statement does not apply."""

    __slots__ = ("_negated", "_plain", "_templates")

    def __init__(self, templates: list[str | Template], negated: bool) -> None:
        self._plain = compile_patterns([each for each in templates if isinstance(each, str)])
        self._templates = [each for each in templates if isinstance(each, Template)]
        self._negated = negated

    def __call__(self, resource: str, context: Context) -> bool:
        if self._plain(resource):
            return not self._negated
        for template in self._templates:
            pattern = template.pattern(context)
            if pattern is None:
                if self._negated:
                    return False
            elif compile_pattern(pattern)(resource):
                return not self._negated
        return self._negated
