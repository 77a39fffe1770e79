"""S3's checksums: computed piece by piece, and combined over the parts of a multipart upload.

The C code behind them leaves the loop free only from a thread: give a piece of more than HASHED_IN_THREAD_BYTES to one.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from cloudlet.base.lazy import lazy

HASHED_IN_THREAD_BYTES = 64 << 10

_crt = lazy("awscrt.checksums")


def _crc32c(data: bytes, before: int) -> int:
    return _crt.crc32c(data, before)


def _crc64nvme(data: bytes, before: int) -> int:
    return _crt.crc64nvme(data, before)


# name → (function, bytes, polynomial with the lowest power in the highest bit)
_CRCS: dict[str, tuple[Callable[[bytes, int], int], int, int]] = {
    "CRC32": (zlib.crc32, 4, 0xEDB8_8320),
    "CRC32C": (_crc32c, 4, 0x82F6_3B78),
    "CRC64NVME": (_crc64nvme, 8, 0x9A6C_9329_AC4B_C9B5),
}
_HASHES: dict[str, Callable[[], Any]] = {
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    "XXHASH64": lambda: _XxHash(_crt.XXHash.new_xxhash64()),
    "XXHASH3": lambda: _XxHash(_crt.XXHash.new_xxhash3_64()),
    "XXHASH128": lambda: _XxHash(_crt.XXHash.new_xxhash3_128()),
}
ALGORITHMS = frozenset(_CRCS) | frozenset(_HASHES)
FULL_OBJECT_ALGORITHMS = frozenset(_CRCS)  # those that `combine_full_object` takes


class _XxHash:
    """xxHash with hashlib's manners."""

    def __init__(self, state: Any) -> None:
        self._state = state

    def update(self, data: bytes) -> None:
        self._state.update(data)

    def digest(self) -> bytes:
        return self._state.finalize()


class Checksum:
    """One checksum under way; `algorithm` as S3 spells it: CRC32, CRC32C, CRC64NVME, SHA1, SHA256, MD5 …"""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self.length = 0  # bytes taken so far
        self._crc = 0
        self._kind = _CRCS.get(algorithm)
        self._hash: Any = None if self._kind else _HASHES[algorithm]()

    def update(self, data: bytes) -> None:
        self.length += len(data)
        if self._kind is not None:
            self._crc = self._kind[0](data, self._crc)
        else:
            self._hash.update(data)

    def digest(self) -> bytes:
        if self._kind is not None:
            return self._crc.to_bytes(self._kind[1], "big")
        return self._hash.digest()

    def digest_base64(self) -> str:
        return base64.b64encode(self.digest()).decode("ascii")


def digest_base64(algorithm: str, data: bytes) -> str:
    """The checksum of `data`, as S3's headers spell it."""
    checksum = Checksum(algorithm)
    checksum.update(data)
    return checksum.digest_base64()


def is_digest_base64(algorithm: str, value: str) -> bool:
    """Has `value` the form of such a checksum? (S3 answers InvalidRequest if not.)"""
    try:
        return len(base64.b64decode(value, validate=True)) == len(Checksum(algorithm).digest())
    except ValueError:
        return False


def combine_composite(algorithm: str, parts_base64: Sequence[str]) -> str:
    """The COMPOSITE checksum of a multipart object: the checksum of its parts' checksums, and how many they are."""
    joined = b"".join(base64.b64decode(part) for part in parts_base64)
    return f"{digest_base64(algorithm, joined)}-{len(parts_base64)}"


def combine_full_object(algorithm: str, parts: Iterable[tuple[str, int]]) -> str:
    """The FULL_OBJECT checksum of a multipart object from its parts' (checksum, length): CRCs only."""
    _, width, _ = _CRCS[algorithm]
    whole = 0
    for part_base64, length in parts:
        part = int.from_bytes(base64.b64decode(part_base64), "big")
        whole = _shifted(algorithm, whole, length) ^ part
    return base64.b64encode(whole.to_bytes(width, "big")).decode("ascii")


# --- arithmetic of polynomials over GF(2), modulo the CRC's --------------------------------------------------------
# A CRC is a remainder, so crc(a + b) = crc(a)·x^(8·len(b)) + crc(b); the conditioning at both ends cancels out.
# Bits are reflected as in the CRCs themselves: the highest bit is x^0.


def _multiplied(a: int, b: int, polynomial: int, top: int) -> int:
    product = 0
    while True:
        if a & top:
            product ^= b
        a = (a << 1) & (2 * top - 1)
        if not a:
            return product
        b = (b >> 1) ^ polynomial if b & 1 else b >> 1


@lru_cache(maxsize=64 * len(_CRCS))
def _shift_tables(algorithm: str, bit: int) -> list[list[int]]:
    """Multiplication by x^(8·2^bit) as one table a byte, since it is linear: 8 look-ups instead of 64 steps."""
    _, width, polynomial = _CRCS[algorithm]
    top = 1 << (8 * width - 1)
    power = top >> 8  # x^8
    for _ in range(bit):
        power = _multiplied(power, power, polynomial, top)
    tables = []
    for byte in range(width):
        table = [0] * 256
        for bit in range(8):
            one = _multiplied(power, 1 << (8 * byte + bit), polynomial, top)
            for low in range(1 << bit):
                table[low | 1 << bit] = table[low] ^ one
        tables.append(table)
    return tables


def _shifted(algorithm: str, crc: int, length: int) -> int:
    """crc·x^(8·length): a multiplication for each bit of `length`, whatever lengths an upload's parts have."""
    bit = 0
    while length:
        if length & 1:
            shifted = 0
            for table in _shift_tables(algorithm, bit):
                shifted ^= table[crc & 0xFF]
                crc >>= 8
            crc = shifted
        length, bit = length >> 1, bit + 1
    return crc
