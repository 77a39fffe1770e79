"""Delete everything a stopped node stored. Asks first."""

import argparse
import shutil

from cloudlet.app.run_file import find_running
from cloudlet.cli.failure import Failure
from cloudlet.cli.settings import add_flags, settings_of


def configure(parser: argparse.ArgumentParser) -> None:
    add_flags(parser, "data")
    parser.add_argument("--yes", action="store_true", help="don't ask")


def run(given: argparse.Namespace) -> int:
    settings = settings_of(given)
    running = find_running(settings)
    if running is not None:
        raise Failure(f"{settings.data} is being served by pid {running.pid}; stop it first: cloudlet down")
    if settings.data is None or not (settings.data / "node.key").exists():
        raise Failure(f"{settings.data} is not a Cloudlet data directory (it has no node.key); nothing was deleted")
    if not given.yes and input(f"Delete everything in {settings.data}? Type yes: ").strip() != "yes":
        print("Nothing was deleted.")
        return 1
    shutil.rmtree(settings.data)
    print(f"Deleted {settings.data}.")
    return 0
