"""Say whether a node serves a data directory, where, and what it holds."""

import argparse
import json
import urllib.request

from cloudlet.cli.running import find_running
from cloudlet.cli.settings import add_flags, settings_of

ANSWER_S = 5


def configure(parser: argparse.ArgumentParser) -> None:
    add_flags(parser, "data")


def run(given: argparse.Namespace) -> int:
    settings = settings_of(given)
    running = find_running(settings)
    if running is None:
        print(f"No node serves {settings.data}.")
        return 1
    with urllib.request.urlopen(f"{running.url}/_localstack/health", timeout=ANSWER_S) as answer:
        health = json.load(answer)
    print(f"Cloudlet {health['version']} serves {settings.data} at {running.url} (pid {running.pid})")
    print("services: " + " ".join(sorted(health["services"])))
    return 0
