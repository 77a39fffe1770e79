"""Start a node.

It serves until it is interrupted, or in the background with --detach. Data survive restarts, unless --ephemeral.
"""

import argparse
import logging
import subprocess
import sys
import time

from cloudlet.app.run_file import CannotServe, find_running
from cloudlet.app.serve import run as serve
from cloudlet.app.wiring import House
from cloudlet.base.config import Settings
from cloudlet.cli import env
from cloudlet.cli.failure import Failure
from cloudlet.cli.settings import add_flags, settings_of

READY_S = 30


def configure(parser: argparse.ArgumentParser) -> None:
    add_flags(parser)
    parser.add_argument("--ephemeral", action="store_true", help="keep everything in memory; nothing survives")
    parser.add_argument("--detach", action="store_true", help="run in the background; `cloudlet down` stops it")


def run(given: argparse.Namespace) -> int:
    settings = settings_of(given)
    running = find_running(settings)
    if running is not None:
        raise Failure(
            f"{settings.data} is served already by pid {running.pid} at {running.url}; stop it: cloudlet down"
        )
    if given.detach:
        return _detach(settings)
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        serve(settings, lambda house, url: _welcome(settings, house, url))
    except CannotServe as error:
        raise Failure(str(error)) from error
    return 0


def _welcome(settings: Settings, house: House, url: str) -> None:
    where = f"data in {settings.data}" if settings.data else "in memory: nothing survives"
    print(f"Cloudlet listens at {url} ({where})")
    for line in house.notices():
        print(line)
    print("Point AWS tools at it:")
    for line in env.exports(url, house.roots.own_key or ("test", "test")):
        print(f"  {line}")
    sys.stdout.flush()


def _detach(settings: Settings) -> int:
    if settings.data is None:
        raise Failure("--detach needs a data directory: without --ephemeral, please")
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    arguments = [argument for argument in sys.argv[1:] if argument != "--detach"]
    log_path = settings.data / "node.log"
    with log_path.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cloudlet", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        running = find_running(settings)
        if running is not None and running.pid == process.pid:
            print(f"Cloudlet listens at {running.url} (pid {running.pid}, data and node.log in {settings.data})")
            return 0
        if process.poll() is not None:
            last = log_path.read_text(errors="replace").strip().splitlines()[-1:]
            raise Failure(f"the node ended while starting: {last[0] if last else 'see ' + str(log_path)}")
        time.sleep(0.02)
    raise Failure(f"the node was not ready after {READY_S} s; see {log_path}")
