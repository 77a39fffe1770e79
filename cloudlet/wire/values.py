"""Scalars on the wire: instants in AWS's spellings, base64, numbers. An instant is milliseconds since 1970, UTC."""

import base64
import binascii
import email.utils
import math
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

DEPTH_MAX = 100  # structures, lists and maps inside one another; past it a request is refused

INTEGER_RANGES = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS_MIN, _MS_MAX = -62_135_596_800_000, 253_402_300_799_999  # years 1 to 9999
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_EPOCH_SECONDS = re.compile(r"-?\d{1,15}(\.\d{1,9})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def instant_from_iso(text: str) -> int:
    """Milliseconds of an ISO 8601 instant; ValueError if it is none. Without an offset it is UTC."""
    found = _ISO.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    leap = second == 60  # a leap second counts as the next second's start
    moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    offset = found[8]
    ms = (
        (moment - _EPOCH) // timedelta(milliseconds=1)
        + (1000 if leap else 0)
        + int((found[7] or "0").ljust(3, "0")[:3])
    )
    if offset and offset not in "Zz":
        minutes = int(offset[1:3]) * 60 + int(offset[-2:])
        ms -= minutes * 60_000 * (-1 if offset[0] == "-" else 1)
    return _in_range(ms)


def instant_from_seconds(seconds: float) -> int:
    """Milliseconds of epoch seconds; ValueError out of the years 1 to 9999."""
    if not math.isfinite(seconds):
        raise ValueError(seconds)
    return _in_range(round(seconds * 1000))


def instant_from_http(text: str) -> int:
    """Milliseconds of an HTTP date (any of its forms); ValueError if it is none."""
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError(text) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def instant_from_text(text: str) -> int:
    """Milliseconds of an instant in whichever spelling it comes: ISO 8601, epoch seconds, HTTP date."""
    if _EPOCH_SECONDS.fullmatch(text):
        return instant_from_seconds(float(text))
    try:
        return instant_from_iso(text)
    except ValueError:
        return instant_from_http(text)


def _in_range(ms: int) -> int:
    if not _MS_MIN <= ms <= _MS_MAX:
        raise ValueError(ms)
    return ms


@lru_cache(maxsize=4096)  # a list's entries share many of theirs
def iso_from_instant(ms: int) -> str:
    """2026-01-01T00:00:00.000Z"""
    at = _EPOCH + timedelta(milliseconds=ms)
    return f"{at.year:04d}-{at.month:02d}-{at.day:02d}T{at.hour:02d}:{at.minute:02d}:{at.second:02d}.{ms % 1000:03d}Z"


def short_iso_from_instant(ms: int) -> str:
    """The same, without decimals where they are zero, as IAM, STS and CloudWatch write it."""
    text = iso_from_instant(ms)
    return text if ms % 1000 else f"{text[:-5]}Z"


def http_from_instant(ms: int) -> str:
    """Thu, 01 Jan 2026 00:00:00 GMT, whatever the locale."""
    at = _EPOCH + timedelta(seconds=ms // 1000)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at.year:04d} "
        f"{at.hour:02d}:{at.minute:02d}:{at.second:02d} GMT"
    )


def seconds_from_instant(ms: int) -> int | float:
    """Epoch seconds: an integer when whole, as AWS's JSON has it for most, else with three decimals."""
    return ms // 1000 if ms % 1000 == 0 else ms / 1000


BASE64_PIECE = 1 << 20


def bytes_from_base64(text: str) -> bytes:
    """Strict base64; ValueError if it is none."""
    try:
        if len(text) > BASE64_PIECE and "=" not in text[:-2]:  # a thread gives way between pieces
            pieces = range(0, len(text), BASE64_PIECE)
            return b"".join([base64.b64decode(text[at : at + BASE64_PIECE], validate=True) for at in pieces])
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(str(error)) from error


def base64_from_bytes(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def integer_from_text(text: str, shape_type: str = "long") -> int:
    """A decimal integer in the range of its type; ValueError if it is none."""
    if _INTEGER.fullmatch(text) is None:
        raise ValueError(text)
    number = int(text)
    low, high = INTEGER_RANGES[shape_type]
    if not low <= number <= high:
        raise ValueError(text)
    return number


def float_from_text(text: str) -> float:
    """A decimal number, NaN or ±Infinity; ValueError if it is none."""
    if text in ("NaN", "Infinity", "-Infinity"):
        return float(text)
    if len(text) > 400 or "_" in text or not text or text[-1] not in "0123456789." or not text.isascii():
        raise ValueError(text)
    return float(text)


def boolean_from_text(text: str) -> bool:
    """true or false; ValueError if neither."""
    lowered = text.lower()
    if lowered == "true":
        return True
    if lowered == "false":
        return False
    raise ValueError(text)


def text_from_float(number: float) -> str:
    if math.isfinite(number):
        return repr(number)
    return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")
