"""The first Invoke of a function: nothing of it runs yet. Each sample is a function of its own.

The bare runtime is the same bootstrap, started by the bench itself and fed one event: what a node adds to that is its
overhead.
"""

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from bench import functions, load
from bench.client import WrongAnswer, decoded
from bench.report import Finding
from bench.server import Server
from bench.setting import setting_of
from bench.studies.study import Room, Study

SAMPLES = 7
EVENT = {"cold": True}
BARE_S = 10.0
KINDS = (
    ("Cold Invoke, imports boto3", functions.IMPORTS, 100.0),
    ("Cold Invoke, S3 client and table resource", functions.CLIENTS, 150.0),
    ("Cold Invoke, bare custom runtime", functions.BARE, None),
)
OVERHEAD_MS = 20.0


async def look(room: Room) -> list[Finding]:
    samples = 3 if room.is_quick else SAMPLES
    found: list[Finding] = []
    for what, files, aim in KINDS:
        times: dict[str, list[float]] = {server.name: [] for server in room.servers}
        cannot: dict[str, str] = {}
        for sample in range(samples):
            for server in room.servers:
                if server.name not in cannot:
                    try:
                        name = f"cold-{KINDS.index((what, files, aim))}-{sample}"
                        times[server.name].append(await _first(room, server, name, files))
                    except (WrongAnswer, ConnectionError) as error:
                        cannot[server.name] = str(error)
        for server in room.servers:
            if server.name in cannot:
                found.append(Finding(what, server.name, cannot=cannot[server.name]))
            else:
                median_ms = statistics.median(times[server.name])
                found.append(Finding(what, server.name, median_ms, "ms", aim=aim if server.is_ours else None))
    return found + await _overhead(found, room.servers[0].name, samples)


async def _first(room: Room, server: Server, name: str, files: dict[str, str]) -> float:
    """ms of the first Invoke of a fresh function, answered rightly."""
    setting = room.comparison.settings.get(server.name) or await setting_of(server)
    room.comparison.settings[server.name] = setting
    await functions.create(setting.client, setting.role_arn, name, files)
    outcome = await load.run(server, [functions.invoke(setting.client, name, EVENT)], 1, load.ANSWER_S)
    if outcome.failure:
        raise WrongAnswer(outcome.failure)
    answer = outcome.answers[0]
    if answer.status != 200 or decoded(answer) != EVENT:
        raise WrongAnswer(f"HTTP {answer.status}: {answer.body[:160]!r}")
    return 1000 * answer.seconds


async def _overhead(found: list[Finding], ours: str, samples: int) -> list[Finding]:
    bare_ms = statistics.median([await bare_ms_once() for _ in range(samples)])
    cold = next(finding for finding in found if finding.what == KINDS[-1][0] and finding.server == ours)
    if cold.cannot:
        return []
    return [
        Finding("The same runtime started by the bench", ours, bare_ms, "ms"),
        Finding("Overhead over the bare runtime", ours, cold.value - bare_ms, "ms", aim=OVERHEAD_MS),
    ]


async def bare_ms_once() -> float:
    """From starting the bootstrap to its answer to one event."""
    answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            length = 0
            while (header := await reader.readline()).strip():
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            await reader.readexactly(length)
            if line.startswith(b"POST"):
                answered.set_result(None)
                break
            writer.write(b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "bootstrap"
        program.write_text(functions.BARE["bootstrap"])
        program.chmod(0o755)
        port = server.sockets[0].getsockname()[1]
        environment = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}", "PATH": os.environ["PATH"]}
        started = time.perf_counter()
        nowhere = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(program, env=environment, stdout=nowhere, stderr=nowhere)
        async with server:
            await asyncio.wait_for(answered, BARE_S)
            took = time.perf_counter() - started
            process.kill()
            await process.wait()
    return 1000 * took


COLD = Study("Cold Invoke", look)
