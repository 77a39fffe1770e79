"""Who else of this machine can read what the node keeps: nobody, whatever the umask and the level of isolation."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.test_functions_port import READS, opened


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(directory: Path) -> list[str]:
    """What below a directory that others may enter they may read, list or change."""
    found = []
    for path in sorted(directory.iterdir()):
        mode = path.lstat().st_mode
        if mode & 0o077 and not stat.S_ISLNK(mode):
            found.append(f"{stat.filemode(mode)} {path}")
        if path.is_dir() and not path.is_symlink() and mode & 0o011:
            found += open_to_others(path)
    return found


@pytest.mark.parametrize("level", ["namespaces", "landlock", "none"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_data_directory_that_others_may_enter_shows_them_nothing(tmp_path: Path, level: str, host: str) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    bench = opened(data, functions_level=level, host=host)
    if bench.port.stats()["level"] != level:
        bench.close()
        pytest.skip(bench.port.stats()["why"])
    bench.house.node.database.transact(lambda tx: tx.put(b"key", b"value"))
    code, layer = bench.package(READS), bench.package("value = 7", "python/lib.py")
    if level != "none" or host == "127.0.0.1":
        bench.run(bench.invoke(code, layer))
    names = {path.name for path in data.iterdir()}
    assert names >= {"node.key", "store", "functions"}
    assert ("root.key" in names) == (host == "0.0.0.0" or level != "namespaces")
    assert open_to_others(data) == []
    assert stat.S_IMODE(data.stat().st_mode) == 0o755, "the owner's choice is not changed"
    bench.close()


def test_a_new_data_directory_is_closed(tmp_path: Path) -> None:
    bench = opened(tmp_path / "new" / "data", functions_level="landlock")
    assert stat.S_IMODE((tmp_path / "new" / "data").stat().st_mode) == 0o700
    bench.close()
