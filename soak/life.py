"""A node at steady work for long: does it stay as quick and as small as it was, does it give back what is deleted?"""

import contextlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from soak.outages import Row, Say
from soak.picture import Curve, Panel, draw
from soak.steady_load import SteadyLoad
from soak.watching import Taken, disk_mib, taken
from tests.crash.node_process import NodeProcess, cloudlet, descendants, is_alive

LOOK_EVERY_S, TOLD_EVERY_S = 10.0, 60.0
GIVES_BACK_WITHIN_S = 150.0
KEPT_MIB_MAX = 40.0  # half of what RocksDB weighs deletes against, and an empty store
GROWTH_MAX, GROWTH_MIB_MAX, FILES_MORE_MAX = 0.10, 24.0, 40
SLOWER_MAX = 0.5  # of processor time a request: the machine may have other things to do, latency only shows that


@dataclass(frozen=True, slots=True)
class Look:
    minute: float
    taken: Taken
    requests: int
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the node, a request


@dataclass
class Life:
    say: Say
    looks: list[Look] = field(default_factory=list)
    full_mib: float = 0.0
    kept_mib: float = 0.0
    back_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[Row]:
        if len(self.looks) < 4:
            return
        early, late = self._early(), self._late()
        yield "minutes of steady load", f"{self.looks[-1].minute:.0f}"
        yield "  requests", f"{sum(look.requests for look in self.looks):,}"
        for name, of in FIGURES:
            yield f"  {name}", f"{_median(early, of):.4g} at first, {_median(late, of):.4g} in the end"
        yield "  disk before and after all was deleted", f"{self.full_mib:.0f} and {self.kept_mib:.0f} MiB"
        yield "  given back within", f"{self.back_s:.0f} s"

    def judge(self) -> None:
        """Is the last quarter as the second? The first is warming up."""
        if len(self.looks) < 4:
            self.wrong.append("it was too short to tell anything")
            return
        early, late = self._early(), self._late()
        for name, of in (("the node's memory", _node_mib), ("its functions' memory", _others_mib)):
            before, after = _median(early, of), _median(late, of)
            if after > before * (1 + GROWTH_MAX) + GROWTH_MIB_MAX:
                self.wrong.append(f"{name} grew from {before:.0f} to {after:.0f} MiB")
        before, after = _median(early, _open_files), _median(late, _open_files)
        if after > before + FILES_MORE_MAX:
            self.wrong.append(f"open files grew from {before:.0f} to {after:.0f}")
        before, after = _median(early, _cpu_us), _median(late, _cpu_us)
        if after > before * (1 + SLOWER_MAX):
            self.wrong.append(f"a request's processor time grew from {before:.0f} to {after:.0f} µs")
        if self.kept_mib > KEPT_MIB_MAX:
            self.wrong.append(f"all was deleted, {self.kept_mib:.0f} MiB are kept")

    def _early(self) -> Sequence[Look]:
        return self.looks[len(self.looks) // 4 : len(self.looks) // 2]

    def _late(self) -> Sequence[Look]:
        return self.looks[-(len(self.looks) // 4) :]

    def picture(self) -> str:
        def curve(name: str, of: Callable[[Look], float]) -> Curve:
            return Curve(name, [of(look) for look in self.looks])

        panels = [
            Panel("latency, ms", [curve("median", lambda look: look.p50_ms), curve("99 %", lambda look: look.p99_ms)]),
            Panel("processor time of a request, µs", [curve("node", _cpu_us)]),
            Panel("memory (PSS), MiB", [curve("node", _node_mib), curve("functions", _others_mib)]),
            Panel("open files, processes", [curve("files", _open_files), curve("processes", _processes)]),
            Panel("disk, MiB", [curve("store", lambda look: look.taken.disk_mib)]),
        ]
        return draw("A node at steady work", [look.minute for look in self.looks], panels)


def _node_mib(look: Look) -> float:
    return look.taken.node_mib


def _others_mib(look: Look) -> float:
    return look.taken.others_mib


def _open_files(look: Look) -> float:
    return look.taken.open_files


def _processes(look: Look) -> float:
    return look.taken.processes


def _cpu_us(look: Look) -> float:
    return look.cpu_us


FIGURES: tuple[tuple[str, Callable[[Look], float]], ...] = (
    ("latency, median, ms", lambda look: look.p50_ms),
    ("latency, 99 %, ms", lambda look: look.p99_ms),
    ("processor time a request, µs", _cpu_us),
    ("memory of the node, MiB", _node_mib),
    ("memory of functions and zygote, MiB", _others_mib),
    ("open files", _open_files),
    ("processes", _processes),
    ("disk, MiB", lambda look: look.taken.disk_mib),
)


def _median(looks: Sequence[Look], of: Callable[[Look], float]) -> float:
    return statistics.median(map(of, looks))


def live(minutes: float, say: Say) -> Life:
    life, folder = Life(say), Path(tempfile.mkdtemp(prefix="cloudlet-soak-life-"))
    with NodeProcess(folder, plain=True, quiet=True) as node:
        load = SteadyLoad(node.client)
        load.furnish()
        load.start()
        try:
            with contextlib.suppress(KeyboardInterrupt):
                _watch(life, node, load, minutes)
        finally:
            load.stop()
        life.full_mib = disk_mib(node.data)
        load.clear()
        _wait_for_room(life, node)
        started = descendants(node.pid)
        if (code := node.stop()) != 0:
            life.wrong.append(f"the node ended with {code}")
        if left := [one.pid for one in started if is_alive(one)]:
            life.wrong.append(f"processes {left} are left behind")
        life.wrong += load.failures[:20] + [f"the node said: {line}" for line in node.said()[:20]]
    checked = cloudlet("check", "--data", node.data)
    if checked.returncode != 0:
        life.wrong.append(f"check: {checked.stdout}{checked.stderr}")
    life.judge()
    shutil.rmtree(folder)
    return life


def _watch(life: Life, node: NodeProcess, load: SteadyLoad, minutes: float) -> None:
    begun, told, before = time.monotonic(), 0.0, taken(node.pid, node.data)
    while time.monotonic() < begun + 60 * minutes:
        time.sleep(LOOK_EVERY_S)
        now, timed = taken(node.pid, node.data), sorted(one.ms for one in load.timed)
        load.timed = []
        if not timed:
            continue
        life.looks.append(
            Look(
                minute=(time.monotonic() - begun) / 60,
                taken=now,
                requests=len(timed),
                p50_ms=timed[len(timed) // 2],
                p99_ms=timed[len(timed) * 99 // 100],
                cpu_us=1e6 * (now.cpu_s - before.cpu_s) / len(timed),
            )
        )
        before = now
        if time.monotonic() - told > TOLD_EVERY_S:
            told, look = time.monotonic(), life.looks[-1]
            life.say(
                f"minute {look.minute:.0f} of {minutes:g}: {look.p50_ms:.1f} ms, {look.cpu_us:.0f} µs a request, "
                f"{now.node_mib:.0f} MiB, {now.open_files} files, {now.processes} processes, {now.disk_mib:.0f} MiB"
                f" on disk, {len(load.failures)} failures"
            )


def _wait_for_room(life: Life, node: NodeProcess) -> None:
    begun = time.monotonic()
    while time.monotonic() < begun + GIVES_BACK_WITHIN_S:
        life.kept_mib, life.back_s = disk_mib(node.data), time.monotonic() - begun
        if life.kept_mib < KEPT_MIB_MAX:
            return
        time.sleep(1)
