"""One transaction: an overlay over the engine. Nothing it does is there before `commit`, all of it is after.

It runs on the event loop, from begin to commit without waiting, so transactions are serial without locks.
"""

import os
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from cloudlet.store import blob_counts, values
from cloudlet.store.engine import Row
from cloudlet.store.errors import RangeTooLong, StoreBroken, TransactionTooLarge

if TYPE_CHECKING:
    from cloudlet.store.database import Database

BYTES_WRITTEN_MAX = 8 << 20
KEYS_WRITTEN_MAX = 10_000
KEY_BYTES_MAX = 8 << 10
SCAN_ROWS_MAX = 1000
SCAN_BYTES_MAX = 1 << 20
REMEMBERED_BYTES_MAX = 4 << 10  # of a value read: it may be asked for again
ALL_BYTES_MAX = BYTES_WRITTEN_MAX

_ABSENT: Any = object()
_PAUSE: Any = object()  # between two batches of a scan: who has enough stops here
_Found = tuple[bytes, bytes, bool]  # key, value, whether the value still wears its tag
_FIRST_KEY = b"\x01"  # what lies below is the store's own
_STAMP_BYTES = 12


class _Ended:
    """Stands where the overlay was: every use of an ended transaction trips over it."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError("the transaction has ended")

    def __bool__(self) -> bool:
        raise AssertionError("the transaction has ended")


_ENDED: Any = _Ended()


class Scan(NamedTuple):
    """Rows in the order asked for. `resume` is the next scan's begin (reversed: its end); None = finished."""

    rows: list[Row]
    resume: bytes | None


class _Savepoint:
    """A context manager: an exception out of it undoes what was done inside."""

    __slots__ = ("_after", "_mark", "_tx")

    def __init__(self, tx: "Tx") -> None:
        self._tx = tx

    def __enter__(self) -> None:
        self._mark, self._after = self._tx._mark(), len(self._tx._after_commit)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self._tx._keep(self._mark)
        else:
            self._tx._undo_to(self._mark)
            del self._tx._after_commit[self._after :]


class Tx:
    """Made by `Database.begin`; ended by `commit` or `discard`."""

    __slots__ = (
        "_after_commit",
        "_begun_at",
        "_bytes",
        "_database",
        "_engine",
        "_get",
        "_horizon",
        "_known",
        "_order",
        "_overlay",
        "_savepoints",
        "_stamped",
        "_undo",
        "_unsynced",
    )

    def __init__(self, database: "Database") -> None:
        self._database = database
        self._engine = database.engine
        self._get = database.engine.get
        self._unsynced = database.unsynced.by_key
        self._horizon = database.unsynced.floor
        self._begun_at = database.journal.applied
        self._overlay: dict[bytes, bytes | None] = {}
        self._known: dict[bytes, bytes | None] = {}  # the overlay, and what was read: nobody else writes meanwhile
        self._order: list[bytes] | None = None  # the overlay's keys, sorted; made by the first scan
        self._bytes = 0
        self._after_commit: list[Callable[[], None]] = []
        self._undo: list[tuple[bytes, bytes | None]] = []
        self._savepoints = 0
        self._stamped = database.stamped[0]

    @property
    def horizon(self) -> int:
        """What was read so far is durable once the journal's `durable` is at least this."""
        return self._horizon

    def get(self, key: bytes) -> bytes | None:
        value = self._known.get(key, _ABSENT)
        if value is not _ABSENT:
            return value
        sequence = self._unsynced.get(key)
        if sequence is not None and sequence > self._horizon:
            self._horizon = sequence
        raw = self._get(key)
        if raw is None:
            self._known[key] = None
            return None
        if raw[-1] != 0:
            return values.join(key, raw, self._get)
        value = raw[:-1]
        if len(value) <= REMEMBERED_BYTES_MAX:
            self._known[key] = value
        return value

    def put(self, key: bytes, value: bytes) -> None:
        assert type(value) is bytes, f"a value is bytes, not {type(value).__name__}"
        self._check_key(key)
        self._write(key, value)
        if key.startswith(self._stamped):
            self._stamp()

    def delete(self, key: bytes) -> None:
        self._check_key(key)
        self._write(key, None)
        if key.startswith(self._stamped):
            self._stamp()

    def _stamp(self) -> None:
        """What was made of the stamped keys may be wrong from here on. Never a counter: what a savepoint undoes could
        be counted twice."""
        self._write(self._database.stamped[1], os.urandom(_STAMP_BYTES))

    def _check_key(self, key: bytes) -> None:
        assert key and key[0], "keys that begin with 0x00 are the store's own"
        if len(key) > KEY_BYTES_MAX:
            raise TransactionTooLarge(f"a key of {len(key)} bytes: {KEY_BYTES_MAX} are the most")

    def _write(self, key: bytes, value: bytes | None) -> None:
        overlay = self._overlay
        old = overlay.get(key, _ABSENT)
        grown = len(value) if value is not None else 0
        if old is _ABSENT:
            grown += len(key)
            if len(overlay) >= KEYS_WRITTEN_MAX:
                raise TransactionTooLarge(f"a transaction writes at most {KEYS_WRITTEN_MAX} keys")
        elif old is not None:
            grown -= len(old)
        if self._bytes + grown > BYTES_WRITTEN_MAX:
            raise TransactionTooLarge(f"a transaction writes at most {BYTES_WRITTEN_MAX} bytes")
        self._bytes += grown
        if old is _ABSENT and self._order is not None:
            insort(self._order, key)
        if self._savepoints:
            self._undo.append((key, old))
        overlay[key] = self._known[key] = value

    def scan(
        self,
        begin: bytes,
        end: bytes,
        *,
        limit: int = SCAN_ROWS_MAX,
        bytes_max: int = SCAN_BYTES_MAX,
        reverse: bool = False,
    ) -> Scan:
        """Rows of begin ≤ key < end, at most `limit`, ending with the one that reaches `bytes_max`."""
        assert limit > 0 and bytes_max > 0, "a scan asks for at least one row"
        if begin < _FIRST_KEY:
            begin = _FIRST_KEY
        self._horizon = max(self._horizon, self._database.journal.applied)
        mine = self._mine(begin, end)
        rows: list[Row] = []
        size = 0
        source = self._theirs(begin, end, limit, bytes_max, reverse)
        for row in self._merged(source, mine, reverse) if mine else source:
            if len(rows) == limit or size >= bytes_max:
                last = rows[-1][0]
                return Scan(rows, last if reverse else last + b"\x00")
            if row is _PAUSE:
                continue
            key, value, tagged = row
            if tagged:
                value = value[:-1] if value[-1] == 0 else values.join(key, value, self._get)
            rows.append((key, value))
            size += len(key) + len(value)
        return Scan(rows, None)

    def all(self, begin: bytes, end: bytes, *, rows_max: int, bytes_max: int = ALL_BYTES_MAX) -> list[Row]:
        """Every row of begin ≤ key < end. For ranges that something else keeps short: RangeTooLong if this one holds
        more than `rows_max` rows or `bytes_max` bytes, so that no part is ever taken for the whole."""
        rows: list[Row] = []
        size = 0
        resume: bytes | None = begin
        while resume is not None and len(rows) <= rows_max and size <= bytes_max:
            part, resume = self.scan(resume, end, limit=rows_max + 1 - len(rows))
            rows += part
            size += sum(len(key) + len(value) for key, value in part)
        if len(rows) > rows_max or size > bytes_max:
            raise RangeTooLong(
                f"over {rows_max} rows or {bytes_max} bytes from {begin!r} to {end!r}: page through them"
            )
        return rows

    def _mine(self, begin: bytes, end: bytes) -> list[bytes]:
        """The overlay's keys in the range, sorted."""
        if not self._overlay:
            return []
        if self._order is None:
            self._order = sorted(self._overlay)
        return self._order[bisect_left(self._order, begin) : bisect_left(self._order, end)]

    def _theirs(self, begin: bytes, end: bytes, limit: int, bytes_max: int, reverse: bool) -> Iterator[_Found]:
        """The engine's rows, fetched as they are needed."""
        more = True
        while more and begin < end:
            rows, more = self._engine.scan(begin, end, limit, bytes_max, reverse)
            for key, raw in rows:
                yield key, raw, True
            if more:
                yield _PAUSE
                if reverse:
                    end = rows[-1][0]
                else:
                    begin = rows[-1][0] + b"\x00"

    def _merged(self, theirs: Iterator[_Found], mine: list[bytes], reverse: bool) -> Iterator[_Found]:
        """Both in order, ours hiding theirs."""
        if reverse:
            mine.reverse()
        overlay = self._overlay
        at = 0
        for row in theirs:
            if row is _PAUSE:
                yield row
                continue
            while at < len(mine) and (mine[at] > row[0] if reverse else mine[at] < row[0]):
                value = overlay[mine[at]]
                if value is not None:
                    yield mine[at], value, False
                at += 1
            if row[0] not in overlay:
                yield row
        for key in mine[at:]:
            value = overlay[key]
            if value is not None:
                yield key, value, False

    def savepoint(self) -> _Savepoint:
        """An exception out of `with tx.savepoint():` discards the writes, blob adoptions and callbacks of its body."""
        return _Savepoint(self)

    def _mark(self) -> int:
        self._savepoints += 1
        return len(self._undo)

    def _keep(self, mark: int) -> None:
        self._savepoints -= 1
        if not self._savepoints:
            self._undo.clear()

    def _undo_to(self, mark: int) -> None:
        self._savepoints -= 1
        overlay = self._overlay
        self._known.clear()
        while len(self._undo) > mark:
            key, old = self._undo.pop()
            value = overlay[key]
            self._bytes -= len(value) if value is not None else 0
            if old is _ABSENT:
                del overlay[key]
                self._bytes -= len(key)
                self._order = None
            else:
                overlay[key] = old
                self._bytes += len(old) if old is not None else 0
        self._known.update(overlay)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Run by `commit` once all is applied, in order; forgotten if the transaction or its savepoint fails."""
        self._after_commit.append(callback)

    def adopt_blob(self, blob_id: str) -> None:
        """One reference more. BlobGone unless it was just finished, or is referenced already."""
        count = self._blob_count(blob_id)
        self._database.blobs.check_adoptable(blob_id, count)
        self._write(blob_counts.key(blob_id), blob_counts.encode(count + 1))

    def drop_blob(self, blob_id: str) -> None:
        """One reference less; at none the file goes, once this is durable and nobody reads it."""
        count = self._blob_count(blob_id)
        if count < 1:
            raise StoreBroken(f"blob {blob_id} has no reference to drop")
        self._write(blob_counts.key(blob_id), blob_counts.encode(count - 1) if count > 1 else None)

    def _blob_count(self, blob_id: str) -> int:
        return blob_counts.decode(self.get(blob_counts.key(blob_id)))

    def commit(self) -> int:
        """Apply everything at once; the horizon: this write's sequence, or what was read if nothing was written.

        StoreFull, StoreStalled, StoreBroken: nothing was applied, and no callback ran.
        """
        assert not self._savepoints, "a savepoint is still open"
        overlay, after_commit = self._overlay, self._after_commit
        self._end()
        if overlay:
            assert self._database.journal.applied == self._begun_at, (
                "another transaction was committed within this one: never wait between look and act"
            )
            self._horizon = self._database.apply(overlay)
        for callback in after_commit:
            callback()
        return self._horizon

    def discard(self) -> int:
        """Nothing happened; the horizon of what was read."""
        self._end()
        return self._horizon

    def _end(self) -> None:
        bool(self._overlay)  # trips if it has ended already
        self._overlay = self._known = _ENDED
        self._after_commit = []
