"""Runs lines on servers in turn, so that all of them meet the same weather; notes what it cost ours."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import disk, load, report
from bench.client import WrongAnswer
from bench.contestants import Say
from bench.counters import read_counters
from bench.lines import chosen, lines_for
from bench.lines.line import Line
from bench.load import Outcome
from bench.report import Key, Result
from bench.server import Server
from bench.setting import Setting, setting_of

WARM_UP_S = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    items: int  # in the table that is read
    run_s: float
    rounds: int
    wanted: str = ""  # lines, by parts of their names; all if empty
    is_quick: bool = False


@dataclass(slots=True)
class Comparison:
    """Servers under way, what was found of them, and what held our loop meanwhile."""

    plan: Plan
    say: Say
    settings: dict[str, Setting] = field(default_factory=dict)
    results: dict[Key, Result] = field(default_factory=dict)
    breaches: list[dict[str, Any]] = field(default_factory=list)
    callback_ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    turn_ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    disk_ms: list[float] = field(default_factory=list)
    _broken: dict[tuple[str, str], str] = field(default_factory=dict)

    async def run(self, servers: Sequence[Server]) -> None:
        lines = {server.name: await self.prepared(server) for server in servers}
        ours = lines[servers[0].name]
        for place in range(max((len(line.connections) for line in ours), default=0)):
            for round_ in range(self.plan.rounds):
                for number, line in enumerate(ours):
                    for server in servers:
                        one = lines[server.name][number]
                        await self._once(one, server, line.connections[place], f"{place}-{round_}")

    async def prepared(self, server: Server) -> list[Line]:
        self.say(f"{server.name} {server.version}: preparing ({self.plan.items:,} items) …")
        setting = self.settings.setdefault(server.name, await setting_of(server))
        lines = chosen(lines_for(setting, self.plan.items), self.plan.wanted)
        for line in lines:
            try:
                await line.set_up()
            except (WrongAnswer, ConnectionError) as error:
                self._broken[server.name, line.name] = str(error)
        if server.is_ours:
            self.note_loop(server, "setting up")
        return lines

    async def _once(self, line: Line, server: Server, connections: int, run: str) -> None:
        result = await self._result(line, server, connections, run)
        key = (line.name, connections, server.name)
        self.results[key] = report.better(self.results.get(key, result), result)
        self.say(f"  {line.name}, {connections} connections, {server.name}: {report.cell(result)}")

    async def _result(self, line: Line, server: Server, connections: int, run: str) -> Result:
        place = (server.name, line.name)
        if place not in self._broken:
            try:
                if server.is_ours:
                    return await self._measured_ours(line, server, connections, run)
                return result_of(line, await measured(line, server, connections, run, self.plan.run_s))
            except (WrongAnswer, ConnectionError) as error:
                self._broken[place] = str(error)
        return Result(cannot=self._broken[place])

    async def _measured_ours(self, line: Line, server: Server, connections: int, run: str) -> Result:
        raw_ms = disk.fdatasync_ms(server.log.parent) if line.writes else 0.0
        before = read_counters(server)
        outcome = await measured(line, server, connections, run, self.plan.run_s)
        after = self.note_loop(server, f"{line.name}, {connections} connections")
        if line.writes:
            raw_ms = (raw_ms + disk.fdatasync_ms(server.log.parent)) / 2
            self.disk_ms.append(raw_ms)
        syncs, seconds = after["syncs"] - before["syncs"], after["sync_seconds"] - before["sync_seconds"]
        result = result_of(line, outcome)
        return dataclasses.replace(result, syncs=syncs, sync_ms=1000 * seconds / max(syncs, 1), raw_ms=raw_ms)

    def note_loop(self, server: Server, during: str) -> dict[str, Any]:
        """What held the node's loop since it was asked last."""
        counters = read_counters(server)
        loop = counters["loop"]
        self.callback_ms[during] = max(self.callback_ms[during], loop["callback_ms"])
        self.turn_ms[during] = max(self.turn_ms[during], loop["turn_ms"])
        self.breaches += [{"during": during, **breach} for breach in loop["breaches"]]
        return counters


async def measured(line: Line, server: Server, connections: int, run: str, run_s: float) -> Outcome:
    """One run of one line: as many requests as a short trial says will take `run_s`; all answers are checked."""
    count = line.requests_max
    if line.is_tried:
        trial = await line.requests(f"{run}-trial", min(16 * connections, line.requests_max))
        tried = await load.run(server, trial, connections, WARM_UP_S)
        _check(line, tried)
        count = max(4 * connections, min(int(1.2 * tried.per_second * run_s), line.requests_max))
    outcome = await load.run(server, await line.requests(run, count), connections, run_s)
    _check(line, outcome)
    await line.finish(outcome)
    return outcome


def result_of(line: Line, outcome: Outcome) -> Result:
    return Result(
        per_second=outcome.per_second,
        p50_ms=outcome.latency_ms(0.5, line.is_timed),
        p99_ms=outcome.latency_ms(0.99, line.is_timed),
        cpu_us=outcome.cpu_us,
        per_cpu_second=outcome.per_cpu_second,
        load_us=1e6 * outcome.load_cpu_s / len(outcome.answers),
    )


def _check(line: Line, outcome: Outcome) -> None:
    if outcome.failure:
        raise WrongAnswer(outcome.failure)
    if not outcome.answers:
        raise WrongAnswer("there was nothing to ask for")
    for answer in outcome.answers:
        line.check(answer)
