"""A runtime to run functions with, one per level and module, and the hang guard of its tests."""

import asyncio
import contextlib
import os
import socket
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from cloudlet.runtime.environment import (
    Credentials,
    FunctionSpec,
    Invocation,
    Outcome,
    Runtime,
    RuntimeSettings,
    SandboxUnavailable,
)

HANG_S = 30


class Host:
    """A Runtime and the loop it lives on, driven from plain tests."""

    def __init__(self, work_dir: Path, level: str, **settings: Any) -> None:
        self.work_dir = work_dir
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.listeners: dict[str, socket.socket] = {}
        self.runtime = Runtime(
            RuntimeSettings(work_dir=work_dir / "work", level=level, **settings), self._on, self._off
        )
        self._functions = 0
        self._requests = 0
        self.run(self.runtime.start())

    async def _on(self, name: str, listener: socket.socket) -> None:
        self.listeners[name] = listener

    async def _off(self, name: str) -> None:
        self.listeners.pop(name).close()

    def run(self, work: Any) -> Any:
        async def guarded() -> Any:
            async with asyncio.timeout(HANG_S):
                return await work

        return self.runner.run(guarded())

    def function(self, code: str = "", files: dict[str, str] | None = None, **facts: Any) -> FunctionSpec:
        """A function from source: `code` is app.py with a `handler`."""
        self._functions += 1
        directory = self.work_dir / f"code-{self._functions}"
        for name, content in {**({"app.py": code} if code else {}), **(files or {})}.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
            path.chmod(0o755)
        name = f"function-{self._functions}"
        given = {
            "function_arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
            "function_name": name,
            "version": "$LATEST",
            "runtime": "python3.11",
            "handler": "app.handler",
            "code_dir": directory,
            "log_group": f"/aws/lambda/{name}",
            "log_stream_prefix": "2026/01/01/[$LATEST]",
            "code_id": "1",
            "timeout_ms": 10_000,
        }
        return FunctionSpec(**{**given, **facts})

    def invocation(self, spec: FunctionSpec, payload: bytes = b"{}", **facts: Any) -> Invocation:
        self._requests += 1
        given: dict[str, Any] = {
            "request_id": f"00000000-0000-4000-8000-{self._requests:012d}",
            "payload": payload,
            "deadline_ms": 0,
            "client_context": None,
            "invoked_function_arn": spec.function_arn,
            "trace_id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
            "credentials": Credentials("ASIAEXAMPLE", "secret", "token", time.time_ns() // 1_000_000 + 3_600_000),
        }
        return Invocation(**{**given, **facts})

    def invoke(self, spec: FunctionSpec, payload: bytes = b"{}", **facts: Any) -> Outcome:
        return self.run(self.runtime.invoke(spec, self.invocation(spec, payload, **facts)))

    def instance_of(self, spec: FunctionSpec) -> Any:
        """The one environment of this function, alive."""
        found = [one for one in self.runtime._instances.values() if one.spec.function_arn == spec.function_arn]
        assert len(found) == 1
        return found[0]

    def settle(self) -> None:
        """Let everything that stops end."""

        async def idle() -> None:
            while self.runtime._stopping:
                await asyncio.sleep(0.005)

        self.run(idle())

    def retire(self, spec: FunctionSpec) -> None:
        async def on_the_loop() -> None:
            self.runtime.retire(spec.function_arn)

        self.run(on_the_loop())

    @contextlib.contextmanager
    def neighbour(self) -> Iterator[int]:
        """The port of something else that listens on this machine's loopback."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield server.getsockname()[1]

    def close(self) -> None:
        self.run(self.runtime.close())
        self.runner.close()


def open_host(work_dir: Path, level: str, **settings: Any) -> Host:
    """A Host, or a skip that names what the machine lacks (a failure where CLOUDLET_REQUIRE_ALL is set)."""
    try:
        return Host(work_dir, level, **settings)
    except SandboxUnavailable as error:
        if os.environ.get("CLOUDLET_REQUIRE_ALL"):
            raise
        pytest.skip(str(error))


@contextlib.contextmanager
def public_directory() -> Iterator[Path]:
    """pytest's directories are private to the user, and made so again whenever another run starts; a function may be
    another user."""
    with tempfile.TemporaryDirectory(prefix="cloudlet-test-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that functions may reach into."""
    with public_directory() as directory:
        yield directory


@pytest.fixture
def new_host(open_directory: Path) -> Iterator[Callable[..., Host]]:
    """A host of the test's own: new_host("landlock")."""
    opened: list[Host] = []

    def make(level: str, **settings: Any) -> Host:
        opened.append(open_host(open_directory, level, **settings))
        return opened[-1]

    yield make
    for host in opened:
        host.close()


@pytest.fixture(scope="module", params=["namespaces", "landlock", "none"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host at each level."""
    with public_directory() as directory:
        found = open_host(directory, request.param)
        yield found
        found.close()


@pytest.fixture(scope="module")
def best_host() -> Iterator[Host]:
    """A host at the strongest level there is here."""
    with public_directory() as directory:
        found = open_host(directory, "auto")
        yield found
        found.close()
