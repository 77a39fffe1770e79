"""Stored records: frozen structs to versioned bytes.

    class Queue(Record, frozen=True, version=2, tag="sqs.queue"): …

The first byte is the version. A changed record keeps its old form as a class of its own and says how to come from
it: `Queue.upgrades = {1: (QueueV1, lambda old: Queue(…))}`. Adding a field with a default needs no new version.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar, Self, TypeVar

import msgspec


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all stored records: msgpack by field name, so that fields may be added."""

    version: ClassVar[int] = 1
    upgrades: ClassVar[dict[int, tuple[type["Record"], Callable[[Any], Any]]]] = {}

    def encode(self) -> bytes:
        return _VERSION_BYTES[self.version] + _encoder.encode(self)

    @classmethod
    def decode(cls, stored: bytes) -> Self:
        if stored[0] == cls.version:
            return _decoder(cls).decode(memoryview(stored)[1:])
        older, upgrade = cls.upgrades[stored[0]]
        return upgrade(_decoder(older).decode(memoryview(stored)[1:]))


_VERSION_BYTES = [bytes([version]) for version in range(256)]
_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type, msgspec.msgpack.Decoder] = {}


def _decoder(cls: type) -> msgspec.msgpack.Decoder:
    decoder = _decoders.get(cls)
    if decoder is None:
        decoder = _decoders[cls] = msgspec.msgpack.Decoder(cls)
    return decoder


R = TypeVar("R", bound=Record)


def decoded_once(record: type[R], kept_max: int, bytes_max: int) -> Callable[[bytes], R]:
    """What decodes `record`, once for each state it was in: for what is read far more often than it changes. Longer
    ones than `bytes_max` are not kept."""
    decode_once = lru_cache(kept_max)(record.decode)

    def decode(stored: bytes) -> R:
        return decode_once(stored) if len(stored) <= bytes_max else record.decode(stored)

    return decode


replace = msgspec.structs.replace
