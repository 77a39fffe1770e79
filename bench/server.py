"""A server under load: its process, where it listens, its processor time. Starts and ends only its own processes."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

READY_S = 30.0
STOP_S = 15.0
_TICKS = os.sysconf("SC_CLK_TCK")


class NotStarted(Exception):
    """A server that didn't come up: what it said."""


@dataclass(slots=True)
class Server:
    name: str
    version: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    host: str = "127.0.0.1"

    @property
    def is_ours(self) -> bool:
        return self.name.startswith("cloudlet")

    @property
    def counters(self) -> Path:
        """Where our node writes its counters."""
        return self.log.parent / "counters.json"

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """Ask, wait, insist: its process group, which is its own."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return "\n".join(lines[-5:])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(
    name: str, version: str, command: Sequence[str], port: int, environment: Mapping[str, str], directory: Path
) -> Server:
    """Start it; it may not listen yet. Its output goes to a log in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / f"{name}.log"
    # An installed package's modules are compiled once: servers may keep what they compile, as everywhere else.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**inherited, **environment},
            start_new_session=True,
        )
    return Server(name, version, port, process, log)


def listening(server: Server) -> Server:
    """Wait until it takes connections. Raises NotStarted."""
    until = time.monotonic() + READY_S
    while server.process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((server.host, server.port), timeout=1):
            return server
        time.sleep(0.05)
    server.stop()
    raise NotStarted(f"{server.name} did not start; the end of its output:\n{server.last_words()}")


def pss_mib(pid: int) -> float:
    """Memory of a process and all that descend from it, shared pages by their share (Linux's PSS)."""
    total_kib = 0
    for one in _tree(pid):
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
            total_kib += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total_kib / 1024


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and all that descend from it, user and system."""
    total = 0.0
    for one in _tree(pid):
        if one == pid:
            total += own_cpu_seconds(pid)
            continue
        with contextlib.suppress(OSError, IndexError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / _TICKS  # its own, and that of children it has waited for
    return total


def own_cpu_seconds(pid: int) -> float:
    """Processor time of a process and its threads, without its children: to the nanosecond, where /proc has ticks."""
    try:
        return time.clock_gettime(_cpu_clock(pid))
    except OSError:
        return 0.0  # it has ended


def _cpu_clock(pid: int) -> int:
    """Linux's number of another process's CPU clock (clock_getcpuclockid(3))."""
    return (~pid << 3) | 2


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found
