"""The order in which RocksDB's logs are synced: what survives must be a prefix, also across a change of log."""

import os

from cloudlet.store.engine import rocksdb_log


class Disk:
    """What was synced of each file, and something that happens during the first sync."""

    def __init__(self, monkeypatch, meanwhile=lambda: None):
        self.synced, self.meanwhile = {}, meanwhile
        monkeypatch.setattr(rocksdb_log, "sync_file", self.sync_file)
        monkeypatch.setattr(rocksdb_log, "sync_directory", self.sync_directory)

    def sync_file(self, fd):
        name, length = os.path.basename(os.readlink(f"/proc/self/fd/{fd}")), os.fstat(fd).st_size
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        self.synced[name] = length

    def sync_directory(self, path):
        self.synced.setdefault("directory", len(self.synced))


def _append(path, data=b"record"):
    with open(path, "ab") as file:
        file.write(data)


def test_a_new_logs_name_is_synced_after_its_contents(tmp_path, monkeypatch):
    disk, logs = Disk(monkeypatch), rocksdb_log.LogSync(str(tmp_path))
    _append(tmp_path / "000004.log")
    logs.sync(rocksdb_log.log_numbers(str(tmp_path)))
    assert disk.synced == {"000004.log": 6, "directory": 1}
    logs.close()


def test_a_log_that_comes_while_the_old_one_is_synced_waits_for_the_old_ones_last_records(tmp_path, monkeypatch):
    logs = rocksdb_log.LogSync(str(tmp_path))
    _append(tmp_path / "000009.log")
    logs.sync(rocksdb_log.log_numbers(str(tmp_path)))

    def change_log():
        _append(tmp_path / "000009.log")
        _append(tmp_path / "000010.log")

    disk = Disk(monkeypatch, change_log)
    logs.sync(rocksdb_log.log_numbers(str(tmp_path)))
    assert "000010.log" not in disk.synced
    logs.sync(rocksdb_log.log_numbers(str(tmp_path)))
    assert disk.synced["000009.log"] == 12 and disk.synced["000010.log"] == 6
    logs.close()


def test_a_log_removed_after_its_flush_is_no_error(tmp_path, monkeypatch):
    disk, logs = Disk(monkeypatch), rocksdb_log.LogSync(str(tmp_path))
    _append(tmp_path / "000004.log")
    logs.sync(rocksdb_log.log_numbers(str(tmp_path)))
    os.unlink(tmp_path / "000004.log")
    _append(tmp_path / "000005.log")
    logs.sync(rocksdb_log.log_numbers(str(tmp_path)))
    assert disk.synced["000005.log"] == 6
    logs.close()


def test_numbers_order_the_logs_not_their_text(tmp_path, monkeypatch):
    disk, logs = Disk(monkeypatch), rocksdb_log.LogSync(str(tmp_path))
    for name in ("999999.log", "1000000.log"):
        _append(tmp_path / name)
    logs.sync(rocksdb_log.log_numbers(str(tmp_path)))
    assert [name for name in disk.synced if name != "directory"] == ["999999.log", "1000000.log"]
    logs.close()
