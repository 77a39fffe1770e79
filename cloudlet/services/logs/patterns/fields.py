"""Patterns of space-delimited fields: [ip, user, ..., status = 4* && status != 404, bytes > 1000]."""

import re

from cloudlet.services.logs.patterns.conditions import Matcher, Test, Tokens, comparison, either, invalid

_field = re.compile(r"\"([^\"]*)\"|\[([^\]]*)\]|(\S+)")


def compiled(text: str) -> Matcher:
    if not text.endswith("]"):
        raise invalid()
    tokens = Tokens(text[1:-1])
    columns: list[tuple[str, Test | None]] = []
    while True:
        columns.append(_column(tokens, len(columns) + 1))
        if tokens.next[0] == "end":
            break
        tokens.expect(",")
    dots = [at for at, (name, _) in enumerate(columns) if name == "..."]
    if len(dots) > 1:
        raise invalid()

    def matches(message: str) -> dict[str, str] | None:
        values = [quoted or bracketed or word for quoted, bracketed, word in _field.findall(message)]
        spread = _spread(columns, values, dots[0] if dots else None)
        if spread is None:
            return None
        if any(test is not None and not test(value) for (_, test), value in spread):
            return None
        return {f"${name}": value for (name, _), value in spread}

    return matches


def _column(tokens: Tokens, number: int) -> tuple[str, Test | None]:
    """A field's name (or its number, if it has none) and its condition."""
    kind, name = tokens.next
    if kind in ("end",) or (kind == "sign" and name == ","):
        return str(number), None
    if kind == "word" and name == "...":
        tokens.take()
        return "...", None
    names: list[str] = []

    def operand(tokens: Tokens, depth: int) -> Test:
        kind, name = tokens.take()
        if kind != "word" or name == "...":
            raise invalid()
        names.append(name)
        if tokens.next in (("end", ""), ("sign", ","), ("sign", ")"), ("sign", "&&"), ("sign", "||")):
            return lambda value: True
        return comparison(tokens)

    test = either(tokens, operand)
    if len(set(names)) != 1:
        raise invalid()
    return names[0], test


def _spread(
    columns: list[tuple[str, Test | None]], values: list[str], dots: int | None
) -> list[tuple[tuple[str, Test | None], str]] | None:
    """Columns with their values; None if there are too few or too many values."""
    if dots is None:
        return list(zip(columns, values)) if len(columns) == len(values) else None
    behind = len(columns) - dots - 1
    if len(values) < dots + behind:
        return None
    head = list(zip(columns[:dots], values))
    return head + (list(zip(columns[dots + 1 :], values[-behind:])) if behind else [])
