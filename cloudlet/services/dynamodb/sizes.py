"""What items weigh and requests cost, by AWS's documented rules.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from cloudlet.services.dynamodb import numbers
from cloudlet.services.dynamodb.values import Item, Value

ITEM_BYTES_MAX = 400 * 1024
READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024
_DOCUMENT_BYTES = 3  # of a list or map, whatever it holds
_MEMBER_BYTES = 1  # for each element of a list and pair of a map


def item_bytes(item: Item) -> int:
    """The size of a canonical item: its names and values."""
    total = 0
    for name, value in item.items():
        total += len(name) if name.isascii() else len(name.encode())
        text = value.get("S")
        total += value_bytes(value) if text is None else len(text) if text.isascii() else len(text.encode())
    return total


def value_bytes(value: Value) -> int:
    """The size of a canonical value, without its name."""
    for kind, content in value.items():
        if kind == "S":
            return len(content) if content.isascii() else len(content.encode())
        if kind == "N":
            return numbers.size_bytes(content)
        if kind == "B":
            return _binary_bytes(content)
        if kind == "M":
            return _DOCUMENT_BYTES + _MEMBER_BYTES * len(content) + item_bytes(content)
        if kind == "L":
            return _DOCUMENT_BYTES + sum(value_bytes(member) + _MEMBER_BYTES for member in content)
        if kind == "SS":
            return sum(len(member.encode()) for member in content)
        if kind == "NS":
            return sum(map(numbers.size_bytes, content))
        if kind == "BS":
            return sum(map(_binary_bytes, content))
    return 1  # BOOL, NULL


def grown_bytes(before: Item, after: Item) -> int:
    """item_bytes(after) - item_bytes(before), without looking into what both share."""
    total = 0
    for name, value in after.items():
        old = before.get(name)
        if old is None:
            total += len(name.encode()) + value_bytes(value)
        elif old is not value:
            total += _value_grown_bytes(old, value)
    for name, value in before.items():
        if name not in after:
            total -= len(name.encode()) + value_bytes(value)
    return total


def _value_grown_bytes(before: Value, after: Value) -> int:
    if "M" in before and "M" in after:
        old, new = before["M"], after["M"]
        return grown_bytes(old, new) + _MEMBER_BYTES * (len(new) - len(old))
    if "L" in before and "L" in after:
        old, new = before["L"], after["L"]
        both = min(len(old), len(new))
        total = sum(_value_grown_bytes(a, b) for a, b in zip(old, new) if a is not b)
        total += sum(value_bytes(member) + _MEMBER_BYTES for member in new[both:])
        return total - sum(value_bytes(member) + _MEMBER_BYTES for member in old[both:])
    return value_bytes(after) - value_bytes(before)


def _binary_bytes(content: str) -> int:
    return len(content) // 4 * 3 - content.count("=")


def read_units(size_bytes: int, *, consistent: bool = False, transactional: bool = False) -> float:
    """A unit per started 4 KB; half of it if eventually consistent, twice if transactional."""
    units = max(1, -(-size_bytes // READ_UNIT_BYTES))
    if transactional:
        return 2.0 * units
    return float(units) if consistent else units / 2


def write_units(size_bytes: int, *, transactional: bool = False) -> float:
    """A unit per started 1 KB of the larger of the images before and after; twice if transactional."""
    return float(max(1, -(-size_bytes // WRITE_UNIT_BYTES)) * (2 if transactional else 1))
