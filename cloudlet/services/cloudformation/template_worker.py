"""Templates are read in processes of their own: YAML of a megabyte, the SAM translator, patterns from strangers and
comparing two stacks of 500 resources must not stop the node. Values go in and come out, as msgpack behind a length.

`TemplateWorkers` is the node's side; `main` is a worker's, which has no secrets, no network use and no store.
"""

import atexit
import contextlib
import json
import logging
import os
import queue
import resource
import select
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from cloudlet.base.errors import AwsError, InternalFailure, aws_error
from cloudlet.services.cloudformation.changes import Foreseen, Known, foresee
from cloudlet.services.cloudformation.prepared import PreparedPlan, prepared
from cloudlet.services.cloudformation.serverless import serverless
from cloudlet.services.cloudformation.template import prepare as preparing
from cloudlet.services.cloudformation.template.load import S3_BYTES_MAX
from cloudlet.services.cloudformation.template.parameters import Given
from cloudlet.services.cloudformation.template.patterns import TooSlow
from cloudlet.services.cloudformation.template.prepare import Pseudo

WORKERS_MAX = 2
JOB_SECONDS_MAX = 30.0
IDLE_SECONDS_MAX = 120.0  # then a worker leaves; the next job starts another
JOBS_MAX = 500  # then it is replaced, so that whatever the libraries hold on to is freed
MEMORY_BYTES_MAX = 2 << 30
_LENGTH = struct.Struct(">I")

# A worker starts without the node's environment and finds its modules where the node found them.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from cloudlet.services.cloudformation.template_worker import main; main()"
)

T = TypeVar("T")


class PrepareJob(msgspec.Struct, tag=True):
    text: str
    given: list[Given]
    previous: dict[str, str] | None
    pseudo: Pseudo
    bytes_max: int


class ValidateJob(msgspec.Struct, tag=True):
    text: str
    bytes_max: int


class ForeseeJob(msgspec.Struct, tag=True):
    plan: PreparedPlan
    known: Known
    with_pages: bool


Job = PrepareJob | ValidateJob | ForeseeJob


class Refusal(msgspec.Struct):
    code: str
    status: int
    message: str


class Answer(msgspec.Struct):
    value: bytes = b""
    error: Refusal | None = None


_encoder = msgspec.msgpack.Encoder()


# ── the node's side ──────────────────────────────────────────────────────────────────────────────────────────────────


class TemplateWorkers:
    """Up to WORKERS_MAX of them, each for one job at a time: a template that takes long lets others proceed. Calls
    block, until one is free too: they come from threads. A job that hangs or crashes costs its process only."""

    def __init__(self, count: int = WORKERS_MAX) -> None:
        self._free: queue.LifoQueue[_Worker] = queue.LifoQueue()  # the one that just worked is awake
        self.workers = [_Worker() for _ in range(count)]
        for worker in reversed(self.workers):
            self._free.put(worker)
        atexit.register(self.close)

    def prepare(
        self,
        text: str,
        given: list[Given],
        previous: Mapping[str, str] | None,
        pseudo: Pseudo,
        bytes_max: int = S3_BYTES_MAX,
    ) -> PreparedPlan:
        previous = None if previous is None else dict(previous)
        return self._run(PrepareJob(text, given, previous, pseudo, bytes_max), PreparedPlan)

    def validate(self, text: str, bytes_max: int = S3_BYTES_MAX) -> dict[str, Any]:
        """GetTemplateSummary's facts."""
        return self._run(ValidateJob(text, bytes_max), dict[str, Any])

    def foresee(self, plan: PreparedPlan, known: Known, *, with_pages: bool) -> Foreseen:
        return self._run(ForeseeJob(plan, known, with_pages), Foreseen)

    def _run(self, job: Job, kind: type[T]) -> T:
        """A job's value; raises the AwsError that it ended with."""
        worker = self._free.get()
        try:
            return worker.run(job, kind)
        finally:
            self._free.put(worker)

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


class _Worker:
    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._jobs = 0

    def run(self, job: Job, kind: type[T]) -> T:
        request = _encoder.encode(job)
        stored = self._exchange(request)
        if stored is None:  # it left just now, being idle or full of years: once more with a new one
            stored = self._exchange(request)
        if stored is None:
            raise InternalFailure("The template's worker process ended unexpectedly.")
        answer = msgspec.msgpack.decode(stored, type=Answer)
        if answer.error is not None:
            raise aws_error(answer.error.code, answer.error.message, answer.error.status)
        return msgspec.msgpack.decode(answer.value, type=kind)

    def close(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            assert process.stdin and process.stdout
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

    def _exchange(self, request: bytes) -> bytes | None:
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
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self.process is not None and (self.process.poll() is not None or self._jobs >= JOBS_MAX):
            self.close()
        if self.process is None:
            self._jobs = 0
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={"AWS_EC2_METADATA_DISABLED": "true", "LANG": "C.UTF-8"},
                cwd="/",
            )
        return self.process


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
            stored = _read(requests, _LENGTH.unpack(header)[0], time.monotonic() + JOB_SECONDS_MAX)
        except (EOFError, TimeoutError):
            return
        answer = _encoder.encode(answer_to(msgspec.msgpack.decode(stored, type=Job)))
        with os.fdopen(os.dup(answers), "wb") as out:
            out.write(_LENGTH.pack(len(answer)) + answer)


def answer_to(job: Job) -> Answer:
    try:
        return Answer(_encoder.encode(_done(job)))
    except AwsError as error:
        return Answer(error=Refusal(error.code, error.status, error.message))
    except TooSlow:
        return Answer(error=Refusal("ValidationError", 400, "The template's patterns take too long to match"))
    except RecursionError:
        message = "Template format error: the template is nested too deep"
        return Answer(error=Refusal("ValidationError", 400, message))


def _done(job: Job) -> Any:
    if isinstance(job, ValidateJob):
        return preparing.validate(job.text, job.bytes_max)
    if isinstance(job, ForeseeJob):
        return foresee(job.plan, job.known, with_pages=job.with_pages)
    plan = preparing.prepare(job.text, job.given, job.previous, job.pseudo, serverless, job.bytes_max)
    return prepared(plan)
