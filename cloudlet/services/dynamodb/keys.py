"""Where DynamoDB keeps things. No other file builds a DynamoDB key.

table      ("t", name)                         -> Table
token      ("k", token)                        -> Token           a transaction's, for ten minutes
token_end  ("kx") DueIndex                     (forgotten at, token)

contents   ("c", data id, …): a table's items; a table made again under the same name has another data id, and
                              background.py removes what the old one left. Below it:
  item     ("i", slot, hash[, range])          -> StoredItem
  index    ("x", index id, slot, hash[, range], base hash[, base range])  -> b""   the item is read from the table
  tally    ("n", index id or "") Tally         items, bytes

`hash` and `range` are sort_key.encode's bytes. `slot` is a hash of `hash`: it spreads the partitions evenly, so that
a segment of a parallel scan is a stretch of slots; and a scan meets partitions in no order that a client could lean on.
"""

import zlib
from functools import lru_cache
from typing import NamedTuple

from cloudlet.kit.counter import Tally
from cloudlet.kit.due import DueIndex
from cloudlet.store.keys import Subspace, pack

SLOTS = 1 << 32
_AFTER = b"\xff"  # no item of a key begins with it: key + _AFTER lies behind all that continue key


class ItemKey(NamedTuple):
    """A primary key, encoded. Tables without a sort key have no `range`."""

    slot: int
    hash: bytes
    range: bytes | None

    @property
    def parts(self) -> tuple[int, bytes] | tuple[int, bytes, bytes]:
        return (self.slot, self.hash) if self.range is None else (self.slot, self.hash, self.range)

    @property
    def identity(self) -> tuple[bytes] | tuple[bytes, bytes]:
        """Without the slot, which follows from it."""
        return (self.hash,) if self.range is None else (self.hash, self.range)


def item_key(hash_: bytes, range_: bytes | None) -> ItemKey:
    return ItemKey(zlib.crc32(hash_), hash_, range_)


class Bounds(NamedTuple):
    """begin ≤ key < end."""

    begin: bytes
    end: bytes


def sole(key: bytes) -> Bounds:
    """A key and all that continue it."""
    return Bounds(key, key + _AFTER)


def starting_with(prefix: bytes) -> Bounds:
    """All keys whose last item, bytes, begins as `prefix` does without its end mark."""
    begin = prefix[:-1]
    trimmed = begin.rstrip(b"\xff")
    return Bounds(begin, trimmed[:-1] + bytes([trimmed[-1] + 1]))


def after(key: bytes) -> bytes:
    """Behind `key` and all that continue it."""
    return key + _AFTER


class Keys:
    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        root = Subspace("dynamodb", account, region)
        self.table, self.token, self._contents = root["t"], root["k"], root["c"]
        self.token_end = DueIndex(root["kx"])
        self.of = lru_cache(256)(self._of)

    def _of(self, data_id: str) -> "Contents":
        return Contents(self._contents[data_id])


class Contents:
    """The keys of one table's items and indexes."""

    __slots__ = ("_index", "_tally", "item", "space", "tally")

    def __init__(self, space: Subspace) -> None:
        self.space, self.item, self._index, self._tally = space, space["i"], space["x"], space["n"]
        self.tally = lru_cache(64)(self._tally_of)

    def item_at(self, key: ItemKey) -> bytes:
        return self.item.prefix + pack(key if key.range is not None else key[:2])

    def index(self, index_id: str) -> Subspace:
        return self._index[index_id]

    def index_entry(self, index_id: str, entry: ItemKey, base: ItemKey) -> bytes:
        return self._index.key(index_id, *entry.parts, *base.identity)

    def base_of(self, index_key: bytes, has_range: bool) -> ItemKey:
        """The primary key of the item that an index entry stands for."""
        items = self._index.unpack(index_key)
        hash_, range_ = (items[-2], items[-1]) if has_range else (items[-1], None)
        assert isinstance(hash_, bytes) and (range_ is None or isinstance(range_, bytes))
        return item_key(hash_, range_)

    def _tally_of(self, index_id: str = "") -> Tally:
        """Items and bytes of the table or an index: call it as `tally`."""
        return Tally(self.tally_space(index_id), 2)

    def tally_space(self, index_id: str) -> Subspace:
        return self._tally[index_id]
