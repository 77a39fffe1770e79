"""Invoke: functions run for real; answers, errors, logs, limits, versions, layers."""

import asyncio
import base64
import json
import shutil
from typing import Any

import pytest
from lambda_functions import ARN, ECHO, TRUST, Lambda, zipped

from cloudlet.base.errors import AwsError

CONTEXT = """
import os

def handler(event, context):
    return {
        "arn": context.invoked_function_arn,
        "version": context.function_version,
        "id": context.aws_request_id,
        "client": context.client_context and context.client_context.custom,
        "variable": os.environ.get("COLOR"),
        "stream": context.log_stream_name,
    }
"""


def refusal(fn: Any, operation: str, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        fn(operation, **parameters)
    return refused.value.code, refused.value.message


@pytest.fixture(scope="module")
def echo(running: Lambda) -> Lambda:
    running.create("echo", ECHO)
    return running


def test_a_function_answers_what_it_returns(echo: Lambda) -> None:
    answer = echo.invoke("echo", {"a": [1, "ü"]})
    assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST"
    assert json.loads(answer["Payload"]) == {"a": [1, "ü"]}
    assert "LogResult" not in answer and "FunctionError" not in answer
    assert echo.value("echo") == {}, "without a payload the event is empty"


def test_the_tail_of_the_log_is_given_where_it_is_asked_for(echo: Lambda) -> None:
    echo.create("printer", "def handler(event, context):\n    print('x' * 5000)\n    print('the end')\n")
    text = base64.b64decode(echo.invoke("printer", LogType="Tail")["LogResult"]).decode()
    assert len(text) == 4096 and "the end\nEND RequestId: " in text and "\tMemory Size: 128 MB\t" in text


def test_an_exception_is_a_function_error_with_status_200(echo: Lambda) -> None:
    echo.create("broken", "def handler(event, context):\n    raise ValueError('no')\n")
    answer = echo.invoke("broken")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    error = json.loads(answer["Payload"])
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no")


def test_a_function_is_stopped_at_its_timeout(echo: Lambda) -> None:
    echo.create("slow", "import time\ndef handler(event, context):\n    time.sleep(30)\n", Timeout=1)
    answer = echo.invoke("slow")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"])["errorMessage"].endswith("Task timed out after 1.00 seconds")


def test_whether_the_role_may_be_assumed_is_asked_anew_once_iam_changed_or_a_minute_went_by(running: Lambda) -> None:
    role = running.make_role(name="changing")
    running.create("assuming", ECHO, Role=role)

    def asked() -> int:
        before = len(running.node.decisions)
        running.value("assuming")
        return sum(decision.action == "sts:AssumeRole" for decision in running.node.decisions[before:])

    asked()
    assert asked() == 0
    running.node.advance(minutes=1)
    assert (asked(), asked()) == (1, 0)
    nobody = json.dumps(TRUST).replace("Allow", "Deny")
    running.node.aws("iam", "UpdateAssumeRolePolicy", RoleName="changing", PolicyDocument=nobody)
    assert refusal(running, "Invoke", FunctionName="assuming")[0] == "AccessDeniedException"
    running.node.aws("iam", "UpdateAssumeRolePolicy", RoleName="changing", PolicyDocument=json.dumps(TRUST))
    assert (asked(), asked()) == (1, 0)


def test_a_dry_run_and_an_event_wait_for_nothing(echo: Lambda) -> None:
    assert echo("Invoke", FunctionName="echo", InvocationType="DryRun")["StatusCode"] == 204
    answer = echo("Invoke", FunctionName="echo", InvocationType="Event")
    assert answer["StatusCode"] == 202 and not answer["Payload"]
    echo.node.settle()


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({"Payload": b"\x99\xeb"}, "InvalidRequestContentException", "Could not parse request body into json"),
        ({"Payload": b"{'a': 1}"}, "InvalidRequestContentException", "Could not parse payload into json"),
        ({"ClientContext": "!"}, "InvalidRequestContentException", "must be a valid Base64-encoded JSON object"),
        (
            {"Payload": b'"' + b"x" * 6_291_456 + b'"'},
            "RequestTooLargeException",
            "6291458 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)",
        ),
        (
            {"Payload": b'"' + b"x" * 1_048_576 + b'"', "InvocationType": "Event"},
            "RequestTooLargeException",
            "1048578 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
        ),
        ({"Qualifier": "nothing"}, "ResourceNotFoundException", f"Function not found: {ARN}:echo:nothing"),
        ({"TenantId": "t"}, "NotImplemented", "TenantId"),
    ],
)
def test_what_cannot_be_run_is_refused(echo: Lambda, more: dict[str, Any], code: str, said: str) -> None:
    refused = refusal(echo, "Invoke", FunctionName="echo", **more)
    assert refused[0] == code and said in refused[1]


def test_the_largest_payload_goes_in_and_out(echo: Lambda) -> None:
    payload = b'"' + b"x" * (6_291_456 - 2) + b'"'
    assert echo("Invoke", FunctionName="echo", Payload=payload)["Payload"].encode() == payload


def test_each_version_runs_its_own_code_by_number_alias_and_arn(running: Lambda) -> None:
    running.create("versions", CONTEXT.replace("return {", "return {'code': 1,"), Publish=True)
    running(
        "UpdateFunctionCode", FunctionName="versions", ZipFile=zipped(CONTEXT.replace("return {", "return {'code': 2,"))
    )
    running("PublishVersion", FunctionName="versions")
    running("CreateAlias", FunctionName="versions", Name="live", FunctionVersion="1")
    base = f"{ARN}:versions"
    for asked, (code, version, arn) in {
        "versions": (2, "$LATEST", base),
        "versions:1": (1, "1", f"{base}:1"),
        f"{base}:2": (2, "2", f"{base}:2"),
        "versions:live": (1, "1", f"{base}:live"),
    }.items():
        value = running.value(asked)
        assert (value["code"], value["version"], value["arn"]) == (code, version, arn)
    running("UpdateAlias", FunctionName="versions", Name="live", FunctionVersion="2")
    assert running.value("versions", Qualifier="live")["code"] == 2


def test_an_alias_sends_about_its_weight_to_the_second_version(running: Lambda) -> None:
    running.create("weighted", CONTEXT, Publish=True)
    running("UpdateFunctionConfiguration", FunctionName="weighted", Timeout=9)
    running("PublishVersion", FunctionName="weighted")
    routing = {"AdditionalVersionWeights": {"2": 0.5}}
    running("CreateAlias", FunctionName="weighted", Name="both", FunctionVersion="1", RoutingConfig=routing)
    executed = {running.invoke("weighted", Qualifier="both")["ExecutedVersion"] for _ in range(40)}
    assert executed == {"1", "2"}


def test_client_context_and_variables_reach_the_function(running: Lambda) -> None:
    running.create("told", CONTEXT, Environment={"Variables": {"COLOR": "blue"}})
    context = base64.b64encode(b'{"custom": {"k": "v"}}').decode()
    value = running.value("told", ClientContext=context)
    assert (value["client"], value["variable"]) == ({"k": "v"}, "blue")
    running("UpdateFunctionConfiguration", FunctionName="told", Environment={"Variables": {"COLOR": "red"}})
    assert running.value("told")["variable"] == "red"


def test_a_change_starts_a_new_environment_and_none_keeps_the_old_one(running: Lambda) -> None:
    count = "import os\ncalls = 0\ndef handler(event, context):\n    global calls\n    calls += 1\n    return calls\n"
    running.create("count", count)
    assert [running.value("count") for _ in range(3)] == [1, 2, 3]
    running("UpdateFunctionConfiguration", FunctionName="count", Timeout=3)
    assert running.value("count") == 4, "nothing changed"
    running("UpdateFunctionConfiguration", FunctionName="count", Timeout=5)
    assert running.value("count") == 1


def test_layers_lie_below_opt_the_later_over_the_earlier(running: Lambda) -> None:
    layers = []
    for number in (1, 2):
        content = {"ZipFile": zipped({"python/lib.py": f"value = {number}", f"data/{number}.txt": "x"})}
        layers.append(running("PublishLayerVersion", LayerName=f"lib{number}", Content=content)["LayerVersionArn"])
    code = "import lib, os\ndef handler(event, context):\n    return [lib.value, sorted(os.listdir('/opt/data'))]\n"
    if running.node.house.functions.stats()["level"] != "namespaces":
        pytest.skip("/opt is the machine's own at this level")
    running.create("layered", code, Layers=layers)
    assert running.value("layered") == [2, ["1.txt", "2.txt"]]


def test_custom_runtimes_run_their_bootstrap(running: Lambda) -> None:
    bootstrap = """#!/bin/sh
while true; do
  HEADERS=$(mktemp)
  EVENT=$(curl -sS -LD "$HEADERS" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$ID/response" -d "{\\"shell\\": $EVENT}"
done
"""
    running.create("shell", {"bootstrap": bootstrap}, Runtime="provided.al2023", Handler="none")
    assert running.value("shell", [1, 2]) == {"shell": [1, 2]}


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Debian's nodejs")
def test_node_functions_run_with_the_machines_node(running: Lambda) -> None:
    code = "exports.handler = async (event, context) => ({twice: event * 2, name: context.functionName})\n"
    running.create("doubler", {"index.js": code}, Runtime="nodejs20.x", Handler="index.handler")
    assert running.value("doubler", 21) == {"twice": 42, "name": "doubler"}


def test_reserved_concurrency_bounds_the_calls_at_once(running: Lambda) -> None:
    running.create("one", "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 1\n", Timeout=9)
    running.value("one", 0)
    running("PutFunctionConcurrency", FunctionName="one", ReservedConcurrentExecutions=1)
    caller = running.node.caller("test", "test")

    async def both() -> Any:
        calls = (caller.aws_async("lambda", "Invoke", FunctionName="one", Payload=b"0.3") for _ in range(2))
        return await asyncio.gather(*calls, return_exceptions=True)

    answers = running.node.run(both())
    throttled = [answer for answer in answers if isinstance(answer, AwsError)]
    assert len(throttled) == 1
    assert (throttled[0].code, throttled[0].message, throttled[0].status) == (
        "TooManyRequestsException", "Rate Exceeded.", 429,
    )  # fmt: skip
    assert running.value("one", 0) == 1, "the place is free again"
    running("PutFunctionConcurrency", FunctionName="one", ReservedConcurrentExecutions=0)
    refused = running.node.send(caller.request("lambda", "Invoke", {"FunctionName": "one", "Payload": b"0"}))
    assert refused.status == 429
    assert json.loads(refused.body) == {  # type: ignore[arg-type]
        "message": "Rate Exceeded.",
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "Type": "User",
    }
    running("DeleteFunctionConcurrency", FunctionName="one")
    assert running.value("one", 0) == 1


def test_some_concurrency_is_never_reserved(fn: Lambda) -> None:
    fn.create()
    code, message = refusal(fn, "PutFunctionConcurrency", FunctionName="echo", ReservedConcurrentExecutions=901)
    assert code == "InvalidParameterValueException" and message.endswith("below its minimum value of [100].")
    assert fn("GetFunctionConcurrency", FunctionName="echo") == {}
    fn("PutFunctionConcurrency", FunctionName="echo", ReservedConcurrentExecutions=900)
    assert fn("GetFunctionConcurrency", FunctionName="echo") == {"ReservedConcurrentExecutions": 900}
    fn.create("b")
    assert refusal(fn, "PutFunctionConcurrency", FunctionName="b", ReservedConcurrentExecutions=1)[0] == code
    assert fn("GetAccountSettings")["AccountLimit"]["UnreservedConcurrentExecutions"] == 100


def test_a_client_that_goes_away_does_not_stop_the_function(running: Lambda) -> None:
    running.create("finisher", "import time\ndef handler(event, context):\n    time.sleep(0.3)\n")
    running.value("finisher")
    before = metric(running, "Invocations", "finisher")
    caller = running.node.caller("test", "test")

    async def give_up() -> None:
        call = asyncio.ensure_future(caller.aws_async("lambda", "Invoke", FunctionName="finisher", Payload=b"{}"))
        await asyncio.sleep(0.1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        while metric(running, "Invocations", "finisher") == before:
            await asyncio.sleep(0.01)

    running.node.run(give_up())


def metric(fn: Lambda, name: str, function: str) -> float:
    """What was counted of a function's metric so far."""
    return fn.counted(name, FunctionName=function)


def test_runs_errors_and_throttles_are_counted_by_function_and_alias(running: Lambda) -> None:
    running.create("counted", "def handler(event, context):\n    return 1 / event\n", Publish=True)
    running("CreateAlias", FunctionName="counted", Name="live", FunctionVersion="1")
    running.invoke("counted", 1)
    running.invoke("counted", 0, Qualifier="live")
    running("PutFunctionConcurrency", FunctionName="counted", ReservedConcurrentExecutions=0)
    refusal(running, "Invoke", FunctionName="counted")
    counts = {name: metric(running, name, "counted") for name in ("Invocations", "Errors", "Throttles")}
    assert counts == {"Invocations": 2, "Errors": 1, "Throttles": 1}
    assert metric(running, "Duration", "counted") > 0
    assert running.counted("Invocations", FunctionName="counted", Resource="counted:live") == 1


def test_a_role_that_lambda_may_no_longer_assume_stops_the_function(running: Lambda) -> None:
    role = running.make_role(name="passing")
    running.create("orphan", Role=role)
    running.node.aws("iam", "DeleteRole", RoleName="passing")
    assert refusal(running, "Invoke", FunctionName="orphan") == (
        "AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.",
    )  # fmt: skip


def test_nothing_runs_before_what_it_rests_on_is_durable(running: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    running.create("rested")
    database, functions = running.node.node.database, running.node.house.functions
    invoke, lags = functions.invoke, []

    async def watched(*given: Any) -> Any:
        lags.append(database.journal.applied - database.journal.durable)
        return await invoke(*given)

    monkeypatch.setattr(functions, "invoke", watched)
    key = running.node.node.services["lambda"].keys("000000000000", "us-east-1").function.key("rested")
    for mode in ("RequestResponse", "Event"):
        database.transact(lambda tx: tx.put(key, tx.get(key)))  # written, not synced
        assert database.journal.applied > database.journal.durable
        running("Invoke", FunctionName="rested", InvocationType=mode)
        running.node.settle()
    assert lags[0] == 0 and len(lags) == 2
