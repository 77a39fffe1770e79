"""What the thousandth, the hundred thousandth, the millionth costs: a request's processor time as rows, tables, queues
and buckets become many. Flat is right. And what a store of a million rows weighs in memory, and takes to open."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from bench import load
from bench.client import Client, WrongAnswer, decoded
from bench.compare import measured
from bench.contestants import Node
from bench.lines.dynamodb import GetItem, PutItem, Query, fill, item_of, make_table
from bench.lines.line import Line, Shared, expect, loaded
from bench.load import Answer
from bench.report import Finding
from bench.server import Server, listening, pss_mib
from bench.setting import Setting, setting_of
from bench.studies.start import started
from bench.studies.study import Room, Study

ROWS = (1_000, 100_000, 1_000_000)
QUICK_ROWS = (1_000, 10_000)
MANY = (10, 1_000)
QUICK_MANY = (10, 100)
CONNECTIONS = 16
RUN_S = 1.0
FLAT = 1.3  # times what the smallest takes, at the largest
LIVED = 100_000  # requests


async def look(room: Room) -> list[Finding]:
    return [*await _rows(room), *await _many(room)]


async def _rows(room: Room) -> list[Finding]:
    server = listening(room.node("growth"))
    setting = await setting_of(server)
    await make_table(setting.client)
    costs: dict[str, list[float]] = {line.name: [] for line in (GetItem, PutItem, Query)}
    found: list[Finding] = []
    before = 0
    for rows in QUICK_ROWS if room.is_quick else ROWS:
        await fill(setting.client, before, rows)
        room.comparison.note_loop(server, f"filling a table to {rows:,} rows")
        before = rows
        for line in (GetItem, PutItem, Query):
            cost = await _cost(room, server, line(Shared(setting, rows)), f"at-{rows}")
            costs[line.name].append(cost)
            found.append(Finding(f"{line.name}, {rows:,} rows", server.name, cost, "µs"))
    found += [_flat(f"{name} at most rows ÷ at fewest", server, some) for name, some in costs.items()]
    found.append(Finding(f"Memory with {before:,} rows of 1 KiB", server.name, pss_mib(server.pid), "MiB"))
    server.stop()
    data = room.directory / "growth" / "data"
    size_gib = sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) / 2**30
    seconds, server = await started(room, Node(is_plain=True), "growth-again", data=data)
    server.stop()
    found.append(
        Finding(f"Start to first signed answer, {before:,} rows ({size_gib:.1f} GiB)", server.name, seconds, "s")
    )
    shutil.rmtree(data, ignore_errors=True)
    return found


def _flat(what: str, server: Server, costs: list[float]) -> Finding:
    return Finding(what, server.name, costs[-1] / costs[0], "×", aim=FLAT)


async def _cost(room: Room, server: Server, line: Line, run: str) -> float:
    """Processor time per request in µs."""
    outcome = await measured(line, server, CONNECTIONS, run, 0.4 if room.is_quick else RUN_S)
    room.comparison.note_loop(server, f"{line.name} {run}")
    return outcome.cpu_us


@dataclass(frozen=True, slots=True)
class Kind:
    """Something an account can have many of: how to make one, a request to one, what a right answer is."""

    name: str
    make: Callable[[Client, int], bytes]
    ask: Callable[[Client, int, int], bytes]  # the how-manieth thing, the how-manieth request
    is_right: Callable[[Answer], bool]


def _url(client: Client, number: int) -> str:
    return f"http://{client.host}/{ACCOUNT}/many-{number}"


ACCOUNT = "000000000000"
KINDS = (
    Kind(
        "tables",
        lambda client, n: client.dynamodb(
            "CreateTable",
            TableName=f"many-{n}",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        ),
        lambda client, n, i: client.dynamodb("PutItem", TableName=f"many-{n}", Item=item_of((f"many:{i}", 0))),
        lambda answer: decoded(answer) == {},
    ),
    Kind(
        "queues",
        lambda client, n: client.sqs("CreateQueue", QueueName=f"many-{n}"),
        lambda client, n, i: client.sqs("SendMessage", QueueUrl=_url(client, n), MessageBody=f"{i}"),
        lambda answer: "MessageId" in decoded(answer),
    ),
    Kind(
        "buckets",
        lambda client, n: client.request("s3", "PUT", f"/bench-many-{n}"),
        lambda client, n, i: client.request("s3", "PUT", f"/bench-many-{n}/{i}", b"x" * 1024),
        lambda answer: "etag" in answer.headers,
    ),
)


class _Spread(Line):
    """Requests to many things of a kind in turn."""

    writes = True
    requests_max = 10_000

    def __init__(self, kind: Kind, setting: Setting, count: int) -> None:
        super().__init__(Shared(setting, 0))
        self.name, self._kind, self._count = f"One of {count:,} {kind.name}", kind, count

    async def requests(self, run: str, count: int) -> list[bytes]:
        return [self._kind.ask(self.client, i * 7 % self._count, i) for i in range(count)]

    def check(self, answer: Answer) -> None:
        expect(answer.status == 200 and self._kind.is_right(answer), answer)


async def _many(room: Room) -> list[Finding]:
    server = listening(room.node("many"))
    setting = await setting_of(server)
    found: list[Finding] = []
    for kind in KINDS:
        costs: list[float] = []
        made = 0
        for count in QUICK_MANY if room.is_quick else MANY:
            await loaded(setting.client, [kind.make(setting.client, n) for n in range(made, count)], kind.name)
            room.comparison.note_loop(server, f"making {count:,} {kind.name}")
            made = count
            costs.append(await _cost(room, server, _Spread(kind, setting, count), f"of-{count}"))
            found.append(Finding(f"A write, {count:,} {kind.name}", server.name, costs[-1], "µs"))
        found.append(_flat(f"A write, many {kind.name} ÷ few", server, costs))
    found += await _lived(room, server, setting)
    return found


async def _lived(room: Room, server: Server, setting: Setting) -> list[Finding]:
    """Memory after many requests: reads and writes by halves."""
    count = LIVED // 10 if room.is_quick else LIVED
    await make_table(setting.client)
    for piece in range(0, count, 10_000):
        keys = [(f"lived:{piece + i}", 0) for i in range(5_000)]
        for requests in (
            [setting.client.dynamodb("PutItem", TableName="bench", Item=item_of(key)) for key in keys],
            [
                setting.client.dynamodb("GetItem", TableName="bench", Key={"id": {"S": id_}, "entry": {"N": "0"}})
                for id_, _ in keys
            ],
        ):
            outcome = await load.run(server, requests, CONNECTIONS, 60)
            if outcome.failure or any(answer.status != 200 for answer in outcome.answers):
                raise WrongAnswer(outcome.failure or "not every answer was right")
    return [Finding(f"Memory after {count:,} requests", server.name, pss_mib(server.pid), "MiB")]


GROWTH = Study("Growth", look)
