"""Wildcard patterns (`*` any run, `?` any one character) compiled to functions that never backtrack.

A policy is text from a user, matched on every request: a matcher that explodes on `a*a*a*a*…` would stop the node.
Without `?`, a pattern is a list of pieces found one after the other (the leftmost find is always right, so there is
nothing to go back to). With `?`, all positions of the pattern advance together as the bits of one integer; a long
pattern of many different characters would take megabytes of such bits, and is searched for piece by piece.
"""

import re
from collections.abc import Callable, Iterable, Sequence

Matcher = Callable[[str], bool]


class Literal(str):
    """A part of a pattern whose `*` and `?` are plain characters: the value of a variable, or `${*}`."""

    __slots__ = ()


_STAR = Literal("*")
_ANY = Literal("?")
BITS_MAX = 1 << 18  # of one pattern


def compile_pattern(parts: Sequence[str]) -> Matcher:
    """A function that says whether a text matches the parts, read as one pattern."""
    if any("?" in part and not isinstance(part, Literal) for part in parts):
        tokens = _tokens(parts)
        return _positions(tokens) if len(tokens) * len(set(tokens)) <= BITS_MAX else _holed_pieces(tokens)
    pieces = [""]
    for part in parts:
        if isinstance(part, Literal):
            pieces[-1] += part
        else:
            first, *rest = part.split("*")
            pieces[-1] += first
            pieces.extend(rest)
    return _pieces(pieces)


def compile_patterns(patterns: Iterable[str]) -> Matcher:
    """A function that says whether a text matches any of the patterns; plain texts and prefixes are one look-up."""
    exact: set[str] = set()
    prefixes: list[str] = []
    others: list[Matcher] = []
    for pattern in patterns:
        if "?" in pattern or "*" in pattern[:-1]:
            others.append(compile_pattern((pattern,)))
        elif pattern.endswith("*"):
            prefixes.append(pattern[:-1])
        else:
            exact.add(pattern)
    if "" in prefixes:
        return _everything
    starts = tuple(prefixes)
    if not others:
        return lambda text: text in exact or text.startswith(starts)
    return lambda text: text in exact or text.startswith(starts) or any(match(text) for match in others)


def _everything(text: str) -> bool:
    return True


def _pieces(pieces: list[str]) -> Matcher:
    """Pieces with a star between each two."""
    if len(pieces) == 1:
        (exact,) = pieces
        return lambda text: text == exact
    prefix, suffix = pieces[0], pieces[-1]
    middle = [piece for piece in pieces[1:-1] if piece]
    shortest = len(prefix) + len(suffix)

    def match(text: str) -> bool:
        if len(text) < shortest or not text.startswith(prefix) or not text.endswith(suffix):
            return False
        at, end = len(prefix), len(text) - len(suffix)
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    return match


def _tokens(parts: Sequence[str]) -> list[str]:
    tokens: list[str] = []
    for part in parts:
        if isinstance(part, Literal):
            tokens.extend(str(character) for character in str(part))
        else:
            tokens.extend(_STAR if c == "*" else _ANY if c == "?" else c for c in part)
    return tokens


def _positions(tokens: list[str]) -> Matcher:
    """Shift-and: bit i of the state is set while the first i tokens are matched; a star lets bit i stay."""
    stays, length = 0, 0
    any_character = 0
    accepts: dict[str, int] = {}
    for token in tokens:
        if token is _STAR:
            stays |= 1 << length
            continue
        if token is _ANY:
            any_character |= 1 << length
        else:
            accepts[token] = accepts.get(token, 0) | 1 << length
        length += 1
    accepts = {character: bits | any_character for character, bits in accepts.items()}
    done = 1 << length

    def match(text: str) -> bool:
        state = 1
        for character in text:
            state = (state & accepts.get(character, any_character)) << 1 | state & stays
            if not state:
                return False
        return bool(state & done)

    return match


def _holed_pieces(tokens: list[str]) -> Matcher:
    """Pieces of a fixed length with a star between each two, found one after the other."""
    pieces, lengths = [""], [0]
    for token in tokens:
        if token is _STAR:
            pieces.append("")
            lengths.append(0)
        else:
            pieces[-1] += "." if token is _ANY else re.escape(token)
            lengths[-1] += 1
    first, *others = [re.compile(piece, re.DOTALL) for piece in pieces]
    if not others:
        return lambda text: first.fullmatch(text) is not None
    *middle, last = others

    def match(text: str) -> bool:
        at, end = lengths[0], len(text) - lengths[-1]
        if end < at or not first.match(text) or not last.match(text, end):
            return False
        for piece in middle:
            found = piece.search(text, at, end)
            if found is None:
                return False
            at = found.end()
        return True

    return match
