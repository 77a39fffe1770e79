"""From each record of a dropped file, user, date and kind of event into a table; what can't be used is told by mail.

A file that is no text, or hasn't the columns, makes the function fail: the whole file is somebody's mistake. A record
that lacks something is rejected, counted and reported, and the rest goes on. Running twice writes the same items.
"""

import csv
import json
import os
import re
import time
from codecs import getincrementaldecoder
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from hashlib import sha256
from random import uniform
from threading import Semaphore
from urllib.parse import unquote_plus

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

WRITERS = 4  # requests under way at once
BATCH = 25  # what BatchWriteItem takes
ATTEMPTS = 10  # for items that DynamoDB leaves unprocessed
SAMPLES = 20  # rejects that the mail shows
CHUNK = 256 * 1024

# Parameters are checked by DynamoDB itself; doing it here as well would double the time.
settings = Config(
    max_pool_connections=WRITERS, parameter_validation=False, retries={"mode": "standard", "max_attempts": 6}
)
s3 = boto3.client("s3", config=settings)
dynamodb = boto3.client("dynamodb", config=settings)
sns = boto3.client("sns", config=settings)
cloudwatch = boto3.client("cloudwatch", config=settings)


class BadFile(Exception):
    """The file as a whole can't be used."""


class Rejected(Exception):
    """One record can't be used."""


@dataclass
class Result:
    """What became of one file's records."""

    read: int = 0
    written: int = 0
    rejected: int = 0
    reasons: Counter = field(default_factory=Counter)
    samples: list = field(default_factory=list)

    def reject(self, line, reason):
        self.rejected += 1
        self.reasons[reason] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(f"line {line}: {reason}")


def handler(event, context):
    if event.get("probe") == "read-table":
        return probe()
    return [transform(record["s3"]) for record in event.get("Records", [])]


def transform(dropped):
    """One object, from S3's notification of it."""
    started = time.monotonic()
    bucket, key = dropped["bucket"]["name"], unquote_plus(dropped["object"]["key"])
    version = {"VersionId": dropped["object"]["versionId"]} if dropped["object"].get("versionId") else {}
    body = s3.get_object(Bucket=bucket, Key=key, **version)["Body"]
    result = Result()
    rules = Rules.from_environment()
    with Writer(os.environ["TABLE"]) as writer:
        for item in items(records(lines(body.iter_chunks(CHUNK)), rules), rules, key, result):
            writer.put(item)
    result.written = writer.written
    seconds = time.monotonic() - started
    report(key, result, seconds)
    done = {"key": key, "read": result.read, "written": result.written, "rejected": result.rejected, "seconds": seconds}
    print(json.dumps({"done": done}))
    return done


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def lines(chunks):
    """The text's lines, ends kept, as the bytes come in."""
    decoder, rest = getincrementaldecoder("utf-8-sig")(), ""
    try:
        for chunk in chunks:
            *whole, rest = (rest + decoder.decode(chunk)).split("\n")
            if len(rest) > CHUNK:
                raise BadFile(f"a line is longer than {CHUNK} characters")
            for line in whole:
                yield line + "\n"
        rest += decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise BadFile(f"not text: {error}") from None
    if rest:
        yield rest


def records(text, rules):
    """(line number, fields by name or None, reason) of each record: CSV with a header, or JSON lines."""
    first = next((line for line in text), "")
    if "\0" in first or not first.strip():
        raise BadFile("not text: no first line to read")
    text = rejoined(first, text)
    return (json_records if first.lstrip().startswith("{") else csv_records)(text, rules)


def rejoined(first, rest):
    yield first
    for line in rest:
        if "\0" in line:
            raise BadFile("not text: it holds zero bytes")
        yield line


def csv_records(text, rules):
    reader = csv.reader(text)
    try:
        names = [name.strip() for name in next(reader)]
        rules.check(names, all)
        for row in reader:
            if len(row) == len(names):
                yield reader.line_num, dict(zip(names, row)), None
            elif row:
                yield reader.line_num, None, f"{len(row)} columns instead of {len(names)}"
    except csv.Error as error:
        raise BadFile(f"not CSV: line {reader.line_num}: {error}") from None


def json_records(text, rules):
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except ValueError:
            fields = None
        if isinstance(fields, dict):
            if number == 1:
                rules.check(fields, any)  # a JSON record may leave out what it hasn't got
            yield number, {name: as_text(value) for name, value in fields.items()}, None
        elif number == 1:
            raise BadFile("not JSON lines: the first line is no object")
        else:
            yield number, None, "not a JSON object"


def as_text(value):
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


# ── extracting ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Rules:
    """Where in a record user, date and event are: the template's parameters."""

    user_field: str
    date_fields: list
    event_field: str = ""
    cancelled_when_empty: str = ""
    delay_field: str = ""
    late_after: float = 15
    missing_values: frozenset = frozenset()

    @staticmethod
    def from_environment():
        return Rules(
            os.environ["USER_FIELD"],
            os.environ["DATE_FIELDS"].split(","),
            os.environ["EVENT_FIELD"],
            os.environ["CANCELLED_WHEN_EMPTY"],
            os.environ["DELAY_FIELD"],
            float(os.environ["LATE_AFTER"]),
            frozenset(os.environ["MISSING_VALUES"].split(",")),
        )

    def check(self, names, how_many):
        """A file that hasn't got the fields, all or any, is of another kind."""
        needed = [self.user_field, *self.date_fields, self.event_field, self.cancelled_when_empty, self.delay_field]
        if not how_many(name in names for name in needed if name):
            absent = ", ".join(name for name in needed if name and name not in names)
            raise BadFile(f"wrong columns: no {absent} among {', '.join(names)}")

    def extract(self, fields):
        """(user, ISO date, event) of one record; raises Rejected."""
        user = self.value(fields, self.user_field)
        if not user:
            raise Rejected(f"no {self.user_field}")
        if len(user.encode()) > 2048:
            raise Rejected(f"{self.user_field} is too long")
        day = iso_date(tuple(self.value(fields, name) for name in self.date_fields))
        if not day:
            raise Rejected(f"no valid date in {', '.join(self.date_fields)}")
        return user, day, self.event(fields)

    def event(self, fields):
        if self.event_field:
            event = self.value(fields, self.event_field)
            if not event:
                raise Rejected(f"no {self.event_field}")
            return event
        if self.cancelled_when_empty and not self.value(fields, self.cancelled_when_empty):
            return "cancelled"
        try:
            delay = float(self.value(fields, self.delay_field) or 0)
        except ValueError:
            raise Rejected(f"{self.delay_field} is no number") from None
        return "late departure" if delay > self.late_after else "departed"

    def value(self, fields, name):
        text = fields.get(name, "").strip()
        return "" if text in self.missing_values else text


@lru_cache(maxsize=10_000)
def iso_date(parts):
    """2026-01-31 from ("2026-01-31T10:00:00Z",) or ("2026", "1", "31"); "" if it is no date."""
    try:
        if len(parts) == 3:
            return date(*map(int, parts)).isoformat()
        match = re.match(r"\d{4}-\d\d-\d\d(?!\d)", parts[0])
        return date.fromisoformat(match[0]).isoformat() if match else ""
    except ValueError:
        return ""


def items(found, rules, key, result):
    """DynamoDB items. The sort key says date, line and file: unlike for all records, and the same for a second run."""
    source = sha256(key.encode()).hexdigest()[:8]
    for line, fields, reason in found:
        result.read += 1
        if fields is None:
            result.reject(line, reason)
            continue
        try:
            user, day, event = rules.extract(fields)
        except Rejected as error:
            result.reject(line, str(error))
            continue
        yield {
            "user_id": {"S": user},
            "entry": {"S": f"{day}#{line:09}#{source}"},
            "date": {"S": day},
            "event_type": {"S": event},
        }


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Writer:
    """Writes items in batches, a few at a time; memory holds no more than what is under way."""

    def __init__(self, table):
        self.table, self.written = table, 0
        self._batch, self._futures = [], []
        self._pool, self._free = ThreadPoolExecutor(WRITERS), Semaphore(2 * WRITERS)

    def __enter__(self):
        return self

    def put(self, item):
        self._batch.append({"PutRequest": {"Item": item}})
        if len(self._batch) == BATCH:
            self._send()

    def __exit__(self, kind, error, traceback):
        if kind is None and self._batch:
            self._send()
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self._collect(self._futures)

    def _send(self):
        self._free.acquire()
        self._collect([future for future in self._futures if future.done()])
        batch, self._batch = self._batch, []
        future: Future = self._pool.submit(write_batch, self.table, batch)
        future.add_done_callback(lambda _: self._free.release())
        self._futures.append(future)

    def _collect(self, done):
        """Count what was written; the first failure ends it all."""
        for future in done:
            self.written += future.result()
        finished = set(done)
        self._futures = [future for future in self._futures if future not in finished]


def write_batch(table, requests):
    """All of it, however often DynamoDB leaves some unprocessed; returns how many."""
    waiting = requests
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(uniform(0, min(5, 0.05 * 2**attempt)))
        answer = dynamodb.batch_write_item(RequestItems={table: waiting})
        waiting = answer.get("UnprocessedItems", {}).get(table, [])
        if not waiting:
            return len(requests)
    raise RuntimeError(f"{len(waiting)} items still unprocessed after {ATTEMPTS} attempts")


# ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def report(key, result, seconds):
    """Metrics always; a mail if something was rejected."""
    counts = {"Read": result.read, "Written": result.written, "Rejected": result.rejected}
    metrics = [{"MetricName": name, "Value": value, "Unit": "Count"} for name, value in counts.items()]
    metrics.append({"MetricName": "Duration", "Value": seconds, "Unit": "Seconds"})
    cloudwatch.put_metric_data(Namespace=os.environ["NAMESPACE"], MetricData=metrics)
    if result.rejected:
        sns.publish(
            TopicArn=os.environ["TOPIC_ARN"],
            Subject=f"{result.rejected} of {result.read} records rejected"[:100],
            Message=summary(key, result),
        )


def summary(key, result):
    reasons = [f"  {count:>7}  {reason}" for reason, count in result.reasons.most_common(SAMPLES)]
    shown = [f"  {sample}" for sample in result.samples]
    return "\n".join(
        [
            f"File: {key}",
            f"Records read: {result.read}, written: {result.written}, rejected: {result.rejected}",
            "",
            "Why:",
            *reasons,
            "",
            f"The first {len(shown)}:",
            *shown,
        ]
    )


def probe():
    """Try what this function must not do, and say how it went."""
    key = {"user_id": {"S": "nobody"}, "entry": {"S": "none"}}
    try:
        dynamodb.get_item(TableName=os.environ["TABLE"], Key=key)
    except ClientError as error:
        return {
            "allowed": False,
            "code": error.response["Error"]["Code"],
            "message": error.response["Error"]["Message"],
        }
    return {"allowed": True}
