"""What a node makes for itself is on disk with its name, so that a power cut takes nothing of a first start away."""

import asyncio
import os
from pathlib import Path

import pytest

from cloudlet.app.root_key import root_key
from cloudlet.app.wiring import build
from cloudlet.base.config import Settings
from cloudlet.store.database import Database
from cloudlet.store.disk import write_new


@pytest.fixture
def synced(monkeypatch):
    """Every path whose folder was synced while it was there, every file that was synced itself."""
    names, contents = set(), set()
    fsync, fdatasync = os.fsync, os.fdatasync

    def watched(real):
        def sync(fd):
            path = Path(os.readlink(f"/proc/self/fd/{fd}"))
            if path.is_dir():
                names.update(path / name for name in os.listdir(fd))
            else:
                contents.add(os.fstat(fd).st_ino)
            real(fd)

        return sync

    monkeypatch.setattr(os, "fsync", watched(fsync))
    monkeypatch.setattr(os, "fdatasync", watched(fdatasync))
    return names, contents


def test_all_that_a_first_start_makes_is_on_disk_by_name(tmp_path, synced):
    names, contents = synced
    data = tmp_path / "new" / "deep" / "data"
    house = build(Settings(data=data, host="0.0.0.0"))
    house.node.database.close()
    made = {path for path in (tmp_path / "new").rglob("*") if "rocksdb" not in str(path.parent)}
    assert {path.name for path in made} >= {"data", "node.key", "root.key", "store"}
    assert (made | {tmp_path / "new"}) - names == set()
    assert {path for path in made if path.is_file() and path.stat().st_ino not in contents} == set()


def test_the_folders_of_a_first_body_are_on_disk_by_name(tmp_path, synced):
    names, contents = synced
    database = Database.open(tmp_path / "store")

    async def write():
        writer = database.blobs.writer()
        await writer.write(b"body")
        return await writer.finish()

    path = database.blobs.path(asyncio.run(write()))
    database.close()
    assert {path, path.parent, path.parent.parent, tmp_path / "store"} <= names
    assert path.stat().st_ino in contents


def test_a_folder_whose_maker_was_killed_is_synced_by_the_next_start(tmp_path, synced):
    (tmp_path / "data" / "store" / "blobs").mkdir(parents=True)
    build(Settings(data=tmp_path / "data")).node.database.close()
    assert {tmp_path / "data", tmp_path / "data" / "store", tmp_path / "data" / "store" / "blobs"} <= synced[0]


def test_a_start_killed_while_it_wrote_its_root_key_leaves_no_empty_one(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def die(fd):
        raise Killed

    settings = Settings(data=tmp_path / "data", host="0.0.0.0")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", die)
        patch.setattr(os, "fsync", die)
        with pytest.raises(Killed):
            root_key(settings, allows_test=False)
    key = root_key(settings, allows_test=False)
    assert key is not None and key[0].startswith("AKIA") and len(key[1]) == 40
    assert root_key(settings, allows_test=False) == key


def test_a_new_file_that_is_there_already_stays(tmp_path):
    write_new(tmp_path / "key", b"first")
    write_new(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]
