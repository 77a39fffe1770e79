"""Random transactions against a dict: savepoints, scans, failing writes and syncs, power cuts, reopenings."""

import shutil
import tempfile
from pathlib import Path
from random import Random

import pytest

from cloudlet.store.database import Database
from cloudlet.store.errors import StoreBroken, StoreFull, StoreStalled
from tests.simulation.driver import Tell, simulate
from tests.store.faulty_engine import DEAD_DISK, FaultyEngine

_NAMES = [*(b'"%s\x00' % name for name in (b"a", b"aa", b"ab", b"b", b"b\x00\xff", b"c", b"d", b"e")), b"!\xff\x00"]
_SIZES = (0, 1, 10, 65_536, 65_537, 140_000)


class _Undone(Exception):
    pass


class Simulation:
    """One store and its model: `committed` is what reads must show, `history` every state since the last sync."""

    def __init__(self, chance: Random, tell: Tell, kind: str) -> None:
        self.chance, self.tell, self.kind = chance, tell, kind
        self.path = Path(tempfile.mkdtemp())
        self.committed = {}
        self.history = [(0, {})]  # (sequence, state), the first one durable
        self.engine = FaultyEngine() if kind == "faulty" else None
        self.database = self._open()
        self.written_at = {}  # key -> sequence of its last write or delete

    def _open(self):
        if self.kind == "faulty":
            database = Database(self.engine)
            database.journal.on_fatal = lambda reason: None
            return database
        return Database.open(self.path, engine=self.kind)

    def step(self, chance):
        self.chance = chance
        action = chance.choices(
            (self.transaction, self.sync, self.reopen, self.failing_write, self.failing_sync, self.power_cut),
            (60, 10, 2, 5, 2, 4),
        )[0]
        self.tell(action.__name__)
        action()
        self.check_reads()

    def end(self):
        assert self.database.check() == []

    def close(self):
        if self.database.journal.failed is None:
            self.database.close()
        shutil.rmtree(self.path)

    def transaction(self):
        tx, state = self.database.begin(), dict(self.committed)
        before = dict(state)
        touched = set()
        try:
            self._body(tx, state, touched, depth=0)
        except _Undone:
            tx.discard()
            assert self.committed == before
            return
        horizon = tx.commit()
        if touched:
            assert horizon == self.database.journal.applied > self.history[-1][0]
            self.written_at.update(dict.fromkeys(touched, horizon))
            self.history.append((horizon, state))
        self.committed = state

    def _body(self, tx, state, touched, depth):
        chance = self.chance
        for _ in range(chance.randrange(1, 7)):
            key = chance.choice(_NAMES)
            action = chance.randrange(12)
            if action < 5:
                value = chance.randbytes(chance.choice(_SIZES))
                tx.put(key, value)
                state[key] = value
                touched.add(key)
            elif action < 7:
                tx.delete(key)
                state.pop(key, None)
                touched.add(key)
            elif action < 9:
                assert tx.get(key) == state.get(key)
            elif action < 11 or depth == 3:
                self._scan(tx, state)
            else:
                self._savepoint(tx, state, touched, depth)
        if chance.random() < 0.1:
            raise _Undone

    def _savepoint(self, tx, state, touched, depth):
        inner, inner_touched = dict(state), set(touched)
        try:
            with tx.savepoint():
                self._body(tx, inner, inner_touched, depth + 1)
        except _Undone:
            return
        state.clear()
        state.update(inner)
        touched.update(inner_touched)

    def _scan(self, tx, state):
        chance = self.chance
        begin, end = sorted(chance.sample([b"", *_NAMES, b"\xff\xff"], 2))
        limit, bytes_max, reverse = chance.randrange(1, 6), chance.choice((1, 70_000, 1 << 20)), chance.random() < 0.5
        expected = sorted((row for row in state.items() if begin <= row[0] < end), reverse=reverse)
        seen = []
        while True:
            rows, resume = tx.scan(begin, end, limit=limit, bytes_max=bytes_max, reverse=reverse)
            assert len(rows) <= limit
            seen += rows
            if resume is None:
                break
            begin, end = (begin, resume) if reverse else (resume, end)
        assert seen == expected

    def check_reads(self):
        """Every key, and the horizon its read must have."""
        for key in _NAMES:
            tx = self.database.begin()
            assert tx.get(key) == self.committed.get(key)
            horizon = tx.commit()
            written_at = self.written_at.get(key, 0)
            if written_at > self.database.journal.durable:
                assert horizon == written_at
            else:
                assert horizon <= self.database.journal.durable

    def sync(self):
        self.database.journal.flush()
        assert self.database.journal.durable == self.database.journal.applied
        self.history = self.history[-1:]

    def reopen(self):
        if self.kind == "faulty":
            return
        self.database.close()
        self.database = self._open()
        self.history = [(self.database.journal.applied, self.committed)]
        assert self.database.journal.durable == self.history[0][0]

    def failing_write(self):
        if self.kind != "faulty":
            return
        error = self.chance.choice((StoreFull("full"), StoreStalled("stalled"), StoreBroken("broken")))
        self.engine.write_errors = [error]
        tx = self.database.begin()
        tx.put(self.chance.choice(_NAMES), b"never seen")
        with pytest.raises((type(error), StoreFull)):  # while the disk is full, a probe may meet the error
            tx.commit()

    def failing_sync(self):
        """Fatal: the node ends; what comes back is a prefix that holds everything durable."""
        if self.kind != "faulty" or self.database.journal.durable == self.database.journal.applied:
            return
        self.engine.sync_errors = [DEAD_DISK]
        released = []
        self.database.journal.when_durable(self.database.journal.applied, lambda: released.append(1))
        with pytest.raises(StoreBroken):
            self.database.journal.flush()
        assert released == []
        self.power_cut()
        assert released == []

    def power_cut(self):
        if self.kind != "faulty":
            return
        self.engine = self.engine.after_power_cut(self.chance)
        self.database = self._open()
        found = {
            key: value for key, value in ((key, self.database.begin().get(key)) for key in _NAMES) if value is not None
        }
        assert found in [state for _, state in self.history]
        self.committed, self.written_at = found, {}
        self.history = [(self.database.journal.applied, found)]


@pytest.mark.parametrize(("kind", "steps"), [("faulty", 3000), ("rocksdb", 480), ("sqlite", 480)])
def test_a_store_stays_true_to_the_model(kind, steps):
    """The faulty one fails now and then; those on disk are reopened."""
    simulate(lambda chance, tell: Simulation(chance, tell, kind), steps=steps, run_steps=120)
