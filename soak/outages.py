"""Many kills, many power cuts: tests/crash's chains, one after the other, each with a seed of its own."""

import contextlib
import shutil
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.chain import Chain
from tests.crash.node_outage import NodeOutage

KILLS_PER_CHAIN = 8
CUTS_PER_KILL, KILLS_PER_CUT_CHAIN, SUBJECTS_PER_CUT = 40, 2, 2  # and of each cut all of the store
ACKNOWLEDGED, ACKNOWLEDGED_OF_CUT = (10, 100), (100, 400)  # in each life
TOLD_EVERY_S = 30.0

Row = tuple[str, str]
Say = Callable[[str], None]


@dataclass
class Outages:
    """What came of them so far."""

    kind: str
    wanted: int
    say: Say
    done: int = 0
    killed_early: int = 0
    mid_flush: int = 0
    acknowledged: int = 0
    ready_s: list[float] = field(default_factory=list)
    ready_cpu_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _begun: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    def count(self, found: list[str], where: str, outage: NodeOutage) -> None:
        self.done += 1
        self.mid_flush += outage.store.is_mid_flush
        self._note(found, where)
        if time.monotonic() - self._told > TOLD_EVERY_S:
            self._told = time.monotonic()
            self.say(
                f"{self.done} of {self.wanted} {self.kind} after {self._told - self._begun:.0f} s, {self._state()}"
            )

    def end(self, chain: Chain, found: list[str], where: str) -> None:
        self.ready_s += chain.ready_s
        self.ready_cpu_s += chain.ready_cpu_s
        self.killed_early += chain.killed_early
        self.acknowledged += chain.ledger.acknowledged
        self._note(found, where)

    def _note(self, found: list[str], where: str) -> None:
        for what in found:
            self.wrong.append(f"{where}: {what}")
            self.say(self.wrong[-1])

    def _state(self) -> str:
        return f"{len(self.wrong)} findings" if self.wrong else "nothing found"

    def rows(self) -> Iterator[Row]:
        yield f"{self.kind}", f"{self.done}, {self._state()}"
        yield "  of them while a table was being written", str(self.mid_flush)
        if self.killed_early:
            yield "  and nodes killed while they started", str(self.killed_early)
        yield "  requests acknowledged before them", f"{self.acknowledged:,}"
        for what, spent in (("after", self.ready_s), ("for processor time of", self.ready_cpu_s)):
            if spent:
                yield f"  ready {what}, median and longest", f"{statistics.median(spent):.2f} s, {max(spent):.2f} s"


def kill(count: int, seed: int, say: Say) -> Outages:
    """kill -9 at random moments, KILLS_PER_CHAIN of each data directory."""
    outages = Outages("kills", count, say)
    with contextlib.suppress(KeyboardInterrupt):  # what came of it so far counts
        while outages.done < count:
            _chain(outages, seed, min(KILLS_PER_CHAIN, count - outages.done), 0)
            seed += 1
    return outages


def cut(count: int, seed: int, say: Say) -> Outages:
    """Power cuts: CUTS_PER_KILL ways in which each killed node's disk may be found."""
    outages = Outages("power cuts", count, say)
    with contextlib.suppress(KeyboardInterrupt):
        while outages.done < count:
            cuts = min(CUTS_PER_KILL, max(1, (count - outages.done) // KILLS_PER_CUT_CHAIN))
            _chain(outages, seed, KILLS_PER_CUT_CHAIN, cuts)
            seed += 1
    return outages


def _chain(outages: Outages, seed: int, kills: int, cuts: int) -> None:
    """One data directory's lives. What is wrong stays in its folder, to be looked at."""
    folder = Path(tempfile.mkdtemp(prefix=f"cloudlet-soak-{seed}-"))
    chain, before = Chain(folder, seed, acknowledged=ACKNOWLEDGED_OF_CUT if cuts else ACKNOWLEDGED), len(outages.wrong)
    try:
        for number in range(kills):
            outage, where = chain.live_and_die(), f"seed {seed}, kill {number}"
            if not cuts:
                outages.count(chain.findings_as_left(outage), where, outage)
            for position in range(cuts):
                outages.count(chain.findings_after_a_cut(outage, SUBJECTS_PER_CUT), f"{where}, cut {position}", outage)
            if len(outages.wrong) > before:
                break
        outages.end(chain, chain.findings_in_the_end(), f"seed {seed}, in the end")
    except Exception:
        outages.end(chain, ["; ".join(traceback.format_exc().splitlines()[-2:])], f"seed {seed}")
        outages.done += 1
    finally:
        chain.close()
        if len(outages.wrong) == before:
            shutil.rmtree(folder)
        else:
            outages.say(f"kept: {folder}")
