"""Templates from strangers: large, slow, or somebody else's."""

import asyncio
import json
import os
import signal
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cloudlet.services.cloudformation.body import _bytes_of
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.template.errors import FunctionError
from cloudlet.services.cloudformation.template.intrinsics import Scope, resolve
from cloudlet.services.cloudformation.template.load import S3_BYTES_MAX
from cloudlet.services.cloudformation.template_worker import TemplateWorkers
from cloudlet.wire.message import FileSlice
from tests.client import ACCOUNT, AwsError, TestNode


class Parts:
    """An object's body as S3 gives it, of `count` parts in open files."""

    def __init__(self, count: int, length: int) -> None:
        self.open = count
        self.slices = [FileSlice(os.open("/dev/zero", os.O_RDONLY), 0, length, self.closed) for _ in range(count)]

    def closed(self) -> None:
        self.open -= 1


@pytest.mark.parametrize(("count", "length"), [(3, S3_BYTES_MAX // 2), (1, S3_BYTES_MAX + 1), (16, S3_BYTES_MAX)])
def test_a_template_too_large_in_parts_is_not_read_and_all_its_files_are_closed(count: int, length: int) -> None:
    parts = Parts(count, length)
    with pytest.raises(ValidationError, match="may not exceed"):
        asyncio.run(_bytes_of(parts.slices))
    assert parts.open == 0


def test_a_template_in_parts_is_read_and_closed() -> None:
    parts = Parts(2, 1000)
    assert asyncio.run(_bytes_of(parts.slices)) == bytes(2000) and parts.open == 0


def test_a_template_that_takes_long_takes_no_threads_of_others(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else hashes and reads files in the loop's own threads, of which there are few."""
    monkeypatch.setattr("cloudlet.services.cloudformation.body.templates.validate", lambda text: time.sleep(0.2))
    caller = node.caller("test", "test")

    async def scenario() -> None:
        slow = [
            asyncio.ensure_future(caller.aws_async("cloudformation", "ValidateTemplate", TemplateBody="{}"))
            for _ in range(64)
        ]
        await asyncio.sleep(0.05)
        await asyncio.to_thread(int)
        assert sum(task.done() for task in slow) < 10, "it was its turn at once"
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    node.run(scenario())


SLOW = {
    "Parameters": {"P": {"Type": "String", "AllowedPattern": "(a|a)*b", "Default": "a" * 64}},
    "Resources": {"Q": {"Type": "AWS::SQS::Queue"}},
}


def test_a_pattern_that_would_match_for_years_is_given_up_by_name(node: TestNode) -> None:
    with pytest.raises(AwsError) as caught:
        node.aws("cloudformation", "CreateStack", StackName="s", TemplateBody=json.dumps(SLOW))
    assert (caught.value.code, caught.value.message) == (
        "ValidationError",
        "Parameter 'P' AllowedPattern (a|a)*b takes too long to match",
    )
    node.aws("cloudformation", "ValidateTemplate", TemplateBody=json.dumps(SLOW))


def test_while_one_template_takes_long_another_is_read() -> None:
    text = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    workers = TemplateWorkers(2)
    try:
        workers.validate(text)
        first = workers.workers[0].process
        assert first is not None
        os.kill(first.pid, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(workers.validate, text)
            while workers._free.qsize() == 2:
                time.sleep(0.001)
            assert workers.validate(text)["ResourceTypes"] == ["AWS::SQS::Queue"]
            assert not slow.done()
            os.kill(first.pid, signal.SIGCONT)
            assert slow.result()["ResourceTypes"] == ["AWS::SQS::Queue"]
    finally:
        workers.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/", "https://evil.example/t.json", "file:///etc/passwd", "http://[::1",
        "http://s3.evil.example@169.254.169.254/b/k", "gopher://127.0.0.1:6379/_", "http://127.0.0.1:4566/_cloudlet/",
    ],
)  # fmt: skip
def test_a_templates_url_is_never_fetched_but_read_from_s3_as_the_caller(node: TestNode, url: str) -> None:
    """The node has no credentials and sends no request of its own, whatever host is named."""
    allowed = {"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"}
    node.aws("s3", "CreateBucket", Bucket="private")
    node.aws("s3", "PutObject", Bucket="private", Key="t.json", Body=json.dumps({"Resources": {}}).encode())
    caller = node.as_user(allowed)
    for each in (url, "https://private.s3.amazonaws.com/t.json", "http://127.0.0.1:4566/private/t.json"):
        with pytest.raises(AwsError) as caught:
            caller.aws("cloudformation", "ValidateTemplate", TemplateURL=each)
        assert caught.value.code == "ValidationError"
    assert f"arn:aws:iam::{ACCOUNT}:user/" in caught.value.message, "the last one exists: it is IAM that refuses"


LONG = {"Ref": "Long"}
MULTIPLIED = [
    {"Fn::Sub": ["${B}" * 8_000, {"B": {"Fn::Sub": ["${C}" * 100, {"C": LONG}]}}]},
    {"Fn::Join": ["", [LONG] * 3_000]},
    {"Fn::Join": ["x" * 4_000, ["a"] * 3_000]},
    {"Fn::Join": ["", [{"Fn::Join": ["", [LONG] * 200]}] * 200]},
    {"Fn::Base64": {"Fn::Join": ["", [LONG] * 390]}},
    [LONG] * 10_000,
    {"Fn::Split": ["a", {"Fn::Join": ["", [LONG] * 300]}]},
]


@pytest.mark.parametrize("value", MULTIPLIED)
def test_functions_that_multiply_are_stopped_before_they_fill_the_memory(value: Any) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FunctionError, match="too long"):
            resolve(value, Scope(parameters={"Long": "a" * 4_000}))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_a_megabyte_of_code_in_a_template_is_not_too_long() -> None:
    code = "x = 1\n" * 160_000
    assert resolve({"Fn::Sub": code + "${Name}"}, Scope(parameters={"Name": "f"})) == code + "f"
    assert len(resolve({"Fn::Join": ["\n", code.splitlines()]}, Scope())) == len(code) - 1


def test_a_stack_with_such_a_template_fails_and_names_why(node: TestNode) -> None:
    template = {
        "Parameters": {"Long": {"Type": "String", "Default": "a" * 4_000}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": MULTIPLIED[0]}}},
    }
    node.aws("cloudformation", "CreateStack", StackName="bomb", TemplateBody=json.dumps(template))
    node.settle()
    events = node.aws("cloudformation", "DescribeStackEvents", StackName="bomb")["StackEvents"]
    assert any("too long" in event.get("ResourceStatusReason", "") for event in events)
    assert events[0]["ResourceStatus"] == "ROLLBACK_COMPLETE"


def test_variables_that_never_end_are_text_and_take_no_time() -> None:
    unended = "${" * 400_000  # a second for each ten thousand, if each is searched to the end
    assert resolve({"Fn::Sub": unended}, Scope()) == unended
    assert resolve({"Fn::Sub": "${A}" + unended}, Scope(parameters={"A": "a"})) == "a" + unended
