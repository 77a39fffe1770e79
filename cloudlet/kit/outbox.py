"""What `call.later` stored: work that runs after its transaction, at least once, across crashes.

Entries without a lane run side by side; those of one lane strictly in order, one in flight, so that a failing head
blocks its lane only. A taken entry is leased: it moves to an index of leases and comes back when its lease ends, so
that a dead worker's work is done by another (at start, `release` brings it back at once).

    Layout                                            queue-shaped: ready, by kit/due.py; lanes, by counted positions
    entry   ("e", id)                      -> Entry
    ready   ("r", target) DueIndex         -> value: id                    target = "service.task"
    lane    ("l", lane)                    -> Lane: head and tail position
    waiting ("w", lane, position)          -> id                           behind the head
    leased  ("x", target) DueIndex         -> value: id
    shares  ("s", target) Shares           ready, too: entries of which nobody may take all places, see shares.py
"""

from cloudlet.base import ids
from cloudlet.kit.due import DueIndex
from cloudlet.kit.record import Record, replace
from cloudlet.kit.shares import Places, Shares
from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx


class Entry(Record, frozen=True):
    id: str
    service: str
    task: str
    account: str
    region: str
    payload: bytes  # msgpack
    created_ms: int
    due_ms: int  # where it stands in `ready` or, while taken, in `leased`
    expires_ms: int
    attempts: int = 0  # begun so far
    is_leased: bool = False
    lane: str | None = None
    position: int = 0  # within the lane
    share: str | None = None  # whose places it takes

    @property
    def target(self) -> str:
        return f"{self.service}.{self.task}"


class Lane(Record, frozen=True):
    head: int
    tail: int  # the position the next entry gets


class Outbox:
    def __init__(self) -> None:
        space = Subspace("outbox")
        self._entries, self._waiting, self._lanes = space["e"], space["w"], space["l"]
        self._ready = _Indexes(space["r"])
        self._leased = _Indexes(space["x"])
        self._shares = space["s"]

    def put(self, tx: Tx, entry: Entry) -> None:
        """Store `entry`; its place in its lane, if it has one, is given here."""
        if entry.lane is not None:
            stored = tx.get(self._lanes.key(entry.lane))
            lane = Lane.decode(stored) if stored else Lane(0, 0)
            entry = replace(entry, position=lane.tail)
            tx.put(self._lanes.key(entry.lane), replace(lane, tail=lane.tail + 1).encode())
            if lane.head != lane.tail:
                tx.put(self._entries.key(entry.id), entry.encode())
                tx.put(self._waiting.key(entry.lane, entry.position), entry.id.encode())
                return
        self._index(entry, tx)

    def peek(self, tx: Tx, target: str, now_ms: int) -> Entry | None:
        """The entry of `target` that is due first, left where it is; None if none is due yet."""
        due = self._ready[target].due(tx, now_ms, 1)
        return self.require(tx, due[0].value.decode()) if due else None

    def take(
        self, tx: Tx, target: str, now_ms: int, limit: int, lease_ms: int, places: Places | None = None
    ) -> list[Entry]:
        """Lease the first due entries of `target`, soonest first; each comes back after `lease_ms` if not finished.
        Those that are in a share only where `places` says what is free."""
        ready = [due.value.decode() for due in self._ready[target].claim(tx, now_ms, limit)]
        if places is not None and len(ready) < limit:
            left = Places(places.free - len(ready), places.held)
            ready += self._shares_of(target).claim(tx, now_ms, limit - len(ready), left)
        taken = []
        for entry_id in ready:
            entry = self.require(tx, entry_id)
            entry = replace(entry, attempts=entry.attempts + 1, is_leased=True, due_ms=now_ms + lease_ms)
            self._index(entry, tx)
            taken.append(entry)
        return taken

    def finish(self, tx: Tx, entry_id: str) -> bool:
        """Remove an entry and let its lane go on. False if it was finished before."""
        entry = self.find(tx, entry_id)
        if entry is None:
            return False
        self._unindex(entry, tx)
        tx.delete(self._entries.key(entry.id))
        if entry.lane is not None:
            self._advance_lane(tx, entry.lane)
        return True

    def put_back(self, tx: Tx, entry_id: str, due_ms: int) -> None:
        """A taken entry is due again at `due_ms`: a retry."""
        entry = self.require(tx, entry_id)
        self._unindex(entry, tx)
        self._index(replace(entry, is_leased=False, due_ms=due_ms), tx)

    def release(self, tx: Tx, target: str, now_ms: int, until_ms: int) -> int:
        """Make due now what was leased no longer than `until_ms`; returns how many (call again while it is not 0)."""
        ended = self._leased[target].claim(tx, until_ms, 1000)
        for due in ended:
            entry = self.require(tx, due.value.decode())
            self._index(replace(entry, is_leased=False, due_ms=now_ms), tx)
        return len(ended)

    def next_due(self, tx: Tx, target: str, places: Places | None = None) -> int | None:
        """When the next entry is due; of those in a share, the next that finds a place."""
        due_ms = self._ready[target].first_due(tx)
        in_share_ms = self._shares_of(target).next_due(tx, places) if places is not None else None
        return min((moment for moment in (due_ms, in_share_ms) if moment is not None), default=None)

    def find(self, tx: Tx, entry_id: str) -> Entry | None:
        stored = tx.get(self._entries.key(entry_id))
        return Entry.decode(stored) if stored else None

    def require(self, tx: Tx, entry_id: str) -> Entry:
        entry = self.find(tx, entry_id)
        assert entry is not None, f"outbox entry {entry_id} is indexed but not stored"
        return entry

    def _advance_lane(self, tx: Tx, name: str) -> None:
        stored = tx.get(self._lanes.key(name))
        assert stored is not None, f"outbox lane {name} has an entry but no record"
        lane = Lane.decode(stored)
        lane = replace(lane, head=lane.head + 1)
        if lane.head == lane.tail:
            tx.delete(self._lanes.key(name))
            return
        tx.put(self._lanes.key(name), lane.encode())
        key = self._waiting.key(name, lane.head)
        entry_id = tx.get(key)
        assert entry_id is not None, f"outbox lane {name} lacks position {lane.head}"
        tx.delete(key)
        self._index(self.require(tx, entry_id.decode()), tx)

    def _index(self, entry: Entry, tx: Tx) -> None:
        tx.put(self._entries.key(entry.id), entry.encode())
        if entry.share is not None and not entry.is_leased:
            self._shares_of(entry.target).put(tx, entry.share, entry.due_ms, entry.id)
            return
        indexes = self._leased if entry.is_leased else self._ready
        indexes[entry.target].put(tx, entry.due_ms, (entry.id,), entry.id.encode())

    def _unindex(self, entry: Entry, tx: Tx) -> None:
        if entry.share is not None and not entry.is_leased:
            self._shares_of(entry.target).remove(tx, entry.share, entry.due_ms, entry.id)
            return
        indexes = self._leased if entry.is_leased else self._ready
        indexes[entry.target].remove(tx, entry.due_ms, (entry.id,))

    def _shares_of(self, target: str) -> Shares:
        return Shares(self._shares[target])


class _Indexes(dict[str, DueIndex]):
    """One due-index per target."""

    def __init__(self, space: Subspace) -> None:
        super().__init__()
        self._space = space

    def __missing__(self, target: str) -> DueIndex:
        index = self[target] = DueIndex(self._space[target])
        return index


def new_entry_id() -> str:
    return ids.hexadecimal(32)
