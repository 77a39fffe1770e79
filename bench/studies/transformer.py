"""The file transformer, end to end: its template is deployed by CloudFormation, a file is dropped, and the clock runs
from the upload until the last of its records is in the table. All through ordinary SDKs, alike for all servers."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from bench.contestants import ROOT
from bench.report import Finding
from bench.server import Server
from bench.studies.study import Room, Study
from cloudlet.cli.aws import Clients, clients_with
from cloudlet.cli.deploy import deploy

TEMPLATE = Path(ROOT) / "examples" / "file_transformer" / "template.yaml"
RECORDS, QUICK_RECORDS = 20_000, 2_000
DONE_S = 90.0
LOOKED_S = 0.1
DEPLOYED, RATE = "File transformer: deployed", "File transformer: records through"


async def look(room: Room) -> list[Finding]:
    records = QUICK_RECORDS if room.is_quick else RECORDS
    found: list[Finding] = []
    for server in room.servers:
        try:
            found += await asyncio.to_thread(_transformed, server, records)
        except Exception as error:  # whatever an SDK makes of a server that is not AWS
            why = f"{type(error).__name__}: {error}"[:300]
            found.append(Finding(RATE, server.name, cannot=why))
        if server.is_ours:
            room.comparison.note_loop(server, "the file transformer")
    return found


def _transformed(server: Server, records: int) -> list[Finding]:
    clients = clients_with(f"http://{server.host}:{server.port}", "test", "test")
    started = time.perf_counter()
    parameters = {"AdminEmail": "bench@example.com"}
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    outputs = deploy(clients, TEMPLATE, "bench-transformer", parameters, capabilities, lambda text: None)
    if "BucketName" not in outputs:
        raise RuntimeError(f"the stack has no such output: BucketName; it has {sorted(outputs)}")
    deployed_s = time.perf_counter() - started
    body = "".join(_record(number) for number in range(records)).encode()
    started = time.perf_counter()
    clients("s3").put_object(Bucket=outputs["BucketName"], Key="dropped.jsonl", Body=body)
    _wait(clients, outputs["TableName"], records, started + DONE_S)
    seconds = time.perf_counter() - started
    return [
        Finding(DEPLOYED, server.name, deployed_s, "s"),
        Finding(RATE, server.name, records / seconds, "records/s", more_is_better=True),
    ]


def _record(number: int) -> str:
    record = {"user_id": f"user-{number}", "date": f"2026-01-{1 + number % 28:02}", "event_type": "login"}
    return json.dumps(record) + "\n"


def _wait(clients: Clients, table: str, records: int, until: float) -> None:
    """Until the last user's record is there, then until all are: none is missing, none is double."""
    dynamodb = clients("dynamodb")
    last = {":user": {"S": f"user-{records - 1}"}}
    query = {"TableName": table, "KeyConditionExpression": "user_id = :user", "ExpressionAttributeValues": last}
    while not dynamodb.query(**query, ConsistentRead=True)["Count"]:
        _in_time(until, "the last record is not in the table")
    while (count := _count(dynamodb, table)) < records:
        _in_time(until, f"{count} of {records} records are in the table")
    if count > records:
        raise RuntimeError(f"{count} records are in the table, {records} were in the file")


def _in_time(until: float, otherwise: str) -> None:
    if time.perf_counter() > until:
        raise TimeoutError(f"after {DONE_S:.0f} s {otherwise}")
    time.sleep(LOOKED_S)


def _count(dynamodb: Any, table: str) -> int:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, Select="COUNT")
    return sum(page["Count"] for page in pages)


TRANSFORMER = Study("File transformer", look)
