"""./scripts/bench: run every line on every server, print the table."""

import argparse
import contextlib
import dataclasses
import datetime
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench import contestants, load, report
from bench.client import WrongAnswer
from bench.lines import chosen, lines_for
from bench.lines.line import Line
from bench.load import Outcome
from bench.report import Result
from bench.server import NotStarted, Server
from bench.setting import setting_of

CONNECTIONS = (1, 64)
WARM_UP_S = 0.3
STAGED_REQUESTS = 1_500

Key = tuple[str, int, str]  # line, connections, server


@dataclass(frozen=True, slots=True)
class Plan:
    items: int  # in the table that is read
    run_s: float
    rounds: int
    wanted: str = ""  # lines, by parts of their names; all if empty


QUICK = Plan(items=5_000, run_s=0.4, rounds=1)
WHOLE = Plan(items=100_000, run_s=0.7, rounds=3)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def measure(line: Line, server: Server, connections: int, run: str, plan: Plan) -> Result:
    """One run of one line: as many requests as a short trial says will take `run_s`; all answers are checked."""
    count = line.requests_max
    if line.is_tried:
        tried = await load.run(server, await line.requests(f"{run}-trial", 16 * connections), connections, WARM_UP_S)
        _check(line, tried)
        count = max(4 * connections, min(int(1.2 * tried.per_second * plan.run_s), line.requests_max))
    outcome = await load.run(server, await line.requests(run, count), connections, plan.run_s)
    _check(line, outcome)
    await line.finish(outcome)
    return Result(
        outcome.per_second, outcome.latency_ms(0.5), outcome.latency_ms(0.99), outcome.cpu_us, outcome.per_cpu_second
    )


def _check(line: Line, outcome: Outcome) -> None:
    if outcome.failure:
        raise WrongAnswer(outcome.failure)
    if not outcome.answers:
        raise WrongAnswer("there was nothing to ask for")
    for answer in outcome.answers:
        line.check(answer)


async def compare(servers: list[Server], plan: Plan) -> dict[Key, Result]:
    """Every line on every server in turn, so that all of them meet the same weather."""
    results: dict[Key, Result] = {}
    lines: dict[str, list[Line]] = {}
    broken: dict[tuple[str, str], str] = {}
    for server in servers:
        say(f"{server.name} {server.version}: preparing ({plan.items:,} items) …")
        lines[server.name] = await _prepared(server, plan, broken)
    names = [line.name for line in lines[servers[0].name]]
    for connections in CONNECTIONS:
        for round_ in range(plan.rounds):
            for number, name in enumerate(names):
                for server in servers:
                    run = f"{connections}-{round_}"
                    result = await _result(lines[server.name][number], server, connections, run, plan, broken)
                    key = (name, connections, server.name)
                    results[key] = report.better(results.get(key, result), result)
                    say(f"  {name}, {connections} connections, {server.name}: {report.cell(result)}")
    return results


async def _prepared(server: Server, plan: Plan, broken: dict[tuple[str, str], str]) -> list[Line]:
    setting = await setting_of(server)
    lines = chosen(lines_for(setting, plan.items), plan.wanted)
    for line in lines:
        try:
            await line.set_up()
        except (WrongAnswer, ConnectionError) as error:
            broken[server.name, line.name] = str(error)
    return lines


async def _result(
    line: Line, server: Server, connections: int, run: str, plan: Plan, broken: dict[tuple[str, str], str]
) -> Result:
    place = (server.name, line.name)
    if place not in broken:
        try:
            return await measure(line, server, connections, run, plan)
        except (WrongAnswer, ConnectionError) as error:
            broken[place] = str(error)
    return Result(cannot=broken[place])


async def stage_budget(server: Server, counters: Path, plan: Plan) -> dict[str, dict[str, float]]:
    """µs per stage of each line's requests, on a node that times them, with one connection."""
    found: dict[str, dict[str, float]] = {}
    for line in await _prepared(server, plan, {}):
        try:
            if line.is_tried:
                await measure(line, server, 1, "budget-warm", plan)
            before = read_counters(server, counters)
            started_requests = await line.requests("budget", STAGED_REQUESTS)
            outcome = await load.run(server, started_requests, 1, plan.run_s)
            after = read_counters(server, counters)
            _check(line, outcome)
        except (WrongAnswer, ConnectionError) as error:
            say(f"  {line.name}: {error}")
            continue
        count = after["requests"] - before["requests"]
        stages = {
            stage: 1e6 * (seconds - before["stages"].get(stage, 0.0)) / count
            for stage, seconds in after["stages"].items()
        }
        found[line.name] = {**stages, "whole": 1e6 * outcome.seconds / len(outcome.answers)}
    return found


def read_counters(server: Server, path: Path) -> dict[str, Any]:
    """Ask the node for its counters: it writes them to a file on SIGUSR1."""
    path.unlink(missing_ok=True)
    os.kill(server.pid, signal.SIGUSR1)
    until = time.monotonic() + 10
    while not path.exists():
        if time.monotonic() > until:
            raise NotStarted("the node did not write its counters")
        time.sleep(0.01)
    counters: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return counters


def divide_cores() -> int | None:
    """The core that the node gets; this process keeps the others. None where there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        say("there is one core only: node and load share it")
        return None
    os.sched_setaffinity(0, set(cores[:-1]))
    return cores[-1]


async def bench(given: argparse.Namespace, directory: Path, stack: contextlib.ExitStack) -> int:
    plan = QUICK if given.quick else WHOLE
    plan = dataclasses.replace(plan, wanted=given.lines, run_s=given.seconds or plan.run_s)
    missing: list[str] = []
    core = divide_cores() if given.one_core else None
    servers = [contestants.start_cloudlet(directory, core=core)]
    stack.callback(servers[0].stop)
    for peer in () if given.node_only else contestants.start_peers(directory, say):
        if isinstance(peer, contestants.Missing):
            missing.append(f"- {peer}")
            continue
        stack.callback(peer.stop)
        servers.append(peer)
    counters = contestants.counters_path(directory)
    results = await compare(servers, plan)
    syncs = read_counters(servers[0], counters)
    for server in servers:
        server.stop()
    budget: dict[str, dict[str, float]] = {}
    if not given.no_budget and not given.one_core:
        say("where the time goes, by stage …")
        timed = contestants.start_cloudlet(directory / "timed", stages=True)
        stack.callback(timed.stop)
        counters = contestants.counters_path(directory / "timed")
        budget = await stage_budget(timed, counters, dataclasses.replace(QUICK, wanted=given.lines))
    print("\n".join(text_of(servers, plan, results, missing, syncs, budget)))
    names = [server.name for server in servers]
    for field, by in (("per_second", "requests a second"), ("cpu_us", "processor time")):
        late = report.behind(results, names, CONNECTIONS[-1], field)
        print(f"\nBehind at {CONNECTIONS[-1]} connections by {by}: {', '.join(late) or 'nowhere'}.")
    return 0


def text_of(
    servers: list[Server],
    plan: Plan,
    results: dict[Key, Result],
    missing: list[str],
    syncs: dict[str, Any],
    budget: dict[str, dict[str, float]],
) -> Iterator[str]:
    names = [server.name for server in servers]
    today = datetime.datetime.now(datetime.UTC).date()
    versions = ", ".join(f"{server.name} {server.version}" for server in servers)
    yield f"{today}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}: {versions}."
    yield f"{plan.items:,} items of 1 KiB, best of {plan.rounds} × {plan.run_s} s. µs: the server's processor time"
    yield "per request. Ratios: requests a second, and in brackets by processor time.\n"
    yield from report.table(results, names)
    yield ""
    yield from [*missing, *report.reasons(results)]
    if syncs["syncs"]:
        mean_ms = 1000 * syncs["sync_seconds"] / syncs["syncs"]
        times = f"{syncs['syncs']:,} times ({mean_ms:.2f} ms each)"
        yield f"\nCloudlet synced its log {times} for {syncs['sequence']:,} writes."
    if budget:
        yield "\nµs per request by stage, one connection, timers on:\n"
        yield from report.budget(budget)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute: small data, short runs; for a first look")
    parser.add_argument("--node-only", action="store_true", help="without peers")
    parser.add_argument("--no-budget", action="store_true", help="without the times by stage")
    parser.add_argument("--lines", default="", metavar="A,B", help="only these, by parts of their names: getitem,sns")
    parser.add_argument("--seconds", type=float, default=0, help="length of a run")
    parser.add_argument("--one-core", action="store_true", help="the node on one core, the load on the others")
    given = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="cloudlet-bench-"))
    (directory / "timed").mkdir()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        try:
            return uvloop.run(bench(given, directory, stack))
        except NotStarted as error:
            say(str(error))
            return 1


if __name__ == "__main__":
    sys.exit(main())
