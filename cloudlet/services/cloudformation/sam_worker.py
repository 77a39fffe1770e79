"""Templates are read in a process of their own: YAML of a megabyte, the SAM translator (half a second to import), and
patterns from strangers must not stop the node. Values go in and come out, as JSON behind a length.

`TemplateWorker` is the node's side; `main` is the worker's, which has no secrets, no network use and no store.

AWS's words for SAM's refusals: https://github.com/aws/serverless-application-model
"""

import atexit
import contextlib
import json
import logging
import os
import resource
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cloudlet.base.errors import AwsError, InternalFailure, aws_error
from cloudlet.base.lazy import lazy
from cloudlet.services.cloudformation.template import prepare as preparing
from cloudlet.services.cloudformation.template.document import SERVERLESS
from cloudlet.services.cloudformation.template.errors import NotSupported, TransformError
from cloudlet.services.cloudformation.template.load import S3_BYTES_MAX
from cloudlet.services.cloudformation.template.parameters import Given
from cloudlet.services.cloudformation.template.prepare import Plan, Planned, Pseudo

_transform = lazy("samtranslator.translator.transform", "aws-sam-translator")
_exceptions = lazy("samtranslator.model.exceptions", "aws-sam-translator")
_arns = lazy("samtranslator.translator.arn_generator", "aws-sam-translator")
_policies = lazy("samtranslator.internal.managed_policies", "aws-sam-translator")

JOB_SECONDS_MAX = 30.0
IDLE_SECONDS_MAX = 120.0  # then the worker leaves; the next job starts another
JOBS_MAX = 500  # then it is replaced, so that whatever the libraries hold on to is freed
MEMORY_BYTES_MAX = 2 << 30
_LENGTH = struct.Struct(">I")

# The worker starts without the node's environment and finds its modules where the node found them.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from cloudlet.services.cloudformation.sam_worker import main; main()"
)


# ── the node's side ──────────────────────────────────────────────────────────────────────────────────────────────────


class TemplateWorker:
    """One job at a time, and it blocks: call it from a thread. A job that hangs or crashes costs its process only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs = 0
        atexit.register(self.close)

    def prepare(
        self,
        text: str,
        given: list[Given],
        previous: Mapping[str, str] | None,
        pseudo: Pseudo,
        bytes_max: int = S3_BYTES_MAX,
    ) -> Plan:
        job = {
            "job": "prepare",
            "text": text,
            "given": [asdict(entry) for entry in given],
            "previous": None if previous is None else dict(previous),
            "pseudo": asdict(pseudo),
            "bytes_max": bytes_max,
        }
        return plan_from(self.run(job))

    def validate(self, text: str, bytes_max: int = S3_BYTES_MAX) -> dict[str, Any]:
        """GetTemplateSummary's facts."""
        return self.run({"job": "validate", "text": text, "bytes_max": bytes_max})

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """A job's value; raises the AwsError that it ended with."""
        request = json.dumps(job).encode()
        with self._lock:
            answer = self._exchange(request)
            if answer is None:  # it left just now, being idle or full of years: once more with a new one
                answer = self._exchange(request)
        if answer is None:
            raise InternalFailure("The template's worker process ended unexpectedly.")
        if "error" in answer:
            raise aws_error(answer["error"]["code"], answer["error"]["message"], answer["error"]["status"])
        return answer["value"]

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin and process.stdout
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

    def _exchange(self, request: bytes) -> dict[str, Any] | None:
        process = self._started()
        assert process.stdin and process.stdout
        deadline = time.monotonic() + JOB_SECONDS_MAX
        try:
            process.stdin.write(_LENGTH.pack(len(request)) + request)
            process.stdin.flush()
            header = _read(process.stdout.fileno(), _LENGTH.size, deadline)
            answer = _read(process.stdout.fileno(), _LENGTH.unpack(header)[0], deadline)
        except (BrokenPipeError, EOFError):
            self.close()
            return None
        except TimeoutError:
            self.close()
            raise InternalFailure(f"The template could not be read within {JOB_SECONDS_MAX:.0f} s.") from None
        self._jobs += 1
        return json.loads(answer)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and (self._process.poll() is not None or self._jobs >= JOBS_MAX):
            self.close()
        if self._process is None:
            self._jobs = 0
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={"AWS_EC2_METADATA_DISABLED": "true", "LANG": "C.UTF-8"},
                cwd="/",
            )
        return self._process


def _read(fd: int, count: int, deadline: float) -> bytes:
    """`count` bytes; TimeoutError after the deadline, EOFError if the other side is gone."""
    ready = select.poll()  # not select(): a node may have more than 1,024 descriptors open
    ready.register(fd, select.POLLIN)
    parts = []
    while count:
        if not ready.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def plan_from(value: Mapping[str, Any]) -> Plan:
    """A plan that went through JSON."""
    return Plan(**{**value, "resources": [Planned(**resource) for resource in value["resources"]]})


# ── the worker's side ────────────────────────────────────────────────────────────────────────────────────────────────


def main() -> None:
    """Answer jobs from standard input until it closes, or nobody asks for a while."""
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    logging.disable(logging.CRITICAL)  # the translator complains of metrics that nobody wants
    requests, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    while True:
        try:
            header = _read(requests, _LENGTH.size, time.monotonic() + IDLE_SECONDS_MAX)
            job = json.loads(_read(requests, _LENGTH.unpack(header)[0], time.monotonic() + JOB_SECONDS_MAX))
        except (EOFError, TimeoutError):
            return
        answer = json.dumps(answer_to(job)).encode()
        with os.fdopen(os.dup(answers), "wb") as out:
            out.write(_LENGTH.pack(len(answer)) + answer)


def answer_to(job: dict[str, Any]) -> dict[str, Any]:
    """{"value": …} or {"error": …}."""
    try:
        return {"value": _done(job)}
    except AwsError as error:
        return {"error": {"code": error.code, "status": error.status, "message": error.message}}
    except RecursionError:
        message = "Template format error: the template is nested too deep"
        return {"error": {"code": "ValidationError", "status": 400, "message": message}}


def _done(job: dict[str, Any]) -> dict[str, Any]:
    if job["job"] == "validate":
        return preparing.validate(job["text"], job["bytes_max"])
    given = [Given(**entry) for entry in job["given"]]
    pseudo = Pseudo(**{**job["pseudo"], "notification_arns": tuple(job["pseudo"]["notification_arns"])})
    return asdict(preparing.prepare(job["text"], given, job["previous"], pseudo, serverless, job["bytes_max"]))


class _ManagedPolicies:
    """AWS's own managed policies by name, as the translator wants them: from its own list, without asking IAM."""

    def __init__(self, partition: str) -> None:
        self._partition = partition

    def load(self) -> dict[str, str]:
        return _policies.get_bundled_managed_policy_map(self._partition) or {}


def serverless(document: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The document with its AWS::Serverless resources translated; `values` are the parameters, pseudo ones too."""
    for name, raw in document.get("Resources", {}).items():
        if isinstance(raw, dict) and raw.get("Type") == "AWS::Serverless::Application":
            raise NotSupported(feature=f"cloudformation: AWS::Serverless::Application ({name})", module="prepare")
    os.environ["AWS_DEFAULT_REGION"] = values["AWS::Region"]
    _arns._get_region_from_session.cache_clear()  # it remembers the first region it saw
    _arns._region_to_partition.cache_clear()
    parameters = {name: ",".join(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        translated = _transform.transform(document, parameters, _ManagedPolicies(values["AWS::Partition"]))
    except _exceptions.InvalidDocumentException as error:
        reason = " ".join([error.message, *(cause.message for cause in error.causes)])
        raise TransformError(transform=SERVERLESS, reason=reason) from None
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:  # a template it did not expect
        print(f"the SAM translator failed: {error!r}", file=sys.stderr)
        raise TransformError(transform=SERVERLESS, reason="Internal transform failure.") from error
    translated.pop("Globals", None)
    return json.loads(json.dumps(translated))
