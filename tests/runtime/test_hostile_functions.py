"""What a level claims to stop is tried by a function, at every level that claims it.

A level that does not claim something has nothing to show for it: those cases are left out by name, not skipped.
"""

import asyncio
import contextlib
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

MIB = 1 << 20

CLAIMS = {
    "namespaces": {"memory", "forks", "tmp", "files", "signals", "network"},
    "landlock": {"memory", "forks", "files", "signals"},
    "none": {"memory", "forks"},
}


def levels_that_claim(claim: str) -> Any:
    return pytest.mark.parametrize("host", [level for level in CLAIMS if claim in CLAIMS[level]], indirect=True)


def answer(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def test_a_level_claims_what_these_tests_show(host: Any) -> None:
    assert host.runtime.claims == CLAIMS[host.runtime.level]


@levels_that_claim("memory")
def test_a_function_that_allocates_twice_its_memory_is_stopped(host: Any) -> None:
    code = """
        import time
        def handler(event, context):
            held = []
            for _ in range(event):
                held.append(bytearray(b"x") * (1 << 20))
                time.sleep(0.001)
            return len(held)
    """
    spec = host.function(code)
    assert answer(host.invoke(spec, b"64")) == 64
    outcome = host.invoke(spec, b"256")
    assert outcome.status == "oom" and outcome.function_error == "Unhandled"
    assert answer(outcome)["errorType"] == "Runtime.OutOfMemory"
    assert answer(outcome)["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert b"Max Memory Used: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory" in outcome.log
    assert answer(host.invoke(spec, b"1")) == 1  # in a new environment


def test_the_memory_a_function_used_is_reported(host: Any) -> None:
    code = "def handler(event, context):\n    held = bytearray(b'x') * (event << 20)"
    spec = host.function(code, memory_mb=512)
    small, large = host.invoke(spec, b"1"), host.invoke(spec, b"200")
    assert small.memory_used_mb < 60
    if host.runtime.stats()["memory_by"] == "cgroup":
        assert 200 <= large.memory_used_mb < 280


@levels_that_claim("forks")
def test_a_child_that_outlives_the_call_is_frozen_and_dies_with_the_environment(host: Any) -> None:
    code = """
        import os, tempfile, time
        def handler(event, context):
            path = os.path.join(tempfile.gettempdir(), "heartbeat")
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True:
                        with open(path, "a") as file:
                            file.write(".")
                        time.sleep(0.001)
                os._exit(0)
            while not os.path.exists(path):
                time.sleep(0.001)
            return path
    """
    spec = host.function(code)
    path = answer(host.invoke(spec))
    instance = host.instance_of(spec)
    members = tree_of(instance.pid)
    assert len(members) >= 2  # the runtime and the orphan
    host.run(until(lambda: instance.frozen))
    beats = Path(f"/proc/{members[0]}/root{path}")
    first = settled_size(beats)
    time.sleep(0.1)
    assert beats.stat().st_size == first
    host.retire(spec)
    host.settle()
    assert not [pid for pid in members if is_running(pid)]


def settled_size(path: Path) -> int:
    """Freezing takes the kernel a moment; a child that is not frozen never settles."""
    size = -1
    for _ in range(100):
        size, before = path.stat().st_size, size
        if size == before:
            return size
        time.sleep(0.02)
    raise AssertionError("the child still runs")


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def tree_of(pid: int) -> list[int]:
    found = [pid]
    for member in found:
        for task in os.listdir(f"/proc/{member}/task"):
            found += [int(word) for word in Path(f"/proc/{member}/task/{task}/children").read_text().split()]
    return found[1:]


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@levels_that_claim("forks")
def test_a_function_that_forks_without_end_is_stopped_and_leaves_nothing(host: Any) -> None:
    code = """
        import os, time
        def handler(event, context):
            started = 0
            try:
                for _ in range(200):
                    if os.fork() == 0:
                        time.sleep(3600)
                    started += 1
            except OSError:
                pass
            time.sleep(3600)
    """
    spec = host.function(code, timeout_ms=1500)
    outcome = host.invoke(spec)
    assert outcome.status in ("timeout", "oom")
    host.settle()
    assert host.runtime.stats()["environments"] == len(host.runtime._instances)
    assert not leftovers(spec)


def leftovers(spec: Any) -> list[str]:
    """Processes that still carry the function's name in their environment."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and spec.function_name.encode() in Path(f"/proc/{name}/environ").read_bytes():
                found.append(name)
        except OSError:
            continue
    return found


@levels_that_claim("tmp")
def test_tmp_holds_as_much_as_was_configured_and_no_more(host: Any) -> None:
    code = """
        import os
        def handler(event, context):
            block, written = b"x" * (1 << 20), 0
            try:
                with open("/tmp/big", "wb", buffering=0) as file:
                    for _ in range(event):
                        written += file.write(block)
            except OSError as error:
                return [error.errno, written >> 20]
            return [0, written >> 20]
    """
    spec = host.function(code, tmp_mb=512, timeout_ms=20_000)
    outcome = host.invoke(spec, b"600")
    assert answer(outcome) == [28, 512]  # No space left on device
    assert outcome.memory_used_mb < 128  # /tmp is no memory of the function's
    assert answer(host.invoke(spec, b"100")) == [0, 100]  # opening it anew made room


@levels_that_claim("files")
@pytest.mark.parametrize("way", ["read", "write", "list"])
def test_the_data_directory_is_out_of_sight(host: Any, way: str) -> None:
    secret = host.work_dir / "data" / "node.key"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("the node's key")
    secret.chmod(0o644)
    code = f"""
        import os
        def handler(event, context):
            try:
                if "{way}" == "list":
                    return os.listdir("{secret.parent}")
                with open("{secret}", "{way[0]}") as file:
                    return file.read()
            except OSError as error:
                return type(error).__name__
    """
    assert answer(host.invoke(host.function(code))) in ("FileNotFoundError", "PermissionError")
    assert secret.read_text() == "the node's key"


@levels_that_claim("files")
def test_a_function_cannot_write_to_its_own_code_or_the_system(host: Any) -> None:
    code = """
        import os
        def handler(event, context):
            refused = []
            own = [os.environ["LAMBDA_TASK_ROOT"], os.environ["LAMBDA_RUNTIME_DIR"]]
            for place in [*own, "/usr", "/etc", "/", "/proc/sys/kernel"]:
                try:
                    with open(place + "/intruder", "w"):
                        pass
                except OSError:
                    refused.append(place)
            return len(refused)
    """
    assert answer(host.invoke(host.function(code))) == 6


@levels_that_claim("signals")
def test_a_function_cannot_signal_the_node(host: Any) -> None:
    code = """
        import os, signal
        def handler(event, context):
            found = []
            for pid in event:
                try:
                    os.kill(pid, 0)
                    found.append("reached")
                except OSError as error:
                    found.append(type(error).__name__)
            return found
    """
    node = os.getpid()
    zygote = host.runtime._zygote.pid
    outcome = host.invoke(host.function(code), json.dumps([node, zygote, os.getppid()]).encode())
    assert set(answer(outcome)) <= {"ProcessLookupError", "PermissionError"}


@levels_that_claim("signals")
def test_a_function_that_signals_everything_reaches_only_itself(host: Any) -> None:
    outcome = host.invoke(host.function("import os\ndef handler(event, context):\n    os.kill(-1, 15)\n    return 1"))
    assert outcome.payload  # we are still here, and so is the zygote
    assert host.runtime._zygote.alive


@levels_that_claim("signals")
def test_a_function_cannot_stop_its_init_or_look_into_it(host: Any) -> None:
    code = """
        import os, signal
        def handler(event, context):
            parent, found = os.getppid(), []
            for attempt in (lambda: os.kill(parent, signal.SIGKILL), lambda: open(f"/proc/{parent}/mem", "r+b").close(),
                            lambda: os.listdir(f"/proc/{parent}/root/")):
                try:
                    attempt()
                    found.append("done")
                except OSError:
                    found.append("refused")
            return [found, os.getppid() == parent]
    """
    found, same_parent = answer(host.invoke(host.function(code)))
    assert same_parent and found[1:] == ["refused", "refused"]


@levels_that_claim("network")
def test_the_machines_network_is_out_of_reach(host: Any) -> None:
    with host.neighbour() as port:
        code = f"""
            import socket
            def reach(address):
                try:
                    socket.create_connection(address, 1).close()
                    return "reached"
                except OSError as error:
                    return type(error).__name__
            def handler(event, context):
                with open("/proc/net/dev") as file:
                    names = sorted(line.split(":")[0].strip() for line in file if ":" in line)
                return [reach(("127.0.0.1", {port})), reach(("192.0.2.1", 80)), names]
        """
        assert answer(host.invoke(host.function(code))) == ["ConnectionRefusedError", "OSError", ["lo"]]


def test_a_function_may_be_given_the_machines_network(new_host: Any) -> None:
    host = new_host("auto", network="host")
    assert "network" not in host.runtime.claims
    with host.neighbour() as port:
        code = f"""
            import os, socket
            def handler(event, context):
                socket.create_connection(("127.0.0.1", {port}), 5).close()
                return os.environ["AWS_ENDPOINT_URL"]
        """
        assert answer(host.invoke(host.function(code))) == "http://127.0.0.1:4566"
    assert not host.listeners  # it comes to the node's own


def test_a_directory_to_hide_is_hidden_wherever_it_lies(new_host: Any) -> None:
    host = new_host("namespaces", hidden=(Path("/usr/share"),))
    code = """
        import os
        def handler(event, context):
            found = {}
            for place in ("/usr/share", "/.host", "/usr"):
                try:
                    found[place] = len(os.listdir(place))
                except PermissionError:
                    found[place] = "refused"
            return found
    """
    found = answer(host.invoke(host.function(code)))
    assert found["/usr/share"] == "refused" and found["/.host"] == 0 and found["/usr"] > 1


@levels_that_claim("network")
def test_the_aws_listener_of_an_environment_is_its_own(host: Any) -> None:
    code = """
        import socket
        def handler(event, context):
            with socket.create_connection(("127.0.0.1", 4566), 5) as connection:
                connection.sendall(event.encode())
                return connection.recv(100).decode()
    """
    spec = host.function(code)
    call = host.runtime.invoke(spec, host.invocation(spec, b'"who am I?"'))

    before = set(host.listeners)

    async def both() -> Any:
        task = asyncio.get_running_loop().create_task(call)
        while set(host.listeners) == before:
            await asyncio.sleep(0.001)
        (name,) = set(host.listeners) - before
        connection, _ = await asyncio.get_running_loop().sock_accept(host.listeners[name])
        with connection:
            connection.setblocking(False)
            said = await asyncio.get_running_loop().sock_recv(connection, 100)
            await asyncio.get_running_loop().sock_sendall(connection, said.upper())
        return name, await task

    name, outcome = host.run(both())
    assert answer(outcome) == "WHO AM I?" and name == host.instance_of(spec).id
    host.retire(spec)
    host.settle()
    assert name not in host.listeners


@levels_that_claim("files")
def test_a_function_reaches_no_socket_of_the_machine(host: Any) -> None:
    place = host.work_dir / "docker.sock"
    with (
        contextlib.closing(socket.socket(socket.AF_UNIX)) as server,
        contextlib.closing(socket.socket(socket.AF_UNIX)) as hidden,
    ):
        server.bind(str(place))
        place.chmod(0o777)
        hidden.bind(f"\0cloudlet-test-{os.getpid()}")
        server.listen()
        hidden.listen()
        code = f"""
            import socket
            def reach(family, address):
                try:
                    with socket.socket(family) as s:
                        s.connect(address)
                    return "reached"
                except OSError:
                    return "refused"
            def handler(event, context):
                unix = socket.AF_UNIX
                a, b = socket.socketpair()  # its own are its own
                a.sendall(b"x")
                assert b.recv(1) == b"x"
                hidden = "\\0cloudlet-test-{os.getpid()}"
                return [reach(unix, "{place}"), reach(unix, hidden), reach(socket.AF_VSOCK, (2, 1))]
        """
        assert answer(host.invoke(host.function(code))) == ["refused"] * 3
    place.unlink()


REFUSED_CALLS = {
    "mount": "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)",
    "umount of the masks": "libc.umount2(b'/proc', 2)",
    "a user namespace": "libc.unshare(0x10000000)",
    "a user namespace by clone": "libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "clone3": "libc.syscall(435, 0, 0)",
    "ptrace": "libc.ptrace(0, 0, 0, 0)",
    "bpf": "libc.syscall(321, 0, 0, 0)",
    "keyctl": "libc.syscall(250, 0, 0, 0)",
    "add_key": "libc.syscall(248, b'user', b'x', b'y', 1, -3)",
    "request_key": "libc.syscall(249, b'user', b'x', None, 0)",
    "process_vm_readv": "libc.syscall(310, 1, None, 0, None, 0, 0)",
    "pidfd_getfd": "libc.syscall(438, 0, 0, 0)",
    "setns": "libc.setns(0, 0)",
    "a new root by pivot_root": "libc.syscall(155, b'/tmp', b'/tmp')",
    "a module": "libc.syscall(313, 0, b'', 0)",
    "io_uring": "libc.syscall(425, 1, ctypes.create_string_buffer(120))",
    "userfaultfd": "libc.syscall(323, 0)",
    "perf_event_open": "libc.syscall(298, 0, 0, -1, -1, 0)",
    "chroot": "libc.chroot(b'/tmp')",
    "sethostname": "libc.sethostname(b'x', 1)",
    "open_by_handle_at": "libc.syscall(304, 3, 0, 0)",
    "setuid to root": "libc.setuid(0)",
}


@levels_that_claim("files")
@pytest.mark.parametrize("what", REFUSED_CALLS)
def test_a_function_cannot_call(host: Any, what: str) -> None:
    if what == "setuid to root" and host.runtime.level == "landlock":
        return  # it stays the node's user there, without any capability
    code = f"""
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        def handler(event, context):
            result = {REFUSED_CALLS[what]}
            return [result, ctypes.get_errno()]
    """
    result, error = answer(host.invoke(host.function(code)))
    assert result == -1 and error in (1, 22, 38)  # EPERM, EINVAL (no such user), ENOSYS


@levels_that_claim("files")
def test_a_function_has_no_capability_and_cannot_gain_one(host: Any) -> None:
    code = """
        def handler(event, context):
            with open("/proc/self/status") as file:
                facts = {name: value.strip() for name, _, value in (line.partition(":") for line in file)}
            return [facts["CapEff"], facts["CapPrm"], facts["CapBnd"], facts["NoNewPrivs"], facts["Seccomp"]]
    """
    none = "0000000000000000"
    found = answer(host.invoke(host.function(code)))
    assert found[:2] == [none, none] and found[3:] == ["1", "2"]
    assert found[2] == none or (os.geteuid() != 0 and host.runtime.level == "landlock")


@levels_that_claim("signals")
def test_a_function_finds_no_descriptor_of_ours(host: Any) -> None:
    code = (
        "import os\ndef handler(event, context):\n    return [os.readlink(f'/proc/self/fd/{n}') for n in range(3, 64) "
        "if os.path.lexists(f'/proc/self/fd/{n}')]"
    )
    found = answer(host.invoke(host.function(code)))
    assert [name.partition(":")[0] for name in found] == ["socket"]  # its own, to the Runtime API


def test_output_that_nobody_asked_for_does_not_stop_the_next_call(host: Any) -> None:
    code = """
        import sys, threading
        def handler(event, context):
            if event:
                threading.Thread(target=lambda: [print("x" * 1000) for _ in range(1000)], daemon=True).start()
            return event
    """
    spec = host.function(code)
    assert [answer(host.invoke(spec, payload)) for payload in (b"1", b"0", b"0")] == [1, 0, 0]
