"""From the start of a process to its first signed answer, and what memory it takes then, idle."""

import asyncio
import statistics
import time

from bench import load
from bench.client import Client
from bench.contestants import Contestant, Node
from bench.report import Finding
from bench.server import READY_S, NotStarted, Server, pss_mib
from bench.studies.study import Room, Study

STARTS = 3
IDLE_S = 1.5  # what a start leaves behind has settled
LOOKED_S = 0.005


async def look(room: Room) -> list[Finding]:
    found = []
    for contestant in room.contestants:
        ours = contestant.name == room.contestants[0].name
        starts, memory = [], []
        for number in range(STARTS):
            seconds, server = await started(room, Node(is_plain=True) if ours else contestant, f"start-{number}")
            starts.append(seconds)
            await asyncio.sleep(IDLE_S)
            memory.append(pss_mib(server.pid))
            server.stop()
        median_s, median_mib = statistics.median(starts), statistics.median(memory)
        name = contestant.name
        found.append(Finding("Start to first signed answer, empty", name, median_s, "s", aim=0.5 if ours else None))
        found.append(Finding("Memory idle, all processes", name, median_mib, "MiB", aim=100 if ours else None))
    return found


async def started(room: Room, contestant: Contestant, place: str) -> tuple[float, Server]:
    """How long until it answered ListTables; the directory may hold what an earlier one left."""
    began = time.perf_counter()
    server = room.launch(contestant, f"{place}-{contestant.name}")
    await first_answer(server)
    return time.perf_counter() - began, server


async def first_answer(server: Server) -> None:
    client = Client(server, "test", "test")
    until = time.monotonic() + READY_S
    while server.process.poll() is None and time.monotonic() < until:
        try:
            if (await load.one(server, client.dynamodb("ListTables"))).status == 200:
                return
        except ConnectionError:
            await asyncio.sleep(LOOKED_S)
    raise NotStarted(f"{server.name} gave no signed answer; the end of its output:\n{server.last_words()}")


START = Study("Start and memory", look)
