"""The default engine: RocksDB through rocksdict, in raw mode (bytes in, bytes out), one column family.

What it insists on, and why:
- iterators are raw and their status() is read after each scan: `items()` ends early on corruption without a word;
- writes use no_slowdown: a stalled default write holds the interpreter lock, and with it every thread;
- recovery stops at the first damage (point in time), so what is found is a prefix of what was written;
- the log is synced through a descriptor of our own: one failed append (disk full) makes flush_wal fail for good and
  poison the engine, while the bytes before it are all there to be synced. Each write is one write(2), so they are;
- scans give up on a long run of tombstones, say so, and are repeated: somebody's low-water mark is wrong.
"""

import contextlib
import logging
import os
import threading
from pathlib import Path

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

from cloudlet.store.disk import lock_file
from cloudlet.store.engine import Changes, Counters, Row
from cloudlet.store.engine.rocksdb_log import LogSync, cut_damage, log_numbers
from cloudlet.store.errors import StoreBroken, StoreError, StoreFull, StoreInUse, StoreStalled, StoreUnwritable

_log = logging.getLogger(__name__)

WRITE_BUFFER_BYTES = 16 << 20
WRITE_BUFFERS_MAX = 3
BLOCK_CACHE_BYTES = 32 << 20
TOMBSTONES_SKIPPED_MAX = 5_000
DELETES_WORTH_A_TABLE = 1_000

_FULL = ("No space left on device", "Disk quota exceeded")
_IO = "IO error"
_CANCELLED = "Shutdown in progress"
_DELETES = "rocksdb.num-deletes-active-mem-table"


def _mapped(error: BaseException, path: str) -> StoreError:
    """RocksDB's errors arrive as text only."""
    text = str(error)
    if any(sign in text for sign in _FULL):
        return StoreFull(f"no space left for {path}: free some, writes go on by themselves ({text})")
    if "Write stall" in text:
        return StoreStalled(f"{path}: compaction is behind, the write was not taken")
    return StoreBroken(f"{path}: {text}")


def _options(log_path: str) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(Cache(BLOCK_CACHE_BYTES))
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    # In pieces: whole, those of a table of 64 MB are larger than a shard of the cache, so each get would read them.
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_partition_filters(True)
    table.set_pin_top_level_index_and_filter(True)
    table.set_bloom_filter(10, False)
    table.set_block_size(8 << 10)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_wal_dir(log_path)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())
    options.set_paranoid_checks(True)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(WRITE_BUFFERS_MAX)
    options.set_target_file_size_base(4 * WRITE_BUFFER_BYTES)
    # What four memtables make. It is also what deletes are weighed against: half of it may be kept for nothing.
    options.set_max_bytes_for_level_base(4 * WRITE_BUFFER_BYTES)
    options.set_max_background_jobs(2)
    options.set_max_open_files(512)
    options.set_allow_concurrent_memtable_write(False)  # one writer
    options.set_enable_write_thread_adaptive_yield(False)
    options.set_bytes_per_sync(1 << 20)  # spreads the writing of tables, so that syncs of the log stay short
    options.set_avoid_unnecessary_blocking_io(True)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(1 << 20)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    options.set_skip_stats_update_on_db_open(True)
    return options


def _lock(path: Path) -> int:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return lock_file(path / "in-use")
    except BlockingIOError:
        raise StoreInUse(f"{path} is in use by another process: stop it, or choose another data directory") from None


class RocksEngine:
    def __init__(self, path: Path, *, durable: int = 0) -> None:
        """Opens it. StoreBroken if its log is damaged before the sequence `durable`: then nothing was touched."""
        self.counters = Counters()
        self._path = str(path)
        self._log_path = str(path / "log")
        self._log = LogSync(self._log_path)
        self._write_options = WriteOptions()
        self._write_options.no_slowdown = True
        self.compactions: dict[tuple[bytes, bytes], threading.Thread] = {}  # running, by their range
        self._lock_fd = _lock(path)  # ours, since a log may be cut before RocksDB takes its own
        try:
            cut_damage(self._log_path, durable)
            self._rdict = Rdict(self._path, _options(self._log_path))
        except BaseException as error:
            os.close(self._lock_fd)
            if isinstance(error, StoreError):
                raise
            raise _mapped(error, self._path) from error
        self._get = self._rdict.get

    def get(self, key: bytes) -> bytes | None:
        self.counters.gets += 1
        try:
            return self._get(key)
        except Exception as error:
            raise _mapped(error, self._path) from error

    def scan(
        self, begin: bytes, end: bytes, limit: int, bytes_max: int, reverse: bool, *, patient: bool = False
    ) -> tuple[list[Row], bool]:
        if begin >= end:
            return [], False
        try:
            return self._scan(begin, end, limit, bytes_max, reverse, 0 if patient else TOMBSTONES_SKIPPED_MAX)
        except Exception as error:
            if "Result incomplete" not in str(error):
                raise _mapped(error, self._path) from error
        self.counters.guard_hits += 1
        _log.warning(
            "a scan of %r met over %d deleted keys: its low-water mark is wrong", begin, TOMBSTONES_SKIPPED_MAX
        )
        self._compact_aside(begin, end)
        try:
            return self._scan(begin, end, limit, bytes_max, reverse, 0)
        except Exception as error:
            raise _mapped(error, self._path) from error

    def _scan(
        self, begin: bytes, end: bytes, limit: int, bytes_max: int, reverse: bool, tombstones_max: int
    ) -> tuple[list[Row], bool]:
        options = ReadOptions()
        options.set_iterate_upper_bound(end)  # no lower bound: rocksdict 0.3.29 sets it as the upper one
        options.set_max_skippable_internal_keys(tombstones_max)  # 0 = as many as it takes
        iterator = self._rdict.iter(options)
        if reverse:
            iterator.seek_to_last()
        else:
            iterator.seek(begin)
        valid, key_of, value_of = iterator.valid, iterator.key, iterator.value
        step = iterator.prev if reverse else iterator.next
        rows: list[Row] = []
        size, more = 0, False
        while valid():
            key = key_of()
            if key < begin:
                break
            if len(rows) == limit or size >= bytes_max:
                more = True
                break
            value = value_of()
            rows.append((key, value))
            size += len(key) + len(value)
            step()
        iterator.status()
        self.counters.scans += 1
        self.counters.rows += len(rows)
        return rows, more

    def write(self, changes: Changes) -> int:
        batch = WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in changes.items():
            if value is None:
                delete(key)
            else:
                put(key, value)
        self.counters.writes += 1
        self.counters.keys_written += len(changes)
        try:
            self._rdict.write(batch, self._write_options)
        except Exception as error:
            raise self._refused(_mapped(error, self._path)) from error
        return self._rdict.latest_sequence_number()

    def _refused(self, error: StoreError) -> StoreError:
        """What a write failed with, as one that can be waited for where it can."""
        if isinstance(error, StoreBroken) and _IO in str(error):
            return StoreUnwritable(str(error))
        if isinstance(error, StoreStalled):  # perhaps because what is to be flushed finds no room
            disk = os.statvfs(self._path)
            if disk.f_bavail * disk.f_frsize < WRITE_BUFFER_BYTES:
                return StoreFull(f"no space left for {self._path}: free some, writes go on by themselves")
        return error

    def sequence(self) -> int:
        return self._rdict.latest_sequence_number()

    def sync_scope(self) -> list[int] | None:
        """The logs there are. Listed here, not in the journal's thread: after every call to the system that one waits
        for the interpreter anew, up to a millisecond each time. None: it has to try itself."""
        try:
            return log_numbers(self._log_path)
        except OSError:
            return None

    def sync(self, scope: list[int] | None = None) -> None:
        try:
            self._log.sync(log_numbers(self._log_path) if scope is None else scope)
        except OSError as error:
            raise StoreBroken(f"{self._log_path}: {error}") from error

    def compact(self, begin: bytes, end: bytes) -> None:
        try:
            self._rdict.compact_range(begin, end)
        except Exception as error:
            raise _mapped(error, self._path) from error

    def tidy(self) -> None:
        """Deletes free nothing while they are in memory only. In a table, RocksDB weighs them by what they cover, and
        compacts by itself."""
        try:
            if (self._rdict.property_int_value(_DELETES) or 0) >= DELETES_WORTH_A_TABLE:
                self._rdict.flush(False)  # begins it
        except Exception as error:
            raise _mapped(error, self._path) from error

    def _compact_aside(self, begin: bytes, end: bytes) -> None:
        """Compact in a thread: on the loop it would hold everybody for the length of a flush."""
        if (begin, end) in self.compactions:
            return

        def run() -> None:
            try:
                self.compact(begin, end)
            except StoreError as error:
                _log.warning("compaction of %r failed: %s", begin, error)
            finally:
                self.compactions.pop((begin, end), None)

        self.compactions[begin, end] = thread = threading.Thread(target=run, name="store-compaction", daemon=True)
        thread.start()

    def size_bytes(self) -> int:
        size = 0
        for folder in (self._path, self._log_path):
            for entry in os.scandir(folder):
                with contextlib.suppress(FileNotFoundError):  # compaction removes tables meanwhile
                    size += entry.stat().st_size if entry.is_file() else 0
        return size

    def count_keys(self) -> int:
        return self._rdict.property_int_value("rocksdb.estimate-num-keys") or 0

    def close(self) -> None:
        try:
            if self.compactions:
                self._rdict.cancel_all_background(False)
                for thread in list(self.compactions.values()):
                    thread.join()
            self._rdict.close()
        except Exception as error:
            if _CANCELLED not in str(error):  # it would have written a table: the log has the same
                raise _mapped(error, self._path) from error
        finally:
            self._log.close()
            if self._lock_fd >= 0:
                os.close(self._lock_fd)
                self._lock_fd = -1
