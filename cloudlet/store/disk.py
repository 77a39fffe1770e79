"""Making something be on disk, and being its only user."""

import contextlib
import os
import sys
from pathlib import Path

from cloudlet.base.ids import random_bytes

if sys.platform != "win32":
    import fcntl

if sys.platform == "darwin":

    def sync_file(fd: int) -> None:
        """macOS's fsync leaves the data in the drive's cache."""
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)

elif hasattr(os, "fdatasync"):

    def sync_file(fd: int) -> None:
        """Contents and length are on disk; other metadata may not be."""
        os.fdatasync(fd)

else:

    def sync_file(fd: int) -> None:
        os.fsync(fd)


def sync_directory(path: Path | str) -> None:
    """The names in it are on disk."""
    if os.name == "nt":  # no descriptors for directories; NTFS logs names by itself
        return
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_directory(path: Path) -> None:
    """The directory is there, and its name on disk, whoever made it; parents that are missing too."""
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        sync_directory(path.parent)
    else:  # perhaps by a process that was killed before it came to syncing; or by others, in a folder we may not read
        with contextlib.suppress(OSError):
            sync_directory(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """The file (0600) holds `data`, on disk with its name, unless it is there already. Written aside, then linked: so
    it is never seen half-written, and whoever comes second at the same moment leaves the first one's."""
    aside = path.with_name(f".{path.name}.{random_bytes(8).hex()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            sync_file(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        os.unlink(aside)
    sync_directory(path.parent)


def lock_file(path: Path | str) -> int:
    """The descriptor of a lock held until it is closed or the process ends; BlockingIOError if another has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if sys.platform != "win32":
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(fd)
            raise
    return fd


def is_locked(path: Path | str) -> bool:
    """Whether a living process holds the lock of this file. Where there are no locks: whether it is there."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if sys.platform != "win32":
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        pass
    finally:
        os.close(fd)
    return True
