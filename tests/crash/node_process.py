"""A node as a process of its own, and a client that speaks to it until it is dead."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests import sdk_wire

ROOT = Path(__file__).parent.parent.parent
REGION = "us-east-1"
PATIENCE = float(os.environ.get("CLOUDLET_TEST_PATIENCE", "1"))  # of who shares this machine with many
HANG_GUARD_S = 10 * PATIENCE
HEALTH = "/_cloudlet/health"
DEAD = (OSError, http.client.HTTPException)  # what a call raises whose node is killed


class Client:
    """Signed calls over one connection: for one thread."""

    def __init__(self, port: int, key: tuple[str, str] = ("test", "test")) -> None:
        self.key = key
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_GUARD_S)

    def aws(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """The result; AwsError as the client would see it; one of DEAD where no whole answer came."""
        wall_ms = time.time_ns() // 1_000_000
        request = sdk_wire.signed_request(
            service, operation, parameters, key=(*self.key, None), region=REGION, wall_ms=wall_ms
        )
        path = f"{request.path}?{request.query}" if request.query else request.path
        with contextlib.suppress(BrokenPipeError):  # an answer that didn't wait for all of the body
            self._connection.request(request.method, path, request.body, dict(request.headers))
        answer = self._connection.getresponse()
        body = answer.read()
        response = sdk_wire.HttpResponse(answer.status, answer.getheaders(), body)
        error, value = sdk_wire.parsed(service, operation, response, body, None)
        if error is not None:
            raise error
        return value

    def is_healthy(self) -> bool:
        try:
            self._connection.request("GET", HEALTH)
            answer = self._connection.getresponse()
            answer.read()
        except DEAD:
            return False
        finally:
            self._connection.close()
        return answer.status == 200

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class NodeProcess:
    """`cloudlet up` on `folder`/data, its syncs noted beside. `kill` is kill -9, and nothing else is ever killed."""

    def __init__(
        self,
        folder: Path,
        mutation: str = "",
        *,
        waits: bool = True,
        within: Sequence[str] = (),
        quiet: bool = False,
        plain: bool = False,
    ) -> None:
        """`waits` until it is ready. `within`: the command that puts it where it runs. `quiet`: `said` tells later.
        `plain`: on this machine's disk as it is, its syncs unwatched."""
        self.data, self.notes, self.port = folder / "data", folder / "notes", _free_port()
        started = time.monotonic()
        module = ["cloudlet"] if plain else ["tests.crash.node_child", str(self.notes), mutation]
        self._errors = folder / "errors"
        with open(self._errors, "ab") if quiet else contextlib.nullcontext() as errors:
            self._process = subprocess.Popen(
                [*within, sys.executable, "-m", *module, "up", "--data", str(self.data), "--port", str(self.port)],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={name: value for name, value in os.environ.items() if not name.startswith("CLOUDLET_")},
            )
        try:
            if waits:
                self._wait_until_ready()
        except BaseException:
            self.close()
            raise
        self.ready_s, self.ready_cpu_s = time.monotonic() - started, cpu_s(self.pid)

    def _wait_until_ready(self) -> None:
        client, until = Client(self.port), time.monotonic() + HANG_GUARD_S
        while not client.is_healthy():
            assert self._process.poll() is None, f"the node ended by itself: {self._process.returncode}"
            assert time.monotonic() < until, "the node is not ready"
            time.sleep(0.01)

    @property
    def pid(self) -> int:
        return self._process.pid

    def client(self, key: tuple[str, str] = ("test", "test")) -> Client:
        return Client(self.port, key)

    def kill(self) -> None:
        """And see that what it started dies with it."""
        assert self._process.poll() is None, f"the node ended by itself: {self._process.returncode}"
        started, until = descendants(self.pid), time.monotonic() + HANG_GUARD_S
        self.close()
        while left := [one for one in started if is_alive(one)]:
            assert time.monotonic() < until, f"the node is dead, its processes {left} are not"
            time.sleep(0.005)

    def close(self) -> None:
        """Kill it if it still runs."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> "NodeProcess":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def stop(self) -> int:
        """As `cloudlet down` does."""
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Until it ends by itself; how it ended."""
        return self._process.wait(HANG_GUARD_S)

    def said(self) -> list[str]:
        """What a quiet one wrote to its standard error."""
        return self._errors.read_text().splitlines()


class Process(NamedTuple):
    pid: int
    begun: str  # tells it from a later one with its number


def descendants(pid: int) -> list[Process]:
    """What a process started, and what that started."""
    found: list[Process] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [Process(child, _stat(child)[1]), *descendants(child)]
    return found


def is_alive(process: Process) -> bool:
    state, begun = _stat(process.pid)
    return begun == process.begun and state != "Z"


def cpu_s(pid: int) -> float:
    """What a process has used of processors."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> tuple[str, str]:
    """State, and when it was begun; nothing if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]


def cloudlet(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """The `cloudlet` command."""
    command = [sys.executable, "-m", "cloudlet", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3 * HANG_GUARD_S, check=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
