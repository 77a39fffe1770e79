"""Power cuts without pulling a plug: what `kill -9` alone cannot show, since it keeps everything the kernel was told.

In the process to be killed, `watch_syncs` notes every fsync and fdatasync: which file, how long it was when the sync
began. After SIGKILL, `Outage` copies the data directory and takes away what was never synced: a random part of the log
behind its last sync (its end cut, zeroed or garbled), every later log, every blob without a sync of its file and of
its folder. Tables and manifests are RocksDB's own, synced before they count; they stay as they were.
"""

import os
import random
import shutil
import threading
import time
from pathlib import Path
from typing import NamedTuple


def watch_syncs(notes: Path, seconds_per_sync: float = 0.0, slow_once: Path | None = None) -> None:
    """From now on note every sync of this process in the file `notes`, as a slow disk would take them: one that is
    slow from the start, or once the file `slow_once` is there."""
    out = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lock = threading.Lock()

    def watched(real):
        def sync(fd: int) -> None:
            path, length = os.readlink(f"/proc/self/fd/{fd}"), os.fstat(fd).st_size
            if slow_once is None or slow_once.exists():
                time.sleep(seconds_per_sync)
            real(fd)
            with lock:
                os.write(out, f"{length} {path}\n".encode())

        return sync

    os.fsync, os.fdatasync = watched(os.fsync), watched(os.fdatasync)


class Notes(NamedTuple):
    lengths: dict[str, int]  # how much of each file is on disk
    named: set[str]  # files whose folder was synced after them


def read_notes(path: Path) -> Notes:
    lengths: dict[str, int] = {}
    named: set[str] = set()
    for line in path.read_text().splitlines():
        length, _, name = line.partition(" ")
        if os.path.isdir(name):
            named.update(synced for synced in lengths if os.path.dirname(synced) == name)
        else:
            lengths[name] = max(lengths.get(name, 0), int(length))
    return Notes(lengths, named)


class Outage:
    """The data directory of a killed process, to be cut as often as one likes."""

    def __init__(self, data: Path, notes: Path) -> None:
        self.data, self.notes = data, read_notes(notes)
        self.logs = self.logs_of(data)

    @staticmethod
    def logs_of(data: Path) -> list[Path]:
        """RocksDB's logs, oldest first."""
        return sorted((data / "rocksdb" / "log").glob("*.log"), key=lambda log: int(log.stem))

    @property
    def is_mid_flush(self) -> bool:
        """RocksDB was writing a table: a log before the newest is still there."""
        return len(self.logs) > 1

    def synced_bytes(self, path: Path) -> int:
        name = str(path)
        return self.notes.lengths.get(name, 0) if name in self.notes.named else 0

    def cut(self, target: Path, chance: random.Random) -> None:
        """A copy as it may be found after the outage, in `target`."""
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.data, target, copy_function=_link_unchanging, ignore=shutil.ignore_patterns("LOCK"))
        self._cut_logs(target, chance)
        for blob in (self.data / "blobs").glob("*/*"):
            synced = self.synced_bytes(blob)
            if synced < blob.stat().st_size or str(blob) not in self.notes.named:
                self._lose_blob(target / blob.relative_to(self.data), synced, chance)

    def _cut_logs(self, target: Path, chance: random.Random) -> None:
        """What is synced stays. Of the rest as much stays as came before a random point: syncs go in order, so nothing
        unsynced survives behind a gap."""
        unsynced = [log.stat().st_size - self.synced_bytes(log) for log in self.logs]
        left = chance.choice((0, chance.randint(0, sum(unsynced))))
        for log, lost in zip(self.logs, unsynced, strict=True):
            kept = min(left, lost)
            left -= kept
            copy, length = target / log.relative_to(self.data), self.synced_bytes(log) + kept
            if length == 0 and chance.random() < 0.5:
                copy.unlink()
            else:
                _shorten(copy, length, chance)

    def _lose_blob(self, copy: Path, synced: int, chance: random.Random) -> None:
        data = copy.read_bytes()
        copy.unlink()  # it is a link
        if chance.random() < 0.5:
            copy.write_bytes(data)
            _shorten(copy, chance.randint(synced, len(data)), chance)


def _link_unchanging(source: str, target: str) -> None:
    """Tables and blobs never change, so a link is a copy."""
    if source.endswith(".sst") or "/blobs/" in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _shorten(path: Path, length: int, chance: random.Random) -> None:
    """Cut there; or keep the length and lose the contents, as file systems do."""
    lost = path.stat().st_size - length
    with open(path, "r+b") as file:
        file.truncate(length)
        kind = chance.randrange(3)
        if kind and lost:
            file.seek(length)
            file.write(bytes(lost) if kind == 1 else chance.randbytes(min(lost, 5000)))
