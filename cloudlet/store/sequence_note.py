"""The side file that notes how far the store was durable, so that opening one that lost its tail is noticed.

Two slots written in turn, each with a checksum: a torn write leaves the other. Noted every few seconds, so it may be
behind the store, never ahead of it.
"""

import os
import zlib
from pathlib import Path
from typing import NamedTuple

from cloudlet.store.disk import sync_file
from cloudlet.store.errors import StoreError

_SLOT_BYTES = 512


class Noted(NamedTuple):
    sequence: int
    closed: bool  # the store was closed in order; else blobs may be left over


class SequenceNote:
    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._turn = 0

    def read(self) -> Noted | None:
        """What was noted last; None in a new store. Both slots damaged: StoreError."""
        best: tuple[int, Noted] | None = None
        written = False
        for slot in (0, 1):
            line = os.pread(self._fd, _SLOT_BYTES, slot * _SLOT_BYTES).rstrip(b"\x00\n ")
            written = written or bool(line)
            text, _, checksum = line.rpartition(b" ")
            if not text or checksum != b"%08x" % zlib.crc32(text):
                continue
            turn, sequence, closed = (int(field) for field in text.split())
            if best is None or turn > best[0]:
                best = turn, Noted(sequence, bool(closed))
        if best is None:
            if written:
                raise StoreError("the note of the durable sequence is unreadable")
            return None
        self._turn = best[0]
        return best[1]

    def write(self, sequence: int, *, closed: bool = False) -> None:
        """Note it, and wait until it is on disk."""
        self._turn += 1
        text = b"%d %d %d" % (self._turn, sequence, closed)
        line = (b"%b %08x" % (text, zlib.crc32(text))).ljust(_SLOT_BYTES - 1) + b"\n"
        os.pwrite(self._fd, line, (self._turn % 2) * _SLOT_BYTES)
        sync_file(self._fd)

    def close(self) -> None:
        os.close(self._fd)
