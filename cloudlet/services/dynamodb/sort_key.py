"""Key attributes as bytes that sort as DynamoDB sorts them: strings by UTF-8, numbers by value, binary unsigned.

An encoding says nothing of its type, since a key attribute has one type; and none is meant to be decoded: the item
holds the value.
"""

import binascii

from cloudlet.services.dynamodb import numbers
from cloudlet.services.dynamodb.values import Value

_NEGATIVE, _ZERO, _POSITIVE = b"\x00", b"\x01", b"\x02"
_END_OF_NEGATIVE = b"\xff"  # above every complemented pair: of two negatives the longer is the smaller


def encode(value: Value) -> bytes:
    """The sorting form of a canonical S, N or B value."""
    ((kind, content),) = value.items()
    if kind == "S":
        return content.encode()
    if kind == "N":
        return encode_number(content)
    assert kind == "B", f"{kind} is no key type"
    return binascii.a2b_base64(content)


def encode_number(text: str) -> bytes:
    """Sign, exponent (its 256 values fill a byte), then the digits in pairs; complemented if negative."""
    number = numbers.parse(text)
    if not number.digits:
        return _ZERO
    digits = number.digits if len(number.digits) % 2 == 0 else number.digits + "0"
    body = bytes([number.exponent - numbers.EXPONENT_MIN]) + bytes(
        [int(digits[at : at + 2]) + 1 for at in range(0, len(digits), 2)]
    )
    if not number.is_negative:
        return _POSITIVE + body
    return _NEGATIVE + bytes(255 - byte for byte in body) + _END_OF_NEGATIVE
