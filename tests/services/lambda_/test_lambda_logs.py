"""What a function prints is in its log group, if its role may write there."""

import re

import pytest
from lambda_functions import Lambda

from cloudlet.base.errors import AwsError
from cloudlet.services.lambda_.logs import _batches

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
    batches = _batches(text)
    assert "".join("".join(batch) for batch in batches).encode() == text
    assert all(len(batch) <= 1000 for batch in batches)
    assert max(sum(len(line) + 26 for line in batch) for batch in batches if len(batch) > 1) <= 512 << 10
    assert _batches(b"") == []
