"""DynamoDB's numbers: their one text, their limits, their sums and their weight."""

import decimal
import random

import pytest

from cloudlet.services.dynamodb import numbers
from cloudlet.services.dynamodb.errors import ValidationException

NINES = "9" * 38


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("000.000", "0"),
        ("0e999999999999", "0"),
        ("007", "7"),
        ("+7", "7"),
        ("7.", "7"),
        (".5", "0.5"),
        ("-.50", "-0.5"),
        ("12.3400", "12.34"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("1e-3", "0.001"),
        ("-12.5e1", "-125"),
        ("1234e-2", "12.34"),
        ("0.0001e4", "1"),
        ("9.9e125", "99" + "0" * 124),
        ("1e-130", "0." + "0" * 129 + "1"),
        (NINES, NINES),
        (NINES + "000e-3", NINES),
    ],
)
def test_a_number_has_one_text(text: str, canonical: str) -> None:
    assert numbers.canonical(text) == canonical
    assert numbers.canonical(canonical) == canonical


@pytest.mark.parametrize(
    "text", ["a", "1 ", " 1", "1e", "--1", "1.2.3", ".", "e5", "0x10", "NaN", "Infinity", "1_000", "١"]
)
def test_what_is_no_number_is_refused_by_its_text(text: str) -> None:
    with pytest.raises(ValidationException) as refused:
        numbers.canonical(text)
    assert refused.value.message == f"The parameter cannot be converted to a numeric value: {text}"


def test_an_empty_number_is_refused_without_a_text() -> None:
    with pytest.raises(ValidationException) as refused:
        numbers.canonical("")
    assert refused.value.message == "The parameter cannot be converted to a numeric value"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1e126", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        (
            "-1e" + "9" * 5000,
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        ("1e-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        (
            "1e-" + "9" * 5000,
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
        ),
        (NINES + "9", "Attempting to store more than 38 significant digits in a Number"),
        ("1." + "0" * 37 + "1", "Attempting to store more than 38 significant digits in a Number"),
    ],
)
def test_a_number_beyond_the_limits_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        numbers.canonical(text)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("left", "right", "total"),
    [
        ("1", "2", "3"),
        ("0.1", "0.2", "0.3"),
        ("-5", "5", "0"),
        ("99999999999999999", "1", "100000000000000000"),
        ("-0.5", "0.25", "-0.25"),
        ("1" + "0" * 125, "1" + "0" * 125, "2" + "0" * 125),
    ],
)
def test_sums_are_exact_and_canonical(left: str, right: str, total: str) -> None:
    assert numbers.add(left, right) == total
    assert numbers.subtract(total, right) == left


def test_a_sum_that_needs_more_than_38_digits_is_refused() -> None:
    with pytest.raises(ValidationException, match="more than 38 significant digits"):
        numbers.add("1" + "0" * 125, "1")


def test_a_sum_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValidationException, match="Number overflow"):
        numbers.add("9" + "0" * 125, "9" + "0" * 125)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("0", 1), ("1", 2), ("12", 2), ("123", 3), ("-123", 4), ("1000", 2), ("0.001", 2), ("12.34", 3), (NINES, 20)],
)
def test_a_number_weighs_by_its_significant_digits(text: str, size_bytes: int) -> None:
    assert numbers.size_bytes(text) == size_bytes


def test_canonical_texts_say_what_the_given_texts_say() -> None:
    chance = random.Random(11)
    for _ in range(500):
        digits = str(chance.randrange(10 ** chance.randrange(1, 38)))
        text = f"{chance.choice(['', '-', '+'])}{digits}e{chance.randrange(-90, 80)}"
        assert decimal.Decimal(numbers.canonical(text)) == decimal.Decimal(text)
