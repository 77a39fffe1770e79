"""DynamoDB's numbers: decimals of up to 38 significant digits between 1E-130 and 9.99…E+125, kept as text.

A canonical text has no exponent, no plus, no needless zeros: equal numbers are equal texts.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

import decimal
import re
from typing import NamedTuple

from cloudlet.services.dynamodb.errors import invalid

DIGITS_MAX = 38
EXPONENT_MAX = 125
EXPONENT_MIN = -130

_NUMBER = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?)([0-9]+))?")
_EXPONENT_DIGITS = 9  # more of them are out of range whatever the digits before
_SHORT = 18  # texts up to here take the quick way
# Wide enough to add the largest number to the smallest exactly; what doesn't fit 38 digits is refused afterwards.
_EXACT = decimal.Context(prec=EXPONENT_MAX - EXPONENT_MIN + DIGITS_MAX + 2, Emax=999, Emin=-999)


class Number(NamedTuple):
    """`0.digits × 10^(exponent + 1)`: the first digit stands at 10^exponent and, like the last, isn't 0."""

    is_negative: bool
    digits: str  # "" is zero
    exponent: int


ZERO = Number(False, "", 0)


def parse(text: str) -> Number:
    """What `text` says; raises AWS's errors for what isn't a number that DynamoDB can hold."""
    if len(text) <= _SHORT and text.isdigit() and text.isascii():
        kept = text.lstrip("0")
        return Number(False, kept.rstrip("0"), len(kept) - 1) if kept else ZERO
    if not text:
        raise invalid("The parameter cannot be converted to a numeric value")
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    sign, whole, fraction, only_fraction, exponent_sign, exponent_digits = match.groups()
    whole, fraction = whole or "", fraction or only_fraction or ""
    kept = (whole + fraction).lstrip("0")
    if not kept:
        return ZERO
    exponent = len(whole) - 1 - (len(whole) + len(fraction) - len(kept)) + _exponent(exponent_sign, exponent_digits)
    return _checked(Number(sign == "-", kept.rstrip("0"), exponent))


def _exponent(sign: str | None, digits: str | None) -> int:
    if not digits:
        return 0
    digits = digits.lstrip("0")
    size = int(digits or "0") if len(digits) <= _EXPONENT_DIGITS else 10**_EXPONENT_DIGITS
    return -size if sign == "-" else size


def _checked(number: Number) -> Number:
    if number.exponent > EXPONENT_MAX:
        raise invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if number.exponent < EXPONENT_MIN:
        raise invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
    if len(number.digits) > DIGITS_MAX:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    return number


def to_text(number: Number) -> str:
    """The canonical text, as AWS answers it: 1E3 is 1000, 1E-3 is 0.001."""
    digits, exponent = number.digits, number.exponent
    if not digits:
        return "0"
    if exponent < 0:
        plain = "0." + "0" * (-exponent - 1) + digits
    elif len(digits) <= exponent + 1:
        plain = digits + "0" * (exponent + 1 - len(digits))
    else:
        plain = digits[: exponent + 1] + "." + digits[exponent + 1 :]
    return "-" + plain if number.is_negative else plain


def canonical(text: str) -> str:
    """The one text of the number that `text` says."""
    if len(text) <= _SHORT and text.isdigit() and text.isascii() and (text[0] != "0" or text == "0"):
        return text
    return to_text(parse(text))


def as_decimal(text: str) -> decimal.Decimal:
    """For comparing and sorting canonical texts."""
    return decimal.Decimal(text)


def add(left: str, right: str) -> str:
    """The canonical sum of two canonical numbers; exact, or refused like a number that is too long or too large."""
    if len(left) < _SHORT and len(right) < _SHORT and left.isdigit() and right.isdigit():
        return str(int(left) + int(right))
    return canonical(format(_EXACT.add(decimal.Decimal(left), decimal.Decimal(right)), "f"))


def subtract(left: str, right: str) -> str:
    """The canonical difference of two canonical numbers, under the rules of `add`."""
    return add(left, right[1:] if right.startswith("-") else f"-{right}")


def size_bytes(text: str) -> int:
    """What AWS counts for a canonical number: a byte for two significant digits, one more, and one for a minus.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    digits = text.lstrip("-0.") if "." not in text else text.replace(".", "").lstrip("-0")
    return (len(digits.rstrip("0")) + 1) // 2 + 1 + (text[0] == "-")
