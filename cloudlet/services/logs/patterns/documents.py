"""Patterns of JSON documents: { $.a.b[0] = "x*" && ($.n >= 4 || $.gone NOT EXISTS) }."""

import re
from typing import Any

import msgspec

from cloudlet.services.logs.patterns.conditions import Matcher, Test, Tokens, as_text, comparison, either, invalid

_selector = re.compile(r"\$(?:\.[^.\[\]\s]+|\[(?:\d+|\*)\]|\['[^']*'\])*")
_step = re.compile(r"\.([^.\[\]\s]+)|\[(\d+|\*)\]|\['([^']*)'\]")
_ABSENT = object()
Path = tuple[str | int, ...]


def compiled(text: str) -> Matcher:
    if not text.endswith("}"):
        raise invalid()
    tokens = Tokens(text[1:-1])
    selectors: dict[str, Path] = {}
    test = either(tokens, lambda tokens, depth: _condition(tokens, selectors))
    if tokens.next[0] != "end":
        raise invalid()

    def matches(message: str) -> dict[str, str] | None:
        try:
            document = msgspec.json.decode(message)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return None
        if not isinstance(document, dict | list) or not test(document):
            return None
        values = {name: value for name, path in selectors.items() if (value := first(document, path)) is not _ABSENT}
        return {name: as_text(value) for name, value in values.items()}

    return matches


def _condition(tokens: Tokens, selectors: dict[str, Path]) -> Test:
    kind, name = tokens.take()
    if kind != "word" or not _selector.fullmatch(name):
        raise invalid()
    path = selectors[name] = path_of(name)
    if tokens.accept("IS"):
        return _is(tokens, path)
    if tokens.accept("NOT"):
        tokens.expect("EXISTS")
        return lambda document: first(document, path) is _ABSENT
    if tokens.accept("EXISTS"):
        return lambda document: first(document, path) is not _ABSENT
    test = comparison(tokens)
    return lambda document: any(not isinstance(value, dict | list) and test(value) for value in found(document, path))


def _is(tokens: Tokens, path: Path) -> Test:
    for word, constant in (("TRUE", True), ("FALSE", False), ("NULL", None)):
        if tokens.accept(word):
            return _any_is(path, constant)
    raise invalid()


def _any_is(path: Path, constant: bool | None) -> Test:
    return lambda document: any(value is constant for value in found(document, path))


def path_of(selector: str) -> Path:
    path: list[str | int] = []
    for match in _step.finditer(selector):
        name, index, quoted = match.groups()
        path.append(int(index) if index and index != "*" else index or name or quoted or "")
    return tuple(path)


def found(document: Any, path: Path) -> list[Any]:
    """Everything the path leads to; "*" is every element of a list."""
    values = [document]
    for step in path:
        values = [inner for value in values for inner in _inside(value, step)]
    return values


def _inside(value: Any, step: str | int) -> list[Any]:
    if isinstance(value, dict):
        return [value[step]] if step in value else []
    if isinstance(value, list):
        if isinstance(step, int):
            return value[step : step + 1]
        return value if step == "*" else []
    return []


def first(document: Any, path: Path) -> Any:
    values = found(document, path)
    return values[0] if values else _ABSENT
