"""Counters that many transactions change: sharded, so that an engine with several writers has no hot key."""

import struct
from functools import lru_cache

from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx

SHARDS = 4

_format = lru_cache(lambda size: struct.Struct(f">{size}q"))


class Tally:
    """A few named counters kept together below one key prefix, e.g. a queue's visible, in-flight and delayed."""

    def __init__(self, space: Subspace, size: int) -> None:
        self._keys, self._format = [space.key(shard) for shard in range(SHARDS)], _format(size)

    def add(self, tx: Tx, shard_hint: int, *changes: int) -> None:
        """Add `changes` to the counters; `shard_hint` (any number of the caller's) spreads the writers."""
        key = self._keys[shard_hint % SHARDS]
        stored = tx.get(key)
        old = self._format.unpack(stored) if stored else (0,) * len(changes)
        tx.put(key, self._format.pack(*map(int.__add__, old, changes)))

    def values(self, tx: Tx) -> tuple[int, ...]:
        shards = map(tx.get, self._keys)
        return tuple(map(sum, zip(*(self._format.unpack(shard or bytes(self._format.size)) for shard in shards))))
