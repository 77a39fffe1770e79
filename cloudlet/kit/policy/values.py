"""Reading the values that conditions compare: numbers, dates, addresses, binaries, ARN patterns."""

import base64
import binascii
import ipaddress
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from cloudlet.kit.policy.patterns import Literal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?")
# https://www.w3.org/TR/NOTE-datetime: a year, a month, a day, or a day and a time with its zone.
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|z|[+-]\d\d:?\d\d)?)?)?)?"
)
_EPOCH = re.compile(r"-?\d{5,15}(?:\.\d{1,9})?")


class Incomparable(ValueError):
    """A text that is not of the kind its operator compares."""


def number_of(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text.strip()):
        raise Incomparable(text)
    return Decimal(text.strip())


def instant_of(text: str) -> Decimal:
    """Seconds since 1970 of a W3C date, or of a number of more than four digits (four are a year)."""
    text = text.strip()
    if _EPOCH.fullmatch(text):
        return Decimal(text)
    found = _DATE.fullmatch(text)
    if found is None:
        raise Incomparable(text)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        moment = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
        moment -= _offset(zone)
    except (ValueError, OverflowError) as error:
        raise Incomparable(text) from error
    return Decimal(int(moment.timestamp())) + (Decimal(f"0.{fraction}") if fraction else 0)


def _offset(zone: str | None) -> timedelta:
    if not zone or zone in "Zz":
        return timedelta()
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return timedelta(minutes=-minutes if zone[0] == "-" else minutes)


def network_of(text: str) -> Network:
    """A CIDR block or a single address."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise Incomparable(text) from error
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


@lru_cache(maxsize=1024)
def _address_of(text: str) -> Address | None:
    """A 4-in-6 address (::ffff:1.2.3.4, what a dual-stack socket reports) is the IPv4 address it stands for."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def within_network(text: str, network: Network) -> bool:
    address = _address_of(text)
    return address is not None and address in network


def binary_of(text: str) -> bytes:
    """Policy and request both carry binary values in base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Incomparable(text) from error


def boolean_of(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise Incomparable(text)
    return text.lower() == "true"


def arn_parts(pattern: list[str]) -> list[list[str]]:
    """The six colon-separated parts of an ARN pattern (fewer if it has fewer); each part again a list of pieces."""
    parts: list[list[str]] = [[]]
    for piece in pattern:
        make = Literal if isinstance(piece, Literal) else str
        first, *rest = str(piece).split(":", 6 - len(parts))
        parts[-1].append(make(first))
        parts.extend([make(text)] for text in rest)
    return parts
