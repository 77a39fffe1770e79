"""Zip files of functions and layers: looked into, and unpacked so that nothing lands outside, or is more than it said.

Plain functions for a thread; no store and no loop here. What a package may not hold: links and devices, absolute paths
and "..", encrypted entries, other compressions than AWS's.
"""

import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from cloudlet.kit.ports import BadPackage, PackageFacts

UNPACKED_BYTES_MAX = 262_144_000
FILES_MAX = 100_000  # with their directories
DIRECTORY_BYTES_MAX = 32 << 20  # of what lists the files: zipfile holds it, and an object for each of them
NAME_BYTES_MAX = 1024
_COPY_BYTES = 1 << 20
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_ENTRY = b"PK\x01\x02"

UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
TOO_MANY = f"{UNREADABLE} It holds more than {FILES_MAX} files."


class _Guarded:
    """A zip file whose list of files is looked at before zipfile makes objects of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > DIRECTORY_BYTES_MAX:
            raise BadPackage(TOO_MANY)
        data = self._file.read(size)
        if len(data) > len(_ENTRY) * FILES_MAX and data.count(_ENTRY) > FILES_MAX:
            raise BadPackage(TOO_MANY)
        return data


def inspect(file: BinaryIO) -> PackageFacts:
    """What a zip file's directory says. Raises BadPackage."""
    with _opened(file) as archive:
        entries = archive.infolist()
        if not entries:
            raise BadPackage("Uploaded file must be a non-empty zip")
        unpacked, directories = 0, set[str]()
        for entry in entries:
            path = _relative_path(entry)
            while (path := path.rpartition("/")[0]) and path not in directories:
                directories.add(path)
            if len(entries) + len(directories) > FILES_MAX:
                raise BadPackage(TOO_MANY)
            unpacked += entry.file_size
        return PackageFacts(unpacked, len(entries))


def unpack(file: BinaryIO, directory: Path) -> None:
    """Into `directory`, which must not exist and afterwards is whole; a half-made one is removed.

    Files become 0644, or 0755 where they may be executed: whoever runs the function is another user.
    """
    building = directory.with_name(f"{directory.name}.{os.getpid()}.part")
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True, mode=0o755)
        _unpack(file, building)
        building.rename(directory)
    except OSError as error:
        raise BadPackage(f"{UNREADABLE} ({error.strerror or error})") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _unpack(file: BinaryIO, building: Path) -> None:
    left = UNPACKED_BYTES_MAX
    with _opened(file) as archive:
        for entry in archive.infolist():
            path = building / _relative_path(entry)
            if entry.is_dir():
                _make_directories(building, path)
                continue
            _make_directories(building, path.parent)
            mode = 0o755 if entry.external_attr >> 16 & 0o111 else 0o644
            if path.exists():  # the last of two entries of one name is the one that counts
                path.unlink()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
            with open(descriptor, "wb") as target:
                os.fchmod(descriptor, mode)
                for piece in _content(archive, entry):
                    left -= len(piece)
                    if left < 0:
                        raise BadPackage(f"Unzipped size must be smaller than {UNPACKED_BYTES_MAX} bytes")
                    target.write(piece)


def _make_directories(root: Path, path: Path) -> None:
    """All of `path` below `root`, readable by everybody whatever the umask."""
    for parent in (*reversed(path.relative_to(root).parents), path.relative_to(root)):
        place = root / parent
        if not place.is_dir():
            place.mkdir()
        place.chmod(0o755)


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(entry) as source:
            while piece := source.read(_COPY_BYTES):
                yield piece
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise BadPackage(UNREADABLE) from error
    except Exception as error:  # zlib.error, and whatever else damaged data makes a decoder raise
        if isinstance(error, OSError):
            raise
        raise BadPackage(UNREADABLE) from error


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(cast(BinaryIO, _Guarded(file)))
    except BadPackage:
        raise
    except Exception as error:  # a damaged directory makes zipfile raise almost anything
        raise BadPackage(UNREADABLE) from error


def _relative_path(entry: zipfile.ZipInfo) -> str:
    """Where an entry goes, below the package's directory. Raises BadPackage for what may not be there."""
    name = entry.filename
    parts = name.rstrip("/").split("/")
    if name.startswith("/") or "\\" in name or "\0" in name or any(part in ("", "..") for part in parts):
        raise BadPackage(f"{UNREADABLE} The name {name[:100]!r} is not one of a file inside the package.")
    if len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
        raise BadPackage(f"{UNREADABLE} The name {name[:100]!r} is too long.")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadPackage(f"{UNREADABLE} {name[:100]!r} is not a file: links and devices are not unpacked.")
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _COMPRESSIONS:
        raise BadPackage(f"{UNREADABLE} {name[:100]!r} is encrypted, or compressed in an unknown way.")
    return "/".join(part for part in parts if part != ".") or "."
