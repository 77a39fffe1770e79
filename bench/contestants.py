"""The servers that are compared: this checkout of Cloudlet, and peers from PyPI, each in a throw-away environment."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.server import NotStarted, Server, free_port, launch
from cloudlet import __version__

Say = Callable[[str], None]
ROOT = str(Path(__file__).parent.parent)


class Contestant(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def launch(self, directory: Path) -> Server:
        """Start one in a directory of its own; it may not listen yet."""


@dataclass(frozen=True, slots=True)
class Node:
    """As a user has it: durable, all checks on. `bench.node` adds only that it can be asked for its counters."""

    name: str = "cloudlet"
    version: str = __version__
    is_staged: bool = False  # times the stages of requests
    is_plain: bool = False  # `cloudlet up` and nothing else
    core: int | None = None  # the only one it may use

    def launch(self, directory: Path) -> Server:
        port = free_port()
        options = ["--data", str(directory / "data"), "--port", str(port)]
        module = ["cloudlet", "up"] if self.is_plain else ["bench.node"]
        environment = {"PYTHONPATH": ROOT, "CLOUDLET_BENCH_COUNTERS": str(directory / "counters.json")}
        if self.is_staged:
            environment["CLOUDLET_BENCH_STAGES"] = "1"
        if self.core is not None:
            environment["CLOUDLET_BENCH_CORE"] = str(self.core)
        command = [sys.executable, "-m", *module, *options]
        return launch(self.name, self.version, command, port, environment, directory)


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    requirements: tuple[str, ...]  # for pip; and what it would like to have beside it
    command: str  # of the installed environment

    def installed(self, directory: Path) -> "Installed":
        """The newest release in a virtual environment, unless it is there already. Raises CalledProcessError."""
        target = directory / self.name
        if not (target / "bin" / self.command).exists():
            subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
            pip = [str(target / "bin" / "pip"), "--disable-pip-version-check", "--quiet", "install", "--prefer-binary"]
            subprocess.run([*pip, *self.requirements], check=True, stderr=subprocess.PIPE)
        code = f"from importlib.metadata import version; print(version({self.name!r}))"
        asked = [str(target / "bin" / "python"), "-c", code]
        version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        return Installed(self.name, version, target / "bin" / self.command)


@dataclass(frozen=True, slots=True)
class Installed:
    name: str
    version: str
    program: Path

    def launch(self, directory: Path) -> Server:
        port = free_port()
        command = [str(self.program)]
        if self.name == "moto":
            command += ["-H", "127.0.0.1", "-p", str(port)]
        environment = {
            "PATH": f"{self.program.parent}:/usr/bin:/bin",
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "LOG_LEVEL": "WARNING",
            "TMPDIR": str(directory),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        return launch(self.name, self.version, command, port, environment, directory)


PEERS = (
    Peer("moto", ("moto[server]",), "moto_server"),
    Peer("ministack", ("ministack", "boto3", "aws-sam-translator"), "ministack"),
)


class Missing(Exception):
    """A peer that could not be installed or started: why."""


def peers(directory: Path, say: Say) -> Iterator[Installed | Missing]:
    """All of them, installed side by side; in place of one that could not be, the reason. CLOUDLET_BENCH_PEERS names a
    directory that keeps the environments, for runs in a row."""
    directory = Path(os.environ.get("CLOUDLET_BENCH_PEERS") or directory)
    say(f"installing {', '.join(peer.requirements[0] for peer in PEERS)} from the package index …")
    with ThreadPoolExecutor(len(PEERS)) as pool:
        installs = [pool.submit(peer.installed, directory) for peer in PEERS]
        for peer, installed in zip(PEERS, installs, strict=True):
            try:
                yield installed.result()
            except (subprocess.CalledProcessError, NotStarted) as error:
                output = getattr(error, "stderr", None) or b""
                yield Missing(f"{peer.name} is missing: {error} {output.decode(errors='replace')[-300:]}".rstrip())
