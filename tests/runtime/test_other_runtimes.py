"""Node.js functions, custom runtimes and packages that must start by exec."""

import json
import os
import re
import shutil
import sys
from typing import Any

import pytest

from cloudlet.runtime.environment import SandboxUnavailable

node_is_here = pytest.mark.skipif(
    shutil.which("node") is None and not os.environ.get("CLOUDLET_REQUIRE_ALL"),
    reason="Node.js is not installed (nodejs)",
)


def answer(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def node(host: Any, code: str, name: str = "app.mjs", **facts: Any) -> Any:
    return host.function(files={name: code}, runtime="nodejs20.x", timeout_ms=20_000, **facts)


@node_is_here
def test_a_node_handler_gets_its_event_and_its_answer_comes_back(host: Any) -> None:
    spec = node(host, "export const handler = async (event) => ({ got: event });")
    outcome = host.invoke(spec, b'{"a": [1, "\\u00fc"]}')
    assert answer(outcome) == {"got": {"a": [1, "ü"]}} and outcome.function_error is None
    assert answer(host.invoke(spec, b"2")) == {"got": 2}  # in the same environment
    assert re.match(rb"INIT_START Runtime Version: nodejs:\d+", outcome.log)


@node_is_here
def test_a_node_callback_answers_when_nothing_is_left_to_do(best_host: Any) -> None:
    code = """
        let late = "no";
        exports.handler = (event, context, callback) => {
          if (event.hurry) context.callbackWaitsForEmptyEventLoop = false;
          setTimeout(() => { late = "yes"; console.log("late"); }, 50);
          callback(null, { name: context.functionName });
        };
    """
    spec = node(best_host, code, "app.js")
    outcome = best_host.invoke(spec, b"{}")
    assert answer(outcome) == {"name": spec.function_name} and b"\tINFO\tlate\n" in outcome.log
    assert b"\tlate\n" not in best_host.invoke(spec, b'{"hurry": true}').log


@node_is_here
def test_a_node_error_is_described_as_AWS_does(best_host: Any) -> None:
    code = """
        export const handler = async (event) => {
          console.error("about to", { n: 1 });
          throw new TypeError("bad input");
        };
    """
    outcome = best_host.invoke(node(best_host, code))
    found = answer(outcome)
    assert (found["errorType"], found["errorMessage"]) == ("TypeError", "bad input")
    assert found["trace"][0] == "TypeError: bad input" and "/var/task/app.mjs" in found["trace"][1]
    assert outcome.function_error == "Unhandled"
    assert b"\tERROR\tabout to { n: 1 }\n" in outcome.log and b"\tERROR\tInvoke Error \t{" in outcome.log


@node_is_here
@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("gone.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'gone'"),
        ("app.absent", "Runtime.HandlerNotFound", "app.absent is undefined or not exported"),
        ("app", "Runtime.MalformedHandlerName", "Bad handler"),
    ],
)
def test_a_node_start_that_fails_says_why(best_host: Any, handler: str, kind: str, message: str) -> None:
    found = answer(best_host.invoke(node(best_host, "export const x = 1;", handler=handler)))
    assert (found["errorType"], found["errorMessage"]) == (kind, message)


@node_is_here
def test_a_node_function_that_never_answers_is_stopped(best_host: Any) -> None:
    spec = node(best_host, "export const handler = async () => new Promise(() => setInterval(() => {}, 1000));")
    spec = type(spec)(**{**spec.__dict__, "timeout_ms": 300})
    assert answer(best_host.invoke(spec))["errorType"] == "Sandbox.Timedout"


CURL_LOOP = f"""#!{sys.base_prefix}/bin/python3
import http.client, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    body = event.read()
    path = "/2018-06-01/runtime/invocation/" + event.headers["Lambda-Runtime-Aws-Request-Id"]
    if body == b'"chunked"':
        api.request("POST", path + "/response", iter([b"in ", b"pieces"]), encode_chunked=True,
                    headers={{"Transfer-Encoding": "chunked"}})
    elif body == b'"fail"':
        api.request("POST", path + "/error", b'{{"errorMessage": "m", "errorType": "Mine"}}',
                    headers={{"Lambda-Runtime-Function-Error-Type": "Mine"}})
    elif body == b'"wrong"':
        api.request("POST", "/2018-06-01/runtime/invocation/other/response", b"x")
        first = api.getresponse()
        text = first.read()
        api.request("POST", path + "/response", b"%d %s" % (first.status, text))
    else:
        api.request("POST", path + "/response", os.environ["_HANDLER"].encode() + b" got " + body)
    api.getresponse().read()
"""


@pytest.mark.parametrize("place", ["code", "layer"])
def test_a_custom_runtime_is_the_bootstrap_of_the_package_or_a_layer(best_host: Any, place: str) -> None:
    code = best_host.function(files={"bootstrap" if place == "code" else "nothing": CURL_LOOP})
    layer = best_host.function(files={"bootstrap": CURL_LOOP})
    layers = (layer.code_dir,) if place == "layer" else ()
    facts = {"code_dir": code.code_dir, "layer_dirs": layers, "runtime": "provided.al2023", "handler": "any"}
    spec = best_host.function(**facts)
    assert best_host.invoke(spec, b"1").payload == b"any got 1"
    assert best_host.invoke(spec, b'"chunked"').payload == b"in pieces"
    failed = best_host.invoke(spec, b'"fail"')
    assert (answer(failed)["errorType"], failed.function_error) == ("Mine", "Unhandled")
    refused = best_host.invoke(spec, b'"wrong"').payload
    assert refused == b'400 {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}'


def test_a_custom_runtime_without_bootstrap_says_so(best_host: Any) -> None:
    outcome = best_host.invoke(best_host.function("", {"readme": "x"}, runtime="provided.al2023"))
    text = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    assert answer(outcome)["errorType"] == "Runtime.InvalidEntrypoint"
    assert answer(outcome)["errorMessage"].endswith(f" Error: {text}") and text.encode() in outcome.log


def test_a_runtime_we_do_not_have_is_refused_by_name(best_host: Any) -> None:
    reason = "java21 does not run here; python*, nodejs* and provided* do"
    assert best_host.runtime.why_not("java21") == reason
    assert best_host.runtime.why_not("provided.al2023") is None
    with pytest.raises(SandboxUnavailable, match=re.escape(reason)):
        best_host.invoke(best_host.function("x = 1", runtime="java21"))
    best_host.settle()
    assert best_host.runtime.stats()["environments"] == len(best_host.runtime._instances)
