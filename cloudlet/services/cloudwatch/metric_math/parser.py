"""Expressions, read into a tree.

or ∷= and (("||"|OR) and)*        and ∷= compared (("&&"|AND) compared)*     compared ∷= sum (("<"|…) sum)*
sum ∷= product (("+"|"-") product)*    product ∷= signed (("*"|"/") signed)*    signed ∷= "-"* power
power ∷= primary ("^" signed)?         primary ∷= number | text | id | NAME(…) | [ … ] | ( … )
"""

import re
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from cloudlet.services.cloudwatch.metric_math.values import failed

DEPTH_MAX = 40


class Number(NamedTuple):
    value: float


class Text(NamedTuple):
    value: str


class Name(NamedTuple):
    """Another query's id, or a word some function knows (REPEAT, LINEAR, ASC …)."""

    id: str


class Listing(NamedTuple):
    items: tuple["Node", ...]


class FunctionCall(NamedTuple):
    name: str
    arguments: tuple["Node", ...]


class Operation(NamedTuple):
    sign: str
    left: "Node"
    right: "Node"


Node: TypeAlias = Number | Text | Name | Listing | FunctionCall | Operation

_token = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/^<>()\[\],]))"
)
_levels = (("||", "OR"), ("&&", "AND"), ("<", "<=", ">", ">=", "==", "!="), ("+", "-"), ("*", "/"))
_words = {"OR": "||", "AND": "&&"}


@lru_cache(maxsize=1024)
def parse(text: str) -> Node:
    if re.match(r"\s*SELECT\s", text, re.IGNORECASE):
        raise failed("Metrics Insights queries are not implemented")
    parser = _Parser(text)
    node = parser.level(0, 0)
    if parser.token[0] != "end":
        raise failed(f"unexpected {parser.token[1]}")
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            match = _token.match(text, at)
            if match is None:
                raise failed(f"unexpected character at {at}")
            kind = match.lastgroup or ""
            self._tokens.append((kind, match[kind]))
            at = match.end()
        self._tokens.append(("end", "end of expression"))
        self._at = 0

    @property
    def token(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _take(self) -> tuple[str, str]:
        token = self.token
        self._at += 1
        return token

    def _accept(self, *signs: str) -> str | None:
        kind, text = self.token
        if kind in ("sign", "name") and text in signs:
            self._at += 1
            return text
        return None

    def _expect(self, sign: str) -> None:
        if self._accept(sign) is None:
            raise failed(f"expected {sign} instead of {self.token[1]}")

    def level(self, number: int, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise failed("nested too deeply")
        if number == len(_levels):
            return self._signed(depth)
        left = self.level(number + 1, depth)
        while (sign := self._accept(*_levels[number])) is not None:
            left = Operation(_words.get(sign, sign), left, self.level(number + 1, depth))
        return left

    def _signed(self, depth: int) -> Node:
        negative = False
        while self._accept("-") is not None:
            negative = not negative
        node = self._primary(depth)
        if self._accept("^") is not None:
            node = Operation("^", node, self._signed(depth + 1))
        return Operation("*", Number(-1.0), node) if negative else node

    def _primary(self, depth: int) -> Node:
        kind, text = self._take()
        if kind == "number":
            return Number(float(text))
        if kind == "text":
            return Text(text[1:-1])
        if kind == "name":
            if self._accept("(") is not None:
                return FunctionCall(text, self._items(")", depth))
            return Name(text)
        if text == "(":
            node = self.level(0, depth + 1)
            self._expect(")")
            return node
        if text == "[":
            return Listing(self._items("]", depth))
        raise failed(f"unexpected {text}")

    def _items(self, end: str, depth: int) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._accept(end) is not None:
            return ()
        while True:
            items.append(self.level(0, depth + 1))
            if self._accept(",") is None:
                self._expect(end)
                return tuple(items)
