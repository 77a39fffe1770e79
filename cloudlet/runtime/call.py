"""How a call ended, in AWS's words: the payload, the log lines and the figures of an Outcome."""

import datetime
import json
from typing import NamedTuple

from cloudlet.runtime import report
from cloudlet.runtime.instance import Ending, Instance, new_log_stream
from cloudlet.runtime.log_ring import LOG_BYTES_MAX
from cloudlet.runtime.model import FunctionSpec, Invocation, Outcome
from cloudlet.runtime.runtime_api import RESPONSE_BYTES_MAX, Answer


class Verdict(NamedTuple):
    payload: bytes
    function_error: str | None
    status: str
    report_status: str  # appended to the REPORT line
    log: bytes = b""  # what AWS itself writes into the function's log


def headers(invocation: Invocation, deadline_ms: int) -> dict[str, str]:
    """What comes with an event besides its id."""
    found = {
        "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.invoked_function_arn,
    }
    if invocation.trace_id:
        found["Lambda-Runtime-Trace-Id"] = invocation.trace_id
    if invocation.client_context:
        found["Lambda-Runtime-Client-Context"] = _header_json(invocation.client_context)
    return found


def _header_json(text: str) -> str:
    """JSON as one line of ASCII, which every HTTP library reads alike."""
    try:
        return json.dumps(json.loads(text))
    except ValueError:
        return " ".join(text.encode("ascii", "replace").decode().split())


def init_start_line(spec: FunctionSpec, version: str) -> bytes:
    """AWS's line for a new environment. Where the host's interpreter is another one than asked for, it says so."""
    note = (
        "" if not version or f"{spec.runtime}.".startswith(f"{_short(version)}.") else f" (asked for: {spec.runtime})"
    )
    return f"INIT_START Runtime Version: {version or spec.runtime}{note}\n".encode()


def _short(version: str) -> str:
    """python:3.11.7 → python3.11, nodejs:20.1.0 → nodejs20: as AWS names runtimes."""
    language, _, number = version.partition(":")
    return language + ".".join(number.split(".")[: 2 if language == "python" else 1])


def ended(instance: Instance, invocation: Invocation, ending: Ending, init_ms: float | None, log: bytes) -> Outcome:
    """The Outcome of a call that reached the runtime."""
    spec, request_id = instance.spec, invocation.request_id
    verdict = _verdict(instance, request_id, ending)
    used_mb = instance.memory_used_mb()
    used_mb = spec.memory_mb if ending.kind == "oom" else min(used_mb, spec.memory_mb)
    stream = instance.log_stream
    return _outcome(spec, request_id, verdict, ending.seconds * 1000, used_mb, init_ms, log, stream)


def failed_first_start(instance: Instance, invocation: Invocation, ending: Ending) -> bytes:
    """What the log says of a start that is tried again."""
    if ending.kind == "timeout":
        return report.init_report_line(ending.seconds * 1000, "init", "timeout")
    kind, _ = _start_verdict(instance, invocation.request_id, ending)
    return report.init_report_line(ending.seconds * 1000, "init", "error", kind)


def failed_start(instance: Instance, invocation: Invocation, ending: Ending, log: bytes) -> Outcome:
    """The Outcome of a call whose environment could not start, the second time either."""
    spec, request_id = instance.spec, invocation.request_id
    kind, verdict = _start_verdict(instance, request_id, ending)
    log += report.init_report_line(ending.seconds * 1000, "invoke", "error", kind)
    log += report.start_line(request_id, spec.version)
    used_mb = min(instance.memory_used_mb(), spec.memory_mb)
    stream = instance.log_stream
    return _outcome(spec, request_id, verdict, ending.seconds * 1000, used_mb, None, log, stream)


def _start_verdict(instance: Instance, request_id: str, ending: Ending) -> tuple[str, Verdict]:
    """The type of error that ended a start, and all that is to be said."""
    init_error = instance.api.init_error
    if init_error is None:
        verdict = _verdict(instance, request_id, ending)
        return json.loads(verdict.payload)["errorType"], verdict
    kind = init_error.error_type or "Runtime.Unknown"
    payload = report.with_request_id(init_error.payload, request_id)
    return kind, Verdict(payload, "Unhandled", "crashed", f"Status: error\tError Type: {kind}")


def cannot_start(spec: FunctionSpec, invocation: Invocation, kind: str, text: str, log: bytes) -> Outcome:
    """The Outcome of a call whose function has nothing that could start."""
    request_id = invocation.request_id
    log += report.init_report_line(0, "init", "error", kind) + report.start_line(request_id, spec.version)
    verdict = _crash(request_id, kind, text, "crashed")
    return _outcome(spec, request_id, verdict, 0, 0, None, log, new_log_stream(spec))


def _outcome(
    spec: FunctionSpec,
    request_id: str,
    verdict: Verdict,
    duration_ms: float,
    used_mb: int,
    init_ms: float | None,
    log: bytes,
    log_stream: str,
) -> Outcome:
    if verdict.status == "timeout":
        duration_ms = float(spec.timeout_ms)
    log = (log + verdict.log)[-LOG_BYTES_MAX:] + report.end_line(request_id)
    log += report.report_line(request_id, duration_ms, spec.memory_mb, used_mb, init_ms, verdict.report_status)
    billed_ms = report.billed_ms(duration_ms)
    return Outcome(
        verdict.payload,
        verdict.function_error,
        log,
        duration_ms,
        billed_ms,
        init_ms,
        used_mb,
        verdict.status,
        log_stream,
    )


def _verdict(instance: Instance, request_id: str, ending: Ending) -> Verdict:
    if ending.kind == "oom":
        kind, text = "Runtime.OutOfMemory", report.exit_text(-9)
        return _crash(request_id, kind, text, "oom")
    if ending.kind == "timeout":
        text = report.timed_out_text(instance.spec.timeout_ms)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        payload = report.failure(request_id, "Sandbox.Timedout", text)
        return Verdict(payload, "Unhandled", "timeout", "Status: timeout", f"{now} {request_id} {text}\n\n".encode())
    if instance.api.answer is not None:  # also of a runtime that ended right after its answer
        return _answered(instance.api.answer)
    return _crash(request_id, "Runtime.ExitError", report.exit_text(instance.exit_code), "crashed")


def _answered(answer: Answer) -> Verdict:
    if answer.too_large:
        kind = "Function.ResponseSizeTooLarge"
        text = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
        payload = json.dumps({"errorMessage": text, "errorType": kind}).encode()
        return Verdict(payload, "Unhandled", "ok", f"Status: error\tError Type: {kind}")
    if answer.error_type is not None:
        return Verdict(answer.payload, "Unhandled", "ok", "")
    return Verdict(answer.payload, None, "ok", "")


def _crash(request_id: str, kind: str, text: str, status: str) -> Verdict:
    log = f"RequestId: {request_id} Error: {text}\n{kind}\n".encode()
    payload = report.failure(request_id, kind, text)
    return Verdict(payload, "Unhandled", status, f"Status: error\tError Type: {kind}", log)


def time_left_s(
    invocation: Invocation, spec: FunctionSpec, asked_ms: int, now_ms: int, spent_ms: float
) -> tuple[int, float]:
    """The deadline told to the runtime (wall), and the seconds until then. A cold start does not count, but for the
    second one, which spent some of the call's own time."""
    promised = invocation.deadline_ms or asked_ms + spec.timeout_ms
    deadline_ms = promised + (now_ms - asked_ms) - int(spent_ms)
    left_ms = min(deadline_ms - now_ms, spec.timeout_ms - spent_ms)
    return deadline_ms, max(left_ms, 1) / 1000
