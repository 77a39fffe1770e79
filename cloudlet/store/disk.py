"""Making something be on disk, and being its only user."""

import os
import sys
from pathlib import Path

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
