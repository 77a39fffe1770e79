"""One execution environment, from the node's side: prepare it, make it a function's, give it calls one by one, freeze
it between, stop it."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudlet.base import ids
from cloudlet.runtime import channel, environ, layers, processes, report
from cloudlet.runtime.cgroups import Cgroup, Cgroups
from cloudlet.runtime.launcher import AsyncChannel, Zygote, node_executable, python_executable
from cloudlet.runtime.log_ring import LogRing
from cloudlet.runtime.memory import MIB, TMP_AHEAD, MemoryMeter
from cloudlet.runtime.model import CannotStart, Credentials, FunctionSpec, SandboxUnavailable
from cloudlet.runtime.runtime_api import RuntimeApi

OnListener = Callable[[str, socket.socket], Awaitable[None]]
OffListener = Callable[[str], Awaitable[None]]

_SETUP_S, _STOP_S = 20.0, 10.0
_POLL_S = 0.02  # of the kernel's count, a file of one number
_POLL_TREE_S = 0.1  # of a tree's proportional set size, which the kernel computes by walking its page tables
_FREEZE_AFTER_S = 0.01
_PROCESSES_MAX = 1024


@dataclass(frozen=True)
class Ending:
    """How waiting for a runtime ended: "idle" (it asks for the next call), "init_error", "exited", "oom", "timeout"."""

    kind: str
    seconds: float


def new_log_stream(spec: FunctionSpec) -> str:
    return spec.log_stream_prefix + ids.hexadecimal(32)


class Instance:
    spec: FunctionSpec  # once it is a function's
    log_stream: str

    def __init__(self, number: int, zygote: Zygote, work_dir: Path) -> None:
        self.id = f"environment-{number}"
        is_shared = not zygote.private_network and sys.platform.startswith("linux")
        self.api = RuntimeApi(self._is_of_us if is_shared else None)
        self.exit_code: int | None = None
        self.exited = False
        self.printed = b""  # by a start or call, for who wants to know why it failed
        self._number, self._zygote = number, zygote
        self._directory = work_dir / "environments" / self.id
        self._control: AsyncChannel | None = None
        self._log: LogRing | None = None
        self._group = Cgroup()
        self._meter: MemoryMeter | None = None
        self._descriptors: list[int] = []
        self._listeners: list[socket.socket] = []  # until somebody serves them
        self._pid, self._pidfd = 0, -1
        self._frozen = False
        self._freezing: asyncio.TimerHandle | None = None
        self._starting: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._off_listener: OffListener | None = None

    async def prepare(self, groups: Cgroups) -> None:
        """All that takes long and is alike for every function: processes, namespaces, control groups, listeners.
        Raises SandboxUnavailable.

        A caller that gives up does not interrupt it half-way: `stop` waits for its end and undoes the whole."""
        self._starting = asyncio.get_running_loop().create_task(self._prepare(groups))
        await asyncio.shield(self._starting)

    async def start(self, spec: FunctionSpec, credentials: Credentials, on: OnListener, off: OffListener) -> None:
        """Once, after `prepare`: make it this function's, up to the runtime's first instruction. Raises
        SandboxUnavailable, CannotStart."""
        self.spec, self.log_stream = spec, new_log_stream(spec)
        self._starting = asyncio.get_running_loop().create_task(self._start(credentials, on, off))
        await asyncio.shield(self._starting)

    async def _prepare(self, groups: Cgroups) -> None:
        ours, theirs = channel.pair()
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        self._control, self._log = AsyncChannel(ours), LogRing(reader)
        self._control.changed = self.api.changed  # one event for all that can happen
        asyncio.get_running_loop().add_reader(reader, self._read_log)
        try:
            self._zygote.launch({"uid": self._zygote.function_uid(self._number)}, theirs, writer)
        finally:
            theirs.close()
            os.close(writer)
        await self._adopt(await self._heard(), groups)
        self._control.send({"grouped": True})

    async def _heard(self) -> channel.Message:
        """The environment's next message while it is set up."""
        assert self._control is not None
        try:
            async with asyncio.timeout(_SETUP_S):
                message = await self._control.receive()
        except (TimeoutError, ConnectionError) as error:
            raise SandboxUnavailable(f"an environment did not come up: {error}") from error
        if message.body is None or "failed" in message.body:
            raise SandboxUnavailable(str((message.body or {}).get("failed")))
        return message

    async def _start(self, credentials: Credentials, on: OnListener, off: OffListener) -> None:
        assert self._control is not None
        opt_dir = None
        if self.spec.layer_dirs:
            merged = self._directory.parent.parent / "layers"
            opt_dir = await asyncio.to_thread(layers.merge, self.spec.layer_dirs, merged)
        paths = self._paths(opt_dir)
        try:
            self._control.send(self._order(opt_dir, paths))
        except OSError as error:
            raise SandboxUnavailable(f"an environment ended before it was used: {error}") from error
        tmp = (await self._heard()).descriptors.pop()
        self._descriptors.append(tmp)
        limit = self.spec.memory_mb * MIB
        self._group.limit(limit + TMP_AHEAD)
        self._meter = MemoryMeter(self._group, self._pid, limit, tmp if self._zygote.level == "namespaces" else None)
        if self._listeners:
            self._off_listener = off
            await on(self.id, self._listeners[0])
            self._listeners.clear()
        host, port = self._zygote.settings.node_address
        if self._zygote.private_network:
            host = "127.0.0.1"
        self._control.send(
            {"environ": environ.variables(self.spec, credentials, paths, f"http://{host}:{port}", self.log_stream)}
        )

    async def _adopt(self, prepared: channel.Message, groups: Cgroups) -> None:
        """Take over what the environment made: its process, its listeners."""
        self._pid = prepared.pid
        self._pidfd = os.pidfd_open(self._pid)  # it waits for us, so this is still the same process
        asyncio.get_running_loop().add_reader(self._pidfd, self._ended)
        self._listeners = [socket.socket(fileno=fd) for fd in prepared.descriptors]
        # Joining a group waits for the kernel's other processors, some 10 ms: not on the loop.
        self._group = await asyncio.to_thread(groups.create, self.id, _PROCESSES_MAX)
        await asyncio.to_thread(self._group.add, self._pid)
        await self.api.serve(self._listeners.pop(0))

    def _is_of_us(self, client: tuple[str, int], server: tuple[str, int]) -> bool:
        """Whether a connection comes from this environment, not from another function or program of the machine."""
        return processes.holds_connection(processes.tree(self._pid), client, server)

    def _paths(self, opt_dir: str | None) -> environ.Paths:
        if self._zygote.level == "namespaces":
            return environ.Paths()
        tmp = self._directory / "tmp"
        tmp.mkdir(parents=True)
        nothing = self._directory / "opt"
        nothing.mkdir()
        return environ.Paths(
            task=str(self.spec.code_dir.resolve()),
            opt=opt_dir or str(nothing),
            runtime=self._zygote.runtime_dir,
            tmp=str(tmp),
            lang=self._zygote.prefixes[0],
        )

    def _order(self, opt_dir: str | None, paths: environ.Paths) -> dict[str, Any]:
        node_port = self._zygote.settings.node_address[1]
        return {
            "code_dir": str(self.spec.code_dir.resolve()),
            "layer_dir": opt_dir,
            "tmp_mb": self.spec.tmp_mb,
            "tmp_dir": paths.tmp,
            "argv": self._argv(opt_dir, paths),
            "readable": [paths.task, paths.opt, paths.runtime, *self._zygote.readable()],
            "writable": [paths.tmp, "/dev/null"],  # /dev/shm is everybody's; AWS has none either
            "ports": [node_port],
        }

    def _argv(self, opt_dir: str | None, paths: environ.Paths) -> list[str]:
        """The program to start; none for Python functions, which go on in the forked process."""
        runtime = self.spec.runtime
        if runtime.startswith("python"):
            shadowed = environ.shadowed_modules(self.spec, opt_dir, self._zygote.modules)
            return [python_executable(), "-S", "-s", "-B", f"{paths.runtime}/bootstrap.py"] if shadowed else []
        if runtime.startswith("nodejs"):
            node = node_executable()
            if node is None:
                raise SandboxUnavailable(f"{runtime}: there is no `node` on this machine")
            return [node, "--max-http-header-size=81920", f"{paths.runtime}/bootstrap.mjs"]
        if runtime.startswith("provided"):
            places = ((self.spec.code_dir, paths.task), (Path(opt_dir) if opt_dir else None, paths.opt))
            for place, inside in places:
                if place is not None and (place / "bootstrap").exists():
                    return [f"{inside}/bootstrap"]
            text = f"Couldn't find valid bootstrap(s): [{paths.task}/bootstrap {paths.opt}/bootstrap]"
            raise CannotStart("Runtime.InvalidEntrypoint", text)
        raise SandboxUnavailable(f"{runtime} does not run here; python*, nodejs* and provided* do")

    def _read_log(self) -> None:
        assert self._log is not None
        if not self._log.read_some():
            asyncio.get_running_loop().remove_reader(self._log.fd)

    def take_log(self) -> bytes:
        """All the function printed since the last time."""
        if self._log is not None:
            self._log.drain()
            self.printed = self._log.take()
            return self.printed
        return b""

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self.exited = True
        self.api.changed.set()

    async def wait(self, seconds: float) -> Ending:
        """Until the runtime asks for the next call or cannot any more; memory is watched meanwhile."""
        assert self._control is not None and self._meter is not None
        loop, started = asyncio.get_running_loop(), time.perf_counter()
        poll = _POLL_S if self._meter.by_kernel else _POLL_TREE_S
        looked = started
        while True:
            self.api.changed.clear()
            self._hear()
            now = time.perf_counter()
            spent = now - started
            if self.api.init_error is not None:
                return Ending("init_error", spent)
            if self.exited:
                oom = self._group.killed_by_memory() and self.exit_code in (None, -9)
                return Ending("oom" if oom else "exited", spent)
            if self.api.idle:
                if self._meter.unknown:
                    await asyncio.to_thread(self._meter.exceeded)
                return Ending("idle", spent)
            if spent >= seconds:
                return Ending("timeout", spent)
            if now - looked >= poll:
                looked = now
                # A walk through page tables can take long: not on the loop.
                by_kernel = self._meter.by_kernel
                if self._meter.exceeded() if by_kernel else await asyncio.to_thread(self._meter.exceeded):
                    return Ending("oom", spent)
            look_again = loop.call_later(min(seconds - spent, poll), self.api.changed.set)
            try:
                await self.api.changed.wait()
            finally:
                look_again.cancel()

    def _hear(self) -> None:
        assert self._control is not None
        while (message := self._control.take()) is not None:
            if message.body is not None and "exited" in message.body:
                self.exit_code, self.exited = message.body["exited"], True
        if self._control.closed:
            self.exited = True

    def memory_used_mb(self) -> int:
        return -(-self._meter.settle() // MIB) if self._meter is not None else 0

    def freeze_soon(self) -> None:
        """Between calls nothing of a function runs. A call right behind spares both freezing and thawing."""
        self._freezing = asyncio.get_running_loop().call_later(_FREEZE_AFTER_S, self._freeze)

    def _freeze(self) -> None:
        self._freezing = None
        if self._stopping is not None or self.exited:
            return
        self._frozen = True
        if self._zygote.level != "namespaces" or not self._group.freeze(True):
            # Never the init: without a pid namespace it must be awake to clean up when the node dies.
            processes.stop_tree(self._pid)

    def thaw(self) -> None:
        if self._freezing is not None:
            self._freezing.cancel()
            self._freezing = None
        if self._frozen:
            self._frozen = False
            if self._zygote.level != "namespaces" or not self._group.freeze(False):
                processes.signal_all(processes.tree(self._pid), signal.SIGCONT)

    @property
    def frozen(self) -> bool:
        return self._frozen

    @property
    def pid(self) -> int:
        """Of the environment's init, as the node sees it."""
        return self._pid

    async def stop(self) -> None:
        """Kill what is left and take back everything; may be called again."""
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._freezing is not None:
            self._freezing.cancel()
        self.api.close()
        if self._control is not None:
            self._control.close()  # to an init that can hear: end, and everything with you
        if self._pidfd >= 0:
            loop.remove_reader(self._pidfd)
            await self._kill()
            os.close(self._pidfd)
            self._pidfd = -1
        if self._log is not None:
            self.take_log()
            loop.remove_reader(self._log.fd)
            os.close(self._log.fd)
            self._log = None
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()
        for listener in self._listeners:
            listener.close()
        for _ in range(200):
            if self._group.remove():
                break
            await asyncio.sleep(0.01)
        if self._directory.exists():
            await asyncio.to_thread(shutil.rmtree, self._directory, True)
        if self._off_listener is not None:
            await self._off_listener(self.id)

    async def _kill(self) -> None:
        """With a pid namespace its init is all there is to kill. Else the init does it, as it was told by the end of
        its channel; if it does not, we do."""
        if self._zygote.level == "namespaces":
            self._signal_init()
        else:
            self._group.kill()
            if not await self._gone(_STOP_S / 2):
                processes.signal_all(processes.stop_tree(self._pid), signal.SIGKILL)
                self._signal_init()
        await self._gone(_STOP_S)

    def _signal_init(self) -> None:
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass

    async def _gone(self, seconds: float) -> bool:
        """Wait until the init, and with it the namespace, ended."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(self._pidfd, ended.set)
        try:
            async with asyncio.timeout(seconds):
                await ended.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._pidfd)
        return True

    def exit_text(self) -> str:
        return report.exit_text(self.exit_code)
