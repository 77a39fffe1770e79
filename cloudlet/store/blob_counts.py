"""How many references each blob has, in keys of the store's own.

count   BLOB + blob id (text)  -> decimal
"""

BLOB = b"\x00b"
RANGE = (BLOB, b"\x00c")


def key(blob_id: str) -> bytes:
    return BLOB + blob_id.encode()


def blob_id_of(count_key: bytes) -> str:
    return count_key[len(BLOB) :].decode()


def encode(count: int) -> bytes:
    return b"%d" % count


def decode(value: bytes | None) -> int:
    return int(value) if value is not None else 0
