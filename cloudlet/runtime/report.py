"""The words AWS puts into a function's log and into the error a caller gets. Pure text."""

import json
import math

_SIGNALS = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    5: "trace/breakpoint trap",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    13: "broken pipe",
    15: "terminated",
    24: "CPU time limit exceeded",
    25: "file size limit exceeded",
    31: "bad system call",
}


def start_line(request_id: str, version: str) -> bytes:
    return f"START RequestId: {request_id} Version: {version}\n".encode()


def end_line(request_id: str) -> bytes:
    return f"END RequestId: {request_id}\n".encode()


def report_line(
    request_id: str,
    duration_ms: float,
    memory_mb: int,
    memory_used_mb: int,
    init_ms: float | None = None,
    status: str = "",
) -> bytes:
    """`status`: what AWS appends for a call that did not end by an answer, such as "Status: timeout"."""
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {billed_ms(duration_ms)} ms",
        f"Memory Size: {memory_mb} MB",
        f"Max Memory Used: {memory_used_mb} MB",
    ]
    if init_ms is not None:
        parts.append(f"Init Duration: {init_ms:.2f} ms")
    if status:
        parts.append(status)
    return ("\t".join(parts) + "\t\n").encode()


def init_report_line(init_ms: float, phase: str, status: str, error_type: str = "") -> bytes:
    """The line for a start that failed; `phase`: "init", or "invoke" for the second one, on the call's time."""
    kind = f"\tError Type: {error_type}" if error_type else ""
    return f"INIT_REPORT Init Duration: {init_ms:.2f} ms\tPhase: {phase}\tStatus: {status}{kind}\n".encode()


def billed_ms(duration_ms: float) -> int:
    return max(math.ceil(round(duration_ms, 2)), 1)


def exit_text(exit_code: int | None) -> str:
    """`exit_code` as subprocess gives it: negative = signal; None = killed from outside."""
    if exit_code is None:
        return "Runtime exited with error: signal: killed"
    if exit_code < 0:
        return f"Runtime exited with error: signal: {_SIGNALS.get(-exit_code, f'signal {-exit_code}')}"
    if exit_code > 0:
        return f"Runtime exited with error: exit status {exit_code}"
    return "Runtime exited without providing a reason"


def failure(request_id: str, kind: str, text: str) -> bytes:
    message = f"RequestId: {request_id} Error: {text}"
    return json.dumps({"errorType": kind, "errorMessage": message}, separators=(",", ":")).encode()


def timed_out_text(timeout_ms: int) -> str:
    return f"Task timed out after {timeout_ms / 1000:.2f} seconds"


def with_request_id(payload: bytes, request_id: str) -> bytes:
    """The error a start ended with, as the call that caused the start gets it."""
    try:
        facts = json.loads(payload)
    except ValueError:
        return payload
    if not isinstance(facts, dict) or "requestId" in facts:
        return payload
    trace = {"stackTrace": facts.pop("stackTrace")} if "stackTrace" in facts else {}
    return json.dumps({**facts, "requestId": request_id, **trace}).encode()
