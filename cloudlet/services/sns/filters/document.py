"""JSON with positions: AWS's errors about a filter policy say where, so the stock parser won't do.

A node's column is where AWS's parser stands when it complains: behind a token, but right behind the opening quote of
a text.
"""

import re
from json import JSONDecodeError, JSONDecoder
from typing import Any, NamedTuple

DEPTH_MAX = 64

_stock = JSONDecoder()
_space = re.compile(r"[ \t\r\n]*")
_number = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_word = re.compile(r"[A-Za-z0-9_$]+", re.ASCII)
_WORDS: dict[str, tuple[str, Any]] = {"true": ("true", True), "false": ("false", False), "null": ("null", None)}


class Node(NamedTuple):
    kind: str  # object array string number true false null
    value: Any  # object: list of (name, Node); array: list of Node; number: its text
    place: str
    end: str = ""  # where it stands behind a closed array or object

    @property
    def is_text(self) -> bool:
        return self.kind == "string"


class NotJson(Exception):
    """The message is AWS's, position included."""


def parse(text: str) -> Node:
    """Raises NotJson."""
    parser = _Parser(text)
    node = parser.value(0)
    parser.skip()
    if parser.at < len(text):
        raise parser.unexpected("was expecting end of input")
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def skip(self) -> None:
        matched = _space.match(self.text, self.at)
        assert matched is not None, "the pattern matches nothing too"
        self.at = matched.end()

    def place(self, at: int) -> str:
        line = self.text.count("\n", 0, at) + 1
        column = at - self.text.rfind("\n", 0, at)
        source = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
        return f"\n at [Source: {source}; line: {line}, column: {column}]"

    def unexpected(self, expected: str) -> NotJson:
        if self.at >= len(self.text):
            return NotJson(f"Unexpected end-of-input{self.place(self.at)}")
        character = self.text[self.at]
        return NotJson(f"Unexpected character ('{character}' (code {ord(character)})): {expected}{self.place(self.at)}")

    def value(self, depth: int) -> Node:
        self.skip()
        character = self.text[self.at : self.at + 1]
        if depth > DEPTH_MAX:
            raise NotJson(f"Document nesting depth exceeds the maximum allowed ({DEPTH_MAX}){self.place(self.at)}")
        if character == "{":
            return self._object(depth)
        if character == "[":
            return self._array(depth)
        if character == '"':
            place = self.place(self.at + 1)
            return Node("string", self._string(), place)
        return self._scalar()

    def _scalar(self) -> Node:
        number = _number.match(self.text, self.at)
        if number:
            self.at = number.end()
            return Node("number", number[0], self.place(self.at))
        word = _word.match(self.text, self.at)
        if word is None:
            raise self.unexpected(
                "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
            )
        self.at = word.end()
        if word[0] not in _WORDS:
            raise NotJson(
                f"Unrecognized token '{word[0]}': was expecting (JSON String, Number, Array, Object or token 'null',"
                f" 'true' or 'false'){self.place(self.at)}"
            )
        kind, value = _WORDS[word[0]]
        return Node(kind, value, self.place(self.at))

    def _string(self) -> str:
        try:
            text, self.at = _stock.raw_decode(self.text, self.at)
        except JSONDecodeError as error:
            raise NotJson(f"{error.msg}{self.place(error.pos)}") from error
        return text

    def _array(self, depth: int) -> Node:
        self.at += 1
        place = self.place(self.at)
        items: list[Node] = []
        self.skip()
        while self.text[self.at : self.at + 1] != "]":
            if items:
                self._expect(",", "was expecting comma to separate Array entries")
            items.append(self.value(depth + 1))
            self.skip()
        self.at += 1
        return Node("array", items, place, self.place(self.at))

    def _object(self, depth: int) -> Node:
        self.at += 1
        place = self.place(self.at)
        items: list[tuple[str, Node]] = []
        self.skip()
        while self.text[self.at : self.at + 1] != "}":
            if items:
                self._expect(",", "was expecting comma to separate Object entries")
                self.skip()
            if self.text[self.at : self.at + 1] != '"':
                raise self.unexpected("was expecting double-quote to start field name")
            name = self._string()
            self.skip()
            self._expect(":", "was expecting a colon to separate field name and value")
            items.append((name, self.value(depth + 1)))
            self.skip()
        self.at += 1
        return Node("object", items, place, self.place(self.at))

    def _expect(self, character: str, expected: str) -> None:
        if self.text[self.at : self.at + 1] != character:
            raise self.unexpected(expected)
        self.at += 1
