"""What is due of one task that waits, parted by whose it is: nobody's work stands behind another's that takes long.

A share may hold as many of the task's places as are free, so whoever has work alone gets half of them, the next half of
the rest, and one that comes new finds a place.

    Layout below the given subspace
    entry  ("e", share, due_ms, id)  -> b""
    head   ("h", share)              -> when its first entry is due, as text
    heads  ("i") DueIndex               (that, share)
A share's head is also where its entries are read from: before it lies only what was taken.
"""

import heapq
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from cloudlet.kit import page
from cloudlet.kit.due import DueIndex
from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx


class Places(NamedTuple):
    """Of one task: how many are free, and how many each share holds; those that hold none are left out."""

    free: int
    held: Mapping[str, int]

    def is_open_to(self, share: str) -> bool:
        return self.held.get(share, 0) < self.free


ALL_PLACES = Places(1 << 30, {})


class Shares:
    """Those of one task."""

    def __init__(self, space: Subspace) -> None:
        self._entries, self._head_keys, self._heads = space["e"], space["h"], DueIndex(space["i"])

    def put(self, tx: Tx, share: str, due_ms: int, entry_id: str) -> None:
        tx.put(self._entries.key(share, due_ms, entry_id), b"")
        head_ms = self._head(tx, share)
        if head_ms is None or due_ms < head_ms:
            self._move(tx, share, head_ms, due_ms)

    def remove(self, tx: Tx, share: str, due_ms: int, entry_id: str) -> None:
        tx.delete(self._entries.key(share, due_ms, entry_id))
        head_ms = self._head(tx, share)
        if head_ms is not None:
            self._settle(tx, share, head_ms, self._entries.key(share, head_ms))

    def claim(self, tx: Tx, now_ms: int, limit: int, places: Places) -> list[str]:
        """Take up to `limit` entries that are due, for those who hold least first; their ids."""
        due = self._heads.due(tx, now_ms, limit + len(places.held))
        taken: list[str] = []
        for share, count in self._parted([str(entry.tie[0]) for entry in due], limit, places).items():
            head_ms = self._head(tx, share)
            assert head_ms is not None, f"share {share} has an index entry but no head"
            begin, end = self._entries.key(share, head_ms), self._entries.key(share, now_ms + 1)
            for key, _ in page.first(tx, begin, end, count):
                tx.delete(key)
                taken.append(str(self._entries.unpack(key)[2]))
                begin = key + b"\x00"
            self._settle(tx, share, head_ms, begin)
        return taken

    def _parted(self, shares: list[str], limit: int, places: Places) -> Counter[str]:
        """How many each may take."""
        counts: Counter[str] = Counter()
        waiting = [(places.held.get(share, 0), at, share) for at, share in enumerate(shares)]
        heapq.heapify(waiting)
        while waiting and counts.total() < limit:
            held, at, share = waiting[0]
            if held >= places.free - counts.total():
                break
            counts[share] += 1
            heapq.heapreplace(waiting, (held + 1, at, share))
        return counts

    def next_due(self, tx: Tx, places: Places) -> int | None:
        """When the first entry is due for which there is a place."""
        if places.free <= 0:
            return None
        heads = self._heads.first(tx, len(places.held) + 1)  # one of them holds nothing
        return next((entry.due_ms for entry in heads if places.is_open_to(str(entry.tie[0]))), None)

    def _head(self, tx: Tx, share: str) -> int | None:
        stored = tx.get(self._head_keys.key(share))
        return int(stored) if stored else None

    def _settle(self, tx: Tx, share: str, head_ms: int, begin: bytes) -> None:
        """After a removal: the head is the first entry that is left, from `begin` on."""
        rows = page.first(tx, begin, self._entries.range(share)[1], 1)
        self._move(tx, share, head_ms, int(self._entries.unpack(rows[0][0])[1]) if rows else None)

    def _move(self, tx: Tx, share: str, old_ms: int | None, new_ms: int | None) -> None:
        if old_ms == new_ms:
            return
        if old_ms is not None:
            self._heads.remove(tx, old_ms, (share,))
        if new_ms is None:
            tx.delete(self._head_keys.key(share))
        else:
            self._heads.put(tx, new_ms, (share,))
            tx.put(self._head_keys.key(share), b"%d" % new_ms)
