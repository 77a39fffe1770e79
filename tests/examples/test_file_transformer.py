"""The file transformer's function: what it makes of records, how it writes. Its table is a small HTTP server here."""

import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from types import ModuleType
from typing import Any

import pytest

from cloudlet.services.cloudformation.prepared import PreparedPlan
from cloudlet.services.cloudformation.template.parameters import Given
from cloudlet.services.cloudformation.template.prepare import Pseudo
from cloudlet.services.cloudformation.template_worker import TemplateWorkers

EXAMPLE = Path(__file__).parents[2] / "examples" / "file_transformer"
FLIGHT_COLUMNS = "year,month,day,dep_time,sched_dep_time,dep_delay,carrier,tailnum"


class Table:
    """Takes BatchWriteItem and keeps the items; `leaves(number, requests)` says which requests to leave unprocessed."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests: list[int] = []  # sizes
        self.leaves: Callable[[int, list[Any]], list[Any]] = lambda number, requests: []
        self._lock = Lock()

    def take(self, body: dict[str, Any]) -> dict[str, Any]:
        ((table, requests),) = body["RequestItems"].items()
        with self._lock:
            self.requests.append(len(requests))
            left = self.leaves(len(self.requests), requests)
            for request in requests:
                if request not in left:
                    item = request["PutRequest"]["Item"]
                    self.items[item["user_id"]["S"], item["entry"]["S"]] = item
        return {"UnprocessedItems": {table: left} if left else {}}


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = json.dumps(self.server.table.take(body)).encode()  # type: ignore[attr-defined]
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def app(server: ThreadingHTTPServer) -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        spec = importlib.util.spec_from_file_location("file_transformer_app", EXAMPLE / "src" / "app.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
        module.dynamodb.close()


@pytest.fixture
def table(server: ThreadingHTTPServer) -> Table:
    server.table = Table()  # type: ignore[attr-defined]
    return server.table  # type: ignore[attr-defined]


def plain_rules(app: ModuleType) -> Any:
    return app.Rules("user_id", ["date"], "event_type", missing_values=frozenset({"NA"}))


def flight_rules(app: ModuleType) -> Any:
    return app.Rules("tailnum", ["year", "month", "day"], "", "dep_time", "dep_delay", 15, frozenset({"NA"}))


def read(app: ModuleType, rules: Any, data: bytes, chunk: int = 7) -> tuple[list[tuple[str, str, str]], Any]:
    """What comes of a file that arrives in pieces: (user, entry, event) of each item, and the counts."""
    result = app.Result()
    chunks = (data[start : start + chunk] for start in range(0, len(data), chunk))
    found = app.items(app.records(app.lines(chunks), rules), rules, "drop/file", result)
    return [(item["user_id"]["S"], item["entry"]["S"], item["event_type"]["S"]) for item in found], result


def test_csv_records_become_items_with_a_key_of_date_line_and_file(app: ModuleType) -> None:
    data = "user_id,date,event_type\nanna,2026-01-31,login\n\nßu,2026-02-01T10:00:00Z,buy\n".encode()
    found, result = read(app, plain_rules(app), data)
    assert found == [
        ("anna", "2026-01-31#000000002#4bf54e9b", "login"),
        ("ßu", "2026-02-01#000000004#4bf54e9b", "buy"),
    ]
    assert (result.read, result.rejected) == (2, 0)


def test_json_lines_are_known_by_their_first_character(app: ModuleType) -> None:
    data = (
        b'{"user_id": 7, "date": "2026-01-31", "event_type": "x"}\nnonsense\n{"date": "2026-01-31", "event_type": "x"}'
    )
    found, result = read(app, plain_rules(app), data)
    assert [(user, event) for user, _, event in found] == [("7", "x")]
    assert result.samples == ["line 2: not a JSON object", "line 3: no user_id"]


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
def test_the_pieces_in_which_a_file_arrives_do_not_matter(app: ModuleType, chunk: int) -> None:
    data = '\ufeffuser_id,date,event_type\r\n"a ""b""\nc",2026-01-31,é\r\nd,2026-01-31,€'.encode()
    found, _ = read(app, plain_rules(app), data, chunk)
    assert [(user, event) for user, _, event in found] == [('a "b"\nc', "é"), ("d", "€")]


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ("2013,1,1,517,515,2,UA,N1", "departed"),
        ("2013,1,1,517,515,15,UA,N1", "departed"),
        ("2013,1,1,517,515,16,UA,N1", "late departure"),
        ("2013,1,1,NA,515,NA,UA,N1", "cancelled"),
        ("2013,1,1,,515,,UA,N1", "cancelled"),
        ("2013,1,1,517,515,2,UA,NA", "no tailnum"),
        ("2013,2,30,517,515,2,UA,N1", "no valid date in year, month, day"),
        ("2013,,1,517,515,2,UA,N1", "no valid date in year, month, day"),
        ("2013,1,1,517,515,late,UA,N1", "dep_delay is no number"),
        ("2013,1,1,517", "4 columns instead of 8"),
    ],
)
def test_a_flights_event_is_derived_or_the_record_rejected_with_its_reason(
    app: ModuleType, row: str, outcome: str
) -> None:
    found, result = read(app, flight_rules(app), f"{FLIGHT_COLUMNS}\n{row}\n".encode())
    told = [event for _, _, event in found] or list(result.reasons)
    assert (told, result.read, len(found) + result.rejected) == ([outcome], 1, 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n", "not text"),
        (b"", "not text"),
        (b"user_id,date,event_type\na,2026-01-31,\0\n", "not text"),
        (b"user_id,date,event_type\na,2026-01-31,\xff\n", "not text"),
        (b"name,day\na,2026-01-31\n", "wrong columns: no user_id, date, event_type among name, day"),
        (b'{"name": "a"}\n', "wrong columns"),
        (b"{not json}\n", "not JSON lines"),
        (b"x" * 600_000, "a line is longer than"),
    ],
)
def test_a_file_of_another_kind_fails_as_a_whole(app: ModuleType, data: bytes, reason: str) -> None:
    with pytest.raises(app.BadFile, match=reason):
        read(app, plain_rules(app), data, chunk=1 << 16)


def test_a_file_with_columns_but_no_records_is_fine(app: ModuleType) -> None:
    found, result = read(app, plain_rules(app), b"user_id,date,event_type\n")
    assert (found, result.read) == ([], 0)


def written(app: ModuleType, count: int) -> int:
    with app.Writer("table") as writer:
        for number in range(count):
            writer.put({"user_id": {"S": "u"}, "entry": {"S": str(number)}})
    return writer.written


def test_everything_is_written_in_batches_of_25(app: ModuleType, table: Table) -> None:
    assert written(app, 103) == 103
    assert len(table.items) == 103
    assert sorted(table.requests) == [3, 25, 25, 25, 25]


def test_what_is_left_unprocessed_is_sent_again_and_counted_once(app: ModuleType, table: Table) -> None:
    table.leaves = lambda number, requests: requests[5:] if number <= 3 else []
    assert written(app, 60) == 60
    assert len(table.items) == 60


def test_a_table_that_takes_nothing_fails_the_function(
    app: ModuleType, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "ATTEMPTS", 3)
    table.leaves = lambda number, requests: requests
    with pytest.raises(RuntimeError, match="25 items still unprocessed after 3 attempts"):
        written(app, 25)


def test_the_mail_tells_counts_reasons_and_the_first_lines(app: ModuleType) -> None:
    rows = "".join(f"2013,1,1,517,515,2,UA,{tail}\n" for tail in ["N1", *["NA"] * 30])
    found, result = read(app, flight_rules(app), f"{FLIGHT_COLUMNS}\n{rows}".encode(), 1000)
    result.written = len(found)
    text = app.summary("drop/file", result)
    assert "Records read: 31, written: 1, rejected: 30" in text
    assert "30  no tailnum" in text
    assert text.count("  line ") == app.SAMPLES


@pytest.fixture(scope="module")
def plan() -> Iterator[PreparedPlan]:
    worker = TemplateWorkers(1)
    text = (EXAMPLE / "template.yaml").read_text().replace("CodeUri: src/", "CodeUri: s3://code/src.zip")
    given = [Given("AdminEmail", "admin@example.com")]
    yield worker.prepare(text, given, None, Pseudo("111111111111", "eu-west-1", "files", "id"))
    worker.close()


def test_the_template_makes_a_stack_without_a_circle(plan: PreparedPlan) -> None:
    order = [resource.logical_id for resource in plan.decoded_resources()]
    assert order.index("FunctionDroppedPermission") < order.index("DropBucket")
    assert set(order) == {
        "AdminTopic",
        "AdminTopicPolicy",
        "DeadLetterQueue",
        "DropBucket",
        "FailureAlarm",
        "Function",
        "FunctionDroppedPermission",
        "FunctionLogs",
        "FunctionRole",
        "Table",
        "VendorUser",
    }
    assert plan.decoded_head().capabilities == ["CAPABILITY_IAM"]


def test_the_template_gives_the_function_every_setting_that_it_reads(plan: PreparedPlan, app: ModuleType) -> None:
    function = next(resource for resource in plan.decoded_resources() if resource.type == "AWS::Lambda::Function")
    source = (EXAMPLE / "src" / "app.py").read_text()
    assert set(re.findall(r'os\.environ\["(\w+)"\]', source)) == set(function.properties["Environment"]["Variables"])


def test_nothing_in_the_example_names_this_project() -> None:
    for path in EXAMPLE.rglob("*"):
        if path.suffix in (".py", ".yaml"):
            assert "cloudlet" not in path.read_text().lower()
