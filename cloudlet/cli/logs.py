"""Show what a function, or a log group, logged: cloudlet logs -f FUNCTION."""

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from cloudlet.cli.aws import botocore_exceptions, clients_of, code_of, message_of
from cloudlet.cli.clock import milliseconds
from cloudlet.cli.failure import Failure
from cloudlet.cli.settings import add_flags, settings_of

POLL_S = 1.0
OVERLAP_MS = 10_000  # events may come late: the last seconds are read again


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="a function's name, or a log group's")
    parser.add_argument("-f", "--follow", action="store_true", help="go on showing what comes, until interrupted")
    parser.add_argument("--since", metavar="DURATION", help="only the last, e.g. 10m")
    parser.add_argument("--filter", default="", metavar="PATTERN", help="a CloudWatch Logs filter pattern")
    add_flags(parser, "data", "host", "functions_network", "root_access_key_id", "root_secret_access_key")


def run(given: argparse.Namespace) -> int:
    logs = clients_of(settings_of(given))("logs")
    since_ms = time.time_ns() // 1_000_000 - milliseconds(given.since) if given.since else 0
    try:
        group = group_of(logs, given.name)
        for event in events(logs, group, since_ms, given.filter, follow=given.follow):
            print(shown(event), flush=True)
    except botocore_exceptions.ClientError as error:
        raise Failure(f"{error.operation_name}: {code_of(error)}: {message_of(error)}") from error
    return 0


def group_of(logs: Any, name: str) -> str:
    """The log group of that name, else the function's."""
    candidates = [name] if name.startswith("/") else [f"/aws/lambda/{name}", name]
    for candidate in candidates:
        found = logs.describe_log_groups(logGroupNamePrefix=candidate)["logGroups"]
        if any(group["logGroupName"] == candidate for group in found):
            return candidate
    raise Failure(f"there is no log group {' or '.join(candidates)}")


def events(logs: Any, group: str, since_ms: int, pattern: str, *, follow: bool) -> Iterator[dict[str, Any]]:
    """Each event once, in the order of the log; followed, without end."""
    seen: dict[str, int] = {}  # ids, with their times, of what the next look will find again
    chosen = {"filterPattern": pattern} if pattern else {}
    while True:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since_ms, **chosen)
        for page in pages:
            for event in page["events"]:
                if event["eventId"] not in seen:
                    seen[event["eventId"]] = event["timestamp"]
                    yield event
        if not follow:
            return
        since_ms = max([since_ms, *(moment - OVERLAP_MS for moment in seen.values())])
        seen = {event_id: moment for event_id, moment in seen.items() if moment >= since_ms}
        time.sleep(POLL_S)


def shown(event: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(sep=" ", timespec="milliseconds")
    return f"{moment.removesuffix('+00:00')}  {event['message'].rstrip()}"
