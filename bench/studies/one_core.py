"""A node that has one core, and the load on the others: what a core does. Other work on the machine takes from it, so
requests per second of its processor time stand beside requests a second."""

import os

from bench.client import WrongAnswer
from bench.compare import measured
from bench.lines import LINES
from bench.lines.line import Shared
from bench.report import Finding
from bench.server import listening
from bench.setting import setting_of
from bench.studies.study import Room, Study

CONNECTIONS = 64
RUN_S = 1.5


async def look(room: Room) -> list[Finding]:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return [Finding("One core", room.servers[0].name, cannot="the machine has one core only")]
    server = listening(room.node("one-core", core=cores[-1]))
    os.sched_setaffinity(0, set(cores[:-1]))
    try:
        setting = await setting_of(server)
        shared = Shared(setting, 5_000 if room.is_quick else 100_000)
        found = []
        for line in [kind(shared) for kind in LINES if kind.per_core]:
            await line.set_up()
            outcome = await measured(line, server, CONNECTIONS, "one-core", RUN_S)
            room.comparison.note_loop(server, f"{line.name} on one core")
            what = f"{line.name} on one core"
            found.append(Finding(what, server.name, outcome.per_second, "requests/s"))
            by_cpu = outcome.per_cpu_second
            aim = line.per_core
            what += ", by its processor time"
            found.append(Finding(what, server.name, by_cpu, "requests/s", aim=aim, more_is_better=True))
    except WrongAnswer as error:
        return [Finding("One core", server.name, cannot=str(error))]
    finally:
        os.sched_setaffinity(0, set(cores))
        server.stop()
    return found


ONE_CORE = Study("One core", look)
