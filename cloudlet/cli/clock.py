"""Show the service clock, or move it forward and run what becomes due: cloudlet clock advance 1h30m.

Timers of hours and days (retries, retention, alarms) are tested in milliseconds this way. Signatures and presigned URLs
keep to the wall clock.
"""

import argparse
import re
from datetime import UTC, datetime

from cloudlet.cli.client import client_of
from cloudlet.cli.failure import Failure
from cloudlet.cli.settings import add_flags, settings_of

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("show", "advance"), default="show")
    parser.add_argument("duration", nargs="?", help="how far, e.g. 90s, 1h30m, 2d")
    add_flags(parser, "data", "host", "functions_network", "root_access_key_id", "root_secret_access_key")


def run(given: argparse.Namespace) -> int:
    client = client_of(settings_of(given))
    if given.action == "advance":
        clock = client.call("AdvanceClock", Milliseconds=milliseconds(given.duration))
    else:
        clock = client.call("GetClock")
    now = datetime.fromtimestamp(clock["Now"], UTC).isoformat(timespec="seconds")
    print(f"{now}  ({clock['OffsetMilliseconds'] / 1000:+g} s from the wall clock)")
    return 0


def milliseconds(text: str | None) -> int:
    """1h30m → 5,400,000."""
    parts = re.findall(r"(\d+)(ms|s|m|h|d)", text or "")
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Failure(f"the duration is {text!r}; expected e.g. 90s, 1h30m or 2d")
    return sum(int(number) * _UNITS_MS[unit] for number, unit in parts)
