"""Packages of functions: unpacked whole and below their directory, or refused."""

import io
import os
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from cloudlet.app import packages
from cloudlet.app.packages import inspect, unpack
from cloudlet.kit.ports import BadPackage


def archive(*entries: tuple[str, bytes, int], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """A zip file of (name, content, Unix mode)."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as made:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.external_attr = mode << 16
            entry.compress_type = compression
            made.writestr(entry, content)
    data.seek(0)
    return data


def test_files_are_unpacked_with_their_directories_and_readable_by_all(tmp_path: Path) -> None:
    made = archive(
        ("app.py", b"x = 1", 0o600), ("pkg/deep/lib.so", b"\x7fELF", 0o700), ("empty/", b"", 0o40700), ("./dot", b"", 0)
    )
    facts = inspect(made)
    assert (facts.unpacked_bytes, facts.files) == (9, 4)
    old = os.umask(0o077)
    try:
        unpack(made, tmp_path / "code")
    finally:
        os.umask(old)
    code = tmp_path / "code"
    assert (code / "app.py").read_bytes() == b"x = 1" and (code / "dot").exists()
    modes = {str(path.relative_to(code)): stat.S_IMODE(path.stat().st_mode) for path in code.rglob("*")}
    assert modes == {
        "app.py": 0o644, "pkg": 0o755, "pkg/deep": 0o755, "pkg/deep/lib.so": 0o755, "empty": 0o755, "dot": 0o644,
    }  # fmt: skip
    assert stat.S_IMODE(code.stat().st_mode) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["code"]


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "a//b", "a\\..\\x", "..", "n" * 1025])
def test_names_outside_the_package_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadPackage):
        inspect(archive(("fine", b"", 0), (name, b"x", 0)))
    with pytest.raises(BadPackage):
        unpack(archive((name, b"x", 0)), tmp_path / "in" / "code")
    assert list(tmp_path.rglob("x")) == [] and list((tmp_path / "in").iterdir()) == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_are_refused(kind: int) -> None:
    with pytest.raises(BadPackage, match="not a file"):
        inspect(archive(("link", b"/etc/passwd", kind | 0o777)))


def test_other_compressions_and_encryption_are_refused() -> None:
    with pytest.raises(BadPackage, match="unknown way"):
        inspect(archive(("a", b"x", 0), compression=zipfile.ZIP_BZIP2))
    data = bytearray(archive(("a", b"x", 0)).getvalue())
    at = data.index(b"PK\x01\x02") + 8
    data[at : at + 2] = struct.pack("<H", 1)
    with pytest.raises(BadPackage, match="encrypted"):
        inspect(io.BytesIO(data))


def test_more_than_the_limit_is_not_written_whatever_the_directory_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "UNPACKED_BYTES_MAX", 1000)
    with pytest.raises(BadPackage, match="smaller than 1000"):
        unpack(archive(("a", b"x" * 600, 0), ("b", b"x" * 600, 0)), tmp_path / "code")
    data = bytearray(archive(("a", b"x" * 5000, 0)).getvalue())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 10)  # it claims ten bytes
    with pytest.raises(BadPackage):
        unpack(io.BytesIO(bytes(data)), tmp_path / "code")
    assert list(tmp_path.iterdir()) == [], "nothing half-made is left"


@pytest.mark.parametrize("cut", [0, 10, 40, 60, 100])
def test_a_damaged_file_is_refused_and_leaves_nothing(cut: int, tmp_path: Path) -> None:
    data = archive(("app.py", b"x = 1" * 20, 0o644), ("b", b"y" * 50, 0o644)).getvalue()
    with pytest.raises(BadPackage):
        unpack(io.BytesIO(data[:cut]), tmp_path / "code")
    flipped = bytearray(data)
    flipped[45] ^= 0xFF  # within the first file's data
    with pytest.raises(BadPackage):
        unpack(io.BytesIO(bytes(flipped)), tmp_path / "code")
    assert list(tmp_path.iterdir()) == []


def test_of_two_entries_with_one_name_the_last_counts_and_no_file_is_a_directory(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as twice:
        twice.writestr(zipfile.ZipInfo("a"), b"first")
        with pytest.warns(UserWarning, match="Duplicate name"):
            twice.writestr(zipfile.ZipInfo("a"), b"second")
    unpack(made, tmp_path / "code")
    assert (tmp_path / "code" / "a").read_bytes() == b"second"
    with pytest.raises(BadPackage):
        unpack(archive(("a", b"x", 0), ("a/b", b"x", 0)), tmp_path / "other")


def listing(names: Iterable[bytes]) -> io.BytesIO:
    """A zip file that is nothing but its list of files, which are all the same one."""
    entries = [struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, *[0] * 7, len(name), *[0] * 6) + name for name in names]
    count, size = min(len(entries), 0xFFFF), sum(map(len, entries))
    return io.BytesIO(b"".join(entries) + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, 0, 0))


def test_a_list_of_many_files_is_refused_before_it_fills_the_memory() -> None:
    for file in (listing([b""] * 120_000), listing([b"x" * 1000] * 33_000)):
        tracemalloc.start()
        try:
            with pytest.raises(BadPackage, match="more than 100000"):
                inspect(file)
            assert tracemalloc.get_traced_memory()[1] < 2 * len(file.getbuffer())
        finally:
            tracemalloc.stop()


def test_directories_that_names_only_hint_at_count_too() -> None:
    deep = [b"%d/" % number + b"a/" * 400 + b"f" for number in range(300)]
    with pytest.raises(BadPackage, match="more than 100000"):
        inspect(listing(deep))
    assert inspect(listing([b"a/" * 400 + b"%d" % number for number in range(300)])).files == 300


@pytest.mark.parametrize(
    "name",
    ["CON", "nul.txt", "a:b", "A/a", "a ", "a.", "-rf", "\u202e", "e\u0301", "\u00e9", "🎉", "\r\n", "$HOME", "*"],
)
def test_odd_names_are_just_names(name: str, tmp_path: Path) -> None:
    unpack(archive((name, b"x", 0)), tmp_path / "code")
    assert [str(path.relative_to(tmp_path / "code")) for path in (tmp_path / "code").rglob("*") if path.is_file()] == [
        name
    ]


def test_a_name_ends_at_its_nul() -> None:
    assert inspect(listing([b"app.py\0/../../x"])).files == 1
    with pytest.raises(BadPackage):
        inspect(listing([b"../x\0"]))


def test_entries_that_share_their_bytes_are_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand entries of one piece of data: each counts."""
    monkeypatch.setattr(packages, "UNPACKED_BYTES_MAX", 1000)
    data = archive(("a", b"x" * 100, 0)).getvalue()
    at, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    made = data[:at] + data[at:end] * 50
    made += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 50, 50, 50 * (end - at), at, 0)
    assert inspect(io.BytesIO(made)).unpacked_bytes == 5000
    with pytest.raises(BadPackage):
        unpack(io.BytesIO(made), tmp_path / "code")
