"""RocksDB's write-ahead log as files: synced in order, and its damage cut off before RocksDB reads it.

RocksDB 9.8 can spin for ever on garbage behind the last record, and it throws away what follows damage while opening,
so that nothing is left to look at. Both are prevented by reading the log first.
"""

import logging
import os
import struct
import threading
from typing import NamedTuple

from cloudlet.base.lazy import lazy
from cloudlet.store.disk import sync_directory, sync_file
from cloudlet.store.errors import StoreBroken

_log = logging.getLogger(__name__)
_checksums = lazy("awscrt.checksums")

_BLOCK_BYTES = 32 << 10
_HEADER = struct.Struct("<IHB")  # masked CRC-32C of type and data, length, type
_BATCH = struct.Struct("<QI")  # sequence of the first change, how many
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class LogSync:
    """Syncs the log files, oldest first, so that what survives is a prefix."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._number, self._fd = -1, -1  # the newest log synced so far, kept open: it reports errors since then

    def sync(self, numbers: list[int]) -> None:
        """Of logs listed before: one with another behind it takes no more writes."""
        with self._lock:
            for number in numbers:
                if number == self._number:
                    sync_file(self._fd)
                elif number > self._number:
                    self._sync_new(number)

    def _sync_new(self, number: int) -> None:
        try:
            fd = os.open(log_file(self._path, number), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # flushed into a synced table, and removed
            return
        self.close()
        self._number, self._fd = number, fd
        sync_file(fd)
        sync_directory(self._path)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def log_numbers(path: str) -> list[int]:
    try:
        names = os.listdir(path)
    except FileNotFoundError:
        return []
    return sorted(int(name[:-4]) for name in names if name.endswith(".log"))


def log_file(path: str, number: int) -> str:
    return f"{path}/{number:06d}.log"


class _Sound(NamedTuple):
    length: int  # of the file as far as it is whole records
    sequence: int  # of the last change in them; 0 if there is none


def cut_damage(path: str, durable: int) -> None:
    """Shorten each log in directory `path` to its whole records. StoreBroken, with nothing touched, if then a write
    up to `durable` would be missing although a log reaches this far."""
    found = [(log_file(path, number), _sound_part(log_file(path, number))) for number in log_numbers(path)]
    damaged = [(file, sound) for file, sound in found if sound.length < os.stat(file).st_size]
    newest = max((sound.sequence for _, sound in found), default=0)
    if damaged and 0 < newest < durable:
        file, sound = damaged[0]
        raise StoreBroken(
            f"{file} is damaged at byte {sound.length}: writes up to {durable} were on disk, writes after {newest} "
            "are gone. Restore a backup, or go on without them: --accept-loss"
        )
    for file, sound in damaged:
        _log.warning("%s ends with %d unusable bytes", file, os.stat(file).st_size - sound.length)
        with open(file, "r+b") as log:
            log.truncate(sound.length)
            sync_file(log.fileno())


def _sound_part(file: str) -> _Sound:
    with open(file, "rb") as log:
        data = log.read()
    at, sound, sequence = 0, 0, 0
    batch: bytes | None = None  # the beginning of a record in several parts
    while at + _HEADER.size <= len(data):
        left_in_block = _BLOCK_BYTES - at % _BLOCK_BYTES
        if left_in_block < _HEADER.size:
            at += left_in_block
            continue
        checksum, length, kind = _HEADER.unpack_from(data, at)
        end = at + _HEADER.size + length
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or length > left_in_block - _HEADER.size or end > len(data):
            break
        if _masked(_checksums.crc32c(data[at + _HEADER.size - 1 : end])) != checksum:
            break
        if (batch is None) != (kind in (_FULL, _FIRST)):
            break
        batch = (batch or b"") + data[at + _HEADER.size : end if batch is None else at + _HEADER.size]
        at = end
        if kind in (_FULL, _LAST):
            if len(batch) >= _BATCH.size:
                first, count = _BATCH.unpack_from(batch)
                sequence = first + count - 1
            sound, batch = at, None
    return _Sound(sound, sequence)


def _masked(checksum: int) -> int:
    return (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & 0xFFFFFFFF
