"""Environments come, freeze, go; nothing of them stays behind, whoever dies first."""

import asyncio
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cloudlet.runtime import cgroups, environment, processes
from cloudlet.runtime.environment import NoCapacity

NUMBERED = "import os\ndef handler(event, context):\n    return event"


def answer(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def groups_left() -> list[str]:
    """Control groups of this process, in whatever hierarchy."""
    roots = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*")]
    mine = f"cloudlet-{os.getpid()}-*"
    return [str(path) for root in roots for path in root.glob(f"{mine}/*")]


def test_a_retired_function_starts_anew_with_its_new_code(host: Any) -> None:
    spec = host.function("def handler(event, context):\n    return 'old'")
    assert answer(host.invoke(spec)) == "old"
    (spec.code_dir / "app.py").write_text("def handler(event, context):\n    return 'new'")
    assert answer(host.invoke(spec)) == "old"
    host.retire(spec)
    assert answer(host.invoke(spec)) == "new"


def test_calls_at_the_same_time_have_an_environment_each(host: Any) -> None:
    spec = host.function("import time\ndef handler(event, context):\n    time.sleep(0.3)")
    before = host.runtime.stats()["cold_starts"]

    async def three() -> Any:
        return await asyncio.gather(*(host.runtime.invoke(spec, host.invocation(spec)) for _ in range(3)))

    outcomes = host.run(three())
    assert [outcome.status for outcome in outcomes] == ["ok"] * 3
    assert host.runtime.stats()["cold_starts"] == before + 3


def test_an_environment_stands_ready_for_whichever_function_is_called_next(host: Any) -> None:
    runtime = host.runtime
    for _ in range(2):
        host.run(until(lambda: runtime._ready is not None))
        ready, spec = runtime._ready, host.function(NUMBERED)
        host.run(until(lambda pid=ready.pid: len(processes.tree(pid)) == 1))  # the runtime to be waits already
        assert host.invoke(spec).status == "ok"
        assert host.instance_of(spec) is ready
        host.retire(spec)


def test_one_that_died_while_it_stood_ready_is_replaced(host: Any) -> None:
    host.run(until(lambda: host.runtime._ready is not None))
    ready = host.runtime._ready
    os.kill(ready.pid, signal.SIGKILL)
    spec = host.function(NUMBERED)
    assert host.invoke(spec).status == "ok"
    assert host.instance_of(spec) is not ready


def test_a_stopped_environment_leaves_no_process_group_or_directory(host: Any) -> None:
    spec = host.function(NUMBERED)
    host.invoke(spec)
    instance = host.instance_of(spec)
    pid, name = instance.pid, instance.id
    assert Path(f"/proc/{pid}").exists()
    host.retire(spec)
    host.settle()
    host.run(until(lambda: not Path(f"/proc/{pid}").exists()))  # its parent hears of it in its own time
    assert not [path for path in groups_left() if path.endswith("/" + name)]
    assert not (host.runtime.settings.work_dir / "environments" / name).exists()


def test_between_calls_nothing_of_a_function_runs(host: Any) -> None:
    code = """
        import threading, time
        beats = 0
        def beat():
            global beats
            while True:
                beats += 1
                time.sleep(0.001)
        threading.Thread(target=beat, daemon=True).start()
        def handler(event, context):
            return beats
    """
    spec = host.function(code)
    first = answer(host.invoke(spec))
    instance = host.instance_of(spec)
    host.run(until(lambda: instance.frozen))
    time.sleep(0.5)
    second = answer(host.invoke(spec))
    assert second - first < 150  # 500 of them had it run


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.002)


def test_an_environment_that_dies_in_its_sleep_costs_one_call(host: Any) -> None:
    spec = host.function(NUMBERED)
    host.invoke(spec, b"1")
    instance = host.instance_of(spec)
    os.kill(instance.pid, signal.SIGKILL)
    host.run(until(lambda: instance.exited))
    outcome = host.invoke(spec, b"2")
    if outcome.function_error is not None:
        assert answer(outcome)["errorType"] == "Runtime.ExitError"
    assert answer(host.invoke(spec, b"3")) == 3


def test_when_the_zygote_dies_the_next_start_makes_another(host: Any) -> None:
    spec = host.function(NUMBERED)
    host.invoke(spec, b"1")
    os.kill(host.runtime._zygote.pid, signal.SIGKILL)
    host.run(until(lambda: not host.runtime._zygote.alive))
    other = host.function(NUMBERED)
    assert answer(host.invoke(other, b"2")) == 2


@pytest.mark.parametrize("level", ["namespaces", "landlock", "none"])
def test_what_a_killed_node_left_in_its_directory_is_no_obstacle(
    level: str, new_host: Any, open_directory: Path
) -> None:
    leftover = open_directory / "work" / "environments" / "env-1-1" / "tmp" / "old"
    leftover.mkdir(parents=True)
    host = new_host(level)
    assert answer(host.invoke(host.function(NUMBERED), b"5")) == 5
    assert not leftover.exists()


def test_at_the_limit_a_call_is_refused_and_idle_ones_make_room(best_host: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(best_host.runtime._pool, "environments_max", 1)
    slow = best_host.function("import time\ndef handler(event, context):\n    time.sleep(0.5)")
    quick = best_host.function(NUMBERED)

    async def both() -> None:
        task = asyncio.get_running_loop().create_task(best_host.runtime.invoke(slow, best_host.invocation(slow)))
        await asyncio.sleep(0.05)
        with pytest.raises(NoCapacity):
            await best_host.runtime.invoke(quick, best_host.invocation(quick))
        await task

    best_host.run(both())
    assert answer(best_host.invoke(quick, b"7")) == 7
    best_host.settle()
    assert best_host.runtime.stats()["environments"] == 1


def test_a_call_that_is_given_up_stops_its_environment(best_host: Any) -> None:
    spec = best_host.function("import time\ndef handler(event, context):\n    time.sleep(60)", timeout_ms=60_000)

    async def give_up() -> int:
        task = asyncio.get_running_loop().create_task(best_host.runtime.invoke(spec, best_host.invocation(spec)))
        while not any(getattr(one, "spec", None) is spec and one.pid for one in best_host.runtime._instances.values()):
            await asyncio.sleep(0.005)
        pid = best_host.instance_of(spec).pid
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return int(pid)

    pid = best_host.run(give_up())
    best_host.settle()
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("level", ["namespaces", "landlock", "none"])
def test_memory_is_limited_without_control_groups_too(level: str, new_host: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(environment.cgroups, "discover", cgroups.Cgroups)
    host = new_host(level)
    assert host.runtime.stats()["memory_by"] == "polling" and host.runtime.stats()["freeze_by"] == "signals"
    code = """
        import os, subprocess, sys, time
        def handler(event, context):
            if os.fork() == 0:  # it is the tree that counts
                held = [bytearray(b"x") * (1 << 20) for _ in range(event)]
                time.sleep(3600)
            time.sleep(3600)
    """
    outcome = host.invoke(host.function(code), b"256")
    assert outcome.status == "oom" and answer(outcome)["errorType"] == "Runtime.OutOfMemory"


NODE = """
import asyncio, json, sys, time
from pathlib import Path
from cloudlet.runtime.environment import Credentials, FunctionSpec, Invocation, Runtime, RuntimeSettings

async def nothing(*_): pass

async def main():
    work, level = Path(sys.argv[1]), sys.argv[2]
    runtime = Runtime(RuntimeSettings(work / "work", level=level), nothing, nothing)
    await runtime.start()
    async def call(name):
        spec = FunctionSpec(name, name, "1", "python3.11", f"{name}.handler", work / "code", timeout_ms=60_000)
        credentials = Credentials("a", "b", "c", time.time_ns() // 1_000_000 + 10**7)
        await runtime.invoke(spec, Invocation("r", b"{}", 0, None, name, "", credentials))
    await call("idle")
    busy = asyncio.create_task(call("busy"))
    await asyncio.sleep(0.3)
    print("ready", flush=True)
    await busy

asyncio.run(main())
"""


@pytest.mark.parametrize("level", ["namespaces", "landlock", "none"])
def test_a_node_that_is_killed_takes_every_environment_with_it(level: str, open_directory: Path) -> None:
    (open_directory / "code").mkdir()
    (open_directory / "code" / "idle.py").write_text("def handler(event, context): pass")
    forks = "import os, time\ndef handler(event, context):\n    os.fork()\n    time.sleep(3600)"
    (open_directory / "code" / "busy.py").write_text(forks)
    root = Path(environment.__file__).parents[2]
    node = subprocess.Popen(
        [sys.executable, "-c", NODE, str(open_directory), level], env={"PYTHONPATH": str(root)}, stdout=subprocess.PIPE
    )
    assert node.stdout is not None
    with node, node.stdout:
        if node.stdout.readline() != b"ready\n":
            pytest.fail(f"level {level} did not start")
        started = descendants(node.pid)
        assert len(started) >= 5  # the zygote, two inits, two runtimes, a forked child …
        node.kill()
        node.wait()
    deadline = time.monotonic() + 10
    while [pid for pid in started if alive(pid)] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [(pid, alive(pid)) for pid in started if alive(pid)]
    cgroups.discover().close()  # as the next node does
    assert not [path for path in Path("/sys/fs/cgroup").glob("**/cloudlet-*") if f"-{node.pid}-" in path.name]


def descendants(pid: int) -> list[int]:
    found = [pid]
    for member in found:
        for task in os.listdir(f"/proc/{member}/task"):
            found += [int(word) for word in Path(f"/proc/{member}/task/{task}/children").read_text().split()]
    return found[1:]


def alive(pid: int) -> str:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""
    return "" if "State:\tZ" in status else status.splitlines()[0]


def test_an_outcome_names_the_log_stream_of_the_environment_that_ran_it(best_host: Any) -> None:
    spec = best_host.function(NUMBERED)
    stream = best_host.invoke(spec).log_stream
    assert re.fullmatch(r"2026/01/01/\[\$LATEST\][0-9a-f]{32}", stream)
    later = dataclasses.replace(spec, log_stream_prefix="2026/01/02/[$LATEST]")
    assert best_host.invoke(later).log_stream == stream
    best_host.retire(spec)
    assert best_host.invoke(later).log_stream.startswith("2026/01/02/[$LATEST]")
