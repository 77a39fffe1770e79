"""A whole node killed under load, and its power cut: queues, tables, objects, events and functions lose nothing.

And the harness itself is on trial: with syncs left out, or an answer sent early, it must find a loss.
"""

import random
import time
from pathlib import Path

import pytest

from tests.crash.node_claims import furnish, scanned
from tests.crash.node_load import RUN, SEEN, Ledger, Load
from tests.crash.node_outage import NodeOutage, findings
from tests.crash.node_process import HANG_GUARD_S, NodeProcess, cloudlet

SEEDS = range(5)
KILLS_PER_SEED = 2
CUTS_PER_KILL = 10
ACKNOWLEDGED, ACKNOWLEDGED_SPOILED = (60, 250), (40, 80)  # before it is killed
TRIES = 6  # of a mutation, before the harness has failed to notice it


class Chain:
    """One data directory through several lives of its node."""

    def __init__(self, folder: Path, seed: int, mutation: str = "") -> None:
        self.folder, self.mutation, self.chance = folder, mutation, random.Random(seed)
        self.ledger = Ledger()
        self.key: tuple[str, str] | None = None

    def start(self) -> NodeProcess:
        node = NodeProcess(self.folder, self.mutation)
        if self.key is None:
            with node.client() as root:
                self.key = furnish(root.aws)
        return node

    def live_and_die(self, node: NodeProcess) -> NodeOutage:
        """Load it, and kill it at some moment."""
        assert self.key is not None
        key = self.key
        load = Load(self.ledger, lambda: node.client(key), self.chance.randrange(1 << 30))
        more = self.chance.randint(*(ACKNOWLEDGED_SPOILED if self.mutation else ACKNOWLEDGED))
        enough, until = self.ledger.acknowledged + more, time.monotonic() + HANG_GUARD_S
        try:
            while self.ledger.acknowledged < enough and not load.failures and time.monotonic() < until:
                time.sleep(0.002)
            time.sleep(self.chance.uniform(0, 0.1))  # answers come in bursts: not always after one
        finally:
            node.kill()
            load.join()
        assert load.failures == []
        return NodeOutage(node.data, node.notes)


@pytest.fixture
def started():
    """Nodes to be killed at the end, however the test ends."""
    nodes: list[NodeProcess] = []
    yield nodes
    for node in nodes:
        node.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_neither_kill_nor_power_cut_loses_what_was_acknowledged(seed, tmp_path, started):
    chain = Chain(tmp_path, seed)
    for _ in range(KILLS_PER_SEED):
        node = chain.start()
        started.append(node)
        outage = chain.live_and_die(node)
        outage.left(tmp_path / "left")
        assert findings(tmp_path / "left", chain.ledger) == [], f"seed {seed}, killed"
        for cut in range(CUTS_PER_KILL):
            outage.cut(tmp_path / "cut", chain.chance)
            assert findings(tmp_path / "cut", chain.ledger) == [], f"seed {seed}, cut {cut}"
    node = chain.start()
    started.append(node)
    _await_functions(node, chain.ledger)
    print(f"seed {seed}: {chain.ledger.acknowledged} acknowledged, ready again in {node.ready_s:.2f} s")
    assert node.stop() == 0
    checked = cloudlet("check", "--data", node.data)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _await_functions(node: NodeProcess, ledger: Ledger) -> None:
    """In the end the function has seen each object whose put was acknowledged."""
    expected = {key for key in ledger.put.done if key.startswith(RUN)}
    possible = {key for key in ledger.put.tried if key.startswith(RUN)}
    until = time.monotonic() + HANG_GUARD_S
    with node.client() as root:
        while not expected <= (seen := {item["id"]["S"] for item in scanned(root.aws, SEEN)}):
            assert time.monotonic() < until, f"the function never saw {expected - seen}"
            time.sleep(0.05)
    assert seen <= possible


@pytest.mark.slow
@pytest.mark.parametrize(
    "mutation",
    [
        "the journal's sync is a no-op",
        "an answer leaves early",
        "reads are answered early",
        "bodies are not synced",
        "names are not synced",
        "events are sent apart",
    ],
)
def test_power_cuts_of_a_node_find_that(mutation, tmp_path, started):
    for seed in range(TRIES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        chain = Chain(folder, seed, mutation)
        node = chain.start()
        started.append(node)
        outage = chain.live_and_die(node)
        for _ in range(CUTS_PER_KILL):
            outage.cut(folder / "cut", chain.chance)
            if found := findings(folder / "cut", chain.ledger):
                print(found[0])
                return
    pytest.fail(f"no cut noticed that {mutation}")
