"""The store as one thing: an engine, its journal, its blobs; transactions begin here."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cloudlet.store import blob_counts, values
from cloudlet.store.blobs import Blobs
from cloudlet.store.check import Finding, check
from cloudlet.store.disk import make_directory, sync_directory
from cloudlet.store.engine import Changes, Engine
from cloudlet.store.engine.memory import MemoryEngine
from cloudlet.store.engine.rocksdb import RocksEngine
from cloudlet.store.engine.sqlite import SqliteEngine
from cloudlet.store.errors import StoreBroken, StoreError, StoreFull
from cloudlet.store.journal import PROBE_EVERY_S, Journal
from cloudlet.store.keys import Subspace
from cloudlet.store.sequence_note import SequenceNote
from cloudlet.store.transaction import Tx
from cloudlet.store.unsynced import Unsynced

_log = logging.getLogger(__name__)
TIDY_EVERY_S = 60.0  # more often, small tables would be rewritten for little
_PROBE_KEY = b"\x00probe"
_NOWHERE = b"\x00"  # no key that a transaction's user writes begins with it


class Stats(NamedTuple):
    sequence: int  # of the last write applied
    durable: int
    syncs: int
    sync_seconds: float  # all of them together
    keys: int  # about, the store's own included
    unsynced_keys: int
    rows_scanned: int
    guard_hits: int
    full: bool


def horizon_of(error: BaseException) -> int:
    """What must be durable before anything about an error out of `transact` leaves the process."""
    return getattr(error, "store_horizon", 0)


class Database:
    """Use `Database.open`; tests with an engine of their own make one directly."""

    def __init__(
        self, engine: Engine, *, blobs: Blobs | None = None, note: SequenceNote | None = None, run_twice: bool = False
    ) -> None:
        self.engine = engine
        self.unsynced = Unsynced()
        self.blobs = blobs or Blobs(None)
        self._refusal: StoreFull | None = None  # why writes are refused
        self.run_twice = run_twice
        self.stamped: tuple[bytes, bytes] = (_NOWHERE, b"")  # whose keys, and where their stamp is
        self._note = note
        self._probed_at = 0.0
        self._tidied_at = time.monotonic()
        self._closed = False
        rows, _ = engine.scan(*values.CHUNKS_RANGE, 1, 1, False)
        self._splits_exist = bool(rows)
        self.journal = Journal(engine, self.unsynced, engine.sequence(), self._write_note)

    @staticmethod
    def open(
        path: Path | None, *, engine: str = "rocksdb", run_twice: bool = False, accept_loss: bool = False
    ) -> "Database":
        """The store in directory `path`, made if need be; None: in memory.

        StoreBroken if writes that were durable are missing, unless `accept_loss`.
        """
        if path is None or engine == "memory":
            return Database(MemoryEngine(), run_twice=run_twice)
        assert engine in ("rocksdb", "sqlite"), f"no engine is called {engine}"
        make_directory(path)
        note = SequenceNote(path / "durable")
        opened: Engine | None = None
        try:
            noted = note.read()
            durable = noted.sequence if noted is not None else 0
            opened = _opened(path, engine, 0 if accept_loss else durable)
            opened.sync()  # whatever recovery found is durable from here on
            if durable > opened.sequence():
                _check_loss(path, durable, opened.sequence(), accept_loss)
            note.write(opened.sequence())
            sync_directory(path)
            database = Database(opened, blobs=Blobs(path / "blobs"), note=note, run_twice=run_twice)
        except BaseException:
            note.close()
            if opened is not None:
                opened.close()
            raise
        if noted is None or not noted.closed:
            database.blobs.sweep_aside(database.is_blob_referenced)
        return database

    def stamp(self, space: Subspace, key: bytes) -> None:
        """From now on whoever writes in `space` also writes something new to `key`, in the same transaction: what is
        made of many keys may be kept for as long as this one says the same. Of one space."""
        self.stamped = (space.prefix, key)

    def begin(self) -> Tx:
        return Tx(self)

    def transact(self, function: Callable[..., Any], *args: Any) -> tuple[Any, int]:
        """`function(tx, *args)` and commit: its value and the horizon. An exception discards everything and carries
        its horizon (`horizon_of`)."""
        if self.run_twice:
            self._rehearse(function, args)
        tx = Tx(self)
        try:
            value = function(tx, *args)
        except BaseException as error:
            error.store_horizon = tx.discard()  # type: ignore[attr-defined]
            raise
        return value, tx.commit()

    def _rehearse(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Run it for nothing, so that tests find functions that do something beside their transaction."""
        tx = Tx(self)
        try:
            function(tx, *args)
        except Exception:  # the second run will raise it again
            pass
        finally:
            tx.discard()

    def apply(self, changes: Changes) -> int:
        """Write a transaction's overlay (for Tx.commit); the sequence."""
        if self.journal.failed is not None:
            raise StoreBroken(self.journal.failed)
        if self._refusal is not None:
            self._refuse_until_a_probe_succeeds()
        stored = values.stored(changes, self.engine.get, self._splits_exist)
        self._splits_exist = self._splits_exist or len(stored) > len(changes)
        try:
            sequence = self.engine.write(stored)
        except StoreFull as error:
            _log.critical("writes are refused, reads go on: %s", error)
            self._refusal = error
            self.journal.probe = self._probe
            self.journal.wake()
            raise
        self.unsynced.wrote(sequence, changes)
        self._settle_blobs(changes, sequence)
        self.journal.written(sequence)
        return sequence

    def _settle_blobs(self, changes: Changes, sequence: int) -> None:
        for key, value in changes.items():
            if key[0]:
                continue
            blob_id = blob_counts.blob_id_of(key)
            if value is None:
                self.journal.when_durable(sequence, lambda blob_id=blob_id: self.blobs.remove(blob_id))  # type: ignore[misc]
            self.blobs.adopted(blob_id)

    @property
    def full(self) -> bool:
        """Writes are refused: there is no room, or the disk fails to write."""
        return self._refusal is not None

    def _refuse_until_a_probe_succeeds(self) -> None:
        """Raise what a write failed with. While the journal runs, its thread probes."""
        if not self.journal.is_running:
            self._probe()
        if self._refusal is not None:
            raise type(self._refusal)(f"writes are still refused, reads go on: {self._refusal}")

    def _probe(self) -> None:
        """Are writes taken again? Writes and syncs a key of the store's own. In the journal's thread, or inline without
        one: nobody else writes meanwhile."""
        now = time.monotonic()
        if self.journal.is_running and now - self._probed_at < PROBE_EVERY_S:
            return
        self._probed_at = now
        try:
            sequence = self.engine.write({_PROBE_KEY: b"%d\x00" % time.time_ns()})
        except StoreError:
            return
        try:
            self.engine.sync()
        except StoreFull:
            return
        except StoreError as error:
            self.journal.fatal(error)
            return
        self.journal.probe = None
        self.journal.resume(sequence, self._writes_go_on)

    def _writes_go_on(self) -> None:
        self._refusal = None
        _log.warning("the disk takes writes again")

    def _write_note(self, sequence: int) -> None:
        if self._note is not None:
            try:
                self._note.write(sequence)
            except OSError as error:
                _log.warning("the durable sequence could not be noted: %s", error)

    def is_blob_referenced(self, blob_id: str) -> bool:
        return self.engine.get(blob_counts.key(blob_id)) is not None

    def compact(self, begin: bytes, end: bytes) -> None:
        self.engine.compact(begin, end)

    def tidy(self) -> None:
        """Called now and then, in a thread: what was deleted gives its room back, also where nothing is written
        afterwards."""
        now = time.monotonic()
        if not self._closed and self._refusal is None and now - self._tidied_at >= TIDY_EVERY_S:
            self._tidied_at = now
            try:
                self.engine.tidy()
            except StoreError as error:
                _log.warning("what was deleted is not given back yet: %s", error)

    def size_bytes(self) -> int:
        """On disk, without blobs."""
        return self.engine.size_bytes()

    def stats(self) -> Stats:
        journal, counters = self.journal, self.engine.counters
        return Stats(
            sequence=journal.applied,
            durable=journal.durable,
            syncs=journal.syncs,
            sync_seconds=journal.sync_seconds,
            keys=self.engine.count_keys(),
            unsynced_keys=len(self.unsynced.by_key),
            rows_scanned=counters.rows,
            guard_hits=counters.guard_hits,
            full=self.full,
        )

    def check(self, progress: Callable[[int], None] | None = None) -> list[Finding]:
        """Read everything, checksums on; what is wrong."""
        return check(self.engine, self.blobs, progress)

    def close(self) -> None:
        """Sync, note, let go. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self.blobs.close()
        try:
            self.journal.stop()
            if self._note is not None and self.journal.failed is None:
                self._note.write(self.journal.durable, closed=True)
        finally:
            if self._note is not None:
                self._note.close()
            self._close_engine()

    def _close_engine(self) -> None:
        """One that refuses writes cannot put its affairs in order; all that was acknowledged is in its log."""
        try:
            self.engine.close()
        except StoreError as error:
            if self._refusal is None:
                raise
            _log.warning("the store was closed while it took no writes: %s", error)


def _opened(path: Path, engine: str, durable: int) -> Engine:
    if engine == "rocksdb":
        return RocksEngine(path / "rocksdb", durable=durable)
    return SqliteEngine(path / "store.sqlite")


def _check_loss(path: Path, noted: int, found: int, accept_loss: bool) -> None:
    lost = f"{path}: writes up to {noted} were on disk, writes after {found} are gone"
    if not accept_loss:
        raise StoreBroken(
            f"{lost}. The disk or its log is damaged; restore a backup, or go on without them: --accept-loss"
        )
    _log.warning("%s; accepted", lost)
