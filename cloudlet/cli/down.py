"""Stop the node that serves a data directory."""

import argparse
import os
import signal
import time

from cloudlet.app.run_file import find_running
from cloudlet.cli.failure import Failure
from cloudlet.cli.settings import add_flags, settings_of

STOPPED_S = 30


def configure(parser: argparse.ArgumentParser) -> None:
    add_flags(parser, "data")


def run(given: argparse.Namespace) -> int:
    settings = settings_of(given)
    running = find_running(settings)
    if running is None:
        print(f"No node serves {settings.data}.")
        return 0
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOPPED_S
    while time.monotonic() < deadline:
        if find_running(settings) is None:
            print(f"Stopped pid {running.pid}.")
            return 0
        time.sleep(0.05)
    raise Failure(f"pid {running.pid} did not stop within {STOPPED_S} s")
