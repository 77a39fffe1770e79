"""A node whose callbacks are counted (loop_work.py)."""

from collections.abc import Iterator

import pytest

from cloudlet.app import workers
from tests.budget.loop_work import LoopWork, node_once


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopWork]:
    monkeypatch.setattr(workers, "TURN_S", 0.0)  # an entry a turn, so that each is counted for itself
    with node_once() as node:
        yield LoopWork(node)
