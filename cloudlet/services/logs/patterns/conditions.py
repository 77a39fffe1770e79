"""What the pattern languages share: tokens, comparisons with wildcards, && and ||."""

import re
from collections.abc import Callable
from typing import Any

from cloudlet.base.errors import aws_error
from cloudlet.services.logs import errors

Matcher = Callable[[str], dict[str, str] | None]
Test = Callable[[Any], bool]
DEPTH_MAX = 20

_token = re.compile(
    r"\s*(?:(?P<word>\.\.\.|\$[^\s=!<>&|(){},]*|[^\s=!<>&|(){}\[\],\"]+)|(?P<quoted>\"(?:\\.|[^\"\\])*\")"
    r"|(?P<sign>&&|\|\||!=|<=|>=|[=<>(){}\[\],]))"
)
_comparisons: dict[str, Callable[[float, float], bool]] = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    ">": lambda one, other: one > other,
    "<=": lambda one, other: one <= other,
    ">=": lambda one, other: one >= other,
}


def invalid() -> errors.InvalidParameter:
    return errors.InvalidParameter("Invalid filter pattern")


class Tokens:
    """The pattern's tokens: (kind, text), one after the other."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            match = _token.match(text, at)
            if match is None:
                raise invalid()
            kind = match.lastgroup or ""
            self._tokens.append((kind, match[kind]))
            at = match.end()
        self._at = 0

    @property
    def next(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.next
        self._at += 1
        return token

    def accept(self, sign: str) -> bool:
        """Whether the next token is this sign (or word, whatever its case); then it is taken."""
        kind, text = self.next
        if kind in ("sign", "word") and text.upper() == sign:
            self._at += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            raise invalid()


def either(tokens: Tokens, operand: Callable[[Tokens, int], Test], depth: int = 0) -> Test:
    """operand && operand || …, with parentheses; && binds closer."""
    if depth > DEPTH_MAX:
        raise invalid()
    tests = [_all(tokens, operand, depth)]
    while tokens.accept("||"):
        tests.append(_all(tokens, operand, depth))
    return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)


def _all(tokens: Tokens, operand: Callable[[Tokens, int], Test], depth: int) -> Test:
    tests = [_one(tokens, operand, depth)]
    while tokens.accept("&&"):
        tests.append(_one(tokens, operand, depth))
    return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)


def _one(tokens: Tokens, operand: Callable[[Tokens, int], Test], depth: int) -> Test:
    if tokens.accept("("):
        test = either(tokens, operand, depth + 1)
        tokens.expect(")")
        return test
    return operand(tokens, depth)


def comparison(tokens: Tokens) -> Test:
    """`= value`, `!= value`, `< number` …: a test of text or a number."""
    kind, sign = tokens.take()
    if kind != "sign" or sign not in _comparisons:
        raise invalid()
    kind, literal = tokens.take()
    if kind not in ("word", "quoted"):
        raise invalid()
    if literal.startswith("%"):
        raise aws_error("NotImplemented", "logs: regular expressions in filter patterns are not implemented", 501)
    number = as_number(literal) if kind == "word" else None
    if number is not None:
        compare, wanted = _comparisons[sign], number
        return lambda value: (found := as_number(value)) is not None and compare(found, wanted)
    if sign not in ("=", "!="):
        raise invalid()
    matches = wildcard(unquoted(literal) if kind == "quoted" else literal)
    if sign == "=":
        return lambda value: matches(as_text(value))
    return lambda value: not matches(as_text(value))


def unquoted(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1])


def as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def as_text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)


def wildcard(pattern: str) -> Callable[[str], bool]:
    """A test for text in which "*" stands for anything; linear in the text."""
    if "*" not in pattern:
        return lambda text: text == pattern
    first, *middle, last = pattern.split("*")

    def matches(text: str) -> bool:
        if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for part in middle:
            found = text.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    return matches
