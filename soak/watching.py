"""What a node takes of its machine: memory, files, processes, processor, disk. Linux's /proc tells."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from tests.crash.node_process import cpu_s, descendants

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Taken:
    """At one moment."""

    node_mib: float  # proportional set size
    others_mib: float  # of what the node started
    open_files: int
    processes: int
    threads: int
    cpu_s: float  # of the node itself, since its start
    disk_mib: float


def taken(pid: int, data: Path) -> Taken:
    others = [one.pid for one in descendants(pid)]
    return Taken(
        node_mib=_pss_mib(pid),
        others_mib=sum(map(_pss_mib, others)),
        open_files=len(os.listdir(f"/proc/{pid}/fd")),
        processes=1 + len(others),
        threads=len(os.listdir(f"/proc/{pid}/task")),
        cpu_s=cpu_s(pid),
        disk_mib=disk_mib(data),
    )


def disk_mib(data: Path) -> float:
    """Of the store, blobs included: allocated, not apparent."""
    size = 0
    for folder, _, names in os.walk(data / "store"):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                size += 512 * os.stat(os.path.join(folder, name)).st_blocks
    return size / MIB


def _pss_mib(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0  # it has ended
