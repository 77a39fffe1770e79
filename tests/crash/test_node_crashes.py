"""A whole node killed under load, and its power cut: nothing is lost of queues, tables, objects, topics, calls, stacks.

And the harness itself is on trial: with syncs left out, or an answer sent early, it must find a loss.
"""

import pytest

from tests.crash.chain import Chain

SEEDS = range(5)
KILLS_PER_SEED = 4
CUTS_PER_KILL = 4  # test_store_powercut.py makes 120 more of the store alone
TRIES, CUTS_PER_TRY = 6, 8  # of a mutation, before the harness has failed to notice it


@pytest.fixture
def chains():
    """Chains whose node is killed at the end, however the test ends."""
    made: list[Chain] = []
    yield made
    for chain in made:
        chain.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_neither_kill_nor_power_cut_loses_what_was_acknowledged(seed, tmp_path, chains):
    chain = Chain(tmp_path, seed)
    chains.append(chain)
    flushing = 0
    for kill in range(KILLS_PER_SEED):
        outage = chain.live_and_die()
        flushing += outage.store.is_mid_flush
        assert chain.findings_as_left(outage) == [], f"seed {seed}, kill {kill}"
        for cut in range(CUTS_PER_KILL):
            assert chain.findings_after_a_cut(outage) == [], f"seed {seed}, kill {kill}, cut {cut}"
    assert chain.findings_in_the_end() == [], f"seed {seed}, in the end"
    print(f"seed {seed}: {chain.ledger.acknowledged} acknowledged, {flushing} kills while a table was being written")


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
        "messages are fanned out apart",
        "events are forgotten before they are run",
        "a lane's entries run side by side",
    ],
)
def test_power_cuts_of_a_node_find_that(mutation, tmp_path, chains):
    for seed in range(TRIES):
        chain = Chain(tmp_path / str(seed), seed, mutation)
        chains.append(chain)
        outage = chain.live_and_die()
        for _ in range(CUTS_PER_TRY):
            if found := chain.findings_after_a_cut(outage):
                print(found[0])
                return
    pytest.fail(f"no cut noticed that {mutation}")
