"""What a function tries against its neighbours: other functions, the programs of this machine, the node's own process.

As in test_hostile_functions.py, at every level that claims to stop it.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import resource
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from cloudlet.runtime import landlock
from cloudlet.runtime.processes import holds_connection

CLAIMED_AT = {
    "files": ["namespaces", "landlock"],
    "signals": ["namespaces", "landlock"],
    "network": ["namespaces"],
}


def at_levels(claim: str) -> Any:
    return pytest.mark.parametrize("host", CLAIMED_AT[claim], indirect=True)


def answer(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def outcomes_of(host: Any, attempts: dict[str, str], event: Any = None, before: str = "", **facts: Any) -> Any:
    """What became of each attempt (an expression): "done", or the error's name."""
    code = f"""
import ctypes, fcntl, os, resource, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
{before}
def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)
def handler(event, context):
    found = {{}}
    for name, attempt in {attempts!r}.items():
        try:
            eval(attempt, {{**globals(), "event": event}})
            found[name] = "done"
        except BaseException as error:
            found[name] = type(error).__name__
    return found
"""
    outcome = host.invoke(host.function(code, **facts), json.dumps(event).encode())
    assert outcome.function_error is None, outcome.payload
    return answer(outcome)


REFUSALS = {"PermissionError", "FileNotFoundError", "ProcessLookupError"}

METADATA = {
    "mode": "os.chmod(event, 0o777)",
    "mode of its directory": "os.chmod(os.path.dirname(event), 0o777)",
    "mode of a link": "call('syscall', 452, -100, event.encode(), 0o777, 0)",  # fchmodat2
    "owner": "os.chown(event, os.getuid(), os.getgid())",
    "times": "os.utime(event, (0, 0))",
    "attributes": "os.setxattr(event, 'user.cloudlet', b'1')",
    "attributes gone": "os.removexattr(event, 'user.cloudlet')",
    "length": "os.truncate(event, 0)",
    "watching it": "call('inotify_add_watch', libc.inotify_init(), os.path.dirname(event).encode(), 0xFFF)",
}


@at_levels("files")
def test_what_the_data_directory_is_cannot_be_changed_either(host: Any) -> None:
    secret = host.work_dir / "kept" / "node.key"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("the node's key")
    secret.chmod(0o600)
    os.utime(secret, (10, 10))
    found = outcomes_of(host, METADATA, str(secret))
    assert set(found.values()) <= REFUSALS | {"OSError"}, found  # no such call before Linux 6.6
    facts = secret.stat()
    assert (facts.st_mode & 0o777, facts.st_mtime, facts.st_size) == (0o600, 10, 14)


OWN_FILES = {
    "copying": "shutil.copy2(__file__, tmp + '/copy')",
    "mode": "os.chmod(tmp + '/copy', 0o755)",
    "mode by descriptor": "os.fchmod(os.open(tmp + '/copy', os.O_RDONLY), 0o700)",
    "mode from within": "os.chdir(tmp), os.chmod('copy', 0o711), os.chdir('/')",
    "mode in a directory": "os.chmod('copy', 0o750, dir_fd=os.open(tmp, os.O_RDONLY))",
    "times": "os.utime(tmp + '/copy', (5, 7))",
    "times by descriptor": "os.utime(os.open(tmp + '/copy', os.O_RDONLY), (5, 9))",
    "now": "os.utime(tmp, None)",
    "unpacking": "shutil.unpack_archive(shutil.make_archive(tmp + '/a', 'tar', tmp), tmp + '/b')",
    "a program": "run(['chmod', '600', tmp + '/copy'], check=True)",
}
OTHERS_FILES = {
    "by a link": "os.symlink(event, tmp + '/link'), os.chmod(tmp + '/link', 0o777)",
    "by a hard link": "os.link(event, tmp + '/hard'), os.chmod(tmp + '/hard', 0o777)",
    "by going up": "os.chmod(tmp + '/' + '../' * 20 + event, 0o777)",
    "by descriptor": "os.fchmod(os.open(event, os.O_PATH), 0o777)",
    "by its directory": "os.chmod(os.path.basename(event), 0o777, dir_fd=os.open(os.path.dirname(event), os.O_PATH))",
    "by /proc": "os.chmod(f'/proc/self/root/{event}', 0o777)",
    "times by a link": "os.symlink(event, tmp + '/link2'), os.utime(tmp + '/link2', (0, 0))",
    "its own code's mode": "os.chmod(__file__, 0o777)",
    "the interpreter's mode": "os.fchmod(os.open(os.__file__, os.O_RDONLY), 0o777)",
    "as another user's program": "os.chmod(open(tmp + '/set', 'w').name, 0o4755)",
    "a path that is none": "call('syscall', 90, 1, 0o777)",
}
OWN_TMP = "import shutil\nfrom subprocess import run\ntmp = os.environ.get('TMPDIR', '/tmp')"


@at_levels("files")
def test_modes_and_times_of_its_own_files_are_a_functions(host: Any) -> None:
    assert set(outcomes_of(host, OWN_FILES, before=OWN_TMP).values()) == {"done"}


@pytest.mark.parametrize("host", ["landlock"], indirect=True)
def test_modes_and_times_of_other_files_are_not(host: Any) -> None:
    """Though the environment's init, which sets those of its own, could."""
    secret = host.work_dir / "other.key"
    secret.write_text("the node's key")
    secret.chmod(0o644)
    os.utime(secret, (10, 10))
    found = outcomes_of(host, OTHERS_FILES, str(secret), before=OWN_TMP)
    assert "done" not in found.values(), found
    assert (secret.stat().st_mode & 0o7777, secret.stat().st_mtime) == (0o644, 10)


OF_THE_NODE = {
    "limits": "resource.prlimit(event, resource.RLIMIT_CORE, (0, 0))",
    "niceness": "os.setpriority(os.PRIO_PROCESS, event, os.getpriority(os.PRIO_PROCESS, 0))",
    "processors": "os.sched_setaffinity(event, os.sched_getaffinity(0))",
    "scheduler": "os.sched_setscheduler(event, os.SCHED_OTHER, os.sched_param(0))",
    "scheduler's parameters": "os.sched_setparam(event, os.sched_param(0))",
    "its memory": "open(f'/proc/{event}/mem', 'rb').close()",
    "its environment": "open(f'/proc/{event}/environ', 'rb').read()",
    "its descriptors": "os.listdir(f'/proc/{event}/fd')",
    "its files": "os.listdir(f'/proc/{event}/root')",
    "a descriptor of it": "call('syscall', 438, os.pidfd_open(event), 0, 0)",  # pidfd_getfd
    "reading it": "call('process_vm_readv', event, None, 0, None, 0, 0)",
}


@at_levels("signals")
def test_a_function_changes_and_reads_nothing_of_the_nodes_process(host: Any) -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    found = outcomes_of(host, OF_THE_NODE, os.getpid())
    assert set(found.values()) <= REFUSALS, found
    assert resource.getrlimit(resource.RLIMIT_CORE) == before


@at_levels("signals")
def test_a_function_may_still_lower_its_own_limits_and_priority(host: Any) -> None:
    own = {
        "limit": "resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))",
        "niceness": "os.nice(1)",
        "processors": "os.sched_setaffinity(0, os.sched_getaffinity(0))",
    }
    assert set(outcomes_of(host, own).values()) == {"done"}


@at_levels("files")
def test_memory_and_queues_that_programs_share_are_not_a_functions(host: Any) -> None:
    """System V finds them by number, POSIX by name in /dev/shm and /dev/mqueue."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = 0x5C10_0000 | os.getpid() & 0xFFFF
    segment = libc.shmget(number, 4096, 0o1666)
    name = f"cloudlet-test-{os.getpid()}"
    Path("/dev/shm", name).write_text("ours")
    attempts = {
        "System V": f"call('shmget', {number}, 4096, 0o666)",
        "POSIX": f"open('/dev/shm/{name}').close()",
        "queue": f"call('msgget', {number}, 0o666)",
        "semaphore": f"call('semget', {number}, 1, 0o666)",
    }
    try:
        assert set(outcomes_of(host, attempts).values()) <= REFUSALS
    finally:
        Path("/dev/shm", name).unlink()
        libc.shmctl(segment, 0, None)


@at_levels("files")
def test_what_a_function_leaves_in_shared_memory_is_gone_with_it(host: Any) -> None:
    name = f"left-{os.getpid()}"
    outcomes_of(host, {"write": f"open('/dev/shm/{name}', 'w').close()"})
    assert not Path("/dev/shm", name).exists()


@at_levels("files")
def test_a_function_finds_nothing_of_another_function(host: Any) -> None:
    """Neither its variables and credentials (in memory of the same zygote, in /proc), nor its code or files."""
    secret = f"secret-{os.getpid()}-{time.time_ns()}"
    first = host.function(
        "import os\ndef handler(event, context):\n    path = os.environ.get('TMPDIR', '/tmp') + '/mine'\n"
        "    open(path, 'w').write(os.environ['SECRET'])\n    return path",
        environment={"SECRET": secret},
    )
    path = answer(host.invoke(first))
    instance = host.instance_of(first)
    outside = f"/proc/{instance.pid}/root{path}"
    assert Path(outside).read_text() == secret
    code = f"""
        import os
        half, other = "{secret[:10]}", "{secret[10:]}"
        def holds(data):
            return (half + other).encode() in data
        def own_memory():
            found = 0
            with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
                for line in list(maps):
                    span, rights = line.split()[:2]
                    start, end = (int(word, 16) for word in span.split("-"))
                    if rights[0] != "r" or end - start > 1 << 28 or "[v" in line:
                        continue
                    memory.seek(start)
                    try:
                        found += holds(memory.read(end - start)) and "stack" not in line
                    except OSError:
                        pass
            return found
        def handler(event, context):
            seen = []
            for pid in [name for name in listed("/proc") if name.isdigit()]:
                for file in ("environ", "cmdline"):
                    seen += [pid] * holds(read(f"/proc/{{pid}}/{{file}}"))
            for place in event:
                seen += [place] * (bool(listed(place)) or bool(read(place)))
            with open("/proc/self/status") as status:
                assert "TracerPid:\\t0" in status.read()
            return [seen, own_memory()]
        def listed(place):
            try:
                return os.listdir(place)
            except OSError:
                return []
        def read(path):
            try:
                with open(path, "rb") as file:
                    return file.read()
            except OSError:
                return b""
    """
    work = host.work_dir / "work"
    places = [outside, str(first.code_dir), str(work), str(work / "environments"), str(work / "layers")]
    places += [path] if path.startswith(str(work)) else ["/tmp/mine"]
    assert answer(host.invoke(host.function(code), json.dumps(places).encode())) == [[], 0]


@at_levels("files")
def test_the_next_function_finds_nothing_of_the_last(host: Any) -> None:
    code = """
        import os
        def handler(event, context):
            tmp = os.environ.get("TMPDIR", "/tmp")
            found = os.listdir(tmp)
            open(tmp + "/left", "w").close()
            return found
    """
    for _ in range(2):
        spec = host.function(code)
        assert answer(host.invoke(spec)) == []
        host.retire(spec)
        host.settle()


SHARING_NETWORK = [("landlock", "private"), ("none", "private"), ("namespaces", "host")]


@pytest.mark.parametrize(("level", "network"), SHARING_NETWORK)
def test_the_runtime_api_of_another_function_answers_nobody_else(new_host: Any, level: str, network: str) -> None:
    """Where it listens in reach of others, it could hand them its function's events, or take their answers."""
    host = new_host(level, network=network)
    victim = host.function("def handler(event, context):\n    return 'mine'")
    assert answer(host.invoke(victim)) == "mine"
    port = host.instance_of(victim).api._server.sockets[0].getsockname()[1]
    attack = """
        import socket
        request = b"POST /2018-06-01/runtime/init/error HTTP/1.1\\r\\nContent-Length: 0\\r\\n\\r\\n"
        def handler(event, context):
            try:
                with socket.create_connection(("127.0.0.1", event), 5) as connection:
                    connection.sendall(request)
                    return connection.recv(1000).decode()
            except OSError as error:
                return type(error).__name__
    """
    said = answer(host.invoke(host.function(attack), str(port).encode()))
    assert said in ("", "ConnectionResetError", "PermissionError", "BrokenPipeError")

    async def from_outside() -> bytes:
        loop = asyncio.get_running_loop()
        with socket.socket() as connection:
            connection.setblocking(False)
            await loop.sock_connect(connection, ("127.0.0.1", port))
            with contextlib.suppress(OSError):
                await loop.sock_sendall(connection, b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
                return await loop.sock_recv(connection, 1000)
        return b""

    assert host.run(from_outside()) == b""
    assert answer(host.invoke(victim)) == "mine"
    assert host.runtime.stats()["cold_starts"] == 2  # it was never taken for broken


def test_whose_a_connection_is_the_kernel_tells() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            ends = client.getsockname(), client.getpeername()
            assert holds_connection([os.getpid()], *ends)
            assert not holds_connection([], *ends)
            assert not holds_connection([1 << 22], *ends)
        assert not holds_connection([os.getpid()], *ends)


@at_levels("network")
def test_metadata_services_and_other_functions_are_out_of_reach(host: Any) -> None:
    reach = "def reach(*address):\n    socket.create_connection(address, 1).close()"
    attempts = {address: f"reach('{address}', 80)" for address in ("169.254.169.254", "169.254.170.2", "192.0.2.1")}
    assert set(outcomes_of(host, attempts, before=reach).values()) == {"OSError"}


def test_descriptors_run_out_for_the_function_alone(host: Any) -> None:
    code = """
        import os, resource
        def handler(event, context):
            held, error = [], 0
            while not error:
                try:
                    held.append(os.open("/dev/null", os.O_RDONLY))
                except OSError as problem:
                    error = problem.errno
            for each in held:
                os.close(each)
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 16, 1 << 16))
                return "raised"
            except (ValueError, OSError):
                return [error, len(held) <= 1024]
    """
    assert answer(host.invoke(host.function(code))) == [24, True]  # Too many open files


@pytest.mark.parametrize("host", ["namespaces"], indirect=True)
def test_a_fork_bomb_ends_at_the_limit_of_processes_and_with_the_call(host: Any) -> None:
    code = """
        import os, time
        def handler(event, context):
            until = time.time() + 0.5
            while time.time() < until:
                try:
                    os.fork()
                except OSError:
                    time.sleep(0.05)
            time.sleep(60)
    """
    spec = host.function(code, timeout_ms=1_000, memory_mb=3_000)
    assert host.invoke(spec).status in ("timeout", "oom")
    host.settle()
    assert answer(host.invoke(host.function("def handler(event, context):\n    return 1"))) == 1
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and spec.function_name in _environment(pid)]


def _environment(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_of_an_older_landlock_no_more_is_claimed_than_it_does(
    new_host: Any, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    """An older kernel is this one asked for no more: rights that a ruleset does not name are not restricted."""
    if landlock.abi() < version:
        pytest.skip(f"this kernel's Landlock is older than version {version}")
    monkeypatch.setattr(landlock, "abi", lambda: version)
    host = new_host("landlock")
    assert ("signals" in host.runtime.claims) == (version >= 6)
    assert ("signals to processes of this user" in host.runtime.gaps) == (version < 6)
    secret = host.work_dir / "kept"
    secret.write_text("content")
    with host.neighbour() as port:
        attempts = {
            "read": "open(event).close()",
            "truncate": "os.truncate(event, 0)",
            "truncate its code": "os.close(os.open(__file__, os.O_RDONLY | os.O_TRUNC))",
            "link": "os.link(event, os.environ['TMPDIR'] + '/link')",
            "mode": "os.chmod(event, 0o777)",
            "signal": f"os.kill({os.getpid()}, 0)",
            "network": f"socket.create_connection(('127.0.0.1', {port}), 1).close()",
            "listen": "socket.create_server(('127.0.0.1', 0)).close()",
        }
        found = outcomes_of(host, attempts, str(secret))
    refused = {name for name, result in found.items() if result != "done"}
    everywhere = {"read", "truncate", "truncate its code", "link", "mode"}
    by_version = ({"network", "listen"} if version >= 4 else set()) | ({"signal"} if version >= 6 else set())
    assert refused == everywhere | by_version
    assert secret.read_text() == "content"
