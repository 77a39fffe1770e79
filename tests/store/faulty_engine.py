"""An engine that fails when told to, around a real one; and can lose what was not synced, as a power cut does."""

from cloudlet.store.engine.memory import MemoryEngine
from cloudlet.store.errors import StoreBroken


class FaultyEngine:
    """`write_errors` and `sync_errors` are raised one by one, None = succeed; then everything succeeds."""

    def __init__(self, inner=None):
        self.inner = inner or MemoryEngine()
        self.counters = self.inner.counters
        self.write_errors, self.sync_errors = [], []
        self.before_sync = lambda: None  # runs in the syncing thread
        self.syncs = 0
        self._batches = []  # every write since the beginning: memory engines only
        self._synced = 0

    def write(self, changes):
        error = self.write_errors.pop(0) if self.write_errors else None
        if error is not None:
            raise error
        self._batches.append(dict(changes))
        return self.inner.write(changes)

    def sync_scope(self):
        return None

    def sync(self, scope=None):
        covered = len(self._batches)
        self.before_sync()
        error = self.sync_errors.pop(0) if self.sync_errors else None
        if error is not None:
            raise type(error)(*error.args)  # a constant that is raised would keep all that it was ever raised through
        self.inner.sync()
        self.syncs += 1
        self._synced = covered

    def after_power_cut(self, chance):
        """A new engine with what was synced and, as disks do, perhaps some of what was not: a prefix."""
        kept = chance.randint(self._synced, len(self._batches))
        reopened = FaultyEngine()
        for batch in self._batches[:kept]:
            reopened.write(batch)
        reopened.sync()
        return reopened

    def get(self, key):
        return self.inner.get(key)

    def scan(self, begin, end, limit, bytes_max, reverse, *, patient=False):
        return self.inner.scan(begin, end, limit, bytes_max, reverse, patient=patient)

    def sequence(self):
        return self.inner.sequence()

    def compact(self, begin, end):
        self.inner.compact(begin, end)

    def tidy(self):
        self.inner.tidy()

    def size_bytes(self):
        return self.inner.size_bytes()

    def count_keys(self):
        return self.inner.count_keys()

    def close(self):
        self.inner.close()


DEAD_DISK = StoreBroken("Input/output error")
