"""Where in a policy's text each statement stands: the simulator says it by line and column, from 1."""

import json
import re
from functools import lru_cache

_STATEMENTS = re.compile(r'"Statement"\s*:\s*')
_GAP = re.compile(r"[\s,]*")
_decoder = json.JSONDecoder()

Position = dict[str, int]


@lru_cache(maxsize=512)
def statement_positions(document: str) -> tuple[tuple[Position, Position], ...]:
    """Start and end of each statement of a document that IAM took; empty where they can't be told."""
    found = _STATEMENTS.search(document)
    if found is None:
        return ()
    at = found.end()
    is_list = document[at] == "["
    at += is_list
    spans: list[tuple[Position, Position]] = []
    while True:
        at = _end_of_gap(document, at)
        if document[at : at + 1] != "{":
            return tuple(spans)
        _, end = _decoder.raw_decode(document, at)
        spans.append((_position(document, at), _position(document, end)))
        if not is_list:
            return tuple(spans)
        at = end


def _end_of_gap(document: str, at: int) -> int:
    gap = _GAP.match(document, at)
    return gap.end() if gap else at


def _position(document: str, at: int) -> Position:
    line_start = document.rfind("\n", 0, at) + 1
    return {"Line": document.count("\n", 0, at) + 1, "Column": at - line_start + 1}
