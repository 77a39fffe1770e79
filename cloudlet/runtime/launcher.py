"""The node's end of the zygote: starts it at one isolation level and asks it for environments."""

import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudlet.runtime import channel, landlock, linux, seccomp
from cloudlet.runtime.model import RuntimeSettings, SandboxUnavailable

_START_S = 30.0
_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")  # what AWS's runtime has
_HERE = Path(__file__).resolve().parent

# Function users of a root node: a range that neither people, system accounts nor containers are given.
_UID_BASE, _UID_COUNT = 0x7000_0000, 65_536

_SYSTEM_TREES = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store")
_SYSTEM_FILES = (
    *("/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/alternatives", "/etc/ld.so.cache", "/etc/mime.types"),
    *("/etc/localtime", "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group"),
)

_PROGRAM = """\
import sys
sys.path.insert(0, {root!r})
from cloudlet.runtime import zygote
sys.path.remove({root!r})
import socket
zygote.main(socket.socket(fileno={fd}), {parent})
"""


class AsyncChannel:
    """One end of a channel on the loop. Messages are kept until asked for; `closed` once the other side is gone."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._end = end
        self._messages: list[channel.Message] = []
        self.changed = asyncio.Event()
        self.closed = False
        asyncio.get_running_loop().add_reader(end.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            message = channel.receive(self._end)
        except BlockingIOError:
            return
        except (OSError, ValueError):
            message = channel.Message(None, [], 0)
        if message.body is None:
            self.closed = True
            asyncio.get_running_loop().remove_reader(self._end.fileno())
        else:
            self._messages.append(message)
        self.changed.set()

    def send(self, body: dict[str, Any], descriptors: list[int] | None = None) -> None:
        """Messages are few and small against the socket's buffer; a full one is an error, not a wait."""
        channel.send(self._end, body, descriptors)

    def take(self) -> channel.Message | None:
        return self._messages.pop(0) if self._messages else None

    async def receive(self) -> channel.Message:
        """The next message; ConnectionError when none will come."""
        while not self._messages:
            if self.closed:
                raise ConnectionError("the other side ended")
            self.changed.clear()
            await self.changed.wait()
        return self._messages.pop(0)

    def close(self) -> None:
        if self._end.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._end.fileno())
        self._end.close()
        for message in self._messages:
            for descriptor in message.descriptors:
                os.close(descriptor)
        self._messages.clear()
        self.closed = True


def python_executable() -> str:
    """The interpreter itself, not a virtual environment's link to it."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def node_executable() -> str | None:
    found = shutil.which("node")
    return os.path.realpath(found) if found else None


def node_version() -> str:
    """nodejs:20.1.0, or nothing where there is none."""
    node = node_executable()
    if node is None:
        return ""
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=20)
    return f"nodejs:{asked.stdout.strip().lstrip('v')}" if asked.returncode == 0 else ""


def shared_packages() -> list[Path]:
    """Where boto3 and what it needs lie: of all the node has installed, all that functions may import."""
    found = []
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            found.append(Path(spec.submodule_search_locations[0]))
        elif spec is not None and spec.origin:
            found.append(Path(spec.origin))
    return found


@dataclass
class Zygote:
    """One level's zygote. `launch` hands it a request; the environment's own channel does the rest."""

    level: str
    settings: RuntimeSettings
    private_network: bool = True
    modules: frozenset[str] = frozenset()
    runtime_dir: str = "/var/runtime"
    prefixes: list[str] = field(default_factory=list)
    many_users: bool = False
    landlock_abi: int | None = None  # where Landlock isolates: its version
    _process: subprocess.Popen[bytes] | None = None
    _channel: AsyncChannel | None = None

    async def start(self) -> None:
        """Raises SandboxUnavailable with the kernel's reason."""
        self._check_host()
        self._lay_out()
        ours, theirs = channel.pair()
        self._channel = AsyncChannel(ours)
        root = str(_HERE.parent.parent)
        program = _PROGRAM.format(root=root, fd=theirs.fileno(), parent=os.getpid())
        self._process = subprocess.Popen(
            [python_executable(), "-I", "-S", "-B", "-X", "utf8", "-c", program],
            env={},
            cwd="/",
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # a Ctrl-C in the node's terminal is the node's to act on
        )
        theirs.close()
        try:
            self._channel.send(self._plan(self._process.pid))
            async with asyncio.timeout(_START_S):
                await self._until_ready()
        except (TimeoutError, ConnectionError, OSError, SandboxUnavailable) as error:
            await self.close()
            raise SandboxUnavailable(f"level {self.level}: {error}") from error

    def _check_host(self) -> None:
        if not sys.platform.startswith("linux"):
            if self.level != "none":
                raise SandboxUnavailable(f"level {self.level} needs Linux")
            return
        if self.level != "none" and not seccomp.supported():
            raise SandboxUnavailable(f"level {self.level}: no system-call filter for this processor yet")
        if self.level == "landlock":
            self.landlock_abi = landlock.abi()
            if self.landlock_abi == 0:
                raise SandboxUnavailable("level landlock: this kernel has no Landlock, or it is switched off")

    def _lay_out(self) -> None:
        prefixes = [sys.base_prefix]
        node = node_executable()
        if node is not None:
            prefixes.append(str(Path(node).parent.parent))
        self.prefixes = list(dict.fromkeys(os.path.realpath(prefix) for prefix in prefixes))
        self.many_users = self.level == "namespaces" and os.geteuid() == 0 and _may_map_range()
        work = self.settings.work_dir
        (work / "root").mkdir(parents=True, exist_ok=True)
        if self.level == "namespaces":
            return
        self.runtime_dir = str(work / "runtime")
        shutil.rmtree(self.runtime_dir, ignore_errors=True)
        os.makedirs(self.runtime_dir)
        for source in [*shared_packages(), *_HERE.glob("bootstrap.*")]:
            os.symlink(source, f"{self.runtime_dir}/{source.name}")

    def _plan(self, zygote_pid: int) -> dict[str, Any]:
        files = [*shared_packages(), *_HERE.glob("bootstrap.*")]
        return {
            "level": self.level,
            "zygote_pid": zygote_pid,
            "root": str(self.settings.work_dir.resolve() / "root"),
            "runtime_dir": self.runtime_dir,
            "runtime_files": [(str(path), f"/var/runtime/{path.name}") for path in files],
            "prefixes": self.prefixes,
            "hidden": [str(path.resolve()) for path in self.settings.hidden],
            "private_network": self.private_network,
            "api_port": self.settings.node_address[1],
            "landlock_abi": self.landlock_abi,
        }

    async def _until_ready(self) -> None:
        assert self._channel is not None and self._process is not None
        while True:
            body = (await self._channel.receive()).body or {}
            if "failed" in body:
                raise SandboxUnavailable(body["failed"])
            if "ready" in body:
                self.modules = frozenset(body["modules"])
                return
            self._map_users(self._process.pid)
            self._channel.send({"mapped": True})

    def _map_users(self, pid: int) -> None:
        if self.many_users:
            lines = f"0 0 1\n1 {_UID_BASE} {_UID_COUNT}"
            linux.map_user(pid, lines, lines, forbid_setgroups=False)
        else:
            linux.map_user(pid, f"0 {os.geteuid()} 1", f"0 {os.getegid()} 1", forbid_setgroups=True)

    def readable(self) -> list[str]:
        """What a function may read where there is no root of our making: what such a root would show."""
        packages = [str(path) for path in [*shared_packages(), *_HERE.glob("bootstrap.*")]]
        devices = [f"/dev/{name}" for name in ("zero", "full", "random", "urandom")]
        return [*_SYSTEM_TREES, *_SYSTEM_FILES, *self.prefixes, *packages, *devices, "/proc/self"]

    def function_uid(self, number: int) -> int:
        """The user an environment runs as, seen from the zygote; 0 = the node's own."""
        return 1 + number % _UID_COUNT if self.many_users else 0

    def launch(self, request: dict[str, Any], control: socket.socket, output: int) -> None:
        if self._channel is None or self._channel.closed:
            raise SandboxUnavailable("the zygote ended")
        self._channel.send(request, [control.fileno(), output])

    @property
    def alive(self) -> bool:
        return self._channel is not None and not self._channel.closed

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    async def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(self._process.wait)


def _may_map_range() -> bool:
    """Whether this (root) process's own user namespace has the range of function users to give away."""
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return False
    for line in lines:
        inside, _, count = (int(word) for word in line.split())
        if inside <= _UID_BASE and inside + count >= _UID_BASE + _UID_COUNT:
            return True
    return False
