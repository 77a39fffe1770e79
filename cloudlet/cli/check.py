"""Read a stopped node's whole store, checksums on, and say what is wrong."""

import argparse
import sys

from cloudlet.app.run_file import find_running
from cloudlet.cli.failure import Failure
from cloudlet.cli.settings import add_flags, settings_of
from cloudlet.store.database import Database
from cloudlet.store.errors import StoreError


def configure(parser: argparse.ArgumentParser) -> None:
    add_flags(parser, "data", "engine", "accept_loss")


def run(given: argparse.Namespace) -> int:
    settings = settings_of(given)
    store = settings.data / "store" if settings.data else None
    if store is None or not store.is_dir():
        raise Failure(f"there is no store in {settings.data}")
    running = find_running(settings)
    if running is not None:
        raise Failure(f"{settings.data} is being served by pid {running.pid}; stop it first: cloudlet down")
    try:
        database = Database.open(store, engine=settings.engine, accept_loss=settings.accept_loss)
    except StoreError as error:
        raise Failure(str(error)) from error
    try:
        findings = database.check(_show if sys.stderr.isatty() else None)
    finally:
        database.close()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings" if findings else "The store is sound.")
    return 1 if findings else 0


def _show(rows: int) -> None:
    print(f"\r{rows:,} rows read", end="", file=sys.stderr)
