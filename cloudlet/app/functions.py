"""The Functions port: runtime/ for the Lambda service, with packages unpacked and environments' listeners served.

Unpacked packages are a cache, by digest, of the store's blobs: begun anew at each start, so that no half-written file
of an earlier run is ever executed.
"""

import asyncio
import dataclasses
import logging
import os
import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cloudlet.app import packages
from cloudlet.app.server import Server
from cloudlet.base.config import Settings
from cloudlet.kit.node import Node
from cloudlet.kit.ports import BadPackage, CannotRun, CodePackage, PackageFacts
from cloudlet.runtime.environment import (
    FunctionSpec,
    Invocation,
    NoCapacity,
    Outcome,
    Runtime,
    RuntimeSettings,
    SandboxUnavailable,
)
from cloudlet.runtime.launcher import node_executable
from cloudlet.store.errors import StoreError

T = TypeVar("T")

ROOM_WAIT_S = 10.0  # for an environment, when all are busy
UNUSED_PACKAGE_S = 8 * 3600.0  # longer than any environment lives
SPECS_MAX = 1_000
MEMORY_MB_MIN = 10_240  # the largest function fits, whatever the machine

log = logging.getLogger("cloudlet.functions")


class HostFunctions:
    """Functions on this machine. `start` is called with the server, or by the first call where there is none."""

    def __init__(self, node: Node, settings: Settings) -> None:
        self.running: Counter[str] = Counter()
        self.unwritten: dict[tuple, Any] = {}
        self._node, self._settings = node, settings
        self._runtime: Runtime | None = None
        self._server: Server | None = None
        self._listeners: dict[str, socket.socket] = {}  # without a server: kept, unanswered
        self._why_not = ""  # functions cannot run here at all
        self._directory: Path | None = None
        self._starting = asyncio.Lock()
        self._unpacking: dict[str, asyncio.Task[None]] = {}
        self._paths: dict[str, Path] = {}  # packages that are unpacked, by their digests
        self._specs: dict[str, tuple[FunctionSpec, FunctionSpec]] = {}  # as given, and with its code
        self._used_s: dict[str, float] = {}  # when they were used last
        self._freed = asyncio.Event()
        self._waiting = 0  # for room
        self._tasks: set[asyncio.Task[Any]] = set()

    # ── life ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self, server: Server | None = None) -> None:
        """Find out how functions can be isolated here. What is wrong is told by `notices`, and to whoever calls."""
        async with self._starting:
            if self._runtime is not None or self._why_not:
                return
            self._server = server
            directory = await asyncio.to_thread(self._empty_directory)
            runtime = Runtime(self._runtime_settings(directory), self._on_listener, self._off_listener)
            try:
                await runtime.start()
            except (SandboxUnavailable, OSError) as error:  # a node without functions is still one
                self._why_not = f"functions cannot run here: {error}"
                return
            if runtime.level == "none" and not self._settings.is_loopback:
                await runtime.close()
                self._why_not = (
                    f"nothing isolates functions on this machine ({runtime.why}), so they run only for a node on"
                    f" loopback; this one listens on {self._settings.host}"
                )
                return
            self._runtime = runtime

    def _empty_directory(self) -> Path:
        if self._settings.data is None:
            directory = Path(tempfile.mkdtemp(prefix="cloudlet-functions-"))
        else:
            directory = self._settings.data.resolve() / "functions"
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
        # Other users of this machine have no business in functions' code and files. Where functions are other users
        # themselves, they are shown it by mounts, which don't ask who may go through the directories above.
        directory.chmod(0o700)
        (directory / "packages").mkdir()
        self._directory = directory
        return directory

    def _runtime_settings(self, directory: Path) -> RuntimeSettings:
        url = urlsplit(self._node.base_url)
        memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
        data = self._settings.data
        return RuntimeSettings(
            work_dir=directory / "work",
            node_address=(url.hostname or "127.0.0.1", url.port or 4566),
            level=self._settings.functions_level,
            network=self._settings.functions_network,
            environments_max=self._settings.functions_max,
            memory_total_mb=max(memory_mb, MEMORY_MB_MIN),
            hidden=(data.resolve(),) if data is not None else (),
        )

    @property
    def share_network(self) -> bool:
        """Functions reach the node as any program of this machine does, so they could use a well-known root key."""
        return self._runtime is not None and "network" not in self._runtime.claims

    def notices(self) -> list[str]:
        if self._runtime is None:
            return [self._why_not] if self._why_not else []
        why = f" ({self._runtime.why})" if self._runtime.why else ""
        gaps = f"; not stopped: {', '.join(self._runtime.gaps)}" if self._runtime.gaps else ""
        return [f"functions are isolated at level {self._runtime.level}{why}{gaps}"]

    def stats(self) -> dict[str, Any]:
        if self._runtime is None:
            return {"level": "none", "why": self._why_not or "not started"}
        return self._runtime.stats()

    async def close(self) -> None:
        tasks = [*self._tasks, *self._unpacking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._runtime is not None:
            await self._runtime.close()
            self._runtime = None
        for listener in self._listeners.values():
            listener.close()
        if self._directory is not None:
            await asyncio.to_thread(shutil.rmtree, self._directory, True)

    async def _on_listener(self, name: str, listener: socket.socket) -> None:
        if self._server is not None:
            await self._server.listen_socket(listener, name)
        else:
            self._listeners[name] = listener

    async def _off_listener(self, name: str) -> None:
        if self._server is not None:
            self._server.stop_listening(name)
        elif name in self._listeners:
            self._listeners.pop(name).close()

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def invoke(
        self, spec: FunctionSpec, invocation: Invocation, code: CodePackage, layers: Sequence[CodePackage]
    ) -> Outcome:
        await self.start()
        if self._runtime is None:
            raise CannotRun(self._why_not or "the node is stopping")
        directories = [await self._unpacked(package) for package in (code, *layers)]
        spec = self._with_code(spec, directories)
        invocation = self._in_machine_time(invocation)
        try:
            return await self._with_room(self._runtime, spec, invocation)
        except SandboxUnavailable as error:
            raise CannotRun(str(error)) from error
        finally:
            if self._waiting:
                self._freed.set()
                self._freed = asyncio.Event()

    def _with_code(self, spec: FunctionSpec, directories: list[Path]) -> FunctionSpec:
        """The same value for the same value, as a copy costs more than all else here; not of one with variables, which
        are secrets."""
        kept = self._specs.get(spec.function_arn)
        if kept is not None and kept[0] is spec:
            return kept[1]
        whole = dataclasses.replace(spec, code_dir=directories[0], layer_dirs=tuple(directories[1:]))
        if not spec.environment:
            if len(self._specs) >= SPECS_MAX:
                self._specs.clear()
            self._specs[spec.function_arn] = spec, whole
        return whole

    async def _with_room(self, runtime: Runtime, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + ROOM_WAIT_S
        while True:
            try:
                return await runtime.invoke(spec, invocation)
            except NoCapacity:
                left_s = until_s - loop.time()
                if left_s <= 0:
                    raise
                self._waiting += 1
                try:
                    async with asyncio.timeout(left_s):
                        await self._freed.wait()
                except TimeoutError:
                    continue
                finally:
                    self._waiting -= 1

    def _in_machine_time(self, invocation: Invocation) -> Invocation:
        """The node's wall clock may be a test's; environments live by the machine's."""
        ahead_ms = time.time_ns() // 1_000_000 - self._node.clock.wall_ms()
        if abs(ahead_ms) < 1_000:
            return invocation
        credentials = invocation.credentials
        credentials = dataclasses.replace(credentials, expires_ms=credentials.expires_ms + ahead_ms)
        return dataclasses.replace(invocation, credentials=credentials)

    async def to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        ended: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._begun(_tell(ended, work))
        return await ended

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._begun(work)

    def _begun(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.debug("a call ended with %r", task.exception())  # whoever still waits for it has been told

    def retire(self, function_arn: str) -> None:
        if self._runtime is not None:
            self._runtime.retire(function_arn)

    def why_not(self, runtime: str) -> str | None:
        if runtime.startswith("nodejs") and node_executable() is None:
            return f"Runtime {runtime} does not run here: there is no `node` on this machine."
        if not runtime.startswith(("python", "nodejs", "provided")):
            return f"Runtime {runtime} does not run here; python*, nodejs* and provided* do."
        return None

    # ── packages ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def inspect(self, blob_id: str) -> PackageFacts:
        return await asyncio.to_thread(self._inspect, blob_id)

    def _inspect(self, blob_id: str) -> PackageFacts:
        with self._node.database.blobs.open(blob_id) as reader, open(reader.fd, "rb", closefd=False) as file:
            return packages.inspect(file)

    async def _unpacked(self, package: CodePackage) -> Path:
        """The directory of an unpacked package; several calls that need it wait for one unpacking."""
        assert self._directory is not None
        if package.sha256 not in self._paths:
            path = self._directory / "packages" / package.sha256
            task = self._unpacking.get(package.sha256)
            if task is None:
                task = asyncio.get_running_loop().create_task(self._unpack(package, path))
                self._unpacking[package.sha256] = task
            await asyncio.shield(task)
        self._used_s[package.sha256] = time.monotonic()
        return self._paths[package.sha256]

    async def _unpack(self, package: CodePackage, path: Path) -> None:
        try:
            await asyncio.to_thread(self._unpack_blob, package.blob_id, path)
            self._paths[package.sha256], self._used_s[package.sha256] = path, time.monotonic()
            await self._remove_unused()
        except (BadPackage, StoreError) as error:
            raise CannotRun(str(error)) from error
        finally:
            del self._unpacking[package.sha256]

    def _unpack_blob(self, blob_id: str, path: Path) -> None:
        with self._node.database.blobs.open(blob_id) as reader, open(reader.fd, "rb", closefd=False) as file:
            packages.unpack(file, path)

    async def _remove_unused(self) -> None:
        assert self._directory is not None
        long_ago = time.monotonic() - UNUSED_PACKAGE_S
        for digest in [digest for digest, used_s in self._used_s.items() if used_s < long_ago]:
            del self._used_s[digest], self._paths[digest]
            await asyncio.to_thread(shutil.rmtree, self._directory / "packages" / digest, True)


async def _tell(ended: asyncio.Future[T], work: Coroutine[Any, Any, T]) -> None:
    """Do it, and tell who waits; asyncio.shield does the same by one turn of the loop more."""
    try:
        value = await work
    except asyncio.CancelledError:
        ended.cancel()
        raise
    except Exception as error:
        if ended.done():
            log.debug("a call that nobody waits for ended with %r", error)
        else:
            ended.set_exception(error)
    else:
        if not ended.done():
            ended.set_result(value)
