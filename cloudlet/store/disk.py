"""The three ways to make something be on disk."""

import os
import sys
from pathlib import Path

if sys.platform == "darwin":
    import fcntl

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
