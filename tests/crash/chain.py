"""One data directory through several lives of its node, each ended by kill -9 at some moment."""

import random
import time
from pathlib import Path

from tests.crash.node_load import Ledger, Load
from tests.crash.node_outage import NodeOutage, findings
from tests.crash.node_process import HANG_GUARD_S, NodeProcess, cloudlet
from tests.crash.powercut import Outage
from tests.crash.subjects.subject import SEEN, scanned

ACKNOWLEDGED, ACKNOWLEDGED_SPOILED = (30, 150), (60, 100)  # before it is killed
KILLED_WHILE_STARTING = 0.15
START_S = 0.8
KILLED_WHILE_FLUSHING, FLUSH_WAIT_S = 0.4, 1.0


class Chain:
    def __init__(
        self, folder: Path, seed: int, mutation: str = "", acknowledged: tuple[int, int] = ACKNOWLEDGED
    ) -> None:
        """Each life ends after so many acknowledgements, about."""
        folder.mkdir(exist_ok=True)
        self.folder, self.mutation, self.chance = folder, mutation, random.Random(seed)
        self.acknowledged = acknowledged
        self.ledger = Ledger()
        self.node: NodeProcess | None = None
        self.ready_s: list[float] = []
        self.ready_cpu_s: list[float] = []
        self.killed_early = 0
        self._key: tuple[str, str] | None = None

    def start(self) -> NodeProcess:
        """Sometimes killed on the way, and started again."""
        if self._key is not None and self.chance.random() < KILLED_WHILE_STARTING:
            self.node = NodeProcess(self.folder, self.mutation, waits=False)
            time.sleep(self.chance.uniform(0, START_S))
            self.node.kill()
            self.killed_early += 1
        self.node = NodeProcess(self.folder, self.mutation)
        self.ready_s.append(self.node.ready_s)
        self.ready_cpu_s.append(self.node.ready_cpu_s)
        if self._key is None:
            with self.node.client() as root:
                self._key = self.ledger.furnish(root.aws)
            self.node.notes.with_suffix(".furnished").touch()
        return self.node

    def live_and_die(self) -> NodeOutage:
        """Start it, load it, and kill it at some moment."""
        node = self.start()
        key = self._key
        assert key is not None
        load = Load(self.ledger, lambda: node.client(key), self.chance.randrange(1 << 30))
        more = self.chance.randint(*(ACKNOWLEDGED_SPOILED if self.mutation else self.acknowledged))
        enough, until = self.ledger.acknowledged + more, time.monotonic() + HANG_GUARD_S
        try:
            while self.ledger.acknowledged < enough and not load.failures and time.monotonic() < until:
                time.sleep(0.002)
            if self.chance.random() < KILLED_WHILE_FLUSHING:
                _await_a_flush(node)
            else:
                time.sleep(self.chance.uniform(0, 0.1))  # answers come in bursts: not always after one
        finally:
            node.kill()
            load.join()
        assert load.failures == []
        return NodeOutage(node.data, node.notes)

    def findings_as_left(self, outage: NodeOutage) -> list[str]:
        outage.left(self.folder / "left")
        return findings(self.folder / "left", self.ledger, self.chance)

    def findings_after_a_cut(self, outage: NodeOutage, subjects: int | None = None) -> list[str]:
        """Of all subjects, or of so many drawn by lot."""
        outage.cut(self.folder / "cut", self.chance)
        return findings(self.folder / "cut", self.ledger, self.chance, subjects)

    def findings_in_the_end(self) -> list[str]:
        """Start it once more: the function is told of everything, the node stops in order, `check` finds nothing."""
        node = self.start()
        wrong = self._untold(node)
        if (code := node.stop()) != 0:
            wrong.append(f"the node ended with {code}")
        checked = cloudlet("check", "--data", node.data)
        if checked.returncode != 0:
            wrong.append(checked.stdout + checked.stderr)
        return wrong

    def _untold(self, node: NodeProcess) -> list[str]:
        """What the function was never told of, though the cause was acknowledged; or told of without one."""
        told, until = self.ledger.events(), time.monotonic() + 3 * HANG_GUARD_S
        with node.client() as root:
            while not told.done <= (seen := {item["id"]["S"] for item in scanned(root.aws, SEEN)}):
                if time.monotonic() > until:
                    return [f"the function was never told of {sorted(told.done - seen)}"]
                time.sleep(0.05)
        return [f"the function was told of {event}, which nobody asked for" for event in seen - told.tried]

    def close(self) -> None:
        if self.node is not None:
            self.node.close()


def _await_a_flush(node: NodeProcess) -> None:
    """Until RocksDB writes a table, if it does within a second: then there are two logs."""
    until = time.monotonic() + FLUSH_WAIT_S
    while len(Outage.logs_of(node.data / "store")) < 2 and time.monotonic() < until:
        time.sleep(0.001)
