"""The servers that are compared: this checkout of Cloudlet, and peers from PyPI, each in a throw-away environment."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.server import NotStarted, Server, free_port, start
from cloudlet import __version__

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    requirement: str  # for pip
    package: str  # whose version is shown
    command: str  # of the installed environment


PEERS = (
    Peer("moto", "moto[server]", "moto", "moto_server"),
    Peer("ministack", "ministack", "ministack", "ministack"),
)


def start_cloudlet(directory: Path, *, stages: bool = False, core: int | None = None) -> Server:
    """As a user has it: durable, all checks on. `bench.node` adds only that it can be asked for its counters."""
    port = free_port()
    command = [sys.executable, "-m", "bench.node", "--data", str(directory / "data"), "--port", str(port)]
    root = str(Path(__file__).parent.parent)
    environment = {"PYTHONPATH": root, "CLOUDLET_BENCH_COUNTERS": str(counters_path(directory))}
    if stages:
        environment["CLOUDLET_BENCH_STAGES"] = "1"
    if core is not None:
        environment["CLOUDLET_BENCH_CORE"] = str(core)
    return start("cloudlet", __version__, command, port, environment)


def counters_path(directory: Path) -> Path:
    return directory / "counters.json"


class Missing(Exception):
    """A peer that could not be installed or started: why."""


def install(peer: Peer, directory: Path) -> Path:
    """A virtual environment with the newest release; its bin directory. Raises CalledProcessError."""
    target = directory / peer.name
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
    pip = [str(target / "bin" / "pip"), "--disable-pip-version-check", "--quiet", "install", "--prefer-binary"]
    subprocess.run([*pip, peer.requirement], check=True, stderr=subprocess.PIPE)
    return target / "bin"


def start_peers(directory: Path, say: Say) -> Iterator[Server | Missing]:
    """All of them, installed side by side; in place of one that doesn't come up the reason."""
    say(f"installing {', '.join(peer.requirement for peer in PEERS)} from the package index …")
    with ThreadPoolExecutor(len(PEERS)) as pool:
        installs = [pool.submit(install, peer, directory) for peer in PEERS]
        for peer, installed in zip(PEERS, installs, strict=True):
            try:
                yield _start_peer(peer, installed.result(), directory)
            except (subprocess.CalledProcessError, NotStarted) as error:
                output = getattr(error, "stderr", None) or b""
                yield Missing(f"{peer.name} is missing: {error} {output.decode(errors='replace')[-300:]}".rstrip())


def _start_peer(peer: Peer, binaries: Path, directory: Path) -> Server:
    port = free_port()
    command = [str(binaries / peer.command)]
    if peer.name == "moto":
        command += ["-H", "127.0.0.1", "-p", str(port)]
    environment = {
        "PATH": f"{binaries}:/usr/bin:/bin",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(directory),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    return start(peer.name, _version(peer, binaries), command, port, environment)


def _version(peer: Peer, binaries: Path) -> str:
    code = f"from importlib.metadata import version; print(version({peer.package!r}))"
    done = subprocess.run([str(binaries / "python"), "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()
