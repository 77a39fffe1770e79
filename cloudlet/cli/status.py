"""Say whether a node serves a data directory, where, what it holds and what it still has to do."""

import argparse
from datetime import UTC, datetime

from cloudlet.app.run_file import find_running
from cloudlet.cli.client import client_of
from cloudlet.cli.settings import add_flags, settings_of


def configure(parser: argparse.ArgumentParser) -> None:
    add_flags(parser, "data", "host", "functions_network", "root_access_key_id", "root_secret_access_key")


def run(given: argparse.Namespace) -> int:
    settings = settings_of(given)
    running = find_running(settings)
    if running is None:
        print(f"No node serves {settings.data}.")
        return 1
    status = client_of(settings).call("GetStatus")
    print(f"Cloudlet {status['Version']} at {status['Url']} (pid {running.pid}), data in {status['Data']}")
    print(f"services    {' '.join(status['Services'])}")
    if "FunctionsLevel" in status:
        why = f": {status['FunctionsWhy']}" if status.get("FunctionsWhy") else ""
        print(f"functions   isolation level {status['FunctionsLevel']}{why}")
    waiting = status["Sequence"] - status["DurableSequence"]
    print(f"store       about {status['Keys']:,} keys; {waiting:,} writes not yet on disk")
    if status["IsFull"]:
        print("            THE DISK IS FULL: writes are refused, reads go on")
    for backlog in status.get("Backlogs", []):
        print(f"to do       {backlog['Target']}: {backlog['Running']} running{_since(backlog)}")
    for breach in status.get("LoopHeld", []):
        print(f"loop held   {breach['Name']} for {breach['HeldMicroseconds'] / 1000:.1f} ms ({breach['Id']})")
    return 0


def _since(backlog: dict) -> str:
    if "OldestDue" not in backlog:
        return ""
    return f", next due {datetime.fromtimestamp(backlog['OldestDue'], UTC).isoformat(sep=' ', timespec='seconds')}"
