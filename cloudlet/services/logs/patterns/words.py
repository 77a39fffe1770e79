"""Patterns of words: all of them, "in quotes", ?any ?of ?these, -none -of -those. Case counts."""

import re

from cloudlet.base.errors import aws_error
from cloudlet.services.logs.patterns.conditions import Matcher, invalid, unquoted

_word = re.compile(r"\s*([?-]?)(\"(?:\\.|[^\"\\])*\"|[^\s\"]+)(?=\s|$)")


def compiled(text: str) -> Matcher:
    wanted: dict[str, list[str]] = {"": [], "?": [], "-": []}
    at = 0
    while at < len(text):
        match = _word.match(text, at)
        if match is None:
            raise invalid()
        word = match[2]
        if word.startswith("%"):
            raise aws_error("NotImplemented", "logs: regular expressions in filter patterns are not implemented", 501)
        wanted[match[1]].append(unquoted(word) if word.startswith('"') else word)
        at = match.end()
    every, some, none = wanted[""], wanted["?"], wanted["-"]
    if every and some:
        some = []  # as AWS: beside words that must be there, optional ones change nothing

    def matches(message: str) -> dict[str, str] | None:
        is_match = (
            all(word in message for word in every)
            and (not some or any(word in message for word in some))
            and not any(word in message for word in none)
        )
        return {} if is_match else None

    return matches
