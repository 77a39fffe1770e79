"""Tuples ↔ bytes that sort the same, and subspaces: the FoundationDB idea, with our own codes.

Each item is one type code, its bytes, and (text only) an end mark. Text sorts by its UTF-8 bytes. Items of different
types sort by type: None, False, True, integers, bytes, text. No packed key begins with 0x00: that space is the store's.
"""

from typing import Any, Self

Item = str | bytes | int | bool | None

_NONE, _FALSE, _TRUE = 0x01, 0x02, 0x03
_ZERO = 0x14  # ±n is the code of an integer of n bytes, up to 8; longer ones carry their length
_LONG_NEGATIVE, _LONG_POSITIVE = 0x0B, 0x1D
_BYTES, _TEXT = 0x21, 0x22
_INTEGER_BYTES_MAX = 255

_SMALL = [bytes([_ZERO])] + [bytes([_ZERO + 1, number]) for number in range(1, 256)]


def _pack_integer(number: int) -> bytes:
    if 0 <= number < 256:
        return _SMALL[number]
    size = (abs(number).bit_length() + 7) >> 3
    if number > 0:
        if size <= 8:
            return bytes((_ZERO + size,)) + number.to_bytes(size, "big")
        _check_size(size)
        return bytes((_LONG_POSITIVE, size)) + number.to_bytes(size, "big")
    complement = (1 << (8 * size)) - 1 + number  # so that -1 sorts after -2
    if size <= 8:
        return bytes((_ZERO - size,)) + complement.to_bytes(size, "big")
    _check_size(size)
    return bytes((_LONG_NEGATIVE, 255 - size)) + complement.to_bytes(size, "big")


def _check_size(size: int) -> None:
    if size > _INTEGER_BYTES_MAX:
        raise ValueError(f"an integer of {size} bytes does not fit a key: {_INTEGER_BYTES_MAX} are the most")


def _pack_other(item: object) -> bytes:
    """Everything that is not plain text or a plain integer."""
    if item is None:
        return b"\x01"
    if item is True:
        return b"\x03"
    if item is False:
        return b"\x02"
    if isinstance(item, bytes):
        return b"\x21" + item.replace(b"\x00", b"\x00\xff") + b"\x00"
    if isinstance(item, str):  # a str subclass
        return pack((str(item),))
    if isinstance(item, int):  # an enum's member
        return _pack_integer(int(item))
    raise TypeError(f"a key item is text, bytes, an integer, a bool or None, not {type(item).__name__}")


def pack(items: tuple[Item, ...]) -> bytes:
    parts = []
    for item in items:
        kind = type(item)
        if kind is str:
            data = item.encode("utf-8", "surrogatepass")  # type: ignore[union-attr]
            if b"\x00" in data:
                data = data.replace(b"\x00", b"\x00\xff")
            parts.append(b"\x22%b\x00" % data)
        elif kind is int:
            parts.append(_pack_integer(item))  # type: ignore[arg-type]
        else:
            parts.append(_pack_other(item))
    return b"".join(parts)


def _unpack_run(key: bytes, start: int) -> tuple[bytes, int]:
    """Bytes from `start` to their end mark, and where the next item begins."""
    end = key.index(b"\x00", start)
    if key[end + 1 : end + 2] != b"\xff":
        return key[start:end], end + 1
    while key[end + 1 : end + 2] == b"\xff":
        end = key.index(b"\x00", end + 2)
    return key[start:end].replace(b"\x00\xff", b"\x00"), end + 1


def _unpack_integer(key: bytes, code: int, at: int) -> tuple[int, int]:
    if code >= _ZERO:
        size = code - _ZERO
        if code == _LONG_POSITIVE:
            size, at = key[at], at + 1
        return int.from_bytes(_exactly(key, at, size), "big"), at + size
    size = _ZERO - code
    if code == _LONG_NEGATIVE:
        size, at = 255 - key[at], at + 1
    return int.from_bytes(_exactly(key, at, size), "big") - (1 << (8 * size)) + 1, at + size


def _exactly(key: bytes, at: int, size: int) -> bytes:
    data = key[at : at + size]
    if len(data) != size:
        raise ValueError("the key ends within an integer")
    return data


def unpack(key: bytes, start: int = 0) -> tuple[Any, ...]:
    """The items of a packed key; ValueError where it is not one."""
    items: list[Item] = []
    at, length = start, len(key)
    try:
        while at < length:
            code = key[at]
            if code == _TEXT:
                data, at = _unpack_run(key, at + 1)
                items.append(data.decode("utf-8", "surrogatepass"))
            elif _LONG_NEGATIVE <= code <= _LONG_POSITIVE:
                number, at = _unpack_integer(key, code, at + 1)
                items.append(number)
            elif code == _BYTES:
                data, at = _unpack_run(key, at + 1)
                items.append(data)
            elif code in (_NONE, _FALSE, _TRUE):
                items.append((None, False, True)[code - _NONE])
                at += 1
            else:
                raise ValueError(f"no item begins with {code:#04x}")
    except (IndexError, ValueError) as error:
        raise ValueError(f"not a packed key (at byte {at} of {key[:64]!r}): {error}") from None
    return tuple(items)


class Subspace:
    """All keys that begin with the same items.

    queues = Subspace("sqs", account, region)["q"]
    queues.key("orders"); queues.unpack(key) == ("orders",); tx.scan(*queues.range())
    """

    __slots__ = ("prefix",)

    def __init__(self, *items: Item, prefix: bytes = b"") -> None:
        self.prefix = prefix + pack(items)

    def __getitem__(self, items: Item | tuple[Item, ...]) -> Self:
        return type(self)(*(items if type(items) is tuple else (items,)), prefix=self.prefix)

    def key(self, *items: Item) -> bytes:
        return self.prefix + pack(items)

    def unpack(self, key: bytes) -> tuple[Any, ...]:
        """The items after the prefix."""
        if not key.startswith(self.prefix):
            raise ValueError(f"{key[:64]!r} is not in the subspace {unpack(self.prefix)!r}")
        return unpack(key, len(self.prefix))

    def range(self, *items: Item) -> tuple[bytes, bytes]:
        """Bounds of every key with at least one item more than these."""
        prefix = self.prefix + pack(items)
        return prefix + b"\x01", prefix + b"\xff"

    def __contains__(self, key: bytes) -> bool:
        return key.startswith(self.prefix)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subspace) and other.prefix == self.prefix

    def __hash__(self) -> int:
        return hash(self.prefix)

    def __repr__(self) -> str:
        return f"Subspace{unpack(self.prefix)!r}"
