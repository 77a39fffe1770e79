"""What the kernel tells about a tree of processes: who belongs to it, how much memory it holds."""

import os
import signal
import socket
import sys


def children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(word) for word in file.read().split()]
    except OSError:
        pass  # it ended while we looked
    return found


def tree(pid: int) -> list[int]:
    """Every descendant of `pid`, without itself. Orphans are in it: `pid` is an init or a subreaper."""
    found = children(pid)
    for child in found:
        found += children(child)  # grows while we walk it: breadth first
    return found


def holds_connection(pids: list[int], client: tuple[str, int], server: tuple[str, int]) -> bool:
    """Whether one of these processes has the client's end of a TCP connection over IPv4 of this machine."""
    wanted = [_as_proc_writes(client), _as_proc_writes(server)]
    with open("/proc/net/tcp", encoding="ascii") as file:
        inodes = {words[9] for words in map(str.split, file) if words[1:3] == wanted}
    links = {f"socket:[{inode}]" for inode in inodes}
    return any(link in links for pid in pids for link in _descriptors(pid))


def _as_proc_writes(address: tuple[str, int]) -> str:
    number = int.from_bytes(socket.inet_aton(address[0]), sys.byteorder)
    return f"{number:08X}:{address[1]:04X}"


def _descriptors(pid: int) -> list[str]:
    found: list[str] = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    except OSError:
        pass  # it ended, or closed one, while we looked
    return found


def memory_bytes(pids: list[int]) -> int:
    """Proportional set size: pages shared with the zygote count by share, so the sum is what the tree really holds."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                for line in file:
                    if line.startswith(b"Pss:"):
                        total += int(line.split()[1]) * 1024
                        break
        except OSError:
            continue
    return total


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            pass


def stop_tree(pid: int) -> list[int]:
    """SIGSTOP to every descendant, again while new ones appear: one may fork between the look and the signal."""
    stopped: set[int] = set()
    for _ in range(5):
        new = [member for member in tree(pid) if member not in stopped]
        if not new:
            break
        signal_all(new, signal.SIGSTOP)
        stopped.update(new)
    return list(stopped)
