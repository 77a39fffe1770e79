"""Walking a bucket's keys in order, page by page, seeking past what is below a common prefix.

Small scans that grow while they bring something, so that a folder of a million keys costs a few rows.
"""

from collections.abc import Iterator
from typing import NamedTuple

from cloudlet.kit import page
from cloudlet.services.s3.keys import Contents
from cloudlet.services.s3.records import Version
from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx

ROWS_FIRST, ROWS_MOST = 16, 1000


class Entry(NamedTuple):
    """An object (or version) of a listing, or a common prefix (`version` None)."""

    name: str
    version: Version | None
    is_latest: bool = True


class Cursor:
    """The rows of one range in order, read ahead a little; `seek` goes forward."""

    def __init__(self, tx: Tx, space: Subspace, begin: bytes, end: bytes, rows_first: int) -> None:
        self._tx, self._space, self._end = tx, space, end
        self._resume: bytes | None = begin
        self._rows: list[tuple[bytes, bytes]] = []
        self._at = 0
        self._rows_next = self._rows_first = rows_first

    def peek(self) -> tuple[bytes, bytes] | None:
        while self._at == len(self._rows):
            if self._resume is None or self._resume >= self._end:
                return None
            found = self._tx.scan(self._resume, self._end, limit=self._rows_next)
            self._rows, self._at, self._resume = found.rows, 0, found.resume
            self._rows_next = min(2 * self._rows_next, ROWS_MOST)
        return self._rows[self._at]

    def name(self) -> str | None:
        row = self.peek()
        return self._space.unpack(row[0])[0] if row is not None else None

    def take(self) -> bytes:
        row = self.peek()
        assert row is not None, "the end was reached"
        self._at += 1
        return row[1]

    def seek(self, key: bytes) -> None:
        """To the first row at or after `key`: within what was read, else by another scan."""
        while self._at < len(self._rows) and self._rows[self._at][0] < key:
            self._at += 1
        if self._at == len(self._rows) and self._resume is not None and self._resume < key:
            self._resume, self._rows_next = key, self._rows_first


def below(space: Subspace, prefix: str) -> tuple[bytes, bytes]:
    """Bounds of the keys that begin with `prefix`."""
    return page.names_from(space, prefix)


def common_prefix(name: str, prefix: str, delimiter: str) -> str | None:
    """What `name` rolls up to, if the delimiter stands in it behind the prefix."""
    if not delimiter:
        return None
    at = name.find(delimiter, len(prefix))
    return name[: at + len(delimiter)] if at >= 0 else None


def _begin(space: Subspace, prefix: str, delimiter: str, after: str | None) -> bytes:
    begin = below(space, prefix)[0]
    if not after:
        return begin
    rolled = common_prefix(after, prefix, delimiter) if after.startswith(prefix) else None
    return max(begin, below(space, rolled)[1] if rolled is not None else space.key(after) + b"\x00")


def objects(tx: Tx, contents: Contents, prefix: str, delimiter: str, after: str | None, limit: int) -> Iterator[Entry]:
    """Current objects and common prefixes after `after`; `limit` is a hint of how many will be taken."""
    space = contents.current
    rows_first = ROWS_FIRST if delimiter else max(1, min(limit, ROWS_MOST))
    cursor = Cursor(tx, space, _begin(space, prefix, delimiter, after), below(space, prefix)[1], rows_first)
    while (name := cursor.name()) is not None:
        rolled = common_prefix(name, prefix, delimiter)
        if rolled is not None:
            yield Entry(rolled, None)
            cursor.seek(below(space, rolled)[1])
        else:
            yield Entry(name, Version.decode(cursor.take()))


def versions(
    tx: Tx, contents: Contents, prefix: str, delimiter: str, after: str | None, after_sequence: int | None
) -> Iterator[Entry]:
    """All versions, by key, newest first. `after_sequence`: go on within the key `after`, behind that version."""
    current, older = contents.current, contents.older
    begin_current = _begin(current, prefix, delimiter, after)
    begin_older = _begin(older, prefix, delimiter, after)
    if after and after_sequence is not None:
        begin_older = contents.older_key(after, after_sequence) + b"\x00"
    elif after and begin_older == older.key(after) + b"\x00":
        begin_older = older.range(after)[1]  # behind every version of that key
    heads = Cursor(tx, current, begin_current, below(current, prefix)[1], ROWS_FIRST)
    tails = Cursor(tx, older, begin_older, below(older, prefix)[1], ROWS_FIRST)
    seen = after if after_sequence is not None else None  # the key whose newest version is behind us
    while True:
        names = [name for name in (heads.name(), tails.name()) if name is not None]
        if not names:
            return
        name = min(names, key=lambda text: text.encode("utf-8", "surrogatepass"))
        rolled = common_prefix(name, prefix, delimiter)
        if rolled is not None:
            yield Entry(rolled, None)
            heads.seek(below(current, rolled)[1])
            tails.seek(below(older, rolled)[1])
            continue
        cursor = heads if heads.name() == name else tails
        yield Entry(name, Version.decode(cursor.take()), is_latest=name != seen)
        seen = name
