"""From the start of a process to its first signed answer, and what memory it takes then, idle."""

import asyncio
import statistics
import time
from pathlib import Path

from bench import load
from bench.client import Client
from bench.contestants import Contestant, Node
from bench.report import Finding
from bench.server import READY_S, NotStarted, Server, cpu_seconds, pss_mib
from bench.studies.study import Room, Study

STARTS = 3
IDLE_S, IDLE_SHARE, IDLE_LOOKS = 1.0, 0.02, 10  # it used less than this share of a processor in that time
LOOKED_S = 0.005


async def look(room: Room) -> list[Finding]:
    found = []
    for contestant in room.contestants:
        ours = contestant.name == room.contestants[0].name
        starts, processor, memory = [], [], []
        for number in range(STARTS):
            seconds, server = await started(
                room, Node(is_plain=True) if ours else contestant, f"start-{number}-{contestant.name}"
            )
            starts.append(seconds)
            processor.append(cpu_seconds(server.pid))
            await _idle(server)
            memory.append(pss_mib(server.pid))
            server.stop()
        median_s, median_mib = statistics.median(starts), statistics.median(memory)
        name = contestant.name
        found.append(Finding("Start to first signed answer, empty", name, median_s, "s", aim=0.5 if ours else None))
        cpu_s = statistics.median(processor)
        found.append(Finding("Processor time until then", name, cpu_s, "s"))
        found.append(Finding("Memory idle, all processes", name, median_mib, "MiB", aim=100 if ours else None))
    return found


async def started(room: Room, contestant: Contestant, place: str, *, data: Path | None = None) -> tuple[float, Server]:
    """How long until it answered ListTables. `data`: what an earlier node left."""
    if data is not None:
        (room.directory / place).mkdir()
        (room.directory / place / "data").symlink_to(data)
    began = time.perf_counter()
    server = room.launch(contestant, place)
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


async def _idle(server: Server) -> None:
    """Until it does nothing any more."""
    for _ in range(IDLE_LOOKS):
        before = cpu_seconds(server.pid)
        await asyncio.sleep(IDLE_S)
        if cpu_seconds(server.pid) - before < IDLE_SHARE * IDLE_S:
            return


START = Study("Start and memory", look)
