"""The Python runtime: takes calls from the Lambda Runtime API and hands them to the handler, as AWS's own does.

Runs inside the environment, forked from the zygote or by exec as /var/runtime/bootstrap.py: the standard library only,
and nothing of ours. What it does follows the documented contract:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, …/python-handler.html, -context, -logging, -exceptions.
"""

import decimal
import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

_API = "/2018-06-01/runtime"

Invocation = tuple[dict[str, str], bytes]  # what came with a call, and its event


class RuntimeFault(Exception):
    """An error of ours about the function's package or its values, under AWS's name for it."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind, self.trace = kind, trace or []


class RuntimeApi:
    """HTTP/1.1 over one connection. Our own few lines: a function that patches http.client then traces itself only."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.address = (host, int(port))
        self.connection: socket.socket | None = None
        self.unread = b""

    def next_invocation(self) -> Invocation:
        return self._request("GET", "/invocation/next", b"", {})[1:]

    def respond(self, request_id: str, body: bytes) -> Invocation:
        """Answer a call; the next one."""
        return self._end(f"/invocation/{request_id}/response", body, {"Content-Type": "application/json"})

    def fail(self, request_id: str, error: dict[str, Any]) -> Invocation:
        return self._end(f"/invocation/{request_id}/error", *_error_parts(error))

    def fail_init(self, error: dict[str, Any]) -> None:
        self._request("POST", "/init/error", *_error_parts(error))

    def _end(self, path: str, body: bytes, headers: dict[str, str]) -> Invocation:
        """One exchange for both, where the Runtime API knows the header and does not refuse the answer."""
        status, came_with, event = self._request("POST", path, body, {**headers, "Cloudlet-Then": "next"})
        return (came_with, event) if status == 200 else self.next_invocation()

    def _request(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        if self.connection is None:
            self.connection = socket.create_connection(self.address)
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.unread = b""
        lines = [f"{method} {_API}{path} HTTP/1.1", f"Host: {self.address[0]}:{self.address[1]}"]
        lines += [f"{name}: {value}" for name, value in {**headers, "Content-Length": str(len(body))}.items()]
        self.connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return self._response()

    def _response(self) -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in self.unread:
            self._receive()
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        line, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        parts, have = [self.unread], len(self.unread)
        while have < length:
            self.unread = b""
            self._receive()
            parts.append(self.unread)
            have += len(self.unread)
        whole = b"".join(parts)
        body, self.unread = whole[:length], whole[length:]
        if headers.get("connection", "").lower() == "close" and self.connection is not None:
            self.connection.close()
            self.connection = None
        status = int(line.split(" ")[1])
        if status // 100 not in (2, 4):
            raise ConnectionError(f"the Runtime API answered {line}")
        return status, headers, body

    def _receive(self) -> None:
        assert self.connection is not None
        data = self.connection.recv(1 << 18)
        if not data:
            raise ConnectionError("the Runtime API closed the connection")
        self.unread += data


def _error_parts(error: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": error["errorType"]}
    return json.dumps(error).encode(), headers


class CognitoIdentity:
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, facts: dict[str, str]) -> None:
        self.cognito_identity_id = facts.get("cognitoIdentityId")
        self.cognito_identity_pool_id = facts.get("cognitoIdentityPoolId")


class Client:
    __slots__ = ("app_package_name", "app_title", "app_version_code", "app_version_name", "installation_id")

    def __init__(self, facts: dict[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, facts.get(name))


class ClientContext:
    __slots__ = ("client", "custom", "env")

    def __init__(self, facts: dict[str, Any]) -> None:
        self.custom, self.env = facts.get("custom"), facts.get("env")
        self.client = Client(facts["client"]) if isinstance(facts.get("client"), dict) else None


class LambdaContext:
    """What a handler gets as `context`: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    def __init__(self, headers: dict[str, str]) -> None:
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.identity = CognitoIdentity(_json_header(headers, "lambda-runtime-cognito-identity"))
        client = _json_header(headers, "lambda-runtime-client-context")
        self.client_context = ClientContext(client) if client else None
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", "0"))

    def get_remaining_time_in_millis(self) -> int:
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))


def _json_header(headers: dict[str, str], name: str) -> dict[str, Any]:
    try:
        value = json.loads(headers.get(name) or "{}")
    except ValueError as error:
        raise RuntimeFault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {name}: {error}") from None
    return value if isinstance(value, dict) else {}


class _RequestIdFilter(logging.Filter):
    request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.request_id
        return True


class _TextFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
        )


class _JsonFormatter(logging.Formatter):
    """Lambda's JSON log format: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": getattr(record, "aws_request_id", ""),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["errorType"] = record.exc_info[0].__name__
            line["errorMessage"] = str(record.exc_info[1])
            line["stackTrace"] = traceback.format_tb(record.exc_info[2])
        line |= {name: value for name, value in record.__dict__.items() if name not in _RECORD_FIELDS}
        return json.dumps(line, default=str, ensure_ascii=False)


_RECORD_FIELDS = {*logging.makeLogRecord({}).__dict__, "aws_request_id", "message", "asctime"}


def _configure_logging() -> _RequestIdFilter:
    request_ids = _RequestIdFilter()
    as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonFormatter() if as_json else _TextFormatter())
    handler.addFilter(request_ids)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    if as_json and level:
        root.setLevel({"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}.get(level, level))
    return request_ids


def find_handler(name: str) -> Callable[[Any, LambdaContext], Any]:
    """The callable that `module.function` or `folder/module.function` names."""
    module_name, dot, attribute = name.rpartition(".")
    if not dot:
        problem = "not enough values to unpack (expected 2, got 1)"
        raise RuntimeFault("Runtime.MalformedHandlerName", f"Bad handler '{name}': {problem}")
    module_name = module_name.replace("/", ".")
    if module_name.partition(".")[0] in sys.builtin_module_names:
        raise RuntimeFault(
            "Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module"
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise RuntimeFault("Runtime.ImportModuleError", text) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        text = f"Syntax error in module '{module_name}': {error}"
        raise RuntimeFault("Runtime.UserCodeSyntaxError", text, trace) from None
    found = getattr(module, attribute, None)
    if found is None:
        raise RuntimeFault("Runtime.HandlerNotFound", f"Handler '{attribute}' missing on module '{module_name}'")
    return found


def _plain_number(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _to_json(value: Any) -> bytes:
    try:
        return json.dumps(value, default=_plain_number, ensure_ascii=sys.version_info < (3, 12)).encode()
    except Exception as error:
        raise RuntimeFault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _from_json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except Exception as error:
        raise RuntimeFault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def _frames(trace: TracebackType | None) -> list[str]:
    """The stack as text, without the frames of this file."""
    frames = [frame for frame in traceback.extract_tb(trace) if frame.filename != __file__]
    return traceback.format_list([frame for frame in frames if not frame.filename.startswith("<frozen importlib")])


def describe(error: BaseException, request_id: str | None) -> dict[str, Any]:
    """The error as the caller gets it."""
    if isinstance(error, RuntimeFault):
        kind, trace = error.kind, error.trace
    else:
        kind, trace = type(error).__name__, _frames(error.__traceback__)
    facts: dict[str, Any] = {"errorMessage": str(error), "errorType": kind}
    if request_id is not None:
        facts["requestId"] = request_id
    return {**facts, "stackTrace": trace}


def _log_error(facts: dict[str, Any]) -> None:
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        sys.stdout.write(json.dumps({"timestamp": stamp, "log_level": "ERROR", **facts}) + "\n")
        return
    text = f"[ERROR] {facts['errorType']}: {facts['errorMessage']}\nTraceback (most recent call last):\n"
    sys.stdout.write(text + "".join(facts["stackTrace"]))
    if facts["stackTrace"] and not facts["stackTrace"][-1].endswith("\n"):
        sys.stdout.write("\n")


def _prepare(environ: dict[str, str]) -> None:
    """The process as AWS leaves it to a function: paths, time zone, output by the line."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    task, opt = environ["LAMBDA_TASK_ROOT"], environ.get("CLOUDLET_OPT_DIR", "/opt")
    os.environ.pop("CLOUDLET_OPT_DIR", None)
    first = [task, f"{opt}/python/lib/{version}/site-packages", f"{opt}/python"]
    asked = [path for path in environ.get("PYTHONPATH", "").split(":") if path]
    runtime = environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime")
    rest = [path for path in sys.path if path not in (*first, *asked, runtime, "")]
    sys.path[:] = list(dict.fromkeys([*first, *asked, runtime, *rest]))
    sys.argv = [f"{runtime}/bootstrap.py"]
    time.tzset()
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        stream = open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115


def _serve(api: RuntimeApi, handler: Callable[[Any, LambdaContext], Any], request_ids: _RequestIdFilter) -> None:
    headers, payload = api.next_invocation()
    while True:
        request_id = headers["lambda-runtime-aws-request-id"]
        request_ids.request_id = request_id
        trace_id = headers.get("lambda-runtime-trace-id")
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        try:
            answer = _to_json(handler(_from_json(payload), LambdaContext(headers)))
        except Exception as error:
            facts = describe(error, request_id)
            _log_error(facts)
            sys.stdout.flush()
            headers, payload = api.fail(request_id, facts)
        else:
            sys.stdout.flush()
            headers, payload = api.respond(request_id, answer)


def run(environ: dict[str, str]) -> int:
    """Serve until the process is stopped; the exit status if the function ends it."""
    api = RuntimeApi(environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        _prepare(environ)
        request_ids = _configure_logging()
        try:
            handler = find_handler(environ["_HANDLER"])
        except Exception as error:
            facts = describe(error, None)
            _log_error(facts)
            sys.stdout.flush()
            api.fail_init(facts)
            return 1
        _serve(api, handler, request_ids)
    except SystemExit as ending:
        return _exit_status(ending)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _exit_status(ending: SystemExit) -> int:
    if ending.code is None or isinstance(ending.code, int):
        return (ending.code or 0) & 0xFF
    sys.stderr.write(f"{ending.code}\n")
    return 1


if __name__ == "__main__":
    sys.exit(run(dict(os.environ)))
