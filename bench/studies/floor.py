"""What nothing on this machine can go below: the same requests against a bare server on uvloop and httptools, then with
their signatures verified. It also says what the load generator itself can do."""

import sys

from bench import load
from bench.client import Client, WrongAnswer
from bench.contestants import ROOT
from bench.lines.dynamodb import TABLE, key_of, stored
from bench.report import Finding
from bench.server import Server, free_port, launch, listening
from bench.studies.study import Room, Study

ANSWER_BYTES = 1_150  # as GetItem's
REQUESTS, CONNECTIONS = 30_000, 64
SECRET = "a secret of the bench"


async def look(room: Room) -> list[Finding]:
    found = []
    for what, secret in (("Floor: httptools and uvloop", ""), ("Floor: and SigV4 verified", SECRET)):
        server = _started(room, secret)
        client = Client(server, "AKIABENCH", SECRET)
        one = [client.dynamodb("GetItem", TableName=TABLE, Key=key_of(stored(number))) for number in range(REQUESTS)]
        outcome = await load.run(server, one, CONNECTIONS, 1.0)
        server.stop()
        if outcome.failure or any(len(answer.body) != ANSWER_BYTES for answer in outcome.answers):
            raise WrongAnswer(f"the floor: {outcome.failure}")
        ours = room.servers[0].name
        found.append(Finding(what, ours, outcome.per_second, "requests/s"))
        found.append(Finding(f"{what}, by its processor time", ours, outcome.per_cpu_second, "requests/s"))
        by_load = len(outcome.answers) / outcome.load_cpu_s
        found.append(Finding(f"Load generator against it ({what[7:]}), by its own", ours, by_load, "requests/s"))
    return found


def _started(room: Room, secret: str) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "bench.floor", str(port), str(ANSWER_BYTES), *([secret] if secret else [])]
    server = launch("floor", "", command, port, {"PYTHONPATH": ROOT}, room.directory / "floor")
    room.stack.callback(server.stop)
    return listening(server)


FLOOR = Study("Floor", look)
