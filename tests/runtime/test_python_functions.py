"""Python functions see what AWS's Python runtime shows them, and fail in its words."""

import json
import re
from typing import Any

import pytest


def payload_of(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def test_a_handler_gets_its_event_and_its_answer_comes_back(host: Any) -> None:
    spec = host.function("def handler(event, context):\n    return {'got': event}")
    outcome = host.invoke(spec, b'{"a": [1, "\\u00fc"]}')
    assert payload_of(outcome) == {"got": {"a": [1, "ü"]}}
    assert (outcome.function_error, outcome.status) == (None, "ok")


def test_the_next_call_uses_the_same_environment(host: Any) -> None:
    spec = host.function("count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return count")
    outcomes = [host.invoke(spec) for _ in range(3)]
    assert [payload_of(outcome) for outcome in outcomes] == [1, 2, 3]
    assert [outcome.init_ms is not None for outcome in outcomes] == [True, False, False]


def test_the_context_carries_what_AWS_puts_there(best_host: Any) -> None:
    spec = best_host.function(
        """
        def handler(event, context):
            facts = {name: getattr(context, name) for name in (
                "function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb", "aws_request_id",
                "log_group_name", "log_stream_name", "tenant_id")}
            custom = context.client_context.custom, context.client_context.client.app_title
            left = context.get_remaining_time_in_millis()
            return [facts, custom, 8_000 < left <= 10_000, context.identity.cognito_identity_id]
        """,
        memory_mb=256,
    )
    client = '{"custom": {"k": "v"},\n "client": {"app_title": "t"}}'
    outcome = best_host.invoke(spec, client_context=client, invoked_function_arn=spec.function_arn + ":live")
    facts, custom, time_left_is_right, identity = payload_of(outcome)
    assert facts == {
        "function_name": spec.function_name,
        "function_version": "$LATEST",
        "invoked_function_arn": spec.function_arn + ":live",
        "memory_limit_in_mb": "256",
        "aws_request_id": re.search(rb"START RequestId: (\S+)", outcome.log)[1].decode(),
        "log_group_name": spec.log_group,
        "log_stream_name": outcome.log_stream,
        "tenant_id": None,
    }
    assert custom == [{"k": "v"}, "t"] and time_left_is_right and identity is None


def test_the_environment_variables_are_those_AWS_sets_and_the_functions_own(best_host: Any) -> None:
    code = "import os\ndef handler(event, context):\n    return dict(os.environ)"
    spec = best_host.function(code, environment={"TABLE": "orders", "AWS_REGION": "mars-1"}, region="eu-west-1")
    found = payload_of(best_host.invoke(spec))
    expected = {
        "TABLE": "orders",
        "AWS_REGION": "eu-west-1",  # reserved: the function's own value does not count
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_NAME": spec.function_name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "_HANDLER": "app.handler",
        "TZ": ":UTC",
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert not [name for name in found if "CLOUDLET" in name]


def test_an_error_is_described_as_AWS_does(host: Any) -> None:
    spec = host.function("def inner():\n    raise KeyError('x')\ndef handler(event, context):\n    inner()")
    outcome = host.invoke(spec)
    found = payload_of(outcome)
    assert list(found) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (found["errorMessage"], found["errorType"]) == ("'x'", "KeyError")
    assert [frame.split(", line")[1][:16] for frame in found["stackTrace"]] == [
        " 4, in handler\n ",
        " 2, in inner\n   ",
    ]
    assert (outcome.function_error, outcome.status) == ("Unhandled", "ok")
    assert b"[ERROR] KeyError: 'x'\nTraceback (most recent call last):\n" in outcome.log


@pytest.mark.parametrize(
    ("handler", "code", "kind", "message"),
    [
        ("gone.handler", "", "Runtime.ImportModuleError", "Unable to import module 'gone': No module named 'gone'"),
        (
            "app.handler",
            "import nothing_like_it",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'nothing_like_it'",
        ),
        ("app.absent", "", "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'app'"),
        (
            "app",
            "",
            "Runtime.MalformedHandlerName",
            "Bad handler 'app': not enough values to unpack (expected 2, got 1)",
        ),
        (
            "app.handler",
            "def handler(:",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': invalid syntax (app.py, line 1)",
        ),
        ("app.handler", "1 / 0", "ZeroDivisionError", "division by zero"),
    ],
)
def test_a_start_that_fails_says_why(best_host: Any, handler: str, code: str, kind: str, message: str) -> None:
    outcome = best_host.invoke(best_host.function(code or "x = 1", handler=handler))
    found = payload_of(outcome)
    assert (found["errorType"], found["errorMessage"]) == (kind, message)
    assert outcome.function_error == "Unhandled"
    for phase in ("init", "invoke"):
        assert f"Phase: {phase}\tStatus: error\tError Type: {kind}\n".encode() in outcome.log


def test_values_json_cannot_carry_are_a_marshal_error(best_host: Any) -> None:
    outcome = best_host.invoke(best_host.function("def handler(event, context):\n    return {1, 2}"))
    found = payload_of(outcome)
    assert found["errorType"] == "Runtime.MarshalError"
    assert found["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


def test_an_event_that_is_no_json_is_an_unmarshal_error(best_host: Any) -> None:
    outcome = best_host.invoke(best_host.function("def handler(event, context): pass"), b"{nope")
    assert payload_of(outcome)["errorType"] == "Runtime.UnmarshalError"


def test_decimals_are_answered_as_numbers(best_host: Any) -> None:
    code = "from decimal import Decimal as D\ndef handler(event, context):\n    return [D('2'), D('2.5')]"
    assert best_host.invoke(best_host.function(code)).payload == b"[2, 2.5]"


def test_logging_is_set_up_as_on_AWS(best_host: Any) -> None:
    code = """
        import logging
        logging.getLogger().setLevel("INFO")
        def handler(event, context):
            logging.info("counted %d", 3)
            logging.debug("never seen")
            print("printed")
            print("without an end of line", end="")
    """
    outcome = best_host.invoke(best_host.function(code))
    request_id = re.search(rb"START RequestId: (\S+)", outcome.log)[1]
    stamp = rb"\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t"
    assert re.search(stamp + re.escape(request_id) + rb"\tcounted 3\nprinted\nwithout an end of lineEND", outcome.log)
    assert b"never seen" not in outcome.log


def test_json_logging_carries_the_request_id(best_host: Any) -> None:
    code = "import logging\ndef handler(event, context):\n    logging.warning('careful', extra={'order': 7})"
    outcome = best_host.invoke(best_host.function(code, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"}))
    line = json.loads(next(line for line in outcome.log.splitlines() if line.startswith(b"{")))
    assert (line["level"], line["message"], line["order"]) == ("WARNING", "careful", 7)
    assert line["requestId"].encode() in outcome.log.splitlines()[1]


def test_the_report_line_is_AWSs(best_host: Any) -> None:
    spec = best_host.function("def handler(event, context): pass")
    cold, warm = best_host.invoke(spec), best_host.invoke(spec)
    number = r"\d+\.\d\d ms\t"
    common = rf"Duration: {number}Billed Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\t"
    pattern = rf"END RequestId: (\S+)\nREPORT RequestId: \1\t{common}"
    assert re.search(rf"{pattern}Init Duration: {number}\n\Z", cold.log.decode())
    assert re.search(rf"{pattern}\n\Z", warm.log.decode())


def test_a_function_that_asks_for_another_python_is_told(best_host: Any) -> None:
    outcome = best_host.invoke(best_host.function("def handler(event, context): pass", runtime="python3.99"))
    assert re.match(rb"INIT_START Runtime Version: python:3\.\d+\.\d+ \(asked for: python3\.99\)\n", outcome.log)


def test_a_function_that_exits_is_a_runtime_exit_error(host: Any) -> None:
    spec = host.function("import sys\ndef handler(event, context):\n    print('last words')\n    sys.exit(event)")
    outcome = host.invoke(spec, b"3")
    found = payload_of(outcome)
    assert found["errorType"] == "Runtime.ExitError"
    assert re.fullmatch(r"RequestId: \S+ Error: Runtime exited with error: exit status 3", found["errorMessage"])
    assert (outcome.function_error, outcome.status) == ("Unhandled", "crashed")
    assert b"last words\n" in outcome.log
    assert payload_of(host.invoke(spec, b"0"))["errorMessage"].endswith("Runtime exited without providing a reason")


def test_a_function_that_kills_itself_is_reported_by_its_signal(host: Any) -> None:
    spec = host.function("import os\ndef handler(event, context):\n    os.kill(os.getpid(), event)")
    assert payload_of(host.invoke(spec, b"11"))["errorMessage"].endswith("signal: segmentation fault")
    assert payload_of(host.invoke(spec, b"9"))["errorMessage"].endswith("signal: killed")


def test_a_function_that_takes_too_long_is_stopped(host: Any) -> None:
    code = "import time\ndef handler(event, context):\n    print('started')\n    time.sleep(60)"
    outcome = host.invoke(host.function(code, timeout_ms=300))
    found = payload_of(outcome)
    assert found["errorType"] == "Sandbox.Timedout"
    assert re.fullmatch(r"RequestId: \S+ Error: Task timed out after 0\.30 seconds", found["errorMessage"])
    assert (outcome.status, outcome.billed_ms) == ("timeout", 300)
    assert b"started\n" in outcome.log and b"Task timed out after 0.30 seconds\n\n" in outcome.log
    assert b"Duration: 300.00 ms\tBilled Duration: 300 ms\t" in outcome.log and b"\tStatus: timeout" in outcome.log


def test_an_answer_of_more_than_6_MB_is_refused(best_host: Any) -> None:
    spec = best_host.function("def handler(event, context):\n    return 'x' * event")
    fits = best_host.invoke(spec, b"6291554")  # and two quotation marks
    assert len(fits.payload) == 6_291_556 and fits.function_error is None
    outcome = best_host.invoke(spec, b"6291555")
    text = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    assert payload_of(outcome) == {"errorMessage": text, "errorType": "Function.ResponseSizeTooLarge"}
    assert best_host.invoke(spec, b"1").payload == b'"x"'  # the environment lives on


def test_of_a_flood_of_output_the_last_megabyte_is_kept(best_host: Any) -> None:
    code = "def handler(event, context):\n    for n in range(40_000):\n        print(f'{n:-<99}')"
    outcome = best_host.invoke(best_host.function(code))
    assert 1_000_000 < len(outcome.log) <= (1 << 20) + 500
    assert b"\n39999-" in outcome.log and b"\n0---" not in outcome.log


def test_layers_are_merged_in_order_and_importable(best_host: Any) -> None:
    first, second = (
        best_host.function(
            files={"python/both.py": f"name = '{name}'", f"python/only_{name}.py": "", f"{name}.txt": name}
        )
        for name in ("first", "second")
    )
    code = """
        import both, only_first, only_second, os
        def handler(event, context):
            opt = os.path.dirname(os.path.dirname(both.__file__))
            return [both.name, sorted(n for n in os.listdir(opt) if n.endswith("txt"))]
    """
    spec = best_host.function(code, layer_dirs=(first.code_dir, second.code_dir))
    assert payload_of(best_host.invoke(spec)) == ["second", ["first.txt", "second.txt"]]
    alone = best_host.function("import both\ndef handler(e, c):\n    return both.name", layer_dirs=(first.code_dir,))
    assert payload_of(best_host.invoke(alone)) == "first"


def test_a_package_with_its_own_boto3_gets_that_one(host: Any) -> None:
    code = "import boto3\ndef handler(event, context):\n    return boto3.name"
    assert payload_of(host.invoke(host.function(code, {"boto3/__init__.py": "name = 'my own'"}))) == "my own"


def test_a_function_sees_boto3_and_nothing_of_the_node(host: Any) -> None:
    code = """
        import importlib.util, boto3
        def handler(event, context):
            names = "boto3", "cloudlet", "uvloop", "rocksdict", "pytest"
            return [importlib.util.find_spec(name) is not None for name in names]
    """
    assert payload_of(host.invoke(host.function(code))) == [True, False, False, False, False]


def test_a_new_client_is_made_in_the_region_of_the_function(best_host: Any) -> None:
    code = """
        import boto3
        client = boto3.client("s3")
        table = boto3.resource("dynamodb").Table("orders")
        def handler(event, context):
            credentials = client._request_signer._credentials.get_frozen_credentials()
            meta = client.meta
            return [meta.region_name, meta.endpoint_url, table.meta.client.meta.region_name, credentials.token]
    """
    found = payload_of(best_host.invoke(best_host.function(code, region="eu-west-1")))
    assert found == ["eu-west-1", "http://127.0.0.1:4566", "eu-west-1", "token"]


def test_a_start_that_takes_too_long_is_tried_again_on_the_calls_time(best_host: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("cloudlet.runtime.environment._INIT_S", 0.2)
    code = "import time\ntime.sleep(0.6)\ndef handler(event, context):\n    return 'late'"
    outcome = best_host.invoke(best_host.function(code))
    assert payload_of(outcome) == "late" and b"\tPhase: init\tStatus: timeout\n" in outcome.log
    outcome = best_host.invoke(best_host.function(code, timeout_ms=200))
    assert outcome.status == "timeout" and payload_of(outcome)["errorType"] == "Sandbox.Timedout"


def test_a_start_that_fails_is_tried_again_on_the_calls_time(best_host: Any, monkeypatch: Any) -> None:
    code = """
        import os, time
        if os.path.exists(os.environ["LAMBDA_TASK_ROOT"] + "/down"):
            raise ConnectionError("the database is down")
        time.sleep(0.1)
        def handler(event, context):
            return context.get_remaining_time_in_millis()
    """
    spec = best_host.function(code, {"down": ""}, timeout_ms=5000)
    start, starts = best_host.runtime._start_instance, []

    async def counted(*arguments: Any) -> Any:
        starts.append(1)
        if len(starts) == 2:
            (spec.code_dir / "down").unlink()
        return await start(*arguments)

    monkeypatch.setattr(best_host.runtime, "_start_instance", counted)
    outcome = best_host.invoke(spec)
    assert outcome.status == "ok" and payload_of(outcome) <= 4900, "the second start is the call's own time"
    assert outcome.duration_ms >= 100 and outcome.init_ms is None
    assert b"\tPhase: init\tStatus: error\tError Type: ConnectionError\n" in outcome.log
    assert payload_of(best_host.invoke(spec)) > 4900 and len(starts) == 2, "the environment lives on"


def test_environments_do_not_share_random_numbers(best_host: Any) -> None:
    code = "import random, uuid\ndef handler(event, context):\n    return [random.random(), str(uuid.uuid4())]"
    first, second = (payload_of(best_host.invoke(best_host.function(code))) for _ in range(2))
    assert first[0] != second[0] and first[1] != second[1]
