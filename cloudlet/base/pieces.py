"""Large JSON read, and large values let go, in pieces: one call into C lets no other thread run until it ends."""

from collections.abc import Callable
from typing import Any

import msgspec

PIECE_BYTES = 128 << 10  # a millisecond or so of the smallest members
_LEVELS_MAX = 8  # taken apart from above: what is deeper is read whole

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
    return _elements(_decode_elements(text), levels - 1) if first == b"[" else _decode(text)


def _elements(elements: list[msgspec.Raw], levels: int) -> list[Any]:
    decoded: list[Any] = []
    together: list[msgspec.Raw] = []
    size = 0
    for element in elements:
        element_size = memoryview(element).nbytes
        if size + element_size > PIECE_BYTES:
            decoded += _decode(b"[" + b",".join(together) + b"]")
            together, size = [], 0
        if element_size > PIECE_BYTES:
            decoded.append(decode(element, levels))
        else:
            together.append(element)
            size += element_size
    return decoded + _decode(b"[" + b",".join(together) + b"]")


def let_go(values: list[Any]) -> None:
    """Empty `values`, so that what only they hold is freed member by member, not all of it at once."""
    while values:
        value = values.pop()
        inside = value.values() if type(value) is dict else value if type(value) is list else ()
        values.extend(member for member in inside if type(member) in (dict, list))
