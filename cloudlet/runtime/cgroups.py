"""Control groups, version 1 or 2, where this node may use them: memory limit and peak, count of processes, freezing.

Nothing here is required: without them memory is polled and freezing is done by signals.
"""

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from cloudlet.base import ids

_PREFIX = "cloudlet-"
_LOOKED_AT_BYTES = 8192
_OWN = re.compile(rb"^(rss|anon|shmem) (\d+)$", re.MULTILINE)


@dataclass
class Cgroup:
    """One environment's group, in up to three hierarchies."""

    memory: Path | None = None  # version 1 or 2
    unified: Path | None = None
    pids: Path | None = None
    version: int = 2
    fresh: bool = True  # no limit was set yet
    _open: dict[str, int] = field(default_factory=dict)  # files looked into at each call, by name

    def directories(self) -> list[Path]:
        return list(dict.fromkeys(path for path in (self.memory, self.unified, self.pids) if path is not None))

    def add(self, pid: int) -> None:
        for directory in self.directories():
            _write(directory / "cgroup.procs", str(pid))

    def usage_bytes(self) -> int | None:
        return self._memory_number("memory.usage_in_bytes" if self.version == 1 else "memory.current")

    def peak_bytes(self) -> int | None:
        return self._memory_number("memory.max_usage_in_bytes" if self.version == 1 else "memory.peak")

    def own_bytes(self, tmp_bytes: int) -> int:
        """Anonymous memory and shared memory, without `tmp_bytes` of it that are files in /tmp."""
        if self.memory is None:
            return 0
        found = self._look(self.memory, "memory.stat")
        facts = {name: int(number) for name, number in _OWN.findall(found)}
        anonymous = facts.get(b"rss" if self.version == 1 else b"anon", 0)
        return anonymous + max(facts.get(b"shmem", 0) - tmp_bytes, 0)

    def limit(self, memory_bytes: int) -> None:
        """Version 1 has a second limit, on memory and swap, which must never be below the first."""
        if self.memory is None:
            return
        if self.version == 2:
            _write(self.memory / "memory.max", str(memory_bytes))
            _write(self.memory / "memory.swap.max", "0")  # swap would let a function hold more than its limit
            return
        names = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
        for name in names if self.fresh else reversed(names):
            _write(self.memory / name, str(memory_bytes))
        self.fresh = False

    def _memory_number(self, name: str) -> int | None:
        if self.memory is None:
            return None
        try:
            return int(self._look(self.memory, name))
        except ValueError:
            return None

    def _look(self, directory: Path, name: str) -> bytes:
        """What is in one of its files now: opened once, as opening costs a multiple of reading."""
        try:
            if name not in self._open:
                self._open[name] = os.open(directory / name, os.O_RDONLY | os.O_CLOEXEC)
            return os.pread(self._open[name], _LOOKED_AT_BYTES, 0)
        except OSError:
            return b""

    def killed_by_memory(self) -> bool:
        """The kernel killed a process of the group because the group reached its limit."""
        if self.memory is None:
            return False
        try:
            text = (self.memory / ("memory.oom_control" if self.version == 1 else "memory.events")).read_text()
        except OSError:
            return False
        found = re.search(r"^oom_kill (\d+)", text, re.MULTILINE)
        return found is not None and int(found[1]) > 0

    def freeze(self, frozen: bool) -> bool:
        """False where only signals can do it."""
        if self.unified is None:
            return False
        try:
            if "cgroup.freeze" not in self._open:
                path = self.unified / "cgroup.freeze"
                self._open["cgroup.freeze"] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            os.pwrite(self._open["cgroup.freeze"], b"1" if frozen else b"0", 0)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        if self.unified is not None:
            _write(self.unified / "cgroup.kill", "1")

    def remove(self) -> bool:
        """False while a process of it is still ending."""
        while self._open:
            os.close(self._open.popitem()[1])
        gone = True
        for directory in self.directories():
            try:
                directory.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
        return gone


@dataclass
class Cgroups:
    """Where this node's groups live; `discover` finds out, `create` makes one for an environment."""

    memory: Path | None = None
    unified: Path | None = None
    pids: Path | None = None
    version: int = 2
    _made: list[Path] = field(default_factory=list)

    @property
    def limits_memory(self) -> bool:
        return self.memory is not None

    @property
    def freezes(self) -> bool:
        return self.unified is not None

    def create(self, name: str, processes_max: int) -> Cgroup:
        group = Cgroup(version=self.version)
        bases = {base for base in (self.memory, self.unified, self.pids) if base is not None}
        made = {base for base in bases if _make(base / name)}  # in version 2 all three are one
        for attribute in ("memory", "unified", "pids"):
            base: Path | None = getattr(self, attribute)
            if base is not None and base in made:
                setattr(group, attribute, base / name)
        if group.pids is not None:
            _write(group.pids / "pids.max", str(processes_max))
        return group

    def close(self) -> None:
        for path in self._made:
            with contextlib.suppress(OSError):
                path.rmdir()


def discover() -> Cgroups:
    """What this node may use. Version 1: the hierarchy's root, as root. Version 2: the nearest group above us that we
    may write to and that hands the memory controller down; for freezing any we may write to."""
    name = f"{_PREFIX}{os.getpid()}-{ids.hexadecimal(8)}"
    found = Cgroups()
    unified = next((path for path in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")) if _is_v2(path)), None)
    if unified is not None:
        _discover_v2(found, unified, name)
    for controller in ("memory", "pids"):
        root = Path("/sys/fs/cgroup") / controller
        if getattr(found, controller) is None and (root / "cgroup.procs").exists() and not _is_v2(root):
            _sweep(root)
            if _make(root / name):
                setattr(found, controller, root / name)
                found._made.append(root / name)
                found.version = 1
    return found


def _discover_v2(found: Cgroups, root: Path, name: str) -> None:
    own = _own_v2_path()
    places = [root / own, *(root / own).parents]
    places = [place for place in places if place == root or root in place.parents]
    for wanted in ("memory", None):
        for place in places:
            if wanted is not None and wanted not in _read(place / "cgroup.subtree_control").split():
                continue
            _sweep(place)
            if not _make(place / name):
                continue
            found.unified = place / name
            found._made.append(place / name)
            if wanted is not None and _write(place / name / "cgroup.subtree_control", "+memory"):
                found.memory = place / name
                if _write(place / name / "cgroup.subtree_control", "+pids"):
                    found.pids = place / name
            return


def _own_v2_path() -> str:
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        if line.startswith("0::"):
            return line[3:].lstrip("/")
    return ""


def _is_v2(path: Path) -> bool:
    return (path / "cgroup.controllers").exists()


def _sweep(place: Path) -> None:
    """Remove what a node that was killed left behind: its groups are empty or hold only what it had started."""
    for old in place.glob(f"{_PREFIX}*-*"):
        pid = old.name.removeprefix(_PREFIX).partition("-")[0]
        if not pid.isdigit() or os.path.exists(f"/proc/{pid}"):
            continue
        for group in [*old.glob("*/"), old]:
            if (group / "cgroup.kill").exists():
                _write(group / "cgroup.kill", "1")
            with contextlib.suppress(OSError):
                group.rmdir()


def _make(path: Path) -> bool:
    try:
        path.mkdir()
    except OSError:
        return False
    return True


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _write(path: Path, text: str) -> bool:
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError:
        return False
    return True
