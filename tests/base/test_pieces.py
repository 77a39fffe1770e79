"""Reading large JSON piece by piece gives what reading it whole does."""

import json
import random
from typing import Any

import msgspec
import pytest

from cloudlet.base import pieces


def value(seed: random.Random, depth: int) -> Any:
    kind = seed.randrange(7 if depth else 4)
    if kind < 4:
        return [None, seed.random(), 'é"\\u' * seed.randrange(9), seed.randrange(99)][kind]
    if kind < 6:
        return [value(seed, depth - 1) for _ in range(seed.randrange(6))]
    return {f'k"{at}': value(seed, depth - 1) for at in range(seed.randrange(6))}


def read(decode: Any, text: bytes) -> Any:
    try:
        return decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "an error"


def test_pieces_give_the_whole_and_find_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 40)
    seed = random.Random(1)
    for _ in range(2_000):
        text = (" " * seed.randrange(3) + json.dumps(value(seed, 6), indent=seed.choice([None, 1]))).encode()
        if seed.random() < 0.3:
            at = seed.randrange(len(text))
            text = text[:at] + seed.choice([b"", b"\xff", b"]", b"}", b","]) + text[at + 1 :]
        assert read(pieces.decode, text) == read(msgspec.json.decode, text)


def test_what_somebody_else_holds_is_let_go_whole() -> None:
    held = {"a": [{"b": number} for number in range(5_000)], "c": {"d": [1]}}
    values: list[Any] = [held]
    pieces.let_go(values)
    assert (values, len(held["a"]), held["a"][4_999], held["c"]) == ([], 5_000, {"b": 4_999}, {"d": [1]})
