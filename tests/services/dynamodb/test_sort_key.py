"""Key encodings sort as the values do."""

import decimal
import random

import pytest

from cloudlet.services.dynamodb import numbers, sort_key
from cloudlet.services.dynamodb.values import canonical


def test_numbers_sort_by_value() -> None:
    chance = random.Random(5)
    texts = {"0", "1", "-1", "10", "9", "-10", "-9", "1.5", "0.5", "-0.5", "1" + "0" * 125, "-1" + "0" * 125}
    for _ in range(1000):
        digits = str(chance.randrange(10 ** chance.randrange(1, 38)))
        texts.add(numbers.canonical(f"{chance.choice(['', '-'])}{digits}e{chance.randrange(-90, 80)}"))
    by_value = sorted(texts, key=decimal.Decimal)
    assert sorted(texts, key=sort_key.encode_number) == by_value


@pytest.mark.parametrize("text", ["1e-130", "-1e-130", "9.99e125", "-9.99e125"])
def test_the_outermost_numbers_have_an_encoding(text: str) -> None:
    assert sort_key.encode({"N": numbers.canonical(text)})


def test_equal_numbers_have_one_encoding() -> None:
    assert sort_key.encode_number("1000") == sort_key.encode_number("1e3") == sort_key.encode_number("1000.0")


def test_strings_sort_by_utf8_bytes() -> None:
    texts = ["", "a", "aa", "b", "Z", "é", "\uffff", "\U00010000", "a\x00", "a\x00b"]
    by_bytes = sorted(texts, key=lambda text: text.encode())
    assert sorted(texts, key=lambda text: sort_key.encode({"S": text})) == by_bytes


def test_binary_sorts_as_unsigned_bytes() -> None:
    raw = [b"", b"\x00", b"\x7f", b"\x80", b"\xff", b"\x00\x00", b"\xff\x00"]
    encoded = [sort_key.encode(canonical({"B": each})) for each in raw]
    assert encoded == raw
