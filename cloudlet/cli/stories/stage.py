"""The stage of a story: a node of its own in a temporary directory, a voice, and claims that must hold."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from cloudlet.app.run_file import find_running
from cloudlet.base.config import read_settings
from cloudlet.cli.aws import Clients, clients_with
from cloudlet.cli.client import REGION, client_of
from cloudlet.cli.failure import Failure

T = TypeVar("T")

READY_S = 30.0
STOPPED_S = 20.0
POLL_S = 0.1
LOG_LINES_SHOWN = 20


class Stage:
    """`with Stage() as stage:` runs a node until the end; whatever happens, it is stopped and its data are removed."""

    def __init__(self, *, keep: bool = False) -> None:
        self.keep = keep
        self.directory = Path(tempfile.mkdtemp(prefix="cloudlet-demo-"))
        self.port = _free_port()
        self._settings = read_settings({"data": self.directory, "port": self.port})
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._began = time.monotonic()
        self.broken: list[str] = []  # claims that did not hold
        self._scene = 0

    def __enter__(self) -> "Stage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._show_log()
        if self.keep and kind is None:
            return
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOPPED_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ── voice ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def scene(self, title: str) -> None:
        self._scene += 1
        print(f"\n[{self.seconds:4.0f} s] {self._scene}. {title}", flush=True)

    def say(self, text: str) -> None:
        print("\n".join(f"    {line}" for line in text.splitlines()), flush=True)

    def check(self, claim: str, holds: bool, seen: str = "") -> None:
        """Something that must be so for the demo to have succeeded."""
        if not holds:
            self.broken.append(claim)
        print(f"  {'✓' if holds else '✗ NOT SO:'} {claim}{f' ({seen})' if seen else ''}", flush=True)

    def wait_until(self, what: str, look: Callable[[], T | None], seconds: float, poll_s: float = POLL_S) -> T:
        """What `look` finds, as soon as it finds something."""
        deadline = time.monotonic() + seconds
        while (found := look()) is None:
            if self._process is not None and self._process.poll() is not None:
                raise Failure(f"the node ended (status {self._process.returncode}) while waiting for {what}")
            if time.monotonic() > deadline:
                raise Failure(f"waited {seconds:g} s for {what}, in vain")
            time.sleep(poll_s)
        return found

    # ── the node ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def pid(self) -> int:
        assert self._process is not None, "the node was not started"
        return self._process.pid

    def start_node(self) -> float:
        """Start it, or start it again; returns how many seconds that took."""
        began = time.monotonic()
        command = [sys.executable, "-m", "cloudlet", "up", "--data", str(self.directory), "--port", str(self.port)]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

        def ready() -> bool | None:
            running = find_running(self._settings)
            return True if running is not None and running.pid == self.pid else None

        self.wait_until("the node to be ready", ready, READY_S, poll_s=0.01)
        return time.monotonic() - began

    def kill_node(self) -> None:
        """SIGKILL: no last word, no chance to save anything."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The node's own service, as its root user."""
        return client_of(self._settings).call(operation, **parameters)

    def clients(self, key: tuple[str, str] | None = None) -> Clients:
        """boto3 clients, of the root user or of whoever's key it is."""
        return clients_with(self.url, *(key or self._root_key()))

    def exports(self) -> dict[str, str]:
        """What any AWS tool needs to use the node as its root user."""
        key_id, secret = self._root_key()
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": REGION,
        }

    def _root_key(self) -> tuple[str, str]:
        client = client_of(self._settings)
        return client.key_id, client.secret

    def environment(self) -> dict[str, str]:
        """Of a command that is to use the node."""
        return os.environ | self.exports()

    @property
    def _log(self) -> Path:
        return self.directory / "node.log"

    def _show_log(self) -> None:
        if self._log.exists():
            lines = self._log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
            print("\nThe node's last words:", *(f"    {line}" for line in lines), sep="\n", file=sys.stderr)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
