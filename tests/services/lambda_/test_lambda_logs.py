"""What a function prints is in its log group, if its role may write there."""

import asyncio
import re

import pytest
from lambda_functions import Lambda

from cloudlet.base.errors import AwsError
from cloudlet.services.lambda_.logs import _fitting, _lines

LOGGING = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "*",
}
PRINTS = "def handler(event, context):\n    print('one\\ntwo')\n    print('three\\rfour')\n"


@pytest.fixture(scope="module")
def writer(running: Lambda) -> str:
    return running.make_role(LOGGING, name="writer")


def test_each_line_is_an_event_of_the_environments_stream(running: Lambda, writer: str) -> None:
    running.create("printing", PRINTS, Role=writer)
    running.invoke("printing")
    running.invoke("printing")
    streams = running.node.aws("logs", "DescribeLogStreams", logGroupName="/aws/lambda/printing")["logStreams"]
    assert len(streams) == 1, "one environment, one stream"
    name = streams[0]["logStreamName"]
    assert re.fullmatch(r"2026/01/01/\[\$LATEST\][0-9a-f]{32}", name)
    found = running.node.aws("logs", "GetLogEvents", logGroupName="/aws/lambda/printing", logStreamName=name,
                             startFromHead=True)["events"]  # fmt: skip
    kinds = [event["message"].split(" ")[0] for event in found]
    run = ["START", "one\n", "two\n", "three\rfour\n", "END", "REPORT"]
    assert kinds == ["INIT_START", *run, *run]


def test_a_log_group_of_the_functions_choice(running: Lambda, writer: str) -> None:
    running.create("elsewhere", PRINTS, Role=writer, LoggingConfig={"LogGroup": "/mine"})
    running.invoke("elsewhere")
    assert running.node.aws("logs", "DescribeLogStreams", logGroupName="/mine")["logStreams"]


def test_a_role_that_may_not_log_leaves_no_log_and_runs_all_the_same(running: Lambda) -> None:
    running.create("silent", PRINTS)
    assert "FunctionError" not in running.invoke("silent")
    with pytest.raises(AwsError) as refused:
        running.node.aws("logs", "DescribeLogStreams", logGroupName="/aws/lambda/silent")
    assert refused.value.code == "ResourceNotFoundException"


def test_long_logs_are_written_in_bounded_batches() -> None:
    text = b"x\n" * 2500 + b"y" * 600_000 + b"\nend"
    events, batches = [(0, line) for line in _lines(text)], []
    while events:
        count = _fitting(events)
        batches.append([line for _, line in events[:count]])
        events = events[count:]
    assert b"".join(b"".join(batch) for batch in batches) == text
    assert all(len(batch) <= 1000 for batch in batches)
    assert max(sum(len(line) + 26 for line in batch) for batch in batches if len(batch) > 1) <= 512 << 10
    assert _lines(b"") == [] and _fitting([]) == 0


def test_lines_of_calls_side_by_side_are_gathered_and_in_the_log_once_the_last_has_ended(
    running: Lambda, writer: str
) -> None:
    """Counted in transactions: a call that ends while another runs writes nothing itself."""
    running.create("side", "import time\ndef handler(event, context):\n    time.sleep(event)\n", Role=writer)
    caller, functions = running.node.caller("test", "test"), running.node.house.functions

    async def both() -> int:
        async def call(seconds: float) -> None:
            await caller.aws_async("lambda", "Invoke", FunctionName="side", Payload=str(seconds).encode())

        slow = asyncio.create_task(call(0.5))
        while not functions.running:
            await asyncio.sleep(0.001)
        await call(0)
        waiting = len(functions.unwritten)
        await slow
        return waiting

    assert running.node.run(both()) == 1
    assert not functions.unwritten
    found = running.node.aws("logs", "FilterLogEvents", logGroupName="/aws/lambda/side")["events"]
    assert sum(event["message"].startswith("REPORT") for event in found) == 2


def test_lines_that_were_gathered_are_written_when_the_node_stops(fn: Lambda) -> None:
    role = fn.make_role(LOGGING, name="writer")
    fn.create("last", PRINTS, Role=role)
    functions = fn.node.house.functions
    functions.running["another"] += 1  # so that its lines wait
    fn.invoke("last")
    assert functions.unwritten
    fn.node.run(functions.close())
    found = fn.node.aws("logs", "FilterLogEvents", logGroupName="/aws/lambda/last")["events"]
    assert found[-1]["message"].startswith("REPORT")
