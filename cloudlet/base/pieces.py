"""Large JSON read, and large values let go, in pieces: one call into C lets no other thread run until it ends."""

from collections.abc import Callable
from typing import Any

import msgspec

PIECE_BYTES = 128 << 10  # a millisecond or so of the smallest members
_LEVELS_MAX = 8  # taken apart from above: what is deeper is read and freed whole
_WIDE = 2_000  # members freed together

_decode: Callable[[Any], Any] = msgspec.json.Decoder().decode
_decode_members: Callable[[Any], dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_elements: Callable[[Any], list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw]).decode


def decode(text: bytes | msgspec.Raw, levels: int = _LEVELS_MAX) -> Any:
    """What msgspec's decoder makes of it, or raises."""
    size = memoryview(text).nbytes
    if size <= PIECE_BYTES or levels == 0:
        return _decode(text)
    first = bytes(memoryview(text)[:PIECE_BYTES]).lstrip()[:1]
    if first == b"{":
        return {name: decode(member, levels - 1) for name, member in _decode_members(text).items()}
    return _elements(_decode_elements(text), size, levels - 1) if first == b"[" else _decode(text)


def _elements(elements: list[msgspec.Raw], size: int, levels: int) -> list[Any]:
    """As many at once as make a piece, if they are about equally long."""
    decoded: list[Any] = []
    count = max(1, len(elements) * PIECE_BYTES // size)
    for at in range(0, len(elements), count):
        some = elements[at : at + count]
        joined = b",".join(some)
        if len(joined) <= 2 * PIECE_BYTES:
            decoded += _decode(b"[" + joined + b"]")
        else:
            decoded += [decode(element, levels) for element in some]
    return decoded


def let_go(values: list[Any], levels: int = _LEVELS_MAX) -> None:
    """Empty `values`, so that what only they hold is freed in pieces, not all of it at once."""
    while values:
        value = values.pop()
        if type(value) is dict:
            inside = list(value.values())
        elif type(value) is list:
            inside = value[:]
        else:
            continue
        del value
        if levels > 0 and len(inside) <= _WIDE:
            let_go(inside, levels - 1)
        while inside:
            del inside[-_WIDE:]
