"""./scripts/bench: run every line on every server, then the studies; print tables, write JSON, draw a picture.

Exit status 1 if the node did not do everything rightly, 2 if something held its event loop too long.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import uvloop

from bench import budget, contestants, publish
from bench.client import WrongAnswer
from bench.compare import Comparison, Plan
from bench.contestants import Contestant, Node
from bench.lines import is_wanted
from bench.report import Finding
from bench.server import NotStarted, listening
from bench.studies import STUDIES
from bench.studies.study import Room, Study

QUICK = Plan(items=5_000, run_s=0.4, rounds=1, is_quick=True)
WHOLE = Plan(items=100_000, run_s=0.7, rounds=2)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def divide_cores() -> int | None:
    """The core that the node gets; this process keeps the others. None where there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        say("there is one core only: node and load share it")
        return None
    os.sched_setaffinity(0, set(cores[:-1]))
    return cores[-1]


async def bench(given: argparse.Namespace, directory: Path, stack: contextlib.ExitStack) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    plan = QUICK if given.quick else WHOLE
    plan = dataclasses.replace(plan, wanted=given.lines, run_s=given.seconds or plan.run_s)
    core = divide_cores() if given.one_core else None
    racers: list[Contestant] = [Node(core=core)]
    missing: list[str] = []
    for peer in () if given.node_only else contestants.peers(directory / "peers", say):
        if isinstance(peer, contestants.Missing):
            missing.append(f"- {peer}")
        else:
            racers.append(peer)
    comparison = Comparison(plan, say)
    room = Room(directory, racers, [], comparison, stack)
    servers = [listening(room.launch(racer, racer.name)) for racer in racers]
    room = dataclasses.replace(room, servers=servers)
    edition = publish.Edition(servers, comparison, missing)
    await comparison.run(servers)
    edition.write(Path(given.out))  # what there is, should the rest be interrupted
    if given.lines or not given.one_core:
        await studied(room, edition)
    for server in servers:
        server.stop()
    if not given.no_stages and not given.one_core:
        say("where the time goes, by stage …")
        timed = listening(room.node("timed", is_staged=True))
        edition.stages = await budget.stage_budget(
            timed, Comparison(dataclasses.replace(QUICK, wanted=given.lines), say)
        )
    print("\n".join(edition.text()))
    edition.write(Path(given.out))
    if given.publish:
        edition.publish(Path("docs"))
    return 1 if edition.failures else 2 if comparison.breaches else 0


async def studied(room: Room, edition: publish.Edition) -> None:
    for study in STUDIES:
        if is_wanted(study.name, room.comparison.plan.wanted):
            say(f"{study.name} …")
            for finding in await _looked(study, room):
                say(f"  {finding.what}, {finding.server}: {finding.text}{finding.cannot and f' ({finding.cannot})'}")
                edition.findings.append(finding)


async def _looked(study: Study, room: Room) -> list[Finding]:
    try:
        return await study.look(room)
    except (WrongAnswer, NotStarted, OSError) as error:
        return [Finding(study.name, room.servers[0].name, cannot=str(error))]


def main() -> int:
    parser = argparse.ArgumentParser(prog="./scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data, short runs: for a first look")
    parser.add_argument("--node-only", action="store_true", help="without peers")
    parser.add_argument("--no-stages", action="store_true", help="without the times by stage")
    parser.add_argument("--lines", default="", metavar="A,B", help="only these lines and studies, by parts of names")
    parser.add_argument("--seconds", type=float, default=0, help="length of a run")
    parser.add_argument("--one-core", action="store_true", help="the node on one core, the load on the others")
    parser.add_argument("--out", default="build/bench", metavar="DIRECTORY", help="for JSON and the picture")
    parser.add_argument("--publish", action="store_true", help="write docs/performance.md's table and its picture too")
    given = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="cloudlet-bench-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        try:
            return uvloop.run(bench(given, directory, stack))
        except NotStarted as error:
            say(str(error))
        except asyncio.CancelledError:
            say("interrupted: what was started is ended")
        return 1


if __name__ == "__main__":
    sys.exit(main())
