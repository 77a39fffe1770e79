"""What our node counted: asked for by SIGUSR1, read from the file it writes then."""

import os
import signal
import time
from typing import Any

import msgspec

from bench.server import NotStarted, Server

WRITTEN_S, ASKED_AGAIN_S = 10.0, 0.5


def read_counters(server: Server) -> dict[str, Any]:
    """Syncs, stages, what held the loop since the last time."""
    path = server.counters
    path.unlink(missing_ok=True)
    until = asked_at = time.monotonic()
    until += WRITTEN_S
    os.kill(server.pid, signal.SIGUSR1)
    while not path.exists():
        now = time.monotonic()
        if now > until or server.process.poll() is not None:
            raise NotStarted(f"the node did not write its counters:\n{server.last_words()}")
        if now - asked_at > ASKED_AGAIN_S:  # it was not ready to be asked
            asked_at = now
            os.kill(server.pid, signal.SIGUSR1)
        time.sleep(0.005)
    counters: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return counters
