"""boto3 against a node on a socket and on disk: functions that use AWS themselves, as their role."""

import base64
import io
import json
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from cloudlet.base.config import Settings
from tests.sdk.serving import GUARD_S, ServingNode

TRUST = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}}'
)
USES_SQS = """
import boto3, os

sqs = boto3.client("sqs")

def handler(event, context):
    who = boto3.client("sts").get_caller_identity()["Arn"]
    url = sqs.get_queue_url(QueueName=event["queue"])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=who)
    return {"sent": who}
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingNode]:
    with ServingNode(Settings(data=tmp_path_factory.mktemp("node") / "data")) as running:
        yield running


@pytest.fixture(scope="module")
def fn(node: ServingNode) -> Any:
    return node.client("lambda")


@pytest.fixture(scope="module")
def role(node: ServingNode) -> str:
    """Lambda may assume it; it may send to the queue "mine" and write logs."""
    iam = node.client("iam")
    arn = iam.create_role(RoleName="runner", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    statements = [
        {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"], "Resource": "arn:aws:sqs:*:*:mine"},
        {"Effect": "Allow", "Action": "logs:*", "Resource": "*"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName="runner", PolicyName="p", PolicyDocument=document)
    return arn


def zipped(code: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", code)
    return data.getvalue()


def create(fn: Any, role: str, name: str, code: str, **more: Any) -> dict[str, Any]:
    given = {"FunctionName": name, "Runtime": "python3.11", "Role": role, "Handler": "app.handler"}
    answer = fn.create_function(**given, Code={"ZipFile": zipped(code)}, **{"Timeout": 10} | more)
    fn.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return answer


def test_a_function_calls_aws_as_its_role_and_only_as_far_as_that_may(node: ServingNode, fn: Any, role: str) -> None:
    create(fn, role, "sender", USES_SQS)
    sqs = node.client("sqs")
    mine = sqs.create_queue(QueueName="mine")["QueueUrl"]
    sqs.create_queue(QueueName="other")
    answer = fn.invoke(FunctionName="sender", Payload=b'{"queue": "mine"}', LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "FunctionError" not in answer, answer["Payload"].read()
    who = "arn:aws:sts::000000000000:assumed-role/runner/sender"
    assert json.load(answer["Payload"]) == {"sent": who}
    assert sqs.receive_message(QueueUrl=mine)["Messages"][0]["Body"] == who
    assert "Init Duration: " in log
    answer = fn.invoke(FunctionName="sender", Payload=b'{"queue": "other"}')
    assert answer["FunctionError"] == "Unhandled"
    message = json.load(answer["Payload"])["errorMessage"]
    assert f"User: {who} is not authorized to perform: sqs:GetQueueUrl on resource: " in message


def test_root_keys_are_refused_from_within_a_function(node: ServingNode, fn: Any, role: str) -> None:
    code = """
import boto3
def handler(event, context):
    try:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "aws_session_token": None}
        session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test")
        session.client("iam").list_users()
    except Exception as error:
        return type(error).__name__, str(error)
    return "let in"
"""
    create(fn, role, "intruder", code)
    answer = json.load(fn.invoke(FunctionName="intruder")["Payload"])
    assert answer[0] == "ClientError" and "InvalidClientTokenId" in answer[1], answer


def test_events_run_and_logs_are_kept(node: ServingNode, fn: Any, role: str) -> None:
    create(fn, role, "later", "def handler(event, context):\n    print('ran with', event)\n")
    assert fn.invoke(FunctionName="later", InvocationType="Event", Payload=b"[7]")["StatusCode"] == 202
    logs, group = node.client("logs"), "/aws/lambda/later"
    until = time.monotonic() + GUARD_S
    while not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        assert time.monotonic() < until, "the event did not run"
        time.sleep(0.02)
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
    assert "ran with [7]\n" in [event["message"] for event in events["events"]]


def test_the_code_of_a_function_can_be_fetched_by_its_link(fn: Any, role: str) -> None:
    create(fn, role, "fetched", "x = 1\n")
    answer = fn.get_function(FunctionName="fetched")
    with urllib.request.urlopen(answer["Code"]["Location"], timeout=GUARD_S) as response:
        assert zipfile.ZipFile(io.BytesIO(response.read())).read("app.py") == b"x = 1\n"


def test_paginators_waiters_and_aliases_work_as_the_sdk_expects(fn: Any, role: str) -> None:
    create(fn, role, "published", "def handler(event, context):\n    return context.function_version\n", Publish=True)
    fn.create_alias(FunctionName="published", Name="live", FunctionVersion="1")
    assert json.load(fn.invoke(FunctionName="published:live")["Payload"]) == "1"
    fn.update_function_configuration(FunctionName="published", MemorySize=256)
    fn.get_waiter("function_updated_v2").wait(FunctionName="published", WaiterConfig={"Delay": 1})
    fn.publish_version(FunctionName="published")
    fn.get_waiter("published_version_active").wait(FunctionName="published", Qualifier="2", WaiterConfig={"Delay": 1})
    pages = fn.get_paginator("list_versions_by_function").paginate(FunctionName="published")
    assert [version["Version"] for page in pages for version in page["Versions"]] == ["$LATEST", "1", "2"]
    names = {f["FunctionName"] for page in fn.get_paginator("list_functions").paginate() for f in page["Functions"]}
    assert "published" in names
    fn.delete_function(FunctionName="published")
    with pytest.raises(fn.exceptions.ResourceNotFoundException) as refused:
        fn.get_function(FunctionName="published")
    assert refused.value.response["Error"]["Message"].endswith("function:published")


def test_a_throttled_call_has_its_reason_as_a_member(fn: Any, role: str) -> None:
    create(fn, role, "off", "def handler(event, context):\n    pass\n")
    fn.put_function_concurrency(FunctionName="off", ReservedConcurrentExecutions=0)
    with pytest.raises(fn.exceptions.TooManyRequestsException) as refused:
        fn.invoke(FunctionName="off")
    response = refused.value.response
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded" and response["Type"] == "User"
