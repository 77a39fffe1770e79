"""The way out where no RocksDB wheel exists: one table in SQLite, from the standard library. Slower, equally durable.

Write-ahead log without a sync per commit; `sync` syncs the log file itself. SQLite's frames carry a running checksum,
so recovery keeps a prefix of whole commits.
"""

import os
import sqlite3
import threading
from pathlib import Path

from cloudlet.store.disk import sync_file
from cloudlet.store.engine import Changes, Counters, Row
from cloudlet.store.errors import StoreBroken, StoreError, StoreFull, StoreInUse

_SETUP = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",  # checkpoints sync: log before database
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA cache_size=-32768",
    "CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS sequence (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL)",
    "INSERT OR IGNORE INTO sequence VALUES (1, 0)",
)
_UP = "SELECT key, value FROM rows WHERE key >= ? AND key < ? ORDER BY key"
_DOWN = _UP + " DESC"
_PUT = "INSERT INTO rows VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


def _mapped(error: sqlite3.Error, path: Path) -> StoreError:
    text = str(error)
    if "full" in text:
        return StoreFull(f"no space left for {path}: free some, writes go on by themselves ({text})")
    if "locked" in text:
        return StoreInUse(f"{path} is in use by another process: stop it, or choose another data directory")
    return StoreBroken(f"{path}: {text}")


class SqliteEngine:
    def __init__(self, path: Path) -> None:
        self.counters = Counters()
        self._path = path
        self._log_path = f"{path}-wal"
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            for statement in _SETUP:
                self._connection.execute(statement)
            self._sequence: int = self._connection.execute("SELECT number FROM sequence").fetchone()[0]
        except sqlite3.Error as error:
            self._connection.close()
            raise _mapped(error, path) from error

    def get(self, key: bytes) -> bytes | None:
        self.counters.gets += 1
        try:
            with self._lock:
                row = self._connection.execute("SELECT value FROM rows WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise _mapped(error, self._path) from error
        return row[0] if row is not None else None

    def scan(
        self, begin: bytes, end: bytes, limit: int, bytes_max: int, reverse: bool, *, patient: bool = False
    ) -> tuple[list[Row], bool]:
        rows: list[Row] = []
        size, more = 0, False
        try:
            with self._lock:
                cursor = self._connection.execute(_DOWN if reverse else _UP, (begin, end))
                for row in cursor:
                    if len(rows) == limit or size >= bytes_max:
                        more = True
                        break
                    rows.append(row)
                    size += len(row[0]) + len(row[1])
                cursor.close()
        except sqlite3.Error as error:
            raise _mapped(error, self._path) from error
        self.counters.scans += 1
        self.counters.rows += len(rows)
        return rows, more

    def write(self, changes: Changes) -> int:
        self.counters.writes += 1
        self.counters.keys_written += len(changes)
        with self._lock:
            execute = self._connection.execute
            try:
                execute("BEGIN IMMEDIATE")
                for key, value in changes.items():
                    if value is None:
                        execute("DELETE FROM rows WHERE key = ?", (key,))
                    else:
                        execute(_PUT, (key, value))
                execute("UPDATE sequence SET number = ?", (self._sequence + 1,))
                execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    execute("ROLLBACK")
                raise _mapped(error, self._path) from error
            self._sequence += 1
        return self._sequence

    def sequence(self) -> int:
        return self._sequence

    def sync_scope(self) -> None:
        """It knows itself what is not on disk yet."""

    def sync(self, scope: None = None) -> None:
        """A commit is one or more write(2) to the log; what a checkpoint moved on, it has synced itself."""
        try:
            fd = os.open(self._log_path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:  # nothing was logged since opening
            return
        try:
            sync_file(fd)
        except OSError as error:
            raise StoreBroken(f"{self._log_path}: {error}") from error
        finally:
            os.close(fd)

    def compact(self, begin: bytes, end: bytes) -> None:
        """Deletes leave nothing behind here."""

    def tidy(self) -> None:
        """Nothing waits to be given back."""

    def size_bytes(self) -> int:
        return sum(os.stat(path).st_size for path in (self._path, self._log_path) if os.path.exists(path))

    def count_keys(self) -> int:
        with self._lock:
            return self._connection.execute("SELECT count(*) FROM rows").fetchone()[0]

    def close(self) -> None:
        with self._lock:
            self._connection.close()
