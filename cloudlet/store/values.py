"""How a value lies in the engine: whole, or, above 64 KiB, as a head and chunks under keys of the store's own.

Other engines to come take 100 KB in a value, so callers never learn of this; scans show heads as whole values. The last
byte says which: 0 = the rest is the value, 1 = a head.

chunk   CHUNK + key + index (2 bytes)  -> bytes
"""

import struct
from collections.abc import Callable

from cloudlet.store.engine import Changes
from cloudlet.store.errors import StoreBroken

VALUE_BYTES_MAX = 64 << 10  # in one piece
CHUNK = b"\x00c"
CHUNKS_RANGE = (CHUNK, b"\x00d")
_HEAD = struct.Struct(">QI")  # length, chunks
_INDEX_BYTES = 2

Get = Callable[[bytes], bytes | None]


def chunk_key(key: bytes, index: int) -> bytes:
    return CHUNK + key + index.to_bytes(_INDEX_BYTES, "big")


def owner_of_chunk(chunk: bytes) -> tuple[bytes, int]:
    """The key whose value it is part of, and which part."""
    return chunk[len(CHUNK) : -_INDEX_BYTES], int.from_bytes(chunk[-_INDEX_BYTES:], "big")


def is_head(raw: bytes) -> bool:
    return raw[-1] != 0


def head(raw: bytes) -> tuple[int, int]:
    """Length and number of chunks."""
    if len(raw) != _HEAD.size + 1 or raw[-1] != 1:
        raise StoreBroken(f"a value of {len(raw)} bytes ends with {raw[-1:]!r}: no value of ours does")
    length, chunks = _HEAD.unpack_from(raw)
    return length, chunks


def join(key: bytes, raw: bytes, get: Get) -> bytes:
    """The value of a head."""
    length, chunks = head(raw)
    parts = [get(chunk_key(key, index)) for index in range(chunks)]
    value = b"".join(part for part in parts if part is not None)
    if None in parts or len(value) != length:
        raise StoreBroken(f"the value of {key[:64]!r} has {len(value)} of {length} bytes: run `cloudlet check`")
    return value


def stored(changes: Changes, get: Get, splits_exist: bool) -> dict[bytes, bytes | None]:
    """The changes as the engine takes them: values tagged, large ones split, chunks of replaced ones deleted.

    `splits_exist` False saves the look at each key's old value: no value was ever split in this store.
    """
    out: dict[bytes, bytes | None] = {}
    for key, value in changes.items():
        if splits_exist:
            old = get(key)
            if old is not None and is_head(old):
                for index in range(head(old)[1]):
                    out[chunk_key(key, index)] = None
        if value is None:
            out[key] = None
        elif len(value) <= VALUE_BYTES_MAX:
            out[key] = value + b"\x00"
        else:
            chunks = -(-len(value) // VALUE_BYTES_MAX)
            for index in range(chunks):
                out[chunk_key(key, index)] = value[index * VALUE_BYTES_MAX : (index + 1) * VALUE_BYTES_MAX]
            out[key] = _HEAD.pack(len(value), chunks) + b"\x01"
    return out
