"""One expression being read: its tokens, the names it may use, what it used and what is wrong with it.

AWS reads an expression whole before it says what is wrong, and a syntax error comes before all else. So parsers raise
syntax errors and note every other problem by its rank; `finish` raises the first.
"""

import re
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import NamedTuple

from cloudlet.services.dynamodb.errors import ValidationException, invalid
from cloudlet.services.dynamodb.values import Value

EXPRESSION_BYTES_MAX = 4096
OPERATORS_MAX = 300
Values = Mapping[str, Value]
Check = Callable[[Values], str | None]  # of values, once they are bound: what is wrong

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\f]+) | (?P<word>[A-Za-z_][A-Za-z0-9_]*) | (?P<alias>\#[A-Za-z0-9_]+)
    | (?P<value>:[A-Za-z0-9_]+) | (?P<number>[0-9]+) | (?P<symbol><>|<=|>=|[=<>()\[\],.+-]) | (?P<unknown>.)""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    kind: str  # word alias value number symbol unknown end
    text: str
    start: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of the keywords, in whatever case."""
        return self.kind == "word" and self.text.upper() in words


class Rank(IntEnum):
    """Which problem is told first."""

    PARENTHESES = 0
    FUNCTION = 1
    RESERVED = 2
    NAME = 3
    OPERAND = 4
    OVERLAP = 5
    CONFLICT = 6


class Source:
    """A cursor over the tokens of one expression."""

    def __init__(self, label: str, text: str, names: Mapping[str, str]) -> None:
        self.label, self.text, self.names = label, text, names
        self.names_used: dict[str, None] = {}  # in order of use
        self.values_used: dict[str, None] = {}
        self.attributes: frozenset[str] = frozenset()  # top-level ones that its paths start with
        self.checks: list[Check] = []
        self._problems: dict[Rank, str] = {}
        self._operators = 0
        self._at = 0
        self._opened: list[int] = []  # where the parentheses being read began
        self._last_group = (0, 0)  # where the last one read began and ended
        if not text.strip():
            raise self.error("The expression can not be empty;")
        if (size := len(text.encode())) > EXPRESSION_BYTES_MAX:
            raise self.error(
                f"Expression size has exceeded the maximum allowed size; expression size: {size}",
            )
        self._tokens = [
            Token(match.lastgroup or "", match.group(), match.start())
            for match in _TOKEN.finditer(text)
            if match.lastgroup != "space"
        ]
        self._tokens.append(Token("end", "<EOF>", len(text)))

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def is_next(self, symbol: str) -> bool:
        token = self._tokens[self._at]
        return token.kind == "symbol" and token.text == symbol

    def is_call(self) -> bool:
        """Whether a function's name and its parenthesis come next."""
        following = self._tokens[self._at + 1] if self.next.kind == "word" else None
        return following is not None and following.kind == "symbol" and following.text == "("

    def take(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def expect(self, symbol: str) -> None:
        if not self.is_next(symbol):
            raise self.syntax_error()
        self._at += 1

    def expect_word(self, word: str) -> None:
        if not self.next.is_word(word):
            raise self.syntax_error()
        self._at += 1

    def count_operator(self) -> None:
        self._operators += 1
        if self._operators > OPERATORS_MAX:
            raise self.error(
                f"The expression contains too many operators; operator count: {self._operators}, "
                f"maximum operator count: {OPERATORS_MAX}"
            )

    def open_group(self) -> None:
        """Take a parenthesis; a depth that operators can't account for says too little."""
        self.expect("(")
        self._opened.append(self._at - 1)
        if len(self._opened) > OPERATORS_MAX:
            raise self.error("The expression has redundant parentheses;")

    def close_group(self) -> None:
        """Take the closing parenthesis, and note one that holds nothing but another, as in ((a = b))."""
        self.expect(")")
        group = (self._opened.pop(), self._at - 1)
        if self._last_group == (group[0] + 1, group[1] - 1):
            self.note(Rank.PARENTHESES, "The expression has redundant parentheses;")
        self._last_group = group

    def use_attribute(self, name: str) -> None:
        self.attributes |= {name}

    def use_value(self, name: str) -> None:
        self.values_used.setdefault(name)

    def note(self, rank: Rank, problem: str) -> None:
        """Something wrong that is told if nothing of a lower rank is, and the first of its rank."""
        self._problems.setdefault(rank, problem)

    def error(self, problem: str) -> ValidationException:
        return invalid(f"Invalid {self.label}: {problem}")

    def syntax_error(self) -> ValidationException:
        """The next token can't stand here; `near` runs from the token before it to the one after."""
        token = self.next
        before = self._tokens[max(0, self._at - 1)]
        after = self._tokens[min(len(self._tokens) - 1, self._at + 1)]
        end = after.start + (len(after.text) if after.kind != "end" else 0)
        near = self.text[before.start : end].rstrip()
        return self.error(f'Syntax error; token: "{token.text}", near: "{near}"')

    def finish(self) -> None:
        """Nothing may follow; and what was noted is told."""
        if self.next.kind != "end":
            raise self.syntax_error()
        if self._problems:
            raise self.error(self._problems[min(self._problems)])
        self._tokens = []  # a compiled expression keeps only what binding needs

    def check_values(self, values: Values) -> None:
        """Every placeholder is defined and holds what its operator takes."""
        for name in self.values_used:
            if name not in values:
                raise self.error(
                    f"An expression attribute value used in expression is not defined; attribute value: {name}"
                )
        for check in self.checks:
            if (problem := check(values)) is not None:
                raise self.error(problem)
